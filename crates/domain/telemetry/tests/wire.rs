//! The wire format is what `fixtures/telemetry` publishes, byte by byte.
//!
//! Where this fails, the format has changed: that is a new version for those who read it, and not
//! only new files. A word that is added to a closed set goes into the schema first.
#![cfg(feature = "conformance")]
#![expect(clippy::unwrap_used, reason = "tests fail by panicking")]

use std::path::{Path, PathBuf};

use chrono::{DateTime, TimeDelta, Utc};
use restartix_kernel::{
    AppointmentId, EventId, ExerciseId, PersonId, ProgramId, RequestId, UserId,
};
use restartix_telemetry::{
    AnalyticsFact, Attendee, AuditActor, AuditEntry, Batch, BatchId, Effort, EventKind,
    ExerciseCount, Fact, Instrument, Kept, KeyEpoch, Line, LineDigest, Malformed, Pain, Party,
    RehabFact, Reps, ResourceKind, Score, Seconds, Sets, Source, Subject, Tally, Told,
    WeeklySessions, conformance,
};
use restartix_tenancy::conformance::principal;
use restartix_tenancy::{Principal, Role};
use serde_json::Value;

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../fixtures/telemetry").join(name)
}

fn schema(kind: EventKind) -> Value {
    let text = std::fs::read_to_string(fixture(&format!("{kind}.v1.schema.json"))).unwrap();
    serde_json::from_str(&text).unwrap()
}

fn id(last: u8) -> String {
    format!("01890a5d-ac96-7000-8000-0000000000{last:02x}")
}

fn event(last: u8) -> EventId {
    id(last).parse().unwrap()
}

fn at(second: u8) -> DateTime<Utc> {
    DateTime::from_timestamp(1_767_225_600, 123_456_000).unwrap()
        + TimeDelta::seconds(i64::from(second))
}

async fn clinic() -> Principal {
    principal(42, Role::Patient, &restartix_kernel::SeededRandom::new(1)).await
}

fn user() -> UserId {
    id(0xa1).parse().unwrap()
}

fn patient() -> PersonId {
    id(0xb1).parse().unwrap()
}

fn entry(last: u8) -> AuditEntry {
    AuditEntry {
        id: event(last),
        occurred_at: at(last),
        actor: Some(AuditActor { user: user(), role: Some(Role::Specialist) }),
        operation: "appointments.read".to_owned(),
        resource_kind: ResourceKind::Appointment.as_str().to_owned(),
        resource_id: Some("102".to_owned()),
        patient: Some(patient()),
        outcome: "success".to_owned(),
        code: None,
        request: Some(id(0xc1).parse::<RequestId>().unwrap()),
    }
}

fn audit() -> Vec<Kept> {
    let refused = AuditEntry {
        resource_kind: ResourceKind::WebhookEndpoint.as_str().to_owned(),
        resource_id: Some(id(0xd1)),
        patient: None,
        outcome: "refused".to_owned(),
        code: Some("not_found".to_owned()),
        ..entry(2)
    };
    let system = AuditEntry {
        actor: None,
        operation: "video.open_room".to_owned(),
        resource_id: None,
        request: None,
        ..entry(3)
    };
    vec![Kept::Audit(entry(1)), Kept::Audit(refused), Kept::Audit(system)]
}

fn told(last: u8, subject: Option<Subject>, fact: Fact) -> Kept {
    Kept::Told(Told {
        id: event(last),
        kind: fact.kind(),
        event_type: fact.event_type().to_owned(),
        occurred_at: at(last),
        subject,
        data: fact.data(),
    })
}

