//! A browser and its driver, for tests that look at pages.

use anyhow::{Context, Result};

use super::install::{Package, in_path, install};
use crate::run::Session;

/// Without a font, pages are shown in boxes.
const PACKAGE: Package = Package {
    title: "Chromium (with chromedriver)",
    apt: "chromium chromium-driver fonts-dejavu-core",
    brew: "--cask chromium chromedriver",
};

/// Sees to it that `chromedriver`, which finds its browser itself, is in the PATH.
pub(super) fn require(session: &Session) -> Result<()> {
    if in_path("chromedriver").is_none() {
        install(session, &PACKAGE)?;
        in_path("chromedriver")
            .context("Chromium is installed, but chromedriver is not in the PATH")?;
    }
    Ok(())
}
