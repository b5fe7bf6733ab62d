//! The scheduler against a model of what it may do, over sequences of operations that proptest makes
//! up and shrinks: caps are never exceeded, nobody is starved, nothing goes out before it is due, and
//! half-open lets exactly one through.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result, ensure};
use chrono::{DateTime, TimeDelta, Utc};
use proptest::prelude::*;
use restartix_kernel::{EventId, WebhookEndpointId};
use restartix_webhooks::{FailureCode, Verdict};

use super::stage::{LEASE, Stage, Taken};

const PER_ENDPOINT: u16 = 3;
const PER_ORGANISATION: u16 = 5;
/// Organisation 1 has three endpoints, organisation 2 one.
const OWNERS: [i64; 4] = [1, 1, 1, 2];

#[derive(Clone, Debug)]
enum Step {
    Happen {
        organisation: i64,
        count: usize,
    },
    Wait {
        seconds: i64,
    },
    Claim {
        limit: u16,
    },
    Deliver {
        which: usize,
    },
    Fail {
        which: usize,
        pause: i64,
    },
    /// The worker that has it is heard of no more.
    Forget {
        which: usize,
    },
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        2 => (1..=2_i64, 1..6_usize)
            .prop_map(|(organisation, count)| Step::Happen { organisation, count }),
        3 => prop_oneof![1..4_i64, 5..40_i64].prop_map(|seconds| Step::Wait { seconds }),
        5 => (1..12_u16).prop_map(|limit| Step::Claim { limit }),
        4 => any::<usize>().prop_map(|which| Step::Deliver { which }),
        3 => (any::<usize>(), prop_oneof![4 => Just(0), 1 => 1..60_i64])
            .prop_map(|(which, pause)| Step::Fail { which, pause }),
        1 => any::<usize>().prop_map(|which| Step::Forget { which }),
    ];
    prop::collection::vec(step, 20..60)
}

/// What the model knows of a delivery that waits.
#[derive(Clone, Copy)]
struct Waiting {
    endpoint: WebhookEndpointId,
    due: DateTime<Utc>,
    leased_until: Option<DateTime<Utc>>,
    /// The fence: of the last claim that got it.
    lease: Option<EventId>,
}

/// What the database says of an endpoint's health; how it comes about is another test's business.
#[derive(Clone, Copy)]
struct Health {
    probe_at: Option<DateTime<Utc>>,
    paused_until: Option<DateTime<Utc>>,
    ramp: u16,
}

#[derive(Default)]
struct Model {
    /// By endpoint and event.
    waiting: BTreeMap<(WebhookEndpointId, EventId), Waiting>,
    /// Claimed, and told of no outcome yet.
    held: Vec<Taken>,
}

impl Model {
    fn under_way(&self, now: DateTime<Utc>, of: impl Fn(&Waiting) -> bool) -> usize {
        let leased = |one: &&Waiting| one.leased_until.is_some_and(|until| until > now) && of(one);
        self.waiting.values().filter(leased).count()
    }

    /// How many of an endpoint's could go out now, the caps of the organisation aside.
    fn ready(&self, now: DateTime<Utc>, endpoint: WebhookEndpointId, health: Health) -> usize {
        let closed = |until: Option<DateTime<Utc>>| until.is_some_and(|until| until > now);
        if closed(health.probe_at) || closed(health.paused_until) {
            return 0;
        }
        let probe = health.probe_at.is_some();
        let free = |one: &&Waiting| {
            one.endpoint == endpoint
                && (probe || one.due <= now)
                && one.leased_until.is_none_or(|until| until <= now)
        };
        let cap = if probe { 1 } else { usize::from(PER_ENDPOINT.min(health.ramp)) };
        let room = cap.saturating_sub(self.under_way(now, |one| one.endpoint == endpoint));
        self.waiting.values().filter(free).count().min(room)
    }
}

fn key(taken: &Taken) -> (WebhookEndpointId, EventId) {
    (taken.endpoint, taken.event)
}

struct Play<'a> {
    stage: &'a Stage,
    endpoints: Vec<WebhookEndpointId>,
    model: Model,
}

