use std::collections::HashMap;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use diesel::pg::Pg;
use diesel::prelude::*;
use diesel::query_builder::{AstPass, QueryFragment};
use diesel::sql_types::{BigInt, Bool, Text, Timestamptz};
use diesel_async::RunQueryDsl;
use restartix_kernel::{EventId, PersonId, StoreError};
use restartix_telemetry::{
    AuditEntry, BatchId, EventKind, Hour, Kept, Publication, Subject, Tally, TelemetryFeed, Told,
    Whom,
};
use restartix_tenancy::Actor;
use uuid::Uuid;

use crate::audit::EntryRow;
use crate::error::{store_error, unreadable};
use crate::insert::insert_rows;
use crate::schema::{audit_events as audit, telemetry_events as events};
use crate::transaction::TenantTx;
use crate::unit::PgWork;

/// Whom a fact tells of, as two columns.
fn subject_columns(subject: Option<Subject>) -> (Option<&'static str>, Option<Uuid>) {
    match subject {
        None => (None, None),
        Some(Subject::Staff(person)) => (Some("staff"), Some(person.as_uuid())),
        Some(Subject::Patient(person)) => (Some("patient"), Some(person.as_uuid())),
    }
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = events)]
struct EventRow {
    id: Uuid,
    kind: String,
    event_type: Option<String>,
    occurred_at: Option<DateTime<Utc>>,
    subject_kind: Option<String>,
    subject_id: Option<Uuid>,
    data: Option<String>,
}

impl TryFrom<EventRow> for Told {
    type Error = StoreError;

    fn try_from(row: EventRow) -> Result<Self, StoreError> {
        let kind = row.kind.parse().map_err(|_| unreadable("telemetry_events.kind"))?;
        let subject = match (row.subject_kind.as_deref(), row.subject_id) {
            (None, None) => None,
            (Some("staff"), Some(id)) => Some(Subject::Staff(PersonId::from_uuid(id))),
            (Some("patient"), Some(id)) => Some(Subject::Patient(PersonId::from_uuid(id))),
            _ => return Err(unreadable("telemetry_events.subject_kind")),
        };
        Ok(Self {
            id: EventId::from_uuid(row.id),
            kind,
            event_type: row.event_type.ok_or_else(|| unreadable("telemetry_events.type"))?,
            occurred_at: row
                .occurred_at
                .ok_or_else(|| unreadable("telemetry_events.occurred_at"))?,
            subject,
            data: row.data.ok_or_else(|| unreadable("telemetry_events.data"))?,
        })
    }
}

/// Publishes them, in a transaction that is open.
pub(crate) async fn publish(
    mut tx: &TenantTx,
    actor: Actor,
    publications: &[Publication],
) -> Result<(), StoreError> {
    let org_id = tx.organisation().get();
    let row = |publication: &Publication| {
        let subject = match publication.whom {
            Whom::Actor => Subject::of(actor),
            Whom::Subject(subject) => Some(subject),
        };
        let (subject_kind, subject_id) = subject_columns(subject);
        (
            events::org_id.eq(org_id),
            events::id.eq(publication.id.as_uuid()),
            events::kind.eq(publication.fact.kind().as_str()),
            events::event_type.eq(publication.fact.event_type()),
            events::occurred_at.eq(publication.occurred_at),
            events::subject_kind.eq(subject_kind),
            events::subject_id.eq(subject_id),
            events::data.eq(publication.fact.data()),
        )
    };
    insert_rows!(tx, events::table, publications.iter().map(row)).map_err(store_error)?;
    Ok(())
}

#[async_trait]
impl TelemetryFeed for PgWork {
    async fn publish(&mut self, publications: &[Publication]) -> Result<(), StoreError> {
        let actor = self.actor();
        let tx = self.tx().open().await.map_err(store_error)?;
        publish(tx, actor, publications).await
    }

