//! Random worlds: a specialist, an appointment type, what is booked, and a question.

use chrono::{DateTime, Duration, NaiveDate, NaiveTime, Utc, Weekday};
use chrono_tz::Tz;
use proptest::{collection::vec, option, prelude::*, sample::select};
use restartix_scheduling::engine::{
    Alignment, Busy, DateOverride, Diary, LocalBlock, LocalDates, LocalTime, Minutes,
    PositiveMinutes, Query, Rules, SpecialistCalendar, WeeklyBlock,
};

/// Zones, each with days on which something happens to its wall clock.
const PLACES: &[(Tz, &str)] = &[
    (Tz::America__New_York, "2026-03-08"),
    (Tz::America__New_York, "2026-11-01"),
    (Tz::Europe__London, "2026-03-29"),
    (Tz::Europe__London, "2026-10-25"),
    (Tz::Europe__Bucharest, "2026-03-29"),
    (Tz::Europe__Bucharest, "2026-10-25"),
    (Tz::Australia__Lord_Howe, "2026-04-05"),
    (Tz::Australia__Lord_Howe, "2026-10-04"),
    (Tz::Africa__Cairo, "2026-04-24"),
    (Tz::Africa__Cairo, "2026-10-29"),
    (Tz::America__Sao_Paulo, "2018-02-17"),
    (Tz::America__Sao_Paulo, "2018-11-04"),
    (Tz::Asia__Beirut, "2026-03-29"),
    (Tz::America__Havana, "2026-11-01"),
    (Tz::America__St_Johns, "2010-11-07"),
    (Tz::Pacific__Apia, "2011-12-30"),
    (Tz::Pacific__Kiritimati, "1994-12-31"),
    (Tz::Asia__Kathmandu, "1986-01-01"),
    (Tz::Africa__Casablanca, "2026-02-15"),
];

/// A busy range in words that a plain implementation can read.
#[derive(Clone, Debug)]
pub(crate) struct Taken {
    pub(crate) start: DateTime<Utc>,
    pub(crate) end: DateTime<Utc>,
    pub(crate) before: u32,
    pub(crate) after: u32,
    pub(crate) counted: bool,
}

impl Taken {
    pub(crate) fn busy(&self) -> Busy {
        let buffers = [self.before, self.after].map(|minutes| Minutes::new(minutes).unwrap());
        let busy = Busy::new(self.start, self.end).unwrap().with_buffers(buffers[0], buffers[1]);
        if self.counted { busy.counted() } else { busy }
    }
}

#[derive(Clone, Debug)]
pub(crate) struct World {
    pub(crate) rules: Rules,
    pub(crate) calendar: SpecialistCalendar,
    pub(crate) taken: Vec<Taken>,
    pub(crate) from: DateTime<Utc>,
    pub(crate) to: DateTime<Utc>,
    pub(crate) now: DateTime<Utc>,
}

impl World {
    pub(crate) fn query(&self) -> Query {
        Query::new(self.from, self.to).unwrap()
    }

    pub(crate) fn busy(&self) -> Vec<Busy> {
        self.taken.iter().map(Taken::busy).collect()
    }

    pub(crate) fn diary<'a>(&'a self, busy: &'a [Busy]) -> Diary<'a> {
        Diary { calendar: &self.calendar, busy, open_sessions: &[] }
    }

    pub(crate) fn duration(&self) -> Duration {
        Duration::minutes(self.rules.duration.get().into())
    }
}

/// Minutes; about half of them on a quarter of an hour.
fn of_day(most: u16) -> impl Strategy<Value = u16> {
    prop_oneof![0..=most, (0..=most / 15).prop_map(|quarter| quarter * 15)]
}

fn block() -> impl Strategy<Value = LocalBlock> {
    (of_day(1439), of_day(1440)).prop_map(|(a, b)| {
        let (start, end) = if a < b { (a, b) } else { (b.min(1439), a.max(b) + u16::from(a == b)) };
        let [start, end] = [start, end].map(|time| LocalTime::from_minutes(time).unwrap());
        LocalBlock::new(start, end).unwrap()
    })
}

/// Some specialists always work, so that days and zone changes meet inside free time.
fn weekly() -> impl Strategy<Value = Vec<WeeklyBlock>> {
    let weekday = (0u8..7).prop_map(|day| Weekday::try_from(day).unwrap());
    let some = vec((weekday, block()), 0..12).prop_map(|rows| {
        rows.into_iter()
            .map(|(day, block)| WeeklyBlock::new(day, block.start(), block.end()).unwrap())
            .collect()
    });
    let always = (0u8..7)
        .map(|day| {
            let day = Weekday::try_from(day).unwrap();
            WeeklyBlock::new(day, LocalTime::MIDNIGHT, LocalTime::END_OF_DAY).unwrap()
        })
        .collect::<Vec<_>>();
    prop_oneof![2 => some, 1 => Just(always)]
}

