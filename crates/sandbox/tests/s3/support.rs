//! A stand-in, and somebody who signs requests without help (AWS's "Signature Version 4").

use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chrono::TimeDelta;
use hmac::{Hmac, KeyInit, Mac};
use restartix_kernel::{Clock as _, ManualClock, SystemClock};
use restartix_sandbox::s3::{Options, S3};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

pub(crate) const BUCKET: &str = "files";
const KEY: &str = "sandbox-access-key";
const SECRET: &str = "sandbox-secret-access-key";
pub(crate) const REGION: &str = "eu-central-1";

pub(crate) type Headers<'a> = &'a [(&'a str, &'a str)];

pub(crate) struct Stand {
    pub(crate) s3: S3,
    pub(crate) clock: Arc<ManualClock>,
    agent: ureq::Agent,
}

/// An answer, out of its clothes.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    headers: http::HeaderMap,
    pub(crate) body: String,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    /// What stands in the first `<name>` of the body.
    pub(crate) fn field(&self, name: &str) -> &str {
        let start = self.body.split_once(&format!("<{name}>")).map(|(_, rest)| rest);
        start.and_then(|rest| rest.split('<').next()).unwrap_or_default()
    }

    /// The status and S3's code.
    pub(crate) fn told(&self) -> (u16, &str) {
        (self.status, self.field("Code"))
    }
}

/// Another way to sign than the usual one.
#[derive(Clone, Copy)]
pub(crate) struct Way<'a> {
    pub(crate) secret: &'a str,
    pub(crate) region: &'a str,
    /// How long ago it was signed, in seconds.
    pub(crate) ago: i64,
    /// What is signed and not sent, or sent and not signed.
    pub(crate) unsent: &'a str,
    pub(crate) unsigned: Headers<'a>,
}

pub(crate) const USUAL: Way<'static> =
    Way { secret: SECRET, region: REGION, ago: 0, unsent: "", unsigned: &[] };

impl Stand {
    /// A bucket with versions and no policy.
    pub(crate) async fn new() -> Self {
        let clock = Arc::new(ManualClock::at(SystemClock.now()));
        let options = Options { clock: clock.clone(), ..Options::default() };
        let agent = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .allow_non_standard_methods(true)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .timeout_global(Some(Duration::from_secs(20)))
            .build()
            .into();
        let stand = Self { s3: S3::start(options).await.unwrap(), clock, agent };
        let located = "<CreateBucketConfiguration><LocationConstraint>eu-central-1\
                       </LocationConstraint></CreateBucketConfiguration>";
        assert_eq!(stand.ask("PUT", "/files", &[], located).await.status, 200);
        stand.set("versioning", "VersioningConfiguration", "<Status>Enabled</Status>").await;
        stand
    }

    /// A request as the owner, to `/bucket/key?query`.
    pub(crate) async fn ask(
        &self,
        method: &str,
        target: &str,
        headers: Headers<'_>,
        body: &str,
    ) -> Answer {
        self.ask_so(USUAL, method, target, headers, body).await
    }

