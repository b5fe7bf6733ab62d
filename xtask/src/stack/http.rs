//! HTTP to the programs that we started, on loopback.

use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::Value;
use ureq::http::request::Builder;
use ureq::http::{Request, Response};
use ureq::{Agent, Body};

/// What came back.
pub(crate) struct Answer {
    pub(crate) status: u16,
    headers: ureq::http::HeaderMap,
    pub(crate) bytes: Vec<u8>,
    /// The body as text; what is no UTF-8 shows as U+FFFD.
    pub(crate) text: String,
    /// The body where it is JSON, else null.
    pub(crate) json: Value,
}

impl Answer {
    /// A header's text.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// A value of the body, by JSON pointer (RFC 6901).
    pub(crate) fn at(&self, pointer: &str) -> Result<&Value> {
        self.json
            .pointer(pointer)
            .with_context(|| format!("the answer has no {pointer}: {}", self.text))
    }

    /// A value of the body as it stands in a path: a string without its quotes, a number.
    pub(crate) fn word(&self, pointer: &str) -> Result<String> {
        Ok(word(self.at(pointer)?))
    }

    /// The stable code of a problem.
    pub(crate) fn code(&self) -> Option<&str> {
        self.json.get("code").and_then(Value::as_str)
    }
}

/// A JSON value as it stands in a path or query.
pub(crate) fn word(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// A client of one server, as one user or as nobody.
#[derive(Clone)]
pub(crate) struct Client {
    agent: Agent,
    base: String,
    token: Option<String>,
}

impl Client {
    pub(crate) fn new(base: &str) -> Self {
        let config = Agent::config_builder()
            .proxy(None)
            .max_redirects(0)
            .http_status_as_error(false)
            .timeout_global(Some(Duration::from_secs(15)));
        Self { agent: config.build().into(), base: base.to_owned(), token: None }
    }

    /// The same server, as the user of this token.
    pub(crate) fn with_token(&self, token: &str) -> Self {
        Self { token: Some(token.to_owned()), ..self.clone() }
    }

    /// The same server, as nobody.
    pub(crate) fn anonymous(&self) -> Self {
        Self { token: None, ..self.clone() }
    }

    /// The whole URL of a path.
    pub(crate) fn url(&self, path: &str) -> String {
        format!("{}{path}", self.base)
    }

    pub(crate) fn get(&self, path: &str) -> Result<Answer> {
        self.call("GET", path, None, &[])
    }

    pub(crate) fn post(&self, path: &str, body: &Value) -> Result<Answer> {
        self.call("POST", path, Some(body), &[])
    }

    pub(crate) fn put(&self, path: &str, body: &Value) -> Result<Answer> {
        self.call("PUT", path, Some(body), &[])
    }

    /// Sends a request. `path` begins with `/`, or is a whole URL.
    pub(crate) fn call(
        &self,
        method: &str,
        path: &str,
        body: Option<&Value>,
        headers: &[(&str, &str)],
    ) -> Result<Answer> {
        let request = self.request(method, path, headers);
        let response = match body {
            None => self.agent.run(request.body(())?),
            Some(body) => self
                .agent
                .run(request.header("content-type", "application/json").body(body.to_string())?),
        };
        answer(response.with_context(|| format!("{method} {path}"))?)
    }

    /// Sends bytes, with these headers and no others.
    pub(crate) fn send(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        bytes: &[u8],
    ) -> Result<Answer> {
        let response = self.agent.run(self.request(method, path, headers).body(bytes)?);
        answer(response.with_context(|| format!("{method} {path}"))?)
    }

    fn request(&self, method: &str, path: &str, headers: &[(&str, &str)]) -> Builder {
        let uri =
            if path.starts_with('/') { format!("{}{path}", self.base) } else { path.to_owned() };
        let mut request = Request::builder().method(method).uri(uri);
        if let Some(token) = &self.token {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request
    }
}

fn answer(response: Response<Body>) -> Result<Answer> {
    let (parts, mut body) = response.into_parts();
    let bytes = body.read_to_vec()?;
    let text = String::from_utf8_lossy(&bytes).into_owned();
    let json = serde_json::from_str(&text).unwrap_or_default();
    Ok(Answer { status: parts.status.as_u16(), headers: parts.headers, bytes, text, json })
}
