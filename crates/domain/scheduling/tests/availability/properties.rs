//! What holds of every answer.

use crate::{
    reference,
    world::{Taken, World, alignment, day_grid, world},
};
use chrono::{DateTime, Duration, NaiveTime, TimeZone, Utc};
use proptest::prelude::*;
use restartix_scheduling::engine::{
    Busy, Query, SlotRefusal, availability, check_slot, free_slots, opening_windows,
};

fn slots(world: &World) -> Vec<DateTime<Utc>> {
    let busy = world.busy();
    free_slots(&world.rules, &world.diary(&busy), world.query(), Some(world.now))
}

fn between(world: &World, from: DateTime<Utc>, to: DateTime<Utc>) -> Vec<DateTime<Utc>> {
    slots(&World { from, to, ..world.clone() })
}

fn listed(world: &World) -> Vec<DateTime<Utc>> {
    let busy = world.busy();
    availability(&world.rules, &world.diary(&busy), world.query(), Some(world.now))
}

fn checked(world: &World, start: DateTime<Utc>) -> Result<(), SlotRefusal> {
    let busy = world.busy();
    check_slot(&world.rules, &world.diary(&busy), start, world.now)
}

/// The start of each UTC day within the query, and the query's own ends.
fn cuts(world: &World, of_day: Duration) -> Vec<DateTime<Utc>> {
    let day = world.from.date_naive().and_time(NaiveTime::MIN).and_utc() + of_day;
    let days = (0..8).map(|n| day + Duration::days(n));
    let inside = days.filter(|cut| world.from < *cut && *cut < world.to);
    [world.from].into_iter().chain(inside).chain([world.to]).collect()
}

