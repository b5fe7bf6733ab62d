//! Insights: what can be told of what patients did, in numbers that are defined.
//!
//! # Definitions, version 1
//! A week is one of ISO 8601 on the patient's own calendar, a day one of theirs; so days of 23 and 25
//! hours are days. Events count on the day on which they happened, however late they were told, and
//! once, however often.
//!
//! * **Asked**: a programme asks on each day from its first on for a seventh of the sessions a week of
//!   the plan that is in force when the day ends. Days that end while it rests, or after it, are
//!   excluded, with what was done on them.
//! * **Done**: on one day a programme was done as many times as its most frequent exercise.
//! * **Session adherence** of a week: min(1, done / asked), by programme, then over all the programmes
//!   together; what was done beyond is told apart. Where nothing was asked it is not applicable:
//!   neither 0 nor 1.
//! * **Exercise adherence**: the same for each exercise of the plan by itself, summed up.
//! * **Bands**: high from 0.80, middle from 0.50, low below.
//! * **Active days**: days with at least one exercise. **Persistence**: see [`Persistence`].
//! * **Outcome**: the last score of a month against the first of the same programme by the same
//!   instrument, with the MCID of [`Instrument::mcid`](crate::Instrument::mcid).
//! * **No-show rate**: no-shows among the appointments that took place or to which nobody came.
//!
//! # Small cells
//! All that is published of several patients is one table beside another, each a total and its parts,
//! for one week or one month: [`publish`] suppresses in each what is about too few. There are no
//! totals over several weeks, and groups have no further division: so what is asked for other weeks,
//! or divided in another way, gives nothing to subtract. The patients of a specialist, one by one, are
//! no aggregate.

mod adherence;
mod outcome;
mod ports;
mod record;
pub mod report;
mod rollup;
mod suppress;
mod tally;
mod week;

pub use adherence::{Band, DaySet, Fulfilment, Share};
pub use outcome::{Better, Mcid, OutcomeMonth, Verdict};
pub use ports::{Insights, Rollups, Stale, StaleClaim, StalePatients};
pub use record::{Completion, Course, Measurement, PatientRecord, Stay, Visit, VisitState};
pub use rollup::{CourseWeek, PatientWeek, Persistence, Rollup, VisitCounts, persistence, roll_up};
pub use suppress::{Cell, Parts, Published, SmallestCell, publish};
pub use tally::{
    ActivityTally, AdherenceTally, CompletionTally, CourseProgress, Group, Grouping, OutcomeTally,
};
pub use week::{Month, Months, PeriodError, Week, Weeks};

/// The version of the definitions: what was computed by another is computed again.
pub const DEFINITION: u16 = 1;

/// The definition of adherence in a sentence, for whoever reads an answer.
pub const ADHERENCE: &str = "Sessions done of sessions asked for, per ISO week of the patient's \
    calendar, at most 1; days outside of the programme and days on which it rested are excluded; \
    nothing asked for is not applicable. Bands: high from 0.80, middle from 0.50, low below.";

/// The definition of outcomes, likewise.
pub const OUTCOMES: &str = "The last score of a month less the first score of the same programme by \
    the same instrument; improved and worsened from the minimal clinically important difference on.";

/// The definition of activity, likewise.
pub const ACTIVITY: &str = "Appointments by the week in which they start and where they stand; the \
    no-show rate is no-shows of appointments completed or not attended; minutes of patients in \
    video rooms; exercises reported as done.";

/// The definition of completion, likewise.
pub const COMPLETION: &str = "Sessions done of sessions asked for since the programme began, each \
    week at most all of it, to the end of the last week.";
