use chrono::{DateTime, Utc};
use restartix_kernel::{EventId, ExerciseId, ProgramId};
use restartix_telemetry::insights::{
    Band, Completion, Course, DEFINITION, PatientRecord, PatientWeek, Share, Week, persistence,
    roll_up,
};
use restartix_telemetry::{
    Exercise, Exercises, Pause, Plan, ProgramHistory, Reps, Revision, Sets, WeeklySessions,
};
use restartix_tenancy::Version;
use serde_json::{Value, json};

fn list(value: &Value) -> &[Value] {
    value.as_array().map(Vec::as_slice).unwrap_or_default()
}

fn number(value: &Value) -> u64 {
    value.as_u64().unwrap()
}

fn instant(value: &Value) -> DateTime<Utc> {
    value.as_str().unwrap().parse().unwrap()
}

fn named<T: std::str::FromStr>(n: u64) -> T {
    format!("00000000-0000-7000-8000-{n:012}").parse().ok().unwrap()
}

fn revision(described: &Value) -> Revision {
    let exercise = |n: &Value| Exercise {
        id: named::<ExerciseId>(number(n)),
        sets: Sets::new(3).unwrap(),
        reps: Reps::new(10).unwrap(),
    };
    let exercises = list(&described["exercises"]).iter().map(exercise).collect();
    let sessions = u16::try_from(number(&described["sessions_per_week"])).unwrap();
    Revision {
        version: Version::new(i32::try_from(number(&described["version"])).unwrap()).unwrap(),
        effective_on: described["effective_on"].as_str().unwrap().parse().unwrap(),
        plan: Plan {
            exercises: Exercises::new(exercises).unwrap(),
            sessions_per_week: WeeklySessions::new(sessions).unwrap(),
        },
    }
}

fn course(described: &Value) -> Course {
    let maybe = |value: &Value| (!value.is_null()).then(|| instant(value));
    let pause = |one: &Value| Pause { from: instant(&one["from"]), to: maybe(&one["to"]) };
    Course {
        program: named::<ProgramId>(number(&described["n"])),
        starts_on: described["starts_on"].as_str().unwrap().parse().unwrap(),
        ended_at: maybe(&described["ended_at"]),
        history: ProgramHistory {
            revisions: list(&described["revisions"]).iter().map(revision).collect(),
            pauses: list(&described["pauses"]).iter().map(pause).collect(),
        },
    }
}

fn record(case: &Value) -> PatientRecord {
    let mut completions = Vec::new();
    for done in list(&case["done"]) {
        for at in list(&done["at"]) {
            let fresh = 1_000 + u64::try_from(completions.len()).unwrap();
            completions.push(Completion {
                id: named::<EventId>(done["id"].as_u64().unwrap_or(fresh)),
                program: named(number(&done["program"])),
                exercise: named(number(&done["exercise"])),
                at: instant(at),
            });
        }
    }
    PatientRecord {
        zone: case["zone"].as_str().unwrap().parse().unwrap(),
        courses: list(&case["programs"]).iter().map(course).collect(),
        completions,
        measurements: Vec::new(),
        visits: Vec::new(),
        stays: Vec::new(),
    }
}

fn told(week: &PatientWeek) -> Value {
    let of = |share: Option<Share>| share.map(|share| f64::from(share.ten_thousandths()) / 1e4);
    let sum = &week.fulfilment;
    json!({
        "week": week.week.to_string(),
        "asked_sevenths": sum.prescribed,
        "done": sum.done,
        "session_adherence": of(sum.sessions()),
        "exercise_adherence": of(sum.exercises()),
        "band": sum.sessions().map(Share::band).map(Band::as_str),
        "overdone_sevenths": sum.overdone,
        "days_asked": sum.asked.count(),
        "days_active": week.active.count(),
    })
}

fn vectors() -> Value {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../fixtures/insights/adherence.json");
    serde_json::from_str(&std::fs::read_to_string(file).unwrap()).unwrap()
}

#[test]
fn adherence_is_what_the_golden_vectors_say() {
    let vectors = vectors();
    assert_eq!(vectors["definition"], DEFINITION);
    assert_eq!(list(&vectors["cases"]).len(), 14);
    for case in list(&vectors["cases"]) {
        let name = case["name"].as_str().unwrap();
        let since = Week::of("2026-01-05".parse().unwrap());
        let rollup = roll_up(&record(case), since, instant(&case["now"]));
        let weeks: Vec<_> = rollup.weeks.iter().map(told).collect();
        assert_eq!(json!(weeks), case["weeks"], "{name}");
        let kept = persistence(&rollup.weeks);
        assert_eq!(json!(kept.longest_gap_days), case["longest_gap_days"], "{name}");
        let dropped_out = kept.dropped_out.map(|week| week.to_string());
        assert_eq!(json!(dropped_out), case["dropped_out"], "{name}");
    }
}

/// What is computed from a week on is what is computed from the beginning, from that week on.
#[test]
fn a_part_is_computed_as_the_whole() {
    for case in list(&vectors()["cases"]) {
        let (record, now) = (record(case), instant(&case["now"]));
        let whole = roll_up(&record, Week::of("2026-01-05".parse().unwrap()), now);
        for week in whole.weeks.iter().map(|week| week.week) {
            let part = roll_up(&record, week, now);
            let later: Vec<_> =
                whole.weeks.iter().filter(|one| one.week >= week).copied().collect();
            assert_eq!(part.weeks, later, "{}", case["name"]);
            let later: Vec<_> =
                whole.courses.iter().filter(|one| one.week >= week).copied().collect();
            assert_eq!(part.courses, later, "{}", case["name"]);
        }
    }
}
