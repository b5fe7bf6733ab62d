//! What is told of a configuration, and what is not.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking, in its helpers as well")]

use std::io::Write;
use std::path::Path;

use restartix_core_api::config::{Environment, Faults, Server, Settings, Tokens};
use restartix_kernel::ExposeSecret;
use restartix_s3::CredentialSource;

const SECRET: &str = "a-secret-of-more-than-thirty-two-bytes";

/// A key that seals: 32 zeros.
const KEY: &str = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";

/// What a server in development needs, with `more` over it.
fn development(more: &[(&str, &str)]) -> Environment {
    let usual = [
        ("CORE_PROFILE", "development"),
        ("CORE_DATABASE__APP_URL", "postgres://core_app:pw-app@127.0.0.1/core"),
        ("CORE_DATABASE__WORKER_URL", "postgres://core_worker:pw-worker@127.0.0.1/core"),
        ("CORE_IDENTITY__HS256_SECRET", SECRET),
        ("CORE_DAILY__API_KEY", "key-of-the-account"),
    ];
    let pairs = usual.iter().chain(more);
    Environment::of(pairs.map(|(name, value)| ((*name).to_owned(), (*value).to_owned())))
}

fn server(environment: &Environment) -> Result<Server, Faults> {
    Server::read(&Settings::load(None, environment))
}

fn faults(more: &[(&str, &str)]) -> String {
    server(&development(more)).unwrap_err().to_string()
}

#[test]
fn a_server_in_development_needs_little() {
    let config = server(&development(&[])).unwrap();
    assert_eq!(config.http.public_url, "http://127.0.0.1:8080");
    assert_eq!(config.database.pool_size, 16);
    assert_eq!(config.daily.base_url, "https://api.daily.co/v1");
}

#[test]
fn every_fault_is_named_at_once() {
    let told = faults(&[
        ("CORE_HTTP__BIND", "localhost"),
        ("CORE_HTTP__PUBLIC_URL", "api.clinic.example"),
        ("CORE_HTTP__TRUSTED_PROXIES", "10.0.0.0/8, 10.0.0.0/99"),
        ("CORE_HTTP__CORS_ORIGINS", "*"),
        ("CORE_HTTP__WORKERS", "0"),
        ("CORE_HTTP__WORKRES", "2"),
        ("CORE_DATABASE__APP_URL", "db.example"),
        ("CORE_DATABASE__WORKER_URL", "postgres://postgres@127.0.0.1/core"),
        ("CORE_DATABASE__POOL_SIZE", "many"),
        ("CORE_DATABASE__CA_FILE", "/nonexistent/ca.pem"),
        ("CORE_REDIS__URL", "127.0.0.1:6379"),
        ("CORE_IDENTITY__HS256_SECRET", "short"),
        ("CORE_DAILY__BASE_URL", "ftp://daily"),
        ("CORE_DAILY__API_KEY", "key"),
        ("CORE_DAILY__DOMAIN_ID", "7"),
        ("CORE_DAILY__ROOM_NAMING", "random"),
        ("CORE_DAILY__REGION", "Europe!"),
        ("CORE_LOG__FORMAT", "xml"),
        ("CORE_LOG__LEVEL", "loud"),
        ("CORE_STORAGE__ENDPOINT", "s3.example"),
        ("CORE_STORAGE__REGION", "Frankfurt"),
        ("CORE_STORAGE__BUCKET", "Files"),
        ("CORE_STORAGE__PATH_STYLE", "yes"),
        ("CORE_STORAGE__KMS_KEY_ID", "the key"),
        ("CORE_STRORAGE__BUCKET", "files"),
        ("CORE_WEBHOOKS__SECRET_KEYS", "2026:c2hvcnQ="),
        ("CORE_WEBHOOKS__PORTS", "443,https"),
        ("CORE_WEBHOOKS__OWN_NETWORKS", "198.51.100.7"),
        ("CORE_WEBHOOKS__ALLOW_LOOPBACK", "yes"),
        ("CORE_TELEMETRY__URL", "https://203.0.113.7"),
        ("CORE_TELEMETRY__KEY", "c2hvcnQ="),
        ("CORE_TELEMETRY__PSEUDONYM_KEYS", "2026:c2hvcnQ="),
        ("CORE_TELEMETRY__CA_FILE", "/nonexistent/ca.pem"),
    ]);
    insta::assert_snapshot!(told);
}

