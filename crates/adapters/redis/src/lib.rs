//! Redis: holds on slots, and rate limits that several servers share.
//!
//! Knows no SQL, no HTTP and no other adapter. Nothing kept here is needed for correctness: when
//! Redis is gone, [`RedisHolds`] answers `Unavailable` and [`RedisRateLimits`] decides alone; both
//! are themselves again within a second of its return.
//!
//! - Each operation is one Lua script, so it is atomic, and a script touches only keys that it was
//!   given. Every key of an organisation carries its id as hash tag (`rtx:{1}:...`): in a cluster
//!   they lie together. Nothing is ever searched by pattern.
//! - Every call is bounded in time ([`RedisConfig`]); one connection carries all of them.
//!
//! Why these crates: `redis` is the field's client, with a connection that makes itself anew;
//! `rustls` with `ring` for `rediss://`, as everywhere in this product. The token bucket is
//! `restartix_tenancy::Bucket` and not `governor`: servers share a bucket by borrowing parts of it,
//! which no crate does, and so the local and the shared bucket follow the same few lines, on the
//! injected clock.

mod connection;
mod holds;
mod keys;
mod rates;

pub use connection::{Redis, RedisConfig, RedisError};
pub use holds::RedisHolds;
pub use rates::RedisRateLimits;
