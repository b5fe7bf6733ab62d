//! Rooms by their names, people in them, and the account as a whole, at the stand-in.
#![expect(clippy::indexing_slicing, reason = "tests fail by panicking")]

use std::sync::Arc;

use crate::support::{Bench, appointment};
use chrono::{DateTime, TimeDelta, Utc};
use restartix_daily::{Config, Daily};
use restartix_kernel::{AppointmentId, ExposeSecret, ManualClock, PersonId};
use restartix_video::{
    Grant, MeetingToken, Room, RoomNaming, RoomTerms, TokenTerms, VideoAccount, VideoProvider,
    Window, WindowPolicy, conformance,
};
use serde_json::{Value, json};

#[tokio::test]
async fn a_room_is_kept_up_by_its_name_whoever_chose_that() {
    let bench = Bench::new().await;
    let (one, random) = (bench.one.tenant().unwrap(), &*bench.random);
    let chosen = bench.patient_daily(|_| {});
    conformance::a_room_is_kept_up_by_its_name(&chosen, one, random, bench.now()).await;
    bench.sandbox.switch(|switches| switches.hipaa = true);
    let given = bench.patient_daily(|config| config.room_naming = RoomNaming::ProviderAssigned);
    conformance::a_room_is_kept_up_by_its_name(&given, one, random, bench.now()).await;
    assert!(bench.sandbox.room_names().is_empty());
}

#[tokio::test]
async fn the_account_keeps_the_rules_of_the_port() {
    let bench = Bench::new().await;
    bench.sandbox.switch(|switches| switches.rate_limits = false);
    let daily = bench.daily(|_| {});
    let tenants = [bench.one.tenant().unwrap(), bench.two.tenant().unwrap()];
    let (random, now) = (&*bench.random, bench.second());
    let enter = async |room: &Room, person| bench.enter(&daily, room, person).await;
    conformance::the_account_shows_what_stands_and_who_is_there(
        &daily, tenants, random, now, enter,
    )
    .await;
}

#[tokio::test]
async fn the_account_shows_whats_standing_and_who_is_there() {
    let bench = Bench::new().await;
    let daily = bench.daily(|_| {});
    let one = bench.one.tenant().unwrap();
    let room = bench.create(&daily).await.unwrap();
    bench.api("POST", "/rooms", &json!({ "name": "somebody-elses" })).await;
    for number in 0..120 {
        let name = format!("restartix-9-{number}");
        bench.api("POST", "/rooms", &json!({ "name": name, "privacy": "private" })).await;
        bench.sandbox.switch(|switches| switches.rate_limits = false);
    }
    let standing = daily.standing().await.unwrap();
    assert_eq!(standing.len(), 122, "every page");
    let own = standing.iter().find(|one| one.name == room.name).unwrap();
    assert_eq!((own.window, own.private, own.ours), (Some(room.window), true, true));
    let other = standing.iter().find(|one| one.name.as_str() == "somebody-elses").unwrap();
    assert_eq!((other.window, other.private, other.ours), (None, false, false));
    daily.abandon(&own.name).await.unwrap();
    daily.abandon(&own.name).await.unwrap();
    assert_eq!(daily.standing().await.unwrap().len(), 121);

    let room = bench.create(&daily).await.unwrap();
    let person = bench.person();
    let who = TokenTerms { person, grant: Grant::Participant };
    let key = daily.meeting_token(one, &room, &who).await.unwrap();
    bench.join(room.name.as_str(), Some(key.token.expose_secret())).await;
    // Whom others let into rooms of theirs is nobody of ours.
    bench.join("somebody-elses", None).await;
    let present = daily.present().await.unwrap();
    let found: Vec<_> = present.iter().filter(|(name, _)| *name == room.name).collect();
    assert_eq!(found.len(), 1);
    assert_eq!((found[0].1.person, found[0].1.left_at), (person, None));
}

/// A stand-in and a provider on one clock that a test moves.
struct Visit {
    bench: Bench,
    clock: Arc<ManualClock>,
    daily: Daily,
    starts_at: DateTime<Utc>,
    window: Window,
}

impl Visit {
    /// In an hour, for half an hour; open from a quarter before to a quarter after.
    async fn new() -> Self {
        let now: DateTime<Utc> = "2026-01-05T08:00:00Z".parse().unwrap();
        let clock = Arc::new(ManualClock::at(now));
        let bench = Bench::on(clock.clone()).await;
        let daily = bench.daily_on(clock.clone(), |_: &mut Config| {});
        let starts_at = now + TimeDelta::hours(1);
        let policy = WindowPolicy::new(15, 15).unwrap();
        let window = policy.window(starts_at, starts_at + TimeDelta::minutes(30));
        Self { bench, clock, daily, starts_at, window }
    }

