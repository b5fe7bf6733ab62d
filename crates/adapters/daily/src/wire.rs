//! What goes over the wire: built strictly, read leniently.

use restartix_tenancy::Region;
use restartix_video::{RoomName, RoomTerms};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use ureq::http::Uri;

use crate::CallError;

/// Daily's own limit of a room that sets none; a room's `config` does not echo it.
const DEFAULT_MAX_PARTICIPANTS: u64 = 200;

/// The body of `POST /rooms` and, without a name, of `POST /rooms/{name}`.
#[derive(Serialize)]
pub(crate) struct RoomRequest<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
    /// Always said: Daily's default is `public`.
    privacy: &'static str,
    properties: Properties<'a>,
}

#[derive(Serialize)]
struct Properties<'a> {
    nbf: i64,
    exp: i64,
    max_participants: u16,
    eject_at_room_exp: bool,
    enforce_unique_user_ids: bool,
    /// `null` returns it to Daily's default, which is not to record.
    enable_recording: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    geo: Option<&'a str>,
}

/// Recorded by Daily's servers, and not in anybody's browser.
const IN_THE_CLOUD: &str = "cloud";

impl<'a> RoomRequest<'a> {
    pub(crate) fn new(
        name: Option<&'a RoomName>,
        terms: &'a RoomTerms,
        usual: Option<&'a Region>,
    ) -> Self {
        Self {
            name: name.map(RoomName::as_str),
            privacy: "private",
            properties: Properties {
                nbf: terms.window.opens_at.timestamp(),
                exp: terms.window.closes_at.timestamp(),
                max_participants: terms.max_participants,
                eject_at_room_exp: true,
                enforce_unique_user_ids: true,
                enable_recording: terms.recorded.then_some(IN_THE_CLOUD),
                geo: terms.region.as_ref().or(usual).map(Region::as_str),
            },
        }
    }
}

/// A room as Daily shows it. `config` holds only what differs from Daily's defaults.
#[derive(Deserialize)]
pub(crate) struct RoomAnswer {
    name: String,
    url: String,
    privacy: Option<String>,
    config: Option<RoomConfig>,
}

#[derive(Default, Deserialize)]
struct RoomConfig {
    nbf: Option<i64>,
    exp: Option<i64>,
    max_participants: Option<u64>,
    eject_at_room_exp: Option<bool>,
    enforce_unique_user_ids: Option<bool>,
    enable_recording: Option<Value>,
}

impl RoomAnswer {
    /// Whether the room keeps what a patient relies on: nobody enters without a token, and it is
    /// open exactly when it was asked to be.
    pub(crate) fn is_safe(&self, terms: &RoomTerms) -> bool {
        let times = self.config.as_ref().map(|config| (config.nbf, config.exp));
        let asked = (terms.window.opens_at.timestamp(), terms.window.closes_at.timestamp());
        self.privacy.as_deref() == Some("private") && times == Some((Some(asked.0), Some(asked.1)))
    }

    /// Whether the room is in everything as `terms` ask.
    pub(crate) fn agrees(&self, terms: &RoomTerms) -> bool {
        self.is_safe(terms)
            && self.config.as_ref().is_some_and(|config| {
                config.max_participants.unwrap_or(DEFAULT_MAX_PARTICIPANTS)
                    == u64::from(terms.max_participants)
                    && config.eject_at_room_exp == Some(true)
                    && config.enforce_unique_user_ids == Some(true)
                    && config.records() == terms.recorded
            })
    }

    /// The room's name and URL, when they are ones. The URL has no query: the token's will follow.
    pub(crate) fn place(self) -> Result<(RoomName, String), CallError> {
        let name = RoomName::new(&self.name).map_err(|_| CallError::Room)?;
        let uri: Uri = self.url.parse().map_err(|_| CallError::Room)?;
        let web = matches!(uri.scheme_str(), Some("http" | "https"));
        if !web || uri.host().is_none() || self.url.contains(['?', '#', '@']) {
            return Err(CallError::Room);
        }
        Ok((name, self.url))
    }
}

impl RoomConfig {
    /// Whether anybody can record there: Daily's default is nobody.
    fn records(&self) -> bool {
        self.enable_recording.as_ref().is_some_and(|how| !how.is_null())
    }
}

