//! The wire format, version 1: JSON lines, one event each, all of one organisation.
//!
//! The format is published as JSON Schemas and golden batches under `fixtures/telemetry`. Lines are
//! written by hand and not by a serialiser, because nothing in them needs escaping: a text that is
//! not of a closed form does not get in.

use chrono::{DateTime, Utc};
use restartix_kernel::{AppointmentId, EventId};
use restartix_tenancy::Tenant;

use crate::hex::digits;
use crate::seal::instant;
use crate::{AuditEntry, EventKind, KeyEpoch, LineDigest, PseudonymKeys, ResourceKind, Subject};

/// The version of the format, `v` in every line.
pub const WIRE_VERSION: u8 = 1;

/// The most events in one batch.
pub const MAX_EVENTS: u16 = 500;

/// The longest line, in bytes: the longest that the format allows is about 700.
pub const MAX_LINE: usize = 4096;

/// The name of a batch, and so its idempotency key: the same for every attempt to send it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BatchId(pub EventId);

impl std::fmt::Display for BatchId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

/// An event that waits to be sent, as it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kept {
    /// A line of the audit.
    Audit(AuditEntry),
    /// A fact.
    Told(Told),
}

/// A fact as it is kept: what [`crate::Publication`] said, in words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Told {
    /// Its key.
    pub id: EventId,
    /// Analytics or rehab.
    pub kind: EventKind,
    /// The type on the wire.
    pub event_type: String,
    /// When it happened.
    pub occurred_at: DateTime<Utc>,
    /// Whom it will name by pseudonym.
    pub subject: Option<Subject>,
    /// `data` as [`crate::Fact::data`] made it.
    pub data: String,
}

impl Kept {
    /// Its key.
    pub const fn id(&self) -> EventId {
        match self {
            Self::Audit(entry) => entry.id,
            Self::Told(told) => told.id,
        }
    }

    /// When it happened.
    pub const fn occurred_at(&self) -> DateTime<Utc> {
        match self {
            Self::Audit(entry) => entry.occurred_at,
            Self::Told(told) => told.occurred_at,
        }
    }
}

/// An event cannot be said in the wire format: something of it is not of a closed form.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the event's {0} is not of a form that may leave")]
pub struct Malformed(pub &'static str);

/// One event as it is sent; only [`Line::encode`] makes one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    id: EventId,
    occurred_at: DateTime<Utc>,
    text: String,
}

impl Line {
    /// `kept`, of the organisation of `tenant`; whom a fact is about is said by their pseudonym of
    /// `epoch`, or of the current epoch where that key is not held any more.
    pub fn encode(
        tenant: &Tenant,
        keys: &PseudonymKeys,
        epoch: KeyEpoch,
        kept: &Kept,
    ) -> Result<Self, Malformed> {
        let text = match kept {
            Kept::Audit(entry) => audit(tenant, entry)?,
            Kept::Told(told) => fact(tenant, keys, epoch, told)?,
        };
        if text.len() > MAX_LINE {
            return Err(Malformed("length"));
        }
        Ok(Self { id: kept.id(), occurred_at: kept.occurred_at(), text })
    }

    /// When it happened.
    pub const fn occurred_at(&self) -> DateTime<Utc> {
        self.occurred_at
    }

    /// The event's key.
    pub const fn id(&self) -> EventId {
        self.id
    }

    /// The line, without its end.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Its digest, by which both sides compare what they have.
    pub fn digest(&self) -> LineDigest {
        LineDigest::of(&self.text)
    }
}

/// What is sent at once: frozen under its id before it is sent for the first time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Batch {
    /// Its name.
    pub id: BatchId,
    /// Its events: 1 to [`MAX_EVENTS`].
    pub lines: Vec<Line>,
}

impl Batch {
    /// The body before it is compressed: each line with its end.
    pub fn body(&self) -> String {
        let mut body = String::with_capacity(self.lines.iter().map(|l| l.text.len() + 1).sum());
        for line in &self.lines {
            body.push_str(&line.text);
            body.push('\n');
        }
        body
    }
}

fn head(tenant: &Tenant, kind: EventKind, id: EventId, occurred_at: DateTime<Utc>) -> String {
    format!(
        r#"{{"v":{WIRE_VERSION},"kind":"{kind}","id":"{id}","organization_id":{},"occurred_at":"{}""#,
        tenant.organisation().get(),
        instant(occurred_at),
    )
}

