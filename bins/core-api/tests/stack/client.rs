use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use serde_json::Value;

/// Somebody who talks to the server.
#[derive(Clone)]
pub(crate) struct Client {
    base: String,
    bearer: Option<String>,
    agent: ureq::Agent,
}

/// What they were answered.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) text: String,
    pub(crate) body: Value,
}

impl Answer {
    /// The body, when the status is `status`.
    pub(crate) fn expect(self, status: u16) -> Result<Value> {
        ensure!(self.status == status, "expected {status}, got {}: {}", self.status, self.text);
        Ok(self.body)
    }

    /// Fails unless this is a problem with `status` and `code` (RFC 9457).
    pub(crate) fn refused(&self, status: u16, code: &str) -> Result<()> {
        let told = (self.status, self.body["code"].as_str());
        ensure!(told == (status, Some(code)), "expected {status} {code}, got {self:?}");
        let kind = self.headers.iter().find(|(name, _)| name == "content-type");
        ensure!(kind.is_some_and(|(_, value)| value == "application/problem+json"), "{self:?}");
        ensure!(self.body["request_id"].is_string(), "no request id: {self:?}");
        Ok(())
    }
}

impl Client {
    pub(crate) fn new(base: &str, bearer: Option<String>) -> Self {
        let config = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .timeout_global(Some(Duration::from_secs(30)))
            .max_redirects(0)
            .proxy(None)
            .build();
        Self { base: base.to_owned(), bearer, agent: config.into() }
    }

    /// The same somebody at another server.
    pub(crate) fn at(&self, base: &str) -> Self {
        Self::new(base, self.bearer.clone())
    }

    pub(crate) fn get(&self, path: &str) -> Result<Answer> {
        self.send("GET", path, None)
    }

    pub(crate) fn post(&self, path: &str, body: &Value) -> Result<Answer> {
        self.send("POST", path, Some(body.to_string().into_bytes()))
    }

    pub(crate) fn put(&self, path: &str, body: &Value) -> Result<Answer> {
        self.send("PUT", path, Some(body.to_string().into_bytes()))
    }

    pub(crate) fn patch(&self, path: &str, body: &Value) -> Result<Answer> {
        self.send("PATCH", path, Some(body.to_string().into_bytes()))
    }

    /// Sends bytes that may be no JSON at all, and are said to be.
    pub(crate) fn send(&self, method: &str, path: &str, body: Option<Vec<u8>>) -> Result<Answer> {
        let json: &[_] = if body.is_some() { &[("content-type", "application/json")] } else { &[] };
        self.send_with(method, path, json, body)
    }

    /// Sends bytes with these headers and no others.
    pub(crate) fn send_with(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: Option<Vec<u8>>,
    ) -> Result<Answer> {
        let mut request =
            ureq::http::Request::builder().method(method).uri(format!("{}{path}", self.base));
        if let Some(bearer) = &self.bearer {
            request = request.header("authorization", format!("Bearer {bearer}"));
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let mut response = match body {
            Some(body) => self.agent.run(request.body(body)?),
            None => self.agent.run(request.body(())?),
        }
        .with_context(|| format!("{method} {path}"))?;
        let headers = response.headers().iter();
        let headers = headers
            .map(|(name, value)| (name.to_string(), value.to_str().unwrap_or_default().to_owned()))
            .collect();
        let text = response.body_mut().read_to_string()?;
        let body = serde_json::from_str(&text).unwrap_or(Value::Null);
        Ok(Answer { status: response.status().as_u16(), headers, text, body })
    }
}

/// Asks again until `ready` answers something, at most for `limit`.
pub(crate) fn wait_for<T>(
    what: &str,
    limit: Duration,
    mut ready: impl FnMut() -> Result<Option<T>>,
) -> Result<T> {
    let deadline = Instant::now() + limit;
    loop {
        if let Some(found) = ready()? {
            return Ok(found);
        }
        ensure!(Instant::now() < deadline, "{what} did not happen within {limit:?}");
        std::thread::sleep(Duration::from_millis(50));
    }
}
