//! What seals the audit.

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel::sql_types::{
    Array, BigInt, Binary, Bool, Integer, Nullable, Text, Timestamptz, Uuid as SqlUuid,
};
use diesel_async::RunQueryDsl;
use restartix_kernel::{EventId, StoreError};
use restartix_telemetry::{
    AuditEntry, AuditSeals, Head, Hour, KeyName, LineDigest, SealClaim, SealQueue, Sealed,
    SealedEntry, SignedHead, Unsealed,
};
use restartix_tenancy::{Actor, ClaimError, ClaimSource, Found, OrgId, Tenant};
use uuid::Uuid;

use crate::Database;
use crate::audit::EntryRow;
use crate::call::definer_call;
use crate::error::{store_error, unreadable};
use crate::schema::{audit_events as audit, audit_heads as heads, audit_leaves as leaves};
use crate::unit::PgWork;

definer_call! {
    /// Lines without a place, and the head on which they follow.
    ClaimUnsealed<'a> {
        lines: &'a i32 => Integer,
        since: Option<DateTime<Utc>> => Nullable<Timestamptz>,
    } = "claim_unsealed" -> (
        BigInt, BigInt, Nullable<Binary>, Nullable<SqlUuid>,
        (
            SqlUuid, Timestamptz, Nullable<SqlUuid>, Nullable<Text>, Text, Text, Nullable<Text>,
            Nullable<SqlUuid>, Text, Nullable<Text>, Nullable<SqlUuid>,
        ),
    )
}

definer_call! {
    /// Gives lines their places.
    SealAudit<'a> {
        org_id: i64 => BigInt,
        after: i64 => BigInt,
        ids: &'a [Uuid] => Array<SqlUuid>,
        leaves: &'a [Vec<u8>] => Array<Binary>,
        hours: &'a [DateTime<Utc>] => Array<Timestamptz>,
        chain: &'a [u8] => Binary,
        reach: &'a Uuid => SqlUuid,
        now: DateTime<Utc> => Timestamptz,
        key: &'a [u8] => Binary,
        signature: &'a [u8] => Binary,
    } = "seal_audit" -> Bool
}

/// The lines of the audit that have no place yet, in PostgreSQL.
#[derive(Clone)]
pub struct PgSealQueue {
    database: Database,
}

impl PgSealQueue {
    /// The lines kept in `database`, as the role that runs workers.
    pub const fn new(database: Database) -> Self {
        Self { database }
    }
}

type Row = (i64, i64, Option<Vec<u8>>, Option<Uuid>, EntryRow);

/// Bytes of a length that a check in the database holds to.
fn exactly<const N: usize>(bytes: Vec<u8>, column: &'static str) -> Result<[u8; N], StoreError> {
    bytes.try_into().map_err(|_| unreadable(column))
}

fn place(seq: i64) -> u64 {
    u64::try_from(seq).unwrap_or_default()
}

fn number(seq: u64) -> i64 {
    i64::try_from(seq).unwrap_or(i64::MAX)
}

#[async_trait]
impl ClaimSource for PgSealQueue {
    type Key = SealClaim;
    type Row = Unsealed;

    async fn claim(&self, key: &SealClaim) -> Result<Vec<Found<Unsealed>>, ClaimError> {
        let failed = |error: StoreError| ClaimError(Box::new(error));
        let mut connection = self.database.connection().await.map_err(failed)?;
        let call = ClaimUnsealed { lines: &i32::from(key.lines), since: key.since };
        let rows: Vec<Row> =
            call.load(&mut connection).await.map_err(|error| failed(store_error(error)))?;
        by_organisation(rows).map_err(failed)
    }
}

