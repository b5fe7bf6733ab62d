pub use secrecy::ExposeSecret;

/// A text that cannot be printed by accident: `Debug` is opaque and memory is wiped on drop.
///
/// Reading it is an act that a reviewer can search for: [`ExposeSecret::expose_secret`].
pub type Secret = secrecy::SecretString;
