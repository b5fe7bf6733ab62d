use std::fmt;

use serde::Serialize;

/// The id of an organisation (a clinic): a positive integer.
///
/// An id is a name, not a proof: what acts inside an organisation takes a [`Tenant`].
///
/// [`Tenant`]: crate::Tenant
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct OrgId(i64);

/// The number is not the id of an organisation: ids are positive.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an organisation's id is a positive integer")]
pub struct OrgIdError;

impl OrgId {
    /// The id `value`, when it is positive.
    pub const fn new(value: i64) -> Result<Self, OrgIdError> {
        if value > 0 { Ok(Self(value)) } else { Err(OrgIdError) }
    }

    /// The id as it stands in the database.
    pub const fn get(self) -> i64 {
        self.0
    }
}

impl fmt::Display for OrgId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for OrgId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "OrgId({})", self.0)
    }
}
