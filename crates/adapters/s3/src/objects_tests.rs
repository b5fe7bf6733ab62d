//! Objects over a socket that a test controls: what is sent, and what is made of broken answers.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use futures_util::{StreamExt as _, stream};
use restartix_kernel::SystemClock;
use restartix_storage::Parts;
use sha2::{Digest, Sha256};

use crate::presign::Body;
use crate::testing::{Server, Turn, answer, random, status};
use crate::{CallError, Config, Health, S3};

const TEXT: &[u8] = b"what a patient uploads";

fn s3(config: &Config) -> S3 {
    S3::new(config, Arc::new(SystemClock), random()).unwrap()
}

fn parts(parts: Vec<Result<&'static [u8], io::Error>>) -> Parts {
    Box::pin(stream::iter(parts.into_iter().map(|part| part.map(Bytes::from_static))))
}

async fn put(server: &Server, body: Parts) -> Result<String, CallError> {
    let sha256 = Sha256::digest(TEXT).into();
    let size = u64::try_from(TEXT.len()).unwrap();
    let terms = Body { content_type: "text/plain", size, sha256: &sha256 };
    s3(&server.config()).put_object("1/uploads/test.txt", &terms, body).await
}

#[tokio::test]
async fn an_upload_is_bound_to_its_hash_and_encrypted() {
    let server = Server::start(vec![answer("x-amz-version-id: v1", "")]).await;
    let body = parts(vec![Ok(&TEXT[..4]), Ok(&TEXT[4..])]);
    assert_eq!(put(&server, body).await.unwrap(), "v1");
    let heard = server.heard().remove(0);
    let (head, body) = heard.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("PUT /files/1/uploads/test.txt HTTP/1.1\r\n"), "{head}");
    assert_eq!(body.as_bytes(), TEXT);
    let hash = Sha256::digest(TEXT);
    let head = format!("{head}\r\n");
    for line in [
        format!("\r\nx-amz-content-sha256: {}\r\n", hex::encode(hash)),
        format!("\r\ncontent-length: {}\r\n", TEXT.len()),
        "\r\nx-amz-server-side-encryption: AES256\r\n".to_owned(),
        "SignedHeaders=content-length;content-type;host;x-amz-checksum-sha256;x-amz-content-sha256;\
         x-amz-date;x-amz-server-side-encryption, "
            .to_owned(),
    ] {
        assert!(head.contains(&line), "{line} is not in {head}");
    }
}

#[tokio::test]
async fn a_body_that_is_not_what_was_said_is_given_up_and_never_sent_again() {
    for body in [
        parts(vec![Ok(&TEXT[..4])]),
        parts(vec![Ok(TEXT), Ok(b"more")]),
        parts(vec![Ok(&TEXT[..4]), Err(io::ErrorKind::ConnectionReset.into())]),
    ] {
        let server = Server::start(vec![answer("x-amz-version-id: v1", "")]).await;
        let told = put(&server, body).await;
        assert!(matches!(told, Err(CallError::Body(_))), "{told:?}");
        assert!(server.heard().len() <= 1);
    }
}

#[tokio::test]
async fn a_refused_upload_is_told_with_s3s_code_and_not_repeated() {
    for (head, code) in [("400 X", "BadDigest"), ("403 X", "AccessDenied"), ("503 X", "SlowDown")] {
        let body = format!("<Error><Code>{code}</Code></Error>");
        let length = body.len();
        let said = format!("HTTP/1.1 {head}\r\ncontent-length: {length}\r\n\r\n{body}");
        let server = Server::start(vec![Turn::Say(said.into())]).await;
        let told = put(&server, parts(vec![Ok(TEXT)])).await;
        assert!(
            matches!(&told, Err(CallError::Status { code: told, .. }) if told == code),
            "{told:?}"
        );
        assert_eq!(server.heard().len(), 1);
    }
    let server = Server::start(vec![status(200)]).await;
    let told = put(&server, parts(vec![Ok(TEXT)])).await;
    assert!(matches!(told, Err(CallError::Answer { what: "no version", .. })), "{told:?}");
}

#[tokio::test]
async fn a_source_that_stalls_ends_an_upload_and_a_slow_one_does_not() {
    let server = Server::start(vec![answer("x-amz-version-id: v1", "")]).await;
    let stalled = stream::once(async { Ok(Bytes::from_static(&TEXT[..4])) });
    let told = put(&server, Box::pin(stalled.chain(stream::pending()))).await;
    assert!(matches!(told, Err(CallError::TimedOut(_))), "{told:?}");

    // Half a second in all, though silence ends after three tenths.
    let slow = stream::iter(TEXT.chunks(4)).then(|part| async move {
        tokio::time::timeout(Duration::from_millis(90), std::future::pending::<()>()).await.ok();
        Ok(Bytes::from_static(part))
    });
    assert_eq!(put(&server, Box::pin(slow)).await.unwrap(), "v1");
}

