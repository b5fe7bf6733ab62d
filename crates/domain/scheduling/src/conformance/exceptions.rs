use chrono::{NaiveDate, TimeDelta};
use restartix_kernel::{Clock, ClosureId, Limit, PageRequest, Random, TimeOffId};

use super::Case;
use crate::engine::{DateOverride, LocalBlock, LocalDates, LocalTime, SpecialistCalendar, Window};
use crate::{Calendars, Closure, Exceptions, Override, TimeOff};

fn block(start: u16, end: u16) -> LocalBlock {
    let hour = |hour: u16| LocalTime::from_minutes(hour * 60).unwrap();
    LocalBlock::new(hour(start), hour(end)).unwrap()
}

async fn calendar<U: Calendars + ?Sized>(unit: &mut U, case: &Case) -> SpecialistCalendar {
    let range = Window { starts_at: case.now, ends_at: case.now + TimeDelta::days(7) };
    let locked = unit.lock(case.specialist, range).await.unwrap().unwrap();
    let read = unit.diaries(&[case.specialist], range).await.unwrap();
    assert_eq!(read, std::slice::from_ref(&locked), "a diary reads the same locked or not");
    locked.calendar
}

/// The rules of [`Exceptions`], before any was made; `unit` lends the calendars of the same unit of
/// work between the steps.
pub async fn exceptions<U: Ports + ?Sized>(
    unit: &mut U,
    case: &Case,
    clock: &dyn Clock,
    random: &dyn Random,
) {
    let who = case.specialist;
    let day = case.now.date_naive() + TimeDelta::days(1);
    let before = calendar(unit.calendars(), case).await;
    for nobody in [case.patient, case.stranger] {
        let unit = unit.exceptions();
        assert!(!unit.set_override(nobody, day, &[]).await.unwrap(), "an override of nobody");
        assert!(!unit.drop_override(nobody, day).await.unwrap());
        assert!(unit.overrides(nobody, &PageRequest::default()).await.unwrap().is_none());
        let page = unit.time_off(nobody, &PageRequest::default()).await.unwrap();
        assert!(page.is_none(), "time off of nobody");
    }

    for hours in [vec![block(9, 12), block(13, 17)], vec![block(0, 24)], vec![]] {
        assert!(unit.exceptions().set_override(who, day, &hours).await.unwrap());
        let rows = calendar(unit.calendars(), case).await.overrides;
        let open: Vec<_> = hours.iter().map(|block| DateOverride::open(day, *block)).collect();
        let expected = if open.is_empty() { vec![DateOverride::closed(day)] } else { open };
        assert_eq!(rows, expected, "a date is replaced whole");
        let all = unit.exceptions().overrides(who, &PageRequest::default()).await.unwrap();
        let own = Override { specialist: who, date: day, hours };
        assert_eq!(all.unwrap().items, [own], "a date is listed as it was set");
    }
    overrides_are_paged_by_date(unit.exceptions(), case, day).await;
    assert!(unit.exceptions().drop_override(who, day).await.unwrap());
    assert!(!unit.exceptions().drop_override(who, day).await.unwrap(), "dropped twice");

    let starts_at = case.now + TimeDelta::hours(30);
    let time = Window { starts_at, ends_at: starts_at + TimeDelta::minutes(45) };
    let away = TimeOff { id: TimeOffId::fresh(clock, random), specialist: who, time };
    let nobodys = TimeOff { specialist: case.stranger, ..away };
    assert!(!unit.exceptions().add_time_off(&nobodys).await.unwrap(), "nobody is away");
    assert!(unit.exceptions().add_time_off(&away).await.unwrap());
    assert_eq!(calendar(unit.calendars(), case).await.away, [time]);
    let page = unit.exceptions().time_off(who, &PageRequest::default()).await.unwrap();
    assert_eq!(page.unwrap().items, [away]);
    let other = case.stranger;
    assert!(!unit.exceptions().drop_time_off(other, away.id).await.unwrap(), "of somebody else");
    assert!(unit.exceptions().drop_time_off(who, away.id).await.unwrap());
    assert!(!unit.exceptions().drop_time_off(who, away.id).await.unwrap(), "dropped twice");

    let dates = LocalDates::new(day, day + TimeDelta::days(2)).unwrap();
    let closure = Closure { id: ClosureId::fresh(clock, random), dates };
    unit.exceptions().close(&closure).await.unwrap();
    assert_eq!(calendar(unit.calendars(), case).await.closures, [dates]);
    let listed = unit.exceptions().closures(&PageRequest::default()).await.unwrap();
    assert_eq!(listed.items, [closure]);
    assert!(unit.exceptions().reopen(closure.id).await.unwrap());
    assert!(!unit.exceptions().reopen(closure.id).await.unwrap(), "reopened twice");
    assert_eq!(calendar(unit.calendars(), case).await, before, "nothing is left of it");

    // Left for the other organisation not to see.
    assert!(unit.exceptions().set_override(who, day, &[]).await.unwrap());
    assert!(unit.exceptions().add_time_off(&away).await.unwrap());
    unit.exceptions().close(&closure).await.unwrap();
}

/// A unit of work that lends both ports.
pub trait Ports {
    /// The calendars.
    fn calendars(&mut self) -> &mut dyn Calendars;
    /// What breaks their hours.
    fn exceptions(&mut self) -> &mut dyn Exceptions;
}

/// Run in another organisation: nothing of the case's is there, whatever is asked.
pub async fn exceptions_are_unseen(exceptions: &mut dyn Exceptions, case: &Case) {
    let (who, day) = (case.specialist, case.now.date_naive() + TimeDelta::days(1));
    assert!(!exceptions.set_override(who, day, &[]).await.unwrap(), "another's specialist");
    assert!(!exceptions.drop_override(who, day).await.unwrap());
    assert!(exceptions.time_off(who, &PageRequest::default()).await.unwrap().is_none());
    let closed = exceptions.closures(&PageRequest::default()).await.unwrap();
    assert!(closed.items.is_empty(), "another organisation's closure");
}

/// Beside the closed `day`, which is there already.
async fn overrides_are_paged_by_date(unit: &mut dyn Exceptions, case: &Case, day: NaiveDate) {
    let who = case.specialist;
    let date = |days| day + TimeDelta::days(days);
    for days in [3, 1, 2] {
        assert!(unit.set_override(who, date(days), &[block(14, 16), block(9, 10)]).await.unwrap());
    }
    let (mut dates, mut cursor) = (Vec::new(), None);
    loop {
        let request = PageRequest { limit: Limit::new(2).unwrap(), cursor };
        let page = unit.overrides(who, &request).await.unwrap().unwrap();
        for own in page.items {
            let hours = [block(9, 10), block(14, 16)];
            assert_eq!(own.hours, if own.date == day { &[][..] } else { &hours }, "by start");
            dates.push(own.date);
        }
        cursor = page.next_cursor;
        if cursor.is_none() {
            break;
        }
    }
    assert_eq!(dates, [day, date(1), date(2), date(3)], "the dates, in pages of two");
    for days in 1..=3 {
        assert!(unit.drop_override(who, date(days)).await.unwrap());
    }
}
