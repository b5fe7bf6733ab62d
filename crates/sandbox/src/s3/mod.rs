//! S3: buckets that obey their own rules, over `s3s`.
//!
//! `s3s` (0.14) speaks the protocol and verifies signatures. Everything else is here: versions of
//! objects whose bytes are stored by their hash, in memory alone; and, unlike in the usual
//! substitutes, what a bucket is told is obeyed. Its policy is evaluated for every request, Block
//! Public Access and the ownership of objects hold, what is put without a word is encrypted as the
//! bucket says, unfinished uploads go when the lifecycle says so, and pages of other origins are
//! told no.
//!
//! # Stricter than AWS
//! A policy with an element, operator or key that the evaluator does not know cannot be put; keys
//! with `..`, a backslash, a control character or a leading slash are refused; there is one access
//! key, of the owner, and one region; there are no ACLs. What is said of a body is compared with it,
//! in whichever algorithm. What the stand-in cannot do is answered with 501 and never ignored,
//! conditions on reads aside.
//!
//! # Control endpoints
//! - `GET|POST /_sandbox/switches`: see [`Switches`]; a POST changes only what it names.
//! - `GET /_sandbox/buckets`, `GET /_sandbox/buckets/{bucket}/objects` and `.../uploads`: what is
//!   stored, without the bytes.
//! - `GET|DELETE /_sandbox/journal`: what was asked, without bodies and signatures.

mod access;
mod arrival;
mod control;
mod cors;
mod fault;
mod http;
mod journal;
mod key;
mod operations;
mod policy;
mod reply;
mod seen;
mod server;
mod settings;
mod state;
mod store;
mod strict;
mod sums;
mod switches;

pub use journal::{Asked, Signed};
pub use seen::{Object, Stored, Unfinished};
pub use server::{Options, S3};
pub use store::Encryption;
pub use switches::Switches;
