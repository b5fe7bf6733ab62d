//! `cargo xtask bench [NAME]... [--json FILE]`: each bench against its baseline, in the same run.
//!
//! The measuring is the business of `restartix-bench`, which is told by its environment where PostgreSQL is,
//! as the tests are, and where the release build of the server is (`RESTARTIX_BENCH_CORE_API`). It starts a
//! Redis of its own.

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use anyhow::{Result, bail};

use crate::run::Session;
use crate::services::{self, Purpose};
use crate::stack;
use crate::test::DATABASE;

/// What to measure.
#[derive(Default)]
pub(crate) struct Options {
    /// All benches if empty.
    pub(crate) names: Vec<String>,
    /// The file to which each bench adds its lines of JSON.
    pub(crate) json: Option<PathBuf>,
}

pub(crate) fn run(session: &Session, options: &Options) -> Result<ExitCode> {
    // One by one: the server is measured as it ships, without the features that the benches ask for.
    let bench =
        stack::program(&stack::build(session, &["restartix-bench"], true)?, "restartix-bench")?;
    let server =
        stack::program(&stack::build(session, &["restartix-core-api"], true)?, "core-api")?;
    let known = session.output(Command::new(&bench).arg("--list"))?;
    let known: Vec<&str> = known.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    if let Some(unknown) = options.names.iter().find(|name| !known.contains(&name.as_str())) {
        bail!("there is no bench `{unknown}`; there are: {}", known.join(", "));
    }
    let names = if options.names.is_empty() {
        known
    } else {
        options.names.iter().map(String::as_str).collect()
    };
    let json = options.json.as_deref().map(std::path::absolute).transpose()?;
    let dir = session.workspace().target().join("bench");
    session.claim(&dir)?;
    let cluster = services::postgres(session, &dir, Purpose::Measure)?;
    services::require_redis(session)?;
    for name in names {
        let mut command = Command::new(&bench);
        command.arg(name).current_dir(session.workspace().root());
        if let Some(file) = &json {
            command.arg("--json").arg(file);
        }
        session.run(with_environment(&mut command, &cluster.url, &server))?;
    }
    cluster.remove(session)?;
    Ok(ExitCode::SUCCESS)
}

fn with_environment<'a>(
    command: &'a mut Command,
    database: &str,
    server: &Path,
) -> &'a mut Command {
    command.env(DATABASE, database).env("RESTARTIX_BENCH_CORE_API", server)
}
