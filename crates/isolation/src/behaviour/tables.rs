//! What the catalogue says of each table, for whoever fills it.

use anyhow::Result;
use serde::Deserialize;

use crate::Target;

/// A table.
#[derive(Debug, Deserialize)]
pub(super) struct Table {
    pub(super) name: String,
    /// `tenant`, `system`, `shared_readonly`, or nothing: a table that nobody classified.
    pub(super) class: Option<String>,
    pub(super) columns: Vec<Column>,
    pub(super) checks: Vec<Check>,
    pub(super) foreign: Vec<Foreign>,
}

/// A column that can be written.
#[derive(Debug, Deserialize)]
pub(super) struct Column {
    pub(super) name: String,
    pub(super) r#type: String,
    pub(super) nullable: bool,
}

/// A CHECK constraint.
#[derive(Debug, Deserialize)]
pub(super) struct Check {
    pub(super) name: String,
    pub(super) definition: String,
    pub(super) columns: Vec<String>,
}

/// A foreign key.
#[derive(Debug, Deserialize)]
pub(super) struct Foreign {
    pub(super) name: String,
    pub(super) columns: Vec<String>,
    pub(super) parent: String,
    pub(super) parent_columns: Vec<String>,
}

impl Table {
    /// Whether each of its rows is some organisation's. A table without a class is taken for one.
    pub(super) fn is_bound(&self) -> bool {
        self.name == "organizations"
            || !matches!(self.class.as_deref(), Some("system" | "shared_readonly"))
    }

    /// The column that says whose a row is.
    pub(super) fn organisation(&self) -> Option<&str> {
        let name = if self.name == "organizations" { "id" } else { "org_id" };
        self.columns.iter().map(|column| column.name.as_str()).find(|column| *column == name)
    }
}

const TABLES: &str = "
SELECT coalesce(json_agg(json_build_object(
  'name', c.relname,
  'class', obj_description(c.oid, 'pg_class'),
  'columns', (SELECT coalesce(json_agg(json_build_object('name', a.attname,
      'type', format_type(a.atttypid, NULL), 'nullable', NOT a.attnotnull) ORDER BY a.attnum), '[]')
    FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
      AND a.attgenerated = '' AND a.attidentity <> 'a'),
  'checks', (SELECT coalesce(json_agg(json_build_object('name', k.conname,
      -- With what the functions say that it calls.
      'definition', pg_get_constraintdef(k.oid) || coalesce((SELECT string_agg(' ' || p.prosrc, '') FROM pg_depend d
        JOIN pg_proc p ON p.oid = d.refobjid WHERE d.classid = 'pg_constraint'::regclass AND d.objid = k.oid
          AND d.refclassid = 'pg_proc'::regclass), ''),
      'columns', ARRAY(SELECT a.attname FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attnum = ANY (k.conkey)))), '[]')
    FROM pg_constraint k WHERE k.conrelid = c.oid AND k.contype = 'c'),
  'foreign', (SELECT coalesce(json_agg(json_build_object('name', k.conname,
      'parent', k.confrelid::regclass::text,
      'columns', ARRAY(SELECT a.attname FROM unnest(k.conkey) WITH ORDINALITY u (n, o)
        JOIN pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = u.n ORDER BY u.o),
      'parent_columns', ARRAY(SELECT a.attname FROM unnest(k.confkey) WITH ORDINALITY u (n, o)
        JOIN pg_attribute a ON a.attrelid = k.confrelid AND a.attnum = u.n ORDER BY u.o))), '[]')
    FROM pg_constraint k WHERE k.conrelid = c.oid AND k.contype = 'f' AND k.conparentid = 0)
) ORDER BY c.relname), '[]')::text
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition AND n.nspname = 'public'
  AND c.relname <> '__diesel_schema_migrations'
  AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = c.oid AND d.deptype = 'e')";

/// Every table, parents before those that refer to them.
pub(super) async fn tables(target: &Target) -> Result<Vec<Table>> {
    let mut waiting: Vec<Table> = target.document(TABLES).await?;
    let mut sorted: Vec<Table> = Vec::new();
    while !waiting.is_empty() {
        let ready = |table: &Table| {
            table.foreign.iter().all(|key| {
                key.parent == table.name || sorted.iter().any(|done| done.name == key.parent)
            })
        };
        let position = waiting.iter().position(ready);
        // In a circle of references somebody has to be first: its reference is left empty.
        sorted.push(waiting.remove(position.unwrap_or(0)));
    }
    Ok(sorted)
}
