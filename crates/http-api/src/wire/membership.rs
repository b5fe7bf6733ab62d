use restartix_tenancy::{Enrolment, Role, Subject, Version};
use restartix_workflows::{Failure, NewMember};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Id, MemberKey, PersonKey, invalid};
use crate::View;

/// What a person is to the organisation, and by which sign-in subject.
#[derive(Serialize, ToSchema)]
pub struct MemberView {
    id: MemberKey,
    person_id: PersonKey,
    /// As the identity provider knows them (`sub`).
    subject: String,
    /// `patient`, `specialist` or `admin`.
    role: &'static str,
    version: i32,
}

/// A membership to be.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct MemberBody {
    person_id: PersonKey,
    /// 1 to 255 visible ASCII characters.
    subject: String,
    #[schema(value_type = String)]
    role: Role,
}

/// What is to be changed about a membership.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct MemberPatchBody {
    /// `patient`, `specialist` or `admin`.
    #[schema(value_type = String)]
    pub(crate) role: Role,
}

impl View for MemberView {
    fn version(&self) -> Option<Version> {
        Version::new(self.version)
    }
}

impl From<Enrolment> for MemberView {
    fn from(enrolment: Enrolment) -> Self {
        let Enrolment { id, person, subject, role, version } = enrolment;
        Self {
            id: Id(id),
            person_id: Id(person),
            subject: subject.as_str().to_owned(),
            role: role.as_str(),
            version: version.get(),
        }
    }
}

impl TryFrom<MemberBody> for NewMember {
    type Error = Failure;

    fn try_from(body: MemberBody) -> Result<Self, Failure> {
        let subject = Subject::new(&body.subject).map_err(|_| invalid("/subject", "invalid"))?;
        Ok(Self { person: body.person_id.0, subject, role: body.role })
    }
}
