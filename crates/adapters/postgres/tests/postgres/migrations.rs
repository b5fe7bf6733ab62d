//! The schema comes, goes and comes again, and says what everything in it is.

use anyhow::Result;
use diesel::QueryableByName;
use diesel::sql_types::Text;
use diesel_async::RunQueryDsl;
use restartix_postgres::migrate::{self, RoleUrls, SchemaState};
use restartix_testkit::TestDatabase;

async fn names(database: &TestDatabase, query: &str) -> Result<Vec<String>> {
    #[derive(QueryableByName)]
    struct Name {
        #[diesel(sql_type = Text)]
        name: String,
    }
    let mut connection = database.superuser().await?;
    let rows: Vec<Name> = diesel::sql_query(query).load(&mut connection).await?;
    Ok(rows.into_iter().map(|row| row.name).collect())
}

/// The migrations as they lie in their directory, in the order in which they are applied.
fn written() -> Result<Vec<String>> {
    let directory = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../migrations/schema");
    let mut names = std::fs::read_dir(directory)?
        .map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()))
        .collect::<Result<Vec<_>>>()?;
    names.sort();
    Ok(names)
}

#[tokio::test]
async fn every_migration_has_a_way_back() -> Result<()> {
    let database = TestDatabase::create().await?;
    let migrator = database.url("core_migrator");
    migrate::revert(&migrator, None).await?;
    let left = "SELECT relname::text AS name FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace \
                WHERE nspname = 'public' AND relkind IN ('r', 'p', 'v', 'S') ORDER BY 1";
    assert_eq!(names(&database, left).await?, ["__diesel_schema_migrations"]);
    let applied = migrate::migrate(&migrator, None).await?;
    let versions = written()?
        .iter()
        .map(|name| name.split('_').next().unwrap_or_default().replace('-', ""))
        .collect::<Vec<_>>();
    assert_eq!(applied, versions);
    assert_eq!(migrate::migrate(&migrator, None).await?, Vec::<String>::new());
    Ok(())
}

#[tokio::test]
async fn bootstrapping_twice_changes_nothing() -> Result<()> {
    let database = TestDatabase::create().await?;
    let rights = "SELECT proname || ' ' || proacl::text AS name FROM pg_proc p \
                  JOIN pg_namespace n ON n.oid = pronamespace WHERE nspname = 'definer' ORDER BY 1";
    let before = names(&database, rights).await?;
    assert!(!before.is_empty(), "no function of the definer was found");
    let role = |role| database.url(role);
    let (app, worker, migrator) = (role("core_app"), role("core_worker"), role("core_migrator"));
    let roles = RoleUrls { app: &app, worker: &worker, migrator: &migrator };
    migrate::bootstrap(&role("postgres"), roles, None).await?;
    assert_eq!(names(&database, rights).await?, before);
    Ok(())
}

#[tokio::test]
async fn a_schema_that_is_too_old_is_named() -> Result<()> {
    let database = TestDatabase::create().await?;
    let pool = database.pool("core_app", 1)?;
    assert_eq!(migrate::schema_state(&pool).await?, SchemaState::Current);
    let forget = "DELETE FROM __diesel_schema_migrations WHERE version = (SELECT max(version) FROM __diesel_schema_migrations)";
    restartix_testkit::sql(&database, forget).await?;
    let SchemaState::TooOld(missing) = migrate::schema_state(&pool).await? else {
        anyhow::bail!("a missing migration goes unnoticed");
    };
    assert_eq!(Some(&missing), written()?.last().map(|last| vec![last.clone()]).as_ref());
    Ok(())
}

#[tokio::test]
async fn every_table_and_column_has_a_class() -> Result<()> {
    let database = TestDatabase::create().await?;
    let unclassified = "
        SELECT c.relname || coalesce('.' || a.attname, '') AS name
        FROM pg_class c
        JOIN pg_namespace n ON n.oid = c.relnamespace AND n.nspname = 'public'
        LEFT JOIN LATERAL (
          SELECT attname, attnum FROM pg_attribute
          WHERE attrelid = c.oid AND attnum > 0 AND NOT attisdropped
          UNION ALL SELECT NULL, 0) a ON true
        WHERE c.relkind IN ('r', 'p')
          AND coalesce(col_description(c.oid, a.attnum), obj_description(c.oid), '') !~
            CASE a.attnum WHEN 0 THEN '^(tenant|shared_readonly|system)$'
              ELSE '^(pii|text|id|enum|bool|number|time|bytes|secret)$' END
        ORDER BY 1";
    assert_eq!(names(&database, unclassified).await?, Vec::<String>::new());
    Ok(())
}

#[tokio::test]
async fn every_tenant_table_is_bound_to_its_organisation() -> Result<()> {
    let database = TestDatabase::create().await?;
    let unbound = "
        SELECT c.relname::text AS name FROM pg_class c
        WHERE obj_description(c.oid) = 'tenant' AND c.relkind IN ('r', 'p')
          AND NOT (c.relrowsecurity AND c.relforcerowsecurity AND 2 = (
            SELECT count(*) FROM pg_policy p WHERE p.polrelid = c.oid
              AND pg_get_expr(polqual, polrelid) = '(org_id = current_app_org_id())'
              AND pg_get_expr(polwithcheck, polrelid) = '(org_id = current_app_org_id())'))
        ORDER BY 1";
    assert_eq!(names(&database, unbound).await?, Vec::<String>::new());
    let tables = "SELECT count(*)::text AS name FROM pg_class WHERE obj_description(oid) = 'tenant' AND relkind = 'r'";
    assert_ne!(names(&database, tables).await?, ["0"]);
    Ok(())
}
