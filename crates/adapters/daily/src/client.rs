use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use restartix_kernel::{Clock, Random, RandomExt};
use restartix_video::Reel;
use serde::Serialize;
use serde::de::DeserializeOwned;
use ureq::http::Method;

use crate::breaker::Breaker;
use crate::error::is_passing;
use crate::lane::{Lane, Pace};
use crate::transport::{Answer, Transport, is_unsent};
use crate::{CallError, Config, ConfigError, Health};

/// General requests: 15 a second, where Daily allows 20 and counts, as the stand-in does, those of the
/// other classes among them.
const fn general(seats: usize) -> Pace {
    Pace { seats, spacing: TimeDelta::milliseconds(66), a_second: 15 }
}

/// Room deletions, and lists of recordings: 2 a second each. Two seats suffice for that, and those that
/// wait for their turn must not sit on the seats of others.
const SLOW: Pace = Pace { seats: 2, spacing: TimeDelta::milliseconds(600), a_second: 2 };

/// Starts of recordings: 1 a second.
const RECORDING: Pace = Pace { seats: 2, spacing: TimeDelta::milliseconds(1_200), a_second: 1 };

/// The first pause before a repeat; it doubles with each further one.
const FIRST_PAUSE: Duration = Duration::from_millis(250);

/// The longest pause that we choose ourselves.
const LONGEST_PAUSE: Duration = Duration::from_secs(8);

/// One request.
pub(crate) struct Call {
    /// What it is called in logs and errors: no path, because a path holds a room's name.
    pub(crate) operation: &'static str,
    pub(crate) method: Method,
    pub(crate) path: String,
    pub(crate) body: Option<Vec<u8>>,
    pub(crate) repeat: Repeat,
    pub(crate) class: Class,
}

/// The endpoints that share one of Daily's budgets
/// (<https://docs.daily.co/reference/rest-api#rate-limits>).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Class {
    /// All but these.
    General,
    /// The deletion of rooms.
    RoomDeletion,
    /// Lists of recordings.
    RecordingList,
    /// The start of a recording.
    RecordingStart,
}

/// When a request that failed may be sent again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Repeat {
    /// Always: done twice is done once.
    Freely,
    /// When Daily has certainly not acted on it.
    OnlyUnsent,
}

/// Calls within Daily's limits and our own, repeated where that may help.
pub(crate) struct Client {
    transport: Transport,
    general: Lane,
    room_deletion: Lane,
    recording_list: Lane,
    recording_start: Lane,
    breaker: Breaker,
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
    attempts: u8,
    longest: TimeDelta,
}

struct Failure {
    error: CallError,
    pause: Option<Duration>,
    may_repeat: bool,
}

impl Call {
    pub(crate) fn new(operation: &'static str, method: Method, path: String) -> Self {
        let (body, repeat, class) = (None, Repeat::Freely, Class::General);
        Self { operation, method, path, body, repeat, class }
    }

    /// The same call within another budget.
    pub(crate) fn within(self, class: Class) -> Self {
        Self { class, ..self }
    }

    pub(crate) fn post(
        operation: &'static str,
        path: String,
        body: &impl Serialize,
    ) -> Result<Self, CallError> {
        let body = serde_json::to_vec(body).map_err(CallError::internal)?;
        Ok(Self { body: Some(body), ..Self::new(operation, Method::POST, path) })
    }

    /// Whether the answer is a 2xx; any other is an error.
    pub(crate) fn accept(&self, answer: &Answer) -> Result<(), CallError> {
        let Answer { status, .. } = *answer;
        let refused = CallError::Status { operation: self.operation, status };
        if (200..300).contains(&status) { Ok(()) } else { Err(refused) }
    }

    /// As [`Call::accept`], where a 404 means that there is nothing left to do.
    pub(crate) fn accept_or_missing(&self, answer: &Answer) -> Result<(), CallError> {
        if answer.status == 404 { Ok(()) } else { self.accept(answer) }
    }

    /// What a 2xx answer says; any other is an error.
    pub(crate) fn read<T: DeserializeOwned>(&self, answer: &Answer) -> Result<T, CallError> {
        self.accept(answer)?;
        serde_json::from_slice(&answer.body)
            .map_err(|source| CallError::Answer { operation: self.operation, source })
    }
}

impl Client {
    pub(crate) fn new(
        config: &Config,
        base: String,
        clock: Arc<dyn Clock>,
        random: Arc<dyn Random>,
    ) -> Result<Self, ConfigError> {
        let longest =
            TimeDelta::from_std(config.timeouts.call).map_err(|_| ConfigError::Timeouts)?;
        Ok(Self {
            transport: Transport::new(config, base)?,
            general: Lane::new(general(usize::from(config.concurrency))),
            room_deletion: Lane::new(SLOW),
            recording_list: Lane::new(SLOW),
            recording_start: Lane::new(RECORDING),
            breaker: Breaker::new(),
            clock,
            random,
            attempts: config.attempts,
            longest,
        })
    }

