//! Organisations, users, people, memberships.

mod clients;
mod directory;
mod memberships;
mod organisations;
mod people;
mod standings;

pub use clients::PgClients;
pub use directory::PgDirectory;
pub(crate) use people::{memberships_in, open_care};
