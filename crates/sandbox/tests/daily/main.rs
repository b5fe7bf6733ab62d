//! Daily's stand-in over real sockets, each test with a stand-in and a clock of its own.

// `cfg(test)` tells clippy that helpers beside the tests are tests too.
#[cfg(test)]
mod command;
#[cfg(test)]
mod events;
#[cfg(test)]
mod faults;
#[cfg(test)]
mod fixtures;
#[cfg(test)]
mod join;
#[cfg(test)]
mod limits;
#[cfg(test)]
mod recordings;
#[cfg(test)]
mod rooms;
#[cfg(test)]
mod support;
#[cfg(test)]
mod tokens;
