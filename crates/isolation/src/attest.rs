//! What no probe can prove: somebody looked, when, at what, and until when that counts.

use anyhow::{Context, Result, bail};
use serde::{Deserialize, Serialize};

use crate::{About, Item};

/// A look that a person takes.
#[derive(Clone, Debug)]
pub struct Attestation {
    /// Of what.
    pub about: About,
    /// Who saw it; nobody, or too long ago: OPEN.
    pub seen: Option<Seen>,
}

/// Who looked at what.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seen {
    /// Of which item, as `ATT-01`.
    pub id: String,
    /// Who.
    pub name: String,
    /// When, as `2026-11-24`.
    pub on: String,
    /// Until when it counts, as `2027-05-24`.
    pub until: String,
    /// SHA-256 of what was seen, in hex.
    pub sha256: String,
}

impl Attestation {
    /// `ATTESTED` or `OPEN`; never GREEN.
    pub const fn word(&self) -> &'static str {
        if self.seen.is_some() { "ATTESTED" } else { "OPEN" }
    }

    /// In one line.
    pub fn line(&self) -> String {
        let about = &self.about;
        match &self.seen {
            Some(seen) => format!(
                "ATTESTED {} {}: {} on {}, until {}, sha256 {}",
                about.id, about.title, seen.name, seen.on, seen.until, seen.sha256
            ),
            None => format!("OPEN {} {}: {}", about.id, about.title, about.mend),
        }
    }
}

/// Everything that people have to look at, nobody having done so.
pub fn open() -> Vec<Attestation> {
    [
        (
            "ATT-01",
            Item::Reachability,
            "Telemetry cannot be reached from outside the private network",
            "try its address from outside, and --attest ATT-01 with what you saw",
        ),
        (
            "ATT-02",
            Item::Payloads,
            "somebody read the webhook payloads",
            "read what the receiver captured, and --attest ATT-02 with it",
        ),
        (
            "ATT-03",
            Item::Actors,
            "the deployed ClickHouse holds hashed actors and no personal data",
            "look at a sample of its rows, and --attest ATT-03 with it",
        ),
    ]
    .map(|(id, item, title, mend)| Attestation {
        about: About { id, item, title, mend },
        seen: None,
    })
    .to_vec()
}

/// The items with what was attested and still counts `today`.
pub fn attested(seen: &[Seen], today: &str) -> Vec<Attestation> {
    let mut all = open();
    for attestation in &mut all {
        let mut of_it = seen.iter().filter(|seen| seen.id == attestation.about.id);
        attestation.seen = of_it.rfind(|seen| seen.until.as_str() >= today).cloned();
    }
    all
}

/// Reads what was attested: a line of JSON each.
pub fn read(text: &str) -> Result<Vec<Seen>> {
    let lines = text.lines().filter(|line| !line.trim().is_empty());
    lines.map(|line| serde_json::from_str(line).context("a line of the attestations")).collect()
}

/// A new one, as its line. It counts for half a year at most: deployments change.
pub fn line(seen: &Seen) -> Result<String> {
    if !open().iter().any(|attestation| attestation.about.id == seen.id) {
        bail!("{} is not among what can be attested", seen.id);
    }
    if seen.name.trim().is_empty() {
        bail!("an attestation is somebody's: give a name");
    }
    Ok(format!("{}\n", serde_json::to_string(seen)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(until: &str) -> Seen {
        Seen {
            id: "ATT-01".into(),
            name: "Ana".into(),
            on: "2026-11-24".into(),
            until: until.into(),
            sha256: "00".into(),
        }
    }

    #[test]
    fn what_expired_is_open_again() {
        let word = |until| attested(&[seen(until)], "2026-11-24").first().map(Attestation::word);
        assert_eq!(word("2026-11-24"), Some("ATTESTED"));
        assert_eq!(word("2026-11-23"), Some("OPEN"));
    }

    #[test]
    fn what_is_written_is_read_again() -> Result<()> {
        assert_eq!(read(&line(&seen("2027-01-01"))?)?, [seen("2027-01-01")]);
        assert!(line(&Seen { id: "DB-01".into(), ..seen("2027-01-01") }).is_err());
        assert!(line(&Seen { name: " ".into(), ..seen("2027-01-01") }).is_err());
        assert!(read("{}").is_err());
        Ok(())
    }
}
