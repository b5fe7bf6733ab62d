use std::collections::BTreeMap;
use std::fmt;

use hmac::{Hmac, KeyInit, Mac};
use restartix_kernel::PersonId;
use restartix_tenancy::{Actor, OrgId, Role, Tenant};
use sha2::Sha256;

/// Separates this use of a key from every other, and this layout from a later one.
const LAYOUT: u8 = 0x01;

/// Which key a pseudonym was made with: counts up with every rotation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyEpoch(u32);

impl KeyEpoch {
    /// The epoch of this number.
    pub const fn new(number: u32) -> Self {
        Self(number)
    }

    /// Its number, as on the wire.
    pub const fn get(self) -> u32 {
        self.0
    }
}

/// A key of pseudonyms: 32 bytes that never leave the platform and are never printed.
#[derive(Clone)]
pub struct PseudonymKey([u8; 32]);

impl PseudonymKey {
    /// The key of these bytes, which must come from a source of randomness.
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }
}

impl fmt::Debug for PseudonymKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PseudonymKey(..)")
    }
}

/// Whom a pseudonym stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Subject {
    /// Somebody who works for the organisation.
    Staff(PersonId),
    /// Somebody who is treated.
    Patient(PersonId),
}

impl Subject {
    /// Whom the organisation of an acting user knows; `None` for a program and the platform itself.
    pub const fn of(actor: Actor) -> Option<Self> {
        match actor {
            Actor::User { person, role: Role::Patient, .. } => Some(Self::Patient(person)),
            Actor::User { person, .. } => Some(Self::Staff(person)),
            Actor::Client { .. } | Actor::System => None,
        }
    }
}

/// Who somebody is to the Telemetry service: the same within an organisation and an epoch, and
/// without the key not to be linked to a person, to another organisation or to another epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Pseudonym {
    /// Which key made it.
    pub epoch: KeyEpoch,
    /// HMAC-SHA-256 under that key.
    pub digest: [u8; 32],
}

/// The keys of pseudonyms by epoch. The highest epoch makes new pseudonyms; the ones before it are
/// kept to find what was sent under them, and destroying one unlinks that for good.
#[derive(Clone, Debug)]
pub struct PseudonymKeys {
    keys: BTreeMap<KeyEpoch, PseudonymKey>,
    current: KeyEpoch,
}

impl PseudonymKeys {
    /// The ring of these keys; `None` when there is none.
    pub fn new(keys: BTreeMap<KeyEpoch, PseudonymKey>) -> Option<Self> {
        let current = *keys.last_key_value()?.0;
        Some(Self { keys, current })
    }

    /// The epoch that makes new pseudonyms.
    pub const fn current(&self) -> KeyEpoch {
        self.current
    }

    /// What `subject` is called in the organisation of `tenant` now. A ring always holds its
    /// current key, so there is an answer.
    pub fn pseudonym(&self, tenant: &Tenant, subject: Subject) -> Option<Pseudonym> {
        self.pseudonym_of(tenant, subject, self.current)
    }

    /// What `subject` was called there in `epoch`; `None` when that key is not held.
    ///
    /// The digest is over `0x01 | organisation | 0x00 | kind | 0x00 | id`: the organisation as 8
    /// bytes, big-endian; the kind `staff` or `patient`; the id in its hyphenated spelling. The
    /// fields cannot run into one another: the first is of fixed length, the second has no zero.
    pub fn pseudonym_of(
        &self,
        tenant: &Tenant,
        subject: Subject,
        epoch: KeyEpoch,
    ) -> Option<Pseudonym> {
        self.within(tenant.organisation(), subject, epoch)
    }

    fn within(&self, org: OrgId, subject: Subject, epoch: KeyEpoch) -> Option<Pseudonym> {
        let (kind, id) = match subject {
            Subject::Staff(person) => ("staff", person.to_string()),
            Subject::Patient(person) => ("patient", person.to_string()),
        };
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.keys.get(&epoch)?.0).ok()?;
        mac.update(&[LAYOUT]);
        mac.update(&org.get().to_be_bytes());
        mac.update(&[0]);
        mac.update(kind.as_bytes());
        mac.update(&[0]);
        mac.update(id.as_bytes());
        Some(Pseudonym { epoch, digest: mac.finalize().into_bytes().into() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NINTH: &str = "00000000-0000-0000-0000-000000000009";

    fn ring(keys: &[(u32, u8)]) -> PseudonymKeys {
        let key = |&(epoch, byte): &(u32, u8)| {
            (KeyEpoch::new(epoch), PseudonymKey::from_bytes([byte; 32]))
        };
        PseudonymKeys::new(keys.iter().map(key).collect()).unwrap()
    }

    fn org(id: i64) -> OrgId {
        OrgId::new(id).unwrap()
    }

    fn now(keys: &PseudonymKeys, org: OrgId, subject: Subject) -> Pseudonym {
        keys.within(org, subject, keys.current()).unwrap()
    }

    fn patient() -> Subject {
        Subject::Patient(NINTH.parse().unwrap())
    }

    /// Computed with another implementation of HMAC, from the layout as it is documented.
    #[test]
    fn the_layout_is_the_documented_one() {
        let made = now(&ring(&[(3, 7)]), org(42), patient());
        assert_eq!(made.epoch, KeyEpoch::new(3));
        assert_eq!(
            hex::encode(made.digest),
            "ffb35b2e5569a73edf161096cf22e1f1442fdde32f8801f80b58012229c05a4a"
        );
    }

    #[test]
    fn one_person_cannot_be_linked_across_organisations_kinds_or_epochs() {
        let keys = ring(&[(1, 7), (2, 8)]);
        let here = now(&keys, org(42), patient());
        assert_eq!(now(&keys, org(42), patient()), here);
        let there = now(&keys, org(43), patient());
        let acting = Subject::Staff(NINTH.parse().unwrap());
        let acting = now(&keys, org(42), acting);
        let before = keys.within(org(42), patient(), KeyEpoch::new(1)).unwrap();
        for other in [there, acting, before] {
            assert_ne!(other.digest, here.digest);
        }
    }

    #[test]
    fn the_highest_epoch_is_current_and_a_destroyed_key_makes_nothing() {
        let keys = ring(&[(2, 8), (1, 7)]);
        assert_eq!(keys.current(), KeyEpoch::new(2));
        let left = ring(&[(2, 8)]);
        assert_eq!(left.within(org(42), patient(), KeyEpoch::new(1)), None);
        assert!(PseudonymKeys::new(BTreeMap::new()).is_none());
    }

    #[test]
    fn keys_are_not_printed() {
        let text = format!("{:?}", ring(&[(1, 7)]));
        assert!(text.contains("PseudonymKey(..)"));
        assert!(!text.contains("7, 7"));
    }
}
