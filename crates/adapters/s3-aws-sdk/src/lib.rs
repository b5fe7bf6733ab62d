//! Files in one S3 bucket, over AWS's own client. Knows nothing of files' lives, SQL or our own HTTP
//! API; nor of the bucket's own rules, which the other adapter sets and checks for both.
//!
//! It is the port `ObjectStore` of `restartix-storage` and passes its conformance suite, as
//! `restartix-s3` does: one configuration value chooses. It exists because `rusoto_s3`, the customer's
//! choice, is no longer maintained (RUSTSEC-2022-0071): on the day that it cannot stay, this one is
//! there. Everything is behind the feature `client`, so that whoever does not ask for it does not wait
//! for it to compile.
//!
//! # How it behaves
//! - URLs are signed by the SDK at our clock's time, each for one key and one purpose: an upload's for
//!   length, type, SHA-256 and encryption.
//! - Every call is bounded in time; what may be repeated is, by the SDK; a body is sent once.
//! - Whose keys sign is asked of a `KeySource` at each call: no environment is read here.
//! - What goes wrong is told by operation, status and S3's code, and never by what was sent.
//!
//! Why this crate: `aws-sdk-s3` is AWS's own and maintained by them; without its default features it
//! brings one HTTP client and one TLS. `http-body-util` makes a body of a stream, as the SDK wants it.
#![cfg(feature = "client")]

mod client;
mod error;
mod keys;
mod parts;
mod store;

pub use client::{AwsS3, Config};
pub use keys::{AccessKey, KeySource};
