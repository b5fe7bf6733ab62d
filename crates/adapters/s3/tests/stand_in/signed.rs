//! What a URL lets its holder do, and what not.

use std::sync::Arc;
use std::time::Duration;

use chrono::TimeDelta;
use restartix_kernel::{Clock as _, ExposeSecret as _, ManualClock, SystemClock};
use restartix_sandbox::s3::Signed;
use restartix_storage::{ObjectStore as _, Presentation, SignedRequest, conformance};

use crate::support::{Answer, BUCKET, PAGE, Stand, config, key, s3_at, send};

const BODY: &[u8] = b"%PDF-1.7 an upload";
const TTL: Duration = Duration::from_secs(600);

async fn upload(stand: &Stand) -> SignedRequest {
    let terms = conformance::announced(BODY);
    stand.s3.sign_put(&key(1, "uploads/test.pdf").await, &terms, TTL).await.unwrap()
}

fn with(headers: &[(String, String)], name: &str, value: &str) -> Vec<(String, String)> {
    let others = headers.iter().filter(|(found, _)| found != name).cloned();
    others.chain([(name.to_owned(), value.to_owned())]).collect()
}

fn without(headers: &[(String, String)], name: &str) -> Vec<(String, String)> {
    headers.iter().filter(|(found, _)| found != name).cloned().collect()
}

/// What became of a PUT to what the URL of `upload` is made into, with what its headers are made into.
async fn put_otherwise(
    url: impl FnOnce(&str) -> String,
    headers: impl FnOnce(&[(String, String)]) -> Vec<(String, String)>,
    body: &'static [u8],
) -> Answer {
    let stand = Stand::ready().await;
    let signed = upload(&stand).await;
    let honest = signed.url.expose_secret();
    let answer = send("PUT", &url(honest), &headers(&signed.headers), body).await;
    assert_eq!(stand.stand_in.objects(BUCKET), [], "something was kept");
    // It was the change that was refused, and nothing else.
    assert_eq!(send("PUT", honest, &signed.headers, BODY).await.status, 200);
    answer
}

fn code(answer: &Answer) -> (u16, &str) {
    let code = answer.body.split_once("<Code>").and_then(|(_, rest)| rest.split_once("</Code>"));
    (answer.status.as_u16(), code.map(|(code, _)| code).unwrap_or_default())
}

#[tokio::test]
async fn a_longer_body_is_refused() {
    let longer = |headers: &[_]| with(headers, "content-length", "19");
    let told = put_otherwise(str::to_owned, longer, b"%PDF-1.7 an upload!").await;
    assert_eq!(code(&told), (403, "SignatureDoesNotMatch"));
}

#[tokio::test]
async fn another_type_is_refused() {
    let html = |headers: &[_]| with(headers, "content-type", "text/html");
    let told = put_otherwise(str::to_owned, html, BODY).await;
    assert_eq!(code(&told), (403, "SignatureDoesNotMatch"));
}

