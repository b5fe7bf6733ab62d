//! What the database does, seen from inside it: two organisations with a row in every table, made
//! from the catalogue alone, and what each role reads, writes and forges.
//!
//! Everything happens in a transaction that is rolled back; nobody else sees it. So a table that
//! comes tomorrow is examined tomorrow, and one that the generator cannot fill is RED.

mod connection;
mod derived;
mod plans;
mod queries;
mod read;
mod seed;
mod tables;
mod values;
mod write;

use anyhow::Result;
use async_trait::async_trait;

use crate::catalogue::Statement;
use crate::{About, Item, Mutation, Probe, Subject, Target};
pub use queries::queries;
use seed::Seeded;

/// The roles that serve requests and run workers.
const ROLES: [&str; 2] = ["core_app", "core_worker"];

const WALLS: &str = "README, \"Add a table\": org_id first in every key, CALL make_tenant_table(...) with the least rights";

/// Two organisations with a row in every table, to stay: for tests of what looks at rows.
#[cfg(test)]
pub(crate) async fn inhabited(target: &Target) -> Result<[i64; 2]> {
    target.catalogue().batch_execute("BEGIN").await?;
    Seeded::plant(target).await?;
    target.catalogue().batch_execute("COMMIT").await?;
    Ok([seed::A, seed::B])
}

/// A look at the seeded tables.
#[derive(Clone, Copy)]
enum Look {
    Read,
    Write,
    Forged,
    PlanCache,
    Leaky,
    Index,
    Derived,
}

struct Behaviour {
    about: About,
    look: Look,
    faults: Vec<Statement>,
}

impl Behaviour {
    fn boxed(
        id: &'static str,
        title: &'static str,
        look: Look,
        faults: &[(&'static str, &'static str)],
    ) -> Box<dyn Probe> {
        let about = About { id, item: Item::Ground, title, mend: WALLS };
        let faults = faults.iter().map(|(name, sql)| Statement { name, sql }).collect();
        Box::new(Self { about, look, faults })
    }
}

#[async_trait]
impl Probe for Behaviour {
    fn about(&self) -> &About {
        &self.about
    }

    async fn examine(&self, target: &Target) -> Result<Vec<Subject>> {
        target
            .scratch(async || {
                let seeded = Seeded::plant(target).await?;
                match self.look {
                    Look::Read => read::differential(target, &seeded).await,
                    Look::Write => write::differential(target, &seeded).await,
                    Look::Forged => write::forged(target, &seeded).await,
                    Look::PlanCache => plans::cached(target, &seeded).await,
                    Look::Leaky => read::leaky(target, &seeded).await,
                    Look::Index => plans::indexed(target, &seeded).await,
                    Look::Derived => derived::apart(target, &seeded).await,
                }
            })
            .await
    }

    fn writes(&self) -> bool {
        true
    }

    fn mutations(&self) -> Vec<&dyn Mutation> {
        self.faults.iter().map(|fault| -> &dyn Mutation { fault }).collect()
    }
}

/// The probes of behaviour.
pub fn probes() -> Vec<Box<dyn Probe>> {
    vec![
        Behaviour::boxed(
            "BEH-01",
            "each role reads its organisation's rows; without one, or with garbage, none",
            Look::Read,
            &[
                ("a wall taken down", "ALTER TABLE public.people DISABLE ROW LEVEL SECURITY"),
                (
                    "a new table without a policy",
                    "CREATE TABLE public.stray (org_id bigint NOT NULL REFERENCES public.organizations (id), id uuid, PRIMARY KEY (org_id, id));
                     GRANT SELECT ON public.stray TO core_app",
                ),
                (
                    "no organisation taken for every organisation",
                    "ALTER POLICY tenant_floor ON public.people USING (org_id = current_app_org_id() OR current_app_org_id() IS NULL);
                     ALTER POLICY tenant_base ON public.people USING (org_id = current_app_org_id() OR current_app_org_id() IS NULL)",
                ),
                (
                    "a column of a type that the generator does not know",
                    "ALTER TABLE public.people ADD place point NOT NULL DEFAULT '(0,0)'",
                ),
            ],
        ),
        Behaviour::boxed(
            "BEH-02",
            "nobody writes, changes, moves or deletes a row of another organisation",
            Look::Write,
            &[
                (
                    "writes that are not looked at",
                    "ALTER POLICY tenant_floor ON public.people WITH CHECK (true);
                     ALTER POLICY tenant_base ON public.people WITH CHECK (true)",
                ),
                (
                    "rows of others that can be changed",
                    "ALTER POLICY tenant_floor ON public.webhook_endpoints USING (true);
                     ALTER POLICY tenant_base ON public.webhook_endpoints USING (true)",
                ),
                ("a wall taken down", "ALTER TABLE public.memberships DISABLE ROW LEVEL SECURITY"),
            ],
        ),
        Behaviour::boxed(
            "BEH-03",
            "no row refers to a row of another organisation, whatever the program writes",
            Look::Forged,
            &[(
                "a foreign key without the organisation",
                "CREATE TABLE public.stray (org_id bigint NOT NULL REFERENCES public.organizations (id), id uuid, person_id uuid, PRIMARY KEY (org_id, id));
                 CREATE UNIQUE INDEX people_alone ON public.people (id);
                 ALTER TABLE public.stray ADD FOREIGN KEY (person_id) REFERENCES public.people (id)",
            )],
        ),
        Behaviour::boxed(
            "BEH-04",
            "a plan that was made for one organisation serves the next its own rows",
            Look::PlanCache,
            &[(
                "a tenant function that claims to be constant",
                "CREATE OR REPLACE FUNCTION public.current_app_org_id() RETURNS bigint LANGUAGE sql IMMUTABLE PARALLEL SAFE
                 AS 'select nullif(current_setting(''app.current_org_id'', true), '''')::bigint'",
            )],
        ),
        Behaviour::boxed(
            "BEH-05",
            "a function in a filter is not shown the rows of others",
            Look::Leaky,
            &[("a wall taken down", "ALTER TABLE public.appointments DISABLE ROW LEVEL SECURITY")],
        ),
        connection::probe(),
        derived::probe(),
        Behaviour::boxed(
            "PLAN-01",
            "the organisation of the transaction finds its rows by an index, in each table",
            Look::Index,
            &[
                (
                    "a tenant function that no index can use",
                    "CREATE OR REPLACE FUNCTION public.current_app_org_id() RETURNS bigint LANGUAGE plpgsql VOLATILE
                     AS 'begin return nullif(current_setting(''app.current_org_id'', true), '''')::bigint; end'",
                ),
                (
                    "a table without an index on the organisation",
                    "CREATE TABLE public.stray (org_id bigint NOT NULL REFERENCES public.organizations (id), id uuid PRIMARY KEY);
                     CALL make_tenant_table('stray', 'SELECT', '')",
                ),
            ],
        ),
    ]
}
