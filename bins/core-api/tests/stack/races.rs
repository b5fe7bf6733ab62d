//! However many want one time at once, one has it.

use std::sync::Barrier;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use crate::client::{Answer, Client, wait_for};
use crate::kills::{all, feed};
use crate::support::{Clinic, Stack, text};

/// How many confirm at once.
const CROWD: usize = 200;

/// Asks for everything at the same moment.
pub(crate) fn at_once(wants: &[(&Client, Value)]) -> Result<Vec<Answer>> {
    let together = Barrier::new(wants.len());
    std::thread::scope(|scope| {
        let asked: Vec<_> = wants
            .iter()
            .map(|(who, body)| {
                scope.spawn(|| {
                    together.wait();
                    who.post("/v1/appointments", body)
                })
            })
            .collect();
        let joined = asked.into_iter().map(std::thread::ScopedJoinHandle::join);
        joined.map(|one| one.unwrap_or_else(|_| anyhow::bail!("a client panicked"))).collect()
    })
}

/// Deadlocks that PostgreSQL has met in the database of this test: it counts each that it logs.
pub(crate) async fn deadlocks(stack: &mut Stack) -> Result<i64> {
    // What a connection has counted is told at its end at the latest.
    stack.kill();
    let connected = "SELECT count(*) FROM pg_stat_activity
        WHERE datname = current_database() AND usename IN ('core_app', 'core_worker')";
    for _ in 0..500 {
        if stack.number(connected).await? == 0 {
            break;
        }
    }
    let counted = "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()";
    stack.number(counted).await
}

/// Pairs of occupancies of one specialist that are in each other's way.
pub(crate) const OVERLAPS: &str = "SELECT count(*) FROM occupancies a JOIN occupancies b
    ON a.org_id = b.org_id AND a.specialist_id = b.specialist_id AND a.session_id < b.session_id
    AND a.blocked && b.blocked WHERE a.active AND b.active";

/// Requires that of many who ask for times that meet, one is given it, and all others are told so.
async fn one_has_it(stack: &mut Stack, clinic: &Clinic, wants: &[(&Client, Value)]) -> Result<()> {
    let answers = at_once(wants)?;
    let made: Vec<_> = answers.iter().filter(|answer| answer.status == 201).collect();
    assert_eq!(made.len(), 1, "of {} who asked", wants.len());
    for answer in answers.iter().filter(|answer| answer.status != 201) {
        answer.refused(409, "slot_taken")?;
    }
    let booked = all(&clinic.admin, "/v1/appointments?")?;
    assert_eq!(booked.len(), 1);
    assert_eq!(booked[0]["id"], made[0].body["id"]);
    let created = || -> Result<usize> {
        let told = feed(&clinic.admin)?;
        Ok(told.iter().filter(|event| event["type"] == "appointment.created").count())
    };
    wait_for("the event", Duration::from_secs(20), || Ok((created()? > 0).then_some(())))?;
    assert_eq!(created()?, 1);
    assert_eq!(stack.number(OVERLAPS).await?, 0);
    assert_eq!(deadlocks(stack).await?, 0);
    Ok(())
}

/// A clinic whose patients want the same time, in turn.
struct Crowd {
    stack: Stack,
    clinic: Clinic,
    patients: Vec<(Client, String)>,
    slot: String,
}

impl Crowd {
    async fn gather() -> Result<Self> {
        let stack = Stack::start_for_crowds().await?;
        let clinic = stack.clinic("one")?;
        let patients = stack.patients(&clinic, 8)?;
        let slot = clinic.slots()?.get(40).context("a slot")?.clone();
        Ok(Self { stack, clinic, patients, slot })
    }

    fn wants(&self, body: impl Fn(usize) -> Value) -> Vec<(Client, Value)> {
        let who = self.patients.iter().cycle().map(|(who, _)| who.clone());
        who.take(CROWD).enumerate().map(|(number, who)| (who, body(number))).collect()
    }
}

fn borrowed(wants: &[(Client, Value)]) -> Vec<(&Client, Value)> {
    wants.iter().map(|(who, body)| (who, body.clone())).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_hundred_who_confirm_one_slot_one_has_it() -> Result<()> {
    let mut crowd = Crowd::gather().await?;
    let wants = crowd.wants(|_| crowd.clinic.slot(&crowd.slot));
    one_has_it(&mut crowd.stack, &crowd.clinic, &borrowed(&wants)).await
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_hundred_who_confirm_one_slot_without_redis_one_has_it() -> Result<()> {
    let mut crowd = Crowd::gather().await?;
    crowd.stack.redis.stop();
    let wants = crowd.wants(|_| crowd.clinic.slot(&crowd.slot));
    one_has_it(&mut crowd.stack, &crowd.clinic, &borrowed(&wants)).await
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_hundred_who_confirm_slots_of_two_types_that_meet_one_has_it() -> Result<()> {
    let mut crowd = Crowd::gather().await?;
    let longer = json!({
        "name": "Longer", "duration_minutes": 45, "buffer_before_minutes": 5,
        "buffer_after_minutes": 10, "online": false,
    });
    let longer = crowd.clinic.admin.post("/v1/appointment-types", &longer)?.expect(201)?;
    let starts_at: chrono::DateTime<chrono::Utc> = crowd.slot.parse()?;
    let earlier = (starts_at - chrono::TimeDelta::minutes(20)).format("%Y-%m-%dT%H:%M:%SZ");
    let earlier = earlier.to_string();
    let wants = crowd.wants(|number| {
        if number % 2 == 0 {
            return crowd.clinic.slot(&crowd.slot);
        }
        let mut body = crowd.clinic.slot(&earlier);
        body["appointment_type_id"] = longer["id"].clone();
        body
    });
    one_has_it(&mut crowd.stack, &crowd.clinic, &borrowed(&wants)).await
}

#[tokio::test(flavor = "multi_thread")]
async fn of_a_crowd_that_wants_one_session_as_many_are_seated_as_there_are_seats() -> Result<()> {
    const SEATS: usize = 5;
    let mut stack = Stack::start_for_crowds().await?;
    let clinic = stack.clinic("one")?;
    let patients = stack.patients(&clinic, 12)?;
    let group =
        json!({"name": "Group", "duration_minutes": 45, "online": false, "capacity": SEATS});
    let group = text(&clinic.admin.post("/v1/appointment-types", &group)?.expect(201)?["id"])?;
    let slot = clinic.slots()?.get(40).context("a slot")?.clone();
    let mut body = clinic.slot(&slot);
    body["appointment_type_id"] = json!(group);
    let wants: Vec<_> =
        patients.iter().cycle().take(60).map(|(who, _)| (who, body.clone())).collect();
    let answers = at_once(&wants)?;
    let seated: Vec<_> = answers.iter().filter(|answer| answer.status == 201).collect();
    assert_eq!(seated.len(), SEATS);
    for answer in answers.iter().filter(|answer| answer.status != 201) {
        answer.refused(409, "slot_taken")?;
    }
    let mut who: Vec<_> =
        seated.iter().map(|answer| answer.body["patient_id"].to_string()).collect();
    who.sort_unstable();
    who.dedup();
    ensure!(who.len() == SEATS, "nobody has two seats: {who:?}");
    assert_eq!(stack.number("SELECT count(*) FROM appointment_sessions").await?, 1);
    assert_eq!(stack.number("SELECT sum(seats_taken) FROM appointment_sessions").await?, 5);
    assert_eq!(stack.number(OVERLAPS).await?, 0);
    assert_eq!(deadlocks(&mut stack).await?, 0);
    Ok(())
}
