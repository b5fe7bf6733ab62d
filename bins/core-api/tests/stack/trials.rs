//! Between a hold and its confirm Redis forgets everything, clocks disagree by an hour, keys expire:
//! whatever is answered is one of a few words, and nobody is booked over somebody else.

use std::sync::Arc;
use std::sync::mpsc::channel;

use actix_web::rt::System;
use anyhow::{Context, Result, ensure};
use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use restartix_core_api::config::{Server, Settings};
use restartix_core_api::{Listening, assemble, listen};
use restartix_http_api::MetricsText;
use restartix_kernel::{Clock, RandomExt as _, SystemClock, SystemRandom};
use serde_json::json;

use crate::client::{Answer, Client};
use crate::crowds::is_long;
use crate::races::{OVERLAPS, at_once};
use crate::support::Stack;

/// A clock that is wrong by always the same.
struct Wrong(TimeDelta);

#[async_trait]
impl Clock for Wrong {
    fn now(&self) -> DateTime<Utc> {
        SystemClock.now() + self.0
    }

    async fn sleep_until(&self, instant: DateTime<Utc>) {
        SystemClock.sleep_until(instant - self.0).await;
    }
}

struct NoMetrics;

impl MetricsText for NoMetrics {
    fn render(&self) -> String {
        String::new()
    }
}

/// A server of the stack's clinics in this process, whose clock is wrong by `by`; where it listens.
fn serve(stack: &Stack, by: TimeDelta) -> Result<String> {
    let config = Server::read(&Settings::load(None, &stack.environment_at(0)))?;
    let (tell, told) = channel();
    std::thread::spawn(move || {
        System::new().block_on(async move {
            let (clock, random) = (Arc::new(Wrong(by)), Arc::new(SystemRandom));
            let app = assemble(&config, clock, random, Arc::new(NoMetrics))?;
            let Listening { addresses, server, .. } = listen(app.api, &config.http)?;
            tell.send(addresses.first().copied())?;
            anyhow::Ok(server.await?)
        })
    });
    Ok(format!("http://{}", told.recv()?.context("an address")?))
}

/// What happens between hold and confirm.
#[derive(Clone, Copy)]
enum Fault {
    Flush,
    Expiry,
    /// Whoever confirms, or holds, meets a server whose clock is wrong by so much.
    Clock(TimeDelta),
}

/// A few in the tests, 200 under `cargo xtask soak`.
fn trials() -> usize {
    if is_long() { 200 } else { 20 }
}

fn is_one_of_the_words(answer: &Answer) -> bool {
    match answer.status {
        201 => true,
        409 => ["slot_taken", "hold_lost"].iter().any(|code| answer.body["code"] == *code),
        503 => answer.body["code"] == "holds_unavailable",
        _ => false,
    }
}

#[expect(clippy::print_stderr, reason = "a soak tells what it came to")]
async fn tried(fault: Fault) -> Result<()> {
    let stack = Stack::start_for_crowds().await?;
    let clinic = stack.clinic("one")?;
    clinic.allow_many()?;
    let patients = stack.patients(&clinic, 8)?;
    let right = stack.base();
    let other = match fault {
        Fault::Clock(by) => serve(&stack, by)?,
        Fault::Flush | Fault::Expiry => right.clone(),
    };
    let from = SystemClock.now().date_naive() + TimeDelta::days(1);
    let from = from.and_hms_opt(6, 0, 0).context("a time")?.and_utc();
    let (mut booked, mut words) = (0, std::collections::BTreeMap::<String, usize>::new());
    for number in 0..trials() {
        let start = from + TimeDelta::minutes(40 * i64::try_from(number)?);
        let stamp = |at: DateTime<Utc>| at.format("%Y-%m-%dT%H:%M:%SZ").to_string();
        let slot = clinic.slot(&stamp(start));
        let person = |n: usize| &patients[n % patients.len()].0;
        // Who holds at the one confirms at the other, either way around.
        let (here, there) = if number % 2 == 0 { (&right, &other) } else { (&other, &right) };
        let holder = |base: &String| -> Client { person(number).at(base) };
        let hold = holder(here).post("/v1/holds", &slot)?.expect(201)?;
        match fault {
            Fault::Flush => drop(stack.redis.command(&["FLUSHALL"])?),
            Fault::Expiry => expire_some(&stack)?,
            Fault::Clock(_) => {}
        }
        // A rival wants the same, or a time that meets it, or nothing.
        let rival = person(number + 1).at(if number % 3 == 0 { here } else { there });
        let meets =
            clinic.slot(&stamp(start + TimeDelta::minutes(if number % 4 < 2 { 0 } else { 10 })));
        let confirm = holder(there);
        let mut wants = vec![(&confirm, json!({"hold_id": hold["id"]}))];
        if number % 5 != 0 {
            wants.push((&rival, meets));
        }
        let answers = at_once(&wants)?;
        for answer in &answers {
            ensure!(is_one_of_the_words(answer), "trial {number}: {answer:?}");
            let word = answer.body["code"].as_str().unwrap_or("booked");
            *words.entry(word.to_owned()).or_default() += 1;
        }
        let made = answers.iter().filter(|answer| answer.status == 201).count();
        ensure!(made <= 1, "trial {number}: {answers:?}");
        booked += made;
    }
    assert_eq!(stack.number(OVERLAPS).await?, 0);
    let active = "SELECT count(*) FROM appointments WHERE status = 'confirmed'";
    assert_eq!(stack.number(active).await?, i64::try_from(booked)?);
    ensure!(booked > trials() / 4, "hardly anybody was booked: {words:?}");
    eprintln!("{} trials: {words:?}", trials());
    Ok(())
}

/// Lets some of the keys that holds are made of expire.
fn expire_some(stack: &Stack) -> Result<()> {
    let script = "local keys = redis.call('KEYS', 'rtx:*:hold*') table.sort(keys) \
        for i, key in ipairs(keys) do \
        if math.floor(tonumber(ARGV[1]) / 2 ^ (i % 8)) % 2 == 1 then redis.call('PEXPIRE', key, 0) end end \
        return #keys";
    let some = SystemRandom.below(256).to_string();
    stack.redis.command(&["EVAL", script, "0", &some]).map(drop)
}

#[tokio::test(flavor = "multi_thread")]
async fn soak_trials_where_redis_forgets_everything_between_hold_and_confirm() -> Result<()> {
    tried(Fault::Flush).await
}

#[tokio::test(flavor = "multi_thread")]
async fn soak_trials_where_keys_of_a_hold_expire_before_its_confirm() -> Result<()> {
    tried(Fault::Expiry).await
}

#[tokio::test(flavor = "multi_thread")]
async fn soak_trials_where_one_clock_is_an_hour_ahead() -> Result<()> {
    tried(Fault::Clock(TimeDelta::hours(1))).await
}

#[tokio::test(flavor = "multi_thread")]
async fn soak_trials_where_one_clock_is_an_hour_behind() -> Result<()> {
    tried(Fault::Clock(TimeDelta::hours(-1))).await
}
