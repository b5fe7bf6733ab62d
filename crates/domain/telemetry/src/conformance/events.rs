use chrono::{DateTime, TimeDelta, Utc};
use restartix_kernel::{Clock, EventId, PersonId, Random};

use super::Case;
use crate::{
    Effort, Instrument, Pain, Program, RehabEvents, Report, Reported, Reps, Score, Seconds, Sets,
    Source,
};

/// The rules of [`RehabEvents`], over a programme of the patient and one of the other patient.
pub async fn rehab_events(
    store: &mut dyn RehabEvents,
    [mine, others]: [&Program; 2],
    case: &Case,
    clock: &dyn Clock,
    random: &dyn Random,
) {
    let event = |program, hours| done(program, case.now - TimeDelta::hours(hours), clock, random);
    let (first, second) = (event(mine, 2), event(mine, 1));
    let outcome = Reported {
        report: Report::OutcomeRecorded {
            instrument: Instrument::RangeOfMotion,
            score: Score::new(1_000).unwrap(),
        },
        ..event(mine, 3)
    };
    // Another patient's device may have come to the same key.
    let same_key = Reported { id: first.id, ..event(others, 2) };
    let other_words = Reported { occurred_at: case.now, ..first };
    let told = [first, outcome, same_key, other_words];
    let keys = [&first, &outcome, &same_key].map(key).into();
    assert_eq!(store.keep(&told, case.now).await.unwrap(), keys, "each key once");
    let again = store.keep(&told, case.now).await.unwrap();
    assert!(again.is_empty(), "told again, nothing is new");
    let more = store.keep(&[first, second], case.now).await.unwrap();
    assert_eq!(more, [key(&second)].into(), "what is new beside what is not");
    assert!(store.keep(&[], case.now).await.unwrap().is_empty(), "nothing told, nothing kept");

    let from = case.now - TimeDelta::hours(3);
    let kept = store.between(case.patient, from, case.now).await.unwrap();
    assert_eq!(kept, [outcome, first, second], "as first told, by time");
    let until = store.between(case.patient, from, second.occurred_at).await.unwrap();
    assert_eq!(until, [outcome, first], "from the first instant, to before the last");
    let theirs = store.between(case.other_patient, from, case.now).await.unwrap();
    assert_eq!(theirs, [same_key], "each patient's own");

    let many: Vec<_> = (0..500).map(|_| event(mine, 2)).collect();
    let all = many.iter().map(key).collect();
    assert_eq!(store.keep(&many, case.now).await.unwrap(), all, "five hundred at once");
}

/// Run in another organisation: nothing of the case's is there.
pub async fn rehab_events_are_unseen(events: &mut dyn RehabEvents, case: &Case) {
    let (from, to) = (case.now - TimeDelta::days(1), case.now + TimeDelta::days(1));
    for patient in [case.patient, case.other_patient] {
        assert!(events.between(patient, from, to).await.unwrap().is_empty());
    }
}

fn key(event: &Reported) -> (PersonId, EventId) {
    (event.patient, event.id)
}

/// An event of `program`, with every number that an exercise may have.
fn done(
    program: &Program,
    occurred_at: DateTime<Utc>,
    clock: &dyn Clock,
    random: &dyn Random,
) -> Reported {
    let exercise = program.plan.exercises.as_slice().first().unwrap();
    Reported {
        id: EventId::fresh(clock, random),
        occurred_at,
        patient: program.patient,
        program: program.id,
        report: Report::ExerciseCompleted {
            exercise: exercise.id,
            sets: Sets::new(100).unwrap(),
            reps: Reps::new(1_000).unwrap(),
            pain: Some(Pain::new(0).unwrap()),
            effort: Effort::new(10).ok().filter(|_| occurred_at.timestamp() % 7200 == 0),
            duration: Seconds::new(86_400).unwrap(),
            source: Source::Sensor,
        },
    }
}
