use actix_web::http::header;
use actix_web::web::Query as Pairs;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use restartix_kernel::{ApiClientId, Secret};
use restartix_tenancy::Scopes;

use super::{Input, Parts};
use crate::{Problem, Sketch};

/// A program that asks for a token (RFC 6749, section 4.4.2).
pub(crate) struct Asked {
    pub(crate) id: ApiClientId,
    pub(crate) secret: Secret,
    /// What for; `None`: for all that it may.
    pub(crate) scopes: Option<Scopes>,
}

/// What came to the token endpoint. Its refusals are OAuth's own (section 5.2).
pub(crate) enum TokenRequest {
    Asked(Asked),
    Refused(&'static str),
}

/// Form fields, each once.
struct Fields(Vec<(String, String)>);

impl Fields {
    fn of(body: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(body).ok()?;
        let pairs = Pairs::<Vec<(String, String)>>::from_query(text).ok()?.into_inner();
        let twice =
            |at: usize, name: &str| pairs.iter().skip(at + 1).any(|(other, _)| other == name);
        let unique = pairs.iter().enumerate().all(|(at, (name, _))| !twice(at, name));
        unique.then_some(Self(pairs))
    }

    fn one(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

/// Id and secret from `Authorization: Basic` (section 2.3.1), where there is one.
fn basic(request: &Parts<'_>) -> Option<(String, Secret)> {
    let header = request.request.headers().get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, text) = header.split_once(' ')?;
    let text =
        STANDARD.decode(text.trim()).ok().filter(|_| scheme.eq_ignore_ascii_case("basic"))?;
    let text = String::from_utf8(text).ok()?;
    let (id, secret) = text.split_once(':')?;
    Some((id.to_owned(), secret.into()))
}

impl Input for TokenRequest {
    const READS_BODY: bool = true;
    const TAKES_FORM: bool = true;

    fn parse(request: &Parts<'_>) -> Result<Self, Problem> {
        let Some(fields) = Fields::of(&request.body) else {
            return Ok(Self::Refused("invalid_request"));
        };
        match fields.one("grant_type") {
            Some("client_credentials") => {}
            Some(_) => return Ok(Self::Refused("unsupported_grant_type")),
            None => return Ok(Self::Refused("invalid_request")),
        }
        let in_body = fields.one("client_id").zip(fields.one("client_secret"));
        let in_body = in_body.map(|(id, secret)| (id.to_owned(), Secret::from(secret)));
        let (id, secret) = match (basic(request), in_body) {
            (Some(shown), None) | (None, Some(shown)) => shown,
            // One way at a time (section 2.3).
            (Some(_), Some(_)) => return Ok(Self::Refused("invalid_request")),
            (None, None) => return Ok(Self::Refused("invalid_client")),
        };
        let Ok(id) = id.parse() else { return Ok(Self::Refused("invalid_client")) };
        let scopes = fields.one("scope").map(|names| Scopes::parse(names.split(' '))).transpose();
        let Ok(scopes) = scopes else { return Ok(Self::Refused("invalid_scope")) };
        Ok(Self::Asked(Asked { id, secret, scopes }))
    }

    fn describe(sketch: &mut Sketch) {
        sketch.takes_form();
    }
}
