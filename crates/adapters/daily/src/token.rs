//! Meeting tokens signed here (<https://docs.daily.co/guides/privacy-and-security/meeting-tokens>):
//! no call, and no limit or outage of Daily's.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, Utc};
use hmac::{Hmac, KeyInit, Mac};
use restartix_kernel::{ExposeSecret, Secret};
use restartix_video::{Grant, Room, TokenTerms};
use serde::Serialize;
use sha2::Sha256;
use uuid::Uuid;

use crate::{CallError, ConfigError};

/// base64url of `{"alg":"HS256","typ":"JWT"}` (RFC 7515).
const HEADER: &str = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9";

/// Signs tokens of one Daily domain.
pub(crate) struct Signer {
    /// Keyed once, cloned for each token.
    mac: Hmac<Sha256>,
    domain_id: Uuid,
}

/// Daily's names of a token's claims, in the order in which they are written.
#[derive(Serialize)]
struct Claims<'a> {
    /// The room: without it the token would open every room of the domain.
    r: &'a str,
    /// The user: a UUID, never a name, because whoever holds the token can read it.
    ud: Uuid,
    /// Whether they own the meeting.
    o: bool,
    nbf: i64,
    exp: i64,
    /// Out at the token's end. A token with this silences the room's own ejection.
    ejt: bool,
    iat: i64,
    d: Uuid,
    /// Recording controls; absent: as the room allows.
    #[serde(skip_serializing_if = "Option::is_none")]
    erui: Option<bool>,
}

/// What a token is to say of recording controls: patients have none.
pub(crate) const fn recording_controls(grant: Grant) -> Option<bool> {
    match grant {
        Grant::Owner => None,
        Grant::Participant => Some(false),
    }
}

impl Signer {
    pub(crate) fn new(api_key: &Secret, domain_id: Uuid) -> Result<Self, ConfigError> {
        let mac = Hmac::new_from_slice(api_key.expose_secret().as_bytes())
            .map_err(|_| ConfigError::ApiKey)?;
        Ok(Self { mac, domain_id })
    }

    /// A token for `room` alone, from its opening to its end.
    pub(crate) fn token(
        &self,
        room: &Room,
        terms: &TokenTerms,
        now: DateTime<Utc>,
    ) -> Result<Secret, CallError> {
        self.sign(&Claims {
            r: room.name.as_str(),
            ud: terms.person.as_uuid(),
            o: terms.grant == Grant::Owner,
            nbf: room.window.opens_at.timestamp(),
            exp: room.window.closes_at.timestamp(),
            ejt: true,
            iat: now.timestamp(),
            d: self.domain_id,
            erui: recording_controls(terms.grant),
        })
    }

    fn sign(&self, claims: &Claims<'_>) -> Result<Secret, CallError> {
        let claims = serde_json::to_vec(claims).map_err(CallError::internal)?;
        let mut token = String::with_capacity(512);
        token.push_str(HEADER);
        token.push('.');
        URL_SAFE_NO_PAD.encode_string(claims, &mut token);
        let mut mac = self.mac.clone();
        mac.update(token.as_bytes());
        token.push('.');
        URL_SAFE_NO_PAD.encode_string(mac.finalize().into_bytes(), &mut token);
        Ok(token.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use restartix_kernel::{PersonId, SeededRandom};
    use restartix_video::{RoomName, Window};

    const DOMAIN: &str = "30f866c3-9123-452a-8723-ff58322d09c5";

    fn signer() -> Signer {
        Signer::new(&"test-api-key".into(), DOMAIN.parse().unwrap()).unwrap()
    }

    #[test]
    fn the_computed_vector_is_reproduced_byte_for_byte() {
        let claims = Claims {
            r: "rtx-0001",
            ud: "2d3f3a54-7c0e-4c1a-9a57-5d0f9b3f0001".parse().unwrap(),
            o: false,
            nbf: 1_767_225_000,
            exp: 1_767_229_200,
            ejt: true,
            iat: 1_767_224_000,
            d: DOMAIN.parse().unwrap(),
            erui: None,
        };
        let payload = r#"{"r":"rtx-0001","ud":"2d3f3a54-7c0e-4c1a-9a57-5d0f9b3f0001","o":false,"nbf":1767225000,"exp":1767229200,"ejt":true,"iat":1767224000,"d":"30f866c3-9123-452a-8723-ff58322d09c5"}"#;
        let expected = format!(
            "{}.{}.lxbzgaMYRzhFT23X6wGLomgJlrQsYIp27z5_seLBFKk",
            URL_SAFE_NO_PAD.encode(r#"{"alg":"HS256","typ":"JWT"}"#),
            URL_SAFE_NO_PAD.encode(payload),
        );
        assert_eq!(signer().sign(&claims).unwrap().expose_secret(), expected);
    }

    #[test]
    fn a_token_names_a_person_by_id_alone_and_only_the_specialist_owns_the_meeting() {
        let at = |seconds| DateTime::from_timestamp(seconds, 0).unwrap();
        let room = Room {
            name: RoomName::new("restartix-1-102").unwrap(),
            naming: restartix_video::RoomNaming::Deterministic,
            url: "https://x.example/restartix-1-102".to_owned(),
            window: Window { opens_at: at(1_000), closes_at: at(9_000) },
            recorded: false,
        };
        let person = PersonId::fresh(&SeededRandom::new(1));
        let claims = |grant| {
            let token = signer().token(&room, &TokenTerms { person, grant }, at(500)).unwrap();
            let payload = token.expose_secret().split('.').nth(1).unwrap().to_owned();
            String::from_utf8(URL_SAFE_NO_PAD.decode(payload).unwrap()).unwrap()
        };
        let rest = format!(r#""nbf":1000,"exp":9000,"ejt":true,"iat":500,"d":"{DOMAIN}""#);
        let owner = format!(r#"{{"r":"restartix-1-102","ud":"{person}","o":true,{rest}}}"#);
        let patient =
            format!(r#"{{"r":"restartix-1-102","ud":"{person}","o":false,{rest},"erui":false}}"#);
        assert_eq!(claims(Grant::Owner), owner);
        assert_eq!(claims(Grant::Participant), patient);
    }
}
