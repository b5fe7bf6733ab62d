//! Programs of an organisation's own: what they may do, and by what they are known.

use std::fmt;

use async_trait::async_trait;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, Utc};
use restartix_kernel::{ApiClientId, ExposeSecret, Random, RandomExt, Secret, StoreError, words};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use crate::{DirectoryError, OrgId, Personal};

/// Programs that one organisation may have.
pub const MAX_CLIENTS: usize = 20;

words! {
    /// What a program may do: look at what an event names, and at the events themselves.
    Scope {
        /// See the organisation's appointments.
        Appointments = "appointments:read",
        /// See what is known of its files, and get them.
        Files = "files:read",
        /// See its programmes of exercises.
        Programs = "programs:read",
        /// See its memberships.
        Memberships = "memberships:read",
        /// See its events and what became of them.
        Webhooks = "webhooks:read",
    }
}

/// A set of scopes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Scopes(u8);

/// The text names no scope.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a known scope")]
pub struct ScopeError;

impl Scopes {
    fn bit(scope: Scope) -> u8 {
        let at = Scope::ALL.iter().position(|one| *one == scope).unwrap_or_default();
        1_u8.checked_shl(u32::try_from(at).unwrap_or_default()).unwrap_or_default()
    }

    /// Reads names.
    pub fn parse<'a>(names: impl IntoIterator<Item = &'a str>) -> Result<Self, ScopeError> {
        names.into_iter().try_fold(Self::default(), |all, name| {
            let scope: Scope = name.parse().map_err(|_| ScopeError)?;
            Ok(Self(all.0 | Self::bit(scope)))
        })
    }

    /// Whether `scope` is among them.
    pub fn has(self, scope: Scope) -> bool {
        self.0 & Self::bit(scope) != 0
    }

    /// Whether there are none.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Whether all of `others` are among them.
    pub const fn covers(self, others: Self) -> bool {
        others.0 & !self.0 == 0
    }

    /// Those that are in both.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// Their names.
    pub fn names(self) -> Vec<&'static str> {
        Scope::ALL.iter().filter(|scope| self.has(**scope)).map(|scope| scope.as_str()).collect()
    }
}

/// What a program shows: its secret, or a token that it got for it. 32 random bytes; only the digest
/// is kept anywhere.
#[derive(Clone)]
pub struct ClientKey(Secret);

/// Of a secret.
const SECRET: &str = "rtxs_";
/// Of a token.
const TOKEN: &str = "rtxc_";

impl ClientKey {
    fn fresh(prefix: &str, random: &dyn Random) -> Self {
        Self(format!("{prefix}{}", URL_SAFE_NO_PAD.encode(random.bytes::<32>())).into())
    }

    /// A fresh secret.
    pub fn fresh_secret(random: &dyn Random) -> Self {
        Self::fresh(SECRET, random)
    }

    /// A fresh token.
    pub fn fresh_token(random: &dyn Random) -> Self {
        Self::fresh(TOKEN, random)
    }

    /// What was shown as a secret; of the length that secrets have.
    pub fn secret(shown: &Secret) -> Option<Self> {
        Self::of(SECRET, shown)
    }

    /// The token that a bearer shows, when it is a program's.
    pub fn token(bearer: &Secret) -> Option<Self> {
        Self::of(TOKEN, bearer)
    }

    fn of(prefix: &str, shown: &Secret) -> Option<Self> {
        let text = shown.expose_secret();
        let known = text.len() == prefix.len() + 43 && text.starts_with(prefix);
        known.then(|| Self(shown.clone()))
    }

    /// The text, to be shown once.
    pub fn to_text(&self) -> Secret {
        self.0.clone()
    }

    /// What is kept of it: SHA-256. Its 256 random bits need no slow hash.
    pub fn digest(&self) -> ClientDigest {
        ClientDigest(Sha256::digest(self.0.expose_secret().as_bytes()).into())
    }
}

impl fmt::Debug for ClientKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ClientKey(..)")
    }
}

