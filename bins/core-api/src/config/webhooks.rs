use std::sync::Arc;

use restartix_sealing::KeyRing;
use restartix_webhook_sender::{Config, IpNet};

use super::reader::{Reader, parsed};

/// Where webhooks may go, and what seals their secrets.
#[derive(Clone, Debug)]
pub struct Webhooks {
    /// What seals secrets at rest; `None` where no key is given, which production does not accept.
    pub keys: Option<Arc<KeyRing>>,
    /// What may be sent where.
    pub sender: Config,
}

impl Webhooks {
    pub(super) fn read(reader: &mut Reader<'_>) -> Self {
        let usual = Config::default();
        let mut ports: Vec<u16> =
            reader.list("webhooks.ports", parsed("must be numbers from 1 to 65535"));
        if ports.is_empty() {
            ports.clone_from(&usual.ports);
        }
        let own_networks: Vec<IpNet> =
            reader.list("webhooks.own_networks", parsed("must be networks, as 198.51.100.0/24"));
        let allow_loopback = reader.or("webhooks.allow_loopback", false, |text| match text {
            "true" => Ok(true),
            "false" => Ok(false),
            _ => Err("must be true or false"),
        });
        if allow_loopback && reader.is_production() {
            reader.fault("webhooks.allow_loopback", "must not be true in production");
        }
        let sender = Config { ports, own_networks, allow_loopback, ..usual };
        if let Err(error) = sender.check() {
            reader.fault("webhooks.ports", format!("is refused: {error}"));
        }
        Self { keys: keys(reader), sender }
    }
}

fn keys(reader: &mut Reader<'_>) -> Option<Arc<KeyRing>> {
    let text = if reader.is_production() {
        reader.required_secret("webhooks.secret_keys")?
    } else {
        reader.secret("webhooks.secret_keys")?
    };
    let keys = KeyRing::parse(&text);
    keys.map_err(|error| reader.fault("webhooks.secret_keys", format!("is refused: {error}")))
        .ok()
        .map(Arc::new)
}
