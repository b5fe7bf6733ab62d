//! A connection that somebody used: after a commit, an error and a cancelled query it knows nobody.

use anyhow::{Result, ensure};
use async_trait::async_trait;
use tokio_postgres::{Client, NoTls};

use super::ROLES;
use super::tables::tables;
use crate::target::rows;
use crate::{About, Item, Mutation, Probe, Subject, Target};

struct Used {
    about: About,
    fault: Remembered,
}

/// The probe.
pub(super) fn probe() -> Box<dyn Probe> {
    let about = About {
        id: "BEH-06",
        item: Item::Ground,
        title: "a used connection knows no organisation: after a commit, an error, a cancelled query",
        mend: "SET LOCAL alone, once per transaction (crates/adapters/postgres); no default setting of app.*",
    };
    Box::new(Used { about, fault: Remembered })
}

#[async_trait]
impl Probe for Used {
    fn about(&self) -> &About {
        &self.about
    }

    async fn examine(&self, target: &Target) -> Result<Vec<Subject>> {
        let tables = tables(target).await?;
        let mut subjects = Vec::new();
        for role in ROLES {
            for (way, statements) in [
                ("never used", None),
                ("after a commit", Some("SELECT 1; COMMIT")),
                ("after an error", Some("SELECT 1/0")),
                ("after a cancelled query", Some("SELECT pg_sleep(20)")),
            ] {
                let client = target.another().await?;
                client.batch_execute(&format!("SET SESSION AUTHORIZATION {role}")).await?;
                if let Some(statements) = statements {
                    used(target, &client, statements).await?;
                }
                let bound = tables.iter().filter(|table| table.is_bound());
                let mut fault = None;
                for table in bound {
                    let query = format!("SELECT count(*) FROM public.\"{}\"", table.name);
                    // A table out of the role's reach shows nothing either.
                    let Ok(answered) = client.simple_query(&query).await else { continue };
                    let seen = rows(answered).into_iter().flatten().next().flatten();
                    if seen.as_deref() != Some("0") {
                        fault = Some(format!(
                            "sees {} rows of {}",
                            seen.unwrap_or_default(),
                            table.name
                        ));
                    }
                }
                let setting = "SELECT coalesce(nullif(current_setting('app.current_org_id', true), ''), 'nobody')";
                let setting = rows(client.simple_query(setting).await?)
                    .into_iter()
                    .flatten()
                    .next()
                    .flatten();
                if setting.as_deref() != Some("nobody") {
                    fault = Some(format!("is still {}", setting.unwrap_or_default()));
                }
                subjects.push(Subject { name: format!("{role}, {way}"), fault });
            }
        }
        Ok(subjects)
    }

    fn writes(&self) -> bool {
        true
    }

    fn mutations(&self) -> Vec<&dyn Mutation> {
        vec![&self.fault]
    }
}

/// A transaction of organisation 1 that ends as `statements` say; an error is what it is about.
async fn used(target: &Target, client: &Client, statements: &str) -> Result<()> {
    let transaction = format!("BEGIN; SET LOCAL app.current_org_id = '1'; {statements}");
    if statements.contains("pg_sleep") {
        let pid = rows(client.simple_query("SELECT pg_backend_pid()").await?);
        let pid = pid.into_iter().flatten().next().flatten().unwrap_or_default();
        let watcher = target.another().await?;
        let asleep = format!(
            "DO $$BEGIN FOR i IN 1..500 LOOP PERFORM pg_stat_clear_snapshot();
               EXIT WHEN EXISTS (SELECT FROM pg_stat_activity WHERE pid = {pid} AND wait_event = 'PgSleep');
               PERFORM pg_sleep(0.01); END LOOP; END$$"
        );
        let token = client.cancel_token();
        let cancel = async {
            let seen = watcher.batch_execute(&asleep).await;
            token.cancel_query(NoTls).await.and(seen)
        };
        let (ended, cancelled) = tokio::join!(client.batch_execute(&transaction), cancel);
        cancelled?;
        ensure!(ended.is_err(), "the query was not cancelled");
    } else {
        // Whatever it ends with, the connection is used now.
        let _ = client.batch_execute(&transaction).await;
    }
    client.batch_execute("ROLLBACK").await?;
    Ok(())
}

/// A database that hands every connection an organisation: others must see it, so it is committed,
/// and taken back.
struct Remembered;

#[async_trait]
impl Mutation for Remembered {
    fn name(&self) -> &str {
        "a default organisation of the database"
    }

    async fn plant(&self, target: &Target) -> Result<()> {
        alter(target, "SET app.current_org_id = ''1''").await
    }

    async fn take_away(&self, target: &Target) -> Result<()> {
        alter(target, "RESET app.current_org_id").await
    }
}

async fn alter(target: &Target, what: &str) -> Result<()> {
    let statement =
        format!("DO $$BEGIN EXECUTE format('ALTER DATABASE %I {what}', current_database()); END$$");
    target.catalogue().batch_execute(&statement).await?;
    Ok(())
}
