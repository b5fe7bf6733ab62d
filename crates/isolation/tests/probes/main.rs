//! The probes over a real PostgreSQL: each is green where nothing is wrong, and red where its mutation is.

mod behaviour;
mod catalogue;
mod endpoints;
mod migrated;
