//! What tests stand on: a PostgreSQL database per test, a Redis per test.
//!
//! Real servers, no mocks. `cargo xtask test` starts a private PostgreSQL cluster and names it in
//! `RESTARTIX_TEST_DATABASE_URL`; a Redis is so light that each test that needs one starts its own,
//! and may stop it to see what happens. Behind the feature `clamd`, a malware scanner that knows
//! one signature; behind `browser`, a headless Chromium per test; such
//! tests stand in a module called `browser`, by which `cargo xtask test` knows them.
//!
//! Why these crates: `fantoccini` speaks WebDriver and nothing more, so that a test reads as what a
//! person does in a page; it ships nowhere.

#[cfg(feature = "browser")]
pub mod browser;
#[cfg(feature = "clamd")]
mod clamd;
mod cluster;
mod cut_short;
mod database;
mod hooks;
mod migrated;
mod port;
mod redis;
mod trail;

#[cfg(feature = "clamd")]
pub use clamd::TestClamd;
pub use cluster::TestCluster;
pub use cut_short::cut_short;
pub use database::{TestDatabase, sql};
pub use hooks::{HookedClinics, change_that_tells, configure_worker};
pub use migrated::migrated_rows;
pub use port::free_port;
pub use redis::TestRedis;
pub use restartix_postgres::tls_connector;
pub use trail::audit_line;
