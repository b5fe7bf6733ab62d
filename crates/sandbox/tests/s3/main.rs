//! S3's stand-in over real sockets, each test with one of its own, asked by a signer of its own.

// `cfg(test)` tells clippy that helpers beside the tests are tests too.
#[cfg(test)]
mod command;
#[cfg(test)]
mod forms;
#[cfg(test)]
mod multipart;
#[cfg(test)]
mod objects;
#[cfg(test)]
mod policy;
#[cfg(test)]
mod signatures;
#[cfg(test)]
mod support;
