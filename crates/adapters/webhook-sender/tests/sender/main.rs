//! The sender against receivers on real sockets, most of them hostile, over TLS by a CA of the
//! test's own.

// `cfg(test)` tells clippy that helpers beside the tests are tests too.
#[cfg(test)]
mod egress;
#[cfg(test)]
mod hostile;
#[cfg(test)]
mod keep_alive;
#[cfg(test)]
mod support;
#[cfg(test)]
mod tls;
#[cfg(test)]
mod wire;