    /// A signed request, in a way of its own.
    pub(crate) async fn ask_so(
        &self,
        way: Way<'_>,
        method: &str,
        target: &str,
        headers: Headers<'_>,
        body: &str,
    ) -> Answer {
        let hash = hex(&Sha256::digest(body));
        let at = SystemClock.now() - TimeDelta::seconds(way.ago);
        let at = at.format("%Y%m%dT%H%M%SZ").to_string();
        let host = self.s3.url().trim_start_matches("http://").to_owned();
        let mut all = vec![
            ("host".to_owned(), host),
            ("x-amz-content-sha256".to_owned(), hash.clone()),
            ("x-amz-date".to_owned(), at.clone()),
        ];
        all.extend(headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
        all.sort();
        let names: Vec<_> = all.iter().map(|(name, _)| name.as_str()).collect();
        let names = names.join(";");
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let mut pairs: Vec<_> = query.split('&').filter(|pair| !pair.is_empty()).collect();
        pairs.sort_unstable();
        let pairs = pairs
            .iter()
            .map(|pair| if pair.contains('=') { (*pair).to_owned() } else { format!("{pair}=") });
        let query = pairs.collect::<Vec<_>>().join("&");
        let lines: String = all.iter().map(|(name, value)| format!("{name}:{value}\n")).collect();
        let canonical = format!("{method}\n{path}\n{query}\n{lines}\n{names}\n{hash}");
        let (scope, signature) = sign(way, &at, &hex(&Sha256::digest(canonical)));
        let authorization = format!(
            "AWS4-HMAC-SHA256 Credential={KEY}/{scope}, SignedHeaders={names}, Signature={signature}"
        );
        let mut sent: Vec<_> = all.iter().map(|(a, b)| (a.as_str(), b.as_str())).collect();
        sent.retain(|(name, _)| *name != "host" && *name != way.unsent);
        sent.extend(way.unsigned);
        sent.push(("authorization", &authorization));
        self.send(method, target, &sent, body.as_bytes()).await
    }

    /// A request as it is.
    pub(crate) async fn send(
        &self,
        method: &str,
        target: &str,
        headers: Headers<'_>,
        body: &[u8],
    ) -> Answer {
        let url = format!("{}{target}", self.s3.url());
        let mut request = http::Request::builder().method(method).uri(url);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(body.to_vec()).unwrap();
        let agent = self.agent.clone();
        let exchange = tokio::task::spawn_blocking(move || {
            let answer = agent.run(request).unwrap();
            let (head, mut body) = answer.into_parts();
            let body = body.with_config().lossy_utf8(true).read_to_string().unwrap_or_default();
            Answer { status: head.status.as_u16(), headers: head.headers, body }
        });
        exchange.await.unwrap()
    }

    /// Tells the bucket something of itself, in XML.
    pub(crate) async fn set(&self, what: &str, element: &str, content: &str) {
        let body = format!("<{element}>{content}</{element}>");
        let answer = self.ask("PUT", &format!("/files?{what}"), &[], &body).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
    }

    /// Puts a policy with these statements, each of which concerns all objects unless it says so.
    pub(crate) async fn put_policy(&self, statements: &[Value]) -> Answer {
        let statements: Vec<_> = statements
            .iter()
            .map(|statement| {
                let mut whole = json!({
                    "Effect": "Deny", "Principal": "*", "Resource": "arn:aws:s3:::files/*",
                });
                whole.as_object_mut().unwrap().extend(statement.as_object().unwrap().clone());
                whole
            })
            .collect();
        let document = json!({"Version": "2012-10-17", "Statement": statements}).to_string();
        self.ask("PUT", "/files?policy", &[], &document).await
    }

    /// Opens everything that Block Public Access closes.
    pub(crate) async fn unblock(&self) {
        self.set("publicAccessBlock", "PublicAccessBlockConfiguration", "").await;
    }

    pub(crate) fn keys(&self) -> Vec<String> {
        self.s3.objects(BUCKET).into_iter().map(|object| object.key).collect()
    }
}

/// The scope and the signature of a hash.
pub(crate) fn sign(way: Way<'_>, at: &str, hash: &str) -> (String, String) {
    let scope = format!("{}/{}/s3/aws4_request", &at[..8], way.region);
    let text = format!("AWS4-HMAC-SHA256\n{at}\n{scope}\n{hash}");
    (scope, signature(way, at, &text))
}

/// The signature of a text, in a scope of its day.
pub(crate) fn signature(way: Way<'_>, at: &str, text: &str) -> String {
    let mut key = format!("AWS4{}", way.secret).into_bytes();
    for part in [&at[..8], way.region, "s3", "aws4_request", text] {
        let mut mac = Hmac::<Sha256>::new_from_slice(&key).unwrap();
        mac.update(part.as_bytes());
        key = mac.finalize().into_bytes().to_vec();
    }
    hex(&key)
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The hash of a body, as the header for checksums wants it.
pub(crate) fn checksum(body: &str) -> String {
    STANDARD.encode(Sha256::digest(body))
}
