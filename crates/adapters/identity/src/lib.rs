//! Who signed in: [`Verifier`] implements the port [`TokenVerifier`] over JSON Web Tokens
//! (RFC 7519), signed with a shared secret (HS256) or with published keys (RS256, ES256, EdDSA).
//!
//! Knows no user, no organisation and no role: a token proves a subject and a session.
//!
//! # What is accepted
//! - A key admits one algorithm, that of its own kind; the token's header only chooses among keys.
//!   So neither `none` nor a public key misused as a shared secret is ever tried.
//! - `sub` and `exp` are required, `nbf` is honoured, with 30 s of leeway on the injected clock.
//! - `iss` and `aud` must be the configured ones. A token with an audience is refused when none is
//!   configured: it was meant for somebody else (RFC 7519, section 4.1.3).
//! - A token is at most 8 KiB.
//!
//! Published keys are fetched when they are first needed, again when they are older than ten
//! minutes or a token names an unknown key, and then at most once a minute. While they cannot be
//! fetched the known ones serve, for at most a day.
//!
//! Less obvious dependencies: `jsonwebtoken` with the RustCrypto implementations, because it reads
//! JWKs and pins a key to its family; its checks of time are off, because it asks the system's
//! clock. `ureq` on a blocking thread for the one small download. `rustls` by name, to hand it
//! *ring* explicitly.
//!
//! [`TokenVerifier`]: restartix_tenancy::TokenVerifier

mod claims;
mod config;
mod development;
mod error;
mod key;
mod key_set;
mod published;
mod source;
mod verifier;

pub use config::{Config, ConfigError, Expected, KeySource};
pub use development::{DevelopmentToken, sign_development_token};
pub use error::KeysError;
pub use verifier::Verifier;
