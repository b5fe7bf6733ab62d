//! Guarded HTTP to addresses that organisations choose: their webhook receivers.

mod guard;

pub use guard::{Admitted, BadUrl, Forbidden, Guard, Place};
