//! Every statement that the server sends, explained over skewed data: the clinic that asks is small, and
//! its neighbour has nearly all of the rows.
//!
//! Nothing lists the statements: PostgreSQL's own log names those that were sent. What a listed function
//! does inside is not shown by its caller's plan.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result, ensure};
use async_trait::async_trait;
use tokio_postgres::error::SqlState;

use super::read::as_role;
use super::seed::{A, B, Row, Seeded};
use super::tables::Table;
use crate::catalogue::Statement;
use crate::endpoints::{Sent, play, statements};
use crate::target::{Refused, rows};
use crate::{About, Item, Mutation, Probe, Subject, Target};

/// Rows of the neighbour in each table, as far as its constraints let several be.
const MANY: usize = 2_000;
/// A table of fewer rows is read through, whatever its indexes: there the scan is forbidden first.
const FEW: i64 = 1_000;

/// So many clinics the planner believes in.
const CLINICS: u16 = 500;

struct Queries {
    about: About,
    faults: Vec<Statement>,
}

/// The probe.
pub fn queries() -> Vec<Box<dyn Probe>> {
    let about = About {
        id: "PLAN-02",
        item: Item::Ground,
        title: "no statement of the server reads a table of the clinics from end to end, on skewed data",
        mend: "an index that begins with org_id and serves the filter (migrations/schema); no enum, range or \
               lower() in a filter",
    };
    let faults = vec![
        Statement {
            name: "a tenant function that no index can use",
            sql: "CREATE OR REPLACE FUNCTION public.current_app_org_id() RETURNS bigint LANGUAGE plpgsql VOLATILE
             AS 'begin return nullif(current_setting(''app.current_org_id'', true), '''')::bigint; end'",
        },
        Statement {
            name: "people without their key",
            sql: "ALTER TABLE public.people DROP CONSTRAINT people_pkey CASCADE",
        },
    ];
    vec![Box::new(Queries { about, faults })]
}

#[async_trait]
impl Probe for Queries {
    fn about(&self) -> &About {
        &self.about
    }

    async fn examine(&self, target: &Target) -> Result<Vec<Subject>> {
        let api = target.api().context("the stack's addresses were not given")?;
        let log = statements(&api)?;
        let reads = move || log.since(0);
        let mut sent = distinct(tokio::task::spawn_blocking(reads.clone()).await??);
        if !sent.iter().any(|one| one.text.contains("INSERT INTO \"appointments\"")) {
            // Nobody did anything yet.
            tokio::task::spawn_blocking(move || play(&api, &[])).await??;
            sent = distinct(tokio::task::spawn_blocking(reads).await??);
        }
        ensure!(sent.len() >= 50, "only {} statements were sent", sent.len());
        target
            .scratch(async || {
                let seeded = Seeded::plant(target).await?;
                let crowded = crowd(target, &seeded).await?;
                let mut subjects = Vec::new();
                for one in &sent {
                    subjects.extend(explained(target, one, &crowded).await?);
                }
                Ok(subjects)
            })
            .await
    }

    fn writes(&self) -> bool {
        true
    }

    fn needs_api(&self) -> bool {
        true
    }

    fn mutations(&self) -> Vec<&dyn Mutation> {
        self.faults.iter().map(|fault| -> &dyn Mutation { fault }).collect()
    }
}

/// What reads or writes rows, each once.
fn distinct(sent: Vec<Sent>) -> BTreeSet<Sent> {
    let ours = |one: &Sent| ["core_app", "core_worker"].contains(&one.role.as_str());
    let of_rows = |one: &Sent| {
        ["select", "insert", "update", "delete", "with"]
            .iter()
            .any(|word| one.text.trim_start().to_lowercase().starts_with(word))
    };
    sent.into_iter().filter(|one| ours(one) && of_rows(one)).collect()
}

/// Gives the neighbour its rows, and answers how many there are in each table that is somebody's.
async fn crowd(target: &Target, seeded: &Seeded) -> Result<BTreeMap<String, i64>> {
    let mut counts = BTreeMap::new();
    for table in &seeded.tables {
        // Where not several can be, there is one.
        let _one = target.keep(&many(table, seeded.row(&table.name, A)?)).await?;
        let name = &table.name;
        if let Some(column) = table.organisation() {
            // Two clinics are here; a plan that is kept is made for many.
            let clinics = format!(
                "ALTER TABLE public.\"{name}\" ALTER \"{column}\" SET (n_distinct = {CLINICS})"
            );
            target.catalogue().batch_execute(&clinics).await?;
        }
        target.catalogue().batch_execute(&format!("ANALYZE public.\"{name}\"")).await?;
        if table.is_bound() {
            let count = format!("SELECT count(*) FROM public.\"{name}\"");
            let counted = rows(target.catalogue().simple_query(&count).await?);
            let counted = counted.into_iter().flatten().next().flatten().unwrap_or_default();
            counts.insert(name.clone(), counted.parse()?);
        }
    }
    Ok(counts)
}

/// The statement that writes rows like `row`, each of a name and a time of its own.
fn many(table: &Table, row: &Row) -> String {
    let mut columns = Vec::new();
    let mut values = Vec::new();
    for (column, value) in row {
        let own = format!("'{}.{column}.{A}'", table.name);
        let kind = table.columns.iter().find(|known| known.name == *column);
        let kind = kind.map_or("", |known| known.r#type.as_str());
        columns.push(format!("\"{column}\""));
        values.push(match kind {
            "timestamp with time zone" if value != "NULL" => {
                format!("{value}::timestamptz + g * interval '1 day'")
            }
            "date" if value != "NULL" => format!("{value}::date + g"),
            _ => value.replace(&own, &format!("({own} || g)")),
        });
    }
    format!(
        "INSERT INTO public.\"{}\" ({}) SELECT {} FROM generate_series(1, {MANY}) g ON CONFLICT DO NOTHING",
        table.name,
        columns.join(", "),
        values.join(", ")
    )
}

/// A statement of the small clinic's, with whatever values.
async fn explained(
    target: &Target,
    sent: &Sent,
    crowded: &BTreeMap<String, i64>,
) -> Result<Option<Subject>> {
    let first_line = sent.text.split_whitespace().collect::<Vec<_>>().join(" ");
    let name = format!("{}: {}", sent.role, first_line.chars().take(160).collect::<String>());
    let mut fault = None;
    for scans in ["on", "off"] {
        let plan = match plan(target, sent, scans).await? {
            Ok(plan) => plan,
            // What only writes reads nothing from end to end.
            Err(refused) if is_untyped(&refused) && only_writes(&sent.text, crowded) => break,
            Err(refused) => {
                fault = Some(format!("cannot be explained: {}", refused.message));
                break;
            }
        };
        let scanned = scanned(&plan, crowded);
        // Parts may be empty, and are read anyhow then: an index must serve them, that is all.
        let is_large = |table: &&str| crowded.get(*table).is_some_and(|rows| *rows >= FEW);
        let large = scanned.iter().find(|(table, is_part)| !is_part && is_large(table));
        match (large, scanned.first()) {
            (Some((table, _)), _) => fault = Some(format!("reads {table} from end to end: {plan}")),
            (None, Some((table, _))) if scans == "off" => {
                fault = Some(format!("no index of {table} serves it: {plan}"));
            }
            _ => {}
        }
        if fault.is_some() || scanned.is_empty() {
            break;
        }
    }
    Ok(Some(Subject { name, fault }))
}

/// The plan that is kept for whatever values come, or why there is none.
async fn plan(target: &Target, sent: &Sent, scans: &str) -> Result<Result<String, Refused>> {
    let count = parameters(&sent.text);
    let values = vec!["NULL"; count].join(", ");
    let execute = if count == 0 { "probe".to_owned() } else { format!("probe({values})") };
    let statements = format!(
        "SET LOCAL plan_cache_mode = force_generic_plan; SET LOCAL enable_seqscan = {scans}; {}PREPARE probe AS {}; EXPLAIN (COSTS OFF) EXECUTE {execute}",
        as_role(&sent.role, Some(&B.to_string())),
        sent.text,
    );
    let seen = target.attempt(&statements).await?;
    // A prepared statement outlives the transaction that made it.
    target.catalogue().batch_execute("DEALLOCATE ALL").await?;
    Ok(seen.map(|rows| {
        let lines = rows.iter().filter(|row| row.len() == 1).flatten().flatten();
        lines.map(|line| line.trim().to_owned()).collect::<Vec<_>>().join("; ")
    }))
}

/// The log does not tell the types that a driver gave to its parameters, and here they say which
/// function is meant.
fn is_untyped(refused: &Refused) -> bool {
    [SqlState::AMBIGUOUS_FUNCTION.code(), SqlState::INDETERMINATE_DATATYPE.code()]
        .contains(&refused.code.as_str())
}

/// Whether a statement names no table of the clinics but the one that it writes to.
fn only_writes(text: &str, of_clinics: &BTreeMap<String, i64>) -> bool {
    let word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let mut words = text.split(|c| !word(c)).filter(|word| !word.is_empty()).skip(3);
    text.trim_start().to_uppercase().starts_with("INSERT INTO ")
        && !words.any(|word| of_clinics.contains_key(word))
}

/// How many parameters a statement has: the highest `$n`.
fn parameters(text: &str) -> usize {
    let numbers = text.split('$').skip(1).filter_map(|rest| {
        let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
        digits.parse().ok()
    });
    numbers.max().unwrap_or(0)
}

/// The tables of the clinics that a plan reads from end to end, and whether it is a part that it reads.
fn scanned<'a>(plan: &str, of_clinics: &'a BTreeMap<String, i64>) -> Vec<(&'a str, bool)> {
    let found = plan.split("Seq Scan on ").skip(1).filter_map(|rest| {
        let word = rest.split([' ', ';']).next()?.trim_matches('"');
        // A part of a table is called after it.
        let is_of = |name: &&String| {
            word.strip_prefix(name.as_str())
                .is_some_and(|rest| rest.is_empty() || rest.starts_with('_'))
        };
        let name = of_clinics.keys().filter(is_of).max_by_key(|name| name.len())?;
        Some((name.as_str(), word.len() > name.len()))
    });
    found.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_counted_and_scans_of_other_tables_left_alone() {
        assert_eq!(parameters("SELECT $2, $10 FROM t WHERE a = $1"), 10);
        assert_eq!(parameters("SELECT 1"), 0);
        let tables = BTreeMap::from([("people".to_owned(), 5)]);
        assert!(only_writes("INSERT INTO rehab_events (id) SELECT * FROM unnest($1)", &tables));
        assert!(only_writes("INSERT INTO \"people\" (id) VALUES ($1)", &tables));
        assert!(!only_writes("INSERT INTO files (id) SELECT id FROM people", &tables));
        assert!(!only_writes("SELECT id FROM people", &tables));
        assert_eq!(scanned("Seq Scan on people_2026w48 people_1", &tables), [("people", true)]);
        assert_eq!(
            scanned("Sort; ->  Seq Scan on people p; Filter: x", &tables),
            [("people", false)]
        );
        assert!(
            scanned("Seq Scan on pg_class; Index Scan using people_pkey on people", &tables)
                .is_empty()
        );
    }
}
