//! The rules, one sentence each.

use chrono::{DateTime, NaiveDate, TimeDelta, Utc, Weekday};
use chrono_tz::Tz;
use restartix_scheduling::engine::{
    Alignment, Busy, DateOverride, Diary, LocalBlock, LocalDates, Minutes, PositiveMinutes, Query,
    Rules, SlotRefusal, SpecialistCalendar, Unavailable, WeeklyBlock, Window, availability,
    check_slot, free_slots, opening_windows,
};

pub(crate) fn at(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

pub(crate) fn query(from: &str, to: &str) -> Query {
    Query::new(at(from), at(to)).unwrap()
}

pub(crate) fn lasting(minutes: u32) -> Rules {
    Rules::new(PositiveMinutes::new(minutes).unwrap())
}

fn date(text: &str) -> NaiveDate {
    text.parse().unwrap()
}

fn block(start: &str, end: &str) -> LocalBlock {
    LocalBlock::new(start.parse().unwrap(), end.parse().unwrap()).unwrap()
}

/// Open in these hours, every day of the week.
pub(crate) fn daily(zone: Tz, hours: &[(&str, &str)]) -> SpecialistCalendar {
    let mut calendar = SpecialistCalendar::new(zone);
    for day in (0u8..7).map(|day| Weekday::try_from(day).unwrap()) {
        calendar.weekly_hours.extend(hours.iter().map(|(start, end)| {
            WeeklyBlock::new(day, start.parse().unwrap(), end.parse().unwrap()).unwrap()
        }));
    }
    calendar
}

pub(crate) fn busy(from: &str, to: &str) -> Busy {
    Busy::new(at(from), at(to)).unwrap()
}

pub(crate) fn minutes(count: u32) -> Minutes {
    Minutes::new(count).unwrap()
}

fn windows(calendar: &SpecialistCalendar, from: &str, to: &str) -> Vec<String> {
    opening_windows(calendar, query(from, to))
        .into_iter()
        .map(|window| {
            format!("{}/{}", window.starts_at.format("%dT%R"), window.ends_at.format("%dT%R"))
        })
        .collect()
}

/// The starts on 2026-01-05, a Monday, as `HH:MM`.
fn monday(rules: &Rules, calendar: &SpecialistCalendar, busy: &[Busy]) -> Vec<String> {
    let diary = Diary { calendar, busy, open_sessions: &[] };
    let query = query("2026-01-05T00:00:00Z", "2026-01-06T00:00:00Z");
    free_slots(rules, &diary, query, None).iter().map(|s| s.format("%R").to_string()).collect()
}

#[test]
fn a_block_across_a_gap_shrinks_and_one_inside_it_moves_forward() {
    let inside = daily(Tz::America__New_York, &[("02:15", "02:45")]);
    assert_eq!(
        windows(&inside, "2026-03-08T00:00:00Z", "2026-03-09T00:00:00Z"),
        ["08T07:15/08T07:45"]
    );
    let across = daily(Tz::America__New_York, &[("01:30", "03:30")]);
    assert_eq!(
        windows(&across, "2026-03-08T00:00:00Z", "2026-03-09T00:00:00Z"),
        ["08T06:30/08T07:30"]
    );
    let swallowed = daily(Tz::America__New_York, &[("02:30", "03:15")]);
    assert!(windows(&swallowed, "2026-03-08T00:00:00Z", "2026-03-09T00:00:00Z").is_empty());
}

#[test]
fn a_repeated_hour_is_worked_twice_when_the_block_spans_it() {
    let night = daily(Tz::Europe__Bucharest, &[("02:00", "05:00")]);
    assert_eq!(
        windows(&night, "2026-10-24T12:00:00Z", "2026-10-25T12:00:00Z"),
        ["24T23:00/25T03:00"]
    );
}

#[test]
fn lord_howe_turns_by_half_an_hour() {
    let night = daily(Tz::Australia__Lord_Howe, &[("01:00", "03:00")]);
    let spring = windows(&night, "2026-10-03T00:00:00Z", "2026-10-04T00:00:00Z");
    assert_eq!(spring, ["03T14:30/03T16:00"]);
    let autumn = windows(&night, "2026-04-04T00:00:00Z", "2026-04-05T00:00:00Z");
    assert_eq!(autumn, ["04T14:00/04T16:30"]);
}

#[test]
fn the_whole_day_begins_with_its_first_instant_where_there_is_no_midnight() {
    for (zone, from, to, expected) in [
        (Tz::Africa__Cairo, "2026-04-23T22:00:00Z", "2026-04-24T21:00:00Z", 23),
        (Tz::America__Sao_Paulo, "2018-11-04T03:00:00Z", "2018-11-05T02:00:00Z", 23),
        (Tz::America__Sao_Paulo, "2018-02-17T02:00:00Z", "2018-02-18T03:00:00Z", 25),
    ] {
        let mut calendar = SpecialistCalendar::new(zone);
        let day = at(from).with_timezone(&zone).date_naive();
        calendar.overrides.push(DateOverride::open(day, LocalBlock::WHOLE_DAY));
        let around = TimeDelta::days(3);
        let asked = Query::new(at(from) - around, at(to) + around).unwrap();
        let open = opening_windows(&calendar, asked);
        assert_eq!(open.len(), 1);
        assert_eq!((open[0].starts_at, open[0].ends_at), (at(from), at(to)));
        assert_eq!((open[0].ends_at - open[0].starts_at).num_hours(), expected);
    }
}

#[test]
fn the_day_that_apia_skipped_has_no_hours_and_its_neighbours_keep_theirs() {
    let calendar = daily(Tz::Pacific__Apia, &[("09:00", "17:00")]);
    assert_eq!(
        windows(&calendar, "2011-12-29T12:00:00Z", "2011-12-31T12:00:00Z"),
        ["29T19:00/30T03:00", "30T19:00/31T03:00"]
    );
    let mut friday = SpecialistCalendar::new(Tz::Pacific__Apia);
    friday.overrides.push(DateOverride::open(date("2011-12-30"), block("09:00", "17:00")));
    assert!(windows(&friday, "2011-12-26T00:00:00Z", "2012-01-03T00:00:00Z").is_empty());
}

#[test]
fn hours_across_midnight_are_two_blocks_that_merge() {
    let night = daily(Tz::UTC, &[("22:00", "24:00"), ("00:00", "02:00")]);
    assert_eq!(
        windows(&night, "2026-01-05T12:00:00Z", "2026-01-06T12:00:00Z"),
        ["05T22:00/06T02:00"]
    );
}

#[test]
fn an_override_replaces_the_weekly_hours_and_several_are_a_union() {
    let mut calendar = daily(Tz::UTC, &[("08:00", "20:00")]);
    let monday = date("2026-01-05");
    for hours in [block("13:00", "14:00"), block("09:00", "10:00"), block("10:00", "11:00")] {
        calendar.overrides.push(DateOverride::open(monday, hours));
    }
    let day = ("2026-01-05T00:00:00Z", "2026-01-06T00:00:00Z");
    assert_eq!(windows(&calendar, day.0, day.1), ["05T09:00/05T11:00", "05T13:00/05T14:00"]);
    calendar.overrides.push(DateOverride::closed(monday));
    assert!(windows(&calendar, day.0, day.1).is_empty());
}

#[test]
fn time_off_and_closures_beat_overrides() {
    let day = ("2026-01-05T00:00:00Z", "2026-01-08T00:00:00Z");
    let mut calendar = daily(Tz::UTC, &[("08:00", "09:00")]);
    calendar.overrides.push(DateOverride::open(date("2026-01-05"), block("10:00", "11:00")));
    calendar.time_off.push(LocalDates::new(date("2025-12-20"), date("2026-01-05")).unwrap());
    calendar.closures.push(LocalDates::day(date("2026-01-07")));
    assert_eq!(windows(&calendar, day.0, day.1), ["06T08:00/06T09:00"]);
}

#[test]
fn buffers_of_both_sides_are_added_up_and_free_time_begins_after_them() {
    let calendar = daily(Tz::UTC, &[("09:00", "12:00")]);
    let booked = busy("2026-01-05T10:00:00Z", "2026-01-05T10:20:00Z");
    let booked = booked.with_buffers(minutes(5), minutes(10));
    let rules = Rules { buffer_before: minutes(10), buffer_after: minutes(15), ..lasting(30) };
    // Free until 10:00 - 5 - 15 and again from 10:20 + 10 + 10.
    assert_eq!(monday(&rules, &calendar, &[booked]), ["09:00", "10:40", "11:10"]);
    let rules = Rules { interval: PositiveMinutes::new(5).unwrap(), ..rules };
    let grid =
        Rules { alignment: Alignment::LocalDayGrid { zone: None, offset_minutes: 0 }, ..rules };
    let starts = monday(&grid, &calendar, &[booked]);
    assert_eq!(starts[..4], ["09:00", "09:05", "09:10", "10:40"]);
}

#[test]
fn buffers_may_lie_outside_working_hours_and_touching_footprints_do_not_meet() {
    let calendar = daily(Tz::UTC, &[("09:00", "10:00")]);
    let rules = Rules { buffer_before: minutes(30), buffer_after: minutes(30), ..lasting(60) };
    assert_eq!(monday(&rules, &calendar, &[]), ["09:00"]);
    let before = busy("2026-01-05T08:00:00Z", "2026-01-05T08:30:00Z");
    let after = busy("2026-01-05T10:30:00Z", "2026-01-05T11:00:00Z");
    assert_eq!(monday(&rules, &calendar, &[after, before]), ["09:00"]);
    let nearer = before.with_buffers(minutes(0), minutes(1));
    assert!(monday(&rules, &calendar, &[nearer]).is_empty());
}

#[test]
fn busy_time_splits_a_window_before_it_is_aligned() {
    let calendar = daily(Tz::UTC, &[("09:00", "12:00")]);
    let busy = [busy("2026-01-05T09:50:10Z", "2026-01-05T10:05:10Z")];
    assert_eq!(monday(&lasting(30), &calendar, &busy), ["09:00", "10:06", "10:36", "11:06"]);
    let round = |step, offset_minutes| Rules {
        alignment: Alignment::RoundWindowStart {
            zone: None,
            step: PositiveMinutes::new(step).unwrap(),
            offset_minutes,
        },
        ..lasting(30)
    };
    let starts = monday(&round(15, 0), &calendar, &busy);
    assert_eq!(starts, ["09:00", "10:15", "10:45", "11:15"]);
    let starts = monday(&round(20, 5), &calendar, &busy);
    assert_eq!(starts, ["09:05", "10:25", "10:55", "11:25"]);
}

#[test]
fn busy_time_of_no_length_takes_nothing_unless_it_has_buffers() {
    let calendar = daily(Tz::UTC, &[("09:00", "11:00")]);
    let nothing = busy("2026-01-05T10:10:00Z", "2026-01-05T10:10:00Z");
    let rules = Rules { buffer_after: minutes(10), ..lasting(60) };
    assert_eq!(monday(&rules, &calendar, &[nothing]), ["09:00", "10:00"]);
    let padded = nothing.with_buffers(minutes(5), minutes(0));
    assert_eq!(monday(&lasting(50), &calendar, &[padded]), ["09:00", "10:10"]);
}

#[test]
fn fractions_of_a_second_never_let_a_slot_overlap_or_begin_too_soon() {
    let calendar = daily(Tz::UTC, &[("09:00", "11:00")]);
    let booked = [busy("2026-01-05T09:00:00.5Z", "2026-01-05T10:00:00.5Z")];
    assert_eq!(monday(&lasting(20), &calendar, &booked), ["10:01", "10:21"]);
    let diary = Diary { calendar: &calendar, busy: &[], open_sessions: &[] };
    let day = query("2026-01-05T00:00:00Z", "2026-01-05T11:00:00Z");
    let late = Some(at("2026-01-05T10:00:00.5Z"));
    assert_eq!(free_slots(&lasting(30), &diary, day, late), [at("2026-01-05T10:01:00Z")]);
    let cut = query("2026-01-05T10:00:00.5Z", "2026-01-05T10:59:59.5Z");
    assert_eq!(free_slots(&lasting(30), &diary, cut, None), [at("2026-01-05T10:01:00Z")]);
}

#[test]
fn a_date_with_max_per_day_bookings_by_the_specialists_calendar_takes_no_more() {
    let calendar = daily(Tz::Asia__Kathmandu, &[("00:00", "24:00")]);
    // 23:00 on the fifth and 00:30 on the sixth in Kathmandu, the same date in UTC.
    let booked = [
        busy("2026-01-05T17:15:00Z", "2026-01-05T17:30:00Z").counted(),
        busy("2026-01-05T18:45:00Z", "2026-01-05T19:00:00Z").counted(),
        busy("2026-01-05T20:00:00Z", "2026-01-05T20:15:00Z").counted(),
        busy("2026-01-05T10:00:00Z", "2026-01-05T10:15:00Z"),
    ];
    let rules = Rules { max_per_day: Some(2), ..lasting(60) };
    let starts = monday(&rules, &calendar, &booked);
    assert_eq!(
        (starts.first().unwrap().as_str(), starts.last().unwrap().as_str()),
        ("00:00", "17:30")
    );
    let none = Rules { max_per_day: Some(0), ..lasting(60) };
    assert!(monday(&none, &calendar, &[]).is_empty());
}

#[test]
fn rounding_goes_by_the_local_hour() {
    // Kathmandu is 5:45 ahead: 09:00 there is 03:15 UTC.
    let calendar = daily(Tz::Asia__Kathmandu, &[("09:10", "11:00")]);
    let round = |zone| Rules {
        alignment: Alignment::RoundWindowStart {
            zone,
            step: PositiveMinutes::new(60).unwrap(),
            offset_minutes: 0,
        },
        ..lasting(60)
    };
    assert_eq!(monday(&round(None), &calendar, &[]), ["04:15"]);
    assert_eq!(monday(&round(Some(Tz::UTC)), &calendar, &[]), ["04:00"]);
}

#[test]
fn the_day_grid_starts_anew_at_every_midnight_and_goes_by_the_wall() {
    let calendar = daily(Tz::Europe__London, &[("00:00", "24:00")]);
    let grid = |interval, offset_minutes| Rules {
        interval: PositiveMinutes::new(interval).unwrap(),
        alignment: Alignment::LocalDayGrid { zone: None, offset_minutes },
        ..lasting(10)
    };
    assert_eq!(monday(&grid(500, 0), &calendar, &[]), ["00:00", "08:20", "16:40"]);
    assert_eq!(monday(&grid(500, -10), &calendar, &[]), ["08:10", "16:30"]);
    // 2026-03-29: the wall jumps from 01:00 to 02:00, and the grid of 90 minutes with it.
    let diary = Diary { calendar: &calendar, busy: &[], open_sessions: &[] };
    let spring = query("2026-03-29T00:00:00Z", "2026-03-29T05:00:00Z");
    let starts = free_slots(&grid(90, 0), &diary, spring, None);
    assert_eq!(starts, ["00:00", "02:00", "03:30"].map(|t| at(&format!("2026-03-29T{t}:00Z"))));
}

#[test]
fn notice_cuts_the_window_before_it_is_aligned_and_the_horizon_is_the_last_start() {
    let calendar = daily(Tz::UTC, &[("09:00", "12:00")]);
    let diary = Diary { calendar: &calendar, busy: &[], open_sessions: &[] };
    let day = query("2026-01-05T00:00:00Z", "2026-01-06T00:00:00Z");
    let rules = Rules { min_notice: minutes(60), horizon: Some(minutes(121)), ..lasting(30) };
    let starts = free_slots(&rules, &diary, day, Some(at("2026-01-05T08:09:30Z")));
    assert_eq!(starts, ["09:10", "09:40", "10:10"].map(|t| at(&format!("2026-01-05T{t}:00Z"))));
}

#[test]
fn a_client_sees_the_starts_of_the_whole_local_day_however_narrow_the_range() {
    let calendar = daily(Tz::America__New_York, &[("09:00", "17:00")]);
    let diary = Diary { calendar: &calendar, busy: &[], open_sessions: &[] };
    let narrow = query("2026-01-05T15:10:00Z", "2026-01-05T16:40:00Z");
    let starts = availability(&lasting(30), &diary, narrow, None);
    assert_eq!(starts, ["15:30", "16:00"].map(|t| at(&format!("2026-01-05T{t}:00Z"))));
    let exact = free_slots(&lasting(30), &diary, narrow, None);
    assert_eq!(exact[0], at("2026-01-05T15:10:00Z"));
}

#[test]
fn a_session_with_a_free_seat_offers_its_own_start_although_it_is_busy() {
    let calendar = daily(Tz::UTC, &[("09:00", "11:00")]);
    let session = busy("2026-01-05T09:20:00Z", "2026-01-05T09:50:00Z").counted();
    let open = [at("2026-01-05T09:20:00Z"), at("2026-01-05T18:00:00Z")];
    let diary = Diary { calendar: &calendar, busy: &[session], open_sessions: &open };
    let day = query("2026-01-05T00:00:00Z", "2026-01-06T00:00:00Z");
    let starts = free_slots(&lasting(30), &diary, day, None);
    assert_eq!(starts, ["09:20", "09:50", "10:20"].map(|t| at(&format!("2026-01-05T{t}:00Z"))));
    let now = at("2026-01-01T00:00:00Z");
    assert_eq!(check_slot(&lasting(30), &diary, open[0], now), Ok(()));
    let shut = Diary { open_sessions: &[], ..diary };
    assert_eq!(check_slot(&lasting(30), &shut, open[0], now), Err(SlotRefusal::Taken));
    let noticed = Rules { min_notice: minutes(20), ..lasting(30) };
    let in_time = free_slots(&noticed, &diary, day, Some(at("2026-01-05T09:00:00Z")));
    assert_eq!(in_time[0], open[0]);
    let late = free_slots(&noticed, &diary, day, Some(at("2026-01-05T09:00:01Z")));
    assert_eq!(late[0], at("2026-01-05T09:50:00Z"));
    // It counts as one booking of its date, however many seats are taken in it.
    let full = Rules { max_per_day: Some(1), ..lasting(30) };
    assert_eq!(free_slots(&full, &diary, day, None), open[..1]);
    assert_eq!(check_slot(&full, &diary, open[0], now), Ok(()));
    let other = at("2026-01-05T10:00:00Z");
    let refused = SlotRefusal::Unavailable(Unavailable::DateFull);
    assert_eq!(check_slot(&full, &diary, other, now), Err(refused));
}

#[test]
fn a_refusal_names_the_rule() {
    let mut calendar = daily(Tz::UTC, &[("09:00", "12:00")]);
    calendar.time_off.push(LocalDates::day(date("2026-01-06")));
    let booked = [busy("2026-01-05T10:00:00Z", "2026-01-05T10:30:00Z").counted()];
    let diary = Diary { calendar: &calendar, busy: &booked, open_sessions: &[] };
    let rules = Rules {
        min_notice: minutes(60),
        horizon: Some(minutes(3 * 24 * 60)),
        max_per_day: Some(1),
        alignment: Alignment::LocalDayGrid { zone: None, offset_minutes: 0 },
        ..lasting(30)
    };
    let now = at("2026-01-05T08:30:00Z");
    for (start, expected) in [
        ("2026-01-05T11:45:00Z", Err(SlotRefusal::Unavailable(Unavailable::Closed))),
        ("2026-01-06T10:00:00Z", Err(SlotRefusal::Unavailable(Unavailable::Closed))),
        ("2026-01-05T09:00:00Z", Err(SlotRefusal::Unavailable(Unavailable::TooSoon))),
        ("2026-01-08T09:00:00Z", Err(SlotRefusal::Unavailable(Unavailable::TooFar))),
        ("2026-01-07T09:10:00Z", Err(SlotRefusal::Unavailable(Unavailable::OffGrid))),
        ("2026-01-07T09:00:30Z", Err(SlotRefusal::Unavailable(Unavailable::OffGrid))),
        ("2026-01-07T09:00:00.5Z", Err(SlotRefusal::Unavailable(Unavailable::OffGrid))),
        ("2026-01-05T10:00:00Z", Err(SlotRefusal::Taken)),
        ("2026-01-05T11:00:00Z", Err(SlotRefusal::Unavailable(Unavailable::DateFull))),
        ("2026-01-07T09:00:00Z", Ok(())),
    ] {
        assert_eq!(check_slot(&rules, &diary, at(start), now), expected, "{start}");
    }
}

#[test]
fn time_off_to_the_instant_is_cut_out_and_a_slot_that_meets_it_is_closed() {
    let zone = Tz::Europe__Bucharest;
    let mut calendar = daily(zone, &[("09:00", "12:00")]);
    calendar.overrides.push(DateOverride::open(date("2026-01-05"), block("09:00", "13:00")));
    let away = |from: &str, to: &str| Window { starts_at: at(from), ends_at: at(to) };
    calendar.away = vec![
        away("2026-01-05T08:10:20Z", "2026-01-05T08:45:00.5Z"),
        away("2026-01-05T08:30:00Z", "2026-01-05T08:40:00Z"),
        away("2026-01-06T00:00:00Z", "2026-01-07T00:00:00Z"),
    ];
    let open = windows(&calendar, "2026-01-04T22:00:00Z", "2026-01-07T22:00:00Z");
    let expected = ["05T07:00/05T08:10", "05T08:45/05T11:00", "07T07:00/07T10:00"];
    assert_eq!(open, expected, "the seconds aside");

    let rules = lasting(30);
    let diary = Diary { calendar: &calendar, busy: &[], open_sessions: &[] };
    let now = at("2026-01-01T00:00:00Z");
    let check = |start: &str| check_slot(&rules, &diary, at(start), now);
    let closed = Err(SlotRefusal::Unavailable(Unavailable::Closed));
    assert_eq!(check("2026-01-05T07:40:00Z"), Ok(()), "ends before it");
    assert_eq!(check("2026-01-05T07:41:00Z"), closed);
    assert_eq!(check("2026-01-05T08:45:00Z"), closed, "the second in which it ends");
    assert_eq!(check("2026-01-05T08:46:00Z"), Ok(()));
    assert_eq!(check("2026-01-06T08:00:00Z"), closed);
}

#[test]
fn an_override_on_the_day_the_clocks_change_has_the_hours_of_the_wall() {
    let zone = Tz::Europe__Bucharest;
    let mut calendar = daily(zone, &[]);
    // Forward at 03:00 to 04:00, and back at 04:00 to 03:00.
    for day in ["2026-03-29", "2026-10-25"] {
        calendar.overrides.push(DateOverride::open(date(day), block("02:00", "05:00")));
    }
    let spring = windows(&calendar, "2026-03-28T00:00:00Z", "2026-03-30T00:00:00Z");
    assert_eq!(spring, ["29T00:00/29T02:00"], "two hours");
    let autumn = windows(&calendar, "2026-10-24T00:00:00Z", "2026-10-26T00:00:00Z");
    assert_eq!(autumn, ["24T23:00/25T03:00"], "four hours");
    calendar.closures.push(LocalDates::day(date("2026-10-25")));
    let closed = windows(&calendar, "2026-10-24T00:00:00Z", "2026-10-26T00:00:00Z");
    assert_eq!(closed, Vec::<String>::new());
}
