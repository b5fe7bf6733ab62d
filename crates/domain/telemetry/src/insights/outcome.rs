//! The definition of outcomes, version 1: change from the baseline against the minimal clinically
//! important difference (MCID).

use std::collections::BTreeMap;

use restartix_kernel::{ProgramId, words};

use super::record::PatientRecord;
use super::week::{Month, local_day};
use crate::{Instrument, Score};

words! {
    /// Which way a score gets better.
    Better {
        /// Less is better.
        Lower = "lower",
        /// More is better.
        Higher = "higher",
    }
}

words! {
    /// What a change means.
    Verdict {
        /// Better by the MCID or more.
        Improved = "improved",
        /// Neither.
        Unchanged = "unchanged",
        /// Worse by the MCID or more.
        Worsened = "worsened",
    }
}

/// The least change of a score that matters to a patient.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mcid {
    /// In the instrument's own unit.
    pub points: u16,
    /// Which way is better.
    pub better: Better,
    /// Where the number comes from.
    pub source: &'static str,
}

impl Instrument {
    /// The instrument's MCID; `None` where none can be said: then a change is a number alone.
    pub const fn mcid(self) -> Option<Mcid> {
        use Better::{Higher, Lower};
        let (points, better, source) = match self {
            Self::Pain => (2, Lower, "Farrar et al. 2001 (numeric rating scale, 2 points of 10)"),
            Self::Effort => (1, Lower, "Ries 2005 (Borg CR10, 1 unit)"),
            Self::Function => (10, Higher, "Ostelo et al. 2008 (scales of 0 to 100, 10 points)"),
            Self::RangeOfMotion => {
                (10, Higher, "assumed: twice the error of a goniometer, 5 degrees")
            }
            Self::Other => return None,
        };
        Some(Mcid { points, better, source })
    }

    /// What a change of so many points means.
    pub fn verdict(self, change: i32) -> Option<Verdict> {
        let Mcid { points, better, .. } = self.mcid()?;
        let gain = if better == Better::Higher { change } else { -change };
        let points = i32::from(points);
        Some(match gain {
            gain if gain >= points => Verdict::Improved,
            gain if gain <= -points => Verdict::Worsened,
            _ => Verdict::Unchanged,
        })
    }
}

/// Where a patient stood at the end of a month, by one instrument.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OutcomeMonth {
    /// By which.
    pub instrument: Instrument,
    /// Of the patient's calendar.
    pub month: Month,
    /// The first score in the programme.
    pub baseline: Score,
    /// The last of the month, in the same programme.
    pub latest: Score,
}

impl OutcomeMonth {
    /// How far the score went.
    pub fn change(&self) -> i32 {
        i32::from(self.latest.get()) - i32::from(self.baseline.get())
    }
}

/// Where the patient stood at the end of each month from `since` on in which something was measured
/// that has a baseline of an earlier moment.
pub(super) fn outcomes(record: &PatientRecord, since: Month) -> Vec<OutcomeMonth> {
    let mut measured = record.measurements.clone();
    measured.sort_by_key(|one| (one.at, one.id));
    let mut baselines: BTreeMap<(ProgramId, &str), Score> = BTreeMap::new();
    let mut months: BTreeMap<(&str, Month), OutcomeMonth> = BTreeMap::new();
    for one in measured {
        let (instrument, month) = (one.instrument, Month::of(local_day(one.at, record.zone)));
        let key = (one.program, instrument.as_str());
        let Some(&baseline) = baselines.get(&key) else {
            baselines.insert(key, one.score);
            continue;
        };
        if month >= since {
            let row = OutcomeMonth { instrument, month, baseline, latest: one.score };
            months.insert((instrument.as_str(), month), row);
        }
    }
    months.into_values().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_counts_from_the_mcid_on_in_the_direction_of_the_instrument() {
        use Verdict::{Improved, Unchanged, Worsened};
        let pain = |change| Instrument::Pain.verdict(change).unwrap();
        assert_eq!(
            [pain(-2), pain(-1), pain(1), pain(2)],
            [Improved, Unchanged, Unchanged, Worsened]
        );
        let function = |change| Instrument::Function.verdict(change).unwrap();
        assert_eq!([function(10), function(9), function(-10)], [Improved, Unchanged, Worsened]);
        assert_eq!(Instrument::Other.verdict(500), None);
    }
}
