use std::fmt::Write as _;

use anyhow::Result;

use crate::TestDatabase;

/// Everything that a migration from the legacy systems writes, row by row, but for when it was written and in
/// which version a copy was made: two migrations that did the same give the same text.
pub async fn migrated_rows(platform: &TestDatabase) -> Result<String> {
    let client = platform.client().await?;
    let tables = "SELECT c.oid::regclass::text, string_agg(quote_ident(a.attname), ', ' ORDER BY a.attnum)
        FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
        WHERE c.relkind = 'r' AND c.relpersistence = 'p' AND c.relnamespace IN ('public'::regnamespace, 'legacy'::regnamespace)
          AND c.relname NOT IN ('audit_events', 'telemetry_events', '__diesel_schema_migrations', 'run', 'watermarks')
          AND a.attname <> 'object_version' AND NOT (c.relname = 'users' AND a.attname = 'created_at')
          AND NOT (c.relname = 'insight_marks' AND a.attname = 'id')
        GROUP BY c.oid ORDER BY 1";
    let mut all = String::new();
    for row in client.query(tables, &[]).await? {
        let (table, columns): (String, String) = (row.try_get(0)?, row.try_get(1)?);
        let rows = format!("SELECT r::text FROM (SELECT {columns} FROM {table}) r ORDER BY 1");
        for row in client.query(&rows, &[]).await? {
            writeln!(all, "{table} {}", row.try_get::<_, String>(0)?)?;
        }
    }
    Ok(all)
}
