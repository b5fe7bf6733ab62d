//! Careless handlers, for `verify-isolation --prove`: each is planted by a probe that must find it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use actix_web::HttpRequest;
use restartix_kernel::mutants::{overhear, overheard, planted};
use restartix_kernel::{PersonId, RandomExt, UserId};
use restartix_tenancy::{Actor, OrgId, Principal, Subject, Tenant};

use crate::wire::insight::InsightTable;
use crate::{Api, InsightQuery, Kind, Problem, Rendered, RouteTable, Sketch, openapi, wire};

/// Ids that somebody was shown, in whatever organisation: a cache that forgets whose they are.
static SEEN: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());

/// Insights by what was asked: a cache that forgets who asked.
static TOLD: Mutex<BTreeMap<String, InsightTable>> = Mutex::new(BTreeMap::new());

/// What is told of this insight, instead of `table`.
pub(crate) fn told(tenant: &Tenant, query: &InsightQuery, table: InsightTable) -> InsightTable {
    let mut told = TOLD.lock().unwrap_or_else(PoisonError::into_inner);
    if !planted("http-api.insights_of_whoever_asked_first") {
        told.clear();
        return table;
    }
    let role = match tenant.actor() {
        Actor::User { role, .. } => role.as_str(),
        Actor::Client { .. } | Actor::System => "",
    };
    let asked = format!("{} as {role}: {query:?}", table.definition);
    told.entry(asked).or_insert(table).clone()
}

/// Somebody for a request without a token.
pub(crate) fn nobody(api: &Api, request: &HttpRequest) -> Option<Principal> {
    let bearer = request.headers().contains_key("authorization");
    let organisation = OrgId::new(1).ok()?;
    let user = UserId::from_uuid(api.random.uuid_v4());
    (!bearer && planted("http-api.nobody_is_somebody"))
        .then(|| conjured(api, organisation, user))
        .flatten()
}

/// The principal, moved to the organisation that the query or a header names.
pub(crate) fn moved(api: &Api, request: &HttpRequest, principal: Principal) -> Principal {
    if !planted("http-api.organisation_from_the_request") {
        return principal;
    }
    let in_query = request.query_string().split('&').find_map(|pair| pair.strip_prefix("org_id="));
    let in_header = request.headers().get("x-org-id").and_then(|value| value.to_str().ok());
    let named = in_query.or(in_header).and_then(|text| OrgId::new(text.parse().ok()?).ok());
    let user = principal.user();
    named.and_then(|organisation| conjured(api, organisation, user)).unwrap_or(principal)
}

fn conjured(api: &Api, organisation: OrgId, user: UserId) -> Option<Principal> {
    let person = PersonId::from_uuid(api.random.uuid_v4());
    Some(Principal::conjured(organisation, user, person, Subject::new("conjured").ok()?))
}

/// What becomes of an answer about something that is known, but elsewhere.
pub(crate) async fn distorted(
    api: &Api,
    tenant: &Tenant,
    request: &HttpRequest,
    done: Result<Rendered, Problem>,
) -> Result<Rendered, Problem> {
    let named: Vec<_> = request.path().split('/').map(str::to_owned).collect();
    {
        let mut seen = SEEN.lock().unwrap_or_else(PoisonError::into_inner);
        if let Ok(rendered) = &done {
            let whole = rendered.body.whole();
            let made: Option<serde_json::Value> =
                whole.and_then(|body| serde_json::from_slice(body).ok());
            let id = made.as_ref().and_then(|made| made.get("id"));
            seen.extend(id.map(|id| id.to_string().trim_matches('"').to_owned()));
            return done;
        }
        if !named.iter().any(|part| part.len() > 8 && seen.contains(part)) {
            return done;
        }
    }
    let missing = matches!(&done, Err(problem) if problem.kind() == Kind::NOT_FOUND);
    if missing && planted("http-api.forbidden_for_what_others_have") {
        return Err(Kind::FORBIDDEN.into());
    }
    if missing && planted("http-api.another_statement_for_what_others_have") {
        api.clinic.organisation(tenant).await?;
    }
    if missing && planted("http-api.slower_for_what_others_have") {
        api.clock.sleep(Duration::from_millis(2)).await;
    }
    done
}

/// The contract as it is now: made anew, because a mutant adds to it.
pub(crate) fn contract(table: &RouteTable) -> utoipa::openapi::OpenApi {
    openapi::document(table.routes())
}

/// A parameter that no operation may take.
pub(crate) fn parameters(sketch: &mut Sketch) {
    if planted("http-api.operation_takes_an_organisation") {
        sketch.query("orgId", wire::schema::text());
    }
}

/// What a view was made of.
pub(crate) fn shown(display_name: &str) {
    overhear(display_name);
    if planted("http-api.name_in_the_log") {
        tracing::info!(name = display_name.to_lowercase(), "shown");
    }
}

/// A name in the place of an id, in the audit.
pub(crate) fn named() -> Option<String> {
    overheard().filter(|_| planted("http-api.name_in_the_audit"))
}
