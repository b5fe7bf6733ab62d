//! `cargo xtask soak [NAME]`: the proofs that need minutes, at full length.
//!
//! Such a test is named `soak_...`. It runs a short form under `cargo xtask test`, and its long one where
//! `RESTARTIX_SOAK=1`, which is all that this command adds. `oracle` alone is no test: it takes a whole
//! stack, and the probe that compares times.

use std::process::ExitCode;

use anyhow::Result;

use crate::run::{Session, Steps};
use crate::test::{DATABASE, has_tool, with_services};
use crate::verify;

/// The proof that no time tells what another clinic has.
const ORACLE: &str = "oracle";

/// Which proofs.
#[derive(Default)]
pub(crate) struct Options {
    /// The beginning of a name after `soak_`; all of them if absent.
    pub(crate) name: Option<String>,
}

pub(crate) fn run(session: &Session, options: &Options) -> Result<ExitCode> {
    let wanted = options.name.as_deref().unwrap_or_default();
    let wanted = wanted.trim_start_matches("soak_");
    let filter = format!("soak_{wanted}");
    let mut steps = Steps::new(Vec::new());
    if ORACLE.starts_with(wanted) {
        steps.step(ORACLE, || verify::times(session))?;
        if !wanted.is_empty() {
            return Ok(steps.finish(false));
        }
    }
    steps.step(&filter, || {
        with_services(session, |database| {
            let workspace = session.workspace();
            let mut command = if has_tool(session, "nextest") {
                workspace.cargo(&[
                    "nextest",
                    "run",
                    "--profile",
                    "soak",
                    "--workspace",
                    "--no-tests",
                    "fail",
                ])
            } else {
                println!("    cargo-nextest is not installed: cargo test instead");
                workspace.cargo(&["test", "--workspace", "--lib", "--bins", "--tests"])
            };
            session.run(command.arg(&filter).env(DATABASE, database).env("RESTARTIX_SOAK", "1"))
        })
    })?;
    Ok(steps.finish(false))
}
