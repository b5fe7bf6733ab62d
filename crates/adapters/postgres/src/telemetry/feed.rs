use std::collections::HashMap;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use restartix_kernel::{EventId, PersonId, StoreError};
use restartix_telemetry::{
    AuditEntry, BatchId, EventKind, Kept, Publication, Subject, TelemetryFeed, Told, Whom,
};
use uuid::Uuid;

use crate::audit::EntryRow;
use crate::error::{store_error, unreadable};
use crate::schema::{audit_events as audit, telemetry_events as events};
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

#[async_trait]
impl TelemetryFeed for PgWork {
    async fn publish(&mut self, publications: &[Publication]) -> Result<(), StoreError> {
        let (org_id, actor) = (self.org_id(), self.actor());
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
        let insert = diesel::insert_into(events::table);
        match publications {
            [] => return Ok(()),
            // A statement of its own, that the connection keeps: almost every change tells one.
            [one] => insert.values(row(one)).execute(self.tx()).await,
            several => {
                let rows: Vec<_> = several.iter().map(row).collect();
                insert.values(rows).execute(self.tx()).await
            }
        }
        .map_err(store_error)?;
        Ok(())
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
}
