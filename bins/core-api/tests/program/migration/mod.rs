//! The program's migration: killed at any moment, and while the clinics work.

// `cfg(test)` tells clippy that helpers beside the tests are tests too.
#[cfg(test)]
mod kills;
#[cfg(test)]
mod live;
#[cfg(test)]
mod support;
