//! What is looked at before s3s sees a request, and what is remembered of it beside: s3s verifies
//! signatures, but leaves out of the calculation what a signature names and the request lacks,
//! takes any region, and lets anything unsigned ride along.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use actix_web::web::Bytes;
use chrono::{DateTime, NaiveDateTime, Utc};
use http::HeaderMap;
use http::request::Parts;
use s3s::S3Result;

use super::fault::refusal;
use super::journal::Signed;
use super::store::{Digest, digest, hex};
use super::strict;
use super::sums;
use crate::reply::pairs;

const ALGORITHM: &str = "AWS4-HMAC-SHA256";
/// The longest that a presigned URL may be good for: seven days, in seconds.
const LONGEST: u64 = 604_800;

/// One request, besides what s3s makes of it.
pub(super) struct Arrival {
    /// What conditions of policies may look at.
    pub(super) facts: BTreeMap<&'static str, String>,
    /// What it turns out to ask for.
    pub(super) operation: OnceLock<String>,
    body: Bytes,
    digest: OnceLock<Digest>,
    content_sha256: Option<String>,
    /// What the headers say of the body.
    said: HeaderMap,
}

/// What a signature claims.
struct Claim {
    signed: Signed,
    at: String,
    credential: String,
    headers: Vec<String>,
}

impl Arrival {
    /// # Errors
    /// The way it is signed is not one that S3 takes, or leaves out what has to be signed.
    pub(super) fn read(
        parts: &Parts,
        body: &Bytes,
        region: &str,
        now: DateTime<Utc>,
    ) -> S3Result<Self> {
        let mut facts = BTreeMap::from([("aws:securetransport", "false".to_owned())]);
        for (fact, name) in [
            ("s3:x-amz-acl", "x-amz-acl"),
            ("s3:x-amz-content-sha256", "x-amz-content-sha256"),
            ("s3:x-amz-server-side-encryption", "x-amz-server-side-encryption"),
            (
                "s3:x-amz-server-side-encryption-aws-kms-key-id",
                "x-amz-server-side-encryption-aws-kms-key-id",
            ),
        ] {
            facts.extend(text(parts, name).map(|value| (fact, value.to_owned())));
        }
        strict::check(parts)?;
        let said = parts.headers.iter().filter(|(name, _)| sums::is_sum(name.as_str()));
        let said = said.map(|(name, value)| (name.clone(), value.clone())).collect();
        let claim = claim(parts)?;
        if let Some(claim) = &claim {
            claim.check(parts, region)?;
            remember_signature(&mut facts, claim.signed, &claim.at, now);
        }
        Ok(Self {
            facts,
            operation: OnceLock::new(),
            digest: OnceLock::new(),
            body: body.clone(),
            content_sha256: text(parts, "x-amz-content-sha256").map(str::to_owned),
            said,
        })
    }

    /// Whether the body is the one that the headers speak of.
    pub(super) fn check_body(&self) -> S3Result<()> {
        let digest = self.digest_of(&self.body);
        let said = self.content_sha256.as_deref().filter(|said| said.len() == 64);
        if said.is_some_and(|said| !said.eq_ignore_ascii_case(&hex(&digest))) {
            let why =
                "The provided 'x-amz-content-sha256' header does not match what was computed.";
            return Err(refusal(400, "XAmzContentSHA256Mismatch", why));
        }
        // A body in chunks is not what its hash is of: it is verified where it has been decoded.
        let chunked = self.content_sha256.as_deref();
        if chunked.is_some_and(|said| said.starts_with("STREAMING-")) {
            return Ok(());
        }
        sums::verify(&self.body, &digest, &self.said).map(drop)
    }

    /// The SHA-256 of a body, computed once where it is the one that came.
    pub(super) fn digest_of(&self, body: &[u8]) -> Digest {
        let same = body.as_ptr() == self.body.as_ptr() && body.len() == self.body.len();
        if same || body == self.body {
            return *self.digest.get_or_init(|| digest(&self.body));
        }
        digest(body)
    }

