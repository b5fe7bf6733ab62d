//! The server, assembled: reads the configuration, builds the adapters, serves, runs the workers.
//!
//! The only product crate that names both sides: adapters here, domains and services there. It
//! adds no rule of the business. A library beside the program `core-api`, so that a test can have
//! the same server in its own process: [`assemble`], then [`listen`] and [`keep_all_working`].
//!
//! How to add an adapter: its section in [`config`], its construction in `assemble.rs`, its state
//! in `readiness.rs`.
//!
//! Why these crates: `figment` merges file and environment, and nothing else of it is used, because
//! its own errors stop at the first fault and quote values; `metrics-exporter-prometheus` renders
//! what the facade `metrics` counted and opens no port of its own; `indicatif` draws progress where a
//! terminal watches, and nothing where none does; `rustix` asks the system for open files without a line of
//! `unsafe`; `anyhow` because whoever started
//! a program can only read what went wrong.

mod assemble;
#[cfg(feature = "s3-aws-sdk")]
mod aws_sdk;
pub mod cli;
mod command;
pub mod config;
mod evidence;
mod legacy;
mod logging;
mod metrics;
mod operate;
mod readiness;
mod run;
mod scanner;
mod serve;
mod storage;
mod telemetry;
mod webhooks;
mod work;

pub use assemble::{App, assemble};
pub use cli::Cli;
pub use command::execute;
pub use legacy::Unsafe;
pub use metrics::Metrics;
pub use readiness::Readiness;
pub use serve::{Listening, listen};
pub use work::{keep_all_working, keep_working};