fn analytics() -> Vec<Kept> {
    let appointment = AppointmentId::new(102).unwrap();
    let facts = [
        AnalyticsFact::AppointmentCreated { appointment },
        AnalyticsFact::AppointmentRescheduled { appointment },
        AnalyticsFact::AppointmentCancelled { appointment, by: Party::Patient },
        AnalyticsFact::AppointmentStarted { appointment },
        AnalyticsFact::AppointmentCompleted { appointment },
        AnalyticsFact::AppointmentNoShow { appointment },
        AnalyticsFact::VideoJoined { appointment, part: Attendee::Specialist },
        AnalyticsFact::VideoLeft { appointment, part: Attendee::Patient, seconds: 1834 },
    ];
    let told = |(last, fact)| {
        let subject = (last % 2 == 1).then_some(Subject::Staff(patient()));
        told(last, subject, Fact::Analytics(fact))
    };
    (1..).zip(facts).map(told).collect()
}

fn rehab() -> Vec<Kept> {
    let program: ProgramId = id(0xe1).parse().unwrap();
    let exercises = ExerciseCount::new(4).unwrap();
    let sessions_per_week = WeeklySessions::new(3).unwrap();
    let exercise = |pain, effort, source| RehabFact::ExerciseCompleted {
        program,
        exercise: id(0xe2).parse::<ExerciseId>().unwrap(),
        sets: Sets::new(3).unwrap(),
        reps: Reps::new(12).unwrap(),
        pain,
        effort,
        duration: Seconds::new(420).unwrap(),
        source,
    };
    let (pain, effort) = (Pain::new(2).unwrap(), Effort::new(5).unwrap());
    let facts = [
        exercise(Some(pain), Some(effort), Source::SelfReported),
        exercise(None, None, Source::Sensor),
        RehabFact::ProgramAssigned { program, exercises, sessions_per_week },
        RehabFact::ProgramRevised { program, exercises, sessions_per_week },
        RehabFact::ProgramPaused { program },
        RehabFact::ProgramResumed { program },
        RehabFact::ProgramEnded { program },
        RehabFact::OutcomeRecorded {
            program,
            instrument: Instrument::RangeOfMotion,
            score: Score::new(95).unwrap(),
        },
    ];
    let told = |(last, fact)| told(last, Some(Subject::Patient(patient())), Fact::Rehab(fact));
    (1..).zip(facts).map(told).collect()
}

#[tokio::test]
async fn golden_batches_are_what_is_sent() {
    let clinic = clinic().await;
    let tenant = clinic.tenant().unwrap();
    let (keys, epoch) = (conformance::keys(), KeyEpoch::new(1));
    for (name, kept) in [("audit", audit()), ("analytics", analytics()), ("rehab", rehab())] {
        let line = |kept| Line::encode(tenant, &keys, epoch, kept).unwrap();
        let batch = Batch { id: BatchId(event(0xff)), lines: kept.iter().map(line).collect() };
        let name = format!("{name}.v1.jsonl");
        let made = Path::new(env!("CARGO_TARGET_TMPDIR")).join(&name);
        std::fs::write(&made, batch.body()).unwrap();
        let golden = std::fs::read_to_string(fixture(&name)).unwrap_or_default();
        assert_eq!(batch.body(), golden, "{name} has changed; what is sent: {}", made.display());
        for text in batch.body().lines() {
            let read: Value = serde_json::from_str(text).unwrap();
            assert_eq!(read["organization_id"], 42);
            assert!(name.starts_with("audit") || !text.contains(&id(0xa1)), "an id left: {text}");
            assert!(name.starts_with("audit") || !text.contains(&id(0xb1)), "an id left: {text}");
        }
    }
}

