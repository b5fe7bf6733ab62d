//! What an organisation keeps of itself and of its people.

use std::fmt;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use restartix_kernel::{MembershipId, Page, PageRequest, PersonId, StoreError, UserId};

use crate::{Choice, OrgId, Reach, Role, Subject};

/// A text about somebody: trimmed, 1 to 200 characters, no control characters. It is never printed.
#[derive(Clone, PartialEq, Eq)]
pub struct Personal(String);

/// The text cannot be kept about somebody.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be 1 to 200 characters without control characters")]
pub struct PersonalError;

impl Personal {
    /// The text, when it is in bounds; white space around it is dropped.
    pub fn new(text: &str) -> Result<Self, PersonalError> {
        let text = text.trim();
        let length = text.chars().count();
        if length == 0 || length > 200 || text.chars().any(char::is_control) {
            return Err(PersonalError);
        }
        Ok(Self(text.to_owned()))
    }

    /// An e-mail address: as [`Personal::new`], with one `@` between two parts and no white space.
    pub fn email(text: &str) -> Result<Self, PersonalError> {
        let address = Self::new(text)?;
        let parts: Vec<_> = address.0.split('@').collect();
        let whole = matches!(parts.as_slice(), [local, domain] if !local.is_empty() && domain.contains('.'));
        if !whole || address.0.contains(char::is_whitespace) {
            return Err(PersonalError);
        }
        Ok(address)
    }

    /// The text: for the database and for whoever may see the person.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Personal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Personal(..)")
    }
}

/// How often a shared object was changed, from 1: what an `ETag` carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version(i32);

impl Version {
    /// A new object's version.
    pub const FIRST: Self = Self(1);

    /// The version `value`, when it is positive.
    pub const fn new(value: i32) -> Option<Self> {
        if value > 0 { Some(Self(value)) } else { None }
    }

    /// The version as it stands in the database.
    pub const fn get(self) -> i32 {
        self.0
    }

    /// The version after one more change.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }
}

/// How a change of a shared object ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// Done.
    Made,
    /// There is no such object.
    Absent,
    /// Somebody changed it after the version that the caller has seen.
    Stale,
}

/// Somebody as an organisation knows them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Person {
    /// Their id, in this organisation alone.
    pub id: PersonId,
    /// What they are called.
    pub display_name: Personal,
    /// Where to write to.
    pub email: Option<Personal>,
    /// Where they live, as far as clocks are concerned.
    pub timezone: Tz,
    /// Changes so far.
    pub version: Version,
}

/// The people of one organisation, within one unit of work.
#[async_trait]
pub trait People: Send {
    /// Those within `reach`, by id.
    async fn list(&mut self, reach: Reach, page: &PageRequest) -> Result<Page<Person>, StoreError>;

    /// One of those within `reach`.
    async fn find(&mut self, reach: Reach, id: PersonId) -> Result<Option<Person>, StoreError>;

    /// Adds somebody new.
    async fn add(&mut self, person: &Person) -> Result<(), StoreError>;

    /// Keeps `person` as they are now; with `seen`, only when that is still the version kept.
    async fn update(
        &mut self,
        person: &Person,
        seen: Option<Version>,
    ) -> Result<Change, StoreError>;

    /// Whether the person has an active membership with `role`.
    async fn has_role(&mut self, id: PersonId, role: Role) -> Result<bool, StoreError>;
}

/// The tie between a sign-in subject and a person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Enrolment {
    /// Its id.
    pub id: MembershipId,
    /// Who, as the organisation knows them.
    pub person: PersonId,
    /// Who, as the identity provider knows them.
    pub subject: Subject,
    /// What they are to the organisation.
    pub role: Role,
    /// Changes so far.
    pub version: Version,
}

/// How an enrolment ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Enrolled {
    /// Done.
    Made,
    /// The subject, or the person, has a membership in this organisation already.
    AlreadyMember,
    /// There is no such person.
    NoSuchPerson,
}

/// The memberships of one organisation, within one unit of work.
#[async_trait]
pub trait Memberships: Send {
    /// Those that are active, by id.
    async fn list(&mut self, page: &PageRequest) -> Result<Page<Enrolment>, StoreError>;

