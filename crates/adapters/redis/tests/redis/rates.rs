use std::sync::Arc;

use chrono::{DateTime, TimeDelta};
use restartix_kernel::{ManualClock, SeededRandom, SystemClock};
use restartix_redis::RedisRateLimits;
use restartix_tenancy::conformance::{self, principal};
use restartix_tenancy::{Rate, RateClass, RateLimits, RatePolicy, Role, Tenant};

use crate::server::{Server, until};

/// One request a second for a user, a hundred at once; the organisation is not limited.
fn slow() -> RatePolicy {
    RatePolicy::uniform(Rate::new(1, 100).unwrap(), Rate::LIFTED)
}

/// How many of a thousand requests pass, each of `servers` in its turn.
async fn passed(servers: &[&RedisRateLimits], tenant: &Tenant) -> usize {
    let mut passed = 0;
    for limits in servers.iter().cycle().take(1_000) {
        passed += usize::from(limits.take(tenant, RateClass::Read).await.is_ok());
    }
    passed
}

#[tokio::test]
async fn the_limits_in_redis_keep_the_rules() {
    let server = Server::start().await;
    let limits = RedisRateLimits::new(server.redis(), conformance::rates(), Arc::new(SystemClock));
    conformance::rate_limits(&limits, [1, 2], &SeededRandom::new(5), &SystemClock).await;
}

#[tokio::test]
async fn the_limits_alone_keep_the_rules() {
    let mut server = Server::start().await;
    server.stop();
    let limits = RedisRateLimits::new(server.redis(), conformance::rates(), Arc::new(SystemClock));
    conformance::rate_limits(&limits, [1, 2], &SeededRandom::new(5), &SystemClock).await;
}

#[tokio::test]
async fn two_servers_share_one_bucket_to_within_what_they_borrow() {
    let server = Server::start().await;
    let clock = Arc::new(SystemClock);
    let [one, two] = [(); 2].map(|()| RedisRateLimits::new(server.redis(), slow(), clock.clone()));
    let somebody = principal(1, Role::Patient, &SeededRandom::new(1)).await;
    let passed = passed(&[&one, &two], somebody.tenant().unwrap()).await;
    assert!((100..=110).contains(&passed), "a burst of 100 is {passed}");
}

#[tokio::test]
async fn without_redis_a_server_limits_alone_and_waits_for_nobody() {
    let mut server = Server::start().await;
    server.stop();
    let clock = Arc::new(ManualClock::at(DateTime::UNIX_EPOCH + TimeDelta::days(20_000)));
    let limits = RedisRateLimits::new(server.redis(), slow(), clock.clone());
    let somebody = principal(1, Role::Patient, &SeededRandom::new(1)).await;
    let tenant = somebody.tenant().unwrap();
    let started = std::time::Instant::now();
    assert_eq!(passed(&[&limits], tenant).await, 100);
    assert!(started.elapsed() < std::time::Duration::from_millis(500), "waited for Redis");
    let limited = limits.take(tenant, RateClass::Read).await.unwrap_err();
    assert_eq!(limited.retry_after, std::time::Duration::from_secs(1));
    clock.advance(TimeDelta::seconds(1));
    assert_eq!(limits.take(tenant, RateClass::Read).await, Ok(()));
}

#[tokio::test]
async fn when_redis_returns_servers_share_again() {
    let mut server = Server::start().await;
    let clock = Arc::new(ManualClock::at(DateTime::UNIX_EPOCH + TimeDelta::days(20_000)));
    let [one, two] = [(); 2].map(|()| RedisRateLimits::new(server.redis(), slow(), clock.clone()));
    let somebody = principal(1, Role::Patient, &SeededRandom::new(1)).await;
    let tenant = somebody.tenant().unwrap();
    server.stop();
    assert_eq!(passed(&[&one, &two], tenant).await, 200, "each has a bucket of its own");
    server.resume().await;
    // Alone they have nothing left; the bucket in Redis is full.
    until("the servers ask Redis again", async || {
        clock.advance(TimeDelta::milliseconds(1_001));
        let [one, two] =
            [one.take(tenant, RateClass::Read).await, two.take(tenant, RateClass::Read).await];
        let keys: Vec<String> =
            redis::cmd("KEYS").arg("*").query_async(&mut server.plain().await).await.unwrap();
        one.is_ok() && two.is_ok() && !keys.is_empty()
    })
    .await;
    let passed = passed(&[&one, &two], tenant).await;
    assert!((80..=110).contains(&passed), "a shared burst of 100 is {passed}");
}
