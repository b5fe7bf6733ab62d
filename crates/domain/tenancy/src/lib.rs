//! Organisations, roles, and [`Tenant`]: the proof of organisation that every port asks for.
//!
//! Knows nothing of tokens' formats, SQL or HTTP. Two services alone make a [`Tenant`]:
//! [`Authenticator`], from a verified token and what the [`Directory`] says of its subject, and
//! [`ClaimedRows`], for one durable row that the database ties to an organisation. A team that
//! embeds a domain crate brings its own [`Directory`].
//!
//! What cannot be done here, by construction: a [`Tenant`] is neither `Clone` nor `Deserialize`,
//! has no public constructor, and no conversion from a number or a text yields one.

mod access;
mod authenticator;
mod claimed;
mod client;
mod clinic;
#[cfg(feature = "conformance")]
pub mod conformance;
mod directory;
mod limits;
#[cfg(feature = "conformance")]
pub mod memory;
mod organisation;
mod role;
mod tenant;
mod token;

pub use access::Reach;
pub use authenticator::{AuthError, Authenticator, Caller, Principal, SwitchError};
pub use claimed::{ClaimError, ClaimSource, ClaimedRow, ClaimedRows, Found};
pub use client::{
    ApiClient, ApiClients, ClientDigest, ClientKey, ClientStanding, ClientTokens, MAX_CLIENTS,
    NoClients, Scope, ScopeError, Scopes,
};
pub use clinic::{
    Change, Enrolled, Enrolment, Memberships, Organisation, Organisations, People, Person,
    Personal, PersonalError, Policies, Region, RegionError, Version,
};
pub use directory::{Choice, CurrentMembership, Directory, DirectoryError, Membership, Standing};
pub use limits::{Bucket, ClassRates, Limited, Rate, RateClass, RateError, RateLimits, RatePolicy};
pub use organisation::{OrgId, OrgIdError};
pub use role::{Role, RoleError};
pub use tenant::{Actor, Tenant};
pub use token::{Session, Subject, SubjectError, TokenError, TokenVerifier, VerifiedToken};