    /// One that is active.
    async fn find(&mut self, id: MembershipId) -> Result<Option<Enrolment>, StoreError>;

    /// Adds one. A subject that was not known anywhere becomes the user `fresh`. A person who
    /// becomes a specialist gets a calendar without hours.
    async fn add(&mut self, enrolment: &Enrolment, fresh: UserId) -> Result<Enrolled, StoreError>;

    /// Changes what the person is to the organisation; with `seen` as [`People::update`].
    async fn set_role(
        &mut self,
        id: MembershipId,
        role: Role,
        seen: Option<Version>,
    ) -> Result<Change, StoreError>;

    /// Ends one, at once.
    async fn end(&mut self, id: MembershipId) -> Result<Change, StoreError>;

    /// Makes this organisation the current one by `choice`. `false`, and nothing changed, when the
    /// user is no active member of it or it is suspended.
    async fn choose(&mut self, choice: Choice<'_>, at: DateTime<Utc>) -> Result<bool, StoreError>;
}

/// An organisation and its settings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Organisation {
    /// Its id.
    pub id: OrgId,
    /// What it is called.
    pub name: String,
    /// Where it is, as far as clocks are concerned.
    pub timezone: Tz,
    /// How long before its start a video room opens: 0 to 1,440 minutes.
    pub lead_minutes: u16,
    /// How long after its end a video room stays open: 0 to 1,440 minutes.
    pub grace_minutes: u16,
    /// Where its calls are carried; `None`: wherever the platform's account says.
    pub video_region: Option<Region>,
    /// What it has chosen for its patients and visits.
    pub policies: Policies,
    /// Changes so far.
    pub version: Version,
}

/// Where the servers are that carry calls, as `eu-central-1`: 1 to 32 characters of a-z, 0-9 and -.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Region(String);

/// The text is no region.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the region must be 1 to 32 characters of a-z, 0-9 and -")]
pub struct RegionError;

impl Region {
    /// The region `text`.
    ///
    /// # Errors
    /// [`RegionError`] when it is not spelt as one.
    pub fn new(text: &str) -> Result<Self, RegionError> {
        let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
        if !(1..=32).contains(&text.len()) || !text.bytes().all(plain) {
            return Err(RegionError);
        }
        Ok(Self(text.to_owned()))
    }

    /// As it is written.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// What an organisation has chosen for its patients and visits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Policies {
    /// Appointments to come that a patient may have at once: 1 to 100.
    pub max_open_appointments: u16,
    /// Whether an appointment by video is under way once patient and specialist have come.
    pub start_on_arrival: bool,
}

/// The organisation of a unit of work.
#[async_trait]
pub trait Organisations: Send {
    /// Keeps others from changing who administers the organisation until the unit of work ends.
    async fn lock(&mut self) -> Result<(), StoreError>;

    /// The organisation for which the unit of work was begun.
    async fn own(&mut self) -> Result<Organisation, StoreError>;

    /// Keeps its settings as they are now; with `seen` as [`People::update`].
    async fn update(
        &mut self,
        organisation: &Organisation,
        seen: Option<Version>,
    ) -> Result<Change, StoreError>;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_region_is_spelt_plainly() {
        assert_eq!(Region::new("eu-central-1").unwrap().as_str(), "eu-central-1");
        for bad in ["", "EU", "eu central", "eu/1", &"x".repeat(33)] {
            assert_eq!(Region::new(bad), Err(RegionError), "{bad}");
        }
    }

    #[test]
    fn what_is_kept_about_somebody_is_bounded_and_not_printed() {
        assert_eq!(Personal::new("  Ana Pop ").unwrap().expose(), "Ana Pop");
        for bad in ["", "   ", "a\nb", "a\0", &"x".repeat(201)] {
            assert!(Personal::new(bad).is_err(), "{bad:?}");
        }
        assert_eq!(format!("{:?}", Personal::new("Ana").unwrap()), "Personal(..)");
        assert!(Personal::email("ana@clinic.example").is_ok());
        for bad in ["ana", "@x.y", "a@b", "a@b@c.d", "a b@c.d"] {
            assert!(Personal::email(bad).is_err(), "{bad:?}");
        }
    }
}
