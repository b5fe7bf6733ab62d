//! The dispatcher against a server that misbehaves.

use futures_util::StreamExt as _;
use rusoto_s3::{
    DeleteObjectRequest, GetObjectRequest, HeadObjectRequest, ListObjectVersionsRequest, S3 as _,
};

use crate::CallError;
use crate::dispatch::client;
use crate::failure::failed;
use crate::testing::{Server, Turn, answer, status};

fn head(key: &str) -> HeadObjectRequest {
    HeadObjectRequest { bucket: "files".into(), key: key.into(), ..Default::default() }
}

fn get(key: &str) -> GetObjectRequest {
    GetObjectRequest { bucket: "files".into(), key: key.into(), ..Default::default() }
}

async fn asked(server: &Server, key: &str) -> Result<rusoto_s3::HeadObjectOutput, CallError> {
    let client = client(&server.engine(), "eu-central-1");
    client.head_object(head(key)).await.map_err(|error| failed("head", error))
}

#[tokio::test]
async fn a_request_is_addressed_and_signed_by_us() {
    let server = Server::start(vec![answer("x-amz-version-id: v1", "")]).await;
    assert_eq!(asked(&server, "1/uploads/a b+ț.pdf").await.unwrap().version_id.unwrap(), "v1");
    let heard = server.heard().remove(0);
    assert!(heard.starts_with("HEAD /files/1/uploads/a%20b%2B%C8%9B.pdf HTTP/1.1\r\n"), "{heard}");
    assert!(heard.contains(&format!("host: {}\r\n", server.url.trim_start_matches("http://"))));
    assert!(
        heard.contains(
            "/eu-central-1/s3/aws4_request, SignedHeaders=host;x-amz-content-sha256;x-amz-date, \
             Signature="
        ),
        "{heard}"
    );
    assert!(!heard.contains("the-secret"), "{heard}");
}

#[tokio::test]
async fn a_headers_byte_above_0x7f_is_no_panic() {
    let bytes = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nx-amz-meta-name: caf\xe9\x80\r\n\
        x-amz-version-id: v1\r\n\r\n";
    let server = Server::start(vec![Turn::Say(bytes.to_vec())]).await;
    let found = asked(&server, "1/a").await.unwrap();
    assert_eq!(found.version_id.as_deref(), Some("v1"));
    assert_eq!(found.metadata.unwrap()["name"], "caf\u{e9}\u{80}");
}

#[tokio::test]
async fn what_passes_is_tried_again() {
    let turns = vec![status(503), Turn::Hang, status(500), answer("x-amz-version-id: v4", "")];
    let server = Server::start(turns).await;
    assert_eq!(asked(&server, "1/a").await.unwrap().version_id.unwrap(), "v4");
    assert_eq!(server.heard().len(), 4);
}

#[tokio::test]
async fn what_does_not_pass_is_told_after_the_last_attempt_and_what_is_refused_at_once() {
    let server = Server::start(vec![status(503)]).await;
    let told = asked(&server, "1/a").await.unwrap_err();
    assert!(matches!(told, CallError::Status { status: 503, .. }), "{told:?}");
    assert_eq!(server.heard().len(), 4);

    for refusal in [403, 404, 301, 307] {
        let server = Server::start(vec![status(refusal)]).await;
        let told = asked(&server, "1/a").await.unwrap_err();
        assert!(matches!(told, CallError::Status { status, .. } if status == refusal), "{told:?}");
        assert_eq!(server.heard().len(), 1, "{refusal}");
    }
}

#[tokio::test]
async fn silence_ends() {
    let server = Server::start(vec![Turn::Stall(Vec::new())]).await;
    let started = std::time::Instant::now();
    let told = asked(&server, "1/a").await.unwrap_err();
    assert!(matches!(told, CallError::Transport(_)), "{told:?}");
    assert!(format!("{told:?}").contains("took longer than 300ms"), "{told:?}");
    assert!(started.elapsed().as_secs() < 5);
}

#[tokio::test]
async fn a_body_that_breaks_off_or_stalls_is_an_error_at_its_end() {
    let begun = b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\n12345".to_vec();
    for turn in [Turn::Say(begun.clone()), Turn::Stall(begun)] {
        let server = Server::start(vec![turn]).await;
        let client = client(&server.engine(), "eu-central-1");
        let found = client.get_object(get("1/a")).await.unwrap();
        let parts: Vec<_> = found.body.unwrap().collect().await;
        assert_eq!(parts.first().unwrap().as_ref().unwrap().as_ref(), b"12345");
        assert!(parts.last().unwrap().is_err(), "{parts:?}");
    }
}

#[tokio::test]
async fn a_list_that_breaks_off_is_asked_for_again() {
    let begun = b"HTTP/1.1 200 OK\r\ncontent-length: 999\r\n\r\n<List".to_vec();
    let whole = "<ListVersionsResult><Version><Key>1/a</Key><VersionId>v1</VersionId></Version>\
        </ListVersionsResult>";
    let server = Server::start(vec![Turn::Say(begun), answer("", whole)]).await;
    let client = client(&server.engine(), "eu-central-1");
    let request = ListObjectVersionsRequest { bucket: "files".into(), ..Default::default() };
    let versions = client.list_object_versions(request).await.unwrap().versions.unwrap();
    assert_eq!(versions[0].version_id.as_deref(), Some("v1"));
    let heard = server.heard();
    assert_eq!(heard.len(), 2);
    assert!(heard[0].starts_with("GET /files?versions= HTTP/1.1\r\n"), "{}", heard[0]);
}

#[tokio::test]
async fn an_endless_answer_is_cut() {
    let mut endless = b"HTTP/1.1 200 OK\r\n\r\n".to_vec();
    endless.resize(9 * 1024 * 1024, b'x');
    let server = Server::start(vec![Turn::Say(endless)]).await;
    let client = client(&server.engine(), "eu-central-1");
    let request =
        DeleteObjectRequest { bucket: "files".into(), key: "1/a".into(), ..Default::default() };
    let told = client.delete_object(request).await.map_err(|error| failed("delete", error));
    assert!(format!("{:?}", told.unwrap_err()).contains("is too large"));
    assert_eq!(server.heard().len(), 1, "and not asked for again");
}
