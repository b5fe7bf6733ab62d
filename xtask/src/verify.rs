//! `cargo xtask verify-isolation`: the probes of isolation against a stack of its own, or a deployed one.
//!
//! The looking is the business of the program `verify-isolation`, which is told by its environment where
//! the stack is. A deployed one (`--config FILE`) is not started here.

use std::process::{Command, ExitCode};

use anyhow::Result;

use crate::run::Session;
use crate::services::Purpose;
use crate::stack::{self, Plan, Register, Stack};

/// What the program is asked.
#[derive(Default)]
pub(crate) struct Options {
    /// Its own arguments.
    pub(crate) arguments: Vec<String>,
}

impl Options {
    /// Whether there is nothing here to start.
    fn needs_no_stack(&self) -> bool {
        let without = ["--config", "--list", "--attest", "--help"];
        self.arguments.iter().any(|argument| {
            let name = argument.split('=').next().unwrap_or_default();
            without.contains(&name)
        })
    }
}

pub(crate) fn run(session: &Session, options: &Options) -> Result<ExitCode> {
    // Apart from the server: Cargo unites the features of what is built together.
    let programs = stack::build(session, &["restartix-verify-isolation"], false)?;
    let mut command = Command::new(stack::program(&programs, "verify-isolation")?);
    command.args(&options.arguments);
    let mut git = Command::new("git");
    git.args(["describe", "--always", "--dirty"]).current_dir(session.workspace().root());
    if let Ok(commit) = session.output(&mut git) {
        command.env("RESTARTIX_VERIFY_COMMIT", commit.trim());
    }
    if !options.needs_no_stack() {
        let dir = session.workspace().target().join("isolation");
        session.claim(&dir)?;
        let plan = Plan {
            dir: dir.clone(),
            port: None,
            release: false,
            purpose: Purpose::Demo,
            database_url: None,
            redis_url: None,
        };
        let stack = Stack::prepare(session, &plan)?;
        let mut register = Register::open(dir.join("demo-data.json"));
        let _clinics = stack::clinics(session, &stack, &mut register)?;
        stack.serve(session, &dir)?;
        command.env("RESTARTIX_VERIFY_DATABASE_URL", &stack.database_url);
    }
    let status = command.status()?;
    Ok(status
        .code()
        .and_then(|code| u8::try_from(code).ok())
        .map_or(ExitCode::FAILURE, ExitCode::from))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_deployed_stack_is_not_started() {
        let asked = |arguments: &[&str]| Options {
            arguments: arguments.iter().map(|argument| (*argument).to_owned()).collect(),
        };
        assert!(asked(&["--config", "a.json"]).needs_no_stack());
        assert!(asked(&["--config=a.json"]).needs_no_stack());
        assert!(asked(&["--list"]).needs_no_stack());
        assert!(!asked(&["--prove"]).needs_no_stack());
    }
}
