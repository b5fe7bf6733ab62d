//! Organisations, users, people, memberships.

mod clients;
mod directory;
mod memberships;
mod organisations;
mod people;
mod standings;

pub use clients::PgClients;
pub use directory::PgDirectory;
