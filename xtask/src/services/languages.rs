//! Python and Node, with their package managers: two receivers of webhooks are written on the
//! published libraries of these languages.

use std::process::{Command, Stdio};

use anyhow::Result;

use super::install::{Package, in_path, install};
use crate::run::Session;

const PYTHON: Package =
    Package { title: "Python with pip", apt: "python3 python3-pip", brew: "python@3" };
const NODE: Package = Package { title: "Node with npm", apt: "nodejs npm", brew: "node" };

/// Sees to it that `python3 -m pip`, `node` and `npm` are in the PATH.
pub(super) fn require(session: &Session) -> Result<()> {
    let mut pip = Command::new("python3");
    pip.args(["-m", "pip", "--version"]);
    pip.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    if in_path("python3").is_none() || !pip.status().is_ok_and(|status| status.success()) {
        install(session, &PYTHON)?;
    }
    if in_path("node").is_none() || in_path("npm").is_none() {
        install(session, &NODE)?;
    }
    Ok(())
}
