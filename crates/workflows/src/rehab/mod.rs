//! What patients are to do, and what they and their care team report of it.

mod programs;
mod reports;

use restartix_kernel::EventId;
use restartix_telemetry::{Fact, Publication, RehabEvent, Subject, Whom};

use crate::{Desk, Failure, Work};

pub use programs::{ProgramDraft, ProgramPatch};
pub use reports::Receipt;

/// Programmes of exercises, and what is reported of them.
///
/// Within a specialist's reach are the programmes of those they treat, within an administrator's all
/// of the organisation, within a patient's their own. Who may write which event is said by
/// `restartix_telemetry`.
#[derive(Clone)]
pub struct Rehab {
    desk: Desk,
}

impl Rehab {
    /// The service over `desk`.
    pub const fn new(desk: Desk) -> Self {
        Self { desk }
    }

    /// The same service at another desk.
    #[must_use]
    pub fn at(&self, desk: &Desk) -> Self {
        Self { desk: desk.clone() }
    }

    /// Lets the Telemetry service hear of events that are about to commit. It drops duplicates by
    /// keys of ours: a client's are once per patient only.
    async fn publish(&self, work: &mut dyn Work, events: &[RehabEvent]) -> Result<(), Failure> {
        let publication = |event: &RehabEvent| Publication {
            id: EventId::fresh(&*self.desk.clock, &*self.desk.random),
            occurred_at: event.occurred_at,
            whom: Whom::Subject(Subject::Patient(event.patient)),
            fact: Fact::Rehab(event.fact),
        };
        let publications: Vec<_> = events.iter().map(publication).collect();
        Ok(work.telemetry().publish(&publications).await?)
    }
}