fn audit(tenant: &Tenant, entry: &AuditEntry) -> Result<String, Malformed> {
    let mut line = head(tenant, EventKind::Audit, entry.id, entry.occurred_at);
    let actor = entry.actor.map_or_else(
        || r#"{"kind":"system"}"#.to_owned(),
        |by| match by.role {
            Some(role) => {
                format!(r#"{{"kind":"user","id":"{}","role":"{}"}}"#, by.user, role.as_str())
            }
            None => format!(r#"{{"kind":"client","id":"{}"}}"#, by.user),
        },
    );
    let kind = ResourceKind::ALL.iter().find(|kind| kind.as_str() == entry.resource_kind);
    let kind = kind.ok_or(Malformed("resource"))?.as_str();
    let id = entry.resource_id.as_deref();
    let id = id.map(public_id).transpose()?;
    let outcome = ["success", "refused", "failed"].into_iter().find(|one| *one == entry.outcome);
    line.push_str(&format!(
        concat!(
            r#","actor":{},"operation":{},"resource":{{"kind":"{}","id":{}}},"#,
            r#""patient_id":{},"outcome":"{}","code":{},"request_id":{}}}"#
        ),
        actor,
        quoted(Some(word(&entry.operation, "operation")?)),
        kind,
        quoted(id),
        quoted(entry.patient),
        outcome.ok_or(Malformed("outcome"))?,
        quoted(entry.code.as_deref().map(|code| word(code, "code")).transpose()?),
        quoted(entry.request),
    ));
    Ok(line)
}

fn fact(
    tenant: &Tenant,
    keys: &PseudonymKeys,
    epoch: KeyEpoch,
    told: &Told,
) -> Result<String, Malformed> {
    let kind = match told.kind {
        EventKind::Audit => return Err(Malformed("kind")),
        kind @ (EventKind::Analytics | EventKind::Rehab) => kind,
    };
    let actor = match told.subject {
        None => "null".to_owned(),
        Some(subject) => {
            let made = keys.pseudonym_of(tenant, subject, epoch);
            let made = made.or_else(|| keys.pseudonym(tenant, subject));
            let made = made.ok_or(Malformed("subject"))?;
            let hash = digits(&made.digest);
            #[cfg(feature = "mutants")]
            let hash = crate::mutants::told(hash, subject);
            format!(r#"{{"key_epoch":{},"hash":"{hash}"}}"#, made.epoch.get())
        }
    };
    let whole = told.data.starts_with('{') && told.data.ends_with('}');
    if !whole || told.data.bytes().any(|byte| byte.is_ascii_control() || !byte.is_ascii()) {
        return Err(Malformed("data"));
    }
    let mut line = head(tenant, kind, told.id, told.occurred_at);
    line.push_str(&format!(
        r#","actor":{actor},"type":"{}","data":{}}}"#,
        word(&told.event_type, "type")?,
        told.data,
    ));
    Ok(line)
}

/// A line of the audit as it is sealed: as it is told to the Telemetry service, or, where it cannot be
/// told, its head and what is wrong with it.
pub fn sealed_line(tenant: &Tenant, entry: &AuditEntry) -> String {
    audit(tenant, entry).unwrap_or_else(|Malformed(what)| {
        let head = head(tenant, EventKind::Audit, entry.id, entry.occurred_at);
        format!(r#"{head},"malformed":"{what}"}}"#)
    })
}

fn quoted(value: Option<impl std::fmt::Display>) -> String {
    value.map_or_else(|| "null".to_owned(), |value| format!(r#""{value}""#))
}

/// A name as the source has it, `appointments.book`: no text that anybody wrote.
fn word<'a>(text: &'a str, what: &'static str) -> Result<&'a str, Malformed> {
    let plain =
        |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"._".contains(&byte);
    let closed = (1..=80).contains(&text.len()) && text.bytes().all(plain);
    if closed { Ok(text) } else { Err(Malformed(what)) }
}

/// A public id: a number or a UUID in its hyphenated spelling.
fn public_id(text: &str) -> Result<&str, Malformed> {
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    let number = digits && text.parse::<AppointmentId>().is_ok();
    let uuid = text.parse::<EventId>().is_ok();
    if number || uuid { Ok(text) } else { Err(Malformed("resource")) }
}
