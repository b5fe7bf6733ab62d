//! The Telemetry service over real sockets, each test with one and a clock of its own.

// `cfg(test)` tells clippy that helpers beside the tests are tests too.
#[cfg(test)]
mod command;
#[cfg(test)]
mod ingest;
#[cfg(test)]
mod support;
