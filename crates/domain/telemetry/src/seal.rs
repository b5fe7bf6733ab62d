//! Tamper evidence of the audit: a place for each line, a chain over all of them, signed heads.
//!
//! In the manner of RFC 6962, section 2.1: SHA-256, with a byte before each kind of thing that is
//! hashed, so that nothing can be taken for something else. Sealed is what has committed: a request
//! waits for nobody's place.

use std::fmt;
use std::str::FromStr;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use ed25519_dalek::{Signature, Signer, SigningKey, VerifyingKey};
use restartix_kernel::{EventId, StoreError};
use restartix_tenancy::{ClaimSource, OrgId, Tenant};
use sha2::{Digest as _, Sha256};

use crate::hex::{digits, read};
use crate::{AuditEntry, sealed_line};

/// Before a line that is hashed.
const LEAF: u8 = 0x00;
/// Before a link of the chain that is hashed.
const LINK: u8 = 0x01;

/// The digest of a line as it is told: SHA-256 of a zero byte and the line, without its end.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct LineDigest([u8; 32]);

impl LineDigest {
    /// Of `line`.
    pub fn of(line: &str) -> Self {
        let mut hash = Sha256::new();
        hash.update([LEAF]);
        hash.update(line.as_bytes());
        Self(hash.finalize().into())
    }

    /// As it was kept.
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// As it is kept.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Display for LineDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&digits(&self.0))
    }
}

impl fmt::Debug for LineDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// How far an organisation's chain goes, and what it has come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    /// The place of the last line that is in it; 0 before the first.
    pub seq: u64,
    /// SHA-256 of a one byte, the chain before the line, and the line's digest; zeros before the first.
    pub chain: [u8; 32],
}

impl Head {
    /// Before the first line.
    pub const START: Self = Self { seq: 0, chain: [0; 32] };

    /// With one more line.
    #[must_use]
    pub fn with(self, leaf: LineDigest) -> Self {
        let mut hash = Sha256::new();
        hash.update([LINK]);
        hash.update(self.chain);
        hash.update(leaf.0);
        Self { seq: self.seq.saturating_add(1), chain: hash.finalize().into() }
    }

    /// What is signed.
    fn text(&self, organisation: OrgId, sealed_at: DateTime<Utc>) -> String {
        format!(
            "restartix audit head v1\n{organisation}\n{}\n{}\n{}\n",
            self.seq,
            digits(&self.chain),
            instant(sealed_at)
        )
    }
}

/// An instant to the microsecond, as on the wire.
pub(crate) fn instant(at: DateTime<Utc>) -> String {
    at.format("%Y-%m-%dT%H:%M:%S%.6fZ").to_string()
}

/// A head that whoever runs the platform has put their name to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SignedHead {
    /// The head.
    pub head: Head,
    /// When it was sealed, to the microsecond.
    pub sealed_at: DateTime<Utc>,
    /// Which key signed it.
    pub key: KeyName,
    /// Ed25519 (RFC 8032).
    pub signature: [u8; 64],
}

/// The name of a public key: the first 8 bytes of its SHA-256.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct KeyName([u8; 8]);

impl KeyName {
    /// As it was kept.
    pub const fn from_bytes(bytes: [u8; 8]) -> Self {
        Self(bytes)
    }

    /// As it is kept.
    pub const fn as_bytes(&self) -> &[u8; 8] {
        &self.0
    }
}

impl fmt::Display for KeyName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&digits(&self.0))
    }
}

impl fmt::Debug for KeyName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The key that signs heads. It is never printed.
#[derive(Clone)]
pub struct SealKey(SigningKey);

impl fmt::Debug for SealKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SealKey(..)")
    }
}

impl SealKey {
    /// The key of this seed, which must come from a source of randomness (RFC 8032, section 5.1.5).
    pub fn from_seed(seed: [u8; 32]) -> Self {
        Self(SigningKey::from_bytes(&seed))
    }

    /// What verifies its signatures, for everybody.
    pub fn public(&self) -> PublicKey {
        PublicKey(self.0.verifying_key())
    }

    /// Signs a head of the organisation of `tenant`, sealed at this instant.
    pub fn sign(&self, tenant: &Tenant, head: Head, sealed_at: DateTime<Utc>) -> SignedHead {
        let text = head.text(tenant.organisation(), sealed_at);
        let signature = self.0.sign(text.as_bytes()).to_bytes();
        SignedHead { head, sealed_at, key: self.public().name(), signature }
    }
}

