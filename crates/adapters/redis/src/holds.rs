use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use redis::{AsyncCommands, Script};
use restartix_kernel::{AppointmentTypeId, HoldId, PersonId};
use restartix_scheduling::engine::{Minutes, Window};
use restartix_scheduling::{Hold, HoldError, Holds, Slot};
use restartix_tenancy::{OrgId, Tenant};

use crate::{Redis, RedisError, keys};

/// How long Redis keeps a record after it was written, on Redis's own clock; for cleaning alone,
/// since whether a hold lives is told by the caller's clock.
fn kept_for() -> i64 {
    (Hold::LIFETIME + Hold::AFTERLIFE + TimeDelta::minutes(5)).num_milliseconds()
}

/// How often a call looks again when its owner acts elsewhere at the same moment.
const ATTEMPTS: u8 = 5;

/// Holds in Redis.
///
/// A hold's record lies among those of its specialist (`rtx:{org}:holds-with:{specialist}`), where
/// overlap is judged across types. `rtx:{org}:hold:{type}:{owner}` names the one hold that somebody
/// has of a type, and `rtx:{org}:hold-place:{hold}` where a hold lies. A call first reads which keys
/// it needs and then runs one script over exactly these; the script makes sure that they are still
/// the right ones.
pub struct RedisHolds {
    redis: Redis,
    acquire: Script,
    renew: Script,
    release: Script,
    live: Script,
}

impl From<RedisError> for HoldError {
    fn from(error: RedisError) -> Self {
        Self::Unavailable(error.into())
    }
}

impl RedisHolds {
    /// Holds over `redis`.
    pub fn new(redis: Redis) -> Self {
        Self {
            redis,
            acquire: Script::new(include_str!("lua/acquire.lua")),
            renew: Script::new(include_str!("lua/renew.lua")),
            release: Script::new(include_str!("lua/release.lua")),
            live: Script::new(include_str!("lua/live.lua")),
        }
    }

    /// The type and the specialist of a hold, when it is known.
    async fn place(
        &self,
        organisation: OrgId,
        id: HoldId,
    ) -> Result<Option<(AppointmentTypeId, PersonId)>, RedisError> {
        let key = keys::place(organisation, id);
        let place: Option<String> =
            self.redis.call(async |mut redis| redis.get(&key).await).await?;
        place.map(|place| pair(&place)).transpose()
    }

    /// Runs the acquiring script over the keys that `seen` asks for; `None` when they have changed.
    async fn try_acquire(
        &self,
        organisation: OrgId,
        wanted: &Hold,
        now: DateTime<Utc>,
        seen: &str,
    ) -> Result<Option<Hold>, HoldError> {
        let Hold { id, slot, owner, expires_at } = wanted;
        let earlier: Option<(HoldId, PersonId)> =
            if seen.is_empty() { None } else { Some(pair(seen)?) };
        let (earlier_id, earlier_specialist) = earlier.unwrap_or((*id, slot.specialist));
        let footprint = slot.footprint();
        let mut script = self.acquire.prepare_invoke();
        script
            .key(keys::hold_of(organisation, slot.appointment_type, *owner))
            .key(keys::holds_with(organisation, slot.specialist))
            .key(keys::place(organisation, *id))
            .key(keys::holds_with(organisation, earlier_specialist))
            .key(keys::place(organisation, earlier_id))
            .arg(seen)
            .arg(earlier.map(|(id, _)| id.to_string()).unwrap_or_default())
            .arg(id.to_string())
            .arg(write_slot(slot, *owner))
            .arg(footprint.starts_at.timestamp_micros())
            .arg(footprint.ends_at.timestamp_micros())
            .arg(now.timestamp_micros())
            .arg(expires_at.timestamp_micros())
            .arg(format!("{id} {}", slot.specialist))
            .arg(format!("{} {}", slot.appointment_type, slot.specialist))
            .arg(kept_for());
        let answer: Vec<String> =
            self.redis.call(async |mut redis| script.invoke_async(&mut redis).await).await?;
        match answer.as_slice() {
            [word] if word == "moved" => Ok(None),
            [word] if word == "taken" => Err(HoldError::Taken),
            [_, id, record] => Ok(Some(read_hold(id, slot.specialist, record)?)),
            _ => Err(RedisError::Unreadable.into()),
        }
    }
}

#[async_trait]
impl Holds for RedisHolds {
    async fn acquire(
        &self,
        tenant: &Tenant,
        id: HoldId,
        slot: &Slot,
        owner: PersonId,
        now: DateTime<Utc>,
    ) -> Result<Hold, HoldError> {
        let organisation = tenant.organisation();
        let wanted = Hold { id, slot: *slot, owner, expires_at: now + Hold::LIFETIME };
        let current = keys::hold_of(organisation, slot.appointment_type, owner);
        for _ in 0..ATTEMPTS {
            let seen: Option<String> =
                self.redis.call(async |mut redis| redis.get(&current).await).await?;
            let seen = seen.unwrap_or_default();
            if let Some(hold) = self.try_acquire(organisation, &wanted, now, &seen).await? {
                return Ok(hold);
            }
        }
        Err(HoldError::Unavailable("the owner holds and lets go at the same moment".into()))
    }