#[tokio::test]
async fn health_is_what_s3_does_and_not_what_a_source_does() {
    let turns = vec![status(503), status(403), Turn::Hang, answer("x-amz-version-id: v1", "")];
    let server = Server::start(turns).await;
    let config = Config { attempts: 1, ..server.config() };
    let s3 = s3(&config);
    assert_eq!(s3.health(), Health::Unknown);
    s3.probe().await.unwrap_err();
    assert!(matches!(s3.health(), Health::Failing { .. }));
    s3.probe().await.unwrap_err();
    assert_eq!(s3.health(), Health::Ok, "a refusal is an answer");
    s3.probe().await.unwrap_err();
    let Health::Failing { since } = s3.health() else { panic!("a broken connection is a failure") };

    let sha256 = Sha256::digest(TEXT).into();
    let size = u64::try_from(TEXT.len()).unwrap();
    let terms = Body { content_type: "text/plain", size, sha256: &sha256 };
    s3.put_object("1/a", &terms, parts(vec![Ok(TEXT)])).await.unwrap();
    assert_eq!(s3.health(), Health::Ok);
    for broken in [parts(vec![Ok(b"half")]), Box::pin(stream::pending())] {
        s3.put_object("1/a", &terms, broken).await.unwrap_err();
        assert_eq!(s3.health(), Health::Ok, "since {since}");
    }
}

#[tokio::test]
async fn what_is_not_there_is_none() {
    let missing = "<Error><Code>NoSuchKey</Code></Error>";
    let said = format!("HTTP/1.1 404 X\r\ncontent-length: {}\r\n\r\n{missing}", missing.len());
    let server = Server::answering(move |line, _| {
        if line.starts_with("HEAD") { status(404) } else { Turn::Say(said.clone().into()) }
    })
    .await;
    let s3 = s3(&server.config());
    assert!(s3.head_object("2/uploads/test.pdf", None).await.unwrap().is_none());
    assert!(s3.read_object("2/uploads/test.pdf", Some("v1")).await.unwrap().is_none());
}

#[tokio::test]
async fn a_version_is_known_and_read_by_its_name() {
    let head = "x-amz-version-id: v7\r\nx-amz-server-side-encryption: AES256\r\n\
        content-type: application/pdf";
    let server = Server::start(vec![answer(head, "%PDF-1.7")]).await;
    let s3 = s3(&server.config());
    let facts = s3.head_object("1/a", Some("v7")).await.unwrap().unwrap();
    assert_eq!((facts.version.as_str(), facts.size), ("v7", 8));
    assert_eq!(facts.encryption.as_deref(), Some("AES256"));
    assert_eq!(facts.content_type.as_deref(), Some("application/pdf"));
    let (size, parts) = s3.read_object("1/a", Some("v7")).await.unwrap().unwrap();
    let bytes: Vec<u8> = parts.map(|part| part.unwrap().to_vec()).concat().await;
    assert_eq!((size, bytes.as_slice()), (8, &b"%PDF-1.7"[..]));
    assert!(server.heard()[1].starts_with("GET /files/1/a?versionId=v7 "), "{:?}", server.heard());
}

#[tokio::test]
async fn every_version_and_marker_of_a_key_goes_and_no_other() {
    let list = "<ListVersionsResult>\
        <Version><Key>1/a</Key><VersionId>v1</VersionId></Version>\
        <DeleteMarker><Key>1/a</Key><VersionId>m2</VersionId></DeleteMarker>\
        <Version><Key>1/ab</Key><VersionId>v3</VersionId></Version></ListVersionsResult>";
    let turns = vec![
        answer("", list),
        answer("", "<DeleteResult></DeleteResult>"),
        answer("", "<ListVersionsResult></ListVersionsResult>"),
    ];
    let server = Server::start(turns).await;
    s3(&server.config()).delete_object("1/a").await.unwrap();
    let heard = server.heard();
    assert_eq!(heard.len(), 3);
    assert!(
        heard[0].starts_with("GET /files?max-keys=1000&prefix=1%2Fa&versions= "),
        "{}",
        heard[0]
    );
    assert!(heard[1].starts_with("POST /files?delete= ") && heard[1].contains("content-md5: "));
    assert!(heard[1].contains("<VersionId>v1</") && heard[1].contains("<VersionId>m2</"));
    assert!(!heard[1].contains("v3") && !heard[1].contains("1/ab"), "{}", heard[1]);

    let refusal =
        "<DeleteResult><Error><Key>1/a</Key><Code>AccessDenied</Code></Error></DeleteResult>";
    let server = Server::start(vec![answer("", list), answer("", refusal)]).await;
    let told = s3(&server.config()).delete_object("1/a").await;
    assert!(
        matches!(&told, Err(CallError::Status { status: 403, code, .. }) if code == "AccessDenied"),
        "{told:?}"
    );
}

#[tokio::test]
async fn a_large_upload_is_pulled_no_faster_than_it_leaves() {
    // A server that takes the connection and never reads.
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = Some(format!("http://{}", listener.local_addr().unwrap()));
    let taken = tokio::spawn(async move {
        let connection = listener.accept().await.unwrap();
        std::future::pending::<()>().await;
        drop(connection);
    });
    let idle = Server::start(vec![Turn::Hang]).await;
    let s3 = s3(&Config { endpoint, ..idle.config() });
    let (part, size) = (Bytes::from(vec![b'x'; 64 * 1024]), 1 << 30);
    let pulled = Arc::new(AtomicUsize::new(0));
    let count = pulled.clone();
    let source = stream::repeat_with(move || {
        count.fetch_add(part.len(), Ordering::Relaxed);
        Ok(part.clone())
    });
    let terms = Body { content_type: "video/mp4", size, sha256: &[7; 32] };
    let told = s3.put_object("1/recordings/a", &terms, Box::pin(source)).await;
    assert!(matches!(told, Err(CallError::TimedOut(_))), "{told:?}");
    // What the sockets hold, of a gibibyte.
    assert!(pulled.load(Ordering::Relaxed) < 16 * 1024 * 1024, "{pulled:?}");
    taken.abort();
}
