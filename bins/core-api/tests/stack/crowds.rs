//! Many clients book, move, call off and let holds lapse, over two servers of which one is killed and
//! comes back; in the end everything is as each of them was told.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use chrono::{DateTime, TimeDelta, Utc};
use restartix_kernel::{Clock as _, RandomExt as _, SystemClock, SystemRandom};
use restartix_testkit::TestRedis;
use serde_json::{Value, json};

use crate::client::{Answer, Client, wait_for};
use crate::kills::{all, feed};
use crate::once::keyed;
use crate::races::{OVERLAPS, deadlocks};
use crate::support::{Stack, text};

/// How long a client goes on trying while servers are away.
const PATIENCE: Duration = Duration::from_secs(60);

/// What an appointment was last told to be: status, start, version.
type Known = (String, String, i64);

/// A short soak with few clients in the tests; a minute with 32 under `cargo xtask soak`.
#[expect(clippy::disallowed_methods, reason = "`cargo xtask soak` tells its tests by this alone")]
pub(crate) fn is_long() -> bool {
    std::env::var("RESTARTIX_SOAK").is_ok_and(|soak| soak == "1")
}

fn chance(of: u32) -> bool {
    SystemRandom.below(of) == 0
}

fn one_of<T>(all: &[T]) -> Option<&T> {
    let below = u32::try_from(all.len()).unwrap_or(u32::MAX);
    all.get(usize::try_from(SystemRandom.below(below.max(1))).unwrap_or_default())
}

/// The types that are booked: minutes of length, of the time kept clear before and after.
const TYPES: [(i64, i64, i64); 3] = [(30, 0, 0), (45, 5, 10), (20, 10, 0)];

struct Scene {
    kinds: Vec<String>,
    specialists: Vec<String>,
    servers: [String; 2],
    from: DateTime<Utc>,
}

impl Scene {
    /// A slot of any type, any specialist, any five minutes of four days.
    fn slot(&self) -> Result<Value> {
        Ok(json!({
            "appointment_type_id": one_of(&self.kinds).context("a type")?,
            "specialist_id": one_of(&self.specialists).context("a specialist")?,
            "starts_at": self.start(),
        }))
    }

    fn start(&self) -> String {
        let minutes = 5 * i64::from(SystemRandom.below(4 * 24 * 12));
        (self.from + TimeDelta::minutes(minutes)).format("%Y-%m-%dT%H:%M:%SZ").to_string()
    }
}

/// One client, and what they know of their appointments.
struct Patient<'a> {
    scene: &'a Scene,
    redis: &'a TestRedis,
    who: [Client; 2],
    known: BTreeMap<i64, Known>,
    asked: u64,
}

