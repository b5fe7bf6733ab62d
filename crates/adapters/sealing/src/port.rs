//! What others ask to be sealed, each kind under its own purpose.

use std::sync::Arc;

use restartix_kernel::{Random, StoreError, WebhookEndpointId};
use restartix_tenancy::Tenant;
use restartix_webhooks::{Purpose, SealedSecret, SecretSealer};
use restartix_workflows::{AnswerKey, AnswerSealer};
use uuid::Uuid;

use crate::{Binding, KeyRing, SealError};

/// Seals with the keys of the configuration.
pub struct Sealer {
    keys: Option<Arc<KeyRing>>,
    random: Arc<dyn Random>,
}

/// There are no keys: nothing can be sealed or opened.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("no keys are configured that seal secrets")]
struct NoKeys;

type Cause = Box<dyn std::error::Error + Send + Sync>;

impl Sealer {
    /// A sealer with these keys; without any, whatever is asked of it fails.
    pub fn new(keys: Option<Arc<KeyRing>>, random: Arc<dyn Random>) -> Self {
        Self { keys, random }
    }

    fn seal(&self, tenant: &Tenant, binding: &Binding, secret: &[u8]) -> Result<Vec<u8>, Cause> {
        let sealed = self.keys()?.seal(&*self.random, tenant, binding, secret);
        sealed.map_err(SealError::into)
    }

    fn open(&self, tenant: &Tenant, binding: &Binding, sealed: &[u8]) -> Result<Vec<u8>, Cause> {
        self.keys()?.open(tenant, binding, sealed).map_err(SealError::into)
    }

    fn keys(&self) -> Result<&KeyRing, Cause> {
        self.keys.as_deref().ok_or_else(|| NoKeys.into())
    }
}

fn of_endpoint(purpose: Purpose, endpoint: WebhookEndpointId, version: u32) -> Binding {
    let purpose = match purpose {
        Purpose::Signing => "webhook-signing",
        Purpose::Headers => "webhook-headers",
    };
    Binding { purpose, of: endpoint.as_uuid(), version }
}

impl SecretSealer for Sealer {
    fn seal(
        &self,
        tenant: &Tenant,
        purpose: Purpose,
        endpoint: WebhookEndpointId,
        version: u32,
        secret: &[u8],
    ) -> Result<SealedSecret, restartix_webhooks::SealError> {
        let bytes = self.seal(tenant, &of_endpoint(purpose, endpoint, version), secret);
        Ok(SealedSecret { version, bytes: bytes.map_err(restartix_webhooks::SealError)? })
    }

    fn open(
        &self,
        tenant: &Tenant,
        purpose: Purpose,
        endpoint: WebhookEndpointId,
        sealed: &SealedSecret,
    ) -> Result<Vec<u8>, restartix_webhooks::SealError> {
        let secret =
            self.open(tenant, &of_endpoint(purpose, endpoint, sealed.version), &sealed.bytes);
        secret.map_err(restartix_webhooks::SealError)
    }
}

/// An answer belongs to the first half of its key's digest: whoever could make two keys with the
/// same half holds both.
fn answer(key: &AnswerKey) -> Binding {
    let (half, _) = key.digest().split_first_chunk().unwrap_or((&[0; 16], &[]));
    Binding { purpose: "kept-answer", of: Uuid::from_bytes(*half), version: 1 }
}

impl AnswerSealer for Sealer {
    fn seal(&self, tenant: &Tenant, key: &AnswerKey, text: &[u8]) -> Result<Vec<u8>, StoreError> {
        self.seal(tenant, &answer(key), text).map_err(StoreError::Unavailable)
    }

    fn open(&self, tenant: &Tenant, key: &AnswerKey, sealed: &[u8]) -> Result<Vec<u8>, StoreError> {
        self.open(tenant, &answer(key), sealed).map_err(StoreError::Unavailable)
    }
}