/// The rows come sorted by organisation.
fn by_organisation(rows: Vec<Row>) -> Result<Vec<Found<Unsealed>>, StoreError> {
    let mut all: Vec<Found<Unsealed>> = Vec::new();
    for (organisation, seq, chain, reach, line) in rows {
        let organisation =
            OrgId::new(organisation).map_err(|_| unreadable("audit_events.org_id"))?;
        let line = AuditEntry::try_from(line)?;
        match all.last_mut() {
            Some(last) if last.organisation == organisation => last.row.lines.push(line),
            _ => {
                let head = match chain {
                    Some(chain) => {
                        Head { seq: place(seq), chain: exactly(chain, "audit_heads.chain")? }
                    }
                    None => Head::START,
                };
                let reach = reach.map(EventId::from_uuid);
                let row = Unsealed { head, reach, lines: vec![line] };
                all.push(Found { organisation, actor: Actor::System, row });
            }
        }
    }
    Ok(all)
}

#[async_trait]
impl SealQueue for PgSealQueue {
    async fn seal(&self, tenant: &Tenant, sealed: &Sealed) -> Result<bool, StoreError> {
        let (mut ids, mut digests, mut hours) = (Vec::new(), Vec::new(), Vec::new());
        for (id, occurred_at, leaf) in &sealed.leaves {
            ids.push(id.as_uuid());
            digests.push(leaf.as_bytes().to_vec());
            hours.push(Hour::of(*occurred_at).begins());
        }
        let SignedHead { head, sealed_at, key, signature } = &sealed.head;
        let call = SealAudit {
            org_id: tenant.organisation().get(),
            after: number(sealed.after),
            ids: &ids,
            leaves: &digests,
            hours: &hours,
            chain: &head.chain,
            reach: &sealed.reach.as_uuid(),
            now: *sealed_at,
            key: key.as_bytes(),
            signature,
        };
        let mut connection = self.database.connection().await?;
        call.get_result(&mut connection).await.map_err(store_error)
    }
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = heads)]
struct HeadRow {
    seq: i64,
    chain: Vec<u8>,
    sealed_at: DateTime<Utc>,
    key: Vec<u8>,
    signature: Vec<u8>,
}

impl TryFrom<HeadRow> for SignedHead {
    type Error = StoreError;

    fn try_from(row: HeadRow) -> Result<Self, StoreError> {
        Ok(Self {
            head: Head { seq: place(row.seq), chain: exactly(row.chain, "audit_heads.chain")? },
            sealed_at: row.sealed_at,
            key: KeyName::from_bytes(exactly(row.key, "audit_heads.key")?),
            signature: exactly(row.signature, "audit_heads.signature")?,
        })
    }
}

#[async_trait]
impl AuditSeals for PgWork {
    async fn heads(&mut self, after: u64, limit: u16) -> Result<Vec<SignedHead>, StoreError> {
        let rows: Vec<HeadRow> = heads::table
            .filter(heads::org_id.eq(self.org_id()))
            .filter(heads::seq.gt(number(after)))
            .order(heads::seq)
            .limit(i64::from(limit))
            .select(HeadRow::as_select())
            .load(self.tx())
            .await
            .map_err(store_error)?;
        rows.into_iter().map(SignedHead::try_from).collect()
    }

    async fn sealed(&mut self, after: u64, to: u64) -> Result<Vec<SealedEntry>, StoreError> {
        let same = audit::org_id.eq(leaves::org_id).and(audit::id.eq(leaves::event_id));
        let rows: Vec<(i64, Vec<u8>, Option<EntryRow>)> = leaves::table
            .left_join(audit::table.on(same))
            .filter(leaves::org_id.eq(self.org_id()))
            .filter(leaves::seq.gt(number(after)))
            .filter(leaves::seq.le(number(to)))
            .order(leaves::seq)
            .select((leaves::seq, leaves::leaf, Option::<EntryRow>::as_select()))
            .load(self.tx())
            .await
            .map_err(store_error)?;
        let entry = |(seq, leaf, entry): (i64, _, Option<EntryRow>)| {
            Ok(SealedEntry {
                seq: place(seq),
                leaf: LineDigest::from_bytes(exactly(leaf, "audit_leaves.leaf")?),
                entry: entry.map(AuditEntry::try_from).transpose()?,
            })
        };
        rows.into_iter().map(entry).collect()
    }
}
