//! Signs, sends and sends again.

use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use hyper::header::{HeaderName, HeaderValue};
use hyper::{Body, HeaderMap, Request, Response, StatusCode};
use restartix_kernel::{Clock, Random, RandomExt};

use crate::credentials::CredentialCache;
use crate::error::is_passing;
use crate::http::{Http, Progress};
use crate::place::Place;
use crate::sigv4::{Keyring, Unsigned};
use crate::{CallError, Config, ConfigError, Health, Timeouts};

/// The largest answer that is read whole, in bytes: a page of a thousand versions is below two
/// million.
const WHOLE: usize = 8 * 1024 * 1024;
/// The first pause before another attempt is at most this long; each further one twice as long.
const PAUSE: Duration = Duration::from_millis(100);
/// The longest such pause.
const LONGEST: Duration = Duration::from_secs(3);

/// One bucket, as somebody.
pub(crate) struct Engine {
    pub(crate) place: Place,
    pub(crate) ring: Keyring,
    pub(crate) credentials: CredentialCache,
    pub(crate) http: Arc<Http>,
    pub(crate) clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
    attempts: u8,
    pub(crate) timeouts: Timeouts,
    health: Mutex<Health>,
}

/// An answer that has been read.
pub(crate) struct Whole {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Engine {
    pub(crate) fn new(
        config: &Config,
        clock: Arc<dyn Clock>,
        random: Arc<dyn Random>,
    ) -> Result<Self, ConfigError> {
        config.check()?;
        let Config { credentials, timeouts, attempts, region, .. } = config;
        let http = Arc::new(Http::new(*timeouts)?);
        Ok(Self {
            place: Place::of(config)?,
            ring: Keyring::new(region, "s3"),
            credentials: CredentialCache::new(credentials.clone(), http.clone(), clock.clone()),
            http,
            clock,
            random,
            attempts: *attempts,
            timeouts: *timeouts,
            health: Mutex::new(Health::Unknown),
        })
    }

    /// A request about an object, or about the bucket itself when `key` is empty.
    pub(crate) fn request(&self, method: &'static str, key: &str) -> Unsigned {
        Unsigned::new(method, self.place.host(), &self.place.path(key))
    }

    /// What the last call told.
    pub(crate) fn health(&self) -> Health {
        *self.health.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Signs and sends once; the answer's body is still to come.
    pub(crate) async fn once(
        &self,
        request: Unsigned,
        body: Body,
        sent: &Progress,
    ) -> Result<Response<Body>, CallError> {
        let credentials = self.credentials.get().await;
        let credentials = credentials.map_err(|error| CallError::Credentials(Box::new(error)))?;
        let signed = self.ring.sign_headers(&credentials, self.clock.now(), request);
        self.send(&signed, body, sent).await
    }

    /// Sends once what has been signed, or is not to be.
    pub(crate) async fn send(
        &self,
        request: &Unsigned,
        body: Body,
        sent: &Progress,
    ) -> Result<Response<Body>, CallError> {
        let url = self.place.url(&request.target());
        let mut built = Request::builder().method(request.method).uri(url);
        for (name, value) in request.headers() {
            let name = HeaderName::from_bytes(name.as_bytes()).map_err(CallError::internal)?;
            let mut value = HeaderValue::from_str(value).map_err(CallError::internal)?;
            value.set_sensitive(true);
            built = built.header(name, value);
        }
        let built = built.body(body).map_err(CallError::internal)?;
        let answered = self.http.exchange(built, sent).await;
        match &answered {
            Ok(answer) => self.note(!is_passing(answer.status().as_u16())),
            // A body that stalls or breaks off on its way to us says nothing of S3.
            Err(CallError::Body(_)) => {}
            Err(CallError::TimedOut(_)) if sent.is_counted() => {}
            Err(_) => self.note(false),
        }
        answered
    }

    /// Signs, sends and reads the whole answer; again, where that may help. For what may be sent
    /// twice: everything that this crate asks without a stream.
    pub(crate) async fn whole(
        &self,
        request: &Unsigned,
        body: &Bytes,
        operation: &'static str,
    ) -> Result<Whole, CallError> {
        self.repeatedly(async || {
            let sent = Progress::default();
            let answer = self.once(request.clone(), body.clone().into(), &sent).await?;
            let (head, rest) = answer.into_parts();
            let body = self.http.read(rest, WHOLE, operation).await?;
            Ok((head.status, Whole { status: head.status, headers: head.headers, body }))
        })
        .await
    }

    /// As [`Engine::whole`], with the answer's body still to come.
    pub(crate) async fn open(&self, request: &Unsigned) -> Result<Response<Body>, CallError> {
        self.repeatedly(async || {
            let answer = self.once(request.clone(), Body::empty(), &Progress::default()).await?;
            Ok((answer.status(), answer))
        })
        .await
    }

    async fn repeatedly<T, F: Future<Output = Result<(StatusCode, T), CallError>>>(
        &self,
        attempt: impl Fn() -> F,
    ) -> Result<T, CallError> {
        let work = async {
            let mut left = self.attempts;
            let mut pause = PAUSE;
            loop {
                left = left.saturating_sub(1);
                match attempt().await {
                    Ok((status, answer)) if left == 0 || !is_passing(status.as_u16()) => {
                        return Ok(answer);
                    }
                    Err(error) if left == 0 || !error.is_worth_repeating() => return Err(error),
                    Ok(_) | Err(_) => {}
                }
                self.pause(pause).await;
                pause = pause.saturating_mul(2).min(LONGEST);
            }
        };
        let limit = self.timeouts.call;
        tokio::time::timeout(limit, work).await.map_err(|_| CallError::TimedOut(limit))?
    }

    /// Waits for up to `most`, so that those who failed together do not come back together.
    async fn pause(&self, most: Duration) {
        let millis = u32::try_from(most.as_millis()).unwrap_or(u32::MAX);
        let drawn = self.random.below(millis.saturating_add(1));
        self.clock.sleep(Duration::from_millis(u64::from(drawn))).await;
    }

    fn note(&self, fine: bool) {
        let mut health = self.health.lock().unwrap_or_else(PoisonError::into_inner);
        *health = match *health {
            _ if fine => Health::Ok,
            Health::Failing { since } => Health::Failing { since },
            Health::Unknown | Health::Ok => Health::Failing { since: self.clock.now() },
        };
    }
}
