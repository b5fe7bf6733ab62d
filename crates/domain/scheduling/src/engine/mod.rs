//! Availability: when may somebody be booked.
//!
//! Pure: takes a specialist's rules, calendar and booked time as values and answers start instants.
//! Knows no clock (the caller passes `now`), no storage, no hold store and no organisation.
//!
//! Everything is parsed once, into types that cannot hold nonsense ([`LocalTime`], [`WeeklyBlock`],
//! [`Minutes`], [`Query`], [`Busy`]); the functions below cannot fail.
//!
//! | question | function |
//! |---|---|
//! | when is the specialist open, before any booking | [`opening_windows`] |
//! | which starts lie in exactly this range | [`free_slots`] |
//! | what a client is shown: the same list however the range was cut into days | [`availability`] |
//! | the same for one of several specialists, or for all of them together | [`any_of`], [`all_of`] |
//! | may this start be booked now | [`check_slot`] |
//! | which instant does a wall time mean | [`wall_time`] |
//!
//! # How it stays fast
//! A zone's offsets over the range are found once and kept as a few constant stretches
//! (`OffsetTable`); every window edge is then resolved by integer arithmetic, and windows, busy
//! time and slots are sorted sweeps over UTC seconds: O((W+B) log(W+B) + S) for W windows, B busy
//! ranges and S candidate starts. No zoned date is ever stepped from slot to slot.

mod align;
mod busy;
mod calendar;
mod check;
mod error;
mod hours;
mod limit;
mod local_time;
mod minutes;
mod offsets;
mod query;
mod rules;
mod several;
mod slots;
mod span;
mod wall;

pub use busy::Busy;
pub use calendar::{DateOverride, LocalBlock, LocalDates, SpecialistCalendar, WeeklyBlock};
pub use check::{SlotRefusal, Unavailable, check_slot};
pub use error::EngineError;
pub use local_time::{LocalTime, parse_zone};
pub use minutes::{Minutes, PositiveMinutes};
pub use query::Query;
pub use rules::{Alignment, Rules};
pub use several::{Candidate, Offer, all_of, any_of};
pub use slots::{Diary, Window, availability, free_slots, opening_windows};
pub use wall::{WallTime, wall_time};
