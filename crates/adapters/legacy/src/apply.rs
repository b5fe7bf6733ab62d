//! From what is to be there to what is: clinic by clinic, each statement under row-level security, in
//! transactions small enough that memory stays flat and that a kill costs one of them. All of it may be
//! done again: what is there already is left alone, what has changed is brought up to date.

use restartix_kernel::{Clock, EventId, Random};
use restartix_tenancy::Tenant;
use tokio_postgres::Client;

use crate::database::{Target, bound, whole};
use crate::error::During;
use crate::tables::{BOOKINGS, CARE, FILES, FIRST, Part, Table};
use crate::{Mapping, MigrationError, Progress, Step};

/// Bookings in one transaction: large enough that its overhead is nothing, small enough that what
/// PostgreSQL keeps of it until its end (a foreign key's checks) is.
const PART: i64 = 20_000;

const PEOPLE_IDS: &str = "INSERT INTO legacy.ids
  SELECT 'strapi', source_entity, legacy_id, org_id, id::text FROM legacy.people
  WHERE org_id = public.current_app_org_id() AND fault IS NULL ON CONFLICT DO NOTHING";
/// Users are of no clinic: they come from the listed function, one by one, and once.
const USER_IDS: &str = "INSERT INTO legacy.ids
  SELECT 'strapi', 'users', u.\"user\", u.org_id, definer.enlist_user(u.user_id, {subject} || u.\"user\")::text
  FROM (SELECT DISTINCT p.\"user\", p.user_id, p.org_id FROM legacy.people p
    WHERE p.org_id = public.current_app_org_id() AND p.fault IS NULL AND p.membership_id IS NOT NULL
      AND NOT EXISTS (SELECT FROM legacy.ids i WHERE i.source = 'strapi' AND i.entity = 'users' AND i.legacy_id = p.\"user\")
    ORDER BY 1) u
  ON CONFLICT DO NOTHING";
const TYPE_IDS: &str = "INSERT INTO legacy.ids
  SELECT 'strapi', 'types', legacy_id, org_id, id::text FROM legacy.types
  WHERE org_id = public.current_app_org_id() AND fault IS NULL AND canonical = legacy_id ON CONFLICT DO NOTHING";
const BOOKING_IDS: &str = "INSERT INTO legacy.ids
  SELECT 'strapi', 'appointments', appointment, org_id, appointment_id::text FROM legacy.bookings
  WHERE org_id = public.current_app_org_id() AND fault IS NULL AND appointment IS NOT NULL AND n BETWEEN $1 AND $2
  UNION ALL
  SELECT 'intakes', 'bookings', booking, org_id, appointment_id::text FROM legacy.bookings
  WHERE org_id = public.current_app_org_id() AND fault IS NULL AND booking IS NOT NULL AND n BETWEEN $1 AND $2";
const FILE_IDS: &str = "INSERT INTO legacy.ids
  SELECT 'strapi', 'files', f.legacy_id, f.org_id, f.id::text FROM legacy.files f JOIN legacy.file_copies c ON c.file_id = f.id AND c.fault IS NULL
  WHERE f.org_id = public.current_app_org_id() AND f.fault IS NULL
  UNION ALL
  SELECT 'strapi', 'signatures', s.legacy_id, s.org_id, s.id::text FROM legacy.signatures s
  JOIN legacy.file_copies d ON d.file_id = s.document_id AND d.fault IS NULL
  JOIN legacy.file_copies p ON p.file_id = s.picture_id AND p.fault IS NULL
  WHERE s.org_id = public.current_app_org_id() AND s.fault IS NULL
  ON CONFLICT DO NOTHING";
/// Whoever takes another's old time must not meet them: what moves gives up its time first.
const MAKE_ROOM: &str = "UPDATE public.occupancies t SET active = false FROM ({wanted}) w
  WHERE {same} AND t.active AND ROW(t.blocked, t.active) IS DISTINCT FROM ROW(w.blocked, w.active)";

pub(crate) struct Apply<'a> {
    pub(crate) target: &'a Target,
    pub(crate) mapping: &'a Mapping,
    pub(crate) progress: &'a dyn Progress,
    pub(crate) clock: &'a dyn Clock,
    pub(crate) random: &'a dyn Random,
}

