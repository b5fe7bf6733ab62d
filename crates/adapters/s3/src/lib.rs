//! Files in one S3 bucket, over `rusoto_s3` 0.48. Knows nothing of files' lives, SQL or our own
//! HTTP API: who may have what has been decided before it is asked.
//!
//! # How it behaves
//! - Every URL is signed for one key and one purpose: an upload's for exactly one body (length,
//!   type, SHA-256, encryption), a download's for one version and one way to present it. Time is
//!   an argument, the day's signing key is derived once.
//! - Every request goes to the configured bucket, whatever rusoto thinks of the host, and nowhere
//!   else: no redirects, no proxy, nothing from the environment.
//! - Each call is bounded: connecting, silence, the whole, and the bytes of an answer. What may be
//!   repeated is, after 429, 5xx and broken connections, with random pauses. Bodies are streamed
//!   in constant memory and never sent twice.
//! - A header's byte above 0x7f is a character, not a panic.
//! - Nothing it logs holds a key, a token or a URL.
//! - It is the port `ObjectStore` of `restartix-storage`, and passes its conformance suite.
//! - [`Bucket`] sets and checks what S3 itself refuses, and tries.
//!
//! # What of rusoto is used, and what is not
//! Its types, serialisation and XML. Not its presigner (signs neither length nor type, reads the
//! wall clock), nor its `HttpClient` (panics, waits for ever, never tries again), nor its
//! credentials of instances (IMDSv1): [`CredentialSource`] and this crate's own dispatcher and
//! signer stand in their place. rusoto is no longer maintained (RUSTSEC-2022-0071).
//!
//! Less obvious dependencies: `hyper` 0.14 with `hyper-tls`, because rusoto's types are theirs, and
//! a second stack beside would bring nothing; HTTP/2 is never offered (no ALPN is set), so that
//! the h2 0.3 that rusoto's features drag in is never spoken. `native-tls` by name, to refuse what
//! is below TLS 1.2. `crypto-mac` is pinned and not used by name.

mod bucket;
mod config;
mod credentials;
mod dispatch;
#[cfg(test)]
mod dispatch_tests;
mod encryption;
mod engine;
mod error;
mod failure;
mod health;
mod http;
mod import;
mod objects;
#[cfg(test)]
mod objects_tests;
mod parts;
mod place;
mod presign;
#[cfg(test)]
mod presign_tests;
mod s3;
mod sigv4;
mod store;
#[cfg(test)]
mod testing;

pub use bucket::{Bucket, Finding};
pub use config::{Config, ConfigError, Timeouts};
pub use credentials::{Authorization, CredentialSource, Credentials, CredentialsError};
pub use error::CallError;
pub use health::Health;
pub use s3::S3;
