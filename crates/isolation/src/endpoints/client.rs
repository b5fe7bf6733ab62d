//! HTTP to the stack, as whoever.

use std::sync::OnceLock;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

/// A request.
#[derive(Clone, Debug, Default)]
pub(super) struct Request {
    pub(super) method: String,
    /// With its query.
    pub(super) path: String,
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: Option<Value>,
    /// Bytes instead of a body in JSON.
    pub(super) bytes: Option<&'static [u8]>,
}

/// What came back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Answer {
    pub(super) status: u16,
    /// Sorted; without those that differ from request to request.
    pub(super) headers: Vec<(String, String)>,
    /// Without the request's id.
    pub(super) body: Value,
    pub(super) text: String,
    /// The request's id.
    pub(super) request: Option<String>,
}

impl Answer {
    /// What two answers must share to be indistinguishable.
    pub(super) fn shape(&self) -> (u16, &[(String, String)], &Value) {
        (self.status, &self.headers, &self.body)
    }
}

/// Headers that say when, which, and how much is left: they are each request's own.
const OWN: [&str; 5] =
    ["date", "x-request-id", "ratelimit-remaining", "x-ratelimit-remaining", "ratelimit-reset"];

/// One for all: connections are kept, so that times are those of the server.
static AGENT: OnceLock<ureq::Agent> = OnceLock::new();

fn agent() -> ureq::Agent {
    let config = ureq::Agent::config_builder()
        .proxy(None)
        .max_redirects(0)
        .http_status_as_error(false)
        // Sooner than whoever answers hangs up.
        .max_idle_age(Duration::from_secs(2))
        .timeout_global(Some(Duration::from_secs(15)));
    config.build().into()
}

/// Sends, as the bearer of `token`.
pub(super) fn send(base: &str, token: Option<&str>, request: &Request) -> Result<Answer> {
    let agent = AGENT.get_or_init(agent);
    let mut builder = ureq::http::Request::builder()
        .method(request.method.as_str())
        .uri(format!("{base}{}", request.path));
    if let Some(token) = token {
        builder = builder.header("authorization", format!("Bearer {token}"));
    }
    for (name, value) in &request.headers {
        builder = builder.header(name.as_str(), value.as_str());
    }
    let response = match (&request.body, request.bytes) {
        (_, Some(bytes)) => {
            agent.run(builder.header("content-type", "application/octet-stream").body(bytes)?)
        }
        (None, None) => agent.run(builder.body(())?),
        (Some(body), None) => {
            agent.run(builder.header("content-type", "application/json").body(body.to_string())?)
        }
    };
    let (parts, mut body) =
        response.with_context(|| format!("{} {}", request.method, request.path))?.into_parts();
    let text = body.read_to_string()?;
    let request = parts.headers.get("x-request-id").and_then(|id| id.to_str().ok());
    let request = request.map(str::to_owned);
    let mut headers: Vec<_> = parts
        .headers
        .iter()
        .filter(|(name, _)| !OWN.contains(&name.as_str()))
        .map(|(name, value)| {
            (name.to_string(), String::from_utf8_lossy(value.as_bytes()).into_owned())
        })
        .collect();
    headers.sort();
    let mut body: Value = serde_json::from_str(&text).unwrap_or_default();
    if let Value::Object(fields) = &mut body {
        fields.remove("request_id");
    }
    Ok(Answer { status: parts.status.as_u16(), headers, body, text, request })
}

/// What `base` answers to a GET without a token.
pub(crate) fn got(base: &str, path: &str) -> Result<String> {
    let request = Request { method: "GET".into(), path: path.to_owned(), ..Request::default() };
    let answer = send(base, None, &request)?;
    ensure!(answer.status == 200, "{base}{path}: {} {}", answer.status, answer.text);
    Ok(answer.text)
}

/// Every page of what a stand-in got, and the number of the last one: those after `after`.
pub(crate) fn pages(base: &str, what: &str, mut after: u64) -> Result<(Vec<Value>, u64)> {
    let mut all = Vec::new();
    loop {
        let text = got(base, &format!("/_sandbox/{what}after={after}"))?;
        let page: Value = serde_json::from_str(&text).context("a stand-in's answer")?;
        let listed = page.as_object().and_then(|page| page.values().find_map(Value::as_array));
        let listed = listed.cloned().unwrap_or_default();
        let number = |one: &Value| one.get("number").and_then(Value::as_u64);
        after = listed.iter().filter_map(number).max().unwrap_or(after);
        all.extend(listed);
        if page.get("next_after").and_then(Value::as_u64).is_none() {
            return Ok((all, after));
        }
    }
}
