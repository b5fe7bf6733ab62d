//! Secrets at rest: sealed for one organisation, one thing and one purpose, and useless to any
//! other.
//!
//! [`Sealer`] is what others ask through their ports: the signing secrets of webhook endpoints, and
//! the answers that are kept for clients who ask again. Knows nothing of HTTP, SQL or where the keys
//! come from; a key is never printed. What is sealed for one organisation, thing, purpose and version
//! opens for no other; keys are changed by adding one to the [`KeyRing`].
//!
//! Why these crates: `chacha20poly1305` with its long nonce, because nonces are drawn at random by
//! many processes; `zeroize`, so that a key that was read does not stay in memory twice.

mod port;
mod ring;
mod sealed;
#[cfg(test)]
mod tests;

pub use port::Sealer;
pub use ring::{KeyRing, KeyRingError};
pub use sealed::{Binding, SealError};
