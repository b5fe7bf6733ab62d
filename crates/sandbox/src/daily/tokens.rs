//! Meeting tokens (<https://docs.daily.co/reference/rest-api/meeting-tokens>): made by the API or
//! signed by the customer, and judged by the same function in both cases.

use chrono::{DateTime, Utc};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use restartix_kernel::ExposeSecret;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::answer::{Answer, Call, Refusal};
use super::join::Reason;
use super::properties::Kind;
use super::state::{Account, State};

/// Each property of a token, its claim in the JWT, and its type.
const PROPERTIES: &[(&str, &str, Kind)] = &[
    ("room_name", "r", Kind::Text(128)),
    ("user_id", "ud", Kind::Text(36)),
    ("user_name", "u", Kind::Text(256)),
    ("is_owner", "o", Kind::Flag),
    ("nbf", "nbf", Kind::Whole),
    ("exp", "exp", Kind::Whole),
    ("eject_at_token_exp", "ejt", Kind::Flag),
    ("eject_after_elapsed", "eje", Kind::Whole),
    ("knocking", "k", Kind::Flag),
    ("enable_screenshare", "ss", Kind::Flag),
    ("start_video_off", "vo", Kind::Flag),
    ("start_audio_off", "ao", Kind::Flag),
    ("enable_recording", "er", Kind::TextOrList),
    ("start_cloud_recording", "sr", Kind::Flag),
    ("enable_recording_ui", "erui", Kind::Flag),
    ("close_tab_on_exit", "ctoe", Kind::Flag),
    ("redirect_on_meeting_exit", "rome", Kind::Text(2048)),
    ("auto_start_transcription", "ast", Kind::Flag),
    ("lang", "uil", Kind::Text(16)),
    ("permissions", "p", Kind::Object),
];

/// The claims of a token whose signature, domain and types are right.
#[derive(Debug, PartialEq)]
pub(super) struct Claims(Map<String, Value>);

impl Claims {
    pub(super) fn text(&self, claim: &str) -> Option<&str> {
        self.0.get(claim).and_then(Value::as_str)
    }

    pub(super) fn flag(&self, claim: &str) -> bool {
        self.0.get(claim).and_then(Value::as_bool).unwrap_or(false)
    }

    /// A Unix time or a length, in seconds.
    pub(super) fn whole(&self, claim: &str) -> Option<i64> {
        self.0.get(claim).and_then(Value::as_i64)
    }

    /// Whether the token's own eject properties silence those of the room.
    pub(super) fn ejects(&self) -> bool {
        self.flag("ejt") || self.whole("eje").is_some()
    }