fn booked(world: &World, start: DateTime<Utc>) -> World {
    let mut after = world.clone();
    after.taken.push(Taken {
        start,
        end: start + world.duration(),
        before: world.rules.buffer_before.get(),
        after: world.rules.buffer_after.get(),
        counted: true,
    });
    after
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn the_engine_agrees_with_a_walk_minute_by_minute(world in world(alignment())) {
        prop_assert_eq!(slots(&world), reference::slots(&world));
    }

    #[test]
    fn every_slot_lies_in_a_window_and_meets_no_padded_busy_time(world in world(alignment())) {
        let windows = opening_windows(&world.calendar, world.query());
        for start in slots(&world) {
            let end = start + world.duration();
            prop_assert!(windows.iter().any(|w| w.starts_at <= start && end <= w.ends_at));
            prop_assert!(reference::clear(&world, start, world.duration()));
            prop_assert!(start >= world.now);
        }
    }

    #[test]
    fn slots_ascend_and_are_unique(world in world(alignment())) {
        prop_assert!(slots(&world).is_sorted_by(|a, b| a < b));
        prop_assert!(listed(&world).is_sorted_by(|a, b| a < b));
    }

    #[test]
    fn the_order_of_the_input_does_not_matter(world in world(alignment()), turn in 0usize..12) {
        let mut other = world.clone();
        let turned = |length: usize| turn.checked_rem(length).unwrap_or(0);
        other.taken.rotate_left(turned(world.taken.len()));
        other.taken.reverse();
        let calendar = &mut other.calendar;
        calendar.weekly_hours.rotate_left(turned(world.calendar.weekly_hours.len()));
        calendar.overrides.reverse();
        calendar.time_off.reverse();
        prop_assert_eq!(slots(&world), slots(&other));
    }

    #[test]
    fn on_the_day_grid_cutting_a_query_loses_only_the_slots_across_the_cuts(
        world in world(day_grid()),
        of_day in 0i64..1440,
    ) {
        let cuts = cuts(&world, Duration::minutes(of_day));
        let parts: Vec<_> =
            cuts.windows(2).flat_map(|part| between(&world, part[0], part[1])).collect();
        let mut whole = slots(&world);
        whole.retain(|start| {
            !cuts.iter().any(|cut| *start < *cut && *cut < *start + world.duration())
        });
        prop_assert_eq!(parts, whole);
    }

    #[test]
    fn on_other_alignments_every_slot_of_a_part_is_valid(
        world in world(alignment()),
        of_day in 0i64..1440,
    ) {
        for part in cuts(&world, Duration::minutes(of_day)).windows(2) {
            let part = World { from: part[0], to: part[1], ..world.clone() };
            prop_assert_eq!(slots(&part), reference::slots(&part));
        }
    }

    #[test]
    fn a_client_sees_the_same_starts_however_a_day_is_cut(
        world in world(alignment()),
        (from, to) in (0i64..1440, 0i64..1440),
    ) {
        // Two instants of one local date, of which a zone may repeat some.
        let date = world.from.with_timezone(&world.calendar.zone).date_naive();
        let wall = |minutes| date.and_time(NaiveTime::MIN) + Duration::minutes(minutes);
        let at = |minutes| world.calendar.zone.from_local_datetime(&wall(minutes)).earliest();
        let (Some(from), Some(to)) = (at(from.min(to)), at(from.max(to))) else { return Ok(()) };
        let (from, to) = (from.to_utc().min(to.to_utc()), to.to_utc().max(from.to_utc()));
        let (Some(first), Some(last)) = (at(0), at(1439)) else { return Ok(()) };
        let (first, last) = (first.to_utc(), last.to_utc() + Duration::minutes(1));
        let mut day = listed(&World { from: first, to: last, ..world.clone() });
        day.retain(|start| from <= *start && *start + world.duration() <= to);
        prop_assert_eq!(listed(&World { from, to, ..world.clone() }), day);
    }

    #[test]
    fn booking_takes_its_start_and_never_frees_time(
        world in world(alignment()),
        pick in any::<prop::sample::Index>(),
    ) {
        let before = slots(&world);
        if before.is_empty() {
            return Ok(());
        }
        let start = before[pick.index(before.len())];
        let after = booked(&world, start);
        prop_assert_eq!(checked(&after, start), Err(SlotRefusal::Taken));
        for left in slots(&after) {
            prop_assert!(left != start);
            prop_assert_eq!(checked(&world, left), Ok(()));
        }
    }

    #[test]
    fn on_grids_that_do_not_move_booking_only_removes_starts(
        world in world(prop_oneof![
            day_grid(),
            Just(restartix_scheduling::engine::Alignment::QueryGrid),
        ]),
        pick in any::<prop::sample::Index>(),
    ) {
        let before = slots(&world);
        if before.is_empty() {
            return Ok(());
        }
        let after = slots(&booked(&world, before[pick.index(before.len())]));
        prop_assert!(after.iter().all(|start| before.contains(start)));
    }

    #[test]
    fn every_start_that_is_listed_is_accepted(world in world(alignment())) {
        for start in listed(&world) {
            prop_assert_eq!(checked(&world, start), Ok(()));
        }
    }

    #[test]
    fn on_the_day_grid_a_start_is_accepted_exactly_when_it_is_listed(
        world in world(day_grid()),
        minutes in prop::collection::vec(-3_000i64..3_000, 40),
    ) {
        let first = world.from - Duration::minutes(3_000);
        let wide = World { from: first, to: first + Duration::minutes(8_000), ..world.clone() };
        let listed = listed(&wide);
        for minute in minutes {
            let start = world.from + Duration::minutes(minute);
            prop_assert_eq!(checked(&world, start).is_ok(), listed.contains(&start), "{}", start);
        }
    }

    #[test]
    fn an_accepted_start_breaks_no_rule(
        world in world(alignment()),
        minutes in prop::collection::vec(-3_000i64..3_000, 40),
    ) {
        for minute in minutes {
            let start = world.from + Duration::minutes(minute);
            if checked(&world, start).is_ok() {
                // Alone in its own query, with a grid that begins there.
                let mut alone = World { from: start, to: start + world.duration(), ..world.clone() };
                alone.rules.alignment = restartix_scheduling::engine::Alignment::QueryGrid;
                prop_assert_eq!(reference::slots(&alone), vec![start]);
            }
        }
    }

    #[test]
    fn seconds_in_the_question_only_take_away(
        world in world(alignment()),
        seconds in prop::array::uniform4(0i64..60),
    ) {
        let mut world = world;
        let [from, to, now, busy] = seconds.map(Duration::seconds);
        (world.from, world.now) = (world.from + from, world.now + now);
        world.to = (world.to + to).max(world.from);
        for taken in &mut world.taken {
            taken.end += busy;
        }
        let all: Vec<Busy> = world.busy();
        let query = Query::new(world.from, world.to).unwrap();
        let windows = opening_windows(&world.calendar, query);
        for start in free_slots(&world.rules, &world.diary(&all), query, Some(world.now)) {
            let end = start + world.duration();
            let notice = Duration::minutes(world.rules.min_notice.get().into());
            prop_assert!(windows.iter().any(|w| w.starts_at <= start && end <= w.ends_at));
            prop_assert!(reference::clear(&world, start, world.duration()));
            prop_assert!(start >= world.now + notice);
        }
    }
}
