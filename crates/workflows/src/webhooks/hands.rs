use std::sync::Arc;
use std::time::Duration;

use futures_util::stream::{FuturesUnordered, StreamExt};
use restartix_kernel::{Clock, Random, Secret};
use restartix_tenancy::Tenant;
use restartix_webhooks::{
    Attempt, Claimed, Dispatch, Due, FailureCode, OwnHeaders, Purpose, SealError, SealedSecret,
    SecretSealer, Settled, SigningSecret, WebhookSender, judge, sign,
};

/// What a delivery needs on its way.
pub(super) struct Hands {
    pub(super) sender: Arc<dyn WebhookSender>,
    pub(super) sealer: Arc<dyn SecretSealer>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) random: Arc<dyn Random>,
}

/// What is opened for what was claimed together, and forgotten with it.
struct Opened {
    secrets: Vec<SigningSecret>,
    headers: Vec<(String, Secret)>,
}

impl Hands {
    /// Sends all that was claimed together, side by side, and tells what came of each as soon as it is
    /// known.
    pub(super) async fn deliver(&self, tenant: &Tenant, claimed: &Claimed, tell: impl Fn(Settled)) {
        let opened = self.open(tenant, claimed).inspect_err(|error| {
            let error: &dyn std::error::Error = error;
            tracing::error!(
                organisation = tenant.organisation().get(),
                endpoint = %claimed.endpoint,
                error,
                "deliveries cannot be signed"
            );
        });
        let sent =
            claimed.due.iter().map(|due| self.one(tenant, claimed, opened.as_ref().ok(), due));
        let mut sent: FuturesUnordered<_> = sent.collect();
        while let Some(settled) = sent.next().await {
            tell(settled);
        }
    }

    /// Signs and sends one, and judges what came of it.
    async fn one(
        &self,
        tenant: &Tenant,
        claimed: &Claimed,
        opened: Option<&Opened>,
        due: &Due,
    ) -> Settled {
        let attempt = match opened {
            Some(opened) => self.send(tenant, claimed, opened, due).await,
            None => Attempt {
                outcome: Err(FailureCode::Unsealed),
                retry_after: None,
                duration: Duration::ZERO,
                size: 0,
            },
        };
        let now = self.clock.now();
        let (verdict, pause_until) = judge(&attempt, due.attempts, now, &*self.random);
        Settled {
            organisation: tenant.organisation(),
            endpoint: claimed.endpoint,
            lease: claimed.lease,
            place: due.place,
            attempt,
            verdict,
            pause_until,
        }
    }

    fn open(&self, tenant: &Tenant, claimed: &Claimed) -> Result<Opened, SealError> {
        let open = |purpose, sealed: &SealedSecret| {
            self.sealer.open(tenant, purpose, claimed.endpoint, sealed)
        };
        let secret = |sealed| {
            let bytes = open(Purpose::Signing, sealed)?;
            SigningSecret::from_bytes(bytes).map_err(|error| SealError(error.into()))
        };
        let secrets: Vec<_> = claimed.secrets.iter().map(secret).collect::<Result<_, _>>()?;
        if secrets.is_empty() {
            return Err(SealError("no secret signs".into()));
        }
        let headers = match &claimed.headers {
            None => Vec::new(),
            Some(sealed) => OwnHeaders::from_bytes(&open(Purpose::Headers, sealed)?)
                .map_err(|error| SealError(error.into()))?
                .expose(),
        };
        Ok(Opened { secrets, headers })
    }

    async fn send(
        &self,
        tenant: &Tenant,
        claimed: &Claimed,
        opened: &Opened,
        due: &Due,
    ) -> Attempt {
        let id = format!("evt_{}", due.event);
        let timestamp = self.clock.now();
        let body = &due.body;
        #[cfg(feature = "mutants")]
        let body = &with_a_name(body);
        let signature = sign(&opened.secrets, &id, timestamp, body.as_bytes());
        let dispatch = Dispatch {
            url: &claimed.url,
            headers: &opened.headers,
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
