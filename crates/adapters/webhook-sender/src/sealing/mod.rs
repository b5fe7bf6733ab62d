//! Secrets at rest: sealed for one organisation, one endpoint and one purpose, and useless to any
//! other.

mod ring;
mod sealed;
#[cfg(test)]
mod tests;

pub use ring::{KeyRing, KeyRingError};
pub use sealed::{Binding, SealError};
