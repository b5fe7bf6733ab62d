use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use restartix_kernel::Clock;

use super::ExpiredAnswers;
use crate::{Failure, Round, Worker};

/// Forgets answers that nobody may ask for any more.
pub struct AnswerSweeper<E> {
    expired: E,
    clock: Arc<dyn Clock>,
    next: Mutex<DateTime<Utc>>,
}

impl<E: ExpiredAnswers> AnswerSweeper<E> {
    /// Answers forgotten at once.
    const BATCH: u16 = 500;
    /// How long it rests when there were fewer.
    const PAUSE: TimeDelta = TimeDelta::minutes(1);

    /// A sweeper of `expired`.
    pub fn new(expired: E, clock: Arc<dyn Clock>) -> Self {
        Self { expired, clock, next: Mutex::new(DateTime::<Utc>::MIN_UTC) }
    }
}

#[async_trait(?Send)]
impl<E: ExpiredAnswers> Worker for AnswerSweeper<E> {
    fn name(&self) -> &'static str {
        "kept_answers"
    }

    async fn round(&self) -> Result<Round, Failure> {
        let now = self.clock.now();
        if now < *self.next.lock().unwrap_or_else(PoisonError::into_inner) {
            return Ok(Round::default());
        }
        let claimed = self.expired.forget(now, Self::BATCH).await?;
        if claimed < usize::from(Self::BATCH) {
            *self.next.lock().unwrap_or_else(PoisonError::into_inner) = now + Self::PAUSE;
        }
        Ok(Round { claimed, postponed: 0 })
    }
}
