#![expect(
    clippy::panic,
    reason = "a conformance suite fails by panicking, as the tests that call it do"
)]

use std::collections::BTreeMap;

use restartix_kernel::{AppointmentId, Clock, EventId, Random};
use restartix_tenancy::Tenant;

use crate::{
    AnalyticsFact, Batch, BatchId, EventKind, Fact, Hour, Kept, KeyEpoch, Line, PseudonymKey,
    PseudonymKeys, SendError, Tally, TelemetryService, Told,
};

/// The other side of a service: what it got, and how it is made to fail.
pub trait FarSide {
    /// The ids of the events that it has, in order; an event that it has twice is there twice.
    fn received(&self) -> Vec<EventId>;
    /// From now on it answers, or not at all.
    fn set_away(&self, away: bool);
    /// It commits the next batch, and its answer gets lost.
    fn lose_next_answer(&self);
    /// It refuses this event.
    fn refuse(&self, event: EventId);
    /// It refuses whatever has this event in it, and does not say why.
    fn dislike(&self, event: EventId);
}

/// Keys that no product has.
pub fn keys() -> PseudonymKeys {
    let key = (KeyEpoch::new(1), PseudonymKey::from_bytes([7; 32]));
    PseudonymKeys::new(BTreeMap::from([key])).unwrap()
}

/// A batch of `count` fresh events.
pub fn batch(tenant: &Tenant, count: u16, clock: &dyn Clock, random: &dyn Random) -> Batch {
    let lines = (0..count).map(|_| {
        let fact = Fact::Analytics(AnalyticsFact::AppointmentStarted {
            appointment: AppointmentId::fresh(random),
        });
        let told = Told {
            id: EventId::fresh(clock, random),
            kind: EventKind::Analytics,
            event_type: fact.event_type().to_owned(),
            occurred_at: clock.now(),
            subject: None,
            data: fact.data(),
        };
        Line::encode(tenant, &keys(), KeyEpoch::new(1), &Kept::Told(told)).unwrap()
    });
    Batch { id: BatchId(EventId::fresh(clock, random)), lines: lines.collect() }
}

/// The events of a batch.
pub fn ids(batch: &Batch) -> Vec<EventId> {
    batch.lines.iter().map(Line::id).collect()
}

/// A batch arrives once however often it is sent, and an event arrives once in however many
/// batches it is.
pub async fn what_is_sent_again_arrives_once(
    service: &dyn TelemetryService,
    far: &dyn FarSide,
    tenant: &Tenant,
    (clock, random): (&dyn Clock, &dyn Random),
) {
    let before = far.received().len();
    let first = batch(tenant, 3, clock, random);
    service.send(tenant, &first).await.unwrap();
    service.send(tenant, &first).await.unwrap();
    let mut second = batch(tenant, 2, clock, random);
    second.lines.splice(0..0, first.lines.iter().cloned());
    service.send(tenant, &second).await.unwrap();
    let wanted = ids(&second);
    assert_eq!(far.received().split_off(before), wanted, "each event once, in order");
}

/// While the service is away its batches are kept, and a lost answer gives no duplicate.
pub async fn an_outage_and_a_lost_answer_lose_and_double_nothing(
    service: &dyn TelemetryService,
    far: &dyn FarSide,
    tenant: &Tenant,
    (clock, random): (&dyn Clock, &dyn Random),
) {
    let before = far.received().len();
    let sent = batch(tenant, 2, clock, random);
    far.set_away(true);
    match service.send(tenant, &sent).await {
        Err(SendError::Unavailable(_)) => {}
        other => panic!("a service that is away answered {other:?}"),
    }
    far.set_away(false);
    far.lose_next_answer();
    match service.send(tenant, &sent).await {
        Err(SendError::Unavailable(_)) => {}
        other => panic!("a lost answer came to {other:?}"),
    }
    service.send(tenant, &sent).await.unwrap();
    assert_eq!(far.received().split_off(before), ids(&sent), "once, after three attempts");
}

/// A poison event is named; nothing of its batch is taken, and the others can go without it.
pub async fn poison_is_named_and_the_rest_goes_on(
    service: &dyn TelemetryService,
    far: &dyn FarSide,
    tenant: &Tenant,
    (clock, random): (&dyn Clock, &dyn Random),
) {
    let before = far.received().len();
    let sent = batch(tenant, 3, clock, random);
    let poison = sent.lines.get(1).unwrap().id();
    far.refuse(poison);
    match service.send(tenant, &sent).await {
        Err(SendError::Poison(named)) => {
            let named: Vec<_> = named.iter().map(|one| one.event).collect();
            assert_eq!(named, [poison], "the poison alone is named");
        }
        other => panic!("a poison event came to {other:?}"),
    }
    assert_eq!(far.received().len(), before, "something of the batch was taken");
    let lines = sent.lines.into_iter().filter(|line| line.id() != poison).collect();
    let rest = Batch { id: BatchId(EventId::fresh(clock, random)), lines };
    service.send(tenant, &rest).await.unwrap();
    assert_eq!(far.received().split_off(before), ids(&rest), "the rest arrived");
}

/// A batch that is refused without a name can go in halves, until the one event is left.
pub async fn what_is_refused_without_a_name_is_found_by_halves(
    service: &dyn TelemetryService,
    far: &dyn FarSide,
    tenant: &Tenant,
    (clock, random): (&dyn Clock, &dyn Random),
) {
    let before = far.received().len();
    let sent = batch(tenant, 4, clock, random);
    far.dislike(sent.lines.get(2).unwrap().id());
    let lines = |range: std::ops::Range<usize>| sent.lines.get(range).unwrap().to_vec();
    let part = |lines| Batch { id: BatchId(EventId::fresh(clock, random)), lines };
    for (range, taken) in [(0..4, false), (0..2, true), (2..4, false), (2..3, false), (3..4, true)]
    {
        match (service.send(tenant, &part(lines(range.clone()))).await, taken) {
            (Ok(()), true) | (Err(SendError::Indigestible(_)), false) => {}
            (other, _) => panic!("{range:?} came to {other:?}"),
        }
    }
    let wanted: Vec<_> = [0, 1, 3].map(|n: usize| sent.lines.get(n).unwrap().id()).into();
    assert_eq!(far.received().split_off(before), wanted, "everything but the one arrived");
}

/// The service says what it has of an hour, of each organisation by itself, each event once.
pub async fn an_hour_is_counted_and_summed_up(
    service: &dyn TelemetryService,
    (tenant, other): (&Tenant, &Tenant),
    (clock, random): (&dyn Clock, &dyn Random),
) {
    let sent = batch(tenant, 3, clock, random);
    let hour = Hour::of(sent.lines.first().unwrap().occurred_at());
    let (mut wanted, elsewhere) =
        (service.tally(tenant, hour).await.unwrap(), service.tally(other, hour).await.unwrap());
    for line in sent.lines.iter().filter(|line| Hour::of(line.occurred_at()) == hour) {
        wanted = wanted.with(line.digest());
    }
    service.send(tenant, &sent).await.unwrap();
    let again = Batch { id: BatchId(EventId::fresh(clock, random)), lines: sent.lines.clone() };
    service.send(tenant, &again).await.unwrap();
    assert_eq!(service.tally(tenant, hour).await.unwrap(), wanted);
    assert_eq!(service.tally(other, hour).await.unwrap(), elsewhere, "another organisation's");
    let never = Hour::of(clock.now() - chrono::TimeDelta::days(1000));
    assert_eq!(service.tally(tenant, never).await.unwrap(), Tally::default());
}
