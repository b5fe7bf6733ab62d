//! The receiver of webhooks over real sockets, each test with one and a clock of its own.

// `cfg(test)` tells clippy that helpers beside the tests are tests too.
#[cfg(test)]
mod command;
#[cfg(test)]
mod deliveries;
#[cfg(test)]
mod failures;
#[cfg(test)]
mod support;
