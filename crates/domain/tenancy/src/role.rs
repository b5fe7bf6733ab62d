use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// What a person is to an organisation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Sees their own appointments and files.
    Patient,
    /// Sees those of the patients they treat.
    Specialist,
    /// Sees the organisation.
    Admin,
}

/// The text names no role.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a role is patient, specialist or admin")]
pub struct RoleError;

impl Role {
    /// Every role.
    pub const ALL: [Self; 3] = [Self::Patient, Self::Specialist, Self::Admin];

    /// The role's name on the wire and in the database.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Patient => "patient",
            Self::Specialist => "specialist",
            Self::Admin => "admin",
        }
    }

    /// Whether this person works for the organisation.
    pub const fn is_staff(self) -> bool {
        matches!(self, Self::Specialist | Self::Admin)
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Role {
    type Err = RoleError;

    fn from_str(text: &str) -> Result<Self, RoleError> {
        Self::ALL.into_iter().find(|role| role.as_str() == text).ok_or(RoleError)
    }
}
