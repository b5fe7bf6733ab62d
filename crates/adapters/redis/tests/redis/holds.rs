use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use redis::AsyncCommands;
use restartix_kernel::{HoldId, ManualClock, PersonId, SeededRandom};
use restartix_redis::RedisHolds;
use restartix_scheduling::conformance::holds::{self, Scene, later};
use restartix_scheduling::{Hold, HoldError, Holds, Slot};
use restartix_tenancy::conformance::principal;
use restartix_tenancy::{Principal, Role};

use crate::server::{Server, until};

struct World {
    server: Server,
    holds: Arc<RedisHolds>,
    clock: ManualClock,
    random: SeededRandom,
    one: Arc<Principal>,
    two: Principal,
}

/// A world whose clock is not that of Redis.
async fn world(now: &str) -> World {
    let server = Server::start().await;
    let random = SeededRandom::new(11);
    World {
        holds: Arc::new(RedisHolds::new(server.redis())),
        server,
        clock: ManualClock::at(now.parse().unwrap()),
        one: Arc::new(principal(1, Role::Patient, &random).await),
        two: principal(2, Role::Patient, &random).await,
        random,
    }
}

impl World {
    fn scene(&self) -> Scene<'_> {
        let tenants = [self.one.tenant().unwrap(), self.two.tenant().unwrap()];
        Scene { tenants, clock: &self.clock, random: &self.random }
    }

    fn id(&self) -> HoldId {
        HoldId::fresh(&self.clock, &self.random)
    }

    async fn acquire(&self, slot: &Slot, now: DateTime<Utc>) -> Result<Hold, HoldError> {
        let owner = PersonId::fresh(&self.random);
        self.holds.acquire(self.one.tenant().unwrap(), self.id(), slot, owner, now).await
    }
}

const NOW: &str = "2026-03-02T08:00:00Z";

#[tokio::test]
async fn the_holds_in_redis_keep_the_rules_by_a_clock_years_away_from_that_of_redis() {
    for now in [NOW, "2038-01-19T03:14:07Z", "1999-12-31T23:59:00Z"] {
        let world = world(now).await;
        holds::all(&*world.holds, world.scene()).await;
    }
}

