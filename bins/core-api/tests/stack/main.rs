//! The whole stack, as it is shipped: the server as a process, real PostgreSQL, real Redis, the
//! stand-in for Daily.co on a real socket; stopped, killed and lied to.

#![expect(clippy::indexing_slicing, reason = "tests fail by panicking, and JSON is indexed")]

mod audit;
mod booking;
mod calls;
mod client;
mod hostile;
mod outage;
mod support;
mod transitions;
mod walls;
mod webhooks;
