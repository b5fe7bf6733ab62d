//! The configuration: one struct per section, read once, handed down as values.
//!
//! [`Settings`] are what file and environment say; a configuration is made of them for a purpose
//! ([`Server`], [`Migrator`], ...), so that a migration job needs no key of Daily's. Whoever makes
//! one gets it whole, or [`Faults`] with everything that is wrong.

mod audit;
mod daily;
mod database;
mod fault;
mod http;
mod identity;
mod insights;
mod keys;
mod log;
mod purpose;
mod reader;
mod redis;
mod source;
mod storage;
mod telemetry;
mod webhooks;

pub use database::Database;
pub use fault::{Fault, Faults};
pub use http::Http;
pub use insights::Insights;
pub use keys::{KEYS, Key, table};
pub use log::{Format, Log};
pub use purpose::{
    Bootstrap, Legacy, Member, Migrator, Requeue, Rotation, Server, Signing, Storage, Tokens,
};
pub use reader::Profile;
pub use redis::Redis;
pub use source::{Environment, Settings};
pub use storage::StorageClient;
pub use telemetry::{Telemetry, pseudonym_keys};
pub use webhooks::Webhooks;
