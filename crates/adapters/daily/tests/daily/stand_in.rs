//! [`Daily`] against the stand-in over real sockets: what it makes, and what it does when calls
//! go wrong.

use std::time::Duration;

use crate::support::{Bench, KEY, Log, appointment};
use chrono::TimeDelta;
use restartix_daily::{Config, Health, Timeouts};
use restartix_kernel::{AppointmentId, Clock, ExposeSecret, SystemClock};
use restartix_video::{
    Grant, ProviderError, Room, RoomNaming, TokenTerms, VideoProvider, conformance,
};
use serde_json::{Value, json};

#[tokio::test]
async fn rooms_keep_the_rules_of_the_port() {
    let bench = Bench::new().await;
    let daily = bench.patient_daily(|_| {});
    let tenants = [bench.one.tenant().unwrap(), bench.two.tenant().unwrap()];
    conformance::rooms_are_idempotent_and_apart(&daily, tenants, bench.now()).await;
    assert!(bench.sandbox.room_names().is_empty());
}

#[tokio::test]
async fn tokens_keep_the_rules_of_the_port_signed_here_and_by_daily() {
    let bench = Bench::new().await;
    let tenants = [bench.one.tenant().unwrap(), bench.two.tenant().unwrap()];
    for daily in [bench.patient_daily(|_| {}), bench.patient_daily(|c| c.domain_id = None)] {
        let now = bench.now();
        conformance::a_token_is_for_one_room_until_it_closes(&daily, tenants, &*bench.random, now)
            .await;
    }
}

/// The customer's test: a room carries its organisation in its name, and a token opens that room
/// and no other.
#[tokio::test]
async fn create_room_as_organisation_1_names_restartix_1_102_and_its_token_opens_that_room_only() {
    let bench = Bench::new().await;
    for daily in [bench.daily(|_| {}), bench.daily(|config| config.domain_id = None)] {
        let terms = conformance::terms(bench.now());
        let (one, two) = (bench.one.tenant().unwrap(), bench.two.tenant().unwrap());
        let room = daily.create_room(one, appointment(), &terms).await.unwrap();
        let other = daily.create_room(two, appointment(), &terms).await.unwrap();
        assert_eq!(room.name.as_str(), "restartix-1-102");
        assert_eq!(other.name.as_str(), "restartix-2-102");

        let who = TokenTerms { person: bench.person(), grant: Grant::Participant };
        let key = daily.meeting_token(one, &room, &who).await.unwrap();
        let token = key.token.expose_secret();
        assert_eq!(bench.join("restartix-1-102", Some(token)).await.0, 200);
        assert_eq!(bench.join("restartix-1-102", None).await.0, 403, "a room is private");
        let (status, refusal) = bench.join("restartix-2-102", Some(token)).await;
        assert_eq!((status, &refusal["reason"]), (403, &json!("token_other_room")));
    }
}

#[tokio::test]
async fn a_browser_is_sent_to_the_room_with_its_token() {
    let bench = Bench::new().await;
    let daily = bench.daily(|_| {});
    let one = bench.one.tenant().unwrap();
    let terms = conformance::terms(bench.now());
    let room = daily.create_room(one, appointment(), &terms).await.unwrap();
    let who = TokenTerms { person: bench.person(), grant: Grant::Owner };
    let key = daily.meeting_token(one, &room, &who).await.unwrap();
    let url = bench.sandbox.url();
    let expected = format!("{url}/restartix-1-102?t={}", key.token.expose_secret());
    assert_eq!(daily.entrance(&room, &key).expose_secret(), expected);
    assert_eq!(daily.frame_source(), url);
}

#[tokio::test]
async fn an_answer_lost_after_the_commit_leaves_one_room() {
    let bench = Bench::new().await;
    let daily = bench.patient_daily(|_| {});
    bench.sandbox.switch(|switches| switches.faults.lose_answer_after_commit = 1);
    let room = bench.create(&daily).await.unwrap();
    assert_eq!(bench.sandbox.room_names(), [room.name.as_str()]);
    bench.sandbox.switch(|switches| switches.faults.lose_answer_after_commit = 1);
    daily.delete_room(bench.one.tenant().unwrap(), &room.name).await.unwrap();
    assert!(bench.sandbox.room_names().is_empty());
}

#[tokio::test]
async fn fifty_creations_at_once_make_one_room_within_dailys_limit() {
    let bench = Bench::new().await;
    let daily = bench.patient_daily(|config| config.concurrency = 50);
    let all: Vec<Result<Room, ProviderError>> =
        futures_util::future::join_all((0..50).map(|_| bench.create(&daily))).await;
    assert!(all.iter().all(Result::is_ok), "{all:?}");
    assert_eq!(bench.sandbox.room_names(), ["restartix-1-102"]);
    let peak = bench.sandbox.peak_per_second();
    assert!(peak <= 20, "{peak} requests in one second");
}

