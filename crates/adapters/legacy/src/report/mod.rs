//! What a phase tells: the same for the terminal, as JSON and as HTML. Counts, ids and reasons; no name
//! and no address.

mod html;
mod text;

use serde::Serialize;
use tokio_postgres::Client;

use crate::MigrationError;
use crate::error::During;

/// What a phase came to.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// Which.
    pub phase: &'static str,
    /// Whether the cutover may go on as things are: nothing is quarantined but what was accepted,
    /// nothing differs, no file waits.
    pub safe: bool,
    /// What stands against it, in words.
    pub obstacles: Vec<String>,
    /// How long it took, in seconds.
    pub seconds: f64,
    /// How long the sources were frozen, in seconds; after the flip.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub frozen_seconds: Option<f64>,
    /// Rows of each entity.
    pub entities: Vec<Counted>,
    /// What was not loaded, was left out by a rule, or was loaded and is worth a look.
    pub findings: Vec<Finding>,
    /// What is in the platform, by clinic and table; after `verify`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub compared: Vec<Compared>,
    /// What differs, some of each kind by name; after `verify` and `rollback`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub differences: Vec<Difference>,
    /// Whether clinics are kept apart; after `verify`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub isolation: Vec<Isolation>,
    /// Fields of rows compared one by one with their sources; after `verify`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sampled: Option<Sampled>,
    /// What was done in the platform since the flip; after `rollback`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub since_flip: Vec<Act>,
}

/// Rows of an entity.
#[derive(Clone, Debug, Serialize)]
pub struct Counted {
    /// Where they stand.
    pub source: String,
    /// What they are.
    pub entity: String,
    /// How many were read.
    pub read: i64,
    /// How many cannot be loaded.
    pub quarantined: i64,
    /// How many are left out by a rule.
    pub left_out: i64,
    /// How many have new ids.
    pub loaded: i64,
}

/// Rows with which something is the same.
#[derive(Clone, Debug, Serialize)]
pub struct Finding {
    /// Whether they are `quarantined`, `left_out` or `flagged`.
    pub verdict: String,
    /// Where they stand.
    pub source: String,
    /// What they are.
    pub entity: String,
    /// What it is.
    pub reason: String,
    /// How many.
    pub count: i64,
    /// Some of them, with what it is about: ids, names of fields.
    pub examples: Vec<String>,
}

/// A table of a clinic.
#[derive(Clone, Debug, Serialize)]
pub struct Compared {
    /// The clinic's number here.
    pub organisation: i64,
    /// Its id there.
    pub legacy: String,
    /// The table.
    pub table: &'static str,
    /// How many rows are to be there.
    pub rows: u64,
    /// Whether number and checksum are the same.
    pub same: bool,
}

/// A row that is on one side only.
#[derive(Clone, Debug, Serialize)]
pub struct Difference {
    /// The clinic.
    pub organisation: i64,
    /// The table.
    pub table: &'static str,
    /// `missing` here, or `unexpected`; a row whose values differ is both.
    pub side: &'static str,
    /// Its key.
    pub row: String,
}

/// One thing that keeps clinics apart.
#[derive(Clone, Debug, Serialize)]
pub struct Isolation {
    /// What was looked at.
    pub looked_at: String,
    /// Whether it holds.
    pub holds: bool,
}

impl Isolation {
    pub(crate) const fn new(looked_at: String, holds: bool) -> Self {
        Self { looked_at, holds }
    }
}

/// What comparing rows one by one came to.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Sampled {
    /// Rows drawn from the sources and looked for here.
    pub from_sources: usize,
    /// Rows drawn here and looked for in the sources.
    pub from_platform: usize,
    /// What differs: entity, legacy id, field.
    pub faults: Vec<String>,
}

/// What was done so often.
#[derive(Clone, Debug, Serialize)]
pub struct Act {
    /// The clinic.
    pub organisation: i64,
    /// What, as the audit calls it.
    pub operation: String,
    /// How often.
    pub count: i64,
}

impl Report {
    /// For a terminal.
    pub fn terminal(&self) -> String {
        text::terminal(self)
    }

    /// A page that loads nothing.
    pub fn html(&self) -> String {
        html::page(self)
    }

    /// As JSON.
    pub fn json(&self) -> String {
        // A report holds nothing that JSON cannot.
        serde_json::to_string_pretty(self).unwrap_or_default()
    }
}

/// How many rows of each entity there are, and what became of them.
pub(crate) async fn counted(owner: &Client) -> Result<Vec<Counted>, MigrationError> {
    let mut all = Vec::new();
    for entity in &crate::entity::ENTITIES {
        if matches!(entity.name, "type_locales" | "file_links") {
            continue;
        }
        let query = format!(
            "SELECT (SELECT count(*) FROM {}),
               (SELECT count(*) FROM legacy.quarantine WHERE source = $1 AND entity = $2 AND verdict = 'quarantined'),
               (SELECT count(*) FROM legacy.quarantine WHERE source = $1 AND entity = $2 AND verdict = 'left_out'),
               (SELECT count(*) FROM legacy.ids WHERE source = $1 AND entity = $2)
               + (SELECT count(*) FROM legacy.organisations WHERE $2 = 'organisations' AND made)",
            entity.staged()
        );
        let row = owner.query_one(&query, &[&entity.source.as_str(), &entity.name]).await;
        let row = row.during("counting")?;
        all.push(Counted {
            source: entity.source.to_string(),
            entity: entity.name.to_owned(),
            read: row.get(0),
            quarantined: row.get(1),
            left_out: row.get(2),
            loaded: row.get(3),
        });
    }
    Ok(all)
}

/// What was found, by verdict, entity and reason.
pub(crate) async fn findings(owner: &Client) -> Result<Vec<Finding>, MigrationError> {
    const QUERY: &str = "SELECT verdict, source, entity, reason, count(*),
        (array_agg(legacy_id || coalesce(' (' || detail || ')', '') ORDER BY length(legacy_id), legacy_id))[1:5]
      FROM legacy.quarantine GROUP BY 1, 2, 3, 4
      ORDER BY CASE verdict WHEN 'quarantined' THEN 1 WHEN 'flagged' THEN 2 ELSE 3 END, 2 DESC, 3, 4";
    let rows = owner.query(QUERY, &[]).await.during("reading the quarantine")?;
    let read = |row: &tokio_postgres::Row| Finding {
        verdict: row.get(0),
        source: row.get(1),
        entity: row.get(2),
        reason: row.get(3),
        count: row.get(4),
        examples: row.get(5),
    };
    Ok(rows.iter().map(read).collect())
}
