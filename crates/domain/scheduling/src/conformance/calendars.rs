use chrono::{TimeDelta, Weekday};
use chrono_tz::Tz;
use restartix_kernel::PageRequest;
use restartix_tenancy::Change;

use super::Case;
use crate::engine::{LocalTime, WeeklyBlock, Window};
use crate::{Booking, Calendars};

fn block(weekday: Weekday, start: u16, end: u16) -> WeeklyBlock {
    let hour = |hour: u16| LocalTime::from_minutes(hour * 60).unwrap();
    WeeklyBlock::new(weekday, hour(start), hour(end)).unwrap()
}

/// The rules of [`Calendars`], before anybody is booked.
pub async fn calendars(calendars: &mut dyn Calendars, case: &Case) {
    let range = Window { starts_at: case.now, ends_at: case.now + TimeDelta::days(7) };
    let listed = calendars.list(&PageRequest::default()).await.unwrap().items;
    let ids: Vec<_> = listed.iter().map(|specialist| specialist.id).collect();
    assert!(ids.contains(&case.specialist) && ids.is_sorted(), "the specialists, by id");
    assert!(!ids.contains(&case.patient), "a patient has a calendar");
    for nobody in [case.patient, case.stranger] {
        assert!(calendars.find(nobody).await.unwrap().is_none(), "a specialist who is none");
        assert!(calendars.lock(nobody, range).await.unwrap().is_none(), "a diary of nobody");
        assert!(calendars.diaries(&[nobody], range).await.unwrap().is_empty());
        let absent = calendars.set_hours(nobody, Tz::UTC, &[], None).await.unwrap();
        assert_eq!(absent, Change::Absent, "hours of nobody");
    }

    let mut hours =
        vec![block(Weekday::Mon, 9, 12), block(Weekday::Mon, 13, 17), block(Weekday::Fri, 0, 24)];
    for zone in [Tz::Europe__Bucharest, Tz::Africa__Cairo] {
        let before = calendars.find(case.specialist).await.unwrap().unwrap().version;
        let set = calendars.set_hours(case.specialist, zone, &hours, Some(before)).await.unwrap();
        assert_eq!(set, Change::Made);
        let stale = calendars.set_hours(case.specialist, zone, &[], Some(before)).await.unwrap();
        assert_eq!(stale, Change::Stale, "hours that were changed meanwhile");
        let found = calendars.find(case.specialist).await.unwrap().unwrap();
        assert_eq!(found.version, before.next());
        assert_eq!((found.timezone, &found.hours), (zone, &hours), "hours are replaced whole");
        let diary = calendars.lock(case.specialist, range).await.unwrap().unwrap();
        assert_eq!((diary.calendar.zone, &diary.calendar.weekly_hours), (zone, &hours));
        assert_eq!((diary.busy.len(), diary.booked), (0, 0), "nobody was booked");
        let of_one = calendars.diaries(&[case.specialist], range).await.unwrap();
        assert_eq!(of_one, [diary], "a diary reads the same locked or not");
        hours.remove(0);
    }
    let of_all = calendars.diaries(&[], range).await.unwrap();
    let who: Vec<_> = of_all.iter().map(|diary| diary.specialist).collect();
    assert_eq!(who, ids, "the diaries of all are those of everybody listed, by id");
}

/// The diary as it must read once `booking` alone was kept: busy with its own buffers, counted,
/// within three days of a range and no further; then the specialist's last booking is known.
pub async fn the_diary_shows(calendars: &mut dyn Calendars, booking: &Booking) {
    let slot = booking.slot;
    let at = |days: i64| {
        let starts_at = slot.starts_at + TimeDelta::days(days);
        Window { starts_at, ends_at: starts_at + TimeDelta::hours(1) }
    };
    for days in [-2, 0, 2] {
        let diary = calendars.lock(slot.specialist, at(days)).await.unwrap().unwrap();
        assert_eq!(diary.busy, [slot.busy().unwrap().counted()], "{days} days off");
        assert!(diary.last_booked_at.is_some(), "a booking was not noted for the round robin");
    }
    let diary = calendars.lock(slot.specialist, at(0)).await.unwrap().unwrap();
    assert_eq!(diary.booked, 1, "a booking ahead was not counted for the round robin");
    let far = calendars.lock(slot.specialist, at(30)).await.unwrap().unwrap();
    assert_eq!(far.busy, [], "a booking a month away");
}

/// Run in another organisation: nothing of the case's is there, whatever is asked.
pub async fn calendars_are_unseen(calendars: &mut dyn Calendars, case: &Case) {
    let range = Window { starts_at: case.now, ends_at: case.now + TimeDelta::days(7) };
    let who = case.specialist;
    assert!(calendars.find(who).await.unwrap().is_none(), "another organisation's specialist");
    assert!(calendars.lock(who, range).await.unwrap().is_none());
    assert!(calendars.diaries(&[who], range).await.unwrap().is_empty());
    let absent = calendars.set_hours(who, Tz::UTC, &[], None).await.unwrap();
    assert_eq!(absent, Change::Absent);
    let listed = calendars.list(&PageRequest::default()).await.unwrap().items;
    assert!(listed.iter().all(|specialist| specialist.id != who));
}