#[test]
fn what_is_missing_is_named_and_silence_means_production() {
    let told = server(&Environment::of([])).unwrap_err().to_string();
    insta::assert_snapshot!(told);
}

#[test]
fn production_refuses_what_is_fit_for_development() {
    let told = faults(&[
        ("CORE_PROFILE", "production"),
        ("CORE_HTTP__PUBLIC_URL", "http://api.clinic.example"),
        ("CORE_HTTP__TRUSTED_PROXIES", "0.0.0.0/0"),
        ("CORE_HTTP__CORS_ORIGINS", "http://app.clinic.example"),
        ("CORE_DATABASE__APP_URL", "postgres://core_app:pw@db.example/core"),
        ("CORE_DATABASE__WORKER_URL", "postgres://core_worker:pw@db.example/core?sslmode=prefer"),
        ("CORE_REDIS__URL", "redis://:pw@redis.example"),
        ("CORE_IDENTITY__HS256_SECRET", "a-secret-for-development-and-nothing-else"),
        ("CORE_DAILY__BASE_URL", "http://127.0.0.1:7070/v1"),
        ("CORE_DAILY__API_KEY", "development-key"),
        ("CORE_STORAGE__ENDPOINT", "http://127.0.0.1:9000"),
        ("CORE_STORAGE__PATH_STYLE", "true"),
        ("CORE_STORAGE__BUCKET", "files"),
        ("CORE_STORAGE__REGION", "eu-central-1"),
        ("CORE_STORAGE__ACCESS_KEY_ID", "AKIDEXAMPLE"),
        ("CORE_STORAGE__SECRET_ACCESS_KEY", "sandbox-secret"),
        ("CORE_WEBHOOKS__SECRET_KEYS", &format!("development:{KEY}")),
        ("CORE_WEBHOOKS__ALLOW_LOOPBACK", "true"),
        ("CORE_TELEMETRY__URL", "http://10.0.0.7:9100"),
    ]);
    insta::assert_snapshot!(told);
}

#[test]
fn production_is_content_with_tls_everywhere() {
    let environment = development(&[
        ("CORE_PROFILE", "production"),
        ("CORE_HTTP__PUBLIC_URL", "https://api.clinic.example/"),
        ("CORE_DATABASE__APP_URL", "postgres://core_app:pw@db.example/core?sslmode=require"),
        ("CORE_REDIS__URL", "rediss://:pw@redis.example"),
        ("CORE_IDENTITY__ISSUER", "https://id.example"),
        ("CORE_IDENTITY__AUDIENCE", "core-api"),
        ("CORE_STORAGE__BUCKET", "clinic-files"),
        ("CORE_STORAGE__REGION", "eu-central-1"),
        ("CORE_WEBHOOKS__SECRET_KEYS", &format!("2026:{KEY}")),
        ("CORE_AUDIT__SIGNING_KEY", KEY),
    ]);
    assert_eq!(server(&environment).unwrap().http.public_url, "https://api.clinic.example");
    let told = Tokens::read(&Settings::load(None, &environment)).unwrap_err().to_string();
    assert!(told.contains("profile (CORE_PROFILE) must be development"), "{told}");
}

