//! Every key that the server knows, and what `CONFIGURATION.md` says of it.

/// What may be configured.
#[derive(Clone, Copy, Debug)]
pub struct Key {
    /// As in the file: `http.bind`.
    pub name: &'static str,
    /// Whether it is a secret, and so may be read from a file that `<name>_file` points to.
    pub secret: bool,
    /// What holds when it is absent.
    pub default: &'static str,
    /// What it means.
    pub meaning: &'static str,
}

const fn plain(name: &'static str, default: &'static str, meaning: &'static str) -> Key {
    Key { name, secret: false, default, meaning }
}

const fn secret(name: &'static str, default: &'static str, meaning: &'static str) -> Key {
    Key { name, secret: true, default, meaning }
}

/// Every key, by section.
pub const KEYS: &[Key] = &[
    plain(
        "profile",
        "production",
        "`production` or `development`. Production refuses what is fit for development only: secrets with `development` in them, plain HTTP, databases without TLS, the command `token`.",
    ),
    plain("http.bind", "127.0.0.1:8080", "Address and port to listen on."),
    plain(
        "http.public_url",
        "in development `http://` and `http.bind`",
        "Where clients reach the server: an origin, without a path.",
    ),
    plain(
        "http.trusted_proxies",
        "none",
        "Addresses or networks, comma-separated, whose `X-Forwarded-For` is believed.",
    ),
    plain(
        "http.cors_origins",
        "none",
        "Origins, comma-separated, whose pages may call the API from a browser.",
    ),
    plain("http.workers", "one per processor", "Threads that serve requests: 1 to 256."),
    plain(
        "http.rate_limits",
        "standard",
        "`standard`, or in development `lifted`: so high that a bench does not meet them.",
    ),
    plain(
        "metrics.bind",
        "none",
        "Address and port where `worker` answers `/healthz` and `/metrics`; for whoever scrapes, not for the internet. `serve` answers them at its own.",
    ),
    secret("database.app_url", "required", "PostgreSQL as `core_app`, which serves requests."),
    secret(
        "database.worker_url",
        "required",
        "PostgreSQL as `core_worker`, which runs the workers.",
    ),
    secret(
        "database.migrator_url",
        "required by `migrate`, `org`, `member`, `migrate-legacy`",
        "PostgreSQL as `core_migrator`. The server does not need it.",
    ),
    secret(
        "database.bootstrap_url",
        "required by `migrate --bootstrap`; in development `DATABASE_URL`",
        "PostgreSQL as a DBA. The server does not need it.",
    ),
    plain("database.pool_size", "16", "Connections that requests share: 1 to 1000."),
    plain(
        "database.ca_file",
        "Mozilla's authorities",
        "A PEM file with the only authorities to trust for PostgreSQL.",
    ),
    secret(
        "legacy.strapi_url",
        "required by `migrate-legacy`",
        "The legacy application's PostgreSQL, as a role that may read what the mapping names and nothing else. The server does not need it.",
    ),
    secret(
        "legacy.intakes_url",
        "required by `migrate-legacy`",
        "The legacy scheduling service's PostgreSQL, as such a role. The server does not need it.",
    ),
    secret(
        "legacy.strapi_privileged_url",
        "required by `migrate-legacy cutover` and `rollback`",
        "The legacy application's PostgreSQL as the owner of its tables: to freeze and reopen it.",
    ),
    secret(
        "legacy.intakes_privileged_url",
        "required by `migrate-legacy cutover` and `rollback`",
        "The scheduling service's PostgreSQL as the owner of its tables.",
    ),
    secret(
        "redis.url",
        "redis://127.0.0.1:6379",
        "Redis. While it does not answer there are no holds, and rate limits count per server.",
    ),
    secret(
        "identity.hs256_secret",
        "one of three",
        "The secret that signs tokens, at least 32 bytes (RFC 7518, section 3.2).",
    ),
    plain(
        "identity.jwks_file",
        "one of three",
        "A file with the identity provider's keys (RFC 7517).",
    ),
    plain("identity.jwks_url", "one of three", "Where the identity provider publishes its keys."),
    plain("identity.issuer", "required in production", "The `iss` that a token must have."),
    plain("identity.audience", "required in production", "The `aud` that a token must have."),
    plain("daily.base_url", "https://api.daily.co/v1", "Daily's REST API."),
    secret("daily.api_key", "required", "The key of the Daily account."),
    secret(
        "daily.notice_key",
        "none",
        "The `hmac` with which `/v1/integrations/daily/events` was registered as a webhook at Daily: base64 of at least 16 bytes. Without one nothing that comes in Daily's name is believed.",
    ),
    plain(
        "daily.domain_id",
        "none",
        "The account's domain id, a UUID. With it meeting tokens are signed here; without it Daily is asked for each.",
    ),
    plain(
        "daily.room_naming",
        "deterministic",
        "`deterministic`, or `provider_assigned` where the account's HIPAA mode forbids names.",
    ),
    plain(
        "daily.region",
        "the closest",
        "The region in which Daily runs the calls of organisations that name none, as `eu-central-1`.",
    ),
    plain(
        "storage.endpoint",
        "AWS's own",
        "Where S3 is when it is not AWS's: an origin; https in production.",
    ),
    plain(
        "storage.region",
        "required with `storage.bucket`",
        "The bucket's region, as `eu-central-1`.",
    ),
    plain(
        "storage.bucket",
        "none; required in production",
        "The bucket of the files. Without one there are no files.",
    ),
    plain(
        "storage.path_style",
        "false",
        "`true` puts the bucket into the path instead of the host's name.",
    ),
    plain(
        "storage.kms_key_id",
        "none: AES256",
        "The ARN of the KMS key that encrypts files at rest.",
    ),
    plain(
        "storage.access_key_id",
        "from `storage.credentials_file`; else from the container's agent, where `AWS_CONTAINER_CREDENTIALS_…` are set; else from the instance (IMDSv2)",
        "An access key's id.",
    ),
    secret(
        "storage.secret_access_key",
        "required with `storage.access_key_id`",
        "The access key's secret.",
    ),
    secret(
        "storage.session_token",
        "none",
        "The session's token, where the access key is a temporary one.",
    ),
    plain(
        "storage.credentials_file",
        "none",
        "A file in the form of `~/.aws/credentials`, read again every 15 minutes.",
    ),
    plain("storage.profile", "default", "The profile of `storage.credentials_file`."),
    plain(
        "storage.client",
        "rusoto",
        "Which client speaks to S3: `rusoto`, or `aws-sdk` (AWS's own) in a build with the feature `s3-aws-sdk`.",
    ),
    plain(
        "storage.clamd",
        "none",
        "Where clamd looks for malware: `tcp://HOST:PORT` or `unix:/PATH`. While it does not answer, no file becomes available. Its `StreamMaxLength`, `MaxScanSize` and `MaxFileSize` must be at least 512M, and `AlertExceedsMax` on. Without one files are searched for the EICAR test string alone, which is no protection.",
    ),
    secret(
        "webhooks.secret_keys",
        "required in production",
        "The keys that seal what must be secret at rest, comma-separated, each an id, a colon and base64 of 32 random bytes. The first one seals, all of them open: to change keys, put a new one first and keep the old one. They seal the secrets of webhook endpoints, and for a day what was answered under an `Idempotency-Key`: without keys such a key is refused.",
    ),
    plain(
        "webhooks.ports",
        "443, 8443",
        "Ports, comma-separated, that a webhook endpoint may have: 1 to 16 of them.",
    ),
    plain(
        "webhooks.own_networks",
        "none",
        "The platform's own public networks, comma-separated, to which no webhook is sent. Private and special networks are refused without being named.",
    ),
    plain(
        "webhooks.allow_loopback",
        "false",
        "In development `true` admits `http(s)://127.0.0.1` and `http(s)://[::1]` on any port besides. Production refuses it.",
    ),
    plain(
        "insights.smallest_cell",
        "11",
        "The least number of patients about whom an aggregate is published, 5 to 1000: what is about fewer is suppressed.",
    ),
    plain(
        "telemetry.url",
        "none",
        "Where the Telemetry service is, on loopback or in a private network: an origin; https in production. Without one what it is to be told waits in the database.",
    ),
    secret(
        "telemetry.key",
        "required with `telemetry.url`",
        "What signs what the service is sent: base64 of at least 32 random bytes, which the service knows as well.",
    ),
    secret(
        "telemetry.pseudonym_keys",
        "required with `telemetry.url`",
        "The keys that make pseudonyms of people, comma-separated, each its epoch (a number), a colon and base64 of 32 random bytes. The highest epoch is the current one: to change keys, add one with a higher number (`core-api telemetry rotate-key` does, in a file). A key that is taken away for good unlinks what was told under it.",
    ),
    plain(
        "telemetry.ca_file",
        "Mozilla's authorities",
        "A PEM file with the only authorities to trust for the Telemetry service.",
    ),
    secret(
        "audit.signing_key",
        "required in production; in development one that everybody knows",
        "What signs how far the audit is sealed: base64 of 32 random bytes. `core-api audit public-key` tells what verifies it.",
    ),
    plain("log.format", "json", "`json` or `text`, on standard error."),
    plain("log.level", "info", "A level, or levels by target: `info,restartix_daily=debug`."),
];