#[tokio::test]
async fn a_storm_of_429_and_5xx_is_outlasted() {
    let bench = Bench::new().await;
    let daily = bench.daily(|_| {});
    bench.sandbox.switch(|switches| switches.faults.status_429 = 3);
    bench.create(&daily).await.unwrap();
    bench.sandbox.switch(|switches| switches.faults.status_5xx = 3);
    bench.create(&daily).await.unwrap();
    assert_eq!(daily.health(), Health::Ok);
}

#[tokio::test]
async fn a_request_without_an_answer_is_given_up_and_repeated() {
    let bench = Bench::new().await;
    let read = Duration::from_millis(300);
    let daily = bench.daily(|config| config.timeouts = Timeouts { read, ..Timeouts::default() });
    bench.sandbox.switch(|switches| switches.faults.timeout = 1);
    bench.create(&daily).await.unwrap();
    assert_eq!(bench.sandbox.room_names(), ["restartix-1-102"]);
}

#[tokio::test]
async fn while_daily_is_down_calls_fail_fast_tokens_are_minted_and_its_return_is_noticed() {
    let bench = Bench::new().await;
    let daily = bench.daily(|_| {});
    assert_eq!(daily.health(), Health::Unknown);
    let room = bench.create(&daily).await.unwrap();
    bench.sandbox.switch(|switches| switches.faults.status_5xx = u32::MAX);
    while bench.asked(&daily).await > 0 {}
    assert!(matches!(daily.health(), Health::Failing { .. }));
    let failed = bench.create(&daily).await;
    assert!(matches!(failed, Err(ProviderError::Unavailable(_))), "{failed:?}");
    let who = TokenTerms { person: bench.person(), grant: Grant::Participant };
    daily.meeting_token(bench.one.tenant().unwrap(), &room, &who).await.unwrap();
    daily.probe().await.unwrap_err();

    bench.sandbox.switch(|switches| switches.faults.status_5xx = 0);
    daily.probe().await.unwrap();
    assert_eq!(daily.health(), Health::Ok);
    bench.create(&daily).await.unwrap();
}

#[tokio::test]
async fn an_outage_is_passing_and_a_wrong_key_is_not() {
    let bench = Bench::new().await;
    let daily = bench.daily(|_| {});
    bench.sandbox.stop().await.unwrap();
    let failed = bench.create(&daily).await;
    assert!(matches!(failed, Err(ProviderError::Unavailable(_))), "{failed:?}");
    bench.sandbox.restart().await.unwrap();
    let wrong = bench.daily(|config| config.api_key = "another-key".into());
    let failed = bench.create(&wrong).await;
    assert!(matches!(failed, Err(ProviderError::Refused(_))), "{failed:?}");
    assert!(matches!(wrong.health(), Health::Failing { .. }));
}

#[tokio::test]
async fn a_public_room_under_our_name_is_adopted_and_made_private() {
    let bench = Bench::new().await;
    let daily = bench.daily(|_| {});
    bench.api("POST", "/rooms", &json!({ "name": "restartix-1-102" })).await;
    assert_eq!(bench.join("restartix-1-102", None).await.0, 200);
    let room = bench.create(&daily).await.unwrap();
    assert_eq!(bench.join(room.name.as_str(), None).await.0, 403);
    let (_, shown) = bench.api("GET", "/rooms/restartix-1-102", &Value::Null).await;
    assert_eq!(shown["privacy"], "private");
    assert_eq!(shown["config"]["exp"], room.window.closes_at.timestamp());
    assert_eq!(shown["config"]["max_participants"], 4);
    assert_eq!(shown["config"]["eject_at_room_exp"], true);
    assert_eq!(shown["config"]["enforce_unique_user_ids"], true);
}

#[tokio::test]
async fn a_room_that_expired_under_our_name_is_in_nobodys_way() {
    let bench = Bench::new().await;
    let daily = bench.daily(|_| {});
    let gone = (bench.now() - TimeDelta::hours(1)).timestamp();
    let body = json!({ "name": "restartix-1-102", "properties": { "exp": gone } });
    bench.api("POST", "/rooms", &body).await;
    bench.create(&daily).await.unwrap();
    assert_eq!(bench.sandbox.room_names(), ["restartix-1-102"]);
    let mut past = conformance::terms(bench.now());
    past.window.closes_at = bench.now() - TimeDelta::minutes(1);
    let (one, name) = (bench.one.tenant().unwrap(), "restartix-1-102");
    daily.create_room(one, appointment(), &past).await.unwrap();
    let name = restartix_video::RoomName::new(name).unwrap();
    daily.delete_room(one, &name).await.unwrap();
}

