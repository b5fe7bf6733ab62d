//! What looks for malware.

use std::sync::Arc;

use async_trait::async_trait;
use restartix_clamd::{Clamd, Timeouts};
use restartix_storage::{EicarScanner, MalwareScanner};

use crate::config;
use crate::readiness::Watched;

/// clamd, where there is one.
pub(crate) fn clamd(config: &config::Server) -> Option<Clamd> {
    config.clamd.clone().map(|address| Clamd::new(address, Timeouts::default()))
}

/// What looks at files: clamd; without one, what knows nothing but a test string, and says so.
pub(crate) fn port(clamd: Option<Clamd>) -> Arc<dyn MalwareScanner> {
    match clamd {
        Some(clamd) => Arc::new(clamd),
        None => {
            tracing::warn!(
                "files are searched for the EICAR test string alone: storage.clamd is not set"
            );
            Arc::new(EicarScanner)
        }
    }
}

#[async_trait(?Send)]
impl Watched for Clamd {
    fn name(&self) -> &'static str {
        "clamd"
    }

    fn serves(&self) -> Option<bool> {
        Self::serves(self)
    }

    async fn probe(&self) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
        Ok(Self::probe(self).await?)
    }
}
