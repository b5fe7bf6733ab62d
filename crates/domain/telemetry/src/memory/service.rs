use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use restartix_kernel::EventId;
use restartix_tenancy::{OrgId, Tenant};

use crate::conformance::FarSide;
use crate::{Batch, BatchId, Hour, PoisonReason, Poisoned, SendError, Tally, TelemetryService};

/// Keeps what it is sent; can be told to fail.
#[derive(Debug, Default)]
pub struct MemoryTelemetryService(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    batches: BTreeSet<BatchId>,
    known: BTreeSet<EventId>,
    lines: Vec<(OrgId, EventId, String)>,
    tallies: BTreeMap<(OrgId, Hour), Tally>,
    refused: BTreeSet<EventId>,
    /// Refused without being named.
    disliked: BTreeSet<EventId>,
    away: bool,
    lose: bool,
}

impl MemoryTelemetryService {
    /// What it has, in order: the organisation, the event's id, the line.
    pub fn lines(&self) -> Vec<(OrgId, EventId, String)> {
        self.state().lines.clone()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl TelemetryService for MemoryTelemetryService {
    async fn send(&self, tenant: &Tenant, batch: &Batch) -> Result<(), SendError> {
        let mut state = self.state();
        if state.away {
            return Err(SendError::Unavailable("told to be away".into()));
        }
        if batch.lines.iter().any(|line| state.disliked.contains(&line.id())) {
            return Err(SendError::Indigestible("told to refuse something".into()));
        }
        let poison: Vec<_> = batch
            .lines
            .iter()
            .filter(|line| state.refused.contains(&line.id()))
            .map(|line| Poisoned { event: line.id(), reason: PoisonReason::Other })
            .collect();
        if !poison.is_empty() {
            return Err(SendError::Poison(poison));
        }
        if state.batches.insert(batch.id) {
            for line in &batch.lines {
                if state.known.insert(line.id()) {
                    let kept = (tenant.organisation(), line.id(), line.as_str().to_owned());
                    state.lines.push(kept);
                    let hour = (tenant.organisation(), Hour::of(line.occurred_at()));
                    let tally = state.tallies.entry(hour).or_default();
                    *tally = tally.with(line.digest());
                }
            }
        }
        if std::mem::take(&mut state.lose) {
            return Err(SendError::Unavailable("told to lose the answer".into()));
        }
        Ok(())
    }

    async fn tally(&self, tenant: &Tenant, hour: Hour) -> Result<Tally, SendError> {
        let state = self.state();
        if state.away {
            return Err(SendError::Unavailable("told to be away".into()));
        }
        let tally = state.tallies.get(&(tenant.organisation(), hour));
        Ok(tally.copied().unwrap_or_default())
    }
}

impl FarSide for MemoryTelemetryService {
    fn received(&self) -> Vec<EventId> {
        self.state().lines.iter().map(|(_, id, _)| *id).collect()
    }

    fn set_away(&self, away: bool) {
        self.state().away = away;
    }

    fn lose_next_answer(&self) {
        self.state().lose = true;
    }

    fn refuse(&self, event: EventId) {
        self.state().refused.insert(event);
    }

    fn dislike(&self, event: EventId) {
        self.state().disliked.insert(event);
    }
}
