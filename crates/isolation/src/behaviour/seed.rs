//! Two organisations with a row in every table, made from what the catalogue says alone.

use std::collections::BTreeMap;

use anyhow::{Context, Result, bail};

use super::tables::{Foreign, Table, tables};
use super::values::candidates;
use crate::Target;

/// The organisations that are made up for a moment; nobody real has such numbers.
pub(super) const A: i64 = 8_000_000_000_000_001;
/// The other one.
pub(super) const B: i64 = 8_000_000_000_000_002;

/// A row as it was written: an SQL expression by column.
pub(super) type Row = BTreeMap<String, String>;

/// Every table with its two rows.
pub(super) struct Seeded {
    pub(super) tables: Vec<Table>,
    rows: BTreeMap<(String, i64), Row>,
}

/// How often another value is tried before a table is given up.
const TRIES: usize = 4_000;

impl Seeded {
    /// Seeds, within [`Target::scratch`].
    pub(super) async fn plant(target: &Target) -> Result<Self> {
        let mut seeded = Self { tables: Vec::new(), rows: BTreeMap::new() };
        for table in tables(target).await? {
            for organisation in [A, B] {
                let row = seeded.fill(target, &table, organisation).await;
                let row = row.with_context(|| format!("seed {}", table.name))?;
                seeded.rows.insert((table.name.clone(), organisation), row);
            }
            seeded.tables.push(table);
        }
        Ok(seeded)
    }

    /// The tables whose rows are somebody's.
    pub(super) fn bound(&self) -> impl Iterator<Item = &Table> {
        self.tables.iter().filter(|table| table.is_bound())
    }

    /// The row of `organisation` in this table.
    pub(super) fn row(&self, table: &str, organisation: i64) -> Result<&Row> {
        let key = (table.to_owned(), organisation);
        self.rows.get(&key).with_context(|| format!("{table} was not seeded"))
    }

    /// The values of a foreign key's columns that point at `organisation`'s row; the column that says
    /// whose the row is aside.
    pub(super) fn pointing(
        &self,
        table: &Table,
        key: &Foreign,
        organisation: i64,
    ) -> Result<Vec<(String, String)>> {
        let parent = self.row(&key.parent, organisation)?;
        let pairs = key.columns.iter().zip(&key.parent_columns);
        let pairs = pairs.filter(|(column, _)| Some(column.as_str()) != table.organisation());
        pairs
            .map(|(column, of_parent)| {
                let value = parent.get(of_parent);
                let value = value.with_context(|| format!("{}.{of_parent}", key.parent))?;
                Ok((column.clone(), value.clone()))
            })
            .collect()
    }

    async fn fill(&self, target: &Target, table: &Table, organisation: i64) -> Result<Row> {
        let fixed = self.fixed(table, organisation)?;
        let mut choices = Vec::new();
        for column in &table.columns {
            let values = match fixed.get(&column.name) {
                Some(value) => vec![value.clone()],
                None => candidates(table, column, &organisation.to_string())?,
            };
            choices.push((column.name.clone(), values, 0));
        }
        for _ in 0..TRIES {
            let row: Row = choices
                .iter()
                .filter_map(|(name, values, at)| Some((name.clone(), values.get(*at)?.clone())))
                .collect();
            let refused = match target.keep(&insert(&table.name, &row)).await? {
                Ok(()) => return Ok(row),
                Err(refused) => refused,
            };
            let named = refused.constraint.as_ref();
            let check = table.checks.iter().find(|check| Some(&check.name) == named);
            let Some(check) = check else { bail!("{}: {}", refused.code, refused.message) };
            if !advance(&mut choices, &check.columns) {
                bail!(
                    "no value that the generator knows satisfies {}: {}",
                    check.name,
                    check.definition
                );
            }
        }
        bail!("no row that the generator knows is accepted")
    }

    /// What is not free: whose the row is, and what it refers to.
    fn fixed(&self, table: &Table, organisation: i64) -> Result<Row> {
        let mut fixed = Row::new();
        for key in &table.foreign {
            if key.parent == table.name
                || !self.rows.contains_key(&(key.parent.clone(), organisation))
            {
                for column in &key.columns {
                    let nullable =
                        |known: &&super::tables::Column| known.name == *column && known.nullable;
                    if table.columns.iter().find(nullable).is_some() {
                        fixed.insert(column.clone(), "NULL".to_owned());
                    }
                }
                continue;
            }
            fixed.extend(self.pointing(table, key, organisation)?);
            for (column, of_parent) in key.columns.iter().zip(&key.parent_columns) {
                // A table of the platform refers to an organisation by another name.
                if key.parent == "organizations" && of_parent == "id" {
                    fixed.insert(column.clone(), organisation.to_string());
                }
            }
        }
        if let Some(column) = table.organisation() {
            fixed.insert(column.to_owned(), organisation.to_string());
        }
        Ok(fixed)
    }
}

/// The statement that writes a row.
pub(super) fn insert(table: &str, row: &Row) -> String {
    let columns: Vec<_> = row.keys().map(|column| format!("\"{column}\"")).collect();
    let values: Vec<_> = row.values().map(String::as_str).collect();
    format!(
        "INSERT INTO public.\"{table}\" ({}) VALUES ({})",
        columns.join(", "),
        values.join(", ")
    )
}

/// The next combination of values of these columns; false after the last.
fn advance(choices: &mut [(String, Vec<String>, usize)], columns: &[String]) -> bool {
    for (name, values, at) in choices.iter_mut() {
        if !columns.contains(name) {
            continue;
        }
        *at += 1;
        if *at < values.len() {
            return true;
        }
        *at = 0;
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_combination_is_tried_once() {
        let values = || vec!["1".to_owned(), "2".to_owned()];
        let mut choices = vec![("a".to_owned(), values(), 0), ("b".to_owned(), values(), 0)];
        let columns = ["a".to_owned(), "b".to_owned()];
        let more = std::iter::repeat_with(|| advance(&mut choices, &columns));
        assert_eq!(more.take_while(|more| *more).count(), 3);
    }
}