    async fn members(&mut self, batch: BatchId) -> Result<Vec<Kept>, StoreError> {
        let rows: Vec<EventRow> = events::table
            .filter(events::org_id.eq(self.org_id()))
            .filter(events::batch_id.eq(batch.0.as_uuid()))
            .order(events::id)
            .select(EventRow::as_select())
            .load(self.tx())
            .await
            .map_err(store_error)?;
        let is_line = |row: &EventRow| row.kind == EventKind::Audit.as_str();
        let ids: Vec<Uuid> = rows.iter().filter(|row| is_line(row)).map(|row| row.id).collect();
        let lines: Vec<EntryRow> = audit::table
            .filter(audit::org_id.eq(self.org_id()))
            .filter(audit::id.eq_any(ids))
            .select(EntryRow::as_select())
            .load(self.tx())
            .await
            .map_err(store_error)?;
        let mut entries = HashMap::with_capacity(lines.len());
        for line in lines {
            let entry = AuditEntry::try_from(line)?;
            entries.insert(entry.id.as_uuid(), entry);
        }
        let mut members = Vec::with_capacity(rows.len());
        for row in rows {
            if is_line(&row) {
                // The line and its row committed together: there is no row without a line.
                members.extend(entries.remove(&row.id).map(Kept::Audit));
            } else {
                members.push(Kept::Told(row.try_into()?));
            }
        }
        Ok(members)
    }

    async fn tally(&mut self, hour: Hour) -> Result<Option<Tally>, StoreError> {
        let asked = HourTally { org_id: self.org_id(), begins: &hour.begins(), ends: &hour.ends() };
        let (count, sum, under_way): (i64, String, bool) =
            asked.get_result(self.tx()).await.map_err(store_error)?;
        let sum = sum.parse().map_err(|_| unreadable("telemetry_sent.digest"))?;
        let tally = Tally { count: u64::try_from(count).unwrap_or_default(), sum };
        Ok((!under_way).then_some(tally))
    }
}

/// Counts and sums up the lines of an hour that have a place, and the facts that were told, but for
/// lines that wait or were put aside. A number of 8 bytes is read with its sign: modulo 2^64 that is
/// the same.
struct HourTally<'a> {
    org_id: i64,
    begins: &'a DateTime<Utc>,
    ends: &'a DateTime<Utc>,
}

impl diesel::query_builder::QueryId for HourTally<'_> {
    type QueryId = HourTally<'static>;
    const HAS_STATIC_QUERY_ID: bool = true;
}

impl diesel::query_builder::Query for HourTally<'_> {
    type SqlType = (BigInt, Text, Bool);
}

impl<Conn> diesel::query_dsl::RunQueryDsl<Conn> for HourTally<'_> {}

impl QueryFragment<Pg> for HourTally<'_> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        out.push_sql(
            "WITH told AS (\
             SELECT l.leaf AS digest FROM audit_leaves l WHERE l.hour = ",
        );
        out.push_bind_param::<Timestamptz, _>(self.begins)?;
        out.push_sql(" AND l.org_id = ");
        out.push_bind_param::<BigInt, _>(&self.org_id)?;
        out.push_sql(
            " AND NOT EXISTS (SELECT FROM telemetry_events e \
             WHERE e.org_id = l.org_id AND e.id = l.event_id) \
             UNION ALL SELECT s.digest FROM telemetry_sent s WHERE s.org_id = ",
        );
        out.push_bind_param::<BigInt, _>(&self.org_id)?;
        out.push_sql(" AND s.occurred_at >= ");
        out.push_bind_param::<Timestamptz, _>(self.begins)?;
        out.push_sql(" AND s.occurred_at < ");
        out.push_bind_param::<Timestamptz, _>(self.ends)?;
        out.push_sql(
            "), summed AS (SELECT count(*) AS n, mod(coalesce(sum((\
             'x' || encode(substr(t.digest, 1, 8), 'hex'))::bit(64)::bigint::numeric), 0), 18446744073709551616) AS s \
             FROM told t) \
             SELECT n, (CASE WHEN s < 0 THEN s + 18446744073709551616 ELSE s END)::text, \
             EXISTS (SELECT FROM telemetry_events e LEFT JOIN audit_events a \
             ON a.org_id = e.org_id AND a.id = e.id AND e.kind = 'audit' \
             WHERE e.batch_id IS NOT NULL AND e.org_id = ",
        );
        out.push_bind_param::<BigInt, _>(&self.org_id)?;
        out.push_sql(" AND coalesce(e.occurred_at, a.occurred_at) >= ");
        out.push_bind_param::<Timestamptz, _>(self.begins)?;
        out.push_sql(" AND coalesce(e.occurred_at, a.occurred_at) < ");
        out.push_bind_param::<Timestamptz, _>(self.ends)?;
        out.push_sql(") FROM summed");
        Ok(())
    }
}
