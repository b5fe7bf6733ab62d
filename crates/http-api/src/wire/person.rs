use restartix_kernel::PersonId;
use restartix_tenancy::{Person, Personal, Version};
use restartix_workflows::{Failure, NewPerson, PersonPatch};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Id, PersonKey, Zone, invalid, present};
use crate::View;

/// Somebody as the organisation knows them.
#[derive(Serialize, ToSchema)]
pub struct PersonView {
    id: PersonKey,
    display_name: String,
    #[schema(required = true)]
    email: Option<String>,
    timezone: Zone,
    version: i32,
}

/// Somebody new.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PersonBody {
    /// 1 to 200 characters.
    display_name: String,
    email: Option<String>,
    /// The organisation's unless given.
    timezone: Option<Zone>,
}

/// What is to be changed about somebody; what is absent stays.
#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct PersonPatchBody {
    #[serde(deserialize_with = "present")]
    #[schema(nullable = false)]
    display_name: Option<String>,
    /// `null` forgets it.
    #[serde(deserialize_with = "present")]
    #[schema(value_type = Option<String>)]
    email: Option<Option<String>>,
    #[serde(deserialize_with = "present")]
    #[schema(nullable = false)]
    timezone: Option<Zone>,
}

impl View for PersonView {
    fn version(&self) -> Option<Version> {
        Version::new(self.version)
    }

    fn patient(&self) -> Option<PersonId> {
        Some(self.id.0)
    }
}

impl From<Person> for PersonView {
    fn from(person: Person) -> Self {
        #[cfg(feature = "mutants")]
        crate::mutants::shown(person.display_name.expose());
        Self {
            id: Id(person.id),
            display_name: person.display_name.expose().to_owned(),
            email: person.email.map(|email| email.expose().to_owned()),
            timezone: Zone(person.timezone),
            version: person.version.get(),
        }
    }
}

fn name(text: &str) -> Result<Personal, Failure> {
    Personal::new(text).map_err(|_| invalid("/display_name", "invalid"))
}

fn email(text: &str) -> Result<Personal, Failure> {
    Personal::email(text).map_err(|_| invalid("/email", "invalid"))
}

impl TryFrom<PersonBody> for NewPerson {
    type Error = Failure;

    fn try_from(body: PersonBody) -> Result<Self, Failure> {
        Ok(Self {
            display_name: name(&body.display_name)?,
            email: body.email.as_deref().map(email).transpose()?,
            timezone: body.timezone.map(|Zone(zone)| zone),
        })
    }
}

impl TryFrom<PersonPatchBody> for PersonPatch {
    type Error = Failure;

    fn try_from(body: PersonPatchBody) -> Result<Self, Failure> {
        let new_email = match body.email {
            Some(Some(text)) => Some(Some(email(&text)?)),
            Some(None) => Some(None),
            None => None,
        };
        Ok(Self {
            display_name: body.display_name.as_deref().map(name).transpose()?,
            email: new_email,
            timezone: body.timezone.map(|Zone(zone)| zone),
        })
    }
}
