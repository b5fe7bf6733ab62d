//! What building needs besides Rust and a C compiler: OpenSSL's headers, which the TLS of the S3 client is
//! built on (rusoto's `native-tls`). On macOS it is built on the system's own TLS and needs nothing.

use std::process::Command;

use anyhow::{Result, bail};

use super::install::{Package, in_path, install};
use crate::run::Session;
use crate::workspace::environment;

const PACKAGE: Package = Package {
    title: "OpenSSL for building (pkg-config, libssl)",
    apt: "pkg-config libssl-dev",
    brew: "pkgconf openssl@3",
};

/// Sees to it that a build finds OpenSSL.
pub(super) fn require(session: &Session) -> Result<()> {
    if cfg!(target_os = "macos") || is_found(session) {
        return Ok(());
    }
    install(session, &PACKAGE)?;
    if !is_found(session) {
        bail!("OpenSSL is installed, but `pkg-config --exists openssl` does not find it");
    }
    Ok(())
}

/// Whether the build script of `openssl-sys` will find it, by its own rules.
fn is_found(session: &Session) -> bool {
    // Who says where it is need not have pkg-config.
    let told = ["OPENSSL_DIR", "OPENSSL_LIB_DIR"];
    if told.iter().any(|name| environment(name).is_some()) {
        return true;
    }
    in_path("pkg-config").is_some()
        && session.output(Command::new("pkg-config").args(["--exists", "openssl"])).is_ok()
}
