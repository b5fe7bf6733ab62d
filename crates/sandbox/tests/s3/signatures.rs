use serde_json::json;

use crate::support::{Stand, USUAL, Way, checksum};

const HOSTILE: [&str; 8] = [
    "/files/../other/a",
    "/files/1/../2/a",
    "/files/1/%2e%2e/2/a",
    "/files/1/./a",
    "/files/1%5Ca",
    "/files//1/a",
    "/files/1/a%00",
    "/files/1/a%0Ab",
];

#[tokio::test(flavor = "multi_thread")]
async fn only_the_owner_is_let_in_and_only_as_it_was_signed() {
    let stand = Stand::new().await;
    assert_eq!(stand.ask("PUT", "/files/1/a", &[], "x").await.status, 200);
    let told = async |way| {
        let answer = stand.ask_so(way, "GET", "/files/1/a", &[("range", "bytes=0-0")], "").await;
        (answer.status, answer.field("Code").to_owned())
    };
    let is = |status: u16, code: &str| (status, code.to_owned());
    assert_eq!(told(USUAL).await.0, 206);
    assert_eq!(told(Way { secret: "wrong", ..USUAL }).await, is(403, "SignatureDoesNotMatch"));
    let other = Way { region: "us-east-1", ..USUAL };
    assert_eq!(told(other).await, is(400, "AuthorizationHeaderMalformed"));
    assert_eq!(told(Way { ago: 3600, ..USUAL }).await, is(403, "RequestTimeTooSkewed"));
    let unsent = Way { unsent: "range", ..USUAL };
    assert_eq!(told(unsent).await, is(403, "SignatureDoesNotMatch"));
    let unsigned = Way { unsigned: &[("x-amz-meta-a", "b")], ..USUAL };
    assert_eq!(told(unsigned).await, is(403, "AccessDenied"));
    let nobody = stand.send("GET", "/files/1/a", &[], b"").await;
    assert_eq!(nobody.told(), (403, "AccessDenied"));
    let old = [("authorization", "AWS sandbox-access-key:c2lnbmF0dXJl")];
    assert_eq!(stand.send("GET", "/files/1/a", &old, b"").await.told(), (400, "InvalidRequest"));
    let old = "/files/1/a?AWSAccessKeyId=sandbox-access-key&Expires=9999999999&Signature=x";
    assert_eq!(stand.send("GET", old, &[], b"").await.told(), (400, "InvalidRequest"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_is_not_what_was_said_is_refused() {
    let stand = Stand::new().await;
    let wrong = checksum("something else");
    let answer = stand.ask("PUT", "/files/1/a", &[("x-amz-checksum-sha256", &wrong)], "x").await;
    assert_eq!(answer.told(), (400, "BadDigest"));
    // The hash in the signature is of what was signed, not of what was sent.
    let hash = "0".repeat(64);
    let way = Way { unsent: "x-amz-content-sha256", ..USUAL };
    let way = Way { unsigned: &[("x-amz-content-sha256", &hash)], ..way };
    assert_eq!(stand.ask_so(way, "PUT", "/files/1/a", &[], "x").await.status, 403);
    assert!(stand.keys().is_empty());
    let right = checksum("x");
    let answer = stand.ask("PUT", "/files/1/a", &[("x-amz-checksum-sha256", &right)], "x").await;
    assert_eq!((answer.status, answer.header("x-amz-checksum-sha256")), (200, right.as_str()));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_stand_in_cannot_do_is_never_ignored() {
    let stand = Stand::new().await;
    let put = async |header| stand.ask("PUT", "/files/1/a", &[header], "x").await;
    for header in [
        ("if-none-match", "*"),
        ("x-amz-object-lock-mode", "COMPLIANCE"),
        ("x-amz-grant-read", "uri=http://acs.amazonaws.com/groups/global/AllUsers"),
        ("x-amz-server-side-encryption-customer-algorithm", "AES256"),
        ("x-amz-tagging", "a=b"),
    ] {
        assert_eq!(put(header).await.told(), (501, "NotImplemented"), "{header:?}");
    }
    assert_eq!(put(("x-amz-security-token", "t")).await.told(), (400, "InvalidToken"));
    assert_eq!(put(("content-md5", "AAAAAAAAAAAAAAAAAAAAAA==")).await.told(), (400, "BadDigest"));
    let twice = Way { unsigned: &[("x-amz-server-side-encryption", "aws:kms")], ..USUAL };
    let sse = [("x-amz-server-side-encryption", "AES256")];
    let answer = stand.ask_so(twice, "PUT", "/files/1/a", &sse, "x").await;
    assert_eq!(answer.told(), (400, "InvalidArgument"));
    let answer = stand.ask("GET", "/files/1/a?versionId=a&versionId=b", &[], "").await;
    assert_eq!(answer.told(), (400, "InvalidArgument"));
    let answer = stand.ask("GET", "/files?list-type=2", &[], "").await;
    assert_eq!(answer.told(), (501, "NotImplemented"));
    assert!(stand.keys().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_that_could_lead_elsewhere_are_refused_whoever_asks() {
    let stand = Stand::new().await;
    for target in HOSTILE {
        for method in ["PUT", "GET", "DELETE"] {
            let answer = stand.ask(method, target, &[], "").await;
            assert!((400..500).contains(&answer.status), "{method} {target}: {answer:?}");
        }
        let answer = stand.send("GET", target, &[], b"").await;
        assert!((400..500).contains(&answer.status), "{target}: {answer:?}");
    }
    let delete = "<Delete><Object><Key>1/../a</Key></Object></Delete>";
    let answer = stand.ask("POST", "/files?delete", &[], delete).await;
    assert_eq!(answer.told(), (200, "InvalidRequest"));
    let source = [("x-amz-copy-source", "files/1/../a")];
    assert_eq!(stand.ask("PUT", "/files/1/b", &source, "").await.status, 400);
    assert!(stand.keys().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_journal_names_what_was_asked_and_holds_no_signature_and_no_body() {
    let stand = Stand::new().await;
    stand.ask("PUT", "/files/1/a%20b", &[], "a secret").await;
    stand.send("GET", "/files/1/a?X-Amz-Signature=abcdef", &[], b"").await;
    let [.., put, get] = &stand.s3.journal()[..] else { panic!("two were asked") };
    assert_eq!((put.bucket.as_str(), put.key.as_str()), ("files", "1/a b"));
    assert_eq!((put.operation.as_deref(), put.length), (Some("PutObject"), 8));
    assert_eq!((get.operation.as_deref(), get.status), (None, Some(400)));
    let answer = stand.send("GET", "/_sandbox/journal", &[], b"").await;
    assert!(answer.body.contains("\"a b\"") || answer.body.contains("1/a b"));
    for secret in ["a secret", "abcdef", "Credential"] {
        assert!(!answer.body.contains(secret), "{}", answer.body);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn switches_are_told_over_http_and_misspelt_ones_refused() {
    let stand = Stand::new().await;
    let tell = async |patch: serde_json::Value| {
        stand.send("POST", "/_sandbox/switches", &[], patch.to_string().as_bytes()).await.status
    };
    assert_eq!(tell(json!({"status_5xx": 1, "cut_bodies": 2})).await, 200);
    let failing = stand.ask("GET", "/files/1/a", &[], "").await;
    assert_eq!(failing.told(), (503, "ServiceUnavailable"));
    assert_eq!(stand.ask("GET", "/files/1/a", &[], "").await.told(), (404, "NoSuchKey"));
    assert_eq!(stand.s3.switches().cut_bodies, 2);
    assert_eq!(tell(json!({"cut_body": 1})).await, 400);
    assert_eq!(tell(json!([])).await, 400);
}
