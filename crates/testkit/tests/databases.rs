//! A test's database goes with the process that made it.

use std::process::Command;

use anyhow::{Context, Result, ensure};
use diesel::QueryableByName;
use diesel::sql_types::Bool;
use diesel_async::RunQueryDsl;
use restartix_testkit::{TestDatabase, sql};

#[derive(QueryableByName)]
struct There {
    #[diesel(sql_type = Bool)]
    there: bool,
}

async fn there(seen_from: &TestDatabase, name: &str) -> Result<bool> {
    let query =
        format!("SELECT EXISTS (SELECT FROM pg_database WHERE datname = '{name}') AS there");
    let mut superuser = seen_from.superuser().await?;
    Ok(diesel::sql_query(query).get_result::<There>(&mut superuser).await?.there)
}

#[tokio::test]
async fn the_databases_of_processes_that_are_gone_are_dropped_and_no_others() -> Result<()> {
    let mine = TestDatabase::create().await?;
    let mut gone = Command::new("true").spawn().context("start a process")?;
    let of = |process: u32| format!("_{process}_");
    let orphan = mine.name().replace(&of(std::process::id()), &of(gone.id()));
    ensure!(orphan != mine.name(), "{orphan} does not say whose it is");
    gone.wait()?;
    // Of a process of that number somewhere else.
    let strangers = format!("rtx_of_test_00000000_{}_0", gone.id());
    for name in [&orphan, &strangers] {
        sql(&mine, &format!("CREATE DATABASE {name}")).await?;
    }

    let next = TestDatabase::create().await?;

    assert!(!there(&next, &orphan).await?, "{orphan} is still there");
    assert!(there(&next, mine.name()).await?, "a database in use was dropped");
    assert!(there(&next, &strangers).await?, "somebody else's database was dropped");
    sql(&next, &format!("DROP DATABASE {strangers}")).await
}
