use restartix_tenancy::{Actor, Membership, OrgId, OrgIdError, Principal};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Id, UserKey};
use crate::View;

/// Who signed in, and where they act.
#[derive(Debug, Serialize, ToSchema)]
pub struct MeView {
    user_id: UserKey,
    /// Where they act now; `null` when nowhere.
    #[schema(required = true)]
    organization_id: Option<i64>,
    /// What they are there: `patient`, `specialist` or `admin`.
    #[schema(required = true)]
    role: Option<&'static str>,
    /// Where they may act.
    memberships: Vec<MembershipOfMe>,
}

/// One of the caller's memberships.
#[derive(Debug, Serialize, ToSchema)]
pub struct MembershipOfMe {
    organization_id: i64,
    /// `patient`, `specialist` or `admin`.
    role: &'static str,
}

impl View for MeView {}

impl MeView {
    /// The view of `principal`, who may choose among `memberships`.
    pub(crate) fn new(principal: &Principal, memberships: &[Membership]) -> Self {
        let tenant = principal.tenant().ok();
        let role = tenant.and_then(|tenant| match tenant.actor() {
            Actor::User { role, .. } => Some(role.as_str()),
            Actor::Client { .. } | Actor::System => None,
        });
        Self {
            user_id: Id(principal.user()),
            organization_id: tenant.map(|tenant| tenant.organisation().get()),
            role,
            memberships: memberships.iter().map(Into::into).collect(),
        }
    }
}

impl From<&Membership> for MembershipOfMe {
    fn from(membership: &Membership) -> Self {
        let Membership { organisation, role, .. } = *membership;
        Self { organization_id: organisation.get(), role: role.as_str() }
    }
}

/// Where the caller wants to act: the one place where a request names an organisation.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SwitchBody {
    #[schema(minimum = 1)]
    organization_id: i64,
}

impl TryFrom<SwitchBody> for OrgId {
    type Error = OrgIdError;

    fn try_from(body: SwitchBody) -> Result<Self, OrgIdError> {
        Self::new(body.organization_id)
    }
}
