//! An export of one organisation's audit, and its verification with the public key alone.
//!
//! Lines of text, each with its end:
//!
//! ```text
//! {"restartix_audit":1,"organization_id":42}
//! {"seq":1,"leaf":"<64 digits>","event":{...}}
//! {"head":1,"chain":"<64 digits>","sealed_at":"<instant>","key":"<16 digits>","signature":"<128 digits>"}
//! ```
//!
//! `event` is the line as the Telemetry service is told it, byte by byte, or `null` where it is gone.
//! The lines are read as strictly as they are written, so that no byte of them can be another one.

use std::fmt;

use chrono::{DateTime, Utc};
use restartix_tenancy::{OrgId, Tenant};

use crate::hex::{digits, read};
use crate::seal::instant;
use crate::{Head, KeyName, LineDigest, PublicKey, SealedEntry, SignedHead, sealed_line};

const BEGIN: &str = r#"{"restartix_audit":1,"organization_id":"#;

/// The first line of an export, without its end.
pub fn export_begin(tenant: &Tenant) -> String {
    format!("{BEGIN}{}}}", tenant.organisation())
}

/// A sealed line as it is exported.
pub fn export_entry(tenant: &Tenant, sealed: &SealedEntry) -> String {
    let event = sealed.entry.as_ref();
    let event = event.map_or_else(|| "null".to_owned(), |entry| sealed_line(tenant, entry));
    format!(r#"{{"seq":{},"leaf":"{}","event":{event}}}"#, sealed.seq, sealed.leaf)
}

/// A signed head as it is exported.
pub fn export_head(signed: &SignedHead) -> String {
    format!(
        r#"{{"head":{},"chain":"{}","sealed_at":"{}","key":"{}","signature":"{}"}}"#,
        signed.head.seq,
        digits(&signed.head.chain),
        instant(signed.sealed_at),
        signed.key,
        digits(&signed.signature),
    )
}

/// What is wrong with an export.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Flaw {
    /// The line is none of the three kinds, or not where it may be.
    Unreadable,
    /// It is another organisation's line.
    Foreign,
    /// A line is not in its place: this one was to come.
    Gap {
        /// Which.
        expected: u64,
    },
    /// The line is not the one that was sealed.
    Altered {
        /// Its place.
        seq: u64,
        /// Its id, as far as it can be read.
        event: Option<String>,
    },
    /// The line that was sealed is gone.
    Missing {
        /// Its place.
        seq: u64,
    },
    /// The lines up to this head are not those that were sealed, though each fits its own digest.
    Chain {
        /// The first of them.
        from: u64,
        /// The last of them.
        to: u64,
    },
    /// A head was not signed by one of the keys that were given.
    Signature {
        /// Its place.
        seq: u64,
    },
    /// The export ends without a head for the lines behind this place.
    Unsigned {
        /// The last place that a head covers.
        after: u64,
    },
}

/// A flaw, and the line of the export in which it is.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct Broken {
    /// The line's number, from 1.
    pub line: u64,
    /// What is wrong.
    pub flaw: Flaw,
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: ", self.line)?;
        match &self.flaw {
            Flaw::Unreadable => f.write_str("is not a line of an export"),
            Flaw::Foreign => f.write_str("is of another organisation"),
            Flaw::Gap { expected } => write!(f, "place {expected} was to come"),
            Flaw::Altered { seq, event: Some(event) } => {
                write!(f, "the event {event} at place {seq} is not the one that was sealed")
            }
            Flaw::Altered { seq, event: None } => {
                write!(f, "the event at place {seq} is not the one that was sealed")
            }
            Flaw::Missing { seq } => write!(f, "the event at place {seq} is gone"),
            Flaw::Chain { from, to } => {
                write!(f, "the events at places {from} to {to} are not those that were sealed")
            }
            Flaw::Signature { seq } => {
                write!(f, "the head at place {seq} was signed by none of the keys")
            }
            Flaw::Unsigned { after } => write!(f, "no head covers what follows place {after}"),
        }
    }
}

/// An export that is whole, as far as it goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Verified {
    /// Whose audit it is.
    pub organisation: OrgId,
    /// How many events there are.
    pub events: u64,
    /// When the last of them was sealed; `None` where there is none.
    pub sealed_at: Option<DateTime<Utc>>,
}

/// Verifies an export, line by line.
#[derive(Clone, Debug)]
pub struct ExportVerifier {
    keys: Vec<PublicKey>,
    organisation: Option<OrgId>,
    line: u64,
    head: Head,
    signed: u64,
    sealed_at: Option<DateTime<Utc>>,
}

impl ExportVerifier {
    /// With the public keys that may have signed.
    pub const fn new(keys: Vec<PublicKey>) -> Self {
        Self { keys, organisation: None, line: 0, head: Head::START, signed: 0, sealed_at: None }
    }

