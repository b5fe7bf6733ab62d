//! The canary over a database as `core-api migrate` leaves it, with a row in every table.

use anyhow::{Context, Result, ensure};
use restartix_kernel::ExposeSecret;
use restartix_testkit::{TestDatabase, sql};

use super::seed::{Season, Seeded, seed};
use crate::Target;
use crate::behaviour::inhabited;

fn found<'a>(seeded: &'a [Seeded], column: &str) -> Result<Vec<&'a Seeded>> {
    let beginning = format!("{column} of organisation ");
    let found: Vec<_> =
        seeded.iter().filter(|one| one.subject.name.starts_with(&beginning)).collect();
    ensure!(found.len() == 2, "{column} is looked at {} times", found.len());
    Ok(found)
}

/// Nobody edits a list: the comment on the column says what it is, so it is seeded and looked for.
#[tokio::test]
async fn a_new_column_of_personal_data_has_a_canary_or_is_red() -> Result<()> {
    let database = TestDatabase::create().await?;
    let target = Target::connect(database.url("postgres").expose_secret()).await?;
    let organizations = inhabited(&target).await?;
    let season = Season::fresh();

    let before = seed(&target, organizations, &season).await?;
    let red: Vec<_> = before.iter().filter(|one| one.subject.fault.is_some()).collect();
    ensure!(red.is_empty(), "{:?}", red.iter().map(|one| &one.subject).collect::<Vec<_>>());

    sql(
        &database,
        "ALTER TABLE people ADD nickname text;
         COMMENT ON COLUMN people.nickname IS 'pii';
         ALTER TABLE people ADD born date;
         COMMENT ON COLUMN people.born IS 'pii';
         CREATE TABLE diary (org_id bigint NOT NULL, entry text);
         COMMENT ON COLUMN diary.entry IS 'pii'",
    )
    .await?;
    let after = seed(&target, organizations, &season).await?;
    ensure!(after.len() == before.len() + 6, "{} were {}", after.len(), before.len());
    for one in found(&after, "people.nickname")? {
        ensure!(one.subject.fault.is_none(), "{:?}", one.subject);
        let held =
            format!("SELECT count(*)::text FROM people WHERE nickname LIKE '{}%'", one.canary);
        let held: u32 = target.document(&held).await?;
        ensure!(held > 0, "nobody's nickname holds {}", one.canary);
    }
    for (column, why) in [("people.born", "takes no canary"), ("diary.entry", "has no row")] {
        for one in found(&after, column)? {
            let fault = one.subject.fault.as_deref().context("it is GREEN")?;
            ensure!(fault.contains(why), "{column}: {fault}");
        }
    }
    Ok(())
}
