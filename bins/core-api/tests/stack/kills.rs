//! The server is killed at random moments of a clinic's day, and started again each time: in the end
//! everything is as in a clinic where nobody was killed, and nothing happened twice.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use restartix_kernel::{Clock as _, RandomExt as _, Secret, SystemClock, SystemRandom};
use restartix_sandbox::receiver::{Options, Receiver};
use serde_json::{Value, json};

use crate::booking::rooms;
use crate::client::{Answer, Client, wait_for};
use crate::files::{announcement, put};
use crate::support::{Clinic, Stack, text};

/// How long a client goes on trying while the server is away.
const PATIENCE: Duration = Duration::from_secs(60);
const PDF: &[u8] = b"%PDF-1.7\n% a report\n%%EOF\n";
const PNG: &[u8] = include_bytes!("../../../../fixtures/files/signature.png");

/// What is left of a day, in numbers that do not depend on ids.
#[derive(Debug, Default, PartialEq, Eq)]
struct EndState {
    appointments: BTreeMap<String, usize>,
    rooms: usize,
    files: BTreeMap<String, usize>,
    signatures: usize,
    /// Exercises that were reported, each once.
    exercises: usize,
    /// Events by type, in a feed without gaps.
    events: BTreeMap<String, usize>,
    /// Lines of the audit by operation: each act once.
    acts: BTreeMap<String, usize>,
}

/// Asks until the server answers; a server that dies does not answer, one that has just come up may
/// have to say that it is not ready.
fn insist(what: &str, ask: impl Fn() -> Result<Answer>) -> Result<Answer> {
    wait_for(what, PATIENCE, || Ok(ask().ok().filter(|answer| answer.status != 503)))
}

/// The script of a day. Each step may be repeated by somebody who does not know how it ended: the
/// server may have died before or after it was done.
struct Day<'a> {
    clinic: &'a Clinic,
    slots: Vec<String>,
    picture: String,
    program: String,
}

/// The exercise of every programme.
const EXERCISE: &str = "0198c6f0-7e6b-7c3a-9f5e-00000000e001";

impl<'a> Day<'a> {
    fn begin(clinic: &'a Clinic) -> Result<Self> {
        let slots = clinic.slots()?;
        let picture = announcement("signature", "sign.png", "image/png", PNG);
        let picture = file(&clinic.patient, &picture, PNG)?;
        let plan = json!({
            "patient_id": clinic.patient_id,
            "exercises": [{"id": EXERCISE, "sets": 3, "reps": 10}],
            "sessions_per_week": 5,
            "starts_on": "2026-01-05",
        });
        let made = insist("a programme", || clinic.admin.post("/v1/programs", &plan))?;
        let program = text(&made.expect(201)?["id"])?;
        Ok(Self { clinic, slots, picture, program })
    }

    /// One visit: held, booked, written about, signed, and sometimes called off.
    fn visit(&self, number: usize) -> Result<()> {
        let starts_at = self.slots.get(number).context("a slot")?;
        let appointment = self.book(starts_at)?;
        let mut report = announcement("document", "report.pdf", "application/pdf", PDF);
        report["patient_id"] = json!(self.clinic.patient_id);
        report["appointment_id"] = json!(appointment);
        let report = file(&self.clinic.specialist, &report, PDF)?;
        self.sign(&report)?;
        self.exercise()?;
        let token = format!("/v1/appointments/{appointment}/video-token");
        wait_for("the room", PATIENCE, || {
            let answer = insist("a token", || self.clinic.patient.post(&token, &json!({})))?;
            Ok((answer.status == 200).then_some(()))
        })?;
        if number.is_multiple_of(3) {
            self.cancel(appointment)?;
        }
        Ok(())
    }

    fn book(&self, starts_at: &str) -> Result<i64> {
        let patient = &self.clinic.patient;
        let wanted = self.clinic.slot(starts_at);
        let listed = || -> Result<Option<i64>> {
            let list = insist("a list", || patient.get("/v1/appointments?limit=100"))?;
            let items = list.expect(200)?;
            let items = items["items"].as_array().cloned().unwrap_or_default();
            let found = items.iter().find(|one| one["starts_at"] == starts_at);
            Ok(found.and_then(|one| one["id"].as_i64()))
        };
        let hold = insist("a hold", || patient.post("/v1/holds", &wanted))?;
        let body = match hold.status {
            201 => json!({"hold_id": hold.body["id"]}),
            _ => wanted,
        };
        wait_for("a booking", PATIENCE, || {
            if let Ok(answer) = patient.post("/v1/appointments", &body)
                && answer.status == 201
            {
                return Ok(answer.body["id"].as_i64());
            }
            listed()
        })
    }

