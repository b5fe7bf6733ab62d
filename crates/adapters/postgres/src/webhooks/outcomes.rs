//! Outcomes as the columns of the statement that records them.

use chrono::{DateTime, Utc};
use diesel::sql_types::{Array, BigInt, Integer, Nullable, Text, Timestamptz, Uuid as SqlUuid};
use restartix_webhooks::{Settled, Verdict};
use uuid::Uuid;

use crate::call::definer_call;

definer_call! {
    /// Records what became of claimed deliveries.
    SettleWebhooks<'a> {
        organisations: &'a [i64] => Array<BigInt>,
        endpoints: &'a [Uuid] => Array<SqlUuid>,
        leases: &'a [Uuid] => Array<SqlUuid>,
        runs: &'a [i64] => Array<BigInt>,
        places: &'a [i64] => Array<BigInt>,
        verdicts: &'a [&'static str] => Array<Text>,
        retry_at: &'a [Option<DateTime<Utc>>] => Array<Nullable<Timestamptz>>,
        pause_until: &'a [Option<DateTime<Utc>>] => Array<Nullable<Timestamptz>>,
        lows: &'a [i32] => Array<Integer>,
        highs: &'a [i32] => Array<Integer>,
        statuses: &'a [Option<i32>] => Array<Nullable<Integer>>,
        codes: &'a [Option<&'static str>] => Array<Nullable<Text>>,
        durations: &'a [i32] => Array<Integer>,
        sizes: &'a [i32] => Array<Integer>,
        probe_at: DateTime<Utc> => Timestamptz,
        now: DateTime<Utc> => Timestamptz,
    } = "settle_webhooks" -> Integer
}

/// What became of claimed deliveries, as the columns of [`SettleWebhooks`].
#[derive(Default)]
pub(super) struct Outcomes {
    organisations: Vec<i64>,
    endpoints: Vec<Uuid>,
    leases: Vec<Uuid>,
    runs: Vec<i64>,
    places: Vec<i64>,
    verdicts: Vec<&'static str>,
    retry_at: Vec<Option<DateTime<Utc>>>,
    pause_until: Vec<Option<DateTime<Utc>>>,
    lows: Vec<i32>,
    highs: Vec<i32>,
    /// One for each place from the run's first on, whether something is told of it or not.
    statuses: Vec<Option<i32>>,
    codes: Vec<Option<&'static str>>,
    durations: Vec<i32>,
    sizes: Vec<i32>,
}

/// An outcome's word, and why it does not count.
fn words(settled: &Settled) -> (&'static str, Option<&'static str>) {
    match settled.verdict {
        Verdict::Delivered => ("delivered", None),
        Verdict::RetryAt(_, code) => ("retry", Some(code.as_str())),
        Verdict::GivenUp(code) => ("failed", Some(code.as_str())),
        Verdict::Gone => ("gone", Some("gone")),
    }
}

fn whole(number: impl TryInto<i32>) -> i32 {
    number.try_into().unwrap_or(i32::MAX)
}

impl Outcomes {
    /// What came to the same of a run is one row; what is tried again is a row by itself.
    pub(super) fn of(outcomes: &[Settled]) -> Self {
        let run = |one: &Settled| (one.organisation, one.endpoint, one.lease, one.place.run);
        let mut sorted: Vec<_> = outcomes.iter().map(|one| (one, words(one).0)).collect();
        sorted.sort_by_key(|(one, word)| (run(one), *word, one.place.offset));
        let mut all = Self::default();
        let alike = |one: &(&Settled, &str), next: &(&Settled, &str)| {
            (run(one.0), one.1) == (run(next.0), next.1) && one.1 != "retry"
        };
        for alike in sorted.chunk_by(alike) {
            all.add(alike);
        }
        all
    }

