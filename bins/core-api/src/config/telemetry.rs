use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use restartix_kernel::{ExposeSecret, Secret};
use restartix_telemetry::{KeyEpoch, PseudonymKey, PseudonymKeys};
use restartix_telemetry_service::{Config, ConfigError, TelemetryClient, Timeouts};

use super::http::is_https;
use super::reader::Reader;

/// Where events go, and what names people there.
#[derive(Clone, Debug)]
pub struct Telemetry {
    /// The service.
    pub service: Config,
    /// The keys of pseudonyms by epoch.
    pub keys: PseudonymKeys,
}

impl Telemetry {
    /// `None` where no service is named: then what is to be sent waits in the database.
    pub(super) fn read(reader: &mut Reader<'_>) -> Option<Self> {
        let base_url = reader.optional("telemetry.url", |text| Ok(text.to_owned()));
        let key = reader.secret("telemetry.key");
        let pseudonyms = reader.secret("telemetry.pseudonym_keys");
        let authorities = authorities(reader);
        let Some(base_url) = base_url else {
            if key.is_some() || pseudonyms.is_some() || authorities.is_some() {
                reader.fault("telemetry.url", "is required with the other keys of the section");
            }
            return None;
        };
        if reader.is_production() && !is_https(&base_url) {
            reader.fault("telemetry.url", "must be https in production");
        }
        for (name, found) in [("key", &key), ("pseudonym_keys", &pseudonyms)] {
            if found.is_none() {
                reader.fault(&format!("telemetry.{name}"), "is required with telemetry.url");
            }
        }
        let keys = pseudonyms.as_ref().and_then(|text| {
            let keys = pseudonym_keys(text);
            if keys.is_none() {
                reader.fault(
                    "telemetry.pseudonym_keys",
                    "must be epochs, each a number, a colon and base64 of 32 bytes, all different",
                );
            }
            keys
        });
        let usual = Config {
            base_url: "http://127.0.0.1".to_owned(),
            key: STANDARD.encode([0; 32]).into(),
            authorities: None,
            timeouts: Timeouts::default(),
        };
        // One by one, because the adapter's own check names the first fault only.
        check(reader, &Config { base_url: base_url.clone(), ..usual.clone() });
        check(reader, &Config { authorities: authorities.clone(), ..usual.clone() });
        let key = key?;
        check(reader, &Config { key: key.clone(), ..usual.clone() });
        let service = Config { base_url, key, authorities, ..usual };
        Some(Self { service, keys: keys? })
    }
}

fn check(reader: &mut Reader<'_>, config: &Config) {
    if let Err(error) = TelemetryClient::check(config) {
        let key = match error {
            ConfigError::BaseUrl | ConfigError::Public | ConfigError::Timeouts => "telemetry.url",
            ConfigError::Key => "telemetry.key",
            ConfigError::Authorities => "telemetry.ca_file",
        };
        reader.fault(key, format!("is refused: {error}"));
    }
}

fn authorities(reader: &mut Reader<'_>) -> Option<Vec<u8>> {
    let path: String = reader.optional("telemetry.ca_file", |text| Ok(text.to_owned()))?;
    let read = std::fs::read(path);
    read.map_err(|error| reader.fault("telemetry.ca_file", format!("cannot be read: {error}"))).ok()
}

/// `epoch:base64` pairs, separated by commas; the highest epoch is the current one.
pub fn pseudonym_keys(text: &Secret) -> Option<PseudonymKeys> {
    let mut keys = BTreeMap::new();
    let mut seen = Vec::new();
    for pair in text.expose_secret().split(',') {
        let (epoch, key) = pair.trim().split_once(':')?;
        // The database keeps epochs as 32 bits with a sign.
        let epoch = u32::try_from(epoch.parse::<i32>().ok()?).ok()?;
        let key: [u8; 32] = STANDARD.decode(key).ok()?.try_into().ok()?;
        if seen.contains(&key) {
            return None;
        }
        seen.push(key);
        let before = keys.insert(KeyEpoch::new(epoch), PseudonymKey::from_bytes(key));
        if before.is_some() {
            return None;
        }
    }
    PseudonymKeys::new(keys)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_told_apart_by_epoch_and_by_their_bytes() {
        let key = |byte: u8| STANDARD.encode([byte; 32]);
        let read = |text: String| pseudonym_keys(&text.into());
        let ring = read(format!("2:{}, 1:{}", key(2), key(1))).unwrap();
        assert_eq!(ring.current(), KeyEpoch::new(2));
        for bad in [
            String::new(),
            key(1),
            format!("-1:{}", key(1)),
            "1:c2hvcnQ=".to_owned(),
            format!("1:{},1:{}", key(1), key(2)),
            format!("1:{},2:{}", key(1), key(1)),
        ] {
            assert!(read(bad).is_none());
        }
    }
}
