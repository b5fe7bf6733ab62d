//! The secrets and the environment of a stack: what the server is told, and nothing that ships.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use serde_json::{Value, json};

use crate::services::{secret, write_private};
use crate::workspace::text;

/// Made once per folder, so that tokens survive a restart.
pub(super) struct Secrets(Value);

impl Secrets {
    /// Those of `dir`, made on the first call.
    pub(super) fn of(dir: &Path) -> Result<Self> {
        let file = dir.join("secrets.json");
        if let Ok(kept) = fs::read_to_string(&file) {
            let kept = serde_json::from_str(&kept);
            return Ok(Self(
                kept.with_context(|| format!("{} is damaged; use --fresh", file.display()))?,
            ));
        }
        let made = json!({
            "app": secret()?,
            "worker": secret()?,
            "migrator": secret()?,
            // HS256 wants a key of at least 256 bits (RFC 7518 section 3.2).
            "identity": format!("development-{}{}", secret()?, secret()?),
            "daily_api_key": format!("development-{}{}", secret()?, secret()?),
            "daily_domain_id": random_uuid()?,
            // 32 hex digits are base64 too: of 24 bytes.
            "daily_notice_key": secret()?,
            "s3_access_key_id": format!("AKID{}", secret()?),
            "s3_secret_access_key": format!("development-{}{}", secret()?, secret()?),
            "telemetry_key": sealing_key(&secret()?, &secret()?),
            "pseudonym_keys": format!("1:{}", sealing_key(&secret()?, &secret()?)),
            "webhook_keys": format!("development:{}", sealing_key(&secret()?, &secret()?)),
        });
        write_private(&file, &made.to_string())?;
        Ok(Self(made))
    }

    pub(super) fn get(&self, name: &str) -> Result<&str> {
        text(&self.0, name).with_context(|| format!("secrets.json lacks `{name}`; use --fresh"))
    }
}

/// Base64 of 32 bytes, spelt in hex digits: 42 of them are base64 of the first 31 bytes and a half.
fn sealing_key(first: &str, second: &str) -> String {
    let digits: String = first.chars().chain(second.chars()).take(42).collect();
    format!("{digits}A=")
}

/// A UUID that nobody has.
pub(crate) fn random_uuid() -> Result<String> {
    Ok(uuid(&secret()?))
}

/// 32 hex digits in a UUID's form, version 4 (RFC 9562 section 5.4).
fn uuid(hex: &str) -> String {
    let part = |from: usize, to: usize| hex.get(from..to).unwrap_or_default();
    format!("{}-{}-4{}-8{}-{}", part(0, 8), part(8, 12), part(13, 16), part(17, 20), part(20, 32))
}

/// Where the neighbours of the server are.
pub(super) struct Places<'a> {
    pub(super) port: u16,
    pub(super) bootstrap_url: &'a str,
    pub(super) redis_url: &'a str,
    pub(super) daily_url: &'a str,
    pub(super) s3_url: &'a str,
    pub(super) telemetry_url: &'a str,
}

/// The server's configuration, as its environment.
pub(super) fn environment(secrets: &Secrets, places: &Places<'_>) -> Result<Vec<(String, String)>> {
    let role =
        |name: &str, password: &str| as_role(places.bootstrap_url, name, secrets.get(password)?);
    let server = format!("127.0.0.1:{}", places.port);
    let values = [
        ("PROFILE", "development".to_owned()),
        ("HTTP__BIND", server.clone()),
        ("HTTP__PUBLIC_URL", format!("http://{server}")),
        ("DATABASE__BOOTSTRAP_URL", places.bootstrap_url.to_owned()),
        ("DATABASE__MIGRATOR_URL", role("core_migrator", "migrator")?),
        ("DATABASE__APP_URL", role("core_app", "app")?),
        ("DATABASE__WORKER_URL", role("core_worker", "worker")?),
        ("REDIS__URL", places.redis_url.to_owned()),
        ("IDENTITY__HS256_SECRET", secrets.get("identity")?.to_owned()),
        ("IDENTITY__ISSUER", "restartix-dev".to_owned()),
        ("IDENTITY__AUDIENCE", "core-api".to_owned()),
        ("DAILY__BASE_URL", format!("{}/v1", places.daily_url)),
        ("DAILY__API_KEY", secrets.get("daily_api_key")?.to_owned()),
        ("DAILY__DOMAIN_ID", secrets.get("daily_domain_id")?.to_owned()),
        ("DAILY__NOTICE_KEY", secrets.get("daily_notice_key")?.to_owned()),
        ("STORAGE__ENDPOINT", places.s3_url.to_owned()),
        ("STORAGE__PATH_STYLE", "true".to_owned()),
        ("STORAGE__REGION", "eu-central-1".to_owned()),
        ("STORAGE__BUCKET", "restartix-files".to_owned()),
        ("STORAGE__ACCESS_KEY_ID", secrets.get("s3_access_key_id")?.to_owned()),
        ("STORAGE__SECRET_ACCESS_KEY", secrets.get("s3_secret_access_key")?.to_owned()),
        ("WEBHOOKS__SECRET_KEYS", secrets.get("webhook_keys")?.to_owned()),
        // The stack's own receiver of webhooks.
        ("WEBHOOKS__ALLOW_LOOPBACK", "true".to_owned()),
        ("TELEMETRY__URL", places.telemetry_url.to_owned()),
        ("TELEMETRY__KEY", secrets.get("telemetry_key")?.to_owned()),
        ("TELEMETRY__PSEUDONYM_KEYS", secrets.get("pseudonym_keys")?.to_owned()),
        ("LOG__FORMAT", "text".to_owned()),
        ("LOG__LEVEL", "info".to_owned()),
    ];
    Ok(values.into_iter().map(|(key, value)| (format!("CORE_{key}"), value)).collect())
}

/// A PostgreSQL URL with another user: host, port, database and parameters stay.
fn as_role(url: &str, user: &str, password: &str) -> Result<String> {
    let (scheme, rest) =
        url.split_once("://").context("DATABASE_URL is no URL (postgres://...)")?;
    let (authority, path) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    Ok(format!("{scheme}://{user}:{password}@{host}{path}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_role_url_changes_the_user_and_nothing_else() {
        let role = |url| as_role(url, "core_app", "pw").unwrap();
        assert_eq!(
            role("postgres://root:p%40ss@db:5432/core?sslmode=require"),
            "postgres://core_app:pw@db:5432/core?sslmode=require"
        );
        assert_eq!(role("postgresql://db/core"), "postgresql://core_app:pw@db/core");
        assert_eq!(role("postgres://[::1]:5433"), "postgres://core_app:pw@[::1]:5433");
        assert!(as_role("db:5432", "core_app", "pw").is_err());
    }

    #[test]
    fn hex_becomes_a_version_4_uuid() {
        assert_eq!(
            uuid("0123456789abcdef0123456789abcdef"),
            "01234567-89ab-4def-8123-456789abcdef"
        );
    }
}
