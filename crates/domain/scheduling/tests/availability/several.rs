//! Several specialists: any of them, all of them.

use crate::{
    rules::{at, busy, daily, lasting, query},
    world::{World, day_grid, world},
};
use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use proptest::prelude::*;
use restartix_scheduling::engine::{
    Busy, Candidate, Diary, SpecialistCalendar, all_of, any_of, availability, check_slot,
};

fn candidate<'a>(
    id: u32,
    calendar: &'a SpecialistCalendar,
    busy: &'a [Busy],
) -> Candidate<'a, u32> {
    let diary = Diary { calendar, busy, open_sessions: &[] };
    Candidate { id, diary, last_booked_at: None, booked: 0 }
}

fn instants(times: &[&str]) -> Vec<DateTime<Utc>> {
    times.iter().map(|time| at(&format!("2026-01-05T{time}:00Z"))).collect()
}

#[test]
fn any_offers_who_is_free_least_recently_booked_then_fewest_then_id() {
    let calendar = daily(Tz::UTC, &[("09:00", "10:00")]);
    let away = [busy("2026-01-05T09:30:00Z", "2026-01-05T10:00:00Z")];
    let long_ago = Some(at("2025-11-01T00:00:00Z"));
    let candidates = [
        Candidate {
            last_booked_at: Some(at("2026-01-02T00:00:00Z")),
            ..candidate(1, &calendar, &[])
        },
        Candidate { last_booked_at: long_ago, booked: 4, ..candidate(2, &calendar, &[]) },
        Candidate { last_booked_at: long_ago, booked: 3, ..candidate(5, &calendar, &[]) },
        Candidate { last_booked_at: long_ago, booked: 3, ..candidate(4, &calendar, &[]) },
        candidate(9, &calendar, &away),
    ];
    let day = query("2026-01-05T00:00:00Z", "2026-01-06T00:00:00Z");
    let offers = any_of(&lasting(30), &candidates, day, None);
    let (starts, who): (Vec<_>, Vec<_>) =
        offers.into_iter().map(|offer| (offer.starts_at, offer.specialists)).unzip();
    assert_eq!(starts, instants(&["09:00", "09:30"]));
    assert_eq!(who, [vec![9, 4, 5, 2, 1], vec![4, 5, 2, 1]]);
}

#[test]
fn all_aligns_the_time_that_is_free_for_everybody() {
    let early = daily(Tz::UTC, &[("09:00", "11:00")]);
    // 09:10 to 12:00 UTC.
    let late = daily(Tz::Europe__Bucharest, &[("11:10", "14:00")]);
    let booked = [busy("2026-01-05T09:45:00Z", "2026-01-05T09:55:00Z")];
    let candidates = [candidate(7, &early, &[]), candidate(3, &late, &booked)];
    let day = query("2026-01-05T00:00:00Z", "2026-01-06T00:00:00Z");
    let offers = all_of(&lasting(30), &candidates, day, None);
    assert!(offers.iter().all(|offer| offer.specialists == [7, 3]));
    let starts: Vec<_> = offers.into_iter().map(|offer| offer.starts_at).collect();
    assert_eq!(starts, instants(&["09:10", "09:55", "10:25"]));
}

#[test]
fn nobody_offers_nothing() {
    let day = query("2026-01-05T00:00:00Z", "2026-01-06T00:00:00Z");
    assert!(any_of::<u32>(&lasting(30), &[], day, None).is_empty());
    assert!(all_of::<u32>(&lasting(30), &[], day, None).is_empty());
}

#[test]
fn a_session_shared_by_all_with_a_free_seat_is_offered() {
    let calendar = daily(Tz::UTC, &[("09:00", "10:00")]);
    let booked = [busy("2026-01-05T09:10:00Z", "2026-01-05T09:40:00Z")];
    let open = [at("2026-01-05T09:10:00Z")];
    let mut candidates = [candidate(1, &calendar, &booked), candidate(2, &calendar, &booked)];
    let day = query("2026-01-05T00:00:00Z", "2026-01-06T00:00:00Z");
    candidates[0].diary.open_sessions = &open;
    assert!(all_of(&lasting(30), &candidates, day, None).is_empty());
    candidates[1].diary.open_sessions = &open;
    assert_eq!(all_of(&lasting(30), &candidates, day, None)[0].starts_at, open[0]);
    let shut = daily(Tz::UTC, &[("09:30", "10:00")]);
    candidates[1].diary.calendar = &shut;
    assert!(all_of(&lasting(30), &candidates, day, None).is_empty());
}

