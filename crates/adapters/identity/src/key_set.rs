use jsonwebtoken::Header;
use jsonwebtoken::jwk::Jwk;
use serde::Deserialize;

use crate::claims::Claims;
use crate::key::Key;
use crate::{Expected, KeysError};

/// Keys of one set beyond this number are not looked at: a token without a key id is tried with
/// each.
const MAX_KEYS: usize = 16;

/// The published keys, as fetched at one time.
pub(crate) struct KeySet(Vec<Key>);

/// RFC 7517, section 5. Members that are no keys we know are passed over, as the RFC asks.
#[derive(Deserialize)]
struct Wire {
    keys: Vec<serde_json::Value>,
}

impl KeySet {
    /// The usable keys of a JWK set.
    pub(crate) fn parse(text: &[u8], expected: &Expected) -> Result<Self, KeysError> {
        let wire: Wire = serde_json::from_slice(text).map_err(KeysError::Malformed)?;
        let keys: Vec<Key> = wire
            .keys
            .into_iter()
            .filter_map(|value| serde_json::from_value::<Jwk>(value).ok())
            .filter_map(|jwk| Key::published(&jwk, expected))
            .take(MAX_KEYS)
            .collect();
        if keys.is_empty() { Err(KeysError::NoKeys) } else { Ok(Self(keys)) }
    }

    /// Whether some key could have signed a token with `header`.
    pub(crate) fn knows(&self, header: &Header) -> bool {
        self.0.iter().any(|key| fits(key, header))
    }

    /// The claims of `token`, when one of the keys that `header` leaves signed it.
    pub(crate) fn open(&self, token: &str, header: &Header) -> Option<Claims> {
        self.0.iter().filter(|key| fits(key, header)).find_map(|key| key.open(token))
    }
}

fn fits(key: &Key, header: &Header) -> bool {
    let same_id = match (&key.id, &header.kid) {
        (Some(key), Some(token)) => key == token,
        (None, _) | (_, None) => true,
    };
    same_id && key.algorithm == header.alg
}