#[tokio::test]
async fn a_request_that_daily_never_accepts_is_refused_and_not_repeated() {
    let bench = Bench::new().await;
    let daily = bench.daily(|_| {});
    let mut terms = conformance::terms(bench.now());
    terms.max_participants = 500;
    let one = bench.one.tenant().unwrap();
    let failed = daily.create_room(one, appointment(), &terms).await;
    assert!(matches!(failed, Err(ProviderError::Refused(_))), "{failed:?}");
    assert_eq!(bench.requests(), ["POST", "GET"]);
}

#[tokio::test]
async fn in_hipaa_mode_daily_names_rooms_and_a_lost_answer_is_not_asked_for_again() {
    let bench = Bench::new().await;
    bench.sandbox.switch(|switches| switches.hipaa = true);
    let chosen = bench.create(&bench.daily(|_| {})).await;
    assert!(matches!(chosen, Err(ProviderError::Refused(_))), "{chosen:?}");

    let assigned = |config: &mut Config| config.room_naming = RoomNaming::ProviderAssigned;
    let daily = bench.daily(assigned);
    bench.sandbox.switch(|switches| switches.faults.status_429 = 1);
    let room = bench.create(&daily).await.unwrap();
    assert!(!room.name.as_str().contains("restartix"));
    assert_eq!(bench.sandbox.room_names(), [room.name.as_str()]);
    let who = TokenTerms { person: bench.person(), grant: Grant::Participant };
    let key = daily.meeting_token(bench.one.tenant().unwrap(), &room, &who).await.unwrap();
    let (status, _) = bench.join(room.name.as_str(), Some(key.token.expose_secret())).await;
    assert_eq!(status, 200);

    bench.sandbox.switch(|switches| switches.faults.lose_answer_after_commit = 1);
    let lost = bench.create(&daily).await;
    assert!(matches!(lost, Err(ProviderError::Unavailable(_))), "{lost:?}");
    assert_eq!(bench.sandbox.room_names().len(), 2, "the room whose answer was lost, once");
}

#[tokio::test]
async fn neither_key_nor_token_nor_name_is_printed_or_logged() {
    let bench = Bench::new().await;
    let log = Log::default();
    let guard = tracing::subscriber::set_default(log.subscriber());
    let daily = bench.daily(|_| {});
    bench.sandbox.switch(|switches| switches.faults.status_5xx = 2);
    let room = bench.create(&daily).await.unwrap();
    let who = TokenTerms { person: bench.person(), grant: Grant::Participant };
    let one = bench.one.tenant().unwrap();
    let key = daily.meeting_token(one, &room, &who).await.unwrap();
    let entrance = daily.entrance(&room, &key);
    bench.sandbox.switch(|switches| switches.faults.status_5xx = u32::MAX);
    let failure = bench.create(&daily).await.unwrap_err();
    drop(guard);
    let printed = format!("{} {daily:?} {key:?} {entrance:?} {failure:?}", log.text());
    assert!(printed.contains("Daily failed"), "something is logged: {printed}");
    for secret in [KEY, key.token.expose_secret(), "restartix-1-102", "Bearer"] {
        assert!(!printed.contains(secret), "{secret} is in {printed}");
    }
}

#[tokio::test]
async fn appointments_are_apart_and_a_token_admits_until_the_room_closes() {
    let bench = Bench::new().await;
    let daily = bench.daily(|_| {});
    let one = bench.one.tenant().unwrap();
    let mut terms = conformance::terms(bench.now());
    // A room that closes in a minute, with a token minted at its opening.
    terms.window.closes_at = SystemClock.now() + TimeDelta::minutes(1);
    let room = daily.create_room(one, appointment(), &terms).await.unwrap();
    let next = AppointmentId::new(103).unwrap();
    let other = daily.create_room(one, next, &terms).await.unwrap();
    let who = TokenTerms { person: bench.person(), grant: Grant::Participant };
    let key = daily.meeting_token(one, &room, &who).await.unwrap();
    let token = key.token.expose_secret();
    for _ in 0..2 {
        assert_eq!(bench.join(room.name.as_str(), Some(token)).await.0, 200, "and a re-join");
    }
    assert_eq!(bench.join(other.name.as_str(), Some(token)).await.0, 403);
    daily.delete_room(one, &room.name).await.unwrap();
    let (_, refusal) = bench.join(room.name.as_str(), Some(token)).await;
    assert_eq!(refusal["reason"], "room_not_found");
}