/// A second specialist for the first one's rules, query and now.
fn beside(first: &World, second: World) -> World {
    World { rules: first.rules, from: first.from, to: first.to, now: first.now, ..second }
}

proptest! {
    #[test]
    fn any_is_the_union_and_names_exactly_those_who_offer_the_start(
        first in world(crate::world::alignment()),
        second in world(day_grid()),
    ) {
        let worlds = [first.clone(), beside(&first, second)];
        let busy = worlds.each_ref().map(World::busy);
        let candidates = [0u32, 1].map(|id| {
            let index = usize::try_from(id).unwrap();
            candidate(id, &worlds[index].calendar, &busy[index])
        });
        let single = candidates.map(|candidate| {
            availability(&first.rules, &candidate.diary, first.query(), Some(first.now))
        });
        let offers = any_of(&first.rules, &candidates, first.query(), Some(first.now));
        prop_assert!(offers.is_sorted_by(|a, b| a.starts_at < b.starts_at));
        for (id, single) in [0, 1].into_iter().zip(single) {
            let named: Vec<_> = offers
                .iter()
                .filter(|offer| offer.specialists.contains(&id))
                .map(|offer| offer.starts_at)
                .collect();
            prop_assert_eq!(named, single);
        }
    }

    #[test]
    fn each_of_all_may_be_booked_at_every_start_that_is_offered(
        first in world(crate::world::alignment()),
        second in world(day_grid()),
    ) {
        let mut worlds = [first.clone(), beside(&first, second)];
        // The same dates for both, or they would seldom meet.
        worlds[1].calendar.weekly_hours.clone_from(&first.calendar.weekly_hours);
        let busy = worlds.each_ref().map(World::busy);
        let candidates = [
            candidate(0, &worlds[0].calendar, &busy[0]),
            candidate(1, &worlds[1].calendar, &busy[1]),
        ];
        for offer in all_of(&first.rules, &candidates, first.query(), Some(first.now)) {
            let mut rules = first.rules;
            // The second specialist's own midnight does not matter to a shared grid.
            rules.alignment = restartix_scheduling::engine::Alignment::WindowStart;
            for candidate in &candidates {
                let answer = check_slot(&rules, &candidate.diary, offer.starts_at, first.now);
                prop_assert_eq!(answer, Ok(()));
            }
        }
    }

    #[test]
    fn all_of_one_is_that_one(world in world(crate::world::alignment())) {
        let busy = world.busy();
        let one = [candidate(1, &world.calendar, &busy)];
        let offers = all_of(&world.rules, &one, world.query(), Some(world.now));
        let starts: Vec<_> = offers.into_iter().map(|offer| offer.starts_at).collect();
        let single = availability(&world.rules, &one[0].diary, world.query(), Some(world.now));
        prop_assert_eq!(starts, single);
    }

    #[test]
    fn all_on_one_day_grid_is_what_each_offers(
        first in world(day_grid()),
        second in world(day_grid()),
    ) {
        let mut second = beside(&first, second);
        second.calendar = SpecialistCalendar { zone: first.calendar.zone, ..first.calendar.clone() };
        second.calendar.overrides.clear();
        let busy = [first.busy(), second.busy()];
        let candidates =
            [candidate(0, &first.calendar, &busy[0]), candidate(1, &second.calendar, &busy[1])];
        let [mut each, other] = candidates.map(|candidate| {
            availability(&first.rules, &candidate.diary, first.query(), Some(first.now))
        });
        each.retain(|start| other.contains(start));
        let offers = all_of(&first.rules, &candidates, first.query(), Some(first.now));
        let starts: Vec<_> = offers.into_iter().map(|offer| offer.starts_at).collect();
        prop_assert_eq!(starts, each);
    }
}
