use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use redis::Script;
use restartix_kernel::{Clock, UserId};
use restartix_tenancy::{
    Bucket, ClassRates, Limited, OrgId, Rate, RateClass, RateLimits, RatePolicy, Tenant,
};

use crate::{Redis, RedisError, keys};

/// How long one call to Redis may take; a request makes two at the most.
const BUDGET: Duration = Duration::from_millis(25);
/// How long Redis is left alone after it failed, in microseconds.
const ALONE_FOR: i64 = 1_000_000;
/// How many buckets a process remembers at the most.
const CAPACITY: usize = 50_000;
/// A bucket that nobody asked for during this time may be forgotten, in microseconds.
const IDLE_AFTER: i64 = 60_000_000;

/// Token buckets that several servers share through Redis.
///
/// A server borrows a tenth of a bucket's burst at a time and spends it by itself, so that few
/// requests wait for Redis; what it forgets unspent is lost, and what it holds unspent is all by
/// which two servers may differ. While Redis is gone each server has whole buckets of its own:
/// limits grow with the number of servers, and nobody is refused for want of Redis.
pub struct RedisRateLimits {
    redis: Redis,
    policy: RatePolicy,
    clock: Arc<dyn Clock>,
    borrow: Script,
    state: Mutex<State>,
}

type Key = (OrgId, Option<UserId>, RateClass);

#[derive(Default)]
struct State {
    purses: HashMap<Key, Purse>,
    /// Until then Redis is not asked.
    alone_until: i64,
}

/// What this server has of one bucket. Instants are microseconds on the injected clock.
#[derive(Clone, Copy, Default)]
struct Purse {
    /// Tokens that Redis gave and nobody has spent.
    borrowed: u32,
    /// Until then Redis has none.
    refused_until: i64,
    /// The bucket while Redis is gone.
    alone: Bucket,
    touched: i64,
}

impl Purse {
    fn spend(&mut self, rate: Rate, now: i64, alone: bool) -> Spent {
        self.touched = now;
        if let Some(left) = self.borrowed.checked_sub(1) {
            self.borrowed = left;
            return Spent::Decided(Ok(()));
        }
        if alone {
            return Spent::Decided(self.alone.take(rate, now));
        }
        // Never longer than a bucket takes to fill, whatever the clock did meanwhile.
        let filling = i64::from(rate.interval_micros()) * i64::from(rate.burst());
        let wait = self.refused_until - now;
        if wait > 0 && wait <= filling {
            return Spent::Decided(Err(limited(wait)));
        }
        Spent::ToBorrow
    }
}

enum Spent {
    Decided(Result<(), Limited>),
    ToBorrow,
}

fn limited(micros: i64) -> Limited {
    Limited { retry_after: Duration::from_micros(u64::try_from(micros).unwrap_or_default().max(1)) }
}

impl State {
    fn purse(&mut self, key: Key, now: i64) -> &mut Purse {
        if self.purses.len() >= CAPACITY && !self.purses.contains_key(&key) {
            self.purses.retain(|_, purse| now - purse.touched < IDLE_AFTER);
            // Fifty thousand within a minute: forgetting them costs what they had borrowed.
            if self.purses.len() >= CAPACITY {
                self.purses.clear();
            }
        }
        self.purses.entry(key).or_default()
    }

    fn spend(&mut self, key: Key, rate: Rate, now: i64) -> Spent {
        let alone = now < self.alone_until && self.alone_until - now <= ALONE_FOR;
        self.purse(key, now).spend(rate, now, alone)
    }
}

impl RedisRateLimits {
    /// Limits by `policy` over `redis`; `clock` fills the buckets while Redis is gone.
    pub fn new(redis: Redis, policy: RatePolicy, clock: Arc<dyn Clock>) -> Self {
        let borrow = Script::new(include_str!("lua/borrow.lua"));
        Self { redis, policy, clock, borrow, state: Mutex::default() }
    }

    fn now(&self) -> i64 {
        self.clock.now().timestamp_micros()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn take_one(&self, key: Key, rate: Rate) -> Result<(), Limited> {
        if let Spent::Decided(taken) = self.state().spend(key, rate, self.now()) {
            return taken;
        }
        let lent = self.ask(key, rate).await;
        let now = self.now();
        let mut state = self.state();
        match lent {
            Ok((given, wait)) => {
                let purse = state.purse(key, now);
                purse.borrowed = purse.borrowed.saturating_add(given);
                purse.refused_until = now.saturating_add(wait);
            }
            Err(_) => state.alone_until = now + ALONE_FOR,
        }
        match state.spend(key, rate, now) {
            Spent::Decided(taken) => taken,
            // Others spent what was just borrowed; Redis has more, a moment later.
            Spent::ToBorrow => Err(limited(i64::from(rate.interval_micros()))),
        }
    }

    /// Borrows from Redis: how many tokens it gave, or after how many microseconds it will.
    async fn ask(
        &self,
        (organisation, user, class): Key,
        rate: Rate,
    ) -> Result<(u32, i64), RedisError> {
        let mut script = self.borrow.prepare_invoke();
        script
            .key(keys::bucket(organisation, user, class))
            .arg(rate.interval_micros())
            .arg(rate.burst())
            .arg((rate.burst() / 10).max(1));
        self.redis
            .call_within(BUDGET, async |mut redis| script.invoke_async(&mut redis).await)
            .await
    }
}

#[async_trait]
impl RateLimits for RedisRateLimits {
    async fn take(&self, tenant: &Tenant, class: RateClass) -> Result<(), Limited> {
        let organisation = tenant.organisation();
        let ClassRates { user: of_user, organisation: of_all } = self.policy.of(class);
        let user = tenant.bucket().map(|id| (organisation, Some(id), class));
        if let Some(user) = user {
            self.take_one(user, of_user).await?;
        }
        let taken = self.take_one((organisation, None, class), of_all).await;
        if let (Err(_), Some(user)) = (taken, user) {
            let now = self.now();
            self.state().purse(user, now).borrowed += 1;
        }
        taken
    }
}
