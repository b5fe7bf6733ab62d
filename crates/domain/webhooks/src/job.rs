use chrono::{DateTime, Utc};
use restartix_kernel::{WebhookEndpointId, WebhookJobId, words};

words! {
    /// How far a job is.
    JobStatus {
        /// It goes on.
        Running = "running",
        /// Everything was queued.
        Done = "done",
        /// The endpoint was disabled meanwhile.
        Cancelled = "cancelled",
    }
}

/// Jobs of one endpoint at once.
pub const MAX_JOBS: usize = 3;

/// A part of the feed that an endpoint is to hear once more, or for the first time. A worker queues it
/// piece by piece, so that what happens now is not kept waiting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Job {
    /// Its id.
    pub id: WebhookJobId,
    /// Who is to hear it.
    pub endpoint: WebhookEndpointId,
    /// The first place.
    pub first: i64,
    /// The last place: the end of the feed when the job began. Before the first: there is nothing.
    pub last: i64,
    /// The next place to be looked at.
    pub next: i64,
    /// Deliveries that came of it: one for each event that the endpoint subscribes to and that did
    /// not wait for it anyway.
    pub queued: u64,
    /// How far it is.
    pub status: JobStatus,
    /// When it began.
    pub created_at: DateTime<Utc>,
    /// When it ended.
    pub ended_at: Option<DateTime<Utc>>,
}

impl Job {
    /// A job from `first` to `last`; over at once when there is nothing between them.
    pub const fn new(
        id: WebhookJobId,
        endpoint: WebhookEndpointId,
        (first, last): (i64, i64),
        now: DateTime<Utc>,
    ) -> Self {
        let first = if first < 1 { 1 } else { first };
        let nothing = first > last;
        let last = if nothing { first - 1 } else { last };
        let status = if nothing { JobStatus::Done } else { JobStatus::Running };
        let ended_at = if nothing { Some(now) } else { None };
        Self {
            id,
            endpoint,
            first,
            last,
            next: first,
            queued: 0,
            status,
            created_at: now,
            ended_at,
        }
    }

    /// Places that it has to look at.
    pub const fn places(&self) -> i64 {
        self.last - self.first + 1
    }

    /// Places that it has looked at.
    pub const fn passed(&self) -> i64 {
        self.next - self.first
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use restartix_kernel::SeededRandom;

    #[test]
    fn a_job_without_a_place_is_over_before_it_begins() {
        let random = SeededRandom::new(3);
        let now = DateTime::UNIX_EPOCH;
        let clock = restartix_kernel::ManualClock::at(now);
        let id = WebhookJobId::fresh(&clock, &random);
        let endpoint = WebhookEndpointId::fresh(&clock, &random);
        let some = Job::new(id, endpoint, (-5, 7), now);
        assert_eq!((some.first, some.places(), some.passed()), (1, 7, 0));
        assert_eq!((some.status, some.ended_at), (JobStatus::Running, None));
        let none = Job::new(id, endpoint, (9, 7), now);
        assert_eq!((none.first, none.last, none.places()), (9, 8, 0));
        assert_eq!((none.status, none.ended_at), (JobStatus::Done, Some(now)));
    }
}
