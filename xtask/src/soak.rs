//! `cargo xtask soak [NAME]`: the proofs that need minutes, at full length.
//!
//! Such a test is named `soak_...`. It runs a short form under `cargo xtask test`, and its long one where
//! `RESTARTIX_SOAK=1`, which is all that this command adds. `oracle` alone is no test: it takes a whole
//! stack, and the probe that compares times.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;

use crate::run::{Session, Steps};
use crate::stack;
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

/// The proof that measures the server as it is shipped.
const FILES: &str = "soak_files";

/// Where that proof finds the programs that it measures, or that must not be what it measures.
fn shipped(session: &Session) -> Result<[(&'static str, PathBuf); 2]> {
    // One by one: the server is built without the features that others ask for.
    let one =
        |package: &str, name: &str| stack::program(&stack::build(session, &[package], true)?, name);
    Ok([
        ("RESTARTIX_CORE_API", one("restartix-core-api", "core-api")?),
        ("RESTARTIX_SANDBOX", one("restartix-sandbox", "restartix-sandbox")?),
    ])
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
            command.arg(&filter).env(DATABASE, database).env("RESTARTIX_SOAK", "1");
            if FILES.starts_with(&filter) || filter.starts_with(FILES) {
                command.envs(shipped(session)?);
            }
            session.run(&mut command)
        })
    })?;
    Ok(steps.finish(false))
}
