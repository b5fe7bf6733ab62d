use async_trait::async_trait;
use restartix_kernel::{AppointmentTypeId, Page, PageRequest, StoreError};
use restartix_tenancy::{Change, Version};

use crate::engine::Rules;
use crate::{Capacity, Reminders};

/// What an appointment type is called: trimmed, 1 to 120 characters, no control characters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TypeName(String);

/// The text cannot be the name of an appointment type.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a name is 1 to 120 characters without control characters")]
pub struct TypeNameError;

impl TypeName {
    /// The name `text`, when it is in bounds; white space around it is dropped.
    pub fn new(text: &str) -> Result<Self, TypeNameError> {
        let text = text.trim();
        let length = text.chars().count();
        if length == 0 || length > 120 || text.chars().any(char::is_control) {
            return Err(TypeNameError);
        }
        Ok(Self(text.to_owned()))
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A kind of appointment that an organisation offers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AppointmentType {
    /// Its id.
    pub id: AppointmentTypeId,
    /// What it is called.
    pub name: TypeName,
    /// What it demands of a slot.
    pub rules: Rules,
    /// How many patients come to one session.
    pub capacity: Capacity,
    /// How long before the start they are reminded.
    pub reminders: Reminders,
    /// By video, or in person.
    pub online: bool,
    /// Whether it may be recorded, with the patient's consent.
    pub recording: bool,
    /// Changes so far.
    pub version: Version,
}

/// The appointment types of one organisation, within one unit of work.
#[async_trait]
pub trait AppointmentTypes: Send {
    /// Those on offer, by id.
    async fn list(&mut self, page: &PageRequest) -> Result<Page<AppointmentType>, StoreError>;

    /// One on offer.
    async fn find(&mut self, id: AppointmentTypeId) -> Result<Option<AppointmentType>, StoreError>;

    /// Adds one.
    async fn add(&mut self, kind: &AppointmentType) -> Result<(), StoreError>;

    /// Keeps one as it is now; with `seen`, only when that is still the version kept.
    async fn update(
        &mut self,
        kind: &AppointmentType,
        seen: Option<Version>,
    ) -> Result<Change, StoreError>;

    /// Takes one off offer; its appointments stay.
    async fn retire(&mut self, id: AppointmentTypeId) -> Result<Change, StoreError>;
}
