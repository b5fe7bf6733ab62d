use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use ureq::Agent;
use ureq::tls::TlsConfig;

use crate::KeysError;

/// The greatest set that is read, in bytes.
const MAX_SET: u64 = 256 * 1024;

/// Where published keys are.
#[derive(Clone)]
pub(crate) enum Source {
    File(PathBuf),
    Url { agent: Agent, url: String },
}

impl Source {
    pub(crate) fn url(url: String) -> Self {
        let ring = Arc::new(rustls::crypto::ring::default_provider());
        let agent = Agent::config_builder()
            .tls_config(TlsConfig::builder().unversioned_rustls_crypto_provider(ring).build())
            .proxy(None)
            // A redirect would let another host choose our keys.
            .max_redirects(0)
            .max_redirects_will_error(false)
            .http_status_as_error(false)
            .user_agent(concat!("restartix-identity/", env!("CARGO_PKG_VERSION")))
            .timeout_connect(Some(Duration::from_secs(3)))
            .timeout_recv_response(Some(Duration::from_secs(3)))
            .timeout_global(Some(Duration::from_secs(6)))
            // Fetches are minutes apart: a connection kept open would be dead by then.
            .max_idle_connections(0)
            .build()
            .into();
        Self::Url { agent, url }
    }

    /// The text of the set, read on a blocking thread.
    pub(crate) async fn read(&self) -> Result<Vec<u8>, KeysError> {
        let source = self.clone();
        let read = tokio::task::spawn_blocking(move || source.read_blocking());
        read.await.map_err(KeysError::Internal)?
    }

    /// The text of the set. Blocks.
    pub(crate) fn read_blocking(&self) -> Result<Vec<u8>, KeysError> {
        match self {
            Self::File(path) => read_file(path),
            Self::Url { agent, url } => fetch(agent, url),
        }
    }
}

fn read_file(path: &Path) -> Result<Vec<u8>, KeysError> {
    let mut text = Vec::new();
    let mut file = File::open(path).map_err(KeysError::File)?.take(MAX_SET.saturating_add(1));
    let length = file.read_to_end(&mut text).map_err(KeysError::File)?;
    if u64::try_from(length).is_ok_and(|length| length <= MAX_SET) {
        Ok(text)
    } else {
        Err(KeysError::TooLarge)
    }
}

fn fetch(agent: &Agent, url: &str) -> Result<Vec<u8>, KeysError> {
    let failed = |error| match error {
        ureq::Error::BodyExceedsLimit(_) => KeysError::TooLarge,
        error => KeysError::Url(Box::new(error)),
    };
    let response = agent.get(url).header("accept", "application/json").call().map_err(failed)?;
    let status = response.status().as_u16();
    if status != 200 {
        return Err(KeysError::Status(status));
    }
    response.into_body().into_with_config().limit(MAX_SET).read_to_vec().map_err(failed)
}
