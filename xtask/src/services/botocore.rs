//! A Python with botocore, AWS's own client, as a second opinion on what we sign.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result};

use super::install::{Package, in_path, install};
use crate::run::Session;

/// Later ones sign alike; this one has been looked at.
const VERSION: &str = "botocore==1.44.8";

const PACKAGE: Package =
    Package { title: "Python 3 (with venv)", apt: "python3 python3-venv", brew: "python@3" };

/// Sees to it that there is one under `target/botocore`, and answers where.
pub(super) fn require(session: &Session) -> Result<PathBuf> {
    let folder = session.workspace().target().join("botocore");
    let python = folder.join("bin/python");
    let knows = |python: &PathBuf| {
        session.output(Command::new(python).args(["-c", "import botocore"])).is_ok()
    };
    if python.is_file() && knows(&python) {
        return Ok(python);
    }
    let make = || session.run(Command::new("python3").args(["-m", "venv"]).arg(&folder));
    if in_path("python3").is_none() || make().is_err() {
        install(session, &PACKAGE)?;
        make().context("python3 -m venv")?;
    }
    println!("    {VERSION} is missing: pip install into {}", folder.display());
    let pip = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", VERSION];
    session.run(Command::new(&python).args(pip)).context("pip install botocore")?;
    Ok(python)
}
