//! PostgreSQL, Redis and the like of our own: found or installed, on free loopback ports, gone when the session ends.

mod account;
mod botocore;
mod browser;
mod clamd;
mod install;
mod languages;
mod openssl;
mod postgres;
mod redis;

use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::run::Session;
pub(crate) use account::fingerprint;
pub(crate) use postgres::{Cluster, remove as remove_cluster, run_file};

/// What a command needs of its private cluster.
#[derive(Clone, Copy)]
pub(crate) enum Purpose {
    /// Data that stays between runs: durable, with passwords.
    Keep,
    /// Thrown away afterwards, with passwords, as a server meets it: no fsync.
    Demo,
    /// As `Demo`, and every statement stands in the log, under the role that sent it.
    Watched,
    /// Thrown away, many connections, no fsync; whoever reaches the loopback port is let in.
    Test,
    /// As PostgreSQL comes: durable; whoever reaches the loopback port is let in.
    Measure,
}

/// Starts a private cluster under `dir` and answers the URL of its superuser.
pub(crate) fn postgres(session: &Session, dir: &Path, purpose: Purpose) -> Result<Cluster> {
    postgres::start(session, dir, purpose)
}

/// Starts a private Redis, its log under `dir`, and answers its URL.
pub(crate) fn redis(session: &Session, dir: &Path) -> Result<String> {
    redis::start(session, dir)
}

/// Sees to it that `redis-server` is in the PATH, for programs that start their own.
pub(crate) fn require_redis(session: &Session) -> Result<()> {
    redis::program(session).map(drop)
}

/// Sees to it that `chromedriver` is in the PATH, for tests that look at pages.
pub(crate) fn require_browser(session: &Session) -> Result<()> {
    browser::require(session)
}

/// Sees to it that Python and Node are in the PATH, for the receivers that tests start.
pub(crate) fn require_languages(session: &Session) -> Result<()> {
    languages::require(session)
}

/// Sees to it that `clamd` is where servers are, for tests that start their own.
pub(crate) fn require_clamd(session: &Session) -> Result<()> {
    clamd::require(session)
}

/// A Python that has botocore, for the test that asks it.
pub(crate) fn require_botocore(session: &Session) -> Result<PathBuf> {
    botocore::require(session)
}

/// Sees to it that the workspace can be built here.
pub(crate) fn require_build_needs(session: &Session) -> Result<()> {
    openssl::require(session)
}

/// A loopback port that nobody listens on at this moment.
pub(crate) fn free_port() -> Result<u16> {
    let listener = TcpListener::bind(("127.0.0.1", 0)).context("no free port on 127.0.0.1")?;
    Ok(listener.local_addr()?.port())
}

/// Whether nobody listens on this loopback port.
pub(crate) fn is_free(port: u16) -> bool {
    TcpListener::bind(("127.0.0.1", port)).is_ok()
}

/// 128 random bits in hex, from the operating system.
pub(crate) fn secret() -> Result<String> {
    use std::io::Read as _;
    let mut bytes = [0_u8; 16];
    fs::File::open("/dev/urandom").and_then(|mut source| source.read_exact(&mut bytes))?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

/// Writes a file that only its owner may read.
pub(crate) fn write_private(path: &Path, text: &str) -> Result<()> {
    use std::io::Write as _;
    use std::os::unix::fs::OpenOptionsExt as _;
    fs::OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(path)
        .and_then(|mut file| file.write_all(text.as_bytes()))
        .with_context(|| format!("cannot write {}", path.display()))
}