    /// The next line, without its end.
    ///
    /// # Errors
    /// [`Broken`]: what is wrong, and where. What follows says nothing any more.
    pub fn line(&mut self, text: &str) -> Result<(), Broken> {
        self.line = self.line.saturating_add(1);
        self.judge(text).map_err(|flaw| self.broken(flaw))
    }

    /// What the export came to, when that was its last line.
    ///
    /// # Errors
    /// As [`ExportVerifier::line`].
    pub fn finish(self) -> Result<Verified, Broken> {
        let Some(organisation) = self.organisation else {
            return Err(self.broken(Flaw::Unreadable));
        };
        if self.signed != self.head.seq {
            return Err(self.broken(Flaw::Unsigned { after: self.signed }));
        }
        Ok(Verified { organisation, events: self.head.seq, sealed_at: self.sealed_at })
    }

    const fn broken(&self, flaw: Flaw) -> Broken {
        Broken { line: self.line, flaw }
    }

    fn judge(&mut self, text: &str) -> Result<(), Flaw> {
        let Some(organisation) = self.organisation else {
            let number = text.strip_prefix(BEGIN).and_then(|rest| rest.strip_suffix('}'));
            let number = number.and_then(number_of).and_then(|number| i64::try_from(number).ok());
            let organisation = number.and_then(|number| OrgId::new(number).ok());
            self.organisation = Some(organisation.ok_or(Flaw::Unreadable)?);
            return Ok(());
        };
        if let Some(rest) = text.strip_prefix(r#"{"seq":"#) {
            return self.entry(organisation, rest);
        }
        let signed = head_of(text).ok_or(Flaw::Unreadable)?;
        if signed.head.seq != self.head.seq {
            return Err(Flaw::Gap { expected: self.head.seq.saturating_add(1) });
        }
        let key = self.keys.iter().find(|key| key.name() == signed.key);
        if !key.is_some_and(|key| key.verifies(organisation, &signed)) {
            return Err(Flaw::Signature { seq: signed.head.seq });
        }
        if signed.head != self.head {
            let from = self.signed.saturating_add(1);
            return Err(Flaw::Chain { from, to: self.head.seq });
        }
        self.signed = signed.head.seq;
        self.sealed_at = Some(signed.sealed_at);
        Ok(())
    }

    fn entry(&mut self, organisation: OrgId, rest: &str) -> Result<(), Flaw> {
        let parts = rest.split_once(r#","leaf":""#).and_then(|(seq, rest)| {
            let (leaf, event) = rest.split_once(r#"","event":"#)?;
            Some((number_of(seq)?, read(leaf)?, event.strip_suffix('}')?))
        });
        let (seq, leaf, event) = parts.ok_or(Flaw::Unreadable)?;
        let expected = self.head.seq.saturating_add(1);
        if seq != expected {
            return Err(Flaw::Gap { expected });
        }
        if event == "null" {
            return Err(Flaw::Missing { seq });
        }
        if LineDigest::of(event) != LineDigest::from_bytes(leaf) {
            return Err(Flaw::Altered { seq, event: id_of(event) });
        }
        if !event.contains(&format!(r#","organization_id":{organisation},"#)) {
            return Err(Flaw::Foreign);
        }
        self.head = self.head.with(LineDigest::from_bytes(leaf));
        Ok(())
    }
}

/// A number as it is written: without a sign or a leading zero.
fn number_of(text: &str) -> Option<u64> {
    let number: u64 = text.parse().ok()?;
    (number.to_string() == text).then_some(number)
}

/// The event's own id, where it still looks like one.
fn id_of(event: &str) -> Option<String> {
    let (_, rest) = event.split_once(r#""id":""#)?;
    let (id, _) = rest.split_once('"')?;
    let plain = id.len() == 36 && id.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'-');
    plain.then(|| id.to_owned())
}

fn head_of(text: &str) -> Option<SignedHead> {
    let (seq, rest) = text.strip_prefix(r#"{"head":"#)?.split_once(r#","chain":""#)?;
    let (chain, rest) = rest.split_once(r#"","sealed_at":""#)?;
    let (sealed_at, rest) = rest.split_once(r#"","key":""#)?;
    let (key, rest) = rest.split_once(r#"","signature":""#)?;
    let signature = rest.strip_suffix(r#""}"#)?;
    let signed = SignedHead {
        head: Head { seq: number_of(seq)?, chain: read(chain)? },
        sealed_at: sealed_at.parse().ok()?,
        key: KeyName::from_bytes(read(key)?),
        signature: read(signature)?,
    };
    // An instant has other spellings than ours.
    (export_head(&signed) == text).then_some(signed)
}
