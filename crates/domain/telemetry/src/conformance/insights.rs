use chrono::{DateTime, NaiveDate, Utc};
use chrono_tz::Tz;
use restartix_kernel::{EventId, ExerciseId, PersonId, ProgramId};
use restartix_tenancy::{Tenant, Version};

use crate::insights::{
    AdherenceTally, Cell, Completion, Course, Group, Grouping, Insights, Measurement, OutcomeMonth,
    PatientRecord, Stay, Visit, VisitState, Week, Weeks,
};
use crate::{
    Exercise, Exercises, Instrument, Pause, Plan, ProgramHistory, ProgramStatus, Reps, Revision,
    Score, Sets, WeeklySessions,
};

/// What an engine knows before the suite runs over it: four patients of one organisation and who
/// treats them, at a moment.
#[derive(Clone, Debug)]
pub struct InsightsScene {
    /// Treats the first two patients, and is who calls as the specialist.
    pub specialist: PersonId,
    /// Treats the second patient too.
    pub other_specialist: PersonId,
    /// The patients; the first calls as the patient.
    pub patients: [PersonId; 4],
}

/// Who asks: of the scene's organisation, and an administrator of another.
#[derive(Clone, Copy, Debug)]
pub struct Callers<'a> {
    /// An administrator.
    pub admin: &'a Tenant,
    /// The scene's specialist.
    pub specialist: &'a Tenant,
    /// The scene's first patient.
    pub patient: &'a Tenant,
    /// Somebody of another organisation.
    pub elsewhere: &'a Tenant,
}

fn day(text: &str) -> NaiveDate {
    text.parse().unwrap()
}

