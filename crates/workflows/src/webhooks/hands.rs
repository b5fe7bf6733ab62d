use std::sync::Arc;
use std::time::Duration;

use restartix_kernel::{Clock, Random, Secret};
use restartix_tenancy::Tenant;
use restartix_webhooks::{
    Attempt, Claimed, Dispatch, FailureCode, OwnHeaders, Purpose, SealError, SealedSecret,
    SecretSealer, Settled, SigningSecret, WebhookSender, judge, sign,
};

/// What a delivery needs on its way.
pub(super) struct Hands {
    pub(super) sender: Arc<dyn WebhookSender>,
    pub(super) sealer: Arc<dyn SecretSealer>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) random: Arc<dyn Random>,
}

/// What is opened for one delivery, and forgotten with it.
struct Opened {
    secrets: Vec<SigningSecret>,
    headers: Vec<(String, Secret)>,
}

impl Hands {
    /// Signs and sends one, and judges what came of it.
    pub(super) async fn deliver(&self, tenant: &Tenant, claimed: &Claimed) -> Settled {
        let attempt = match self.open(tenant, claimed) {
            Ok(opened) => self.send(tenant, claimed, &opened).await,
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
        Settled {
            organisation: tenant.organisation(),
            endpoint: claimed.endpoint,
            delivery: claimed.id,
            lease: claimed.lease,
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

    async fn send(&self, tenant: &Tenant, claimed: &Claimed, opened: &Opened) -> Attempt {
        let id = format!("evt_{}", claimed.event);
        let timestamp = self.clock.now();
        let body = &claimed.body;
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
