//! A second implementation, as plain as can be: it walks minute by minute and asks the zone every
//! time. It shares nothing with the engine but the words of the question.

use crate::world::World;
use chrono::{DateTime, Duration, NaiveDate, NaiveDateTime, TimeZone, Timelike, Utc};
use chrono_tz::Tz;
use restartix_scheduling::engine::{Alignment, LocalDates};
use std::collections::BTreeSet;

fn minutes(count: impl Into<i64>) -> Duration {
    Duration::minutes(count.into())
}

fn each_minute(from: DateTime<Utc>, to: DateTime<Utc>) -> impl Iterator<Item = DateTime<Utc>> {
    let mut at = from;
    std::iter::from_fn(move || {
        let now = at;
        at += minutes(1);
        (now < to).then_some(now)
    })
}

fn resolve(zone: Tz, wall: NaiveDateTime) -> DateTime<Utc> {
    if let Some(first) = zone.from_local_datetime(&wall).earliest() {
        return first.to_utc();
    }
    // In a gap: the offset before it is that of the last minute that exists.
    let mut before = wall;
    while zone.from_local_datetime(&before).latest().is_none() {
        before -= minutes(1);
    }
    zone.from_local_datetime(&before).latest().unwrap().to_utc() + (wall - before)
}

fn covers(dates: &[LocalDates], date: NaiveDate) -> bool {
    dates.iter().any(|dates| dates.first() <= date && date <= dates.last())
}

/// Every block that any date near the query opens, as instants.
fn blocks(world: &World) -> Vec<(DateTime<Utc>, DateTime<Utc>)> {
    let calendar = &world.calendar;
    let zone = calendar.zone;
    let near = Duration::days(4);
    let dates: BTreeSet<_> = each_minute(world.from - near, world.to + near)
        .map(|at| at.with_timezone(&zone).date_naive())
        .collect();
    let mut blocks = Vec::new();
    for date in dates {
        let rows: Vec<_> = calendar.overrides.iter().filter(|row| row.date() == date).collect();
        let closed = rows.iter().any(|row| row.block().is_none());
        if closed || covers(&calendar.time_off, date) || covers(&calendar.closures, date) {
            continue;
        }
        let hours: Vec<_> = if rows.is_empty() {
            let weekday = chrono::Datelike::weekday(&date);
            let weekly = calendar.weekly_hours.iter();
            weekly.filter(|row| row.weekday() == weekday).map(|row| row.block()).collect()
        } else {
            rows.iter().filter_map(|row| row.block()).collect()
        };
        let midnight = date.and_hms_opt(0, 0, 0).unwrap();
        for block in hours {
            let edge = |time: u16| resolve(zone, midnight + minutes(time));
            blocks.push((edge(block.start().minutes()), edge(block.end().minutes())));
        }
    }
    blocks
}

/// Whether a slot that starts here keeps its buffers clear of all that is taken.
pub(crate) fn clear(world: &World, start: DateTime<Utc>, length: Duration) -> bool {
    let from = start - minutes(world.rules.buffer_before.get());
    let to = start + length + minutes(world.rules.buffer_after.get());
    world.taken.iter().all(|taken| {
        let (busy_from, busy_to) =
            (taken.start - minutes(taken.before), taken.end + minutes(taken.after));
        busy_from == busy_to || to <= busy_from || busy_to <= from
    })
}

fn date_is_full(world: &World, start: DateTime<Utc>) -> bool {
    let zone = world.calendar.zone;
    let date = start.with_timezone(&zone).date_naive();
    let booked = world
        .taken
        .iter()
        .filter(|taken| taken.counted && taken.start.with_timezone(&zone).date_naive() == date);
    let booked = u32::try_from(booked.count()).unwrap();
    world.rules.max_per_day.is_some_and(|most| booked >= most)
}

/// The slots of the world, by walking.
pub(crate) fn slots(world: &World) -> Vec<DateTime<Utc>> {
    let rules = &world.rules;
    let blocks = blocks(world);
    let earliest = world.now + minutes(rules.min_notice.get());
    // A minute is free when a body could lie on it: open, and buffers clear around it.
    let free = |at: DateTime<Utc>| {
        world.from <= at
            && at < world.to
            && at >= earliest
            && blocks.iter().any(|(start, end)| *start <= at && at < *end)
            && clear(world, at, minutes(1))
    };
    let mut slots = Vec::new();
    let mut at = world.from;
    while at < world.to {
        if !free(at) {
            at += minutes(1);
            continue;
        }
        let start = at;
        while free(at) {
            at += minutes(1);
        }
        let candidates = each_minute(start, at).filter(|slot| *slot + world.duration() <= at);
        slots.extend(candidates.filter(|slot| {
            aligned(world, start, *slot)
                && rules.horizon.is_none_or(|far| *slot <= world.now + minutes(far.get()))
                && !date_is_full(world, *slot)
        }));
    }
    slots
}

fn aligned(world: &World, window: DateTime<Utc>, slot: DateTime<Utc>) -> bool {
    let interval = i64::from(world.rules.interval.get());
    let own = world.calendar.zone;
    let every =
        |anchor: DateTime<Utc>| slot >= anchor && (slot - anchor).num_minutes() % interval == 0;
    match world.rules.alignment {
        Alignment::WindowStart => every(window),
        Alignment::QueryGrid => every(world.from),
        Alignment::RoundWindowStart { zone, step, offset_minutes } => {
            let minute = window.with_timezone(&zone.unwrap_or(own)).minute();
            let hour = window - minutes(minute);
            let mut rounded = window;
            while (rounded - hour).num_minutes() % i64::from(step.get()) != 0 {
                rounded += minutes(1);
            }
            every(rounded + minutes(offset_minutes))
        }
        Alignment::LocalDayGrid { zone, offset_minutes } => {
            let wall = slot.with_timezone(&zone.unwrap_or(own));
            let since_midnight = i64::from(wall.hour() * 60 + wall.minute());
            (since_midnight - i64::from(offset_minutes)) % interval == 0
        }
    }
}