/// What is kept of a [`ClientKey`]. Compared in constant time.
#[derive(Clone, Copy)]
pub struct ClientDigest([u8; 32]);

impl ClientDigest {
    /// A digest as it was kept.
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// To be kept.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// Whether both are of the same key.
    pub fn matches(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl fmt::Debug for ClientDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ClientDigest(..)")
    }
}

/// A program of one organisation, in which alone it acts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiClient {
    /// Its id.
    pub id: ApiClientId,
    /// What people call it.
    pub name: Personal,
    /// What it may do.
    pub scopes: Scopes,
    /// Since when.
    pub created_at: DateTime<Utc>,
}

/// The programs of one organisation, within one unit of work.
#[async_trait]
pub trait ApiClients: Send {
    /// Those that were not revoked, by id.
    async fn list(&mut self) -> Result<Vec<ApiClient>, StoreError>;

    /// Adds one, unless there are [`MAX_CLIENTS`] already. Two at once count each other.
    async fn add(&mut self, client: &ApiClient, secret: &ClientDigest) -> Result<bool, StoreError>;

    /// Takes a program and its tokens their rights, at once and for good; false if there is none.
    async fn revoke(&mut self, id: ApiClientId, now: DateTime<Utc>) -> Result<bool, StoreError>;

    /// Keeps a token that is good until `expires_at`; those that expired before `now` are forgotten.
    async fn keep_token(
        &mut self,
        id: ApiClientId,
        token: &ClientDigest,
        scopes: Scopes,
        now: DateTime<Utc>,
        expires_at: DateTime<Utc>,
    ) -> Result<(), StoreError>;
}

/// Who stands behind a program's token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClientStanding {
    /// Which program.
    pub id: ApiClientId,
    /// Whose it is.
    pub organisation: OrgId,
    /// Whether that is suspended.
    pub is_suspended: bool,
    /// What the token is good for.
    pub scopes: Scopes,
}

/// Knows the tokens of programs. Answers are never older than the call: revocation acts at once.
#[async_trait]
pub trait ClientTokens: Send + Sync {
    /// Who stands behind a token that is good now; `None` when nobody does.
    async fn standing(&self, token: &ClientKey) -> Result<Option<ClientStanding>, DirectoryError>;
}

/// Knows nobody: where there are no programs.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoClients;

#[async_trait]
impl ClientTokens for NoClients {
    async fn standing(&self, _: &ClientKey) -> Result<Option<ClientStanding>, DirectoryError> {
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use restartix_kernel::SeededRandom;

    #[test]
    fn scopes_are_a_closed_set_and_are_read_as_they_are_written() {
        let some = Scopes::parse(["files:read", "appointments:read"]).unwrap();
        assert_eq!(some.names(), ["appointments:read", "files:read"]);
        assert!(some.has(Scope::Files) && !some.has(Scope::Webhooks));
        assert!(Scopes::parse(["appointments:write"]).is_err());
        let all = Scopes::parse(Scope::ALL.iter().map(|scope| scope.as_str())).unwrap();
        assert!(all.covers(some) && !some.covers(all) && all.and(some) == some);
        assert!(Scopes::default().is_empty() && !some.is_empty());
    }

    #[test]
    fn a_secret_is_no_token_and_neither_is_printed() {
        let random = SeededRandom::new(5);
        let (secret, token) = (ClientKey::fresh_secret(&random), ClientKey::fresh_token(&random));
        assert!(ClientKey::secret(&secret.to_text()).is_some());
        assert!(ClientKey::token(&secret.to_text()).is_none());
        let again = ClientKey::token(&token.to_text()).unwrap();
        assert!(again.digest().matches(&token.digest()));
        assert!(!again.digest().matches(&secret.digest()));
        assert_eq!(format!("{token:?} {:?}", token.digest()), "ClientKey(..) ClientDigest(..)");
        assert!(ClientKey::token(&"rtxc_short".into()).is_none());
    }
}
