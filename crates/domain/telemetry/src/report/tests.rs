use restartix_tenancy::Version;

use super::*;

fn id<T: std::str::FromStr<Err: std::fmt::Debug>>(n: u32) -> T {
    format!("00000000-0000-4000-8000-{n:012}").parse().unwrap()
}

fn now() -> DateTime<Utc> {
    "2026-03-02T08:00:00Z".parse().unwrap()
}

fn known() -> Prescription {
    let exercises = [id(30), id(31)].into_iter().collect();
    Prescription { program: id(20), patient: id(10), version: Version::FIRST, exercises }
}

fn empty(kind: ReportKind) -> ReportDraft {
    ReportDraft {
        id: id(1),
        kind,
        occurred_at: now(),
        patient: None,
        program: id(20),
        exercise: None,
        sets: None,
        reps: None,
        pain: None,
        effort: None,
        duration: None,
        source: None,
        instrument: None,
        score: None,
    }
}

fn completion() -> ReportDraft {
    ReportDraft {
        exercise: Some(id(30)),
        sets: Some(3),
        reps: Some(10),
        pain: Some(2),
        duration: Some(600),
        source: Some(Source::SelfReported),
        ..empty(ReportKind::ExerciseCompleted)
    }
}

fn outcome() -> ReportDraft {
    ReportDraft {
        patient: Some(id(10)),
        instrument: Some(Instrument::Function),
        score: Some(42),
        ..empty(ReportKind::OutcomeRecorded)
    }
}

fn patient(draft: ReportDraft) -> Result<Reported, Rejection> {
    draft.judge(Reach::Own(id(10)), now(), Some(&known()))
}

fn staff(draft: ReportDraft) -> Result<Reported, Rejection> {
    draft.judge(Reach::TreatedBy(id(11)), now(), Some(&known()))
}

#[test]
fn patients_report_what_they_did_and_staff_what_they_measured() {
    let kept = patient(completion()).unwrap();
    assert_eq!((kept.patient, kept.program), (id(10), id(20)));
    let said = RehabEvent::from(kept);
    assert_eq!(said.fact.event_type(), ReportKind::ExerciseCompleted.as_str());
    assert!(patient(ReportDraft { patient: Some(id(10)), ..completion() }).is_ok());
    let kept = staff(outcome()).unwrap();
    assert_eq!(RehabEvent::from(kept).fact.event_type(), ReportKind::OutcomeRecorded.as_str());
    assert!(outcome().judge(Reach::Organisation, now(), Some(&known())).is_ok());
}

#[test]
fn nobody_reports_what_is_for_others_to_report() {
    assert_eq!(patient(outcome()), Err(Rejection::NotYours));
    assert_eq!(
        staff(ReportDraft { patient: Some(id(10)), ..completion() }),
        Err(Rejection::NotYours)
    );
    let of_another = ReportDraft { patient: Some(id(12)), ..completion() };
    assert_eq!(patient(of_another), Err(Rejection::NotYours));
    let of_another = ReportDraft { patient: Some(id(12)), ..outcome() };
    assert_eq!(staff(of_another), Err(Rejection::NotYours), "another's programme");
    assert_eq!(staff(ReportDraft { patient: None, ..outcome() }), Err(Rejection::Required));
}

#[test]
fn what_is_out_of_reach_is_not_known() {
    let reach = Reach::Own(id(10));
    assert_eq!(completion().judge(reach, now(), None), Err(Rejection::UnknownProgram));
    let strange = ReportDraft { exercise: Some(id(39)), ..completion() };
    assert_eq!(patient(strange), Err(Rejection::UnknownExercise));
}

#[test]
fn what_happened_is_neither_ahead_nor_long_ago() {
    let at = |occurred_at| patient(ReportDraft { occurred_at, ..completion() }).map(|_| ());
    let second = TimeDelta::seconds(1);
    assert_eq!(at(now() + ReportDraft::LEEWAY), Ok(()));
    assert_eq!(at(now() + ReportDraft::LEEWAY + second), Err(Rejection::InFuture));
    assert_eq!(at(now() - ReportDraft::PATIENCE), Ok(()));
    assert_eq!(at(now() - ReportDraft::PATIENCE - second), Err(Rejection::TooOld));
}

#[test]
fn every_number_is_held_against_its_bounds() {
    let bad = |change: fn(&mut ReportDraft)| {
        let mut draft = completion();
        change(&mut draft);
        patient(draft).map(|_| ())
    };
    let out: [fn(&mut ReportDraft); 7] = [
        |draft| draft.sets = Some(0),
        |draft| draft.reps = Some(1_001),
        |draft| draft.pain = Some(11),
        |draft| draft.effort = Some(-1),
        |draft| draft.duration = Some(86_401),
        |draft| draft.sets = Some(i64::MAX),
        |draft| draft.reps = Some(i64::MIN),
    ];
    for change in out {
        assert_eq!(bad(change), Err(Rejection::OutOfRange));
    }
    assert_eq!(bad(|draft| draft.pain = None), Ok(()));
    let absent: [fn(&mut ReportDraft); 5] = [
        |draft| draft.exercise = None,
        |draft| draft.sets = None,
        |draft| draft.reps = None,
        |draft| draft.duration = None,
        |draft| draft.source = None,
    ];
    for change in absent {
        assert_eq!(bad(change), Err(Rejection::Required));
    }
    assert_eq!(bad(|draft| draft.score = Some(1)), Err(Rejection::UnexpectedField));
    assert_eq!(staff(ReportDraft { sets: Some(1), ..outcome() }), Err(Rejection::UnexpectedField));
    for instrument in Instrument::ALL {
        let most = i64::from(instrument.most());
        let of =
            |score| ReportDraft { instrument: Some(*instrument), score: Some(score), ..outcome() };
        staff(of(most)).unwrap();
        for score in [-1, most + 1] {
            assert_eq!(staff(of(score)), Err(Rejection::OutOfRange), "{instrument} {score}");
        }
    }
    assert_eq!(staff(ReportDraft { instrument: None, ..outcome() }), Err(Rejection::Required));
}
