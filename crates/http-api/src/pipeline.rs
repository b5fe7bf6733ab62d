//! The way of every request: request id, bearer, principal, role, rate limit, input, handler,
//! audit, answer.

use std::panic::AssertUnwindSafe;
use std::time::{Duration, Instant};

use actix_web::http::{Method, header};
use actix_web::web::Payload;
use actix_web::{HttpRequest, HttpResponse};
use futures_util::FutureExt;
use futures_util::future::{Either, select, try_join_all};
use restartix_kernel::{AppointmentId, EventId, HoldId, PersonId, RequestId, Secret};
use restartix_telemetry::{Act, AuditEvent, Operation, Outcome, Resource, ResourceKind};
use restartix_tenancy::{Actor, Caller, Principal, RateClass, Tenant};
use restartix_workflows::{AnswerKey, Failure};

use crate::answer::{self, Told};
use crate::input::{Incoming, drain};
use crate::route::{Endpoint, Handler, SESSION_COOKIE};
use crate::{
    Api, AuditClass, Kind, Member, Open, Problem, Rendered, Roles, Route, RouteTable, SignedIn,
    once,
};

/// Answers a request for `route`.
pub(crate) async fn serve(
    api: &Api,
    table: &RouteTable,
    route: &Route,
    request: &HttpRequest,
    mut payload: Payload,
) -> HttpResponse {
    let started = api.clock.now();
    let id = RequestId::fresh(&*api.clock, &*api.random);
    let act = Act { operation: route.operation(), request: Some(id) };
    let call = Call { api, table, route, request, act: &act };
    let done = call.dispatch(&mut payload).await;
    let told = Told { operation: act.operation, request: id, started, refusal: route.refusal };
    finish(api, request, payload, told, done).await
}

/// Answers a request for which there is no route, or a browser's question which there are.
pub(crate) async fn nowhere(
    api: &Api,
    request: &HttpRequest,
    payload: Payload,
    kind: Kind,
    methods: &[Method],
) -> HttpResponse {
    let started = api.clock.now();
    let id = RequestId::fresh(&*api.clock, &*api.random);
    let told = Told { operation: Operation::new("none"), request: id, started, refusal: None };
    if request.method() == Method::OPTIONS && !methods.is_empty() {
        return answer::preflight(api, request, &told, methods);
    }
    let mut response = finish(api, request, payload, told, Err(kind.into())).await;
    let allowed = answer::list(methods);
    if let Some(allowed) = allowed.filter(|_| kind == Kind::METHOD_NOT_ALLOWED) {
        response.headers_mut().insert(header::ALLOW, allowed);
    }
    response
}

async fn finish(
    api: &Api,
    request: &HttpRequest,
    mut payload: Payload,
    told: Told,
    done: Result<Rendered, Problem>,
) -> HttpResponse {
    if done.is_err() {
        // Whether the client finished sending is its own affair by now.
        let _ = within(api, drain(&mut payload)).await;
    }
    answer::answer(api, request, &told, done)
}

/// What became of a piece of work that was given its time, and was kept from taking the
/// connection down with it.
async fn within<T>(api: &Api, work: impl Future<Output = T>) -> Result<T, Problem> {
    bounded(api, api.config.request_timeout, work).await
}

/// As [`within`], in a time of its own.
async fn bounded<T>(
    api: &Api,
    time: Duration,
    work: impl Future<Output = T>,
) -> Result<T, Problem> {
    // Nothing is shared with the work but the services, which no panic of one request leaves
    // half-changed: transactions roll back when they are dropped.
    let work = std::pin::pin!(AssertUnwindSafe(work).catch_unwind());
    match select(work, api.clock.sleep(time)).await {
        Either::Left((Ok(done), _)) => Ok(done),
        Either::Left((Err(_), _)) => {
            Err(Problem::from(Kind::INTERNAL).because("the handler panicked"))
        }
        Either::Right(((), _)) => Err(Kind::TIMEOUT.into()),
    }
}

/// Counts how long a part of the way takes, so that a slow answer can be traced to it.
async fn timed<T>(phase: &'static str, work: impl Future<Output = T>) -> T {
    let started = Instant::now();
    let done = work.await;
    metrics::histogram!("http_request_phase_seconds", "phase" => phase)
        .record(started.elapsed().as_secs_f64());
    done
}

/// What the audit calls it when somebody is answered as before: nothing was done again.
const REPEAT: Operation = Operation::new("answers.repeat");

struct Call<'a> {
    api: &'a Api,
    table: &'a RouteTable,
    route: &'a Route,
    request: &'a HttpRequest,
    act: &'a Act,
}

