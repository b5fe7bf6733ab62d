//! `Idempotency-Key`: what makes something is done once for each key, and answered alike.
//!
//! Every route for members that makes something has it by its output; no handler knows of it.

use actix_web::HttpRequest;
use actix_web::http::StatusCode;
use actix_web::http::header::{HeaderName, HeaderValue};
use restartix_kernel::PersonId;
use restartix_telemetry::Operation;
use restartix_workflows::{AnswerKey, Claimed, Print};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::input::Incoming;
use crate::route::Endpoint;
use crate::{Kind, Member, Problem, Rendered, Sketch};

const KEY: HeaderName = HeaderName::from_static("idempotency-key");
/// Says of an answer that it was given before.
const REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");
/// The longest key, in bytes.
const LONGEST: usize = 255;

/// In the documentation of an operation.
pub(crate) fn describe(sketch: &mut Sketch) {
    sketch.header(
        "Idempotency-Key",
        "1 to 255 visible ASCII characters, new for each thing to be made. For 24 hours the same \
         request under it is answered as the first time, and nothing is made again; what is shown \
         once is left out. Another request under it: 422 `idempotency_mismatch`.",
    );
    sketch.refuses(StatusCode::UNPROCESSABLE_ENTITY);
}

/// The key that the client named, if it did.
pub(crate) fn key(
    request: &HttpRequest,
    operation: Operation,
) -> Result<Option<AnswerKey>, Problem> {
    let mut named = request.headers().get_all(&KEY);
    let Some(value) = named.next() else { return Ok(None) };
    let text = value.to_str().ok().filter(|text| {
        (1..=LONGEST).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_graphic())
    });
    match (text, named.next()) {
        (Some(text), None) => Ok(Some(AnswerKey::new(operation, text))),
        (None, _) => Err(Problem::parameter("Idempotency-Key", "invalid")),
        (_, Some(_)) => Err(Problem::parameter("Idempotency-Key", "repeated")),
    }
}

/// Lets `handler` do what is asked for, unless that was done under `key` before.
pub(crate) async fn serve(
    member: Member<'_>,
    key: AnswerKey,
    handler: &dyn for<'a> Endpoint<Member<'a>>,
    mut incoming: Incoming<'_>,
) -> Result<Rendered, Problem> {
    let Member { api, tenant, act } = member;
    let print = print(incoming.request, &incoming.read_ahead().await?);
    let errand = match api.once.claim(tenant, key, print).await? {
        Claimed::Again(answer) => return repeat(&answer),
        Claimed::First(errand) => errand,
    };
    let own = api.at(&errand.desk());
    match handler.call(Member { api: &own, tenant, act }, incoming).await {
        Ok(rendered) => {
            errand.keep(tenant, &kept(&rendered)?).await?;
            Ok(rendered)
        }
        Err(problem) => {
            errand.abandon().await;
            Err(problem)
        }
    }
}

/// What must be the same for a request to be the same: path, query and body.
fn print(request: &HttpRequest, body: &[u8]) -> Print {
    let uri = request.uri();
    let path = uri.path_and_query().map_or(uri.path(), |path| path.as_str());
    // A path holds no NUL.
    Sha256::new().chain_update(path).chain_update([0]).chain_update(body).finalize().into()
}

/// An answer as it is kept.
#[derive(Serialize, Deserialize)]
struct Kept {
    status: u16,
    headers: Vec<(String, String)>,
    body: String,
    resource: Option<String>,
    patients: Vec<String>,
}

fn kept(rendered: &Rendered) -> Result<Vec<u8>, Problem> {
    let body = rendered.again.as_ref().or_else(|| rendered.body.whole());
    let body = body.ok_or_else(|| unreadable("what is streamed makes nothing"))?;
    let text = |value: &HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    let kept = Kept {
        status: rendered.status.as_u16(),
        headers: rendered.headers.iter().map(|(name, v)| (name.to_string(), text(v))).collect(),
        body: String::from_utf8_lossy(body).into_owned(),
        resource: rendered.resource.clone(),
        patients: rendered.patients.iter().map(ToString::to_string).collect(),
    };
    serde_json::to_vec(&kept).map_err(unreadable)
}

fn repeat(answer: &[u8]) -> Result<Rendered, Problem> {
    let kept: Kept = serde_json::from_slice(answer).map_err(unreadable)?;
    let mut rendered =
        Rendered::new(StatusCode::from_u16(kept.status).map_err(unreadable)?, kept.body);
    for (name, value) in kept.headers {
        let name = name.parse::<HeaderName>().map_err(unreadable)?;
        rendered.headers.push((name, value.parse::<HeaderValue>().map_err(unreadable)?));
    }
    rendered.headers.push((REPLAYED, HeaderValue::from_static("true")));
    rendered.resource = kept.resource;
    for patient in kept.patients {
        rendered.patients.insert(patient.parse::<PersonId>().map_err(unreadable)?);
    }
    rendered.repeats = true;
    Ok(rendered)
}

fn unreadable(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Problem {
    Problem::from(Kind::INTERNAL).because(error)
}