impl Apply<'_> {
    /// Makes the clinics, in which nobody can act until the flip, and everything in them but files.
    pub(crate) async fn everything(&self) -> Result<(), MigrationError> {
        self.make_clinics().await?;
        let loader = &self.target.loader;
        let peopled = self.target.clinics().await?.each(async |tenant, _| {
            let user_ids =
                USER_IDS.replace("{subject}", &crate::mapping::literal(self.mapping.subject()));
            bound(loader, tenant, async |tx| {
                for table in &FIRST {
                    if table.name == "memberships" {
                        tx.batch_execute(&user_ids).await.during("enlisting users")?;
                    }
                    self.bring(tx, table).await?;
                }
                tx.batch_execute(PEOPLE_IDS).await.during("noting people")?;
                tx.batch_execute(TYPE_IDS).await.during("noting types")
            })
            .await
        });
        peopled.await?;
        let count = "SELECT count(*) FROM legacy.bookings WHERE fault IS NULL";
        let count: i64 = self.target.owner.query_one(count, &[]).await.during("counting")?.get(0);
        let step = self.progress.begin("loading bookings", u64::try_from(count).ok());
        let loaders = [loader, &self.target.beside];
        let loaded = self.target.clinics().await?.beside(loaders, async |loader, tenant| {
            self.bookings(loader, tenant, &*step).await?;
            bound(loader, tenant, async |tx| self.bring(tx, &CARE).await).await
        });
        loaded.await
    }

    /// Writes the files whose copies are whole, and what was signed.
    pub(crate) async fn files(&self) -> Result<(), MigrationError> {
        let loader = &self.target.loader;
        let each = self.target.clinics().await?.each(async |tenant, _| {
            bound(loader, tenant, async |tx| {
                for table in &FILES {
                    self.bring(tx, table).await?;
                }
                tx.batch_execute(FILE_IDS).await.during("noting files")
            })
            .await
        });
        each.await
    }

    /// Makes the clinics under the numbers that were kept for them, each with the first line of its
    /// audit, and brings their names up to date.
    async fn make_clinics(&self) -> Result<(), MigrationError> {
        let owner = &self.target.owner;
        let made = self.target.clinics().await?.each(async |tenant, legacy| {
            bound(owner, tenant, async |tx| {
                let new = tx
                    .execute(
                        "INSERT INTO public.organizations (id, name, timezone, status, created_at)
                         SELECT o.org_id, s.name, s.timezone, 'suspended', coalesce(s.created_at, now())
                         FROM legacy.organisations o JOIN legacy.staged_organisations s ON s.id = o.legacy_id
                         WHERE o.legacy_id = $1 AND NOT o.made",
                        &[&legacy],
                    )
                    .await
                    .during("making a clinic")?;
                if new == 1 {
                    self.trace(tx, tenant, "operator.load_legacy_organization").await?;
                    tx.execute("UPDATE legacy.organisations SET made = true WHERE legacy_id = $1", &[&legacy])
                        .await
                        .during("noting a clinic")?;
                }
                tx.execute(
                    "UPDATE public.organizations t SET name = s.name, timezone = s.timezone
                     FROM legacy.organisations o JOIN legacy.staged_organisations s ON s.id = o.legacy_id
                     WHERE o.legacy_id = $1 AND t.id = o.org_id AND s.faults IS NULL AND ROW(t.name, t.timezone) IS DISTINCT FROM ROW(s.name, s.timezone)",
                    &[&legacy],
                )
                .await
                .during("bringing a clinic up to date")
                .map(drop)
            })
            .await
        });
        made.await?;
        // The sequence goes on after them; a kill before this is made good by the next run.
        let after = "SELECT setval('public.organizations_id_seq', o.last) FROM (SELECT max(org_id) AS last FROM legacy.organisations WHERE made) o,
            public.organizations_id_seq s WHERE o.last > s.last_value OR NOT s.is_called AND o.last = s.last_value";
        owner.batch_execute(after).await.during("keeping the clinics' numbers")
    }

    /// A line in the clinic's own audit.
    pub(crate) async fn trace(
        &self,
        tx: &Client,
        tenant: &Tenant,
        operation: &str,
    ) -> Result<(), MigrationError> {
        let id = EventId::fresh(self.clock, self.random).to_string();
        let at = self.clock.now().timestamp_micros();
        tx.execute(
            "INSERT INTO public.audit_events (org_id, id, occurred_at, actor_kind, operation, resource_kind, resource_id, outcome)
             VALUES ($1, $2::text::uuid, to_timestamp($3::bigint / 1000000.0), 'system', $4, 'organization', $1::bigint::text, 'success')",
            &[&tenant.organisation().get(), &id, &at, &operation],
        )
        .await
        .during("writing the audit")
        .map(drop)
    }

    /// A clinic's bookings, a part at a time.
    async fn bookings(
        &self,
        loader: &Client,
        tenant: &Tenant,
        step: &dyn Step,
    ) -> Result<(), MigrationError> {
        let bounds = bound(loader, tenant, async |tx| {
            self.make_room(tx).await?;
            let bounds = "SELECT min(n), max(n) FROM legacy.bookings WHERE org_id = public.current_app_org_id()";
            let row = tx.query_one(bounds, &[]).await.during("counting bookings")?;
            Ok(row.get::<_, Option<i64>>(0).zip(row.get::<_, Option<i64>>(1)))
        });
        let Some((first, last)) = bounds.await? else { return Ok(()) };
        let mut from = first;
        while from <= last {
            let part = (from, last.min(from.saturating_add(PART - 1)));
            let rows = bound(loader, tenant, async |tx| self.part(tx, part).await).await?;
            step.advance(rows);
            from = part.1.saturating_add(1);
        }
        Ok(())
    }

    async fn part(&self, tx: &Client, part: Part) -> Result<u64, MigrationError> {
        let (from, to) = part;
        let count = "SELECT count(*) FROM legacy.bookings WHERE org_id = public.current_app_org_id() AND fault IS NULL AND n BETWEEN $1 AND $2";
        let count: i64 =
            tx.query_one(count, &[&from, &to]).await.during("counting bookings")?.get(0);
        let count = u64::try_from(count).unwrap_or_default();
        let mut all_new = true;
        for table in &BOOKINGS {
            let wanted = table.wanted(self.mapping, Some(part));
            all_new &= self.write(tx, table, &wanted, count).await?;
        }
        // What is noted is written with what it tells of: of rows that are all new nothing is there.
        let noted = if all_new {
            BOOKING_IDS.to_owned()
        } else {
            format!("{BOOKING_IDS} ON CONFLICT DO NOTHING")
        };
        tx.execute(&noted, &[&from, &to]).await.during("noting bookings")?;
        Ok(count)
    }

    /// What is gone, or moves, gives up its time before anything takes it.
    async fn make_room(&self, tx: &Client) -> Result<(), MigrationError> {
        let any = "SELECT EXISTS (SELECT FROM public.occupancies WHERE org_id = public.current_app_org_id())";
        let any: bool = tx.query_one(any, &[]).await.during("looking for bookings")?.get(0);
        if !any {
            return Ok(());
        }
        for table in &BOOKINGS {
            let wanted = table.wanted(self.mapping, None);
            if table.name == "occupancies" {
                let room = MAKE_ROOM.replace("{wanted}", &wanted).replace("{same}", &table.same());
                tx.batch_execute(&room).await.during(table.name)?;
            }
            if let Some(retire) = table.retire(&wanted) {
                tx.batch_execute(&retire).await.during(table.name)?;
            }
        }
        Ok(())
    }

    /// Brings a table to what is wanted, and puts out of use what is not.
    async fn bring(&self, tx: &Client, table: &Table) -> Result<(), MigrationError> {
        let wanted = table.wanted(self.mapping, None);
        if let Some(retire) = table.retire(&wanted) {
            tx.batch_execute(&retire).await.during(table.name)?;
        }
        let count = format!("SELECT count(*) FROM ({wanted}) w");
        let count: i64 = tx.query_one(&count, &[]).await.during(table.name)?.get(0);
        self.write(tx, table, &wanted, u64::try_from(count).unwrap_or_default()).await.map(drop)
    }

    /// Writes what is wanted, so many rows, where it is not there, and brings the rest up to date;
    /// whether all of it was new.
    async fn write(
        &self,
        tx: &Client,
        table: &Table,
        wanted: &str,
        count: u64,
    ) -> Result<bool, MigrationError> {
        let new = tx.execute(&table.insert(wanted), &[]).await.during(table.name)?;
        if new == count {
            return Ok(true);
        }
        if let Some(update) = table.update(wanted) {
            tx.batch_execute(&update).await.during(table.name)?;
        }
        Ok(false)
    }
}

/// Empties the staging tables: what they hold of people goes.
pub(crate) async fn forget(owner: &Client) -> Result<(), MigrationError> {
    const TABLES: &str = "SELECT string_agg(oid::regclass::text, ', ') FROM pg_class
        WHERE relnamespace = 'legacy'::regnamespace AND relkind = 'r' AND relpersistence = 'u'";
    whole(owner, async |owner| {
        let tables: String = owner.query_one(TABLES, &[]).await.during("listing")?.get(0);
        owner.batch_execute(&format!("TRUNCATE {tables}")).await.during("emptying")?;
        owner.batch_execute("UPDATE legacy.run SET staged_at = NULL").await.during("noting")
    })
    .await
}
