use std::sync::{Arc, Mutex, PoisonError};

use restartix_kernel::StoreError;
use restartix_tenancy::Tenant;

use super::{AnswerKey, Once, Print};
use crate::{Access, Desk, Failure, Work};

/// Something that is to be done once, under way: everything that its [desk](Errand::desk) does
/// happens in the one unit of work that claimed its key, and is made durable with its answer.
/// Dropped, it was never begun.
pub struct Errand {
    once: Once,
    parked: Arc<Parked>,
    print: Print,
}

impl Errand {
    pub(super) const fn new(once: Once, parked: Arc<Parked>, print: Print) -> Self {
        Self { once, parked, print }
    }

    /// A desk for the services that do it.
    pub fn desk(&self) -> Desk {
        self.once.desk.on_errand(self.parked.clone())
    }

    /// Makes durable what was done, with its answer. What collides with another's here is not tried again
    /// but answered so: the step that made it is over.
    pub async fn keep(self, tenant: &Tenant, answer: &[u8]) -> Result<(), Failure> {
        let key = &self.parked.key;
        let sealed = self.once.sealer.seal(tenant, key, &[&self.print, answer].concat())?;
        let Place::Here(mut work) = self.parked.leave(Place::Gone) else {
            return Err(astray("what was done under a key is nowhere").into());
        };
        work.answers().keep(key, &sealed).await?;
        Ok(work.commit().await?)
    }

    /// Undoes what was done; as dropping it, but the connection can be used again at once.
    pub async fn abandon(self) {
        if let Place::Here(work) = self.parked.leave(Place::Gone)
            && let Err(error) = work.roll_back().await
        {
            let error: &dyn std::error::Error = &error;
            tracing::debug!(error, "an errand that was given up did not end cleanly");
        }
    }
}

/// Where the unit of work of an errand lies between the steps of a service.
pub(crate) struct Parked {
    key: AnswerKey,
    place: Mutex<Place>,
}

enum Place {
    /// It waits for the next step.
    Here(Box<dyn Work>),
    /// A step works with it.
    Lent,
    /// A step lost against another and undid it, key and all.
    Undone,
    /// The errand is over.
    Gone,
}

impl Parked {
    pub(super) fn new(key: AnswerKey, work: Box<dyn Work>) -> Self {
        Self { key, place: Mutex::new(Place::Here(work)) }
    }

    fn leave(&self, now: Place) -> Place {
        let mut place = self.place.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::replace(&mut place, now)
    }

    /// The unit of work, for one step; after one that was undone, a new one that has claimed the key
    /// again.
    pub(crate) async fn lend(
        &self,
        desk: &Desk,
        tenant: &Tenant,
    ) -> Result<Box<dyn Work>, StoreError> {
        match self.leave(Place::Lent) {
            Place::Here(work) => Ok(work),
            Place::Undone => {
                let mut work = desk.units().begin(tenant, Access::Change).await?;
                let now = desk.clock.now();
                let kept = work.answers().claim(&self.key, now, now + Once::KEPT_FOR).await?;
                if kept.is_some() {
                    // A twin was faster: who asks once more gets its answer.
                    return Err(StoreError::Busy("done by a twin meanwhile".into()));
                }
                Ok(work)
            }
            Place::Lent | Place::Gone => Err(astray("two steps of an errand at once")),
        }
    }

    /// Takes the unit of work back after a step.
    pub(crate) fn take_back(&self, work: Box<dyn Work>) {
        self.leave(Place::Here(work));
    }

    /// Notes that a step undid the unit of work.
    pub(crate) fn undone(&self) {
        self.leave(Place::Undone);
    }
}

fn astray(what: &'static str) -> StoreError {
    StoreError::Defect(what.into())
}
