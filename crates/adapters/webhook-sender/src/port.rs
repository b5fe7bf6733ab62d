//! The domain's ports, over what this crate does.

use std::sync::Arc;

use async_trait::async_trait;
use hyper::body::Bytes;
use restartix_kernel::{Random, WebhookEndpointId};
use restartix_tenancy::Tenant;
use restartix_webhooks::{
    Attempt, Dispatch, FailureCode, SealError, SealedSecret, SecretSealer, UrlRefused,
    WebhookSender,
};

use crate::{Answer, Binding, Failure, GuardedSender, KeyRing};

const fn word(failure: Failure) -> FailureCode {
    match failure {
        Failure::BadUrl(_) => FailureCode::BadUrl,
        Failure::BadHeader => FailureCode::BadHeader,
        Failure::Forbidden(_) => FailureCode::BlockedAddress,
        Failure::Dns => FailureCode::Dns,
        Failure::Connect => FailureCode::Connect,
        Failure::Tls => FailureCode::Tls,
        Failure::TimedOut => FailureCode::TimedOut,
        Failure::Reset => FailureCode::Reset,
        Failure::TooLarge => FailureCode::TooLarge,
        Failure::Malformed => FailureCode::Malformed,
    }
}

#[async_trait]
impl WebhookSender for GuardedSender {
    fn check(&self, url: &str) -> Result<(), UrlRefused> {
        Self::check(self, url).map_err(|_| UrlRefused)
    }

    async fn send(&self, tenant: &Tenant, dispatch: Dispatch<'_>) -> Attempt {
        let dispatch = crate::Dispatch {
            url: dispatch.url,
            headers: dispatch.headers,
            id: dispatch.id,
            timestamp: dispatch.timestamp,
            signature: dispatch.signature,
            body: Bytes::copy_from_slice(dispatch.body.as_bytes()),
        };
        let sent = Self::send(self, tenant, dispatch).await;
        let (outcome, retry_after, size) = match sent.outcome {
            Ok(Answer { status, retry_after, size }) => (Ok(status), retry_after, size),
            Err(failure) => (Err(word(failure)), None, 0),
        };
        Attempt { outcome, retry_after, duration: sent.duration, size }
    }
}

/// Seals endpoints' signing secrets with the keys of the configuration.
pub struct Sealer {
    keys: Option<Arc<KeyRing>>,
    random: Arc<dyn Random>,
}

/// There are no keys: nothing can be sealed or opened.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("no keys are configured that seal webhook secrets")]
struct NoKeys;

impl Sealer {
    /// A sealer with these keys; without any, whatever is asked of it fails.
    pub fn new(keys: Option<Arc<KeyRing>>, random: Arc<dyn Random>) -> Self {
        Self { keys, random }
    }

    fn keys(&self) -> Result<&KeyRing, SealError> {
        self.keys.as_deref().ok_or_else(|| SealError(NoKeys.into()))
    }
}

fn binding(endpoint: WebhookEndpointId, version: u32) -> Binding {
    Binding { purpose: "webhook-signing", endpoint: endpoint.as_uuid(), version }
}

impl SecretSealer for Sealer {
    fn seal(
        &self,
        tenant: &Tenant,
        endpoint: WebhookEndpointId,
        version: u32,
        secret: &[u8],
    ) -> Result<SealedSecret, SealError> {
        let binding = binding(endpoint, version);
        let bytes = self.keys()?.seal(&*self.random, tenant, &binding, secret);
        Ok(SealedSecret { version, bytes: bytes.map_err(|error| SealError(error.into()))? })
    }

    fn open(
        &self,
        tenant: &Tenant,
        endpoint: WebhookEndpointId,
        sealed: &SealedSecret,
    ) -> Result<Vec<u8>, SealError> {
        let binding = binding(endpoint, sealed.version);
        let secret = self.keys()?.open(tenant, &binding, &sealed.bytes);
        secret.map_err(|error| SealError(error.into()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::BadUrl;

    /// What is counted, stored and shown is one set of words.
    #[test]
    fn both_sides_call_a_failure_the_same_and_try_the_same_again() {
        for failure in [
            Failure::BadHeader,
            Failure::Dns,
            Failure::Connect,
            Failure::Tls,
            Failure::TimedOut,
            Failure::Reset,
            Failure::TooLarge,
            Failure::Malformed,
            Failure::BadUrl(BadUrl::Malformed),
        ] {
            assert_eq!(word(failure).as_str(), failure.code());
            assert_eq!(word(failure).may_pass(), failure.may_pass());
        }
        assert_eq!(FailureCode::BlockedAddress.as_str(), "blocked_address");
        assert!(!FailureCode::BlockedAddress.may_pass());
    }
}
