//! The rules over a socket: a server that keeps what it is told, and believes it or not.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use restartix_kernel::SystemClock;

use super::{Bucket, Finding};
use crate::testing::{Server, Turn, answer, random, status};
use crate::{CallError, S3};

const RULES: [&str; 7] = [
    "cors",
    "encryption",
    "lifecycle",
    "ownershipControls",
    "policy",
    "publicAccessBlock",
    "versioning",
];

/// What the server keeps: the body of each configuration.
type Kept = Arc<Mutex<HashMap<String, String>>>;

/// How the server treats objects.
#[derive(Clone, Copy, PartialEq)]
enum Manners {
    /// As the rules say.
    Proper,
    /// It takes and gives everything.
    Careless,
}

async fn server(manners: Manners) -> (Server, Kept) {
    let kept = Kept::default();
    let store = kept.clone();
    let server = Server::answering(move |line, request| {
        let (method, target) = line.split_once(' ').unwrap();
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        if path != "/files" {
            return object(manners, method, request);
        }
        let name = query.split('=').next().unwrap();
        let mut store = store.lock().unwrap();
        match (method, name) {
            ("HEAD", "") => status(if store.contains_key("") { 200 } else { 404 }),
            ("PUT", name) => {
                let body = request.split_once("\r\n\r\n").unwrap().1;
                store.insert(name.to_owned(), body.to_owned());
                status(200)
            }
            ("DELETE", name) => {
                store.remove(name);
                status(204)
            }
            ("GET", name) => store.get(name).map_or_else(|| status(404), |body| answer("", body)),
            _ => status(400),
        }
    })
    .await;
    (server, kept)
}

fn object(manners: Manners, method: &str, request: &str) -> Turn {
    let encrypted = request.contains("\r\nx-amz-server-side-encryption: AES256\r\n");
    let signed = request.contains("\r\nauthorization: AWS4-HMAC-SHA256 ");
    match method {
        "PUT" if encrypted || manners == Manners::Careless => answer("x-amz-version-id: v1", ""),
        "GET" if signed || manners == Manners::Careless => answer("", "probe"),
        "DELETE" if signed => status(204),
        _ => status(403),
    }
}

fn bucket(server: &Server, origins: &[&str]) -> Bucket {
    let s3 = S3::new(&server.config(), Arc::new(SystemClock), random()).unwrap();
    let origins: Vec<_> = origins.iter().map(|origin| (*origin).to_owned()).collect();
    s3.bucket(&origins)
}

fn rules(findings: &[Finding]) -> Vec<&str> {
    findings.iter().map(|finding| finding.rule).collect()
}

#[tokio::test]
async fn what_is_applied_is_found_to_hold() {
    let (server, kept) = server(Manners::Proper).await;
    for origins in [&["https://app.clinic.example", "https://console.clinic.example"][..], &[]] {
        let bucket = bucket(&server, origins);
        bucket.apply().await.unwrap();
        bucket.apply().await.unwrap();
        assert_eq!(bucket.check().await.unwrap(), []);
        assert_eq!(kept.lock().unwrap().contains_key("cors"), !origins.is_empty());
    }
    let made = &server.heard()[1];
    assert!(made.contains("<LocationConstraint>eu-central-1</LocationConstraint>"), "{made}");
    let deleted = server
        .heard()
        .iter()
        .filter(|line| line.starts_with("DELETE /files/0/probe?versionId=v1 "))
        .count();
    assert_eq!(deleted, 2, "each check takes its probe away");
}

#[tokio::test]
async fn each_rule_that_is_gone_is_named() {
    let (server, kept) = server(Manners::Proper).await;
    let bucket = bucket(&server, &["https://app.clinic.example"]);
    bucket.apply().await.unwrap();
    for (rule, named) in RULES.into_iter().zip([
        "cors",
        "default-encryption",
        "lifecycle",
        "object-ownership",
        "policy",
        "block-public-access",
        "versioning",
    ]) {
        let body = kept.lock().unwrap().remove(rule).unwrap();
        assert_eq!(rules(&bucket.check().await.unwrap()), [named]);
        kept.lock().unwrap().insert(rule.to_owned(), body);
    }
    assert_eq!(bucket.check().await.unwrap(), []);
}

#[tokio::test]
async fn each_rule_that_is_weak_is_named() {
    let (server, kept) = server(Manners::Proper).await;
    let bucket = bucket(&server, &["https://app.clinic.example"]);
    bucket.apply().await.unwrap();
    let weaken = |rule: &str, strong: &str, weak: &str| {
        let mut kept = kept.lock().unwrap();
        let body = kept.get_mut(rule).unwrap();
        assert!(body.contains(strong), "{rule}: {body}");
        *body = body.replace(strong, weak);
    };
    weaken("publicAccessBlock", "<IgnorePublicAcls>true", "<IgnorePublicAcls>false");
    weaken("ownershipControls", "BucketOwnerEnforced", "ObjectWriter");
    weaken("versioning", "Enabled", "Suspended");
    weaken("encryption", "AES256", "aws:kms");
    weaken("lifecycle", "Enabled", "Disabled");
    weaken("cors", "https://app.clinic.example", "*");
    weaken("policy", "900000", "604800000");
    let findings = bucket.check().await.unwrap();
    assert_eq!(
        rules(&findings),
        [
            "block-public-access",
            "object-ownership",
            "versioning",
            "default-encryption",
            "lifecycle",
            "cors",
            "policy"
        ]
    );
    let told = findings[2].to_string();
    assert_eq!(told, "versioning: expected Enabled, found Suspended");
}

#[tokio::test]
async fn a_bucket_that_only_says_so_is_found_out() {
    let (server, _) = server(Manners::Careless).await;
    let bucket = bucket(&server, &[]);
    bucket.apply().await.unwrap();
    let findings = bucket.check().await.unwrap();
    assert_eq!(rules(&findings), ["put-without-encryption", "anonymous-get"]);
    assert_eq!(findings[1].found, "the answer 200");
    let deleted = server.heard().iter().filter(|line| line.starts_with("DELETE /files/0/")).count();
    assert_eq!(deleted, 2, "what was let in is taken away");
}

#[tokio::test]
async fn what_may_not_be_read_does_not_hold_and_what_does_not_answer_is_not_judged() {
    let refusing = Server::start(vec![status(403)]).await;
    let findings = bucket(&refusing, &[]).check().await.unwrap();
    assert_eq!(findings.len(), 8, "{findings:?}");
    assert_eq!(findings[0].found.trim(), "the refusal 403");

    let gone = Server::start(vec![Turn::Hang]).await;
    assert!(matches!(bucket(&gone, &[]).check().await, Err(CallError::Transport(_))));
    let failing = Server::start(vec![status(503)]).await;
    let told = bucket(&failing, &[]).check().await;
    assert!(matches!(told, Err(CallError::Status { status: 503, .. })), "{told:?}");
}
