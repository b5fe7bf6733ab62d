//! What a URL lets its holder do, and what not.

use std::sync::Arc;
use std::time::Duration;

use chrono::TimeDelta;
use restartix_kernel::{Clock as _, ExposeSecret as _, ManualClock, SystemClock};
use restartix_sandbox::s3::Signed;
use restartix_storage::{ObjectStore as _, Presentation, SignedRequest, conformance};

use crate::support::{BUCKET, PAGE, Stand, config, key, s3_at, send};

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

#[tokio::test]
async fn an_uploads_url_takes_its_body_and_no_other() {
    let stand = Stand::ready().await;
    let SignedRequest { url, headers, .. } = upload(&stand).await;
    let url = url.expose_secret();
    let put = async |headers: &[(String, String)], body| {
        let answer = send("PUT", url, headers, body).await;
        (answer.status.as_u16(), answer.body)
    };
    let other = put(&headers, b"%PDF-1.7 AN UPLOAD").await;
    assert_eq!(other.0, 400, "other bytes: {}", other.1);
    assert!(other.1.contains("<Code>BadDigest</Code>"), "{}", other.1);
    let longer = with(&headers, "content-length", "19");
    assert_eq!(put(&longer, b"%PDF-1.7 an upload!").await.0, 403, "longer");
    let html = with(&headers, "content-type", "text/html");
    assert_eq!(put(&html, BODY).await.0, 403, "another type");
    let kms = with(&headers, "x-amz-server-side-encryption", "aws:kms");
    assert_eq!(put(&kms, BODY).await.0, 403, "another encryption");
    for (name, _) in &headers {
        // The client tells the length by itself, whatever it is told to.
        if name != "content-length" {
            assert_eq!(put(&without(&headers, name), BODY).await.0, 403, "without {name}");
        }
    }
    let acl = with(&headers, "x-amz-acl", "public-read");
    assert_eq!(put(&acl, BODY).await.0, 403, "what is not signed does not ride along");
    assert_eq!(stand.stand_in.objects(BUCKET), []);

    assert_eq!(put(&headers, BODY).await.0, 200);
    let [object] = stand.stand_in.objects(BUCKET).try_into().unwrap();
    assert_eq!(object.key, "1/uploads/test.pdf");
    let asked = stand.stand_in.journal().pop().unwrap();
    assert_eq!((asked.signed, asked.operation.as_deref()), (Signed::Query, Some("PutObject")));
}

#[tokio::test]
async fn a_url_is_for_one_key_one_method_and_one_while() {
    let stand = Stand::ready().await;
    let SignedRequest { url, headers, .. } = upload(&stand).await;
    let url = url.expose_secret();
    let other = url.replace("/1/uploads/", "/2/uploads/");
    assert_eq!(send("PUT", &other, &headers, BODY).await.status, 403, "another organisation");
    assert_eq!(send("GET", url, &headers, BODY).await.status, 403, "another method");
    let longer = url.replace("X-Amz-Expires=600", "X-Amz-Expires=900");
    assert_eq!(send("PUT", &longer, &headers, BODY).await.status, 403, "a longer while");

    let terms = conformance::announced(BODY);
    let past = Arc::new(ManualClock::at(SystemClock.now() - TimeDelta::seconds(601)));
    let then = s3_at(&config(&stand.stand_in), past);
    let old = then.sign_put(&key(1, "uploads/test.pdf").await, &terms, TTL).await.unwrap();
    let answer = send("PUT", old.url.expose_secret(), &old.headers, BODY).await;
    assert_eq!(answer.status, 403);
    assert!(answer.body.contains("Request has expired"), "{}", answer.body);
    assert_eq!(stand.stand_in.objects(BUCKET), []);
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
async fn how_a_download_presents_itself_cannot_be_changed() {
    let stand = Stand::ready().await;
    let key = key(1, "uploads/test.pdf").await;
    let version = stand.put(&key, BODY).await.unwrap();
    let presentation = Presentation {
        disposition: "attachment".to_owned(),
        content_type: "application/pdf".to_owned(),
    };
    let signed = stand.s3.sign_get(&key, &version, &presentation, TTL).await.unwrap();
    let url = signed.url.expose_secret();
    for changed in [
        url.replace("disposition=attachment", "disposition=inline"),
        url.replace("application%2Fpdf", "text%2Fhtml"),
        url.replace("versionId=", "versionId=0"),
        format!("{url}&response-cache-control=public"),
        url.split_once('?').unwrap().0.to_owned(),
    ] {
        assert_ne!(changed, url);
        assert_eq!(send("GET", &changed, &[], b"").await.status, 403, "{changed}");
    }
    assert_eq!(send("GET", url, &[], b"").await.status, 200);
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
