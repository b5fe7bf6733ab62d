//! What the database's own catalogue says: roles, tables, keys, functions, rights.
//!
//! Each probe is one query that answers every subject it looked at, with what is wrong with it or
//! null. Its mutations are statements in a transaction that is rolled back: nobody else sees them.

mod functions;
mod keys;
mod rights;
mod roles;
mod tables;

use anyhow::{Context, Result};
use async_trait::async_trait;
use tokio_postgres::SimpleQueryMessage;

use crate::{About, Item, Mutation, Probe, Subject, Target};

/// A probe of the catalogue.
pub(crate) struct CatalogueProbe {
    about: About,
    /// Answers `subject, fault`.
    query: &'static str,
    faults: Vec<Statement>,
}

impl CatalogueProbe {
    fn new(
        id: &'static str,
        title: &'static str,
        mend: &'static str,
        query: &'static str,
        faults: &[(&'static str, &'static str)],
    ) -> Self {
        let about = About { id, item: Item::Ground, title, mend };
        let faults = faults.iter().map(|(name, sql)| Statement { name, sql }).collect();
        Self { about, query, faults }
    }

    fn of(mut self, item: Item) -> Self {
        self.about.item = item;
        self
    }
}

/// Words that several queries share: the tables, those bound to one organisation, the roles that
/// serve requests and run workers.
const WORDS: &str = "
WITH t AS (
  SELECT c.oid, n.nspname, c.relname, c.relkind, c.relrowsecurity, c.relforcerowsecurity,
    c.relowner, c.relispartition, c.relacl, obj_description(c.oid, 'pg_class') AS class,
    a.attname AS org_column, a.attnum AS org_attnum, a.attnotnull AS org_notnull, a.atttypid AS org_type
  FROM pg_class c
  JOIN pg_namespace n ON n.oid = c.relnamespace
  LEFT JOIN pg_attribute a ON a.attrelid = c.oid AND NOT a.attisdropped
    AND a.attname = CASE c.relname WHEN 'organizations' THEN 'id' ELSE 'org_id' END
  WHERE c.relkind IN ('r', 'p') AND n.nspname <> 'information_schema' AND n.nspname !~ '^pg_'
    AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = c.oid AND d.deptype = 'e')
), bound AS (
  SELECT * FROM t WHERE class IS DISTINCT FROM 'system' AND class IS DISTINCT FROM 'shared_readonly'
    OR relname = 'organizations'
), runtime AS (
  SELECT oid, rolname FROM pg_roles WHERE rolname IN ('core_app', 'core_worker')
)
";

#[async_trait]
impl Probe for CatalogueProbe {
    fn about(&self) -> &About {
        &self.about
    }

    async fn examine(&self, target: &Target) -> Result<Vec<Subject>> {
        let query = format!("{WORDS}{}", self.query);
        let answered =
            target.catalogue().simple_query(&query).await.context("the probe's query")?;
        let rows = answered.into_iter().filter_map(|message| match message {
            SimpleQueryMessage::Row(row) => Some(row),
            _ => None,
        });
        rows.map(|row| {
            let name = row.try_get(0)?.context("a subject without a name")?.to_owned();
            Ok(Subject { name, fault: row.try_get(1)?.map(str::to_owned) })
        })
        .collect()
    }

    fn mutations(&self) -> Vec<&dyn Mutation> {
        self.faults.iter().map(|fault| -> &dyn Mutation { fault }).collect()
    }
}

/// Statements that break something, in a transaction of their own.
pub(crate) struct Statement {
    pub(crate) name: &'static str,
    pub(crate) sql: &'static str,
}

#[async_trait]
impl Mutation for Statement {
    fn name(&self) -> &str {
        self.name
    }

    async fn plant(&self, target: &Target) -> Result<()> {
        target.plant(self.sql).await
    }

    async fn take_away(&self, target: &Target) -> Result<()> {
        target.take_away().await
    }
}

/// The probes of the catalogue.
pub fn probes() -> Vec<Box<dyn Probe>> {
    let all =
        [tables::probes(), keys::probes(), roles::probes(), rights::probes(), functions::probes()];
    all.into_iter().flatten().map(|probe| -> Box<dyn Probe> { Box::new(probe) }).collect()
}

#[cfg(test)]
mod tests {
    use anyhow::ensure;
    use restartix_kernel::ExposeSecret;
    use restartix_testkit::TestDatabase;

    use super::*;
    use crate::{Verdict, examine};

    /// Every probe of the catalogue, with another query in the place of its own.
    fn spoilt(spoil: impl Fn(&str) -> String) -> Vec<CatalogueProbe> {
        let all = [
            tables::probes(),
            keys::probes(),
            roles::probes(),
            rights::probes(),
            functions::probes(),
        ];
        let spoilt = |probe: CatalogueProbe| {
            let query: &'static str = Box::leak(spoil(probe.query).into_boxed_str());
            CatalogueProbe { query, ..probe }
        };
        all.into_iter().flatten().map(spoilt).collect()
    }

    /// What each of them finds in a database as `core-api migrate` leaves it.
    async fn told_by(probes: Vec<CatalogueProbe>) -> Result<Vec<(&'static str, String)>> {
        let database = TestDatabase::create().await?;
        let target = Target::connect(database.url("postgres").expose_secret()).await?;
        let mut told = Vec::new();
        for probe in probes {
            let outcome = examine(&probe, &target, &[], "2026-11-24").await;
            let text = match outcome.verdict {
                Verdict::Green | Verdict::Replaced(_) => "GREEN".to_owned(),
                Verdict::Red(findings) => format!("{findings:?}"),
            };
            told.push((probe.about.id, text));
        }
        Ok(told)
    }

    #[tokio::test]
    async fn every_probe_whose_sql_is_broken_is_red() -> Result<()> {
        let told = told_by(spoilt(|query| format!("{query} FROM nowhere"))).await?;
        ensure!(told.len() > 20, "only {} probes", told.len());
        for (id, text) in told {
            ensure!(text.contains("the probe itself"), "{id}: {text}");
        }
        Ok(())
    }

    #[tokio::test]
    async fn every_probe_that_finds_no_subject_is_red() -> Result<()> {
        let told = told_by(spoilt(|query| format!("{query} LIMIT 0"))).await?;
        for (id, text) in told {
            ensure!(text.contains("the probe examined nothing"), "{id}: {text}");
        }
        Ok(())
    }
}
