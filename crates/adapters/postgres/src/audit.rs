//! The audit: beside each change, and group-committed for what has no transaction of its own.

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use diesel::pg::Pg;
use diesel::prelude::*;
use diesel::query_builder::{QueryFragment, QueryId};
use diesel::sql_types::{Array, BigInt, Nullable, Text, Timestamptz, Uuid as SqlUuid};
use diesel_async::RunQueryDsl;
use futures_util::future::select;
use restartix_kernel::{
    Clock, EventId, Page, PageRequest, PersonId, RequestId, StoreError, UserId,
};
use restartix_telemetry::{
    AuditActor, AuditEntry, AuditEvent, AuditFilter, AuditLog, AuditTrail, AuditUnavailable,
};
use restartix_tenancy::{Actor, Tenant};
use tokio::sync::{Notify, mpsc, oneshot};
use uuid::Uuid;

use crate::Database;
use crate::call::definer_call;
use crate::error::{store_error, unreadable};
use crate::schema::audit_events as audit;
use crate::transaction::TenantTx;
use crate::unit::{PgWork, after};

/// Who acts, as three columns.
pub(crate) fn actor_columns(actor: Actor) -> (&'static str, Option<Uuid>, Option<&'static str>) {
    match actor {
        Actor::User { id, role, .. } => ("user", Some(id.as_uuid()), Some(role.as_str())),
        Actor::Client { id, .. } => ("client", Some(id.as_uuid()), None),
        Actor::System => ("system", None, None),
    }
}

/// The statement that adds one line.
pub(crate) fn insert_line(
    org_id: i64,
    actor: Actor,
    event: AuditEvent,
) -> impl QueryFragment<Pg> + QueryId + Send {
    let (kind, actor, role) = actor_columns(actor);
    diesel::insert_into(audit::table).values((
        audit::org_id.eq(org_id),
        audit::id.eq(event.id.as_uuid()),
        audit::occurred_at.eq(event.occurred_at),
        audit::actor_kind.eq(kind),
        audit::actor_id.eq(actor),
        audit::actor_role.eq(role),
        audit::operation.eq(event.act.operation.as_str()),
        audit::resource_kind.eq(event.resource.kind.as_str()),
        audit::resource_id.eq(event.resource.id),
        audit::patient_id.eq(event.patient.map(PersonId::as_uuid)),
        audit::outcome.eq(event.outcome.as_str()),
        audit::code.eq(event.outcome.code()),
        audit::request_id.eq(event.act.request.map(RequestId::as_uuid)),
    ))
}

/// Writes a line, where there is one, in a transaction that is open.
pub(crate) async fn trace(
    mut tx: &TenantTx,
    actor: Actor,
    event: Option<AuditEvent>,
) -> Result<(), StoreError> {
    let Some(event) = event else { return Ok(()) };
    let line = insert_line(tx.organisation().get(), actor, event);
    line.execute(&mut tx).await.map_err(store_error)?;
    Ok(())
}

#[async_trait]
impl AuditTrail for PgWork {
    async fn record(&mut self, event: AuditEvent) -> Result<(), StoreError> {
        let line = insert_line(self.org_id(), self.actor(), event);
        line.execute(self.tx()).await.map_err(store_error)?;
        self.note_trace();
        Ok(())
    }

    async fn list(
        &mut self,
        filter: &AuditFilter,
        page: &PageRequest,
    ) -> Result<Page<AuditEntry>, StoreError> {
        let mut query = audit::table
            .filter(audit::org_id.eq(self.org_id()))
            .order(audit::id.desc())
            .limit(page.limit.one_more())
            .select(EntryRow::as_select())
            .into_boxed();
        if let Some(id) = after::<Uuid>(page)? {
            query = query.filter(audit::id.lt(id));
        }
        // The key begins with the time, so the key's own index finds the range.
        if let Some(from) = filter.from {
            query = query
                .filter(audit::occurred_at.ge(from))
                .filter(audit::id.ge(first_id(from - ID_SLACK)));
        }
        if let Some(to) = filter.to {
            let behind = first_id(to + ID_SLACK);
            query = query.filter(audit::occurred_at.lt(to)).filter(audit::id.lt(behind));
        }
        if let Some(actor) = filter.actor {
            query = query.filter(audit::actor_id.eq(actor.as_uuid()));
        }
        if let Some(kind) = filter.resource_kind {
            query = query.filter(audit::resource_kind.eq(kind.as_str()));
        }
        if let Some(id) = &filter.resource_id {
            query = query.filter(audit::resource_id.eq(id.clone()));
        }
        if let Some(operation) = &filter.operation {
            query = query.filter(audit::operation.eq(operation.clone()));
        }
        if let Some(patient) = filter.patient {
            query = query.filter(audit::patient_id.eq(patient.as_uuid()));
        }
        if let Some(ending) = filter.ending {
            query = query.filter(audit::outcome.eq(ending.as_str()));
        }
        let rows: Vec<EntryRow> = query.load(self.tx()).await.map_err(store_error)?;
        let entries = rows.into_iter().map(AuditEntry::try_from).collect::<Result<_, _>>()?;
        Ok(Page::of_one_more(entries, page.limit, |entry: &AuditEntry| entry.id.to_string()))
    }
}

