//! Who is limited, and who is not.
#![cfg(feature = "conformance")]

use std::sync::Arc;

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use restartix_kernel::{Clock, ManualClock, SeededRandom};
use restartix_tenancy::memory::MemoryRateLimits;
use restartix_tenancy::{
    Actor, ClaimError, ClaimSource, ClaimedRows, Found, OrgId, Rate, RateClass, RateLimits,
    RatePolicy, conformance,
};

/// Moves on when somebody sleeps.
struct Hurrying(ManualClock);

#[async_trait]
impl Clock for Hurrying {
    fn now(&self) -> DateTime<Utc> {
        self.0.now()
    }

    async fn sleep_until(&self, instant: DateTime<Utc>) {
        self.0.set(instant);
    }
}

fn clock() -> Arc<Hurrying> {
    Arc::new(Hurrying(ManualClock::at(DateTime::UNIX_EPOCH + TimeDelta::days(20_000))))
}

#[tokio::test]
async fn the_limits_in_memory_keep_the_rules() {
    let clock = clock();
    let limits = MemoryRateLimits::new(conformance::rates(), clock.clone());
    conformance::rate_limits(&limits, [1, 2], &SeededRandom::new(5), &*clock).await;
}

#[tokio::test]
async fn the_platform_itself_is_held_to_the_organisations_bucket_alone() {
    struct Row;
    #[async_trait]
    impl ClaimSource for Row {
        type Key = ();
        type Row = ();
        async fn claim(&self, (): &()) -> Result<Vec<Found<()>>, ClaimError> {
            let organisation = OrgId::new(1).unwrap();
            Ok(vec![Found { organisation, actor: Actor::System, row: () }])
        }
    }
    let policy = RatePolicy::uniform(Rate::new(1, 1).unwrap(), Rate::new(1, 3).unwrap());
    let limits = MemoryRateLimits::new(policy, clock());
    let rows = ClaimedRows::new(Row);
    let row = rows.claim(&()).await.unwrap().remove(0);
    let passed = rows.run(row, async |tenant, ()| {
        let mut passed = 0;
        while limits.take(tenant, RateClass::Token).await.is_ok() {
            passed += 1;
        }
        passed
    });
    assert_eq!(passed.await, 3);
}
