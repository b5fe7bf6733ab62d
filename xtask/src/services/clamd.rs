//! A malware scanner for tests, which bring a signature of their own: the daemon alone, nothing that
//! downloads.

use anyhow::{Context, Result};

use super::install::{Package, in_path, install};
use crate::run::Session;

const PACKAGE: Package =
    Package { title: "clamd (ClamAV's daemon)", apt: "clamav-daemon", brew: "clamav" };

/// Sees to it that `clamd` is where servers are.
pub(super) fn require(session: &Session) -> Result<()> {
    if in_path("clamd").is_none() {
        install(session, &PACKAGE)?;
        in_path("clamd").context("ClamAV is installed, but clamd is not in the PATH")?;
    }
    Ok(())
}