fn at(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

fn id<T: std::str::FromStr>(kind: u16, n: u16) -> T {
    format!("00000000-0000-7000-8000-{kind:06}{n:06}").parse().ok().unwrap()
}

impl InsightsScene {
    /// The moment of the scene: a Wednesday.
    pub fn now() -> DateTime<Utc> {
        at("2026-04-08T09:00:00Z")
    }

    /// Who treats whom.
    pub fn care(&self) -> [(PersonId, PersonId); 3] {
        let [first, second, ..] = self.patients;
        [(self.specialist, first), (self.specialist, second), (self.other_specialist, second)]
    }

    /// What happened to each patient.
    pub fn records(&self) -> [(PersonId, PatientRecord); 4] {
        let [first, second, third, fourth] = self.patients;
        let empty = |zone| PatientRecord {
            zone,
            courses: Vec::new(),
            completions: Vec::new(),
            measurements: Vec::new(),
            visits: Vec::new(),
            stays: Vec::new(),
        };
        let mut one = empty(Tz::Europe__Bucharest);
        one.courses.push(course(1, "2026-03-16", 1));
        for (n, day) in ["16", "17", "18", "19", "20", "21", "22", "23", "24", "25", "26"]
            .into_iter()
            .enumerate()
        {
            let n = u16::try_from(n).unwrap();
            one.completions.push(done(n, 1, 1, &format!("2026-03-{day}T08:00:00Z")));
        }
        for (n, score, when) in [
            (1, 6, "2026-03-17T10:00:00Z"),
            (2, 4, "2026-03-27T10:00:00Z"),
            (3, 3, "2026-03-28T10:00:00Z"),
            (4, 5, "2026-04-02T10:00:00Z"),
        ] {
            one.measurements.push(Measurement {
                id: id(7, n),
                program: id(1, 1),
                instrument: Instrument::Pain,
                score: Score::new(score).unwrap(),
                at: at(when),
            });
        }

        let mut two = empty(Tz::UTC);
        let paused = Pause { from: at("2026-03-29T12:00:00Z"), to: None };
        let mut resting = course(2, "2026-03-23", 1);
        resting.history.pauses.push(paused);
        two.courses.push(resting);
        for n in 0..7 {
            let day = 23 + n.min(5);
            two.completions.push(done(20 + n, 2, 1, &format!("2026-03-{day}T08:00:00Z")));
        }

        let mut three = empty(Tz::America__New_York);
        three.courses.push(course(3, "2026-03-23", 2));
        // The last is of Wednesday evening there, and of Thursday in UTC.
        for (n, when) in ["2026-03-23T15:00:00Z", "2026-03-24T15:00:00Z", "2026-03-26T03:59:00Z"]
            .into_iter()
            .enumerate()
        {
            three.completions.push(done(40 + u16::try_from(n).unwrap(), 3, 1, when));
        }

        let mut four = empty(Tz::UTC);
        four.visits = vec![
            Visit { at: at("2026-03-24T10:00:00Z"), state: VisitState::NoShow },
            Visit { at: at("2026-03-31T10:00:00Z"), state: VisitState::Completed },
            Visit { at: at("2026-04-01T10:00:00Z"), state: VisitState::Completed },
        ];
        four.stays = vec![Stay { at: at("2026-03-31T10:00:00Z"), seconds: 600 }];
        [(first, one), (second, two), (third, three), (fourth, four)]
    }
}

fn course(n: u16, starts_on: &str, exercises: u16) -> Course {
    let exercise = |n| Exercise {
        id: id::<ExerciseId>(5, n),
        sets: Sets::new(3).unwrap(),
        reps: Reps::new(10).unwrap(),
    };
    let plan = Plan {
        exercises: Exercises::new((1..=exercises).map(exercise).collect()).unwrap(),
        sessions_per_week: WeeklySessions::new(7).unwrap(),
    };
    let first = Revision { version: Version::FIRST, effective_on: day(starts_on), plan };
    Course {
        program: id::<ProgramId>(1, n),
        starts_on: day(starts_on),
        ended_at: None,
        history: ProgramHistory { revisions: vec![first], pauses: Vec::new() },
    }
}

fn done(n: u16, program: u16, exercise: u16, when: &str) -> Completion {
    Completion {
        id: id::<EventId>(6, n),
        program: id(1, program),
        exercise: id(5, exercise),
        at: at(when),
    }
}

fn weeks(from: &str, to: &str) -> Weeks {
    Weeks::new(day(from), day(to)).unwrap()
}

fn tally(week: &str, group: Group, bands: [u32; 3], sums: [u64; 2], over: u32) -> AdherenceTally {
    let [sessions, exercises] = sums;
    AdherenceTally { week: Week::of(day(week)), group, bands, overdone: over, sessions, exercises }
}

/// The rules of [`Insights`], over the scene.
pub async fn insights(engine: &dyn Insights, scene: &InsightsScene, callers: Callers<'_>) {
    adherence(engine, scene, callers).await;
    outcomes_and_activity(engine, scene, callers).await;
    one_by_one(engine, scene, callers).await;
    unseen(engine, scene, callers.elsewhere).await;
}

async fn adherence(engine: &dyn Insights, scene: &InsightsScene, callers: Callers<'_>) {
    let (all, period) = (Group::Everybody, weeks("2026-03-16", "2026-04-05"));
    let seen = engine.adherence(callers.admin, period, Grouping::Everybody).await.unwrap();
    let expected = [
        tally("2026-03-16", all, [1, 0, 0], [10_000, 10_000], 0),
        // 4 of 7; 7 of 6, of which 6 count; 3 of 7 and, of two exercises, 3 of 14.
        tally("2026-03-23", all, [1, 1, 1], [20_000, 17_857], 1),
        tally("2026-03-30", all, [0, 0, 2], [0, 0], 0),
    ];
    assert_eq!(seen, expected, "everybody, by week");
    let part = weeks("2026-03-25", "2026-03-25");
    let seen = engine.adherence(callers.admin, part, Grouping::Everybody).await.unwrap();
    assert_eq!(seen, expected[1..2], "whole weeks");

    let [one, other] = [scene.specialist, scene.other_specialist].map(Group::TreatedBy);
    let mut seen = engine.adherence(callers.admin, part, Grouping::BySpecialist).await.unwrap();
    seen.sort_by_key(|tally| tally.group);
    let mut expected = [
        tally("2026-03-23", one, [1, 1, 0], [15_714, 15_714], 1),
        tally("2026-03-23", other, [1, 0, 0], [10_000, 10_000], 1),
        tally("2026-03-23", Group::TreatedByNobody, [0, 0, 1], [4_286, 2_143], 0),
    ];
    expected.sort_by_key(|tally| tally.group);
    assert_eq!(seen, expected, "whom two treat is in both groups");

    let seen = engine.adherence(callers.specialist, part, Grouping::Everybody).await.unwrap();
    assert_eq!(seen, [tally("2026-03-23", all, [1, 1, 0], [15_714, 15_714], 1)]);
    let seen = engine.adherence(callers.patient, part, Grouping::Everybody).await.unwrap();
    assert_eq!(seen, [tally("2026-03-23", all, [0, 1, 0], [5_714, 5_714], 0)]);
}

async fn outcomes_and_activity(engine: &dyn Insights, scene: &InsightsScene, callers: Callers<'_>) {
    let period = weeks("2026-03-01", "2026-04-30");
    let seen = engine.outcomes(callers.admin, period.months()).await.unwrap();
    let told =
        |one: &crate::insights::OutcomeTally| (one.month.to_string(), one.verdicts, one.change);
    let months: Vec<_> = seen.iter().map(told).collect();
    assert_eq!(
        months,
        [("2026-03".to_owned(), [1, 0, 0], -3), ("2026-04".to_owned(), [0, 1, 0], -1)],
        "the last of each month against the first of all"
    );
    assert!(seen.iter().all(|one| one.instrument == Instrument::Pain && one.patients == 1));
    let first = scene.patients[0];
    let rows = engine.outcomes_of(callers.patient, first, period.months()).await.unwrap();
    let changes: Vec<_> = rows.iter().map(OutcomeMonth::change).collect();
    assert_eq!(changes, [-3, -1]);

    let seen = engine.activity(callers.admin, weeks("2026-03-23", "2026-04-05")).await.unwrap();
    let [one, two] = seen.as_slice() else { panic!("two weeks: {seen:?}") };
    let cell = |value, patients| Cell { value, patients };
    let none = Cell::default();
    assert_eq!((one.appointments, two.appointments), (cell(1, 1), cell(2, 1)));
    assert_eq!(one.states, [none, none, none, none, cell(1, 1)], "nobody came");
    assert_eq!(two.states, [none, none, cell(2, 1), none, none]);
    assert_eq!((one.video_seconds, two.video_seconds), (none, cell(600, 1)));
    assert_eq!((one.exercises, two.exercises), (cell(14, 3), none));
    let seen = engine.activity(callers.specialist, weeks("2026-03-23", "2026-03-23")).await;
    assert_eq!(seen.unwrap()[0].exercises, cell(11, 2), "of whom they treat");
}

async fn one_by_one(engine: &dyn Insights, scene: &InsightsScene, callers: Callers<'_>) {
    let [first, second, third, fourth] = scene.patients;
    let period = weeks("2026-03-16", "2026-04-08");
    let seen = engine.weeks_of(callers.admin, Some(first), period).await.unwrap();
    let told: Vec<_> = seen
        .iter()
        .map(|(_, week)| (week.fulfilment.prescribed, week.fulfilment.done, week.active.count()))
        .collect();
    assert_eq!(told, [(49, 7, 7), (49, 4, 4), (49, 0, 0), (49, 0, 0)], "the week under way too");
    let whose = async |tenant| {
        let seen = engine.weeks_of(tenant, None, period).await.unwrap();
        assert!(seen.is_sorted_by_key(|(patient, week)| (*patient, week.week)));
        seen.into_iter().map(|(patient, _)| patient).collect::<std::collections::BTreeSet<_>>()
    };
    assert_eq!(whose(callers.admin).await, scene.patients.into());
    assert_eq!(whose(callers.specialist).await, [first, second].into());
    assert_eq!(whose(callers.patient).await, [first].into());
    for (caller, stranger) in [(callers.specialist, third), (callers.patient, second)] {
        assert!(engine.weeks_of(caller, Some(stranger), period).await.unwrap().is_empty());
        let months = period.months();
        assert!(engine.outcomes_of(caller, stranger, months).await.unwrap().is_empty());
        assert!(engine.courses(caller, Some(stranger), period.last()).await.unwrap().is_empty());
    }

    let until = Week::of(day("2026-04-05"));
    let all = engine.courses(callers.admin, None, until).await.unwrap();
    let told: Vec<_> =
        all.iter().map(|one| (one.patient, one.status, one.prescribed, one.credited)).collect();
    assert_eq!(
        told,
        [
            (first, ProgramStatus::Active, 3 * 49, 7 * 7 + 4 * 7),
            (second, ProgramStatus::Paused, 42, 42),
            (third, ProgramStatus::Active, 2 * 49, 3 * 7),
        ],
        "each week at most all of it"
    );
    let mut seen = engine.completion(callers.admin, until).await.unwrap();
    seen.sort_by_key(|one| one.status.as_str());
    let [active, paused] = seen.as_slice() else { panic!("two places: {seen:?}") };
    let cell = |value| Cell { value, patients: u32::try_from(value).unwrap() };
    assert_eq!((active.programs, active.bands), (cell(2), [cell(0), cell(1), cell(1)]));
    assert_eq!((paused.status, paused.programs), (ProgramStatus::Paused, cell(1)));
    assert_eq!(paused.bands, [cell(1), cell(0), cell(0)]);
    let early = engine.courses(callers.admin, Some(first), until.before(2)).await.unwrap();
    assert_eq!(early.first().map(|one| (one.prescribed, one.credited)), Some((49, 49)));
    let fourths = engine.courses(callers.admin, Some(fourth), until).await.unwrap();
    assert!(fourths.is_empty(), "nothing prescribed");
}

/// Nothing of the scene is there for another organisation.
async fn unseen(engine: &dyn Insights, scene: &InsightsScene, elsewhere: &Tenant) {
    let period = weeks("2026-03-16", "2026-04-08");
    for by in [Grouping::Everybody, Grouping::BySpecialist] {
        assert!(engine.adherence(elsewhere, period, by).await.unwrap().is_empty());
    }
    assert!(engine.outcomes(elsewhere, period.months()).await.unwrap().is_empty());
    assert!(engine.activity(elsewhere, period).await.unwrap().is_empty());
    assert!(engine.completion(elsewhere, period.last()).await.unwrap().is_empty());
    for patient in scene.patients.map(Some).into_iter().chain([None]) {
        assert!(engine.weeks_of(elsewhere, patient, period).await.unwrap().is_empty());
        assert!(engine.courses(elsewhere, patient, period.last()).await.unwrap().is_empty());
    }
}
