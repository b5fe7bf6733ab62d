//! Running programs so that none outlives us: the session, its watchdog, named steps, the tables they end in.

mod guard;
mod leftovers;
mod session;
mod steps;
mod table;

pub(crate) use guard::{GUARD, keep as keep_guard};
pub(crate) use session::{Interrupted, Session, Stop};
pub(crate) use steps::Steps;
pub(crate) use table::table;
