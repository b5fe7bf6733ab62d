use std::sync::Arc;

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use restartix_kernel::{Clock, ExposeSecret};
use rusoto_core::credential::{AwsCredentials, ProvideAwsCredentials};
use tokio::sync::Mutex;

use super::{CredentialSource, Credentials, CredentialsError};
use crate::http::Http;

/// How long before their end credentials are renewed: longer than any URL that they sign lives,
/// because a URL dies with the credentials that signed it.
const AHEAD: TimeDelta = TimeDelta::minutes(16);
/// How close to their end credentials are used when no newer ones can be had.
const LAST: TimeDelta = TimeDelta::seconds(30);
/// How old credentials without an end may be that somebody else may change.
const OLDEST: TimeDelta = TimeDelta::minutes(15);
/// How long nobody asks after a failure.
const PAUSE: TimeDelta = TimeDelta::seconds(1);

/// Credentials, fetched when they are needed and kept until shortly before they expire. One
/// fetch at a time; those who come meanwhile wait for it.
#[derive(Clone)]
pub(crate) struct CredentialCache {
    source: CredentialSource,
    http: Arc<Http>,
    clock: Arc<dyn Clock>,
    kept: Arc<Mutex<Kept>>,
}

#[derive(Default)]
struct Kept {
    credentials: Option<(Credentials, DateTime<Utc>)>,
    failed_at: Option<DateTime<Utc>>,
}

impl CredentialCache {
    pub(crate) fn new(source: CredentialSource, http: Arc<Http>, clock: Arc<dyn Clock>) -> Self {
        Self { source, http, clock, kept: Arc::default() }
    }

    /// Credentials that are good now.
    pub(crate) async fn get(&self) -> Result<Credentials, CredentialsError> {
        if let CredentialSource::Fixed(credentials) = &self.source {
            return Ok(credentials.clone());
        }
        let mut kept = self.kept.lock().await;
        let now = self.clock.now();
        if let Some((credentials, since)) = &kept.credentials
            && self.is_fresh(credentials, *since, now)
        {
            return Ok(credentials.clone());
        }
        let usable = |kept: &Kept| {
            let (credentials, _) = kept.credentials.as_ref()?;
            lasts(credentials, now, LAST).then(|| credentials.clone())
        };
        if kept.failed_at.is_some_and(|at| (now - at).abs() < PAUSE) {
            return usable(&kept).ok_or(CredentialsError::Recent);
        }
        match self.source.fetch(&self.http).await {
            Ok(credentials) if lasts(&credentials, now, LAST) => {
                *kept = Kept { credentials: Some((credentials.clone(), now)), failed_at: None };
                Ok(credentials)
            }
            fetched => {
                let error = fetched.err().unwrap_or(CredentialsError::Expired);
                kept.failed_at = Some(now);
                let Some(credentials) = usable(&kept) else { return Err(error) };
                let error: &dyn std::error::Error = &error;
                tracing::warn!(error, "the credentials for S3 could not be renewed yet");
                Ok(credentials)
            }
        }
    }

    fn is_fresh(
        &self,
        credentials: &Credentials,
        since: DateTime<Utc>,
        now: DateTime<Utc>,
    ) -> bool {
        match credentials.expires_at {
            Some(_) => lasts(credentials, now, AHEAD),
            None => !self.source.may_change() || (now - since).abs() < OLDEST,
        }
    }
}

/// Whether they are good for `more` than until now.
fn lasts(credentials: &Credentials, now: DateTime<Utc>, more: TimeDelta) -> bool {
    credentials.expires_at.is_none_or(|end| end - now > more)
}

/// What rusoto asks for credentials. Its own provider for instances speaks IMDSv1.
#[async_trait]
impl ProvideAwsCredentials for CredentialCache {
    async fn credentials(
        &self,
    ) -> Result<AwsCredentials, rusoto_core::credential::CredentialsError> {
        let got = self.get().await;
        let got = got.map_err(rusoto_core::credential::CredentialsError::new)?;
        let token = got.session_token.as_ref().map(|token| token.expose_secret().to_owned());
        let secret = got.secret_access_key.expose_secret();
        Ok(AwsCredentials::new(got.access_key_id, secret, token, got.expires_at))
    }
}
