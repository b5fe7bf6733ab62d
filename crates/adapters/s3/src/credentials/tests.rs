//! The sources over loopback sockets, and the cache.

use std::io::Write as _;
use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use restartix_kernel::{ExposeSecret, ManualClock};
use rusoto_core::credential::ProvideAwsCredentials as _;

use super::{Authorization, CredentialCache, CredentialSource, CredentialsError};
use crate::http::Http;
use crate::testing::{Server, Turn, answer, impatient, status};

fn start() -> DateTime<Utc> {
    "2026-11-24T10:00:00Z".parse().unwrap()
}

fn document(id: &str, expires: &str) -> Turn {
    let body = format!(
        "{{\"Code\":\"Success\",\"AccessKeyId\":\"{id}\",\"SecretAccessKey\":\"s-{id}\",\
         \"Token\":\"t-{id}\",\"Expiration\":\"{expires}\"}}"
    );
    answer("content-type: application/json", &body)
}

fn cache(source: CredentialSource) -> (CredentialCache, Arc<ManualClock>) {
    let clock = Arc::new(ManualClock::at(start()));
    let http = Arc::new(Http::new(impatient()).unwrap());
    (CredentialCache::new(source, http, clock.clone()), clock)
}

fn container(server: &Server, authorization: Authorization) -> CredentialSource {
    CredentialSource::Container { url: format!("{}/v2/credentials/7", server.url), authorization }
}

#[tokio::test]
async fn a_containers_agent_is_asked_with_its_token() {
    let server = Server::start(vec![document("ASIAONE", "2026-11-24T16:00:00Z")]).await;
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(b"the-token\n").unwrap();
    for (number, authorization) in
        [Authorization::Token("the-token".into()), Authorization::File(file.path().to_owned())]
            .into_iter()
            .enumerate()
    {
        let (cache, _) = cache(container(&server, authorization));
        let got = cache.credentials().await.unwrap();
        assert_eq!(got.aws_access_key_id(), "ASIAONE");
        assert_eq!(got.token().as_deref(), Some("t-ASIAONE"));
        let heard = server.heard().remove(number);
        assert!(heard.starts_with("GET /v2/credentials/7 HTTP/1.1\r\n"), "{heard}");
        assert!(heard.contains("authorization: the-token\r\n"), "{heard}");
    }
}

#[tokio::test]
async fn an_instance_is_asked_with_a_session_and_never_without() {
    let turns = vec![
        answer("", "AQAEA/session+token=="),
        answer("", "clinic-role"),
        document("ASIATWO", "2026-11-24T16:00:00Z"),
    ];
    let server = Server::start(turns).await;
    let (cached, _) = cache(CredentialSource::Instance { endpoint: server.url.clone() });
    assert_eq!(cached.get().await.unwrap().access_key_id, "ASIATWO");
    let heard = server.heard();
    assert!(heard[0].starts_with("PUT /latest/api/token HTTP/1.1\r\n"), "{}", heard[0]);
    assert!(heard[0].contains("x-aws-ec2-metadata-token-ttl-seconds: 60\r\n"), "{}", heard[0]);
    let path = "/latest/meta-data/iam/security-credentials/";
    assert!(heard[1].starts_with(&format!("GET {path} HTTP")), "{}", heard[1]);
    assert!(heard[2].starts_with(&format!("GET {path}clinic-role HTTP")), "{}", heard[2]);
    for request in &heard[1..] {
        assert!(request.contains("x-aws-ec2-metadata-token: AQAEA/session+token==\r\n"));
    }

    // What speaks version 1 only gives no session: nothing else is asked.
    let server = Server::start(vec![status(404)]).await;
    let (cached, _) = cache(CredentialSource::Instance { endpoint: server.url.clone() });
    assert!(matches!(cached.get().await, Err(CredentialsError::Status(404))));
    assert_eq!(server.heard().len(), 1);
}

#[tokio::test]
async fn credentials_are_kept_until_shortly_before_their_end() {
    let turns = vec![
        document("ASIAONE", "2026-11-24T16:00:00Z"),
        document("ASIATWO", "2026-11-24T22:00:00Z"),
    ];
    let server = Server::start(turns).await;
    let (cache, clock) = cache(container(&server, Authorization::None));
    let id = async || cache.get().await.unwrap().access_key_id;
    assert_eq!(id().await, "ASIAONE");
    clock.set(start() + TimeDelta::minutes(343));
    assert_eq!((id().await.as_str(), server.heard().len()), ("ASIAONE", 1));
    clock.set(start() + TimeDelta::minutes(344));
    assert_eq!(id().await, "ASIATWO");
    let (one, two) = tokio::join!(id(), id());
    assert_eq!((one.as_str(), two.as_str(), server.heard().len()), ("ASIATWO", "ASIATWO", 2));
}

#[tokio::test]
async fn old_credentials_serve_while_no_new_ones_can_be_had_and_no_longer() {
    let server =
        Server::start(vec![document("ASIAONE", "2026-11-24T16:00:00Z"), status(500)]).await;
    let (cache, clock) = cache(container(&server, Authorization::None));
    cache.get().await.unwrap();
    clock.set(start() + TimeDelta::minutes(350));
    assert_eq!(cache.get().await.unwrap().access_key_id, "ASIAONE");
    cache.get().await.unwrap();
    assert_eq!(server.heard().len(), 2, "within a second nobody asks again");
    clock.set(start() + TimeDelta::minutes(360));
    assert!(matches!(cache.get().await, Err(CredentialsError::Status(500))));
    assert!(matches!(cache.get().await, Err(CredentialsError::Recent)));
}

#[tokio::test]
async fn a_silent_or_endless_giver_ends_and_what_has_expired_is_none() {
    let mut endless = b"HTTP/1.1 200 OK\r\n\r\n".to_vec();
    endless.resize(200 * 1024, b' ');
    for turn in [Turn::Stall(Vec::new()), Turn::Say(endless), Turn::Hang] {
        let server = Server::start(vec![turn]).await;
        let (cache, _) = cache(container(&server, Authorization::None));
        assert!(matches!(cache.get().await, Err(CredentialsError::Endpoint(_))));
    }
    let server = Server::start(vec![document("ASIAOLD", "2026-11-24T09:59:00Z")]).await;
    let (cache, _) = cache(container(&server, Authorization::None));
    assert!(matches!(cache.get().await, Err(CredentialsError::Expired)));
}

#[tokio::test]
async fn a_profile_is_read_again_now_and_then() {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    let write = |file: &mut tempfile::NamedTempFile, id: &str| {
        let text = format!("[clinic]\naws_access_key_id={id}\naws_secret_access_key=s-{id}\n");
        std::fs::write(file.path(), text).unwrap();
        file.flush().unwrap();
    };
    write(&mut file, "AKIDONE");
    let source =
        CredentialSource::Profile { file: file.path().to_owned(), name: "clinic".to_owned() };
    let (cache, clock) = cache(source);
    let got = cache.get().await.unwrap();
    assert_eq!(got.secret_access_key.expose_secret(), "s-AKIDONE");
    write(&mut file, "AKIDTWO");
    assert_eq!(cache.get().await.unwrap().access_key_id, "AKIDONE");
    clock.advance(TimeDelta::minutes(15));
    assert_eq!(cache.get().await.unwrap().access_key_id, "AKIDTWO");
    assert!(!format!("{got:?}").contains("s-AKIDONE"));
}