impl Call<'_> {
    async fn dispatch(&self, payload: &mut Payload) -> Result<Rendered, Problem> {
        let Self { api, table, request, act, .. } = *self;
        let body_limit = api.config.body_limit;
        let incoming = Incoming { request, payload, body_limit, read: None };
        match &self.route.handler {
            Handler::Open(handler) => {
                let open = Open { api, table, act, declared: &self.route.declared };
                within(api, handler.call(open, incoming)).await?
            }
            Handler::SignedIn(handler) => {
                let principal = self.principal().await?;
                let work = async {
                    if let Ok(tenant) = principal.tenant() {
                        self.limit(tenant).await?;
                    }
                    handler.call(SignedIn { api, principal, act }, incoming).await
                };
                let done = flat(within(api, work).await);
                self.keep_where_they_are(done).await
            }
            Handler::Member(roles, handler) => {
                let caller = self.caller().await?;
                let tenant = match &caller {
                    Caller::User(principal) => principal.tenant()?,
                    Caller::Client(tenant) => tenant,
                };
                self.as_member(*roles, &**handler, tenant, incoming).await
            }
            Handler::Page(roles, handler) => {
                let viewer = self.viewer().await?;
                self.as_member(*roles, &**handler, viewer.tenant()?, incoming).await
            }
        }
    }

    /// What this member is answered: nothing that the audit does not know.
    async fn as_member<'s>(
        &'s self,
        roles: Roles,
        handler: &'s dyn for<'a> Endpoint<Member<'a>>,
        tenant: &'s Tenant,
        incoming: Incoming<'s>,
    ) -> Result<Rendered, Problem> {
        let Self { api, act, .. } = *self;
        let work = async {
            self.limit(tenant).await?;
            self.check_role(tenant, roles)?;
            let member = Member { api, tenant, act };
            match self.key()? {
                Some(key) => once::serve(member, key, handler, incoming).await,
                None => handler.call(member, incoming).await,
            }
        };
        let done = flat(timed("service", bounded(api, self.time(), work)).await);
        #[cfg(feature = "mutants")]
        let done = crate::mutants::distorted(api, tenant, self.request, done).await;
        self.keep(tenant, done).await
    }

    /// How long the service may take, with its body.
    const fn time(&self) -> Duration {
        let config = &self.api.config;
        if self.route.streams { config.upload_timeout } else { config.request_timeout }
    }

    async fn caller(&self) -> Result<Caller, Problem> {
        #[cfg(feature = "mutants")]
        if let Some(principal) = crate::mutants::nobody(self.api, self.request) {
            return Ok(Caller::User(principal));
        }
        self.caller_of(bearer(self.request)).await
    }

    /// Who looks at a page: whoever the browser's cookie names as well.
    async fn viewer(&self) -> Result<Principal, Problem> {
        match self.caller_of(bearer(self.request).or_else(|| session(self.request))).await? {
            Caller::User(principal) => Ok(principal),
            Caller::Client(_) => Err(Kind::FORBIDDEN.into()),
        }
    }

    async fn caller_of(&self, token: Option<Secret>) -> Result<Caller, Problem> {
        let token = token.ok_or(Kind::UNAUTHENTICATED)?;
        let caller = self.api.authenticator.caller(&token);
        let caller = timed("principal", within(self.api, caller)).await??;
        #[cfg(feature = "mutants")]
        let caller = match caller {
            Caller::User(principal) => {
                Caller::User(crate::mutants::moved(self.api, self.request, principal))
            }
            client @ Caller::Client(_) => client,
        };
        Ok(caller)
    }

    /// Somebody who signed in; what is theirs is no program's.
    async fn principal(&self) -> Result<Principal, Problem> {
        match self.caller().await? {
            Caller::User(principal) => Ok(principal),
            Caller::Client(_) => Err(Kind::FORBIDDEN.into()),
        }
    }

    fn check_role(&self, tenant: &Tenant, roles: Roles) -> Result<(), Problem> {
        match tenant.actor() {
            Actor::User { role, .. } if roles.allow(role) => Ok(()),
            Actor::Client { scopes, .. }
                if self.route.scope.is_some_and(|scope| scopes.has(scope)) =>
            {
                Ok(())
            }
            _ => Err(Kind::FORBIDDEN.into()),
        }
    }

    /// Under which key it is to be done once, if under any.
    fn key(&self) -> Result<Option<AnswerKey>, Problem> {
        if self.route.once { once::key(self.request, self.act.operation) } else { Ok(None) }
    }

    async fn limit(&self, tenant: &Tenant) -> Result<(), Problem> {
        take(self.api, tenant, self.route.declared.rate).await
    }

    /// Keeps the trace of an act by which somebody may have changed where they act: it belongs to
    /// where they act after it.
    async fn keep_where_they_are(
        &self,
        done: Result<Rendered, Problem>,
    ) -> Result<Rendered, Problem> {
        if matches!(self.route.declared.audit, AuditClass::Exempt { .. }) {
            return done;
        }
        let principal = self.principal().await?;
        match principal.tenant() {
            Ok(tenant) => self.keep(tenant, done).await,
            Err(_) => done,
        }
    }

    /// Lets nothing out that the audit does not know.
    async fn keep(
        &self,
        tenant: &Tenant,
        done: Result<Rendered, Problem>,
    ) -> Result<Rendered, Problem> {
        let (kind, outcome) = match (self.route.declared.audit, &done) {
            (AuditClass::Exempt { .. }, _) => return done,
            // It was made before, and is seen again.
            (AuditClass::Change(kind), Ok(seen)) if seen.repeats => (kind, Outcome::Success),
            // Its line committed with it.
            (AuditClass::Change(_), Ok(_)) => return done,
            (AuditClass::Read(kind), Ok(_)) => (kind, Outcome::Success),
            (AuditClass::Read(kind) | AuditClass::Change(kind), Err(problem)) => {
                (kind, problem.outcome())
            }
        };
        let seen = done.as_ref().ok();
        // A line for each whose record was seen: of a list they commit together.
        let patients = seen.map(|seen| &seen.patients).into_iter().flatten().copied().map(Some);
        let nobody = seen.is_none_or(|seen| seen.patients.is_empty()).then_some(None);
        let lines = patients
            .chain(nobody)
            .map(|patient| append(self.api, tenant, self.event(kind, outcome, seen, patient)));
        try_join_all(lines).await?;
        done
    }

    fn event(
        &self,
        kind: ResourceKind,
        outcome: Outcome,
        seen: Option<&Rendered>,
        patient: Option<PersonId>,
    ) -> AuditEvent {
        let Self { api, act, .. } = *self;
        let named = self.request.match_info().get("id").filter(|text| is_public_id(text));
        let own = seen.and_then(|seen| seen.resource.clone());
        #[cfg(feature = "mutants")]
        let own = own.or_else(crate::mutants::named);
        let mut act = *act;
        if seen.is_some_and(|seen| seen.repeats) {
            act.operation = REPEAT;
        }
        AuditEvent {
            id: EventId::fresh(&*api.clock, &*api.random),
            occurred_at: api.clock.now(),
            act,
            resource: Resource { kind, id: own.or_else(|| named.map(str::to_owned)) },
            patient,
            outcome,
        }
    }
}

