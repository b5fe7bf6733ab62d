//! Programmes, and what was reported of them.

mod events;
mod plans;
mod programs;
