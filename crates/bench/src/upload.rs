//! A document through the API against the same document straight into the stand-in for S3 by a signed
//! URL: the same client, the same bytes, taken in turn.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use restartix_sandbox::s3::{Options, S3};
use restartix_testkit::{TestDatabase, TestRedis};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::report::Figure;
use crate::request::server::{Account, More, core_api_with};
use crate::request::{core_api_path, seed};
use crate::rounds::median;

const ROUNDS: usize = 9;
/// How large a document is, in bytes.
const SIZE: usize = 32 << 20;
/// How many are sent in one go.
const FILES: usize = 3;

/// At least 0.6 of the rate of a direct upload.
pub(crate) fn measure() -> Result<Vec<Figure>> {
    tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(measured())
}

async fn measured() -> Result<Vec<Figure>> {
    let database = TestDatabase::create().await?;
    seed(&database).await?;
    let redis = TestRedis::start()?;
    let s3 = S3::start(Options::default()).await?;
    let settings: [_; 6] = [
        ("CORE_STORAGE__ENDPOINT", s3.url()),
        ("CORE_STORAGE__PATH_STYLE", "true"),
        ("CORE_STORAGE__REGION", "eu-central-1"),
        ("CORE_STORAGE__BUCKET", "clinic-files"),
        ("CORE_STORAGE__ACCESS_KEY_ID", "sandbox-access-key"),
        ("CORE_STORAGE__SECRET_ACCESS_KEY", "sandbox-secret-access-key"),
    ];
    let program = core_api_path()?;
    let nobody = Account {
        base_url: "http://127.0.0.1:9/v1".to_owned(),
        domain_id: Some("30f866c3-9123-452a-8723-ff58322d09c5".to_owned()),
    };
    let who = ["admin-1".to_owned()];
    let settings = settings.map(|(name, value)| (name, value.to_owned()));
    let more = More { settings: &settings, told: &["serve", "--no-workers"] };
    let api = core_api_with(&program, &database, &redis, &nobody, &who, &more).await?;
    let token = api.tokens.first().context("a token")?.clone();
    let client = Client { port: api.port, token, document: Document::new() };
    let measured = tokio::task::spawn_blocking(move || client.measured()).await??;
    drop(s3);
    Ok(measured)
}

/// A document that everybody sends.
struct Document {
    bytes: Vec<u8>,
    sha256: String,
}

impl Document {
    fn new() -> Self {
        let mut bytes = b"%PDF-1.7\n".to_vec();
        bytes.resize(SIZE, b'a');
        bytes.extend_from_slice(b"\n%%EOF\n");
        let sha256 = hex::encode(Sha256::digest(&bytes));
        Self { bytes, sha256 }
    }
}

struct Client {
    port: u16,
    token: String,
    document: Document,
}

/// Where a body goes.
struct Target {
    address: String,
    head: String,
}

impl Client {
    fn measured(&self) -> Result<Vec<Figure>> {
        let (mut ratios, mut ours, mut direct) = (Vec::new(), Vec::new(), Vec::new());
        for round in 0..=ROUNDS {
            let through = self.rate(|told| self.through_the_api(told))?;
            let straight = self.rate(straight)?;
            // The first round warms up.
            if round > 0 {
                ratios.push(through / straight);
                ours.push(through);
                direct.push(straight);
            }
        }
        let details = vec![
            ("through_the_api_mib_per_second", json!(median(ours))),
            ("straight_mib_per_second", json!(median(direct))),
            ("document_mib", json!(SIZE >> 20)),
        ];
        let ratio = median(ratios);
        Ok(vec![Figure { bench: "upload", ratio, at_least: 0.6, rounds: ROUNDS, details }])
    }

    /// MiB a second, from the first byte sent to the answer; the announcements aside.
    fn rate(&self, target: impl Fn(&Value) -> Result<Target>) -> Result<f64> {
        let mut spent = Duration::ZERO;
        for _ in 0..FILES {
            let target = target(&self.announce()?)?;
            let started = Instant::now();
            let answer = sent(&target, &self.document.bytes)?;
            spent += started.elapsed();
            ensure!(answer.starts_with("HTTP/1.1 200"), "an upload was answered {answer}");
        }
        let mib = u32::try_from((FILES * SIZE) >> 20).unwrap_or(u32::MAX);
        Ok(f64::from(mib) / spent.as_secs_f64())
    }

    fn announce(&self) -> Result<Value> {
        let Document { bytes, sha256 } = &self.document;
        let body = json!({
            "kind": "document", "file_name": "report.pdf", "content_type": "application/pdf",
            "size_bytes": bytes.len(), "sha256": sha256,
        })
        .to_string();
        let head = format!(
            "POST /v1/files HTTP/1.1\r\nhost: bench\r\nauthorization: Bearer {}\r\n\
             content-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
            self.token,
            body.len()
        );
        let target = Target { address: format!("127.0.0.1:{}", self.port), head };
        let answer = sent(&target, body.as_bytes())?;
        ensure!(answer.starts_with("HTTP/1.1 201"), "an announcement was answered {answer}");
        let (_, body) = answer.split_once("\r\n\r\n").context("a body")?;
        serde_json::from_str(body).context("read an announcement")
    }

    fn through_the_api(&self, told: &Value) -> Result<Target> {
        let id = told.get("id").and_then(Value::as_str).context("an id")?;
        let head = format!(
            "PUT /v1/files/{id}/content HTTP/1.1\r\nhost: bench\r\nauthorization: Bearer {}\r\n\
             content-type: application/octet-stream\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
            self.token,
            self.document.bytes.len()
        );
        Ok(Target { address: format!("127.0.0.1:{}", self.port), head })
    }
}

/// As the announcement's answer says.
fn straight(told: &Value) -> Result<Target> {
    let upload = told.get("upload").context("an upload")?;
    let url = upload.get("url").and_then(Value::as_str).context("a URL")?;
    let place = url.strip_prefix("http://").context("an http URL")?;
    let (address, path) = place.split_once('/').context("a path")?;
    let mut head = format!("PUT /{path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n");
    for (name, value) in upload.get("headers").and_then(Value::as_object).context("headers")? {
        let value = value.as_str().context("a header's value")?;
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    head.push_str("\r\n");
    Ok(Target { address: address.to_owned(), head })
}

/// The answer to a request, over a connection of its own.
fn sent(target: &Target, body: &[u8]) -> Result<String> {
    let mut stream = TcpStream::connect(&target.address)?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(Duration::from_secs(60)))?;
    stream.write_all(target.head.as_bytes())?;
    stream.write_all(body)?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer)
}
