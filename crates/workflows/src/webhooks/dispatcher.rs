use std::cell::RefCell;
use std::collections::HashMap;
use std::future::poll_fn;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use async_trait::async_trait;
use chrono::TimeDelta;
use futures_util::future::{FutureExt, LocalBoxFuture};
use futures_util::lock::Mutex;
use futures_util::stream::{FuturesUnordered, StreamExt};
use restartix_kernel::{Clock, Random, StoreError, WebhookEndpointId};
use restartix_tenancy::{ClaimError, ClaimedRow, ClaimedRows, Tenant};
use restartix_webhooks::{Claim, Claimed, Queue, SecretSealer, Settled, Wake, WebhookSender};

use super::hands::Hands;
use crate::{Failure, Round, Worker};

/// Sends what is due. Claiming, sending and recording go on side by side: a receiver that is slow
/// holds up nobody but itself, and a database that is busy keeps no receiver waiting. What is under way
/// stays so from round to round.
///
/// At least once: what was sent but not settled, because the process was killed, is sent again after
/// its lease, under the same `webhook-id`.
pub struct WebhookDispatcher<Q> {
    queue: Arc<ClaimedRows<Q>>,
    hands: Arc<Hands>,
    wake: Arc<dyn Wake>,
    line: Mutex<Line>,
}

/// What is under way, and what is over and not yet recorded.
#[derive(Default)]
struct Line {
    /// What was claimed together ends together; what becomes of each is told as soon as it is known.
    sends: FuturesUnordered<LocalBoxFuture<'static, ()>>,
    told: Rc<RefCell<Vec<Settled>>>,
    over: Vec<Settled>,
    under_way: usize,
    /// Under way by endpoint.
    to: HashMap<WebhookEndpointId, usize>,
}

/// What one wait came to.
enum Next {
    Claimed(Result<Vec<ClaimedRow<Claimed>>, ClaimError>),
    Settled(Vec<Settled>, Result<usize, StoreError>),
    Sent,
    Woken,
    Beat,
}

type Claiming<'a> = Option<LocalBoxFuture<'a, Result<Vec<ClaimedRow<Claimed>>, ClaimError>>>;
type Settling<'a> = Option<LocalBoxFuture<'a, (Vec<Settled>, Result<usize, StoreError>)>>;

impl<Q: Queue + 'static> WebhookDispatcher<Q> {
    /// Deliveries under way in one process.
    const MOST: usize = 1024;
    /// With fewer under way, what was queued is claimed at once: some is claimed while the rest is sent.
    /// With more, a claim waits for some beats, for it costs by the endpoint and not by the delivery.
    const LOW: usize = 384;
    /// With fewer under way, what is over is recorded at the next beat; with more, after some.
    const FEW: usize = 128;
    /// That many beats.
    const REST: u32 = 4;
    /// A claim of so many is followed by another.
    const MUCH: usize = 64;
    /// Outcomes that are recorded without waiting for a beat.
    const FULL: usize = 256;
    /// Under way to one endpoint.
    const PER_ENDPOINT: u16 = 8;
    /// Under way for one organisation.
    const PER_ORGANISATION: u16 = 32;
    /// Twice a sender's own deadline: a killed worker's deliveries are sent again soon after.
    const LEASE: TimeDelta = TimeDelta::seconds(30);
    /// Outcomes of so long are recorded together.
    const BEAT: Duration = Duration::from_millis(8);
    /// So many beats without a call, and the queue is looked at all the same.
    const PATIENCE: u32 = 6;
    /// A round goes on for so long at most, so that whoever stops the worker is heard.
    const ROUND: TimeDelta = TimeDelta::milliseconds(500);

    /// A dispatcher over `queue`.
    pub fn new(
        queue: Q,
        wake: Arc<dyn Wake>,
        sender: Arc<dyn WebhookSender>,
        sealer: Arc<dyn SecretSealer>,
        clock: Arc<dyn Clock>,
        random: Arc<dyn Random>,
    ) -> Self {
        Self {
            queue: Arc::new(ClaimedRows::new(queue)),
            hands: Arc::new(Hands { sender, sealer, clock, random }),
            wake,
            line: Mutex::default(),
        }
    }

    fn now(&self) -> chrono::DateTime<chrono::Utc> {
        self.hands.clock.now()
    }

    fn claiming(&self, room: usize) -> Claiming<'_> {
        let claim = Claim {
            limit: u16::try_from(room).unwrap_or(u16::MAX),
            per_endpoint: Self::PER_ENDPOINT,
            per_organisation: Self::PER_ORGANISATION,
            now: self.now(),
            lease: Self::LEASE,
        };
        Some(async move { self.queue.claim(&claim).await }.boxed_local())
    }

    fn settling(&self, over: Vec<Settled>) -> Settling<'_> {
        let settle = async move {
            let settled = self.queue.source().settle(&over, self.now()).await;
            (over, settled)
        };
        Some(settle.boxed_local())
    }

    /// Begins to send what was claimed; whether an endpoint has as many as it may have.
    fn send(&self, line: &mut Line, rows: Vec<ClaimedRow<Claimed>>) -> bool {
        let mut crowded = false;
        for row in rows {
            let (queue, hands, told) = (self.queue.clone(), self.hands.clone(), line.told.clone());
            let Claimed { endpoint, due, .. } = row.row();
            line.under_way += due.len();
            let under_way = line.to.entry(*endpoint).or_default();
            *under_way += due.len();
            crowded |= *under_way >= usize::from(Self::PER_ENDPOINT);
            let sent = async move {
                let tell = |settled| told.borrow_mut().push(settled);
                let work = async |tenant: &Tenant, claimed: Claimed| {
                    hands.deliver(tenant, &claimed, tell).await;
                };
                queue.run(row, work).await;
            };
            line.sends.push(sent.boxed_local());
        }
        crowded
    }

    async fn deal(&self) -> Result<Round, Failure> {
        let mut line = self.line.lock().await;
        let line = &mut *line;
        let (mut claiming, mut settling): (Claiming<'_>, Settling<'_>) = (None, None);
        let until = self.now() + Self::ROUND;
        let (mut hungry, mut crowded, mut beat) = (true, false, true);
        // Beats since the last claim, and since the last record.
        let (mut unclaimed, mut unsettled) = (0, Self::REST);
        let mut ticking = self.hands.clock.sleep(Self::BEAT);
        let mut woken = self.wake.woken();
        let mut done = Round::default();
        loop {
            let open = self.now() < until;
            let busy = line.under_way + line.over.len();
            let room = Self::MOST.saturating_sub(busy);
            let rested = |beats: u32, few: usize| busy < few || beats >= Self::REST;
            let may = open && room > 0 && rested(unclaimed, Self::LOW);
            if claiming.is_none() && hungry && may {
                (hungry, unclaimed) = (false, 0);
                claiming = self.claiming(room);
            }
            let waited = beat && rested(unsettled, Self::FEW);
            let waited = waited || line.over.len() >= Self::FULL || line.under_way == 0;
            if settling.is_none() && !line.over.is_empty() && waited {
                unsettled = 0;
                settling = self.settling(std::mem::take(&mut line.over));
            }
            beat = false;
            if claiming.is_none() && settling.is_none() && (line.under_way == 0 || !open) {
                return Ok(done);
            }
            match poll_fn(|context| {
                line.next(context, &mut claiming, &mut settling, &mut woken, &mut ticking)
            })
            .await
            {
                Next::Claimed(rows) => {
                    let rows = rows?;
                    let claimed = rows.iter().map(|row| row.row().due.len()).sum::<usize>();
                    done.claimed += claimed;
                    // The caps of each endpoint leave something over: so there may be more.
                    hungry |= claimed >= Self::MUCH;
                    crowded = self.send(line, rows);
                }
                Next::Settled(_, Ok(_)) => hungry |= crowded,
                Next::Settled(over, Err(error)) => {
                    // Nothing of it is lost: it is recorded by a later round, if the leases still hold.
                    line.over.extend(over);
                    return Err(error.into());
                }
                Next::Sent => done.claimed = done.claimed.max(1),
                Next::Woken => {
                    hungry = true;
                    woken = self.wake.woken();
                }
                Next::Beat => {
                    (beat, unclaimed, unsettled) = (true, unclaimed + 1, unsettled + 1);
                    hungry |= unclaimed >= Self::PATIENCE;
                    ticking = self.hands.clock.sleep(Self::BEAT);
                }
            }
        }
    }
}

