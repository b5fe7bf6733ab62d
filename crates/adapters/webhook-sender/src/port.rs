//! The domain's port, over what this crate does.

use async_trait::async_trait;
use hyper::body::Bytes;
use restartix_tenancy::Tenant;
use restartix_webhooks::{Attempt, Dispatch, FailureCode, UrlRefused, WebhookSender};

use crate::{Answer, Failure, GuardedSender};

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
