use std::collections::BTreeSet;
use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use restartix_kernel::EventId;
use restartix_tenancy::{OrgId, Tenant};

use crate::conformance::FarSide;
use crate::{Batch, BatchId, PoisonReason, Poisoned, SendError, TelemetryService};

/// Keeps what it is sent; can be told to fail.
#[derive(Debug, Default)]
pub struct MemoryTelemetryService(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    batches: BTreeSet<BatchId>,
    known: BTreeSet<EventId>,
    lines: Vec<(OrgId, EventId, String)>,
    refused: BTreeSet<EventId>,
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
                }
            }
        }
        if std::mem::take(&mut state.lose) {
            return Err(SendError::Unavailable("told to lose the answer".into()));
        }
        Ok(())
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
}
