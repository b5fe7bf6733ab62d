use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use futures_util::future::join_all;
use restartix_kernel::{EventId, RandomExt};
use restartix_telemetry::{
    Alarm, Backlog, BacklogGauge, Batch, ForwardClaim, ForwardQueue, ForwardVerdict, Forwarded,
    FrozenBatch, Kept, Line, LineDigest, MAX_EVENTS, PoisonReason, Poisoned, PseudonymKeys,
    SendError, TelemetryService,
};
use restartix_tenancy::{ClaimedRow, ClaimedRows, Tenant};

use crate::{Desk, Failure, Round, Worker};

/// Carries what waits to the Telemetry service: nothing is lost, and nothing counts twice.
///
/// A batch is durable, with its id and its members, before it is sent for the first time, and gone
/// only when the service has committed it. So a process that is killed at any point sends the same
/// batch again, and the service recognises it. An event that the service will never take is put
/// aside, and the others go on: named by the service, or found by halves.
pub struct TelemetryForwarder<Q> {
    desk: Desk,
    queue: ClaimedRows<Q>,
    service: Arc<dyn TelemetryService>,
    keys: PseudonymKeys,
    gauge: Arc<dyn BacklogGauge>,
    memory: Mutex<Memory>,
}

/// What a forwarder remembers between rounds.
struct Memory {
    /// When what waits was last shown.
    shown: DateTime<Utc>,
    /// When the service last took something.
    taken: DateTime<Utc>,
    /// The alarms that were raised then.
    raised: Vec<Alarm>,
}

impl<Q: ForwardQueue> TelemetryForwarder<Q> {
    /// Batches under way at once.
    const BATCHES: u16 = 8;
    /// How long a claim lasts: longer than a call takes at its worst, short enough that what a killed
    /// process was sending arrives within a minute.
    const LEASE: TimeDelta = TimeDelta::seconds(40);
    /// The longest pause while the service is away: what waits must arrive within a minute of its
    /// return.
    const LONGEST_PAUSE: TimeDelta = TimeDelta::seconds(15);
    /// The pause after a refusal, which will not pass by itself.
    const AFTER_REFUSAL: TimeDelta = TimeDelta::seconds(30);
    /// An event that is refused by itself, without a word on it, is put aside when the service has taken
    /// something within this time, or has had so many chances: else the service may be what is wrong.
    const PROOF: TimeDelta = TimeDelta::minutes(10);
    /// See [`Self::PROOF`].
    const CHANCES: u32 = 20;
    /// How often what waits is shown.
    const SHOWN_EVERY: TimeDelta = TimeDelta::seconds(10);

    /// A forwarder over `queue` and `service`; people are named by `keys`.
    pub fn new(
        desk: Desk,
        queue: Q,
        service: Arc<dyn TelemetryService>,
        keys: PseudonymKeys,
        gauge: Arc<dyn BacklogGauge>,
    ) -> Self {
        let never = DateTime::<Utc>::MIN_UTC;
        let memory = Mutex::new(Memory { shown: never, taken: never, raised: Vec::new() });
        Self { desk, queue: ClaimedRows::new(queue), service, keys, gauge, memory }
    }

    fn memory(&self) -> MutexGuard<'_, Memory> {
        // Whoever panicked while holding it changed nothing by halves.
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn deal(&self) -> Result<Round, Failure> {
        let now = self.desk.clock.now();
        self.show(now).await?;
        let claim = ForwardClaim {
            batches: Self::BATCHES,
            events: MAX_EVENTS,
            epoch: self.keys.current(),
            now,
            lease: Self::LEASE,
        };
        let rows = self.queue.claim(&claim).await?;
        let settled = join_all(rows.into_iter().map(|row| self.forward(row))).await;
        if !settled.is_empty() {
            self.queue.source().settle(&settled, self.desk.clock.now()).await?;
        }
        let again = |one: &&Forwarded| matches!(one.verdict, ForwardVerdict::RetryAt(_));
        Ok(Round { claimed: settled.len(), postponed: settled.iter().filter(again).count() })
    }

    async fn forward(&self, row: ClaimedRow<FrozenBatch>) -> Forwarded {
        self.queue
            .run(row, async |tenant, frozen| {
                let verdict = match self.members(tenant, &frozen).await {
                    Ok(kept) => self.send(tenant, &frozen, &kept).await,
                    Err(failure) => {
                        warn(tenant, &frozen, &failure, "a batch cannot be read yet");
                        self.later(&frozen)
                    }
                };
                Forwarded { batch: frozen.id, lease: frozen.lease, verdict }
            })
            .await
    }

    async fn members(&self, tenant: &Tenant, frozen: &FrozenBatch) -> Result<Vec<Kept>, Failure> {
        self.desk.read(tenant, async |work| Ok(work.telemetry().members(frozen.id).await?)).await
    }

    async fn send(&self, tenant: &Tenant, frozen: &FrozenBatch, kept: &[Kept]) -> ForwardVerdict {
        let lines = match self.encode(tenant, frozen, kept) {
            Ok(lines) if lines.is_empty() => return ForwardVerdict::Done(Vec::new()),
            Ok(lines) => lines,
            Err(poisoned) => return ForwardVerdict::Quarantine(poisoned),
        };
        let batch = Batch { id: frozen.id, lines };
        match self.service.send(tenant, &batch).await {
            Ok(()) => {
                self.memory().taken = self.desk.clock.now();
                ForwardVerdict::Done(told(kept, &batch))
            }
            Err(error @ SendError::Indigestible(_)) => {
                warn(tenant, frozen, &error, "something in a batch is refused");
                self.smaller(tenant, frozen, kept)
            }
            Err(SendError::Poison(poisoned)) => {
                for one in &poisoned {
                    put_aside(tenant, one);
                }
                ForwardVerdict::Quarantine(poisoned)
            }
            Err(error @ SendError::Unavailable(_)) => {
                warn(tenant, frozen, &error, "a batch was not taken yet");
                self.later(frozen)
            }
            Err(error @ SendError::Refused(_)) => {
                let error: &dyn std::error::Error = &error;
                let (organisation, batch) = (tenant.organisation().get(), frozen.id);
                tracing::error!(organisation, %batch, error, "a batch is refused");
                ForwardVerdict::RetryAt(self.after(Self::AFTER_REFUSAL))
            }
        }
    }

