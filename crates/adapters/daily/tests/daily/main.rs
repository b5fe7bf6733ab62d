//! Daily.co over real sockets: the adapter at the stand-in.

#![expect(clippy::unwrap_used, reason = "tests fail by panicking")]

mod account;
mod recordings;
mod stand_in;
mod support;
