//! Local stand-ins for the outside systems of the platform, each a real HTTP server on loopback:
//! [`daily`] plays the video provider Daily.co, [`receiver`] whoever receives webhooks, [`s3`] the
//! store of files, [`telemetry`] the Telemetry service.
//!
//! For tests (in-process, on a port of their own, with a clock that the test moves) and for
//! development (`cargo run -p restartix-sandbox -- daily --port N`). Every stand-in has control
//! endpoints under `/_sandbox/`: switches that make it fail on purpose, and the journal of all it
//! was asked. Nothing here is safe to expose: the listeners bind to 127.0.0.1 and nowhere else, the
//! Telemetry service's aside, which may be told another private address.
//!
//! Knows no domain, no organisation and no adapter: it is written from the vendors' pages alone,
//! so that it can contradict our adapters.
//!
//! Less obvious dependencies: `maud` for the room page, because its templates escape by
//! construction; `ureq` (on blocking threads) to post webhooks, because actix's own client brings
//! HTTP/2 into the whole build; `jsonwebtoken` because tokens must be judged by a library that is
//! not the code under test; `subtle` to compare keys and signatures in constant time; `s3s` to
//! speak S3's protocol and to verify its signatures, for the same reason, and `http`, whose types
//! are its own; `zstd`, the reference implementation, and `regex-lite` for the Telemetry service's
//! bodies and schemas.

pub mod daily;
pub mod receiver;
pub mod s3;
pub mod telemetry;

mod faults;
mod journal;
mod listener;
mod reply;

pub use faults::Faults;
pub use journal::{Direction, Entry};
