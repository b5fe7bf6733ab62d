//! Isolation, proven: the probes of `cargo xtask verify-isolation`, their mutations, the report.
//!
//! A [`Probe`] examines subjects of one kind and says of each what is wrong with it, if anything.
//! It is RED when it finds something, when it fails, and when it examined nothing: a probe that
//! looked at nothing has proven nothing. Each probe brings [`Mutation`]s, faults that it must find;
//! [`prove`] plants them one by one. A probe without a mutation is RED there.
//!
//! How to add a probe: a row in the module of its kind, with the customer's item it belongs to, the
//! recipe that mends what it finds, and at least one mutation. Nothing else lists it.
//!
//! Knows everything of the product; nothing of the product knows it.

pub mod attest;
pub mod behaviour;
mod careless;
pub mod catalogue;
mod checklist;
pub mod endpoints;
mod mutant;
pub mod personal;
mod probe;
mod prove;
mod report;
mod run;
mod settled;
pub mod storage;
mod target;
pub mod telemetry;

pub use attest::{Attestation, Seen};
pub use checklist::Item;
pub use probe::{About, Allowed, Finding, Mutation, Outcome, Probe, Subject, Verdict};
pub use prove::{Proof, prove};
pub use report::{Circumstances, Report, html, json, junit, line, terminal};
pub use run::{examine, run};
pub use storage::Storage;
pub use target::Target;

/// Every probe, in the order of the report; [`soaks`] aside.
pub fn probes() -> Vec<Box<dyn Probe>> {
    let mut all = catalogue::probes();
    all.extend(behaviour::probes());
    all.extend(endpoints::probes());
    all.extend(storage::probes());
    all.extend(telemetry::probes());
    all.extend(personal::probes());
    // Last: what all of them made the server ask for is explained.
    all.extend(behaviour::queries());
    all
}

/// The probes that take minutes: `cargo xtask soak oracle`.
pub fn soaks() -> Vec<Box<dyn Probe>> {
    endpoints::soaks()
}
