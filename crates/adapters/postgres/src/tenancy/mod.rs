//! Organisations, users, people, memberships.

mod directory;
mod memberships;
mod organisations;
mod people;
mod standings;

pub use directory::PgDirectory;
