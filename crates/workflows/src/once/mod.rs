//! A client that does not know how its request ended asks again under the same key: what it asked
//! for is done once, and answered alike.

mod errand;
mod ports;
mod sweeper;

use std::sync::Arc;

use chrono::TimeDelta;
use restartix_tenancy::Tenant;

use crate::{Access, Desk, Failure};

pub use errand::Errand;
pub(crate) use errand::Parked;
pub use ports::{AnswerKey, AnswerSealer, ExpiredAnswers, KeptAnswers};
pub use sweeper::AnswerSweeper;

/// Does what creates something once for each key.
///
/// The key is claimed by the first statement of the unit of work in which the thing is made, and its
/// answer is written with what the making leaves behind, ahead of the end: so both are there or neither is,
/// wherever the server is killed. A twin that comes meanwhile waits at its own claim. What failed leaves no
/// key behind.
///
/// While an [`Errand`] is under way its transaction is open: a service that does an errand calls no
/// vendor, as it does not within a unit of work of its own.
#[derive(Clone)]
pub struct Once {
    desk: Desk,
    sealer: Arc<dyn AnswerSealer>,
}

/// What a request is, for whoever repeats it: SHA-256 of all that must be the same.
pub type Print = [u8; 32];

/// What a claim came to.
pub enum Claimed {
    /// Nobody did it yet: do it.
    First(Errand),
    /// It was done, and answered so.
    Again(Vec<u8>),
}

impl Once {
    /// How long an answer is kept.
    pub const KEPT_FOR: TimeDelta = TimeDelta::hours(24);

    /// The service over `desk` and what seals answers.
    pub fn new(desk: Desk, sealer: Arc<dyn AnswerSealer>) -> Self {
        Self { desk, sealer }
    }

    /// Claims `key` for a request with this print, when nobody has done it.
    ///
    /// # Errors
    /// [`Failure::KeyReused`] when another request was done under the key.
    pub async fn claim(
        &self,
        tenant: &Tenant,
        key: AnswerKey,
        print: Print,
    ) -> Result<Claimed, Failure> {
        let mut work = self.desk.units().begin(tenant, Access::Change).await?;
        let now = self.desk.clock.now();
        let Some(sealed) = work.answers().claim(&key, now, now + Self::KEPT_FOR).await? else {
            let parked = Arc::new(Parked::new(key, work));
            return Ok(Claimed::First(Errand::new(self.clone(), parked, print)));
        };
        if let Err(error) = work.roll_back().await {
            let error: &dyn std::error::Error = &error;
            tracing::debug!(error, "a claim that came second did not end cleanly");
        }
        let kept = self.sealer.open(tenant, &key, &sealed)?;
        match kept.split_first_chunk() {
            Some((before, answer)) if *before == print => Ok(Claimed::Again(answer.to_vec())),
            _ => Err(Failure::KeyReused),
        }
    }
}
