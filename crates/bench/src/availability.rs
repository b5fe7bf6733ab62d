//! The engine's whole call against a plain implementation: every candidate scans every busy range,
//! without an early exit.

use std::hint::black_box;
use std::time::Instant;

use anyhow::{Result, ensure};
use chrono::{DateTime, TimeDelta, Utc, Weekday};
use chrono_tz::Tz;
use restartix_kernel::{RandomExt, SeededRandom};
use restartix_scheduling::engine::{
    Alignment, Busy, Diary, LocalTime, PositiveMinutes, Query, Rules, SpecialistCalendar,
    WeeklyBlock, free_slots,
};
use serde_json::json;

use crate::report::Figure;
use crate::rounds::median;

const SEED: u64 = 20_260_310;
const ROUNDS: usize = 21;
const DAYS: u32 = 31;
const BUSY: u32 = 1000;
const SLOT: TimeDelta = TimeDelta::minutes(30);
const STEP: TimeDelta = TimeDelta::minutes(5);

struct Task {
    calendar: SpecialistCalendar,
    query: Query,
    rules: Rules,
    from: DateTime<Utc>,
    to: DateTime<Utc>,
}

impl Task {
    /// A month of 24-hour days across a change of the clocks.
    fn new() -> Result<Self> {
        let mut calendar = SpecialistCalendar::new(Tz::Europe__Bucharest);
        for day in 0..7 {
            let weekday = Weekday::try_from(day)?;
            let block = WeeklyBlock::new(weekday, LocalTime::MIDNIGHT, LocalTime::END_OF_DAY)?;
            calendar.weekly_hours.push(block);
        }
        let from = "2026-03-10T00:00:00Z".parse::<DateTime<Utc>>()?;
        let to = from + TimeDelta::days(i64::from(DAYS));
        let rules = Rules {
            interval: PositiveMinutes::new(5)?,
            alignment: Alignment::LocalDayGrid { zone: None, offset_minutes: 0 },
            ..Rules::new(PositiveMinutes::new(30)?)
        };
        Ok(Self { calendar, query: Query::new(from, to)?, rules, from, to })
    }

    fn busy(&self, count: u32, random: &SeededRandom) -> Vec<(DateTime<Utc>, DateTime<Utc>)> {
        let minutes = DAYS * 24 * 60;
        (0..count)
            .map(|_| {
                let start = self.from + TimeDelta::minutes(i64::from(random.below(minutes)));
                (start, start + TimeDelta::minutes(20))
            })
            .collect()
    }

    /// Microseconds of one call of the engine, zone resolution included, and its answer.
    fn engine(
        &self,
        ranges: &[(DateTime<Utc>, DateTime<Utc>)],
    ) -> Result<(f64, Vec<DateTime<Utc>>)> {
        let busy: Result<Vec<_>, _> =
            ranges.iter().map(|(from, to)| Busy::new(*from, *to)).collect();
        let busy = busy?;
        let diary = Diary { calendar: &self.calendar, busy: &busy, open_sessions: &[] };
        let started = Instant::now();
        let slots =
            free_slots(black_box(&self.rules), black_box(&diary), self.query, Some(self.from));
        Ok((started.elapsed().as_secs_f64() * 1e6, slots))
    }

    /// The same by the plain implementation.
    fn plain(&self, ranges: &[(DateTime<Utc>, DateTime<Utc>)]) -> (f64, Vec<DateTime<Utc>>) {
        let started = Instant::now();
        let mut slots = Vec::new();
        let mut start = self.from;
        while start + SLOT <= self.to {
            let end = start + SLOT;
            let met =
                black_box(ranges).iter().filter(|(from, to)| start < *to && *from < end).count();
            if met == 0 {
                slots.push(start);
            }
            start += STEP;
        }
        (started.elapsed().as_secs_f64() * 1e6, slots)
    }
}

/// At least 80 times the plain implementation; twice the busy ranges cost at most 2.3 times.
pub(crate) fn measure() -> Result<Vec<Figure>> {
    let task = Task::new()?;
    let random = SeededRandom::new(SEED);
    let (mut ratios, mut engine, mut plain, mut doubled) = (vec![], vec![], vec![], vec![]);
    for round in 0..=ROUNDS {
        let once = task.busy(BUSY, &random);
        let twice = task.busy(2 * BUSY, &random);
        let (fast, slots) = task.engine(&once)?;
        let (slow, expected) = task.plain(&once);
        let (more, _) = task.engine(&twice)?;
        // Both keep a grid of five minutes, so that they must agree to the slot.
        ensure!(slots == expected, "the two implementations disagree");
        // The first round warms up.
        if round > 0 {
            ratios.push(slow / fast);
            doubled.push(more / fast);
            engine.push(fast);
            plain.push(slow);
        }
    }
    let details = vec![
        ("seed", json!(SEED)),
        ("engine_us", json!(median(engine))),
        ("plain_us", json!(median(plain))),
        ("twice_the_busy_costs", json!(median(doubled))),
        ("twice_at_most", json!(2.3)),
    ];
    let ratio = median(ratios);
    Ok(vec![Figure { bench: "availability", ratio, at_least: 80.0, rounds: ROUNDS, details }])
}
