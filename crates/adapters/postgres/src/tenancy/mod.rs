//! Organisations, users, people, memberships.

mod directory;
mod memberships;
mod organisations;
mod people;

pub use directory::PgDirectory;
