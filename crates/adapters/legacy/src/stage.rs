//! From the sources into the staging tables: COPY out of one, through the converter, COPY into the
//! other; a few buffers at a time, however large the table is.

use bytes::{Bytes, BytesMut};
use chrono::{DateTime, TimeDelta, Utc};
use futures_util::{SinkExt as _, StreamExt as _, pin_mut};
use tokio_postgres::Client;

use crate::convert::Converter;
use crate::database::whole;
use crate::entity::{ENTITIES, Entity, Source};
use crate::error::During;
use crate::{Mapping, MigrationError, Progress, Step};

/// How much before a reading the next one begins: longer than any transaction of the sources takes
/// from its `updated_at` to its commit. What is read twice is the same.
const OVERLAP: TimeDelta = TimeDelta::minutes(10);
/// How many bytes go into the staging table at once.
const CHUNK: usize = 256 * 1024;

/// How much is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Extent {
    /// Everything.
    Whole,
    /// Of large tables what has changed since the last reading and what is gone; all of the others.
    Changes,
}

pub(crate) struct Stage<'a> {
    pub(crate) mapping: &'a Mapping,
    pub(crate) owner: &'a Client,
    pub(crate) progress: &'a dyn Progress,
}

impl Stage<'_> {
    /// Reads a source, all of it as it is at one moment.
    pub(crate) async fn read(
        &self,
        source: Source,
        client: &Client,
        extent: Extent,
    ) -> Result<(), MigrationError> {
        client
            .batch_execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
            .await
            .during("reading a source")?;
        let now = client.query_one("SELECT floor(extract(epoch FROM now()))::bigint", &[]).await;
        let now: i64 = now.during("reading a source")?.get(0);
        let since = match extent {
            Extent::Whole => None,
            Extent::Changes => self.watermark(source).await?,
        };
        for entity in ENTITIES.iter().filter(|entity| entity.source == source) {
            match since.filter(|_| self.mapping.tells_changes(entity)) {
                Some(since) => self.changes(client, entity, since).await?,
                None => self.fill(client, entity, None, &entity.staged()).await?,
            }
        }
        client.batch_execute("COMMIT").await.during("reading a source")?;
        let noted = "INSERT INTO legacy.watermarks VALUES ($1, to_timestamp($2::bigint)) \
            ON CONFLICT (source) DO UPDATE SET read_until = excluded.read_until";
        let noted = self.owner.execute(noted, &[&source.as_str(), &now]).await;
        noted.during("noting how far a source was read").map(drop)
    }

    async fn watermark(&self, source: Source) -> Result<Option<DateTime<Utc>>, MigrationError> {
        let query = "SELECT extract(epoch FROM read_until)::bigint FROM legacy.watermarks WHERE source = $1";
        let row = self.owner.query_opt(query, &[&source.as_str()]).await;
        let row = row.during("reading how far a source was read")?;
        let read = row.and_then(|row| DateTime::from_timestamp(row.get(0), 0));
        Ok(read.map(|read| read - OVERLAP))
    }

    /// Brings a large staging table to what its source is now.
    async fn changes(
        &self,
        client: &Client,
        entity: &Entity,
        since: DateTime<Utc>,
    ) -> Result<(), MigrationError> {
        let changed = format!("legacy.changed_{}", entity.name);
        self.fill(client, entity, Some(since), &changed).await?;
        let ids = self.mapping.ids(entity)?;
        let count = self.mapping.count(entity, None)?;
        let step = format!("{}: ids of {}", entity.source, entity.name);
        self.copy(client, [&ids, &count], "legacy.present", None, &step).await?;
        let staged = entity.staged();
        let columns = columns(entity);
        let merge = format!(
            "ANALYZE legacy.present; ANALYZE {changed};
             DELETE FROM {staged} s WHERE EXISTS (SELECT FROM {changed} c WHERE c.id = s.id)
               OR NOT EXISTS (SELECT FROM legacy.present p WHERE p.id = s.id);
             INSERT INTO {staged} ({columns}) SELECT {columns} FROM {changed}; ANALYZE {staged}"
        );
        whole(self.owner, async |owner| owner.batch_execute(&merge).await.during("merging changes"))
            .await
    }

    /// Fills a table with the converted rows of an entity.
    async fn fill(
        &self,
        client: &Client,
        entity: &Entity,
        since: Option<DateTime<Utc>>,
        into: &str,
    ) -> Result<(), MigrationError> {
        let (query, count) =
            (self.mapping.rows(entity, since)?, self.mapping.count(entity, since)?);
        let step = format!("{}: {}", entity.source, entity.name);
        let converter = Converter::new(self.mapping, entity);
        let columns = format!("{into} ({})", columns(entity));
        self.copy(client, [&query, &count], &columns, Some(converter), &step).await?;
        self.owner
            .batch_execute(&format!("ANALYZE {into}"))
            .await
            .during("analysing a staging table")
    }

    async fn copy(
        &self,
        client: &Client,
        [query, count]: [&str; 2],
        into: &str,
        converter: Option<Converter<'_>>,
        step: &str,
    ) -> Result<(), MigrationError> {
        let table = into.split(' ').next().unwrap_or(into);
        let total: i64 =
            client.query_one(count, &[]).await.during("counting a legacy table")?.get(0);
        let step = self.progress.begin(step, u64::try_from(total).ok());
        whole(self.owner, async |owner| {
            owner
                .batch_execute(&format!("TRUNCATE {table}"))
                .await
                .during("emptying a staging table")?;
            self.pour(client, query, owner, into, converter, &*step).await
        })
        .await
    }

    async fn pour(
        &self,
        client: &Client,
        query: &str,
        owner: &Client,
        into: &str,
        mut converter: Option<Converter<'_>>,
        step: &dyn Step,
    ) -> Result<(), MigrationError> {
        let out = client.copy_out(&format!("COPY ({query}) TO STDOUT")).await;
        let out = out.during("reading a legacy table")?;
        let sink = owner.copy_in::<_, Bytes>(&format!("COPY {into} FROM STDIN")).await;
        let sink = sink.during("filling a staging table")?;
        pin_mut!(out, sink);
        let (mut open, mut ready) = (BytesMut::new(), Vec::with_capacity(CHUNK + 4096));
        let mut rows = 0;
        while let Some(part) = out.next().await {
            open.extend_from_slice(&part.during("reading a legacy table")?);
            while let Some(end) = open.iter().position(|byte| *byte == b'\n') {
                let line = open.split_to(end + 1);
                match &mut converter {
                    Some(converter) => {
                        converter.convert(line.get(..end).unwrap_or_default(), &mut ready);
                    }
                    None => ready.extend_from_slice(&line),
                }
                rows += 1;
            }
            if ready.len() >= CHUNK {
                let full = std::mem::replace(&mut ready, Vec::with_capacity(CHUNK + 4096));
                sink.send(full.into()).await.during("filling a staging table")?;
                step.advance(rows);
                rows = 0;
            }
        }
        sink.send(ready.into()).await.during("filling a staging table")?;
        step.advance(rows);
        sink.finish().await.during("filling a staging table").map(drop)
    }
}

/// The columns of a staging table, in the order in which the converter writes them.
fn columns(entity: &Entity) -> String {
    let fields = entity.fields.iter().map(|(field, _)| format!("\"{field}\""));
    let all: Vec<_> = fields.chain(["faults".to_owned(), "flags".to_owned()]).collect();
    all.join(", ")
}