async fn take(api: &Api, tenant: &Tenant, class: RateClass) -> Result<(), Problem> {
    let taken = api.limits.take(tenant, class).await;
    taken.map_err(|limited| Problem::from(Kind::RATE_LIMITED).retry_after(limited.retry_after))
}

async fn append(api: &Api, tenant: &Tenant, event: AuditEvent) -> Result<(), Problem> {
    match timed("audit", within(api, api.audit.append(tenant, event))).await {
        Ok(kept) => Ok(kept?),
        Err(problem) => {
            let cause = problem.kind().code;
            Err(Problem::from(Kind::AUDIT_UNAVAILABLE).because(cause))
        }
    }
}

impl Open<'_> {
    /// Does `work` as the member whom something other than a token proved, on the thing of this id:
    /// within their rate limit, and with a line in the audit where it is refused or fails.
    pub async fn as_member<T>(
        &self,
        tenant: &Tenant,
        id: impl std::fmt::Display,
        work: impl Future<Output = Result<T, Failure>>,
    ) -> Result<T, Problem> {
        let Self { api, act, declared, .. } = *self;
        let done = match take(api, tenant, declared.rate).await {
            Ok(()) => work.await.map_err(Problem::from),
            Err(limited) => Err(limited),
        };
        if let (Err(problem), AuditClass::Read(kind) | AuditClass::Change(kind)) =
            (&done, declared.audit)
        {
            let event = AuditEvent {
                id: EventId::fresh(&*api.clock, &*api.random),
                occurred_at: api.clock.now(),
                act: *act,
                resource: Resource::one(kind, id),
                patient: None,
                outcome: problem.outcome(),
            };
            append(api, tenant, event).await?;
        }
        done
    }
}

/// Whether a part of a path may stand in the audit: a text that is no id never does.
fn is_public_id(text: &str) -> bool {
    text.parse::<HoldId>().is_ok() || text.parse::<AppointmentId>().is_ok()
}

fn flat<T>(done: Result<Result<T, Problem>, Problem>) -> Result<T, Problem> {
    done.and_then(|done| done)
}

/// The text after `Bearer ` (RFC 6750, section 2.1; the scheme's case does not matter, RFC 9110,
/// section 11.1).
fn bearer(request: &HttpRequest) -> Option<Secret> {
    let header = request.headers().get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = header.split_once(' ')?;
    let token = token.trim();
    (scheme.eq_ignore_ascii_case("bearer") && !token.is_empty()).then(|| token.to_owned().into())
}

/// The token that a browser shows by its cookie.
fn session(request: &HttpRequest) -> Option<Secret> {
    let cookie = request.cookie(SESSION_COOKIE)?;
    (!cookie.value().is_empty()).then(|| cookie.value().to_owned().into())
}
