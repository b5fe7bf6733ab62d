//! Attestations: read, and added to.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::Path;

use anyhow::{Context, Result};
use chrono::{DateTime, Days, Utc};
use restartix_isolation::{Attestation, Seen, attest};
use sha2::{Digest, Sha256};

use crate::arguments::Arguments;

/// What was attested in `file` and counts `today`.
pub(crate) fn read(file: Option<&Path>, today: &str) -> Result<Vec<Attestation>> {
    let kept = match file {
        Some(file) if file.exists() => {
            let text = fs::read_to_string(file);
            attest::read(&text.with_context(|| format!("read {}", file.display()))?)?
        }
        _ => Vec::new(),
    };
    Ok(attest::attested(&kept, today))
}

/// Adds what `arguments` attest.
pub(crate) fn add(arguments: &Arguments, id: &str, now: DateTime<Utc>) -> Result<()> {
    let name = arguments.name.as_ref().context("--attest needs --name")?;
    let seen = arguments.seen.as_ref().context("--attest needs --seen")?;
    let file = arguments.attestations.as_ref().context("--attest needs --attestations FILE")?;
    let what = fs::read(seen).with_context(|| format!("read {}", seen.display()))?;
    let until = now.checked_add_days(Days::new(arguments.days.into())).context("--days")?;
    let day = |at: DateTime<Utc>| at.format("%Y-%m-%d").to_string();
    let line = attest::line(&Seen {
        id: id.to_owned(),
        name: name.clone(),
        on: day(now),
        until: day(until),
        sha256: hex::encode(Sha256::digest(&what)),
    })?;
    let opened = OpenOptions::new().create(true).append(true).open(file);
    let mut opened = opened.with_context(|| format!("open {}", file.display()))?;
    opened.write_all(line.as_bytes()).with_context(|| format!("write {}", file.display()))
}
