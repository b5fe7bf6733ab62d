use std::sync::Arc;

use restartix_identity::{Config, ConfigError, Expected, KeySource, Verifier};
use restartix_kernel::SystemClock;

use super::http::is_https;
use super::reader::Reader;

const ONE_OF: &str = "needs exactly one of hs256_secret, jwks_file and jwks_url";

/// Whose tokens are believed.
pub(super) fn read(reader: &mut Reader<'_>) -> Option<Config> {
    let expected = Expected {
        issuer: claim(reader, "identity.issuer"),
        audience: claim(reader, "identity.audience"),
    };
    let before = reader.faults.clone();
    let secret = reader.secret("identity.hs256_secret").map(KeySource::Secret);
    let file = reader.optional("identity.jwks_file", |text| Ok(KeySource::JwksFile(text.into())));
    let url = reader.optional("identity.jwks_url", |text| Ok(KeySource::JwksUrl(text.to_owned())));
    let keys = match (secret, file, url) {
        (Some(keys), None, None) | (None, Some(keys), None) | (None, None, Some(keys)) => keys,
        (None, None, None) if before != reader.faults => return None,
        _ => {
            reader.fault("identity", ONE_OF);
            return None;
        }
    };
    let config = Config { keys, expected };
    check(reader, &config);
    Some(config)
}

fn claim(reader: &mut Reader<'_>, key: &str) -> Option<String> {
    let claim = reader.optional(key, |text| Ok(text.to_owned()));
    if claim.is_none() && reader.is_production() {
        reader.fault(key, "is required in production");
    }
    claim
}

/// A verifier made of it, and thrown away, tells what is wrong with it; it reads the file of keys.
fn check(reader: &mut Reader<'_>, config: &Config) {
    if let KeySource::JwksUrl(url) = &config.keys
        && reader.is_production()
        && !is_https(url)
    {
        reader.fault("identity.jwks_url", "must be https in production");
    }
    let Err(error) = Verifier::new(config.clone(), Arc::new(SystemClock)) else { return };
    match error {
        ConfigError::ShortSecret => {
            reader.fault("identity.hs256_secret", "must be at least 32 bytes");
        }
        ConfigError::Url => reader.fault(
            "identity.jwks_url",
            "must be https, or http to this machine, without user or fragment",
        ),
        ConfigError::File(error) => {
            reader.fault("identity.jwks_file", format!("cannot be used: {error}"));
        }
        ConfigError::Signing(_) => reader.fault("identity.hs256_secret", "cannot sign"),
    }
}