#[tokio::test]
async fn other_bytes_are_refused() {
    let told = put_otherwise(str::to_owned, <[_]>::to_vec, b"%PDF-1.7 AN UPLOAD").await;
    assert_eq!(code(&told), (400, "BadDigest"));
    // Nor with the hash of the other bytes.
    let hash = |headers: &[_]| {
        with(headers, "x-amz-checksum-sha256", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=")
    };
    let told = put_otherwise(str::to_owned, hash, b"%PDF-1.7 AN UPLOAD").await;
    assert_eq!(told.status, 403);
}

#[tokio::test]
async fn no_encryption_header_is_refused() {
    let bare = |headers: &[_]| without(headers, "x-amz-server-side-encryption");
    assert_eq!(put_otherwise(str::to_owned, bare, BODY).await.status, 403);
    let kms = |headers: &[_]| with(headers, "x-amz-server-side-encryption", "aws:kms");
    assert_eq!(put_otherwise(str::to_owned, kms, BODY).await.status, 403);
}

#[tokio::test]
async fn another_key_is_refused() {
    for (ours, theirs) in [("/1/uploads/", "/2/uploads/"), ("test.pdf", "tesu.pdf")] {
        let other = |url: &str| url.replace(ours, theirs);
        let told = put_otherwise(other, <[_]>::to_vec, BODY).await;
        assert_eq!(code(&told), (403, "SignatureDoesNotMatch"));
    }
}

#[tokio::test]
async fn an_upload_after_expiry_is_refused() {
    let stand = Stand::ready().await;
    let terms = conformance::announced(BODY);
    let past = Arc::new(ManualClock::at(SystemClock.now() - TimeDelta::seconds(601)));
    let then = s3_at(&config(&stand.stand_in), past);
    let old = then.sign_put(&key(1, "uploads/test.pdf").await, &terms, TTL).await.unwrap();
    let told = send("PUT", old.url.expose_secret(), &old.headers, BODY).await;
    assert_eq!(told.status, 403);
    assert!(told.body.contains("Request has expired"), "{}", told.body);
    assert_eq!(stand.stand_in.objects(BUCKET), []);
    let longer = |url: &str| url.replace("X-Amz-Expires=600", "X-Amz-Expires=900");
    assert_eq!(code(&put_otherwise(longer, <[_]>::to_vec, BODY).await).0, 403);
}

#[tokio::test]
async fn an_uploads_url_takes_its_headers_and_no_others_and_is_journaled() {
    let stand = Stand::ready().await;
    let SignedRequest { url, headers, .. } = upload(&stand).await;
    let url = url.expose_secret();
    for (name, _) in &headers {
        // The client tells the length by itself, whatever it is told to.
        if name != "content-length" {
            let told = send("PUT", url, &without(&headers, name), BODY).await;
            assert_eq!(told.status, 403, "without {name}");
        }
    }
    let acl = with(&headers, "x-amz-acl", "public-read");
    let told = send("PUT", url, &acl, BODY).await;
    assert_eq!(told.status, 403, "what is not signed does not ride along");
    assert_eq!(send("GET", url, &headers, BODY).await.status, 403, "another method");
    assert_eq!(send("PUT", url, &headers, BODY).await.status, 200);
    let [object] = stand.stand_in.objects(BUCKET).try_into().unwrap();
    assert_eq!(object.key, "1/uploads/test.pdf");
    let asked = stand.stand_in.journal().pop().unwrap();
    assert_eq!((asked.signed, asked.operation.as_deref()), (Signed::Query, Some("PutObject")));
}

/// A URL to get an object that is there, signed so long ago.
async fn link(stand: &Stand, ago: i64) -> String {
    let key = key(1, "uploads/test.pdf").await;
    let version = stand.put(&key, BODY).await.unwrap();
    let presentation = Presentation {
        disposition: "attachment".to_owned(),
        content_type: "application/pdf".to_owned(),
    };
    let clock = Arc::new(ManualClock::at(SystemClock.now() - TimeDelta::seconds(ago)));
    let then = s3_at(&config(&stand.stand_in), clock);
    let signed = then.sign_get(&key, &version, &presentation, Duration::from_secs(60)).await;
    signed.unwrap().url.expose_secret().to_owned()
}

/// What became of a request with what the URL is made into, where the URL itself is good.
async fn get_otherwise(method: &str, url: impl FnOnce(&str) -> String) -> Answer {
    let stand = Stand::ready().await;
    let honest = link(&stand, 0).await;
    assert_eq!(send("GET", &honest, &[], b"").await.body.as_bytes(), BODY);
    let changed = url(&honest);
    send(method, &changed, &[], b"").await
}

#[tokio::test]
async fn a_download_of_another_key_is_refused() {
    let told = get_otherwise("GET", |url| url.replace("/1/uploads/", "/2/uploads/")).await;
    assert_eq!(code(&told), (403, "SignatureDoesNotMatch"));
}

#[tokio::test]
async fn a_download_by_another_method_is_refused() {
    for method in ["PUT", "DELETE", "POST"] {
        assert_eq!(get_otherwise(method, str::to_owned).await.status, 403, "{method}");
    }
}

#[tokio::test]
async fn a_download_after_expiry_is_refused() {
    let stand = Stand::ready().await;
    let told = send("GET", &link(&stand, 61).await, &[], b"").await;
    assert_eq!(told.status, 403);
    assert!(told.body.contains("Request has expired"), "{}", told.body);
    let longer = |url: &str| url.replace("X-Amz-Expires=60&", "X-Amz-Expires=600&");
    assert_eq!(get_otherwise("GET", longer).await.status, 403);
}

/// The customer's test: a signed URL for the same path, made as another organisation, leads to
/// what is not there.
#[tokio::test]
async fn the_same_path_as_organisation_2_is_not_there() {
    let stand = Stand::ready().await;
    let (ours, theirs) = (key(1, "uploads/test.pdf").await, key(2, "uploads/test.pdf").await);
    let version = stand.put(&ours, BODY).await.unwrap();
    let presentation = Presentation {
        disposition: "attachment; filename=\"a.pdf\"; filename*=UTF-8''%C8%99.pdf".to_owned(),
        content_type: "application/pdf".to_owned(),
    };
    let get = async |key| {
        let signed = stand.s3.sign_get(key, &version, &presentation, TTL).await.unwrap();
        send("GET", signed.url.expose_secret(), &[], b"").await
    };
    let found = get(&ours).await;
    assert_eq!((found.status.as_u16(), found.body.as_bytes()), (200, BODY));
    assert_eq!(found.header("content-disposition"), presentation.disposition);
    assert_eq!(found.header("content-type"), "application/pdf");
    assert_eq!(found.header("x-amz-version-id"), version.as_str());
    assert_eq!(get(&theirs).await.status, 404);
}

#[tokio::test]
async fn a_download_with_a_changed_disposition_is_refused() {
    let changes: [fn(&str) -> String; 5] = [
        |url| url.replace("disposition=attachment", "disposition=inline"),
        |url| url.replace("application%2Fpdf", "text%2Fhtml"),
        |url| url.replace("versionId=", "versionId=0"),
        |url| format!("{url}&response-cache-control=public"),
        |url| url.split_once('?').unwrap().0.to_owned(),
    ];
    for change in changes {
        assert_eq!(get_otherwise("GET", change).await.status, 403);
    }
}

#[tokio::test]
async fn a_page_of_ours_may_upload_and_a_strangers_may_not() {
    let stand = Stand::ready().await;
    let SignedRequest { url, headers, .. } = upload(&stand).await;
    let url = url.expose_secret();
    let mut names: Vec<_> = headers.iter().map(|(name, _)| name.as_str()).collect();
    names.retain(|name| *name != "content-length");
    let preflight = async |origin: &str, method: &str, names: &str| {
        let asks = [
            ("origin".to_owned(), origin.to_owned()),
            ("access-control-request-method".to_owned(), method.to_owned()),
            ("access-control-request-headers".to_owned(), names.to_owned()),
        ];
        send("OPTIONS", url, &asks, b"").await
    };
    let may = preflight(PAGE, "PUT", &names.join(",")).await;
    assert_eq!((may.status.as_u16(), may.header("access-control-allow-origin")), (200, PAGE));
    assert_eq!(preflight("https://evil.example", "PUT", "").await.status, 403);
    assert_eq!(preflight(PAGE, "DELETE", "").await.status, 403);
    assert_eq!(preflight(PAGE, "PUT", "authorization").await.status, 403);
    let put = send("PUT", url, &with(&headers, "origin", PAGE), BODY).await;
    assert_eq!((put.status.as_u16(), put.header("access-control-allow-origin")), (200, PAGE));
    let put = send("PUT", url, &with(&headers, "origin", "https://evil.example"), BODY).await;
    assert_eq!(put.header("access-control-allow-origin"), "");
}