    fn sign(&self, report: &str) -> Result<()> {
        let patient = &self.clinic.patient;
        let body = json!({"signature_file_id": self.picture});
        wait_for("a signature", PATIENCE, || {
            let path = format!("/v1/files/{report}/signatures");
            let list = insist("the signatures", || patient.get(&path))?.expect(200)?;
            if list["items"].as_array().is_some_and(|items| !items.is_empty()) {
                return Ok(Some(()));
            }
            // Whether it was done, the list knows.
            let _unknown = patient.post(&format!("/v1/files/{report}/sign"), &body);
            Ok(None)
        })
    }

    /// Reported again under the same id until somebody says that it is known.
    fn exercise(&self) -> Result<()> {
        let done = json!({"events": [{
            "id": SystemRandom.uuid_v4().to_string(), "type": "exercise.completed",
            "occurred_at": SystemClock.now().format("%Y-%m-%dT%H:%M:%SZ").to_string(),
            "program_id": self.program, "exercise_id": EXERCISE, "sets": 3, "reps": 10,
            "pain": 2, "effort": 4, "duration_seconds": 600, "source": "self_reported",
        }]});
        let told = insist("a report", || self.clinic.patient.post("/v1/rehab/events", &done))?
            .expect(202)?;
        let known = told["accepted"].as_u64().max(told["duplicates"].as_u64());
        ensure!(known == Some(1), "{told}");
        Ok(())
    }

    fn cancel(&self, appointment: i64) -> Result<()> {
        let patient = &self.clinic.patient;
        let path = format!("/v1/appointments/{appointment}/cancel");
        let reason = json!({"reason_code": "patient_request"});
        let answer = insist("a cancellation", || patient.post(&path, &reason))?;
        // The second time it is cancelled already.
        ensure!(answer.status == 200 || answer.status == 409, "{answer:?}");
        Ok(())
    }
}

/// Announces, uploads, and waits for the verdict; an announcement without an answer is made again,
/// and the first one expires by itself.
fn file(who: &Client, body: &Value, bytes: &[u8]) -> Result<String> {
    let told = insist("an announcement", || who.post("/v1/files", body))?.expect(201)?;
    let id = text(&told["id"])?;
    ensure!(put(&told["upload"], bytes)? == 200, "the store refused");
    let path = format!("/v1/files/{id}/complete");
    wait_for("the verdict", PATIENCE, || {
        let told = insist("a verdict", || who.send("POST", &path, None))?;
        Ok((told.body["status"] == "available").then_some(()))
    })?;
    Ok(id)
}

fn counted<'a>(items: impl IntoIterator<Item = &'a Value>, field: &str) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for item in items {
        *counts.entry(item[field].as_str().unwrap_or_default().to_owned()).or_default() += 1;
    }
    counts
}

/// Every page of a list.
pub(crate) fn all(who: &Client, path: &str) -> Result<Vec<Value>> {
    let (mut items, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = who.get(&format!("{path}limit=100{cursor}"))?.expect(200)?;
        items.extend(page["items"].as_array().cloned().unwrap_or_default());
        match page["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return Ok(items),
        }
    }
}

/// What is there now; a worker may still be busy.
fn state(stack: &Stack, clinic: &Clinic) -> Result<EndState> {
    let appointments = all(&clinic.admin, "/v1/appointments?")?;
    let ids: Vec<_> = appointments.iter().filter_map(|one| one["id"].as_i64()).collect();
    let files = all(&clinic.admin, "/v1/files?")?;
    // An announcement whose answer was lost was made again.
    let files: Vec<_> = files.iter().filter(|one| one["status"] != "pending").collect();
    let mut signatures = 0;
    for one in files.iter().filter(|one| one["kind"] == "document") {
        let path = format!("/v1/files/{}/signatures", text(&one["id"])?);
        let told = clinic.admin.get(&path)?.expect(200)?;
        signatures += told["items"].as_array().map(Vec::len).unwrap_or_default();
    }
    let events = feed(&clinic.admin)?;
    let acts = all(&clinic.admin, "/v1/audit-events?")?;
    let once = ["appointments.book", "appointments.cancel", "video.open_room", "files.sign"];
    let acts = acts.iter().filter(|line| {
        line["outcome"] == "success" && once.iter().any(|act| line["action"] == *act)
    });
    Ok(EndState {
        appointments: counted(&appointments, "status"),
        rooms: rooms(stack, &ids).len(),
        files: counted(files, "status"),
        signatures,
        exercises: events.iter().filter(|one| one["type"] == "exercise.completed").count(),
        events: counted(&events, "type"),
        acts: counted(acts, "action"),
    })
}