impl Patient<'_> {
    /// Asks either server until one answers. Also: whether some answer was lost on the way, so that
    /// it may have been done before.
    fn insist(&self, ask: impl Fn(&Client) -> Result<Answer>) -> Result<(Answer, bool)> {
        let (deadline, mut lost) = (Instant::now() + PATIENCE, false);
        loop {
            let who = one_of(&self.who).context("a server")?;
            match ask(who) {
                Ok(answer) if answer.status < 500 => return Ok((answer, lost)),
                // Without holds one goes on without.
                Ok(answer) if answer.body["code"] == "holds_unavailable" => {
                    return Ok((answer, lost));
                }
                _ => lost = true,
            }
            ensure!(Instant::now() < deadline, "no server answered for {PATIENCE:?}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    fn act(&mut self, number: usize) -> Result<()> {
        let mine: Vec<i64> = self
            .known
            .iter()
            .filter(|(_, known)| known.0 == "confirmed")
            .map(|(id, _)| *id)
            .collect();
        match (SystemRandom.below(10), one_of(&mine)) {
            (0..=1, Some(id)) => self.cancel(*id),
            (2..=5, Some(id)) => self.reschedule(*id),
            _ => self.book(number),
        }
    }

    fn book(&mut self, number: usize) -> Result<()> {
        let slot = self.scene.slot()?;
        let mut body = slot.clone();
        if chance(2) {
            let (hold, _) = self.insist(|who| who.post("/v1/holds", &slot))?;
            match hold.status {
                201 => body = json!({"hold_id": hold.body["id"]}),
                409 | 503 => {}
                _ => bail!("a hold was answered {hold:?}"),
            }
            if hold.status == 201 && chance(4) {
                self.lapse()?;
            }
        }
        self.asked += 1;
        let key = format!("{number}-{}", self.asked);
        let (answer, _) = self.insist(|who| keyed(who, "/v1/appointments", &key, &body))?;
        match (answer.status, answer.body["code"].as_str()) {
            (201, _) => self.learn(&answer.body),
            (409, Some("slot_taken" | "hold_lost" | "too_many_open")) => Ok(()),
            (503, Some("holds_unavailable")) => Ok(()),
            _ => bail!("a booking was answered {answer:?}"),
        }
    }

    /// Lets some of the keys of somebody's holds expire.
    fn lapse(&self) -> Result<()> {
        let script = "local n = 0 for i, key in ipairs(redis.call('KEYS', 'rtx:*:hold*')) do \
            if (i + tonumber(ARGV[1])) % 7 == 0 then redis.call('PEXPIRE', key, 0) n = n + 1 end end return n";
        let number = SystemRandom.below(7).to_string();
        self.redis.command(&["EVAL", script, "0", &number]).map(drop)
    }

    /// Posts about an appointment as the client has seen it last.
    fn change(&self, id: i64, way: &str, body: &Value) -> Result<(Answer, bool)> {
        let version = self.known.get(&id).context("one's own")?.2;
        let (path, tag) = (format!("/v1/appointments/{id}/{way}"), format!("\"v{version}\""));
        let headers = [("content-type", "application/json"), ("if-match", tag.as_str())];
        let body = body.to_string().into_bytes();
        self.insist(|who| who.send_with("POST", &path, &headers, Some(body.clone())))
    }

    fn cancel(&mut self, id: i64) -> Result<()> {
        let (answer, lost) =
            self.change(id, "cancel", &json!({"reason_code": "patient_request"}))?;
        match answer.status {
            200 => self.learn(&answer.body),
            412 if lost => self.ask_again(id, "cancelled"),
            _ => bail!("a cancellation was answered {answer:?}"),
        }
    }

    fn reschedule(&mut self, id: i64) -> Result<()> {
        let starts_at = self.scene.start();
        let body = json!({"starts_at": starts_at, "reason_code": "patient_request"});
        let (answer, lost) = self.change(id, "reschedule", &body)?;
        match (answer.status, answer.body["code"].as_str()) {
            (200, _) => self.learn(&answer.body),
            (409, Some("slot_taken")) => Ok(()),
            (412, _) if lost => self.ask_again(id, "confirmed"),
            _ => bail!("a move was answered {answer:?}"),
        }
    }

    /// The answer was lost, and the change is made: exactly one version on.
    fn ask_again(&mut self, id: i64, status: &str) -> Result<()> {
        let before = self.known.get(&id).context("one's own")?.2;
        let (answer, _) = self.insist(|who| who.get(&format!("/v1/appointments/{id}")))?;
        let now = answer.expect(200)?;
        ensure!(now["version"] == before + 1 && now["status"] == status, "{now}, after {before}");
        self.learn(&now)
    }

    fn learn(&mut self, told: &Value) -> Result<()> {
        let (id, known) = known(told)?;
        self.known.insert(id, known);
        Ok(())
    }
}

fn known(told: &Value) -> Result<(i64, Known)> {
    let number = |field: &str| told[field].as_i64().context("a number");
    Ok((number("id")?, (text(&told["status"])?, text(&told["starts_at"])?, number("version")?)))
}

/// What an appointment keeps others out of.
type Footprint = (DateTime<Utc>, DateTime<Utc>);

/// Requires that no two active appointments of a specialist are in each other's way, by what the API
/// says of them and the types alone.
fn none_meet(appointments: &[Value], kinds: &[String]) -> Result<()> {
    let mut taken: BTreeMap<&str, Vec<Footprint>> = BTreeMap::new();
    for one in appointments.iter().filter(|one| one["status"] == "confirmed") {
        let kind = kinds.iter().position(|kind| one["appointment_type_id"] == kind.as_str());
        let (length, before, after) = TYPES[kind.context("a known type")?];
        let starts_at: DateTime<Utc> = text(&one["starts_at"])?.parse()?;
        let ends_at = starts_at + TimeDelta::minutes(length);
        ensure!(text(&one["ends_at"])?.parse::<DateTime<Utc>>()? == ends_at, "{one}");
        let footprint =
            (starts_at - TimeDelta::minutes(before), ends_at + TimeDelta::minutes(after));
        taken
            .entry(one["specialist_id"].as_str().context("a specialist")?)
            .or_default()
            .push(footprint);
    }
    for (specialist, times) in &mut taken {
        times.sort_unstable();
        let meet = times.windows(2).find(|pair| pair[0].1 > pair[1].0);
        ensure!(meet.is_none(), "{specialist}: {meet:?}");
    }
    Ok(())
}

/// Requires that each version of each appointment was told once, in order.
fn told_once(events: &[Value], end: &BTreeMap<i64, Known>) -> Result<()> {
    let mut versions: BTreeMap<i64, Vec<(i64, &str)>> = BTreeMap::new();
    for event in events {
        let kind = event["type"].as_str().unwrap_or_default();
        if kind.starts_with("appointment.") && kind != "appointment.reminder_due" {
            let number = |field: &str| event["data"][field].as_i64().context("a number");
            versions.entry(number("id")?).or_default().push((number("version")?, kind));
        }
    }
    ensure!(versions.keys().eq(end.keys()), "events of {} of {}", versions.len(), end.len());
    for (id, (status, _, last)) in end {
        let told = &versions[id];
        let numbers: Vec<i64> = told.iter().map(|(version, _)| *version).collect();
        ensure!(numbers == (1..=*last).collect::<Vec<_>>(), "{id}: {told:?}, now at {last}");
        for (version, kind) in told {
            let expected = match (*version, *version == *last && status == "cancelled") {
                (1, _) => "appointment.created",
                (_, true) => "appointment.cancelled",
                _ => "appointment.rescheduled",
            };
            ensure!(*kind == expected, "{id}: {told:?}, now {status}");
        }
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn soak_races_of_many_over_two_servers_lose_nothing_and_double_nothing() -> Result<()> {
    let (clients, length) =
        if is_long() { (32, Duration::from_secs(60)) } else { (8, Duration::from_secs(6)) };
    let mut stack = Stack::start_for_crowds().await?;
    let clinic = stack.clinic("one")?;
    clinic.allow_many()?;
    let mut kinds = Vec::new();
    for (length, before, after) in TYPES {
        let kind = json!({
            "name": "Soak", "duration_minutes": length, "buffer_before_minutes": before,
            "buffer_after_minutes": after, "online": false,
        });
        kinds.push(text(&clinic.admin.post("/v1/appointment-types", &kind)?.expect(201)?["id"])?);
    }
    let specialists = vec![clinic.specialist_id.clone(), stack.another_specialist(&clinic)?];
    let patients = stack.patients(&clinic, clients)?;
    let mut peer = stack.peer()?;
    let tomorrow = SystemClock.now().date_naive() + TimeDelta::days(1);
    let from = tomorrow.and_hms_opt(6, 0, 0).context("a time")?.and_utc();
    let servers = [stack.base(), peer.base()];
    let scene = Scene { kinds, specialists, servers, from };

    let deadline = Instant::now() + length;
    let end = std::thread::scope(|scope| -> Result<BTreeMap<i64, Known>> {
        let redis = &stack.redis;
        let working: Vec<_> = patients
            .iter()
            .enumerate()
            .map(|(number, (who, _))| {
                let who = scene.servers.each_ref().map(|base| who.at(base));
                let mut patient =
                    Patient { scene: &scene, redis, who, known: BTreeMap::new(), asked: 0 };
                scope.spawn(move || -> Result<BTreeMap<i64, Known>> {
                    while Instant::now() < deadline {
                        patient.act(number)?;
                    }
                    Ok(patient.known)
                })
            })
            .collect();
        std::thread::sleep(length / 3);
        peer.kill();
        std::thread::sleep(length / 3);
        peer.serve(&stack)?;
        let mut end = BTreeMap::new();
        for one in working {
            end.extend(one.join().map_err(|_| anyhow::anyhow!("a client panicked"))??);
        }
        Ok(end)
    })?;

    let listed = all(&clinic.admin, "/v1/appointments?")?;
    let kept: BTreeMap<i64, Known> = listed.iter().map(known).collect::<Result<_>>()?;
    assert_eq!(kept, end, "what is kept is what clients were told");
    none_meet(&listed, &scene.kinds)?;
    assert_eq!(stack.number(OVERLAPS).await?, 0);
    let all_told = usize::try_from(end.values().map(|known| known.2).sum::<i64>())?;
    let mut events = Vec::new();
    wait_for("every event", PATIENCE, || {
        events = feed(&clinic.admin)?;
        let of_appointments = |event: &&Value| {
            event["type"].as_str().is_some_and(|kind| kind.starts_with("appointment."))
        };
        Ok((events.iter().filter(of_appointments).count() >= all_told).then_some(()))
    })?;
    told_once(&events, &end)?;
    let cancelled = end.values().filter(|known| known.0 == "cancelled").count();
    let moved: i64 = end.values().map(|known| known.2 - 1).sum::<i64>() - i64::try_from(cancelled)?;
    let enough = if is_long() { 200 } else { 30 };
    ensure!(end.len() >= enough, "a soak of {} appointments shows nothing", end.len());
    eprintln!("{} booked, {cancelled} cancelled, {moved} moves", end.len());
    drop(peer);
    assert_eq!(deadlocks(&mut stack).await?, 0);
    Ok(())
}