    async fn renew(
        &self,
        tenant: &Tenant,
        id: HoldId,
        owner: PersonId,
        now: DateTime<Utc>,
    ) -> Result<Hold, HoldError> {
        let organisation = tenant.organisation();
        let (kind, specialist) = self.place(organisation, id).await?.ok_or(HoldError::NotFound)?;
        let mut script = self.renew.prepare_invoke();
        script
            .key(keys::holds_with(organisation, specialist))
            .key(keys::hold_of(organisation, kind, owner))
            .key(keys::place(organisation, id))
            .arg(id.to_string())
            .arg(owner.to_string())
            .arg(now.timestamp_micros())
            .arg((now + Hold::LIFETIME).timestamp_micros())
            .arg(Hold::RENEWALS)
            .arg(kept_for());
        let answer: Vec<String> =
            self.redis.call(async |mut redis| script.invoke_async(&mut redis).await).await?;
        match answer.as_slice() {
            [word] if word == "absent" => Err(HoldError::NotFound),
            [word] if word == "exhausted" => Err(HoldError::Exhausted),
            [_, id, record] => Ok(read_hold(id, specialist, record)?),
            _ => Err(RedisError::Unreadable.into()),
        }
    }

    async fn release(&self, tenant: &Tenant, id: HoldId, owner: PersonId) -> Result<(), HoldError> {
        let organisation = tenant.organisation();
        let (kind, specialist) = self.place(organisation, id).await?.ok_or(HoldError::NotFound)?;
        let mut script = self.release.prepare_invoke();
        script
            .key(keys::holds_with(organisation, specialist))
            .key(keys::hold_of(organisation, kind, owner))
            .key(keys::place(organisation, id))
            .arg(id.to_string())
            .arg(owner.to_string())
            .arg(format!("{id} {specialist}"));
        let released: bool =
            self.redis.call(async |mut redis| script.invoke_async(&mut redis).await).await?;
        if released { Ok(()) } else { Err(HoldError::NotFound) }
    }

    async fn find(
        &self,
        tenant: &Tenant,
        id: HoldId,
        owner: PersonId,
    ) -> Result<Option<Hold>, HoldError> {
        let organisation = tenant.organisation();
        let Some((_, specialist)) = self.place(organisation, id).await? else { return Ok(None) };
        let key = keys::holds_with(organisation, specialist);
        let field = id.to_string();
        let record: Option<String> =
            self.redis.call(async |mut redis| redis.hget(&key, &field).await).await?;
        let hold = record.map(|record| read_hold(&field, specialist, &record)).transpose()?;
        Ok(hold.filter(|hold| hold.owner == owner))
    }

    async fn live(
        &self,
        tenant: &Tenant,
        specialists: &[PersonId],
        range: Window,
        now: DateTime<Utc>,
    ) -> Result<Vec<Hold>, HoldError> {
        if specialists.is_empty() {
            return Ok(Vec::new());
        }
        let mut who = specialists.to_vec();
        who.sort_unstable();
        who.dedup();
        let mut script = self.live.prepare_invoke();
        for specialist in &who {
            script.key(keys::holds_with(tenant.organisation(), *specialist));
        }
        script
            .arg(range.starts_at.timestamp_micros())
            .arg(range.ends_at.timestamp_micros())
            .arg(now.timestamp_micros());
        let lines: Vec<(usize, String, String)> =
            self.redis.call(async |mut redis| script.invoke_async(&mut redis).await).await?;
        let holds: Result<Vec<Hold>, RedisError> = lines
            .iter()
            .map(|(number, id, record)| {
                let specialist = number.checked_sub(1).and_then(|index| who.get(index));
                read_hold(id, *specialist.ok_or(RedisError::Unreadable)?, record)
            })
            .collect();
        Ok(holds?)
    }
}

/// `type owner start end before after`: instants in microseconds, buffers in minutes.
fn write_slot(slot: &Slot, owner: PersonId) -> String {
    format!(
        "{} {owner} {} {} {} {}",
        slot.appointment_type,
        slot.starts_at.timestamp_micros(),
        slot.ends_at.timestamp_micros(),
        slot.buffer_before.get(),
        slot.buffer_after.get(),
    )
}

/// A record: the slot as [`write_slot`] writes it, expiry, renewals, and when it is swept away.
fn read_hold(id: &str, specialist: PersonId, record: &str) -> Result<Hold, RedisError> {
    let parts: Vec<&str> = record.split(' ').collect();
    let [kind, owner, start, end, before, after, expires, _renewals, _sweep] = parts.as_slice()
    else {
        return Err(RedisError::Unreadable);
    };
    let instant =
        |text: &str| DateTime::from_timestamp_micros(parse(text)?).ok_or(RedisError::Unreadable);
    let minutes = |text: &str| Minutes::new(parse(text)?).map_err(|_| RedisError::Unreadable);
    let slot = Slot {
        appointment_type: parse(kind)?,
        specialist,
        starts_at: instant(start)?,
        ends_at: instant(end)?,
        buffer_before: minutes(before)?,
        buffer_after: minutes(after)?,
    };
    Ok(Hold { id: parse(id)?, slot, owner: parse(owner)?, expires_at: instant(expires)? })
}

fn pair<A: std::str::FromStr, B: std::str::FromStr>(text: &str) -> Result<(A, B), RedisError> {
    let (first, second) = text.split_once(' ').ok_or(RedisError::Unreadable)?;
    Ok((parse(first)?, parse(second)?))
}

fn parse<T: std::str::FromStr>(text: &str) -> Result<T, RedisError> {
    text.parse().map_err(|_| RedisError::Unreadable)
}
