use std::sync::{Mutex, PoisonError};

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use restartix_telemetry::{SealClaim, SealKey, SealQueue};
use restartix_tenancy::ClaimedRows;

use crate::{Desk, Failure, Round, Worker};

/// Gives the lines of the audit their places after they have committed, and signs how far that goes.
///
/// Several sealers may work at once: what one seals on a head that another has passed changes nothing.
pub struct AuditSealer<Q> {
    desk: Desk,
    queue: ClaimedRows<Q>,
    key: SealKey,
    looked: Mutex<Looked>,
}

/// When a sealer looked.
#[derive(Clone, Copy)]
struct Looked {
    /// When it has nothing to do before.
    rests_until: DateTime<Utc>,
    /// When it last looked for lines that committed late.
    late: DateTime<Utc>,
    /// When it last looked far back for them.
    swept: DateTime<Utc>,
}

impl<Q: SealQueue> AuditSealer<Q> {
    /// Lines of one organisation in one go.
    const LINES: u16 = 1000;
    /// The pause after a look that found nothing.
    const REST: TimeDelta = TimeDelta::seconds(1);
    /// How often it looks for lines that committed after others with higher keys.
    const LATE_EVERY: TimeDelta = TimeDelta::seconds(20);
    /// How often it looks far back for them, for lines whose keys were made by a clock that was wrong.
    const SWEPT_EVERY: TimeDelta = TimeDelta::hours(1);
    /// How far back that is.
    const SWEEP: TimeDelta = TimeDelta::hours(26);

    /// A sealer over `queue` that signs with `key`.
    pub fn new(desk: Desk, queue: Q, key: SealKey) -> Self {
        let never = DateTime::<Utc>::MIN_UTC;
        let looked = Mutex::new(Looked { rests_until: never, late: never, swept: never });
        Self { desk, queue: ClaimedRows::new(queue), key, looked }
    }

    async fn deal(&self) -> Result<Round, Failure> {
        let now = self.desk.moment();
        // Whoever panicked while holding it changed nothing by halves.
        let mut looked = *self.looked.lock().unwrap_or_else(PoisonError::into_inner);
        if now < looked.rests_until {
            return Ok(Round::default());
        }
        let sweeps = now.signed_duration_since(looked.swept) > Self::SWEPT_EVERY;
        let late = now.signed_duration_since(looked.late) > Self::LATE_EVERY;
        let since = (sweeps || late).then(|| if sweeps { now - Self::SWEEP } else { now });
        let rows = self.queue.claim(&SealClaim { lines: Self::LINES, since }).await?;
        let (mut round, mut more) = (Round::default(), false);
        for row in rows {
            let sealed = self
                .queue
                .run(row, async |tenant, unsealed| {
                    more |= unsealed.lines.len() >= usize::from(Self::LINES);
                    let Some(sealed) = unsealed.seal(tenant, &self.key, now) else {
                        return Ok(true);
                    };
                    self.queue.source().seal(tenant, &sealed).await
                })
                .await?;
            round.claimed = round.claimed.saturating_add(1);
            round.postponed = round.postponed.saturating_add(usize::from(!sealed));
        }
        if round.claimed == 0 {
            looked.rests_until = now + Self::REST;
        }
        // Where as many were found as may be, there may be more.
        if since.is_some() && !more {
            looked.late = now;
            looked.swept = if sweeps { now } else { looked.swept };
        }
        *self.looked.lock().unwrap_or_else(PoisonError::into_inner) = looked;
        Ok(round)
    }
}

#[async_trait(?Send)]
impl<Q: SealQueue> Worker for AuditSealer<Q> {
    fn name(&self) -> &'static str {
        "audit-sealer"
    }

    async fn round(&self) -> Result<Round, Failure> {
        self.deal().await
    }
}