#[tokio::test]
async fn two_servers_whose_clocks_are_an_hour_apart_do_not_lose_each_others_records() {
    let world = world(NOW).await;
    let now: DateTime<Utc> = NOW.parse().unwrap();
    let (tenant, slot) = (world.one.tenant().unwrap(), world.scene().slot());
    let owner = PersonId::fresh(&world.random);
    let id = world.id();
    let hold = world.holds.acquire(tenant, id, &slot, owner, now).await.unwrap();
    // For the server ahead the lease is over; it may take the time, and the record stays.
    world.acquire(&slot, now + TimeDelta::hours(1)).await.unwrap();
    assert_eq!(world.holds.find(tenant, id, owner).await.unwrap(), Some(hold));
    // For the server behind it lives on, and keeps others out.
    let behind = world.acquire(&slot, now - TimeDelta::hours(1)).await;
    assert!(matches!(behind, Err(HoldError::Taken)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_hundred_who_acquire_one_slot_at_once_exactly_one_gets_it() {
    let world = world(NOW).await;
    let now: DateTime<Utc> = NOW.parse().unwrap();
    let slot = world.scene().slot();
    let other_type = Slot { appointment_type: world.scene().slot().appointment_type, ..slot };
    let tasks: Vec<_> = (0..200)
        .map(|number| {
            let slot = if number % 2 == 0 { slot } else { later(&other_type, 15) };
            let (id, owner) = (world.id(), PersonId::fresh(&world.random));
            let (holds, one) = (world.holds.clone(), world.one.clone());
            tokio::spawn(async move {
                holds.acquire(one.tenant().unwrap(), id, &slot, owner, now).await
            })
        })
        .collect();
    let mut got = 0;
    for task in tasks {
        match task.await.unwrap() {
            Ok(_) => got += 1,
            Err(HoldError::Taken) => {}
            Err(other) => panic!("{other:?}"),
        }
    }
    assert_eq!(got, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_owner_who_acquires_many_slots_at_once_ends_with_one() {
    let world = world(NOW).await;
    let now: DateTime<Utc> = NOW.parse().unwrap();
    let slot = world.scene().slot();
    let owner = PersonId::fresh(&world.random);
    let tasks: Vec<_> = (0..8)
        .map(|number| {
            let slot = later(&slot, 60 * number);
            let id = world.id();
            let (holds, one) = (world.holds.clone(), world.one.clone());
            tokio::spawn(async move {
                holds.acquire(one.tenant().unwrap(), id, &slot, owner, now).await
            })
        })
        .collect();
    for task in tasks {
        // Whoever met too much of it is told that holds cannot be had; nobody is told a lie.
        let acquired = task.await.unwrap();
        assert!(matches!(acquired, Ok(_) | Err(HoldError::Unavailable(_))), "{acquired:?}");
    }
    let mut day = slot.footprint();
    day.ends_at += TimeDelta::days(1);
    let tenant = world.one.tenant().unwrap();
    let live = world.holds.live(tenant, &[slot.specialist], day, now).await.unwrap();
    assert_eq!(live.len(), 1, "{live:?}");
}

#[tokio::test]
async fn after_a_flush_holds_are_lost_and_can_be_had_anew() {
    let world = world(NOW).await;
    let now: DateTime<Utc> = NOW.parse().unwrap();
    let (tenant, slot) = (world.one.tenant().unwrap(), world.scene().slot());
    let hold = world.acquire(&slot, now).await.unwrap();
    let () = redis::cmd("FLUSHALL").query_async(&mut world.server.plain().await).await.unwrap();
    let () = redis::cmd("SCRIPT")
        .arg("FLUSH")
        .query_async(&mut world.server.plain().await)
        .await
        .unwrap();
    assert_eq!(world.holds.find(tenant, hold.id, hold.owner).await.unwrap(), None);
    let renewed = world.holds.renew(tenant, hold.id, hold.owner, now).await;
    assert!(matches!(renewed, Err(HoldError::NotFound)));
    world.acquire(&slot, now).await.unwrap();
}

#[tokio::test]
async fn an_outage_is_told_within_a_second_and_ends_with_it() {
    let mut world = world(NOW).await;
    let now: DateTime<Utc> = NOW.parse().unwrap();
    let slot = world.scene().slot();
    world.acquire(&slot, now).await.unwrap();
    world.server.stop();
    for _ in 0..5 {
        let started = std::time::Instant::now();
        let refused = world.acquire(&slot, now).await;
        assert!(matches!(refused, Err(HoldError::Unavailable(_))), "{refused:?}");
        assert!(started.elapsed() < std::time::Duration::from_secs(1));
    }
    world.server.resume().await;
    let started = std::time::Instant::now();
    let free = later(&slot, 300);
    until("holds can be had again", async || world.acquire(&free, now).await.is_ok()).await;
    assert!(started.elapsed() < std::time::Duration::from_secs(3));
}

#[tokio::test]
async fn a_server_starts_without_redis_and_finds_it_later() {
    let mut world = world(NOW).await;
    world.server.stop();
    let redis = world.server.redis();
    assert!(redis.probe().await.is_err());
    world.server.resume().await;
    until("Redis is found", async || redis.probe().await.is_ok()).await;
}

#[tokio::test]
async fn every_key_is_the_organisations_own_and_ends_by_itself() {
    let world = world(NOW).await;
    let now: DateTime<Utc> = NOW.parse().unwrap();
    let slot = world.scene().slot();
    let hold = world.acquire(&slot, now).await.unwrap();
    let mut redis = world.server.plain().await;
    let mut keys: Vec<String> = redis.keys("*").await.unwrap();
    keys.sort();
    let mut expected = [
        format!("rtx:{{1}}:hold:{}:{}", slot.appointment_type, hold.owner),
        format!("rtx:{{1}}:hold-place:{}", hold.id),
        format!("rtx:{{1}}:holds-with:{}", slot.specialist),
    ];
    expected.sort();
    assert_eq!(keys, expected);
    let hour = Hold::AFTERLIFE.num_seconds();
    for key in keys {
        let left: i64 = redis.ttl(&key).await.unwrap();
        assert!((hour + 600..=hour + 900).contains(&left), "{key} ends after {left} s");
    }
}