#[test]
fn who_we_are_to_s3_is_said_by_the_first_that_says_so() {
    let source = |more: &[(&str, &str)]| {
        let mut pairs =
            vec![("CORE_STORAGE__BUCKET", "files"), ("CORE_STORAGE__REGION", "eu-central-1")];
        pairs.extend(more);
        server(&development(&pairs)).map(|config| config.storage.unwrap().credentials)
    };
    let instance = source(&[]).unwrap();
    assert!(
        matches!(instance, CredentialSource::Instance { endpoint } if endpoint == CredentialSource::INSTANCE)
    );
    let agent = ("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "/v2/credentials/7");
    let Ok(CredentialSource::Container { url, .. }) = source(&[agent]) else {
        panic!("the container's agent was not taken");
    };
    assert_eq!(url, "http://169.254.170.2/v2/credentials/7");
    let file = ("CORE_STORAGE__CREDENTIALS_FILE", "/run/secrets/aws");
    let profile = source(&[agent, file]).unwrap();
    assert!(matches!(profile, CredentialSource::Profile { name, .. } if name == "default"));
    let id = ("CORE_STORAGE__ACCESS_KEY_ID", "AKIDEXAMPLE");
    let secret = ("CORE_STORAGE__SECRET_ACCESS_KEY", "the-secret-of-s3");
    let fixed = source(&[agent, id, secret]).unwrap();
    assert!(matches!(&fixed, CredentialSource::Fixed(key) if key.access_key_id == "AKIDEXAMPLE"));
    assert!(!format!("{fixed:?}").contains("the-secret-of-s3"));

    for (more, told) in [
        (&[id][..], "storage.secret_access_key (CORE_STORAGE__SECRET_ACCESS_KEY) is required with"),
        (&[secret], "storage.access_key_id (CORE_STORAGE__ACCESS_KEY_ID) is required with"),
        (&[id, secret, file], "are both given"),
        (&[("AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://agent.example/")], "is refused"),
    ] {
        let refused = source(more).unwrap_err().to_string();
        assert!(refused.contains(told), "{refused}");
    }
}

#[test]
fn a_bucket_wants_a_region_and_the_other_keys_want_a_bucket() {
    let told = faults(&[("CORE_STORAGE__BUCKET", "files")]);
    assert!(told.contains("storage.region (CORE_STORAGE__REGION) is required with"), "{told}");
    let told = faults(&[
        ("CORE_STORAGE__BUCKET", "files"),
        ("CORE_STORAGE__REGION", "eu-central-1"),
        ("CORE_STORAGE__ENDPOINT", "http://127.0.0.1:9000"),
    ]);
    assert!(told.contains("storage.path_style (CORE_STORAGE__PATH_STYLE) is refused"), "{told}");
    let told = faults(&[("CORE_STORAGE__REGION", "eu-central-1")]);
    assert!(told.contains("storage.bucket (CORE_STORAGE__BUCKET) is required with"), "{told}");
    assert!(server(&development(&[])).unwrap().storage.is_none());
}

#[test]
fn webhooks_go_to_usual_ports_of_the_public_net_unless_told() {
    let usual = server(&development(&[])).unwrap().webhooks;
    assert_eq!((usual.sender.ports, usual.sender.allow_loopback), (vec![443, 8443], false));
    assert!(usual.keys.is_none());
    let told = server(&development(&[
        ("CORE_WEBHOOKS__PORTS", "443, 10443"),
        ("CORE_WEBHOOKS__OWN_NETWORKS", "198.51.100.0/24, 2001:db8::/32"),
        ("CORE_WEBHOOKS__ALLOW_LOOPBACK", "true"),
        ("CORE_WEBHOOKS__SECRET_KEYS", &format!("2026:{KEY}")),
    ]))
    .unwrap()
    .webhooks;
    assert_eq!((told.sender.ports, told.sender.own_networks.len()), (vec![443, 10443], 2));
    assert!(told.sender.allow_loopback && told.keys.is_some());
    let told = faults(&[("CORE_WEBHOOKS__PORTS", "0")]);
    assert!(told.contains("webhooks.ports (CORE_WEBHOOKS__PORTS) is refused"), "{told}");
}

#[test]
fn a_secret_may_stand_in_a_file_without_its_line_end() {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(b"0123456789\n").unwrap();
    let path = file.path().to_str().unwrap();
    let with_file = |more| {
        let mut pairs = vec![("CORE_DAILY__API_KEY", ""), ("CORE_DAILY__API_KEY_FILE", path)];
        pairs.extend(more);
        server(&development(&pairs))
    };
    assert_eq!(with_file(None).unwrap().daily.api_key.expose_secret(), "0123456789");

    let both = with_file(Some(("CORE_DAILY__API_KEY", "another-key"))).unwrap_err();
    assert!(both.to_string().contains("are both given"), "{both}");
    let gone = with_file(Some(("CORE_DAILY__API_KEY_FILE", "/nonexistent/key"))).unwrap_err();
    insta::assert_snapshot!(gone);
}

#[test]
fn a_secret_of_digits_keeps_its_zeros() {
    let config = server(&development(&[("CORE_DAILY__API_KEY", "000012345678")])).unwrap();
    assert_eq!(config.daily.api_key.expose_secret(), "000012345678");
}

#[test]
fn the_environment_overrides_the_file() {
    let file = toml(
        "profile = \"development\"\n[http]\nworkers = 3\ntrusted_proxies = [\"10.0.0.1\", \"::1\"]\n\
         [database]\npool_size = 7\n",
    );
    let environment = development(&[("CORE_DATABASE__POOL_SIZE", "9")]);
    let config = Server::read(&Settings::load(Some(file.path()), &environment)).unwrap();
    let proxies = config.http.trusted_proxies.len();
    assert_eq!((config.http.workers, config.database.pool_size, proxies), (3, 9, 2));
}

#[test]
fn a_broken_file_is_named_with_its_line_and_without_its_text() {
    let file = toml("[daily]\napi_key = \"the-key\n");
    let told = Server::read(&Settings::load(Some(file.path()), &development(&[])))
        .unwrap_err()
        .to_string();
    assert!(told.contains("cannot be parsed: ") && told.contains("line 2"), "{told}");
    assert!(!told.contains("the-key"), "{told}");

    let nowhere = Path::new("/nonexistent/core.toml");
    let told = Server::read(&Settings::load(Some(nowhere), &development(&[]))).unwrap_err();
    assert!(told.to_string().contains("/nonexistent/core.toml cannot be read"), "{told}");
}

#[test]
fn a_file_of_keys_that_holds_none_is_named() {
    let keys = toml("{\"keys\": []}");
    let told = faults(&[
        ("CORE_IDENTITY__HS256_SECRET", ""),
        ("CORE_IDENTITY__JWKS_FILE", keys.path().to_str().unwrap()),
    ]);
    assert!(
        told.contains("identity.jwks_file (CORE_IDENTITY__JWKS_FILE) cannot be used"),
        "{told}"
    );
    let told = faults(&[("CORE_IDENTITY__JWKS_URL", "https://id.example/jwks.json")]);
    assert!(told.contains("needs exactly one of"), "{told}");
}

#[test]
fn variables_of_an_orchestrator_are_none_of_ours() {
    let environment = development(&[
        ("CORE_API_PORT_8080_TCP", "tcp://10.0.0.1:8080"),
        ("CORE_API_SERVICE_HOST", "10.0.0.1"),
    ]);
    assert!(server(&environment).is_ok());
}

#[test]
fn a_configuration_prints_no_secret() {
    let config = server(&development(&[("CORE_REDIS__URL", "redis://:pw-redis@127.0.0.1")]));
    let printed = format!("{:?}", config.unwrap());
    for secret in [SECRET, "pw-app", "pw-worker", "pw-redis", "key-of-the-account"] {
        assert!(!printed.contains(secret), "{secret} is printed: {printed}");
    }
}

fn toml(text: &str) -> tempfile::NamedTempFile {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(text.as_bytes()).unwrap();
    file
}

#[test]
fn telemetry_is_all_or_nothing() {
    assert!(server(&development(&[])).unwrap().telemetry.is_none());
    let keys = format!("1:{KEY}");
    let whole = [
        ("CORE_TELEMETRY__URL", "http://10.0.0.7:9100"),
        ("CORE_TELEMETRY__KEY", KEY),
        ("CORE_TELEMETRY__PSEUDONYM_KEYS", keys.as_str()),
    ];
    let config = server(&development(&whole)).unwrap().telemetry.unwrap();
    assert_eq!(config.keys.current().get(), 1);
    for left_out in 0..whole.len() {
        let mut part = whole.to_vec();
        let (missing, _) = part.remove(left_out);
        let key = missing.trim_start_matches("CORE_TELEMETRY__").to_lowercase();
        let told = faults(&part);
        assert!(told.contains(&format!("telemetry.{key}")), "{told}");
        assert!(!told.contains(KEY), "{told}");
    }
}