    /// Refuses a token that is not open yet, or is over.
    pub(super) fn check_times(&self, now: DateTime<Utc>) -> Result<(), Reason> {
        let now = now.timestamp();
        if self.whole("exp").is_some_and(|exp| now >= exp) {
            return Err(Reason::TokenExpired);
        }
        if self.whole("nbf").is_some_and(|nbf| now < nbf) {
            return Err(Reason::TokenNotYetValid);
        }
        Ok(())
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Request {
    #[serde(default)]
    properties: Map<String, Value>,
}

/// `POST /meeting-tokens`. Like Daily it does not ask whether the room exists.
pub(super) fn create(state: &mut State, call: &Call<'_>) -> Answer {
    let request: Request = call.parse()?;
    let mut claims = Map::new();
    for (name, value) in request.properties {
        let Some((_, claim, kind)) = PROPERTIES.iter().find(|(known, ..)| *known == name) else {
            return Err(Refusal::invalid(format!("unknown parameter '{name}'")));
        };
        kind.check(&name, &value)?;
        claims.insert((*claim).to_owned(), value);
    }
    claims.insert("d".to_owned(), json!(state.account.domain_id));
    claims.insert("iat".to_owned(), json!(call.now.timestamp()));
    let key = EncodingKey::from_secret(state.account.api_key.expose_secret().as_bytes());
    let token = jsonwebtoken::encode(&Header::new(Algorithm::HS256), &claims, &key)
        .map_err(|_| Refusal::new(500, "server-error", "the token could not be signed"))?;
    if !claims.contains_key("r") {
        state.tokens_for_all_rooms.insert(token.clone());
    }
    Ok(json!({ "token": token }))
}

/// `GET /meeting-tokens/{token}`: its properties, when it is valid now. `?ignoreNbf=true` does
/// not mind a token that is not open yet.
pub(super) fn validate(state: &State, call: &Call<'_>, token: &str) -> Answer {
    let ignore_nbf = call.query.get("ignoreNbf").is_some_and(|value| value == "true");
    let checked = check(state, token).and_then(|claims| match claims.check_times(call.now) {
        Err(Reason::TokenNotYetValid) if ignore_nbf => Ok(claims),
        Err(reason) => Err(reason),
        Ok(()) => Ok(claims),
    });
    let claims = checked.map_err(|reason| Refusal::invalid(reason.info()))?;
    let mut shown = Map::new();
    for (property, claim, _) in PROPERTIES {
        if let Some(value) = claims.0.get(*claim) {
            shown.insert((*property).to_owned(), value.clone());
        }
    }
    Ok(Value::Object(shown))
}

/// The one judgement of a token: HS256 with the API key, `iat`, `d` of this domain, `r` unless the
/// API itself made it for all rooms, every claim of its type. Times are
/// [`Claims::check_times`]: whether they matter is the caller's question.
pub(super) fn check(state: &State, token: &str) -> Result<Claims, Reason> {
    let claims = verify(&state.account, token)?;
    if !claims.get("iat").is_some_and(Value::is_u64) {
        return Err(Reason::TokenInvalid);
    }
    match claims.get("d").and_then(Value::as_str) {
        Some(domain) if domain == state.account.domain_id.to_string() => {}
        Some(_) => return Err(Reason::TokenOtherDomain),
        None => return Err(Reason::TokenInvalid),
    }
    if !claims.contains_key("r") && !state.tokens_for_all_rooms.contains(token) {
        return Err(Reason::TokenInvalid);
    }
    for (_, claim, kind) in PROPERTIES {
        if claims.get(*claim).is_some_and(|value| kind.check(claim, value).is_err()) {
            return Err(Reason::TokenInvalid);
        }
    }
    Ok(Claims(claims))
}

fn verify(account: &Account, token: &str) -> Result<Map<String, Value>, Reason> {
    let mut rules = Validation::new(Algorithm::HS256);
    // Times are judged on the injected clock, and Daily's tokens need not have an end.
    rules.required_spec_claims.clear();
    rules.validate_exp = false;
    rules.validate_nbf = false;
    rules.validate_aud = false;
    let key = DecodingKey::from_secret(account.api_key.expose_secret().as_bytes());
    jsonwebtoken::decode(token, &key, &rules)
        .map(|decoded| decoded.claims)
        .map_err(|_| Reason::TokenInvalid)
}

#[cfg(test)]
mod tests {
    use super::*;
    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;

    #[test]
    fn the_computed_vector_is_accepted() {
        let header = r#"{"alg":"HS256","typ":"JWT"}"#;
        let payload = r#"{"r":"rtx-0001","ud":"2d3f3a54-7c0e-4c1a-9a57-5d0f9b3f0001","o":false,"nbf":1767225000,"exp":1767229200,"ejt":true,"iat":1767224000,"d":"30f866c3-9123-452a-8723-ff58322d09c5"}"#;
        let token = format!(
            "{}.{}.lxbzgaMYRzhFT23X6wGLomgJlrQsYIp27z5_seLBFKk",
            URL_SAFE_NO_PAD.encode(header),
            URL_SAFE_NO_PAD.encode(payload)
        );
        let state = State::for_tests("test-api-key", "30f866c3-9123-452a-8723-ff58322d09c5");
        let claims = check(&state, &token).unwrap();
        assert_eq!(claims.text("r"), Some("rtx-0001"));
        assert!(claims.ejects());
        let at = |seconds| DateTime::from_timestamp(seconds, 0).unwrap();
        assert_eq!(claims.check_times(at(1_767_224_999)), Err(Reason::TokenNotYetValid));
        assert_eq!(claims.check_times(at(1_767_225_000)), Ok(()));
        assert_eq!(claims.check_times(at(1_767_229_199)), Ok(()));
        assert_eq!(claims.check_times(at(1_767_229_200)), Err(Reason::TokenExpired));
        let state = State::for_tests("test-api-key", "00000000-0000-4000-8000-000000000000");
        assert_eq!(check(&state, &token), Err(Reason::TokenOtherDomain));
        let state = State::for_tests("other-key", "30f866c3-9123-452a-8723-ff58322d09c5");
        assert_eq!(check(&state, &token), Err(Reason::TokenInvalid));
    }
}
