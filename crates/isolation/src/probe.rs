use std::time::Duration;

use anyhow::Result;
use async_trait::async_trait;

use crate::{Item, Target};

/// What a probe says of itself.
#[derive(Clone, Copy, Debug)]
pub struct About {
    /// Its stable id, as in `DB-07`.
    pub id: &'static str,
    /// The item of the checklist that it supports.
    pub item: Item,
    /// What holds when it is GREEN.
    pub title: &'static str,
    /// How to mend what it finds.
    pub mend: &'static str,
}

/// One thing that a probe looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subject {
    /// Its name, as in `people.email`.
    pub name: String,
    /// What is wrong with it.
    pub fault: Option<String>,
}

/// Looks at one kind of subjects.
#[async_trait]
pub trait Probe: Send + Sync {
    /// What it is.
    fn about(&self) -> &About;

    /// Everything it looked at, each with what is wrong with it.
    async fn examine(&self, target: &Target) -> Result<Vec<Subject>>;

    /// Whether it writes, be it in a transaction that is rolled back: not on a deployed stack unasked.
    fn writes(&self) -> bool {
        false
    }

    /// Whether it asks the running server.
    fn needs_api(&self) -> bool {
        false
    }

    /// Whether it asks the bucket of the files.
    fn needs_storage(&self) -> bool {
        false
    }

    /// What took the place of what it looks for, where the stack is such that this cannot be; told of
    /// what was `examined` without a finding. Then it is never a plain GREEN.
    fn replaced(&self, _examined: &[Subject]) -> Option<&'static str> {
        None
    }

    /// Faults that it must find.
    fn mutations(&self) -> Vec<&dyn Mutation>;
}

/// A fault that can be planted and taken away again.
#[async_trait]
pub trait Mutation: Send + Sync {
    /// What it breaks.
    fn name(&self) -> &str;

    /// Plants it.
    async fn plant(&self, target: &Target) -> Result<()>;

    /// Takes it away: everything is as before, also when planting failed midway.
    async fn take_away(&self, target: &Target) -> Result<()>;
}

/// Something that a probe found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// In what.
    pub subject: String,
    /// What is wrong.
    pub fault: String,
}

/// How an examination ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Something was examined and nothing found.
    Green,
    /// Nothing was found of what took the place, and what that is: never a plain pass.
    Replaced(&'static str),
    /// Something was found, or nothing examined, or the probe failed.
    Red(Vec<Finding>),
}

impl Verdict {
    /// Whether nothing stands in the way.
    pub const fn is_green(&self) -> bool {
        matches!(self, Self::Green | Self::Replaced(_))
    }

    /// The word for it.
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Green => "GREEN",
            Self::Replaced(_) => "REPLACED",
            Self::Red(_) => "RED",
        }
    }
}

/// What an examination came to.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// Of which probe.
    pub about: About,
    /// How it ended.
    pub verdict: Verdict,
    /// What was looked at.
    pub subjects: Vec<String>,
    /// How long it took.
    pub took: Duration,
}

/// Something that a probe finds and that is right all the same, for a while.
#[derive(Clone, Copy, Debug)]
pub struct Allowed {
    /// Which probe.
    pub probe: &'static str,
    /// Which subject.
    pub subject: &'static str,
    /// Why it is right.
    pub reason: &'static str,
    /// Until when that is believed, as `2027-05-01`.
    pub until: &'static str,
}