    /// What becomes of a batch of which something is refused, and nobody says what.
    fn smaller(&self, tenant: &Tenant, frozen: &FrozenBatch, kept: &[Kept]) -> ForwardVerdict {
        let [only] = kept else { return ForwardVerdict::Split };
        let since = self.desk.clock.now().signed_duration_since(self.memory().taken);
        if since > Self::PROOF && frozen.attempts < Self::CHANCES {
            return ForwardVerdict::RetryAt(self.after(Self::AFTER_REFUSAL));
        }
        let poisoned = Poisoned { event: only.id(), reason: PoisonReason::Other };
        put_aside(tenant, &poisoned);
        ForwardVerdict::Quarantine(vec![poisoned])
    }

    /// The batch as lines, or the events of it that cannot be said.
    fn encode(
        &self,
        tenant: &Tenant,
        frozen: &FrozenBatch,
        kept: &[Kept],
    ) -> Result<Vec<Line>, Vec<Poisoned>> {
        let (mut lines, mut poisoned) = (Vec::with_capacity(kept.len()), Vec::new());
        for one in kept {
            match Line::encode(tenant, &self.keys, frozen.epoch, one) {
                Ok(line) => lines.push(line),
                Err(malformed) => {
                    let one = Poisoned { event: one.id(), reason: PoisonReason::Malformed };
                    let error: &dyn std::error::Error = &malformed;
                    tracing::error!(event = %one.event, error, "an event cannot be said");
                    put_aside(tenant, &one);
                    poisoned.push(one);
                }
            }
        }
        if poisoned.is_empty() { Ok(lines) } else { Err(poisoned) }
    }

    /// Twice as long after each try, up to the longest pause.
    fn later(&self, frozen: &FrozenBatch) -> ForwardVerdict {
        let factor = 1_i32.checked_shl(frozen.attempts).unwrap_or(i32::MAX).max(1);
        let pause = TimeDelta::seconds(1).checked_mul(factor);
        let pause = pause.filter(|pause| *pause < Self::LONGEST_PAUSE);
        ForwardVerdict::RetryAt(self.after(pause.unwrap_or(Self::LONGEST_PAUSE)))
    }

    /// After `pause` and up to half as much again, so that what failed together does not come back
    /// together.
    fn after(&self, pause: TimeDelta) -> DateTime<Utc> {
        let jitter = u32::try_from(pause.num_milliseconds() / 2).unwrap_or_default();
        let jitter = TimeDelta::milliseconds(i64::from(self.desk.random.below(jitter)));
        self.desk.clock.now() + pause + jitter
    }

    /// Shows what waits, from time to time, and raises the alarms.
    async fn show(&self, now: DateTime<Utc>) -> Result<(), Failure> {
        {
            let mut memory = self.memory();
            if now.signed_duration_since(memory.shown) < Self::SHOWN_EVERY {
                return Ok(());
            }
            memory.shown = now;
        }
        let backlog = self.queue.source().backlog(now).await?;
        self.gauge.show(&backlog, now);
        let raised: Vec<_> =
            Alarm::ALL.iter().copied().filter(|alarm| backlog.raises(*alarm, now)).collect();
        let before = std::mem::replace(&mut self.memory().raised, raised.clone());
        for alarm in raised.into_iter().filter(|alarm| !before.contains(alarm)) {
            tell(alarm, &backlog, now);
        }
        Ok(())
    }
}

/// Of the facts that were taken, the digests of what was told.
fn told(kept: &[Kept], batch: &Batch) -> Vec<(EventId, LineDigest)> {
    let facts = kept.iter().zip(&batch.lines).filter(|(kept, _)| matches!(kept, Kept::Told(_)));
    facts.map(|(_, line)| (line.id(), line.digest())).collect()
}

fn tell(alarm: Alarm, backlog: &Backlog, now: DateTime<Utc>) {
    let Backlog { events, quarantined, differing, .. } = *backlog;
    let (alarm, seconds) = (alarm.as_str(), backlog.age(now).num_seconds());
    tracing::error!(alarm, events, seconds, quarantined, differing, "telemetry needs somebody");
}

fn put_aside(tenant: &Tenant, poisoned: &Poisoned) {
    let (organisation, reason) = (tenant.organisation().get(), poisoned.reason.as_str());
    tracing::error!(organisation, event = %poisoned.event, reason, "an event was put aside");
}

fn warn(
    tenant: &Tenant,
    frozen: &FrozenBatch,
    error: &(dyn std::error::Error + 'static),
    message: &'static str,
) {
    let (organisation, attempts) = (tenant.organisation().get(), frozen.attempts);
    tracing::warn!(organisation, batch = %frozen.id, attempts, error, "{message}");
}

#[async_trait(?Send)]
impl<Q: ForwardQueue> Worker for TelemetryForwarder<Q> {
    fn name(&self) -> &'static str {
        "telemetry"
    }

    async fn round(&self) -> Result<Round, Failure> {
        self.deal().await
    }
}