/// The body of a 404 for a room: `deleted` when it had expired and is being cleared away.
#[derive(Default, Deserialize)]
pub(crate) struct MissingRoom {
    pub(crate) deleted: Option<bool>,
}

/// The body of `POST /rooms/{name}/eject`.
#[derive(Serialize)]
pub(crate) struct Ejection {
    pub(crate) user_ids: Vec<String>,
    /// Out for as long as the meeting goes on.
    pub(crate) ban: bool,
}

/// The body of `POST /meeting-tokens`.
#[derive(Serialize)]
pub(crate) struct TokenRequest<'a> {
    pub(crate) properties: TokenProperties<'a>,
}

/// What a token is to say. Without `room_name` it would open every room, without `exp` for ever.
#[derive(Serialize)]
pub(crate) struct TokenProperties<'a> {
    pub(crate) room_name: &'a str,
    pub(crate) user_id: &'a str,
    pub(crate) is_owner: bool,
    pub(crate) nbf: i64,
    pub(crate) exp: i64,
    pub(crate) eject_at_token_exp: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) enable_recording_ui: Option<bool>,
}

/// The answer of `POST /meeting-tokens`.
#[derive(Deserialize)]
pub(crate) struct TokenAnswer {
    pub(crate) token: String,
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::DateTime;
    use restartix_video::Window;

    fn terms() -> RoomTerms {
        let at = |seconds| DateTime::from_timestamp(seconds, 0).unwrap();
        let window = Window { opens_at: at(1_767_225_000), closes_at: at(1_767_229_200) };
        RoomTerms { window, max_participants: 4, recorded: false, region: None }
    }

    #[test]
    fn a_room_is_asked_for_in_exactly_these_words() {
        let name = RoomName::new("restartix-1-102").unwrap();
        let (terms, usual) = (terms(), Region::new("eu-x").unwrap());
        let body = serde_json::to_string(&RoomRequest::new(Some(&name), &terms, Some(&usual)));
        assert_eq!(
            body.unwrap(),
            r#"{"name":"restartix-1-102","privacy":"private","properties":{"nbf":1767225000,"exp":1767229200,"max_participants":4,"eject_at_room_exp":true,"enforce_unique_user_ids":true,"enable_recording":null,"geo":"eu-x"}}"#
        );
        let region = Some(Region::new("us-y").unwrap());
        let recorded = RoomTerms { recorded: true, region, ..terms };
        let body = serde_json::to_string(&RoomRequest::new(Some(&name), &recorded, Some(&usual)));
        let body = body.unwrap();
        assert!(body.contains(r#""enable_recording":"cloud""#), "{body}");
        assert!(body.contains(r#""geo":"us-y""#), "an organisation's own comes first: {body}");
    }

    fn answer(text: &str) -> RoomAnswer {
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn unknown_fields_are_fine_and_a_public_or_endless_room_is_not() {
        let safe = answer(
            r#"{"id":"1","name":"r","privacy":"private","url":"https://a.daily.co/r","new":{},
                "config":{"nbf":1767225000,"exp":1767229200,"eject_at_room_exp":true,"x":[1]}}"#,
        );
        assert!(safe.is_safe(&terms()));
        assert!(!safe.agrees(&terms()), "200 seats are not 4");
        assert_eq!(safe.place().unwrap().1, "https://a.daily.co/r");
        for bad in [
            r#"{"name":"r","privacy":"public","url":"u","config":{"nbf":1767225000,"exp":1767229200}}"#,
            r#"{"name":"r","url":"u","config":{"nbf":1767225000,"exp":1767229200}}"#,
            r#"{"name":"r","privacy":"private","url":"u","config":{}}"#,
            r#"{"name":"r","privacy":"private","url":"u","config":null}"#,
        ] {
            assert!(!answer(bad).is_safe(&terms()), "{bad}");
        }
    }

    #[test]
    fn what_is_no_name_or_url_names_no_room() {
        for bad in [
            r#"{"name":"","url":"https://a.daily.co/r"}"#,
            r#"{"name":"a/b","url":"https://a.daily.co/r"}"#,
            r#"{"name":"r","url":"javascript:alert(1)"}"#,
            r#"{"name":"r","url":"https://a.daily.co/r?x=1"}"#,
        ] {
            assert!(matches!(answer(bad).place(), Err(CallError::Room)), "{bad}");
        }
    }
}