/// By how much the time in a line's key and the time of what it tells may differ.
const ID_SLACK: TimeDelta = TimeDelta::minutes(1);

/// The first key that was made at `instant` (UUIDv7, RFC 9562 section 5.7: it begins with
/// milliseconds of Unix time).
fn first_id(instant: DateTime<Utc>) -> Uuid {
    let milliseconds = u64::try_from(instant.timestamp_millis()).unwrap_or_default();
    Uuid::from_u128(u128::from(milliseconds) << 80)
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = audit)]
pub(crate) struct EntryRow {
    id: Uuid,
    occurred_at: DateTime<Utc>,
    actor_id: Option<Uuid>,
    actor_role: Option<String>,
    operation: String,
    resource_kind: String,
    resource_id: Option<String>,
    patient_id: Option<Uuid>,
    outcome: String,
    code: Option<String>,
    request_id: Option<Uuid>,
}

impl TryFrom<EntryRow> for AuditEntry {
    type Error = StoreError;

    fn try_from(row: EntryRow) -> Result<Self, StoreError> {
        let actor = match (row.actor_id, row.actor_role) {
            (Some(user), Some(role)) => {
                let role = role.parse().map_err(|_| unreadable("audit_events.actor_role"))?;
                Some(AuditActor { user: UserId::from_uuid(user), role: Some(role) })
            }
            (Some(client), None) => {
                Some(AuditActor { user: UserId::from_uuid(client), role: None })
            }
            _ => None,
        };
        Ok(Self {
            id: EventId::from_uuid(row.id),
            occurred_at: row.occurred_at,
            actor,
            operation: row.operation,
            resource_kind: row.resource_kind,
            resource_id: row.resource_id,
            patient: row.patient_id.map(PersonId::from_uuid),
            outcome: row.outcome,
            code: row.code,
            request: row.request_id.map(RequestId::from_uuid),
        })
    }
}

definer_call! {
    /// Appends audit lines of many organisations at once.
    AppendAudit<'a> {
        org_ids: &'a [i64] => Array<BigInt>,
        ids: &'a [Uuid] => Array<SqlUuid>,
        occurred_at: &'a [DateTime<Utc>] => Array<Timestamptz>,
        actor_kinds: &'a [&'static str] => Array<Text>,
        actor_ids: &'a [Option<Uuid>] => Array<Nullable<SqlUuid>>,
        actor_roles: &'a [Option<&'static str>] => Array<Nullable<Text>>,
        operations: &'a [&'static str] => Array<Text>,
        resource_kinds: &'a [&'static str] => Array<Text>,
        resource_ids: &'a [Option<&'a str>] => Array<Nullable<Text>>,
        patient_ids: &'a [Option<Uuid>] => Array<Nullable<SqlUuid>>,
        outcomes: &'a [&'static str] => Array<Text>,
        codes: &'a [Option<&'static str>] => Array<Nullable<Text>>,
        request_ids: &'a [Option<Uuid>] => Array<Nullable<SqlUuid>>,
    } = "append_audit" -> Text
}

/// The audit of reads, refusals and failures: one writer appends for all organisations, one commit
/// for all lines that came while the commit before was under way.
#[derive(Clone)]
pub struct PgAuditLog {
    lines: mpsc::Sender<Waiting>,
    company: Arc<Company>,
}

/// How many lines the writer gathers before it commits, and how it learns that they are there.
#[derive(Default)]
struct Company {
    wanted: AtomicUsize,
    complete: Notify,
}

struct Line {
    organisation: i64,
    actor: Actor,
    event: AuditEvent,
}

struct Waiting {
    line: Line,
    written: oneshot::Sender<bool>,
}

/// How long at most the writer gathers lines when several people read at once.
const GATHERING: Duration = Duration::from_millis(1);
/// Lines in one commit at most.
const BATCH: usize = 512;
/// Lines that may wait; more, and the audit is unavailable rather than memory unbounded.
const BACKLOG: usize = 8192;
/// How long a request waits for its line to be durable.
const PATIENCE: Duration = Duration::from_secs(5);

