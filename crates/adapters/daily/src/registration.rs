//! Asking Daily to post its notices to us (<https://docs.daily.co/reference/rest-api/webhooks>).

use restartix_kernel::ExposeSecret;
use restartix_video::ProviderError;
use serde::{Deserialize, Serialize};
use ureq::http::Method;

use crate::client::{Call, Repeat};
use crate::{CallError, Config, Daily};

/// What we listen to.
const EVENTS: [&str; 4] =
    ["participant.joined", "participant.left", "recording.ready-to-download", "recording.error"];

/// How a registration ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Registered {
    /// Daily posts to the address from now on.
    Now,
    /// It did already.
    Before,
}

/// The body of `POST /webhooks`.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Registration<'a> {
    url: &'a str,
    event_types: [&'static str; 4],
    /// What is not taken is sent again, and never is the whole webhook switched off for it.
    retry_type: &'static str,
    hmac: &'a str,
}

/// A webhook as Daily shows it.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Shown {
    uuid: Option<String>,
    url: String,
    #[serde(default)]
    event_types: Vec<String>,
    state: Option<String>,
}

impl Shown {
    fn serves(&self, url: &str) -> bool {
        let hears = |event: &str| self.event_types.iter().any(|known| known == event);
        self.url == url
            && self.state.as_deref() != Some("FAILED")
            && EVENTS.iter().all(|event| hears(event))
    }
}

impl Daily {
    /// Sees to it that Daily posts its notices to `url`, signed with the key of `config`. A webhook for
    /// this address that is switched off, or hears less, is made anew; others are let alone.
    ///
    /// Daily tries the address before it registers it: the server must be up.
    pub async fn register(&self, config: &Config, url: &str) -> Result<Registered, ProviderError> {
        let key = config
            .notice_key
            .as_ref()
            .ok_or_else(|| ProviderError::Refused("no key of notices is set".into()))?;
        let list = Call::new("list webhooks", Method::GET, "/webhooks".to_owned());
        let answer = self.client.send(&list).await?;
        let known: Vec<Shown> = list.read(&answer)?;
        let of_ours: Vec<_> = known.into_iter().filter(|shown| shown.url == url).collect();
        if of_ours.iter().any(|shown| shown.serves(url)) {
            return Ok(Registered::Before);
        }
        for id in of_ours.iter().filter_map(|shown| shown.uuid.as_deref()) {
            self.drop_webhook(id).await?;
        }
        let hmac = key.expose_secret();
        let (event_types, retry_type) = (EVENTS, "exponential");
        let body = Registration { url, event_types, retry_type, hmac };
        let call = Call::post("register webhook", "/webhooks".to_owned(), &body)?;
        // Nothing would tell a repeat from a first request.
        let call = Call { repeat: Repeat::OnlyUnsent, ..call };
        let answer = self.client.send(&call).await?;
        call.accept(&answer)?;
        Ok(Registered::Now)
    }

    async fn drop_webhook(&self, id: &str) -> Result<(), CallError> {
        let plain = |b: u8| b.is_ascii_alphanumeric() || b == b'-';
        if !id.bytes().all(plain) {
            return Err(CallError::Foreign { operation: "list webhooks" });
        }
        let call = Call::new("drop webhook", Method::DELETE, format!("/webhooks/{id}"));
        let answer = self.client.send(&call).await?;
        call.accept_or_missing(&answer)
    }
}
