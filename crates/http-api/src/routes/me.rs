use restartix_telemetry::ResourceKind;
use restartix_tenancy::{Choice, OrgId, RateClass, Tenant};

use crate::input::Body;
use crate::wire::{MeView, SwitchBody};
use crate::{AuditClass, Declared, Kind, Problem, Reply, Route, SignedIn, Verb};

pub(super) fn routes() -> Vec<Route> {
    vec![
        Route::signed_in(
            Declared {
                operation: "me.get",
                method: Verb::Get,
                path: "/v1/me",
                summary: "Who you are and where you act.",
                audit: AuditClass::Exempt { why: "somebody's own ids; no health data" },
                rate: RateClass::Read,
            },
            get,
        ),
        Route::signed_in(
            Declared {
                operation: "me.switch_organization",
                method: Verb::Put,
                path: "/v1/me/current-organization",
                summary: "Choose the organisation in which you act.",
                audit: AuditClass::Change(ResourceKind::Organisation),
                rate: RateClass::Write,
            },
            switch,
        ),
    ]
}

async fn get(me: SignedIn<'_>, (): ()) -> Result<Reply<MeView>, Problem> {
    let memberships = me.api.authenticator.memberships(&me.principal).await?;
    Ok(Reply(MeView::new(&me.principal, &memberships)))
}

async fn switch(me: SignedIn<'_>, Body(body): Body<SwitchBody>) -> Result<Reply<MeView>, Problem> {
    let organisation = OrgId::try_from(body).map_err(|_| Kind::NOT_FOUND)?;
    let SignedIn { api, principal, act } = me;
    let choose = async |tenant: &Tenant, choice: Choice<'_>| {
        Ok::<_, Problem>(api.clinic.choose(tenant, act, choice).await?)
    };
    let principal = api.authenticator.switch(principal, organisation, choose).await?;
    let memberships = api.authenticator.memberships(&principal).await?;
    Ok(Reply(MeView::new(&principal, &memberships)))
}