impl Play<'_> {
    async fn health(&self, endpoint: WebhookEndpointId) -> Result<Health> {
        let query = format!(
            "SELECT coalesce(to_char(probe_at AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"'), '-') || ' '
               || coalesce(to_char(paused_until AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"'), '-') || ' '
               || coalesce(ramp, 99) AS words FROM webhook_endpoints WHERE id = '{endpoint}'"
        );
        let words = self.stage.words(&query).await?.context("an endpoint")?;
        let parts: Vec<_> = words.split(' ').collect();
        Ok(Health {
            probe_at: parts[0].parse().ok(),
            paused_until: parts[1].parse().ok(),
            ramp: parts[2].parse()?,
        })
    }

    async fn happen(&mut self, organisation: i64, count: usize) -> Result<()> {
        self.stage.happen(organisation, count).await?;
        self.learn().await
    }

    /// Gives places to what happened, and takes what is queued into the model.
    async fn learn(&mut self) -> Result<()> {
        self.stage.sequence().await?;
        let query = "SELECT string_agg(e.id || ' ' || q.endpoint_id, ',') AS words
            FROM webhook_queue q JOIN webhook_events v ON v.org_id = q.org_id AND v.kept_at = q.kept_at
            CROSS JOIN LATERAL unnest(v.ids) WITH ORDINALITY AS e (id, nth)
            WHERE v.first_seq + e.nth - 1 BETWEEN q.first_seq AND q.last_seq";
        let words = self.stage.words(query).await?.unwrap_or_default();
        let now = self.stage.now();
        for pair in words.split(',').filter(|pair| !pair.is_empty()) {
            let (event, endpoint) = pair.split_once(' ').context("a pair")?;
            let endpoint = endpoint.parse()?;
            let new = Waiting { endpoint, due: now, leased_until: None, lease: None };
            self.model.waiting.entry((endpoint, event.parse()?)).or_insert(new);
        }
        Ok(())
    }

    async fn claim(&mut self, limit: u16) -> Result<()> {
        let now = self.stage.now();
        let mut ready = BTreeMap::new();
        for endpoint in self.endpoints.clone() {
            let health = self.health(endpoint).await?;
            ready.insert(endpoint, (self.model.ready(now, endpoint, health), health));
        }
        let owner = |endpoint: WebhookEndpointId| {
            let at = self.endpoints.iter().position(|one| *one == endpoint);
            at.and_then(|at| OWNERS.get(at)).copied().unwrap_or_default()
        };
        let busy =
            |organisation| self.model.under_way(now, |one| owner(one.endpoint) == organisation);
        let mut room: BTreeMap<i64, usize> = [1, 2]
            .map(|organisation| {
                (organisation, usize::from(PER_ORGANISATION).saturating_sub(busy(organisation)))
            })
            .into();
        let possible: usize = [1, 2]
            .iter()
            .map(|organisation| {
                let of = ready.iter().filter(|(endpoint, _)| owner(**endpoint) == *organisation);
                of.map(|(_, (count, _))| count).sum::<usize>().min(room[organisation])
            })
            .sum();

        let found = self.stage.claim(limit, PER_ENDPOINT, PER_ORGANISATION).await?;

        // A lease that has ended is over with the next claim, whoever gets what it held.
        for one in self.model.waiting.values_mut() {
            if one.leased_until.is_some_and(|until| until <= now) {
                (one.leased_until, one.lease) = (None, None);
            }
        }
        // Nobody is starved: whatever can go out goes out, up to the limit.
        ensure!(found.len() == possible.min(usize::from(limit)), "{} of {possible}", found.len());
        let mut taken: BTreeMap<WebhookEndpointId, usize> = BTreeMap::new();
        let mut ids = BTreeSet::new();
        for row in &found {
            ensure!(ids.insert(key(row)), "claimed twice");
            let health = ready[&row.endpoint].1;
            let known = self.model.waiting.get_mut(&key(row)).context("nobody queued it")?;
            ensure!(known.due <= now || health.probe_at.is_some(), "before it is due");
            ensure!(known.leased_until.is_none_or(|until| until <= now), "leased to another");
            known.leased_until = Some(now + LEASE);
            known.lease = Some(row.lease);
            *taken.entry(row.endpoint).or_default() += 1;
            let left = room.get_mut(&row.organisation.get()).context("an organisation")?;
            *left = left.checked_sub(1).context("over the organisation's cap")?;
        }
        for (endpoint, count) in &taken {
            let (most, health) = ready[endpoint];
            ensure!(*count <= most, "over the endpoint's cap");
            ensure!(health.probe_at.is_none() || *count == 1, "half-open lets exactly one through");
        }
        // Fair: nobody gets a third before another who could got a first.
        let most = taken.values().copied().max().unwrap_or_default();
        for (endpoint, (count, _)) in &ready {
            let has = taken.get(endpoint).copied().unwrap_or_default();
            let could = *count > has && room[&owner(*endpoint)] > 0;
            ensure!(!could || has + 1 >= most, "{endpoint} got {has} while another got {most}");
        }
        self.model.held.extend(found);
        Ok(())
    }

    /// One that a worker has, if any.
    fn held(&mut self, which: usize) -> Option<Taken> {
        let count = self.model.held.len();
        (count > 0).then(|| self.model.held.remove(which % count))
    }

    async fn deliver(&mut self, which: usize) -> Result<()> {
        let Some(found) = self.held(which) else { return Ok(()) };
        let mine = self.stage.settle(&found, Verdict::Delivered, None).await?;
        ensure!(mine == self.is_mine(&found), "fenced wrongly");
        if mine {
            self.model.waiting.remove(&key(&found));
            // The first success makes all that waits due.
            let now = self.stage.now();
            if self.health(found.endpoint).await?.ramp == 2 {
                let of = |one: &&mut Waiting| one.endpoint == found.endpoint;
                self.model
                    .waiting
                    .values_mut()
                    .filter(of)
                    .for_each(|one| one.due = one.due.min(now));
            }
        }
        self.learn().await
    }

    async fn fail(&mut self, which: usize, pause: i64) -> Result<()> {
        let Some(found) = self.held(which) else { return Ok(()) };
        let now = self.stage.now();
        let probing = self.health(found.endpoint).await?.probe_at.is_some();
        let again = now + TimeDelta::seconds(5.max(pause));
        let pause = (pause > 0).then(|| now + TimeDelta::seconds(pause));
        let verdict = Verdict::RetryAt(again, FailureCode::Refused);
        let mine = self.stage.settle(&found, verdict, pause).await?;
        ensure!(mine == self.is_mine(&found), "fenced wrongly");
        if mine && let Some(known) = self.model.waiting.get_mut(&key(&found)) {
            (known.leased_until, known.lease) = (None, None);
            known.due = if probing { known.due.max(now) } else { again };
        }
        self.learn().await
    }

    /// Whether its lease did not end before somebody claimed.
    fn is_mine(&self, found: &Taken) -> bool {
        let known = self.model.waiting.get(&key(found));
        known.is_some_and(|known| known.lease == Some(found.lease))
    }

    async fn step(&mut self, step: &Step) -> Result<()> {
        match *step {
            Step::Happen { organisation, count } => self.happen(organisation, count).await,
            Step::Wait { seconds } => {
                self.stage.clock.advance(TimeDelta::seconds(seconds));
                Ok(())
            }
            Step::Claim { limit } => self.claim(limit).await,
            Step::Deliver { which } => self.deliver(which).await,
            Step::Fail { which, pause } => self.fail(which, pause).await,
            // It stays leased until the lease ends; nothing is told of it.
            Step::Forget { which } => {
                let _forgotten = self.held(which);
                Ok(())
            }
        }
    }
}

#[test]
fn the_scheduler_does_what_its_model_may() -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let stage = runtime.block_on(Stage::set())?;
    let play = |steps: Vec<Step>| -> Result<()> {
        runtime.block_on(async {
            stage
                .sql("TRUNCATE webhook_outbox, webhook_queue, webhook_in_flight, webhook_events,
                    webhook_deliveries, webhook_attempts, webhook_secrets, webhook_jobs, webhook_endpoints")
                .await?;
            let mut endpoints = Vec::new();
            for organisation in OWNERS {
                endpoints.push(stage.endpoint(organisation).await?);
            }
            let mut play = Play { stage: &stage, endpoints, model: Model::default() };
            for step in &steps {
                play.step(step).await.with_context(|| format!("{step:?}"))?;
            }
            Ok(())
        })
    };
    let config = ProptestConfig {
        cases: 24,
        max_shrink_iters: 60,
        failure_persistence: None,
        ..ProptestConfig::default()
    };
    let mut runner = proptest::test_runner::TestRunner::new(config);
    let ended = runner.run(&steps(), |steps| {
        play(steps).map_err(|error| TestCaseError::fail(format!("{error:#}")))
    });
    ended.map_err(|error| anyhow::anyhow!("{error}"))
}