#[test]
fn the_schemas_know_every_word_of_ours() {
    let words = |value: &Value| -> Vec<String> {
        let words = value.as_array().unwrap().iter();
        words.map(|word| word.as_str().unwrap().to_owned()).collect()
    };
    let audit = schema(EventKind::Audit);
    let known = words(&audit["properties"]["resource"]["properties"]["kind"]["enum"]);
    for kind in ResourceKind::ALL {
        let kind = kind.as_str();
        assert!(known.iter().any(|known| known == kind), "audit.v1.schema.json lacks {kind}");
    }
    let analytics = schema(EventKind::Analytics);
    assert_eq!(words(&analytics["properties"]["type"]["enum"]), AnalyticsFact::TYPES);
    let of_rehab: Vec<_> = rehab()
        .into_iter()
        .map(|kept| match kept {
            Kept::Told(told) => told.event_type,
            Kept::Audit(_) => String::new(),
        })
        .skip(1)
        .collect();
    assert_eq!(words(&schema(EventKind::Rehab)["properties"]["type"]["enum"]), of_rehab);
    let instruments: Vec<_> = Instrument::ALL.iter().map(|one| one.as_str()).collect();
    let outcome = schema(EventKind::Rehab)["$defs"]["outcome"].clone();
    assert_eq!(words(&outcome["properties"]["instrument"]["enum"]), instruments);
}

/// Computed with another implementation of SHA-256.
#[test]
fn tallies_of_the_golden_batches_are_the_published_ones() {
    let text = std::fs::read_to_string(fixture("tallies.json")).unwrap();
    let published: Value = serde_json::from_str(&text).unwrap();
    for kind in EventKind::ALL {
        let golden = std::fs::read_to_string(fixture(&format!("{kind}.v1.jsonl"))).unwrap();
        let digests = golden.lines().map(LineDigest::of);
        let tally = digests.fold(Tally::default(), Tally::with);
        let told = &published[kind.as_str()];
        assert_eq!(told["count"], tally.count);
        assert_eq!(told["sum"], format!("{:016x}", tally.sum));
    }
}

#[tokio::test]
async fn a_text_that_somebody_wrote_does_not_leave() {
    let clinic = clinic().await;
    let tenant = clinic.tenant().unwrap();
    let (keys, epoch) = (conformance::keys(), KeyEpoch::new(1));
    let refuse = |kept: Kept| Line::encode(tenant, &keys, epoch, &kept).unwrap_err();
    let prose = || "Ana Pop \"x\"".to_owned();
    let refused = [
        (AuditEntry { operation: prose(), ..entry(1) }, "operation"),
        (AuditEntry { resource_kind: prose(), ..entry(1) }, "resource"),
        (AuditEntry { resource_id: Some(prose()), ..entry(1) }, "resource"),
        (AuditEntry { resource_id: Some("+1".to_owned()), ..entry(1) }, "resource"),
        (AuditEntry { outcome: prose(), ..entry(1) }, "outcome"),
        (AuditEntry { code: Some(prose()), ..entry(1) }, "code"),
    ];
    for (entry, what) in refused {
        assert_eq!(refuse(Kept::Audit(entry)), Malformed(what));
    }
    for data in ["[]", "{\"a\":\n1}", "{\"a\":\"\u{103}\"}"] {
        let told = Told {
            id: event(1),
            kind: EventKind::Analytics,
            event_type: "video.left".to_owned(),
            occurred_at: at(1),
            subject: None,
            data: data.to_owned(),
        };
        assert_eq!(refuse(Kept::Told(told)), Malformed("data"));
    }
}

#[tokio::test]
async fn a_batch_keeps_its_epoch_while_the_key_is_held() {
    use restartix_telemetry::{PseudonymKey, PseudonymKeys};
    let clinic = clinic().await;
    let tenant = clinic.tenant().unwrap();
    let ring = |epochs: &[u8]| {
        let key = |&n: &u8| (KeyEpoch::new(n.into()), PseudonymKey::from_bytes([n; 32]));
        PseudonymKeys::new(epochs.iter().map(key).collect()).unwrap()
    };
    let kept = &analytics()[0];
    let line = |keys| Line::encode(tenant, &keys, KeyEpoch::new(1), kept).unwrap();
    assert!(line(ring(&[1, 2])).as_str().contains(r#""key_epoch":1,"#));
    assert!(line(ring(&[2])).as_str().contains(r#""key_epoch":2,"#));
}