impl PgAuditLog {
    /// Starts the writer over `database`, as the role that serves requests; it ends with the last
    /// clone of the log. Needs a tokio runtime.
    pub fn start(database: Database, clock: Arc<dyn Clock>) -> Self {
        let (lines, waiting) = mpsc::channel(BACKLOG);
        let company = Arc::new(Company::default());
        tokio::spawn(write(database, clock, waiting, Arc::clone(&company)));
        Self { lines, company }
    }
}

#[async_trait]
impl AuditLog for PgAuditLog {
    async fn append(&self, tenant: &Tenant, event: AuditEvent) -> Result<(), AuditUnavailable> {
        let line = Line { organisation: tenant.organisation().get(), actor: tenant.actor(), event };
        let (written, durable) = oneshot::channel();
        self.lines
            .try_send(Waiting { line, written })
            .map_err(|_| AuditUnavailable("too many lines wait".into()))?;
        let waiting = self.lines.max_capacity().saturating_sub(self.lines.capacity());
        self.company.came(waiting);
        match tokio::time::timeout(PATIENCE, durable).await {
            Ok(Ok(true)) => Ok(()),
            Ok(_) => Err(AuditUnavailable("the lines could not be written".into())),
            Err(late) => Err(AuditUnavailable(Box::new(late))),
        }
    }
}

impl Company {
    /// So many wait by now.
    fn came(&self, waiting: usize) {
        let wanted = AtomicUsize::load(&self.wanted, Ordering::Relaxed);
        if wanted > 0 && waiting >= wanted {
            self.complete.notify_one();
        }
    }

    /// Waits until so many wait, and not for long.
    async fn gather(&self, wanted: usize, clock: &dyn Clock) {
        self.wanted.store(wanted, Ordering::Relaxed);
        select(pin!(self.complete.notified()), clock.sleep(GATHERING)).await;
        self.wanted.store(0, Ordering::Relaxed);
    }
}

async fn write(
    database: Database,
    clock: Arc<dyn Clock>,
    mut waiting: mpsc::Receiver<Waiting>,
    company: Arc<Company>,
) {
    let mut batch = Vec::with_capacity(BATCH);
    let mut seen = 0_usize;
    loop {
        // A commit costs much more than a line. Those whose lines have just been written come back
        // with others, so half of all who were seen at once are gathered, while the other half is
        // on its way; somebody alone is not kept waiting.
        let wanted = seen / 2;
        if waiting.len() < wanted {
            company.gather(wanted, &*clock).await;
        }
        if waiting.recv_many(&mut batch, BATCH).await == 0 {
            return;
        }
        let together = batch.len();
        // Whoever has given up waiting has answered that there is no audit: nothing is written.
        batch.retain(|waiting| !waiting.written.is_closed());
        let lines: Vec<&Line> = batch.iter().map(|waiting| &waiting.line).collect();
        let written = append(&database, &lines).await;
        // A line that the database refuses must not take the others' answers with it.
        let apart = matches!(&written, Err(StoreError::Defect(_))) && lines.len() > 1;
        if let Err(error) = &written {
            let error: &dyn std::error::Error = error;
            tracing::error!(error, lines = lines.len(), "the audit cannot be written");
        }
        for Waiting { line, written: told } in batch.drain(..) {
            let done =
                if apart { append(&database, &[&line]).await.is_ok() } else { written.is_ok() };
            // A receiver that is gone has been told already.
            let _ = told.send(done);
        }
        seen = together.saturating_add(waiting.len());
    }
}

async fn append(database: &Database, lines: &[&Line]) -> Result<(), StoreError> {
    fn column<'a, T>(lines: &[&'a Line], of: impl Fn(&'a Line) -> T) -> Vec<T> {
        lines.iter().map(|line| of(line)).collect()
    }
    if lines.is_empty() {
        return Ok(());
    }
    let mut connection = database.connection().await?;
    let call = AppendAudit {
        org_ids: &column(lines, |line| line.organisation),
        ids: &column(lines, |line| line.event.id.as_uuid()),
        occurred_at: &column(lines, |line| line.event.occurred_at),
        actor_kinds: &column(lines, |line| actor_columns(line.actor).0),
        actor_ids: &column(lines, |line| actor_columns(line.actor).1),
        actor_roles: &column(lines, |line| actor_columns(line.actor).2),
        operations: &column(lines, |line| line.event.act.operation.as_str()),
        resource_kinds: &column(lines, |line| line.event.resource.kind.as_str()),
        resource_ids: &column(lines, |line| line.event.resource.id.as_deref()),
        patient_ids: &column(lines, |line| line.event.patient.map(PersonId::as_uuid)),
        outcomes: &column(lines, |line| line.event.outcome.as_str()),
        codes: &column(lines, |line| line.event.outcome.code()),
        request_ids: &column(lines, |line| line.event.act.request.map(RequestId::as_uuid)),
    };
    call.execute(&mut connection).await.map_err(store_error)?;
    Ok(())
}
