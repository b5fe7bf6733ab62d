//! What clients were answered who may ask again.

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use diesel::dsl::case_when;
use diesel::prelude::*;
use diesel::sql_types::{Binary, Integer, Nullable, Timestamptz};
use diesel_async::RunQueryDsl;
use restartix_kernel::StoreError;
use restartix_workflows::{AnswerKey, ExpiredAnswers, KeptAnswers};
use uuid::Uuid;

use crate::Database;
use crate::audit::actor_columns;
use crate::call::definer_call;
use crate::error::{store_error, unreadable};
use crate::preparing::Fixed;
use crate::schema::kept_answers as answers;
use crate::unit::PgWork;

impl PgWork {
    /// Whose keys are meant: the platform itself has none.
    fn asker(&self) -> Result<Uuid, StoreError> {
        let (_, id, _) = actor_columns(self.actor());
        id.ok_or_else(|| StoreError::Defect("nobody asks again for the platform".into()))
    }
}

#[async_trait]
impl KeptAnswers for PgWork {
    async fn claim(
        &mut self,
        key: &AnswerKey,
        now: DateTime<Utc>,
        until: DateTime<Utc>,
    ) -> Result<Option<Vec<u8>>, StoreError> {
        let row = (
            answers::org_id.eq(self.org_id()),
            answers::actor_id.eq(self.asker()?),
            answers::operation.eq(key.operation().as_str()),
            answers::key_hash.eq(key.digest().as_slice()),
            answers::expires_at.eq(until),
        );
        // A twin's row is waited for. One that has expired is as good as none.
        let none = None::<Vec<u8>>.into_sql::<Nullable<Binary>>();
        let claim = diesel::insert_into(answers::table)
            .values(row)
            .on_conflict((
                answers::org_id,
                answers::actor_id,
                answers::operation,
                answers::key_hash,
            ))
            .do_update()
            .set((
                answers::sealed
                    .eq(case_when(answers::expires_at.gt(now), answers::sealed).otherwise(none)),
                answers::expires_at.eq(case_when(answers::expires_at.gt(now), answers::expires_at)
                    .otherwise(until.into_sql::<Timestamptz>())),
            ))
            .returning(answers::sealed);
        Fixed(claim).get_result(self.tx()).await.map_err(store_error)
    }

    async fn keep(&mut self, key: &AnswerKey, sealed: &[u8]) -> Result<(), StoreError> {
        let operation = key.operation().as_str();
        let place = (self.org_id(), self.asker()?, operation, key.digest().as_slice());
        let rows =
            Fixed(diesel::update(answers::table.find(place)).set(answers::sealed.eq(sealed)))
                .execute(self.tx())
                .await
                .map_err(store_error)?;
        if rows == 1 {
            Ok(())
        } else {
            Err(StoreError::Defect("a key that was not claimed".into()))
        }
    }
}

definer_call! {
    /// Forgets answers that have expired.
    ForgetAnswers<'a> {
        now: &'a DateTime<Utc> => Timestamptz,
        limit: i32 => Integer,
    } = "forget_answers" -> Integer
}

/// The kept answers of every organisation, in PostgreSQL.
#[derive(Clone)]
pub struct PgExpiredAnswers {
    database: Database,
}

impl PgExpiredAnswers {
    /// Those kept in `database`, as the role that runs workers.
    pub const fn new(database: Database) -> Self {
        Self { database }
    }
}

#[async_trait]
impl ExpiredAnswers for PgExpiredAnswers {
    async fn forget(&self, now: DateTime<Utc>, limit: u16) -> Result<usize, StoreError> {
        let mut connection = self.database.connection().await?;
        let call = ForgetAnswers { now: &now, limit: i32::from(limit) };
        let forgotten: i32 = call.get_result(&mut connection).await.map_err(store_error)?;
        usize::try_from(forgotten).map_err(|_| unreadable("forget_answers"))
    }
}
