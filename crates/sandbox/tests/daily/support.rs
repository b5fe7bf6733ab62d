//! A stand-in with a manual clock, and a client that speaks JSON to it.

use std::io::{Read, Write};
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use restartix_kernel::{ManualClock, Secret, SeededRandom};
use restartix_sandbox::daily::{Daily, Options, Switches};
use serde_json::{Value, json};

pub(crate) const KEY: &str = "test-api-key";

/// 2026-01-01T00:00:00Z, where every test begins.
pub(crate) const START: i64 = 1_767_225_600;

pub(crate) struct Stand {
    pub(crate) daily: Daily,
    pub(crate) clock: Arc<ManualClock>,
    agent: ureq::Agent,
}

impl Stand {
    /// Healthy and without rate limits.
    pub(crate) async fn new() -> Self {
        Self::with(Switches { rate_limits: false, ..Switches::default() }).await
    }

    pub(crate) async fn with(switches: Switches) -> Self {
        let clock = Arc::new(ManualClock::at(DateTime::<Utc>::from_timestamp(START, 0).unwrap()));
        let options = Options {
            api_key: Secret::from(KEY),
            switches,
            clock: clock.clone(),
            random: Arc::new(SeededRandom::new(1)),
            ..Options::default()
        };
        let agent = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .timeout_global(Some(Duration::from_secs(20)))
            .build()
            .into();
        Self { daily: Daily::start(options).await.unwrap(), clock, agent }
    }

    pub(crate) fn advance(&self, seconds: i64) {
        self.clock.advance(TimeDelta::seconds(seconds));
    }

    /// A request of the API with the key.
    pub(crate) async fn api(&self, method: &str, path: &str, body: Value) -> (u16, Value) {
        let authorization = format!("Bearer {KEY}");
        self.try_raw(method, &format!("/v1{path}"), Some(&authorization), &text(&body))
            .await
            .unwrap()
    }

    /// A control request.
    pub(crate) async fn control(&self, method: &str, path: &str, body: Value) -> (u16, Value) {
        self.try_raw(method, &format!("/_sandbox{path}"), None, &text(&body)).await.unwrap()
    }

    pub(crate) async fn try_api(
        &self,
        method: &str,
        path: &str,
        body: Value,
    ) -> Option<(u16, Value)> {
        let authorization = format!("Bearer {KEY}");
        self.try_raw(method, &format!("/v1{path}"), Some(&authorization), &text(&body)).await
    }

    /// Any request; `None` when no answer came.
    pub(crate) async fn try_raw(
        &self,
        method: &str,
        path: &str,
        authorization: Option<&str>,
        body: &str,
    ) -> Option<(u16, Value)> {
        let mut request =
            http::Request::builder().method(method).uri(format!("{}{path}", self.daily.url()));
        if let Some(value) = authorization {
            request = request.header("authorization", value);
        }
        let request = request.body(body.to_owned()).unwrap();
        let agent = self.agent.clone();
        let exchange = move || {
            let request = agent.configure_request(request).allow_non_standard_methods(true).build();
            let mut answer = agent.run(request).ok()?;
            let text = answer.body_mut().read_to_string().ok()?;
            let body = serde_json::from_str(&text).unwrap_or(Value::String(text));
            Some((answer.status().as_u16(), body))
        };
        tokio::task::spawn_blocking(exchange).await.unwrap()
    }

    /// Makes a private room that is open now and for an hour.
    pub(crate) async fn room(&self, name: &str, mut properties: Value) {
        let defaults = json!({ "nbf": START, "exp": START + 3600 });
        for (key, value) in defaults.as_object().unwrap() {
            properties.as_object_mut().unwrap().entry(key).or_insert(value.clone());
        }
        let body = json!({ "name": name, "privacy": "private", "properties": properties });
        assert_eq!(self.api("POST", "/rooms", body).await.0, 200);
    }

    pub(crate) async fn token(&self, properties: Value) -> String {
        let (status, body) =
            self.api("POST", "/meeting-tokens", json!({ "properties": properties })).await;
        assert_eq!(status, 200, "{body}");
        body["token"].as_str().unwrap().to_owned()
    }

    pub(crate) async fn join(&self, room: &str, token: Option<&str>) -> (u16, Value) {
        self.control("POST", "/join", json!({ "room": room, "token": token })).await
    }

    /// The reason of a refusal; `"admitted"` when there was none.
    pub(crate) async fn verdict(&self, room: &str, token: Option<&str>) -> String {
        let (status, body) = self.join(room, token).await;
        assert_eq!(status == 200, body["admitted"] == json!(true));
        body["reason"].as_str().unwrap_or("admitted").to_owned()
    }

    /// The user ids of those present, by the API.
    pub(crate) async fn present(&self, room: &str) -> Vec<String> {
        let (_, body) = self.api("GET", &format!("/rooms/{room}/presence"), Value::Null).await;
        let data = body["data"].as_array().unwrap();
        data.iter().map(|one| one["userId"].as_str().unwrap().to_owned()).collect()
    }

    /// Bytes that a plain socket gets for a request, until the other side closes it.
    pub(crate) fn bytes(&self, request: &str) -> Vec<u8> {
        let address = self.daily.url().trim_start_matches("http://").to_owned();
        let mut socket = std::net::TcpStream::connect(address).unwrap();
        socket.write_all(request.as_bytes()).unwrap();
        let mut got = Vec::new();
        // A reset is one way to close.
        let _ = socket.read_to_end(&mut got);
        got
    }
}

fn text(body: &Value) -> String {
    if body.is_null() { String::new() } else { body.to_string() }
}

/// The code of an error of Daily's.
pub(crate) fn error((status, body): (u16, Value)) -> (u16, String) {
    assert!(body["info"].is_string(), "{body}");
    (status, body["error"].as_str().unwrap().to_owned())
}
