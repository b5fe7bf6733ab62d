use std::sync::Arc;

use ureq::Agent;
use ureq::http::Request;
use ureq::tls::{Certificate, PemItem, RootCerts, TlsConfig, parse_pem};
use ureq::unversioned::transport::DefaultConnector;

use crate::place::Judged;
use crate::{CallError, Config, ConfigError, Timeouts};

/// The greatest answer that is read, in bytes: the ids of 500 events with their reasons.
const MAX_ANSWER: u64 = 256 * 1024;

/// HTTP to one service.
#[derive(Clone)]
pub(crate) struct Transport {
    agent: Agent,
}

/// An answer whose body has been read.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: Vec<u8>,
}

impl Transport {
    pub(crate) fn new(config: &Config) -> Result<Self, ConfigError> {
        let ring = Arc::new(rustls::crypto::ring::default_provider());
        let mut tls = TlsConfig::builder().unversioned_rustls_crypto_provider(ring);
        if let Some(pem) = &config.authorities {
            tls = tls.root_certs(RootCerts::from(authorities(pem)?));
        }
        let Timeouts { connect, read, call } = config.timeouts;
        let settings = Agent::config_builder()
            .tls_config(tls.build())
            // A proxy would be a place outside of the private network.
            .proxy(None)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .http_status_as_error(false)
            .user_agent(concat!("restartix-telemetry-service/", env!("CARGO_PKG_VERSION")))
            .timeout_resolve(Some(connect))
            .timeout_connect(Some(connect))
            .timeout_send_request(Some(read))
            .timeout_send_body(Some(read))
            .timeout_recv_response(Some(read))
            .timeout_recv_body(Some(read))
            .timeout_global(Some(call))
            .build();
        let resolver: Judged = Judged::default();
        Ok(Self { agent: Agent::with_parts(settings, DefaultConnector::default(), resolver) })
    }

    /// One exchange on a blocking thread; `make` makes the request there.
    pub(crate) async fn exchange(
        &self,
        make: impl FnOnce() -> Result<Request<Vec<u8>>, CallError> + Send + 'static,
    ) -> Result<Answer, CallError> {
        let agent = self.agent.clone();
        let exchange = move || run(&agent, make()?).map_err(CallError::transport);
        tokio::task::spawn_blocking(exchange).await.map_err(CallError::internal)?
    }
}

fn authorities(pem: &[u8]) -> Result<Vec<Certificate<'static>>, ConfigError> {
    let items = parse_pem(pem).collect::<Result<Vec<_>, _>>();
    let items = items.map_err(|_| ConfigError::Authorities)?;
    let certificates: Vec<_> = items
        .into_iter()
        .filter_map(|item| match item {
            PemItem::Certificate(certificate) => Some(certificate),
            _ => None,
        })
        .collect();
    if certificates.is_empty() { Err(ConfigError::Authorities) } else { Ok(certificates) }
}

fn run(agent: &Agent, request: Request<Vec<u8>>) -> Result<Answer, ureq::Error> {
    let (parts, body) = request.into_parts();
    let response = if body.is_empty() {
        agent.run(Request::from_parts(parts, ()))?
    } else {
        agent.run(Request::from_parts(parts, body))?
    };
    let status = response.status().as_u16();
    let body = response.into_body().into_with_config().limit(MAX_ANSWER).read_to_vec()?;
    Ok(Answer { status, body })
}