    /// The bytes behind a link that Daily gave out, as they come; `None` when there are none.
    pub(crate) async fn download(&self, link: &str) -> Result<Option<Reel>, CallError> {
        self.transport.download(link).await
    }

    pub(crate) fn health(&self) -> Health {
        self.breaker.health()
    }

    /// The answer to `call`, of whatever status that another attempt would not change.
    pub(crate) async fn send(&self, call: &Call) -> Result<Answer, CallError> {
        let deadline = self.deadline();
        let mut attempt: u8 = 1;
        loop {
            let Failure { error, pause, may_repeat } = match self.attempt(call, deadline).await {
                Ok(answer) => return Ok(answer),
                Err(failure) => failure,
            };
            let pause = pause.unwrap_or_default().max(self.backoff(attempt));
            if !may_repeat || attempt >= self.attempts || self.after(pause) > deadline {
                tracing::warn!(operation = call.operation, attempt, %error, "Daily failed");
                return Err(error);
            }
            tracing::debug!(operation = call.operation, attempt, %error, "Daily is asked again");
            self.clock.sleep(pause).await;
            attempt = attempt.saturating_add(1);
        }
    }

    /// One attempt, whatever the last ones told: how Daily's return is noticed when nothing else
    /// is asked of it.
    pub(crate) async fn probe(&self, call: &Call) -> Result<Answer, CallError> {
        let seat = self.general.enter(&self.clock, self.deadline()).await?;
        let sent = self.transport.exchange(call.method.clone(), &call.path, None, seat).await;
        self.judge(call, sent).map_err(|failure| failure.error)
    }

    async fn attempt(&self, call: &Call, deadline: DateTime<Utc>) -> Result<Answer, Failure> {
        let final_one = |error| Failure { error, pause: None, may_repeat: false };
        let lane = self.lane(call);
        let seat = lane.enter(&self.clock, deadline).await.map_err(final_one)?;
        if !self.breaker.admits(self.clock.now()) {
            return Err(final_one(CallError::Open));
        }
        let (method, body) = (call.method.clone(), call.body.clone());
        let sent = self.transport.exchange(method, &call.path, body, seat).await;
        self.judge(call, sent)
    }

    /// Writes down how an attempt went, and tells whether another one may help.
    fn judge(&self, call: &Call, sent: Result<Answer, CallError>) -> Result<Answer, Failure> {
        let now = self.clock.now();
        let answer = match sent {
            Ok(answer) => answer,
            Err(error) => {
                self.breaker.failed(now);
                let unsent = matches!(&error, CallError::Transport(cause) if is_unsent(cause));
                let may_repeat = unsent || call.repeat == Repeat::Freely;
                return Err(Failure { error, pause: None, may_repeat });
            }
        };
        let Answer { status, retry_after, .. } = answer;
        match status {
            429 => {
                self.breaker.throttled();
                // One request too many means that all of them come too fast.
                self.lane(call).pause(now, retry_after.unwrap_or(FIRST_PAUSE));
            }
            401 | 500.. => self.breaker.failed(now),
            _ => self.breaker.succeeded(),
        }
        if !is_passing(status) {
            return Ok(answer);
        }
        let may_repeat = status == 429 || call.repeat == Repeat::Freely;
        let error = CallError::Status { operation: call.operation, status };
        Err(Failure { error, pause: retry_after, may_repeat })
    }

    fn lane(&self, call: &Call) -> &Lane {
        match call.class {
            Class::General => &self.general,
            Class::RoomDeletion => &self.room_deletion,
            Class::RecordingList => &self.recording_list,
            Class::RecordingStart => &self.recording_start,
        }
    }

    /// Between half of the pause and all of it, so that those who failed together do not come
    /// back together.
    fn backoff(&self, attempt: u8) -> Duration {
        let doubled = 2_u32.saturating_pow(u32::from(attempt.saturating_sub(1)));
        let pause = FIRST_PAUSE.saturating_mul(doubled).min(LONGEST_PAUSE);
        let half = pause / 2;
        let spread = u32::try_from(half.as_millis()).unwrap_or(u32::MAX);
        half.saturating_add(Duration::from_millis(self.random.below(spread).into()))
    }

    fn deadline(&self) -> DateTime<Utc> {
        self.clock.now().checked_add_signed(self.longest).unwrap_or(DateTime::<Utc>::MAX_UTC)
    }

    fn after(&self, pause: Duration) -> DateTime<Utc> {
        let pause = TimeDelta::from_std(pause).unwrap_or(TimeDelta::MAX);
        self.clock.now().checked_add_signed(pause).unwrap_or(DateTime::<Utc>::MAX_UTC)
    }
}