    fn add(&mut self, alike: &[(&Settled, &'static str)]) {
        let Some((first, verdict)) = alike.first() else { return };
        let low = self.statuses.len();
        let mut places = 0;
        for (one, _) in alike {
            let at = low + usize::from(one.place.offset);
            // Nothing is told of the places between.
            self.statuses.resize(at, None);
            self.codes.resize(at, None);
            self.durations.resize(at, 0);
            self.sizes.resize(at, 0);
            self.statuses.push(one.attempt.outcome.ok().map(i32::from));
            self.codes.push(words(one).1);
            self.durations.push(whole(one.attempt.duration.as_millis()));
            self.sizes.push(whole(one.attempt.size));
            places |= 1_i64.checked_shl(u32::from(one.place.offset)).unwrap_or_default();
        }
        self.organisations.push(first.organisation.get());
        self.endpoints.push(first.endpoint.as_uuid());
        self.leases.push(first.lease.as_uuid());
        self.runs.push(first.place.run);
        self.places.push(places);
        self.verdicts.push(verdict);
        self.retry_at.push(match first.verdict {
            Verdict::RetryAt(at, _) => Some(at),
            Verdict::Delivered | Verdict::GivenUp(_) | Verdict::Gone => None,
        });
        self.pause_until.push(alike.iter().filter_map(|(one, _)| one.pause_until).max());
        self.lows.push(whole(low + 1));
        self.highs.push(whole(self.statuses.len()));
    }

    /// Records them: at `now`, and endpoints that fail are probed at `probe_at`.
    pub(super) fn call(&self, probe_at: DateTime<Utc>, now: DateTime<Utc>) -> SettleWebhooks<'_> {
        SettleWebhooks {
            organisations: &self.organisations,
            endpoints: &self.endpoints,
            leases: &self.leases,
            runs: &self.runs,
            places: &self.places,
            verdicts: &self.verdicts,
            retry_at: &self.retry_at,
            pause_until: &self.pause_until,
            lows: &self.lows,
            highs: &self.highs,
            statuses: &self.statuses,
            codes: &self.codes,
            durations: &self.durations,
            sizes: &self.sizes,
            probe_at,
            now,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use restartix_kernel::{EventId, WebhookEndpointId};
    use restartix_tenancy::OrgId;
    use restartix_webhooks::{Attempt, FailureCode, Place};

    use super::*;

    fn one(run: i64, offset: u8, status: u16) -> Settled {
        let again = Verdict::RetryAt(DateTime::UNIX_EPOCH, FailureCode::Refused);
        Settled {
            organisation: OrgId::new(1).unwrap(),
            endpoint: WebhookEndpointId::from_uuid(Uuid::from_u128(2)),
            lease: EventId::from_uuid(Uuid::from_u128(3)),
            place: Place { run, offset },
            attempt: Attempt {
                outcome: Ok(status),
                retry_after: None,
                duration: Duration::from_millis(u64::from(offset)),
                size: 9,
            },
            verdict: if status == 204 { Verdict::Delivered } else { again },
            pause_until: None,
        }
    }

    #[test]
    fn what_came_to_the_same_is_together_with_a_place_for_what_lies_between() {
        let told = [one(7, 4, 204), one(7, 1, 204), one(5, 0, 204), one(7, 2, 500), one(7, 3, 500)];
        let outcomes = Outcomes::of(&told);
        assert_eq!(outcomes.runs, [5, 7, 7, 7]);
        assert_eq!(outcomes.verdicts, ["delivered", "delivered", "retry", "retry"]);
        assert_eq!(outcomes.places, [0b1, 0b10010, 0b100, 0b1000]);
        assert_eq!((outcomes.lows, outcomes.highs), (vec![1, 2, 7, 10], vec![1, 6, 9, 13]));
        assert_eq!(outcomes.durations, [0, 0, 1, 0, 0, 4, 0, 0, 2, 0, 0, 0, 3]);
        let statuses: Vec<_> = outcomes.statuses.iter().flatten().copied().collect();
        assert_eq!(statuses, [204, 204, 204, 500, 500]);
    }
}
