//! The outer half of webhooks: guarded HTTP to addresses that organisations choose.
//!
//! Whatever an organisation writes into a URL, this crate decides where a request may go, and
//! how long and how much it listens. Knows nothing of events, signatures, schedules or SQL; what
//! a receiver says is not kept.
//!
//! # What it holds to
//! - [`Guard`]: https to allowed ports of names of the public DNS. Each connection begins with a
//!   look-up; **every** answer is judged; one that is forbidden spoils all. Only a judged address
//!   can be dialled, by its type ([`Admitted`]), so nothing can flip in between.
//! - No redirect is followed, no proxy of the environment is used, nothing is decompressed.
//! - One deadline over the look-up, connecting, TLS, headers and body. At most 16 KiB are read of
//!   an answer, its head included; an answer that is longer, or does not end, is none.
//! - Idle connections are few and young, and no two organisations share one.
//! - A failure is one of a closed set of words, without an address ([`Failure::code`]).
//!
//! # Why not ...
//! - `ureq`, which serves the other adapters: it holds a thread for each exchange. Here thousands
//!   are under way at once, and most wait for receivers that are slow or want to be.
//! - `reqwest`, or hyper's own pooling client: their pools are bounded per host and not altogether,
//!   know no organisation, and open connections by themselves; and much of what `reqwest` brings
//!   (proxies, redirects, decompression, cookies, HTTP/2) would have to be kept switched off.
//!   What is left of a client is small: `hyper` speaks HTTP/1.1 over a stream that we opened.
//! - `getaddrinfo`: it holds a thread for as long as a hostile name server likes, past every
//!   deadline. `hickory-resolver` asks the same resolvers without one.
//!
//! Other less obvious dependencies: `url`, the WHATWG parser, because it knows every spelling of
//! an IPv4 address that some other parser would read as one; `ipnet` for blocks of addresses;
//! `httpdate` for the three forms of a date; `tokio-rustls` with *ring* by name, not from a default
//! of the whole process.

mod client;
mod config;
mod connection;
mod connector;
mod dial;
mod dispatch;
mod dns;
mod failure;
mod guard;
mod meter;
mod pool;
mod port;
mod retry_after;
mod tls;

pub use client::GuardedSender;
pub use config::{Config, ConfigError};
pub use dial::{Dial, Tcp};
pub use dispatch::{Answer, Dispatch, Sent};
pub use dns::{Resolve, SystemDns, Unresolved};
pub use failure::Failure;
pub use guard::{Admitted, BadUrl, Forbidden, Guard, Place};
pub use ipnet::IpNet;