impl Line {
    /// Notes what is no longer under way.
    fn end(&mut self, told: Vec<Settled>) {
        self.under_way = self.under_way.saturating_sub(told.len());
        for settled in &told {
            if let Some(under_way) = self.to.get_mut(&settled.endpoint) {
                *under_way = under_way.saturating_sub(1);
                if *under_way == 0 {
                    self.to.remove(&settled.endpoint);
                }
            }
        }
        self.over.extend(told);
    }

    /// The next thing that happens.
    fn next(
        &mut self,
        context: &mut Context<'_>,
        claiming: &mut Claiming<'_>,
        settling: &mut Settling<'_>,
        woken: &mut (impl Future<Output = ()> + Unpin),
        ticking: &mut (impl Future<Output = ()> + Unpin),
    ) -> Poll<Next> {
        if let Some(Poll::Ready(rows)) = claiming.as_mut().map(|it| it.poll_unpin(context)) {
            *claiming = None;
            return Poll::Ready(Next::Claimed(rows));
        }
        if let Some(Poll::Ready((over, ended))) = settling.as_mut().map(|it| it.poll_unpin(context))
        {
            *settling = None;
            return Poll::Ready(Next::Settled(over, ended));
        }
        while let Poll::Ready(Some(())) = self.sends.poll_next_unpin(context) {}
        let told = std::mem::take(&mut *self.told.borrow_mut());
        if !told.is_empty() {
            self.end(told);
            return Poll::Ready(Next::Sent);
        }
        if woken.poll_unpin(context).is_ready() {
            return Poll::Ready(Next::Woken);
        }
        ticking.poll_unpin(context).map(|()| Next::Beat)
    }
}

#[async_trait(?Send)]
impl<Q: Queue + 'static> Worker for WebhookDispatcher<Q> {
    fn name(&self) -> &'static str {
        "webhook-dispatcher"
    }

    async fn round(&self) -> Result<Round, Failure> {
        self.deal().await
    }

    async fn woken(&self) {
        self.wake.woken().await;
    }

    async fn finish(&self) -> Result<(), Failure> {
        let mut line = self.line.lock().await;
        let line = &mut *line;
        while line.sends.next().await.is_some() {}
        let told = std::mem::take(&mut *line.told.borrow_mut());
        line.end(told);
        let over = std::mem::take(&mut line.over);
        if !over.is_empty() {
            self.queue.source().settle(&over, self.now()).await?;
        }
        Ok(())
    }
}
