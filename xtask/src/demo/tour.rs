//! The steps of the demo: what was expected, what a client saw, how long it took.

use std::time::{Duration, Instant};

use anyhow::{Result, bail};

use crate::run::{Session, table};
use crate::stack::Answer;

/// How long a worker may take for what follows from a booking.
const WORKER: Duration = Duration::from_secs(20);

/// The steps so far.
pub(super) struct Tour<'a> {
    session: &'a Session,
    rows: Vec<[String; 3]>,
}

impl<'a> Tour<'a> {
    pub(super) const fn new(session: &'a Session) -> Self {
        Self { session, rows: Vec::new() }
    }

    /// One call. `expected` is the status and, for a problem, its code: `201`, `409 slot_taken`.
    pub(super) fn see(
        &mut self,
        step: &str,
        expected: &str,
        call: impl FnOnce() -> Result<Answer>,
    ) -> Result<Answer> {
        self.session.watch()?;
        let started = Instant::now();
        let answer = call()?;
        self.note(step, &seen(&answer), started);
        expect(step, expected, &answer)?;
        Ok(answer)
    }

    /// The same call again and again while it answers `meanwhile`, until a worker has done its part.
    pub(super) fn poll(
        &mut self,
        step: &str,
        expected: &str,
        meanwhile: &str,
        call: impl Fn() -> Result<Answer>,
    ) -> Result<Answer> {
        let started = Instant::now();
        let answer = self.session.wait_for(step, WORKER, || match call() {
            Ok(answer) if seen(&answer) == meanwhile => None,
            outcome => Some(outcome),
        })??;
        self.note(step, &seen(&answer), started);
        expect(step, expected, &answer)?;
        Ok(answer)
    }

    /// Waits until a worker's effect shows.
    pub(super) fn until(
        &mut self,
        step: &str,
        effect: &str,
        shows: impl Fn() -> Result<bool>,
    ) -> Result<()> {
        let started = Instant::now();
        self.session.wait_for(step, WORKER, || match shows() {
            Ok(false) => None,
            outcome => Some(outcome),
        })??;
        self.note(step, effect, started);
        Ok(())
    }

    /// Something that has to hold of what was seen.
    pub(super) fn require<T: PartialEq + std::fmt::Debug + ?Sized>(
        &self,
        what: &str,
        expected: &T,
        seen: &T,
    ) -> Result<()> {
        if expected != seen {
            bail!("{what}\n  expected: {expected:?}\n  seen:     {seen:?}");
        }
        Ok(())
    }

    /// Many calls as one row.
    pub(super) fn many(&mut self, step: &str, work: impl FnOnce() -> Result<String>) -> Result<()> {
        self.session.watch()?;
        let started = Instant::now();
        let outcome = work();
        let seen = outcome.as_deref().unwrap_or("a surprise");
        self.note(step, seen, started);
        outcome.map(drop)
    }

    /// Adds to what the last step's client saw.
    pub(super) fn detail(&mut self, detail: &str) {
        if let Some([_, seen, _]) = self.rows.last_mut() {
            seen.push_str(": ");
            seen.push_str(detail);
        }
    }

    pub(super) const fn len(&self) -> usize {
        self.rows.len()
    }

    pub(super) fn table(&self) -> String {
        table(["step", "what a client sees", "ms"], &self.rows)
    }

    fn note(&mut self, step: &str, seen: &str, started: Instant) {
        let milliseconds = format!("{:.1}", started.elapsed().as_secs_f64() * 1000.0);
        self.rows.push([step.to_owned(), seen.to_owned(), milliseconds]);
    }
}

/// An answer in short: its status and the stable code of a problem.
pub(super) fn seen(answer: &Answer) -> String {
    match answer.code() {
        Some(code) if answer.status >= 400 => format!("{} {code}", answer.status),
        _ => answer.status.to_string(),
    }
}

fn expect(step: &str, expected: &str, answer: &Answer) -> Result<()> {
    let seen = seen(answer);
    if seen != expected {
        bail!("{step}\n  expected: {expected}\n  seen:     {seen}\n  body:     {}", answer.text);
    }
    Ok(())
}