    async fn room(&self, id: i64) -> Room {
        let terms =
            RoomTerms { window: self.window, max_participants: 8, recorded: false, region: None };
        let (one, id) = (self.bench.one.tenant().unwrap(), AppointmentId::new(id).unwrap());
        // Turns are taken on a clock that stands still.
        self.clock.advance(TimeDelta::milliseconds(700));
        self.daily.create_room(one, id, &terms).await.unwrap()
    }

    async fn key(&self, room: &Room, person: PersonId) -> MeetingToken {
        let who = TokenTerms { person, grant: Grant::Participant };
        self.daily.meeting_token(self.bench.one.tenant().unwrap(), room, &who).await.unwrap()
    }

    /// Why somebody is not let in; `None` when they are.
    async fn refusal(&self, room: &Room, key: &MeetingToken) -> Option<String> {
        let token = key.token.expose_secret();
        let (status, told) = self.bench.join(room.name.as_str(), Some(token)).await;
        (status != 200).then(|| told["reason"].as_str().unwrap().to_owned())
    }

    fn people_in(&self, rooms: &Value) -> usize {
        rooms["rooms"][0]["participants"].as_array().map_or(0, Vec::len)
    }
}

#[tokio::test]
async fn a_key_that_is_early_expired_foreign_ejected_or_of_a_cancelled_visit_lets_nobody_in() {
    let visit = Visit::new().await;
    let (room, other) = (visit.room(102).await, visit.room(103).await);
    let person = visit.bench.person();
    let key = visit.key(&room, person).await;
    let refused = async |room, key| visit.refusal(room, key).await;
    assert_eq!(refused(&room, &key).await.as_deref(), Some("token_not_yet_valid"));
    visit.clock.set(visit.window.opens_at);
    assert_eq!(refused(&room, &key).await, None);
    assert_eq!(refused(&other, &key).await.as_deref(), Some("token_other_room"));

    // Put out while the other goes on: out for as long as the meeting lasts.
    let stays = visit.key(&room, visit.bench.person()).await;
    assert_eq!(refused(&room, &stays).await, None);
    let one = visit.bench.one.tenant().unwrap();
    visit.clock.advance(TimeDelta::seconds(1));
    visit.daily.eject(one, &room.name, &[person]).await.unwrap();
    assert_eq!(refused(&room, &key).await.as_deref(), Some("banned"));
    visit.clock.set(visit.window.closes_at);
    let last = visit.key(&other, person).await;
    let expired = refused(&other, &last).await;
    assert_eq!(expired.as_deref(), Some("room_expired"));
    // A key outlives its room by nothing, were the room to stay.
    visit.clock.set(visit.window.opens_at);
    let longer = RoomTerms {
        window: Window { closes_at: visit.window.closes_at + TimeDelta::hours(1), ..visit.window },
        max_participants: 8,
        recorded: false,
        region: None,
    };
    visit.clock.advance(TimeDelta::seconds(2));
    let old = visit.key(&other, person).await;
    visit.daily.update_room(one, &other.name, &longer).await.unwrap().unwrap();
    visit.clock.set(visit.window.closes_at);
    assert_eq!(refused(&other, &old).await.as_deref(), Some("token_expired"));
    visit.clock.advance(TimeDelta::seconds(2));
    visit.daily.delete_room(one, &other.name).await.unwrap();
    assert_eq!(refused(&other, &old).await.as_deref(), Some("room_not_found"));
}

#[tokio::test]
async fn a_key_of_the_start_admits_until_a_minute_before_the_end_and_nobody_is_put_out_before_it() {
    let visit = Visit::new().await;
    let room = visit.room(appointment().get()).await;
    visit.clock.set(visit.starts_at);
    let key = visit.key(&room, visit.bench.person()).await;
    assert_eq!(visit.refusal(&room, &key).await, None);
    visit.clock.set(visit.window.closes_at - TimeDelta::minutes(1));
    assert_eq!(visit.refusal(&room, &key).await, None, "a re-join");
    visit.clock.set(visit.window.closes_at - TimeDelta::seconds(1));
    let rooms = visit.bench.control("/_sandbox/rooms", &Value::Null).await.1;
    assert_eq!(visit.people_in(&rooms), 1, "{rooms}");
    visit.clock.set(visit.window.closes_at);
    let rooms = visit.bench.control("/_sandbox/rooms", &Value::Null).await.1;
    assert_eq!(visit.people_in(&rooms), 0, "{rooms}");
    let late = visit.refusal(&room, &key).await;
    assert_eq!(late.as_deref(), Some("room_expired"));
}