/// What verifies heads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PublicKey(VerifyingKey);

/// The text is no public key: 64 hexadecimal digits, of a point on the curve.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a public key is 64 hexadecimal digits")]
pub struct NoPublicKey;

impl PublicKey {
    /// Its name.
    pub fn name(&self) -> KeyName {
        let [a, b, c, d, e, f, g, h, ..]: [u8; 32] = Sha256::digest(self.0.as_bytes()).into();
        KeyName([a, b, c, d, e, f, g, h])
    }

    /// Whether it signed `signed`, as a head of `organisation`.
    pub(crate) fn verifies(&self, organisation: OrgId, signed: &SignedHead) -> bool {
        let text = signed.head.text(organisation, signed.sealed_at);
        self.0.verify_strict(text.as_bytes(), &Signature::from_bytes(&signed.signature)).is_ok()
    }
}

impl fmt::Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&digits(self.0.as_bytes()))
    }
}

impl FromStr for PublicKey {
    type Err = NoPublicKey;

    fn from_str(text: &str) -> Result<Self, NoPublicKey> {
        let bytes = read(text).ok_or(NoPublicKey)?;
        VerifyingKey::from_bytes(&bytes).map(Self).map_err(|_| NoPublicKey)
    }
}

/// How a sealer looks for lines without a place.
#[derive(Clone, Copy, Debug)]
pub struct SealClaim {
    /// Lines of one organisation at most.
    pub lines: u16,
    /// Besides those above the highest key that was sealed: also those that committed late, from then on,
    /// and from further back where the organisation's chain does not reach so far. That costs more.
    pub since: Option<DateTime<Utc>>,
}

/// Lines of one organisation that have no place yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unsealed {
    /// On what they follow.
    pub head: Head,
    /// The highest key that was sealed before; `None` before the first.
    pub reach: Option<EventId>,
    /// The lines, by their keys.
    pub lines: Vec<AuditEntry>,
}

/// Lines with their places, and the head that covers them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sealed {
    /// The place before the first of them.
    pub after: u64,
    /// Of each line its key, when it happened and its digest, in their order.
    pub leaves: Vec<(EventId, DateTime<Utc>, LineDigest)>,
    /// The highest key that is sealed by now.
    pub reach: EventId,
    /// The head after the last of them.
    pub head: SignedHead,
}

impl Unsealed {
    /// Seals the lines, in the order of their keys, under `key`; `None` where there is no line.
    pub fn seal(&self, tenant: &Tenant, key: &SealKey, now: DateTime<Utc>) -> Option<Sealed> {
        let mut head = self.head;
        let mut leaves = Vec::with_capacity(self.lines.len());
        for entry in &self.lines {
            let leaf = LineDigest::of(&sealed_line(tenant, entry));
            head = head.with(leaf);
            leaves.push((entry.id, entry.occurred_at, leaf));
        }
        let last = leaves.last()?.0;
        let reach = self.reach.map_or(last, |before| before.max(last));
        Some(Sealed { after: self.head.seq, leaves, reach, head: key.sign(tenant, head, now) })
    }
}

/// The lines that have no place yet, across organisations.
#[async_trait]
pub trait SealQueue: ClaimSource<Key = SealClaim, Row = Unsealed> {
    /// Gives lines of the organisation of `tenant` their places. Answers false, and changes nothing,
    /// when somebody else has sealed on the same head meanwhile.
    async fn seal(&self, tenant: &Tenant, sealed: &Sealed) -> Result<bool, StoreError>;
}

/// A line with its place; without the line where it is gone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SealedEntry {
    /// Its place: 1, 2, 3, ...
    pub seq: u64,
    /// Its digest when it was sealed.
    pub leaf: LineDigest,
    /// The line as it is now.
    pub entry: Option<AuditEntry>,
}

/// What was sealed of one organisation, within one unit of work.
#[async_trait]
pub trait AuditSeals: Send {
    /// The signed heads behind this place, by theirs, at most so many.
    async fn heads(&mut self, after: u64, limit: u16) -> Result<Vec<SignedHead>, StoreError>;

    /// The lines behind the place `after` and up to `to`, by theirs.
    async fn sealed(&mut self, after: u64, to: u64) -> Result<Vec<SealedEntry>, StoreError>;
}
