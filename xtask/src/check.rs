//! `cargo xtask check`: the fast loop. Format, clippy, arrows, unit tests; no services.

use std::process::ExitCode;

use anyhow::Result;

use crate::arrows;
use crate::run::{Session, Steps};

/// What to check.
#[derive(Default)]
pub(crate) struct Options {
    /// Only these packages; the arrows are always those of the whole workspace.
    pub(crate) packages: Vec<String>,
}

pub(crate) fn run(session: &Session, options: &Options) -> Result<ExitCode> {
    let workspace = session.workspace();
    let selected: Vec<&str> = if options.packages.is_empty() {
        vec!["--workspace"]
    } else {
        options.packages.iter().flat_map(|name| ["--package", name.as_str()]).collect()
    };
    let mut steps = Steps::new(Vec::new());
    steps.step("format", || {
        // cargo-fmt's own word for the whole workspace is `--all`.
        let which = if options.packages.is_empty() { &["--all"][..] } else { &selected };
        session.run(workspace.cargo(&["fmt", "--check"]).args(which))
    })?;
    steps.step("clippy", || {
        session.run(
            workspace
                .cargo(&["clippy", "--all-targets"])
                .args(&selected)
                .args(["--", "-D", "warnings"]),
        )
    })?;
    steps.step("arrows", || arrows::check(session))?;
    steps.step("unit tests", || {
        let kinds = unit_kinds(session, &options.packages);
        if kinds.is_empty() {
            println!("    nothing to test");
            return Ok(());
        }
        session.run(workspace.cargo(&["test", "--quiet"]).args(&selected).args(kinds))
    })?;
    Ok(steps.finish(false))
}

/// Cargo refuses `--lib` for a package that has no library, and `--bins` for one without a program.
fn unit_kinds(session: &Session, packages: &[String]) -> Vec<&'static str> {
    let has = |kind| {
        packages.is_empty()
            || packages.iter().any(|name| session.workspace().has_target(name, kind))
    };
    [("lib", "--lib"), ("bin", "--bins")]
        .into_iter()
        .filter(|(kind, _)| has(kind))
        .map(|(_, flag)| flag)
        .collect()
}
