//! What is stored, and what it is bound to.

use chacha20poly1305::XNonce;
use chacha20poly1305::aead::{Aead, Payload};
use restartix_kernel::{Random, RandomExt};
use restartix_tenancy::Tenant;
use uuid::Uuid;

use crate::ring::{KeyId, KeyRing};

/// Where a sealed secret belongs, besides its organisation. It opens nowhere else.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Binding {
    /// What it is: two kinds of secrets of one thing cannot stand in for each other.
    pub purpose: &'static str,
    /// Of what.
    pub of: Uuid,
    /// Which of them.
    pub version: u32,
}

/// Why nothing was sealed or opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SealError {
    /// It was sealed with a key that is not on the ring.
    #[error("the key that sealed this is not configured")]
    UnknownKey,
    /// It was changed, or belongs elsewhere.
    #[error("this was not sealed here")]
    Forged,
}

/// The first byte of everything sealed in the form of this file: id's length, id, nonce,
/// ciphertext with its tag.
const FORM: u8 = 1;

/// Bytes of a nonce: long enough to be drawn for ever without meeting one again
/// (draft-irtf-cfrg-xchacha-03, section 2.1).
const NONCE: usize = 24;

impl KeyRing {
    /// Seals `secret` with the current key for one place of the tenant's organisation.
    ///
    /// # Errors
    /// The cipher refused: the secret is longer than a cipher's stream.
    pub fn seal(
        &self,
        random: &dyn Random,
        tenant: &Tenant,
        binding: &Binding,
        secret: &[u8],
    ) -> Result<Vec<u8>, SealError> {
        let (id, key) = self.current();
        let nonce: [u8; NONCE] = random.bytes();
        let aad = associated(tenant, binding);
        let payload = Payload { msg: secret, aad: &aad };
        let text = key.encrypt(&XNonce::from(nonce), payload).map_err(|_| SealError::Forged)?;
        let length = u8::try_from(id.as_str().len()).map_err(|_| SealError::UnknownKey)?;
        Ok([&[FORM, length], id.as_str().as_bytes(), &nonce, &text].concat())
    }

    /// Opens what was sealed for this place of the tenant's organisation.
    ///
    /// # Errors
    /// It was sealed elsewhere, or with an unknown key, or changed.
    pub fn open(
        &self,
        tenant: &Tenant,
        binding: &Binding,
        sealed: &[u8],
    ) -> Result<Vec<u8>, SealError> {
        let (id, nonce, text) = parts(sealed).ok_or(SealError::Forged)?;
        let key = self.key(id.as_str()).ok_or(SealError::UnknownKey)?;
        let aad = associated(tenant, binding);
        let payload = Payload { msg: text, aad: &aad };
        key.decrypt(&XNonce::from(nonce), payload).map_err(|_| SealError::Forged)
    }

    /// Whether it was sealed with another key than the current one, so that it is worth being
    /// sealed again.
    pub fn is_stale(&self, sealed: &[u8]) -> bool {
        let (current, _) = self.current();
        parts(sealed).is_none_or(|(id, _, _)| id != *current)
    }
}

/// Key id, nonce and ciphertext.
fn parts(sealed: &[u8]) -> Option<(KeyId, [u8; NONCE], &[u8])> {
    let (&[FORM, length], rest) = sealed.split_first_chunk()? else { return None };
    let (id, rest) = rest.split_at_checked(usize::from(length))?;
    let id = KeyId::parse(std::str::from_utf8(id).ok()?)?;
    let (nonce, text) = rest.split_first_chunk()?;
    Some((id, *nonce, text))
}

/// What the tag covers besides the secret. Every part has a fixed length but the first, which ends
/// in a byte that it cannot hold.
fn associated(tenant: &Tenant, binding: &Binding) -> Vec<u8> {
    [
        binding.purpose.as_bytes(),
        &[0],
        &tenant.organisation().get().to_be_bytes(),
        binding.of.as_bytes(),
        &binding.version.to_be_bytes(),
    ]
    .concat()
}
