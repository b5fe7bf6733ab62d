//! The sources, frozen: from one moment on nobody writes there, whoever they are and since whenever
//! they are connected. A trigger on each table refuses; making it waits for what is being written, so
//! that after it nothing is under way. One schema holds all of it, and goes with it.

use tokio_postgres::Client;

use crate::MigrationError;
use crate::error::{During, Refused};
use crate::mapping::{literal, name};

/// How often the locks are tried for before it is given up.
const ATTEMPTS: u32 = 10;

/// Refuses every write to the tables of `schema` from now on. Done again, it does nothing.
pub(crate) async fn freeze(source: &Client, schema: &str) -> Result<(), MigrationError> {
    let literal = literal(schema);
    attempt(
        source,
        "freezing a source",
        &format!(
            "CREATE SCHEMA IF NOT EXISTS restartix_frozen;
             CREATE OR REPLACE FUNCTION restartix_frozen.refuse() RETURNS trigger LANGUAGE plpgsql AS $f$
             BEGIN RAISE EXCEPTION 'the clinics are moving: nothing can be written here' USING ERRCODE = 'read_only_sql_transaction'; END $f$;
             DO $d$
             DECLARE t regclass;
             BEGIN
               FOR t IN SELECT c.oid::regclass FROM pg_class c
                 WHERE c.relnamespace = to_regnamespace(quote_ident({literal})) AND c.relkind IN ('r', 'p') AND NOT c.relispartition
                   AND NOT EXISTS (SELECT FROM pg_trigger g WHERE g.tgrelid = c.oid AND g.tgname = 'restartix_frozen')
                 ORDER BY c.relname
               LOOP
                 EXECUTE format('CREATE TRIGGER restartix_frozen BEFORE INSERT OR UPDATE OR DELETE OR TRUNCATE ON %s
                   FOR EACH STATEMENT EXECUTE FUNCTION restartix_frozen.refuse()', t);
                 EXECUTE format('ALTER TABLE %s ENABLE ALWAYS TRIGGER restartix_frozen', t);
               END LOOP;
             END $d$"
        ),
    )
    .await
}

/// Lets the source be written to again. Of one that is not frozen it does nothing.
pub(crate) async fn thaw(source: &Client) -> Result<(), MigrationError> {
    let schema = name("restartix_frozen");
    attempt(source, "reopening a source", &format!("DROP SCHEMA IF EXISTS {schema} CASCADE")).await
}

/// In one transaction; again, where somebody held a lock for too long or both waited for each other.
async fn attempt(source: &Client, step: &'static str, text: &str) -> Result<(), MigrationError> {
    let text = format!("BEGIN; SET LOCAL lock_timeout = '3s'; {text}; COMMIT");
    let mut left = ATTEMPTS;
    loop {
        left -= 1;
        let Err(error) = source.batch_execute(&text).await else { return Ok(()) };
        let refused = Refused::of(error);
        source.batch_execute("ROLLBACK").await.during(step)?;
        if left == 0 || !refused.is_passing() {
            return Err(MigrationError::Database { step, source: refused });
        }
    }
}
