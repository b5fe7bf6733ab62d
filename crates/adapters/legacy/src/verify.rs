//! Whether the platform has what the sources have, and whether it keeps its clinics apart.

use restartix_tenancy::Tenant;
use tokio_postgres::Client;
use tokio_postgres::error::SqlState;

use crate::database::{Target, bound};
use crate::error::During;
use crate::report::{Compared, Difference, Isolation};
use crate::tables::{self, Table};
use crate::{Mapping, MigrationError, Progress};

/// How many rows of each difference are named.
const NAMED: usize = 10;

/// Compares every table of every clinic: number and checksum of what is wanted and of what is there,
/// and where these differ the rows, both ways.
pub(crate) async fn compare(
    target: &Target,
    mapping: &Mapping,
    progress: &dyn Progress,
) -> Result<(Vec<Compared>, Vec<Difference>), MigrationError> {
    let (mut compared, mut differences) = (Vec::new(), Vec::new());
    let clinics = target.clinics().await?;
    let comparing = progress.begin("comparing", None);
    let each = clinics.each(async |tenant, legacy| {
        bound(&target.loader, tenant, async |tx| {
            for table in tables::all() {
                let (rows, differ) = one(tx, table, mapping).await?;
                comparing.advance(1);
                let organisation = tenant.organisation().get();
                let legacy = legacy.to_owned();
                compared.push(Compared {
                    organisation,
                    legacy,
                    table: table.name,
                    rows,
                    same: differ.is_empty(),
                });
                differences.extend(differ.into_iter().map(|(side, row)| Difference {
                    organisation,
                    table: table.name,
                    side,
                    row,
                }));
            }
            Ok(())
        })
        .await
    });
    let done = each.await;
    drop(comparing);
    done.map(|()| (compared, differences))
}

async fn one(
    tx: &Client,
    table: &Table,
    mapping: &Mapping,
) -> Result<(u64, Vec<(&'static str, String)>), MigrationError> {
    let wanted = table.wanted(mapping, None);
    let wanted_rows = format!("SELECT {} FROM ({wanted}) w", table.columns("w."));
    let present = table.present(&wanted);
    let (rows, sum) = digest(tx, &wanted_rows, table.name).await?;
    if digest(tx, &present, table.name).await? == (rows, sum) {
        return Ok((rows, Vec::new()));
    }
    let mut differ = Vec::new();
    for (side, one, other) in
        [("missing", &wanted_rows, &present), ("unexpected", &present, &wanted_rows)]
    {
        let keys: Vec<_> =
            table.key.iter().skip(1).map(|column| format!("d.{column}::text")).collect();
        let query = format!(
            "SELECT concat_ws(' ', {}) FROM (({one}) EXCEPT ALL ({other})) d ORDER BY 1",
            keys.join(", ")
        );
        let found = tx.query(&query, &[]).await.during(table.name)?;
        differ.extend(found.iter().map(|row| (side, row.get::<_, String>(0))));
    }
    Ok((rows, differ))
}

/// How many rows, and the sum of their hashes: the same for the same rows in any order, in one pass
/// and in constant memory.
async fn digest(
    tx: &Client,
    rows: &str,
    table: &'static str,
) -> Result<(u64, String), MigrationError> {
    let query = format!(
        "SELECT count(*), coalesce(sum(('x' || left(md5(r::text), 15))::bit(60)::bigint::numeric), 0)::text FROM ({rows}) r"
    );
    let row = tx.query_one(&query, &[]).await.during(table)?;
    Ok((u64::try_from(row.get::<_, i64>(0)).unwrap_or_default(), row.get(1)))
}

/// Names at most so many of the differences of each table and side.
pub(crate) fn named(differences: &[Difference]) -> Vec<Difference> {
    let mut kept: Vec<Difference> = Vec::new();
    for one in differences {
        let alike = |other: &&Difference| {
            (other.organisation, other.table, other.side) == (one.organisation, one.table, one.side)
        };
        if kept.iter().filter(alike).count() < NAMED {
            kept.push(one.clone());
        }
    }
    kept
}

/// Looks from each clinic, with the loader's own eyes: nothing of another is seen, nothing of another
/// can be written, and outside of a clinic there is nothing at all.
pub(crate) async fn isolation(target: &Target) -> Result<Vec<Isolation>, MigrationError> {
    let loader = &target.loader;
    let mut found = Vec::new();
    for table in tables::all() {
        let count = format!("SELECT count(*) FROM public.{}", table.name);
        let outside: i64 = loader.query_one(&count, &[]).await.during(table.name)?.get(0);
        found.push(Isolation::new(format!("{} outside of every clinic", table.name), outside == 0));
    }
    let clinics = target.clinics().await?.each(async |tenant, _| {
        bound(loader, tenant, async |tx| {
            for table in tables::all() {
                let foreign = format!(
                    "SELECT count(*) FROM public.{} WHERE org_id IS DISTINCT FROM $1",
                    table.name
                );
                let row = tx.query_one(&foreign, &[&tenant.organisation().get()]).await;
                let foreign: i64 = row.during(table.name)?.get(0);
                let name = format!("{} seen by clinic {}", table.name, tenant.organisation());
                found.push(Isolation::new(name, foreign == 0));
            }
            let strayed = "SELECT count(*) FROM legacy.ids i JOIN public.people p ON p.id::text = i.new_id
                WHERE i.entity IN ('patients', 'specialists') AND i.org_id <> public.current_app_org_id()";
            let strayed: i64 = tx.query_one(strayed, &[]).await.during("looking for strays")?.get(0);
            let name = format!("people of others in clinic {}", tenant.organisation());
            found.push(Isolation::new(name, strayed == 0));
            let name = format!("a row written for another by clinic {}", tenant.organisation());
            found.push(Isolation::new(name, refuses_foreign_rows(tx, tenant).await?));
            Ok(())
        })
        .await
    });
    clinics.await?;
    Ok(found)
}

/// Whether a row of another clinic is refused by row-level security, and by nothing else.
async fn refuses_foreign_rows(tx: &Client, tenant: &Tenant) -> Result<bool, MigrationError> {
    const FORGED: &str = "INSERT INTO public.people (org_id, id, display_name, timezone)
        SELECT o.org_id, gen_random_uuid(), 'forged', 'UTC' FROM (SELECT $1::bigint + 1 AS org_id) o";
    tx.batch_execute("SAVEPOINT forged").await.during("trying to forge")?;
    let told = tx.execute(FORGED, &[&tenant.organisation().get()]).await;
    tx.batch_execute("ROLLBACK TO SAVEPOINT forged").await.during("trying to forge")?;
    Ok(told.is_err_and(|error| error.code() == Some(&SqlState::INSUFFICIENT_PRIVILEGE)))
}
