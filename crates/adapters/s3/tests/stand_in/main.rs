//! The adapter against the stand-in for S3, over real sockets, each test with one of its own.

// `cfg(test)` tells clippy that helpers beside the tests are tests too.
#[cfg(test)]
mod bucket;
#[cfg(test)]
mod faults;
#[cfg(test)]
mod objects;
#[cfg(test)]
mod signed;
#[cfg(test)]
mod support;
#[cfg(test)]
mod victim;