    /// The facts of a form, which has its signature and its headers in fields.
    pub(super) fn form_facts(
        &self,
        fields: &[(&'static str, Option<&str>)],
        now: DateTime<Utc>,
    ) -> BTreeMap<&'static str, String> {
        let mut facts = self.facts.clone();
        for (fact, value) in fields {
            facts.extend(value.map(|value| (*fact, value.to_owned())));
        }
        let body = String::from_utf8_lossy(&self.body);
        let field = body.to_ascii_lowercase().find("name=\"x-amz-date\"");
        let value = field.and_then(|at| body.get(at..)?.split("\r\n\r\n").nth(1)?.get(..16));
        if let Some(at) = value {
            remember_signature(&mut facts, Signed::Form, at, now);
        }
        facts
    }
}

/// How a request is signed, by the looks of it.
pub(super) fn how(parts: &Parts) -> Signed {
    let form = text(parts, "content-type").is_some_and(|kind| kind.starts_with("multipart/form"));
    if text(parts, "authorization").is_some() {
        Signed::Header
    } else if parts.uri.query().is_some_and(|query| query.contains("X-Amz-Signature=")) {
        Signed::Query
    } else if parts.method == http::Method::POST && form {
        Signed::Form
    } else {
        Signed::Nobody
    }
}

fn remember_signature(
    facts: &mut BTreeMap<&'static str, String>,
    signed: Signed,
    at: &str,
    now: DateTime<Utc>,
) {
    let kind = match signed {
        Signed::Nobody => return,
        Signed::Header => "REST-HEADER",
        Signed::Query => "REST-QUERY-STRING",
        Signed::Form => "POST",
    };
    facts.insert("s3:authtype", kind.to_owned());
    facts.insert("s3:signatureversion", ALGORITHM.to_owned());
    if let Ok(at) = NaiveDateTime::parse_from_str(at, "%Y%m%dT%H%M%SZ") {
        let age = (now - at.and_utc()).num_milliseconds().max(0);
        facts.insert("s3:signatureage", age.to_string());
    }
}

/// What the signature claims, if there is one.
fn claim(parts: &Parts) -> S3Result<Option<Claim>> {
    let malformed = |why: &str| refusal(400, "AuthorizationHeaderMalformed", why);
    let query = pairs(parts.uri.query().unwrap_or_default());
    let old = query.contains_key("AWSAccessKeyId") || query.contains_key("Signature");
    match text(parts, "authorization") {
        Some(_) if query.contains_key("X-Amz-Signature") => {
            Err(refusal(400, "InvalidArgument", "Only one auth mechanism allowed"))
        }
        Some(header) => {
            let fields = header.strip_prefix(ALGORITHM).ok_or_else(unsupported)?;
            let field = |name: &str| {
                let mut fields = fields.split(',').filter_map(|field| field.trim().split_once('='));
                let found = fields.find(|(found, _)| *found == name);
                found.map(|(_, value)| value.to_owned())
            };
            let wanted = |name: &str| field(name).ok_or_else(|| malformed("a field is missing"));
            Ok(Some(Claim {
                signed: Signed::Header,
                at: text(parts, "x-amz-date").unwrap_or_default().to_owned(),
                credential: wanted("Credential")?,
                headers: list(&wanted("SignedHeaders")?),
            }))
        }
        None if old => Err(unsupported()),
        None if query.contains_key("X-Amz-Signature") => {
            let why = "a field of the query is missing";
            let field = |name: &str| {
                let missing = || refusal(400, "AuthorizationQueryParametersError", why);
                query.get(name).cloned().ok_or_else(missing)
            };
            let expires = field("X-Amz-Expires")?.parse().unwrap_or(u64::MAX);
            if !(1..=LONGEST).contains(&expires) {
                let why = "X-Amz-Expires must be 1 to 604800 seconds";
                return Err(refusal(400, "AuthorizationQueryParametersError", why));
            }
            Ok(Some(Claim {
                signed: Signed::Query,
                at: field("X-Amz-Date")?,
                credential: field("X-Amz-Credential")?,
                headers: list(&field("X-Amz-SignedHeaders")?),
            }))
        }
        None => Ok(None),
    }
}

impl Claim {
    /// Whether it is for here, and covers what it has to.
    fn check(&self, parts: &Parts, region: &str) -> S3Result<()> {
        let mut scope = self.credential.rsplit('/');
        let ending = (scope.next(), scope.next(), scope.next());
        if ending != (Some("aws4_request"), Some("s3"), Some(region)) {
            let why = format!("The credential's scope is wrong; expecting '{region}'");
            return Err(refusal(400, "AuthorizationHeaderMalformed", why));
        }
        let is_signed = |name: &str| self.headers.iter().any(|signed| signed == name);
        let absent = self.headers.iter().find(|name| !parts.headers.contains_key(name.as_str()));
        if let Some(name) = absent {
            let why = format!("The header '{name}' is signed and was not sent");
            return Err(refusal(403, "SignatureDoesNotMatch", why));
        }
        let mut sent = parts.headers.keys().map(http::HeaderName::as_str);
        let loose =
            sent.find(|name| (*name == "host" || name.starts_with("x-amz-")) && !is_signed(name));
        match loose {
            Some(name) => {
                let why = format!(
                    "There were headers present in the request which were not signed: {name}"
                );
                Err(refusal(403, "AccessDenied", why))
            }
            None => Ok(()),
        }
    }
}

fn unsupported() -> s3s::S3Error {
    let why = "The authorization mechanism you have provided is not supported. \
               Please use AWS4-HMAC-SHA256.";
    refusal(400, "InvalidRequest", why)
}

fn list(names: &str) -> Vec<String> {
    names.split(';').map(str::to_owned).collect()
}

fn text<'a>(parts: &'a Parts, name: &str) -> Option<&'a str> {
    parts.headers.get(name)?.to_str().ok()
}
