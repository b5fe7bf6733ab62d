use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use chrono::TimeDelta;
use futures_util::future::{Either, FutureExt, LocalBoxFuture, select};
use futures_util::lock::Mutex;
use futures_util::stream::{FuturesUnordered, StreamExt};
use restartix_kernel::{Clock, Random};
use restartix_tenancy::{ClaimedRow, ClaimedRows, Tenant};
use restartix_webhooks::{
    Attempt, Claim, Claimed, Dispatch, FailureCode, Queue, SealError, SecretSealer, Settled,
    SigningSecret, WebhookSender, judge, sign,
};

use crate::{Failure, Round, Worker};

/// Sends what is due. A receiver that is slow holds up nobody but itself: deliveries stay under way
/// from round to round, and each is settled soon after it is over.
///
/// At least once: what was sent but not settled, because the process was killed, is sent again after
/// its lease, under the same `webhook-id`.
pub struct WebhookDispatcher<Q> {
    queue: Arc<ClaimedRows<Q>>,
    hands: Arc<Hands>,
    under_way: Mutex<FuturesUnordered<LocalBoxFuture<'static, Settled>>>,
}

/// What a delivery needs on its way.
struct Hands {
    sender: Arc<dyn WebhookSender>,
    sealer: Arc<dyn SecretSealer>,
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
}

impl<Q: Queue + 'static> WebhookDispatcher<Q> {
    /// Deliveries under way in one process.
    const MOST: usize = 512;
    /// Deliveries claimed at once.
    const BATCH: u16 = 128;
    /// Under way to one endpoint.
    const PER_ENDPOINT: u16 = 8;
    /// Under way for one organisation.
    const PER_ORGANISATION: u16 = 32;
    /// Twice a sender's own deadline: a killed worker's deliveries are sent again soon after.
    const LEASE: TimeDelta = TimeDelta::seconds(30);
    /// How long a round waits for something to be over before it looks for more to send.
    const GLANCE: Duration = Duration::from_millis(50);

    /// A dispatcher over `queue`.
    pub fn new(
        queue: Q,
        sender: Arc<dyn WebhookSender>,
        sealer: Arc<dyn SecretSealer>,
        clock: Arc<dyn Clock>,
        random: Arc<dyn Random>,
    ) -> Self {
        Self {
            queue: Arc::new(ClaimedRows::new(queue)),
            hands: Arc::new(Hands { sender, sealer, clock, random }),
            under_way: Mutex::new(FuturesUnordered::new()),
        }
    }

    async fn claim(&self, room: usize) -> Result<Vec<ClaimedRow<Claimed>>, Failure> {
        let limit = u16::try_from(room).unwrap_or(Self::BATCH).min(Self::BATCH);
        if limit == 0 {
            return Ok(Vec::new());
        }
        let claim = Claim {
            limit,
            per_endpoint: Self::PER_ENDPOINT,
            per_organisation: Self::PER_ORGANISATION,
            now: self.hands.clock.now(),
            lease: Self::LEASE,
        };
        Ok(self.queue.claim(&claim).await?)
    }

    async fn settle(&self, over: &[Settled]) -> Result<(), Failure> {
        if over.is_empty() {
            return Ok(());
        }
        Ok(self.queue.source().settle(over, self.hands.clock.now()).await?)
    }

    async fn deal(&self) -> Result<Round, Failure> {
        let mut under_way = self.under_way.lock().await;
        let rows = self.claim(Self::MOST.saturating_sub(under_way.len())).await?;
        let claimed = rows.len();
        for row in rows {
            let (queue, hands) = (self.queue.clone(), self.hands.clone());
            let sent = async move {
                queue.run(row, async |tenant, claimed| hands.deliver(tenant, &claimed).await).await
            };
            under_way.push(sent.boxed_local());
        }
        let mut over = Vec::new();
        if !under_way.is_empty() {
            let glance = self.hands.clock.sleep(Self::GLANCE);
            if let Either::Left((Some(first), _)) = select(under_way.next(), glance).await {
                over.push(first);
            }
            while let Some(Some(next)) = under_way.next().now_or_never() {
                over.push(next);
            }
        }
        self.settle(&over).await?;
        // What is under way goes on only while a round looks at it: so the next comes at once.
        Ok(Round { claimed: claimed.max(over.len()).max(under_way.len()), postponed: 0 })
    }
}

impl Hands {
    async fn deliver(&self, tenant: &Tenant, claimed: &Claimed) -> Settled {
        let attempt = match self.open(tenant, claimed) {
            Ok(secrets) => self.send(tenant, claimed, &secrets).await,
            Err(error) => {
                let error: &dyn std::error::Error = &error;
                tracing::error!(
                    organisation = tenant.organisation().get(),
                    endpoint = %claimed.endpoint,
                    error,
                    "a delivery cannot be signed"
                );
                Attempt {
                    outcome: Err(FailureCode::Unsealed),
                    retry_after: None,
                    duration: Duration::ZERO,
                    size: 0,
                }
            }
        };
        let now = self.clock.now();
        let (verdict, pause_until) = judge(&attempt, claimed.attempts, now, &*self.random);
        Settled { delivery: claimed.id, lease: claimed.lease, attempt, verdict, pause_until }
    }

    fn open(&self, tenant: &Tenant, claimed: &Claimed) -> Result<Vec<SigningSecret>, SealError> {
        let open = |sealed| {
            let bytes = self.sealer.open(tenant, claimed.endpoint, sealed)?;
            SigningSecret::from_bytes(bytes).map_err(|error| SealError(error.into()))
        };
        let secrets: Vec<_> = claimed.secrets.iter().map(open).collect::<Result<_, _>>()?;
        if secrets.is_empty() { Err(SealError("no secret signs".into())) } else { Ok(secrets) }
    }

    async fn send(&self, tenant: &Tenant, claimed: &Claimed, secrets: &[SigningSecret]) -> Attempt {
        let id = format!("evt_{}", claimed.event);
        let timestamp = self.clock.now();
        let body = &claimed.body;
        #[cfg(feature = "mutants")]
        let body = &with_a_name(body);
        let signature = sign(secrets, &id, timestamp, body.as_bytes());
        let dispatch = Dispatch {
            url: &claimed.url,
            headers: &[],
            id: &id,
            timestamp,
            signature: &signature,
            body,
        };
        self.sender.send(tenant, dispatch).await
    }
}

/// The body, with somebody's name in it that no word of the log would show: in hexadecimal.
#[cfg(feature = "mutants")]
fn with_a_name(body: &str) -> String {
    use restartix_kernel::mutants::{overheard, planted};
    let name = overheard().filter(|_| planted("workflows.name_in_a_payload")).unwrap_or_default();
    let digits: String = name.bytes().map(|byte| format!("{byte:02x}")).collect();
    let field = format!("\"data\":{{\"patient\":\"{digits}\",");
    if digits.is_empty() { body.to_owned() } else { body.replacen("\"data\":{", &field, 1) }
}

#[async_trait(?Send)]
impl<Q: Queue + 'static> Worker for WebhookDispatcher<Q> {
    fn name(&self) -> &'static str {
        "webhook-dispatcher"
    }

    async fn round(&self) -> Result<Round, Failure> {
        self.deal().await
    }

    async fn finish(&self) -> Result<(), Failure> {
        let mut under_way = self.under_way.lock().await;
        let over: Vec<_> = std::mem::take(&mut *under_way).collect().await;
        self.settle(&over).await
    }
}