fn near(date: NaiveDate) -> impl Strategy<Value = NaiveDate> {
    (-7i64..=7).prop_map(move |days| date + Duration::days(days))
}

fn calendar(zone: Tz, date: NaiveDate) -> impl Strategy<Value = SpecialistCalendar> {
    let overrides = vec(
        (near(date), option::weighted(0.8, block())).prop_map(|(date, block)| match block {
            Some(block) => DateOverride::open(date, block),
            None => DateOverride::closed(date),
        }),
        0..4,
    );
    let away = || {
        vec(
            (near(date), 0i64..2).prop_map(|(first, more)| {
                LocalDates::new(first, first + Duration::days(more)).unwrap()
            }),
            0..2,
        )
    };
    (weekly(), overrides, away(), away()).prop_map(move |(weekly_hours, overrides, off, closed)| {
        SpecialistCalendar {
            weekly_hours,
            overrides,
            time_off: off,
            closures: closed,
            ..SpecialistCalendar::new(zone)
        }
    })
}

pub(crate) fn alignment() -> impl Strategy<Value = Alignment> {
    let zone = || option::weighted(0.3, select(PLACES).prop_map(|(zone, _)| zone));
    let step = select(vec![1u32, 5, 10, 15, 20, 30, 45, 60, 120]);
    let offset = || -90i32..=90;
    prop_oneof![
        Just(Alignment::WindowStart),
        Just(Alignment::QueryGrid),
        (zone(), step, offset()).prop_map(|(zone, step, offset_minutes)| {
            Alignment::RoundWindowStart {
                zone,
                step: PositiveMinutes::new(step).unwrap(),
                offset_minutes,
            }
        }),
        day_grid(),
    ]
}

pub(crate) fn day_grid() -> impl Strategy<Value = Alignment> {
    let zone = option::weighted(0.3, select(PLACES).prop_map(|(zone, _)| zone));
    (zone, -90i32..=90)
        .prop_map(|(zone, offset_minutes)| Alignment::LocalDayGrid { zone, offset_minutes })
}

fn rules(alignment: impl Strategy<Value = Alignment>) -> impl Strategy<Value = Rules> {
    let buffer = || prop_oneof![Just(0u32), 0u32..40].prop_map(|n| Minutes::new(n).unwrap());
    let length = || {
        prop_oneof![select(vec![15u32, 20, 30, 45, 60, 90, 720]), 1u32..150]
            .prop_map(|n| PositiveMinutes::new(n).unwrap())
    };
    let ahead = |most: u32| (0..most).prop_map(|n| Minutes::new(n).unwrap());
    (
        (length(), length(), buffer(), buffer()),
        (ahead(3_000), option::weighted(0.2, ahead(20_000)), option::weighted(0.4, 0u32..4)),
        alignment,
    )
        .prop_map(|((duration, interval, buffer_before, buffer_after), limits, alignment)| {
            let (min_notice, horizon, max_per_day) = limits;
            Rules {
                duration,
                interval,
                buffer_before,
                buffer_after,
                min_notice,
                horizon,
                max_per_day,
                alignment,
            }
        })
}

pub(crate) fn world(alignment: impl Strategy<Value = Alignment>) -> impl Strategy<Value = World> {
    (select(PLACES), rules(alignment)).prop_flat_map(|((zone, date), rules)| {
        let date: NaiveDate = date.parse().unwrap();
        let noon = date.and_time(NaiveTime::MIN).and_utc() + Duration::hours(12);
        let taken = (-6_000i64..6_000, 0i64..200, 0u32..30, 0u32..30, any::<bool>()).prop_map(
            move |(start, length, before, after, counted)| {
                let start = noon + Duration::minutes(start);
                Taken { start, end: start + Duration::minutes(length), before, after, counted }
            },
        );
        (
            calendar(zone, date),
            vec(taken, 0..14),
            (-4_500i64..1_500, 0i64..6_000),
            -12_000i64..2_000,
        )
            .prop_map(move |(calendar, taken, (from, length), now)| {
                let from = noon + Duration::minutes(from);
                let to = from + Duration::minutes(length);
                let now = noon + Duration::minutes(now);
                World { rules, calendar, taken, from, to, now }
            })
    })
}