/// Whether `name` is a key, or the file of a secret one.
pub(super) fn is_key(name: &str) -> bool {
    KEYS.iter().any(|key| {
        let file = |rest| key.secret && rest == "_file";
        key.name == name || name.strip_prefix(key.name).is_some_and(file)
    })
}

/// Whether `name` is a section.
pub(super) fn is_section(name: &str) -> bool {
    KEYS.iter().any(|key| key.name.split_once('.').is_some_and(|(section, _)| section == name))
}

/// The environment's name of a key: `CORE_HTTP__BIND` of `http.bind`.
pub(super) fn variable(name: &str) -> String {
    format!("CORE_{}", name.replace('.', "__").to_uppercase())
}

/// The table of `CONFIGURATION.md`.
pub fn table() -> String {
    let mut table = String::from("| key | environment | default | meaning |\n|---|---|---|---|\n");
    for Key { name, secret, default, meaning } in KEYS {
        let file = if *secret { " (or `…_FILE`)" } else { "" };
        let variable = variable(name);
        table.push_str(&format!("| `{name}` | `{variable}`{file} | {default} | {meaning} |\n"));
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_configuration_page_shows_every_key() {
        let page = include_str!("../../CONFIGURATION.md");
        assert!(page.contains(&table()), "put this table into CONFIGURATION.md:\n{}", table());
    }

    #[test]
    fn only_secrets_may_be_read_from_a_file() {
        assert!(is_key("daily.api_key_file") && is_key("identity.jwks_file"));
        assert!(!is_key("http.bind_file") && !is_key("daily.api_key_files"));
    }
}
