//! Named steps with a summary: all of them run, one failure fails the whole.

use std::process::ExitCode;
use std::time::Instant;

use anyhow::Result;

use super::{Interrupted, table};

enum Outcome {
    Passed,
    Failed(String),
    /// Somebody asked to leave it out.
    Skipped,
    /// The machine cannot do it, and the project does not require that.
    Absent(String),
}

/// The steps of one command, as they went.
pub(crate) struct Steps {
    skip: Vec<String>,
    rows: Vec<(String, Outcome, f64)>,
}

impl Steps {
    /// `skip` names steps that are announced and not run.
    pub(crate) const fn new(skip: Vec<String>) -> Self {
        Self { skip, rows: Vec::new() }
    }

    /// Runs a step unless it is to be skipped. Only an interruption ends the command.
    pub(crate) fn step(&mut self, name: &str, work: impl FnOnce() -> Result<()>) -> Result<()> {
        if self.skip.iter().any(|skipped| skipped == name) {
            println!("==> {name}: SKIPPED, as asked");
            self.rows.push((name.to_owned(), Outcome::Skipped, 0.0));
            return Ok(());
        }
        println!("==> {name}");
        let started = Instant::now();
        let outcome = match work() {
            Ok(()) => Outcome::Passed,
            Err(error) if error.is::<Interrupted>() => return Err(error),
            Err(error) => {
                println!("==> {name}: FAILED: {error:#}");
                Outcome::Failed(first_line(&error))
            }
        };
        self.rows.push((name.to_owned(), outcome, started.elapsed().as_secs_f64()));
        Ok(())
    }

    /// Says aloud that this machine cannot do a step that is not required.
    pub(crate) fn absent(&mut self, name: &str, why: &str) {
        println!("==> {name}: NOT RUN: {why}");
        self.rows.push((name.to_owned(), Outcome::Absent(why.to_owned()), 0.0));
    }

    /// Prints the table. Exit 1 if a step failed, or if one was skipped where `strict`.
    pub(crate) fn finish(self, strict: bool) -> ExitCode {
        let rows: Vec<_> = self.rows.iter().map(row).collect();
        println!("\n{}\n", table(["step", "result", "seconds"], &rows));
        let failed = self
            .rows
            .iter()
            .filter(|(_, outcome, _)| matches!(outcome, Outcome::Failed(_)))
            .count();
        let skipped =
            self.rows.iter().filter(|(_, outcome, _)| matches!(outcome, Outcome::Skipped)).count();
        let seconds: f64 = self.rows.iter().map(|(_, _, seconds)| seconds).sum();
        println!("{failed} failed, {skipped} skipped, {seconds:.1} s");
        if skipped > 0 && strict {
            println!("CI=true: a skip is a failure");
        }
        if failed > 0 || (skipped > 0 && strict) { ExitCode::FAILURE } else { ExitCode::SUCCESS }
    }
}

fn row((name, outcome, seconds): &(String, Outcome, f64)) -> [String; 3] {
    let result = match outcome {
        Outcome::Passed => "ok".to_owned(),
        Outcome::Failed(why) => format!("FAILED: {why}"),
        Outcome::Skipped => "SKIPPED".to_owned(),
        Outcome::Absent(why) => format!("not run: {why}"),
    };
    [name.clone(), result, format!("{seconds:.1}")]
}

fn first_line(error: &anyhow::Error) -> String {
    format!("{error:#}").lines().next().unwrap_or_default().chars().take(100).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_steps_run_though_one_fails() {
        let mut steps = Steps::new(Vec::new());
        let mut ran = false;
        steps.step("first", || anyhow::bail!("no")).unwrap();
        steps
            .step("second", || {
                ran = true;
                Ok(())
            })
            .unwrap();
        assert!(ran);
        assert_eq!(steps.finish(false), ExitCode::FAILURE);
    }

    #[test]
    fn a_skip_is_a_failure_only_in_ci() {
        let skipped = || {
            let mut steps = Steps::new(vec!["browser".to_owned()]);
            steps.step("browser", || anyhow::bail!("must not run")).unwrap();
            steps
        };
        assert_eq!(skipped().finish(false), ExitCode::SUCCESS);
        assert_eq!(skipped().finish(true), ExitCode::FAILURE);
    }

    #[test]
    fn an_absent_tool_is_no_failure() {
        let mut steps = Steps::new(Vec::new());
        steps.absent("deny", "cargo-deny is not installed");
        assert_eq!(steps.finish(true), ExitCode::SUCCESS);
    }

    #[test]
    fn an_interruption_ends_the_command() {
        let mut steps = Steps::new(Vec::new());
        assert!(steps.step("long", || Err(Interrupted.into())).is_err());
    }
}
