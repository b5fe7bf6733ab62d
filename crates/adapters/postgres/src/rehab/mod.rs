//! Programmes, and what was reported of them.

mod events;
mod plans;
mod programs;

pub(crate) use plans::bounded;
