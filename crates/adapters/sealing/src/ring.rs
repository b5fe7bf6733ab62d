//! The keys that seal and open.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chacha20poly1305::{KeyInit, XChaCha20Poly1305};
use restartix_kernel::{ExposeSecret, Secret};
use zeroize::Zeroizing;

/// Keys by their ids, in the order of the configuration: the first one seals, all of them open.
///
/// To change keys, put a new one first and keep the old one until nothing is sealed with it.
pub struct KeyRing {
    current: (KeyId, XChaCha20Poly1305),
    older: Vec<(KeyId, XChaCha20Poly1305)>,
}

/// What a key is called: 1 to 16 of `a-z`, `0-9`, `-` and `_`. Stands beside what it sealed.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct KeyId(String);

impl KeyId {
    pub(crate) const LONGEST: usize = 16;

    pub(crate) fn parse(text: &str) -> Option<Self> {
        let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-' || b == b'_';
        let fits = (1..=Self::LONGEST).contains(&text.len()) && text.bytes().all(plain);
        fits.then(|| Self(text.to_owned()))
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

/// Why keys cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyRingError {
    /// There is none, or more than eight.
    #[error("there must be 1 to 8 keys, separated by commas")]
    Count,
    /// One is not an id, a colon and base64 of 32 bytes.
    #[error("each key must be an id, a colon and base64 of 32 bytes")]
    Form,
    /// Two have the same id, or the same bytes.
    #[error("two keys are the same")]
    Twice,
}

/// The most keys of a ring.
const MOST: usize = 8;

impl KeyRing {
    /// Reads `id:base64` pairs, separated by commas, the current one first:
    /// `2026-11:3q2+7w...,2025-03:AAEC...`.
    ///
    /// # Errors
    /// As [`KeyRingError`] has it; it never repeats a key.
    pub fn parse(text: &Secret) -> Result<Self, KeyRingError> {
        let pairs: Vec<&str> = text.expose_secret().split(',').map(str::trim).collect();
        if pairs.len() > MOST || pairs == [""] {
            return Err(KeyRingError::Count);
        }
        let mut seen: Vec<(KeyId, Zeroizing<[u8; 32]>)> = Vec::new();
        for pair in pairs {
            let (id, key) = pair.split_once(':').ok_or(KeyRingError::Form)?;
            let id = KeyId::parse(id).ok_or(KeyRingError::Form)?;
            let key = Zeroizing::new(STANDARD.decode(key).map_err(|_| KeyRingError::Form)?);
            let key: [u8; 32] = key.as_slice().try_into().map_err(|_| KeyRingError::Form)?;
            let key = Zeroizing::new(key);
            if seen.iter().any(|(known, bytes)| *known == id || *bytes == key) {
                return Err(KeyRingError::Twice);
            }
            seen.push((id, key));
        }
        let mut keys =
            seen.into_iter().map(|(id, key)| (id, XChaCha20Poly1305::new(&(*key).into())));
        let current = keys.next().ok_or(KeyRingError::Count)?;
        Ok(Self { current, older: keys.collect() })
    }

    /// The key that seals.
    pub(crate) const fn current(&self) -> (&KeyId, &XChaCha20Poly1305) {
        (&self.current.0, &self.current.1)
    }

    /// The key of this id.
    pub(crate) fn key(&self, wanted: &str) -> Option<&XChaCha20Poly1305> {
        self.all().find(|(id, _)| id.as_str() == wanted).map(|(_, key)| key)
    }

    fn all(&self) -> impl Iterator<Item = &(KeyId, XChaCha20Poly1305)> {
        std::iter::once(&self.current).chain(&self.older)
    }
}

impl fmt::Debug for KeyRing {
    /// Ids and no key.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.all().map(|(id, _)| id.as_str())).finish()
    }
}