pub(crate) fn feed(admin: &Client) -> Result<Vec<Value>> {
    let mut events: Vec<Value> = Vec::new();
    loop {
        let after = events.last().and_then(|event| event["seq"].as_i64()).unwrap_or_default();
        let page = admin.get(&format!("/v1/webhook-events?after_seq={after}&limit=100"))?;
        let known = events.len();
        events.extend(page.expect(200)?["items"].as_array().cloned().unwrap_or_default());
        if events.len() == known {
            let places: Vec<_> = events.iter().filter_map(|event| event["seq"].as_i64()).collect();
            ensure!(places == (1..).take(events.len()).collect::<Vec<_>>(), "gaps: {places:?}");
            return Ok(events);
        }
    }
}

/// The ids of the events that a receiver has verified.
fn heard(receiver: &Receiver, name: &str) -> BTreeSet<String> {
    let deliveries = receiver.deliveries(name);
    let good = deliveries.iter().filter(|one| one.verified == Some(true));
    good.filter_map(|one| one.body["id"].as_str().map(str::to_owned)).collect()
}

fn listen(receiver: &Receiver, clinic: &Clinic, name: &str) -> Result<()> {
    let body = json!({"url": receiver.hook(name), "event_types": ["*"]});
    let told = clinic.admin.post("/v1/webhook-endpoints", &body)?.expect(201)?;
    receiver.tell(name, &[Secret::from(text(&told["secret"])?)])?;
    let path = format!("/v1/webhook-endpoints/{}", text(&told["id"])?);
    wait_for("the endpoint", PATIENCE, || {
        Ok((clinic.admin.get(&path)?.body["status"] == "enabled").then_some(()))
    })
}

/// Three kills in the tests; ten under `cargo xtask soak`, three times over.
#[expect(clippy::disallowed_methods, reason = "`cargo xtask soak` tells its tests by this alone")]
fn extent() -> (usize, usize) {
    if std::env::var("RESTARTIX_SOAK").is_ok_and(|soak| soak == "1") { (3, 10) } else { (1, 3) }
}

#[tokio::test(flavor = "multi_thread")]
async fn soak_kills_at_random_moments_of_a_day_leave_it_as_if_nobody_had_been_killed() -> Result<()>
{
    let (days, kills) = extent();
    for _ in 0..days {
        one_day(kills).await?;
    }
    Ok(())
}

async fn one_day(kills: usize) -> Result<()> {
    let mut stack = Stack::start().await?;
    let receiver = Receiver::start(Options::default()).await?;
    let (calm, wild) = (stack.clinic("calm")?, stack.clinic("wild")?);
    for (clinic, name) in [(&calm, "calm"), (&wild, "wild")] {
        clinic.allow_many()?;
        listen(&receiver, clinic, name)?;
    }
    let visits = 3 * kills;
    let day = Day::begin(&calm)?;
    (0..visits).try_for_each(|number| day.visit(number))?;

    let day = Day::begin(&wild)?;
    let killed = std::thread::scope(|scope| -> Result<usize> {
        let worker = scope.spawn(|| (0..visits).try_for_each(|number| day.visit(number)));
        let mut killed = 0;
        while killed < kills && !worker.is_finished() {
            let pause = u64::from(SystemRandom.below(400));
            std::thread::sleep(Duration::from_millis(pause));
            stack.kill();
            stack.serve()?;
            killed += 1;
        }
        worker.join().map_err(|_| anyhow::anyhow!("the script panicked"))??;
        Ok(killed)
    })?;
    assert_eq!(killed, kills, "the day was over before every kill");

    let expected = wait_for("the calm day to end", PATIENCE, || {
        let now = state(&stack, &calm)?;
        let booked = now.events.get("appointment.created").copied().unwrap_or_default();
        let ready = now.acts.get("video.open_room").copied().unwrap_or_default();
        Ok((booked == visits && ready == visits).then_some(now))
    })?;
    let mut last = EndState::default();
    let same = wait_for("the wild day to end alike", PATIENCE * 2, || {
        last = state(&stack, &wild)?;
        Ok((last == expected).then_some(()))
    });
    assert!(same.is_ok(), "{last:#?}\nis not {expected:#?}");
    for (clinic, name) in [(&calm, "calm"), (&wild, "wild")] {
        // Members were added before anybody listened.
        let of_the_day = |event: &&Value| event["type"] != "member.added";
        let told: BTreeSet<_> = feed(&clinic.admin)?
            .iter()
            .filter(of_the_day)
            .filter_map(|event| event["id"].as_str().map(str::to_owned))
            .collect();
        wait_for(&format!("every event of the {name} clinic"), PATIENCE, || {
            Ok(told.is_subset(&heard(&receiver, name)).then_some(()))
        })?;
    }
    Ok(())
}
