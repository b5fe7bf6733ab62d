use async_trait::async_trait;
use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel::sql_types::{Array, BigInt, Binary, Text, Timestamptz, Uuid as SqlUuid};
use diesel_async::RunQueryDsl;
use restartix_kernel::{ApiClientId, Clock, StoreError};
use restartix_tenancy::{
    Actor, ApiClient, ApiClients, ClaimError, ClaimSource, ClientDigest, ClientKey, ClientStanding,
    ClientTokens, DirectoryError, Found, MAX_CLIENTS, OrgId, Personal, Scopes,
};
use restartix_workflows::KnownClient;
use std::sync::Arc;
use uuid::Uuid;

use crate::Database;
use crate::call::definer_call;
use crate::error::{store_error, unreadable};
use crate::schema::{api_clients as clients, api_tokens as tokens, organizations};
use crate::unit::PgWork;

#[derive(Queryable, Selectable)]
#[diesel(table_name = clients)]
struct ClientRow {
    id: Uuid,
    name: String,
    scopes: Vec<String>,
    created_at: DateTime<Utc>,
}

fn scopes(names: &[String]) -> Result<Scopes, StoreError> {
    Scopes::parse(names.iter().map(String::as_str)).map_err(|_| unreadable("api_clients.scopes"))
}

impl TryFrom<ClientRow> for ApiClient {
    type Error = StoreError;

    fn try_from(row: ClientRow) -> Result<Self, StoreError> {
        Ok(Self {
            id: ApiClientId::from_uuid(row.id),
            name: Personal::new(&row.name).map_err(|_| unreadable("api_clients.name"))?,
            scopes: scopes(&row.scopes)?,
            created_at: row.created_at,
        })
    }
}

#[async_trait]
impl ApiClients for PgWork {
    async fn list(&mut self) -> Result<Vec<ApiClient>, StoreError> {
        let rows: Vec<ClientRow> = clients::table
            .filter(clients::org_id.eq(self.org_id()))
            .filter(clients::revoked_at.is_null())
            .order(clients::id)
            .select(ClientRow::as_select())
            .load(self.tx())
            .await
            .map_err(store_error)?;
        rows.into_iter().map(ApiClient::try_from).collect()
    }

    async fn add(&mut self, client: &ApiClient, secret: &ClientDigest) -> Result<bool, StoreError> {
        let org_id = self.org_id();
        // Two that are added at once count each other.
        organizations::table
            .find(org_id)
            .select(organizations::id)
            .for_update()
            .get_result::<i64>(self.tx())
            .await
            .map_err(store_error)?;
        let there: i64 = clients::table
            .filter(clients::org_id.eq(org_id))
            .filter(clients::revoked_at.is_null())
            .count()
            .get_result(self.tx())
            .await
            .map_err(store_error)?;
        if usize::try_from(there).unwrap_or(usize::MAX) >= MAX_CLIENTS {
            return Ok(false);
        }
        let row = (
            clients::org_id.eq(org_id),
            clients::id.eq(client.id.as_uuid()),
            clients::name.eq(client.name.expose()),
            clients::scopes.eq(client.scopes.names()),
            clients::secret_digest.eq(secret.as_bytes().as_slice()),
            clients::created_at.eq(client.created_at),
        );
        diesel::insert_into(clients::table)
            .values(row)
            .execute(self.tx())
            .await
            .map_err(store_error)?;
        Ok(true)
    }

    async fn revoke(&mut self, id: ApiClientId, now: DateTime<Utc>) -> Result<bool, StoreError> {
        let rows = diesel::update(clients::table.find((self.org_id(), id.as_uuid())))
            .filter(clients::revoked_at.is_null())
            .set(clients::revoked_at.eq(now))
            .execute(self.tx())
            .await
            .map_err(store_error)?;
        diesel::delete(tokens::table)
            .filter(tokens::org_id.eq(self.org_id()))
            .filter(tokens::client_id.eq(id.as_uuid()))
            .execute(self.tx())
            .await
            .map_err(store_error)?;
        Ok(rows > 0)
    }

    async fn keep_token(
        &mut self,
        id: ApiClientId,
        token: &ClientDigest,
        scopes: Scopes,
        now: DateTime<Utc>,
        expires_at: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        let org_id = self.org_id();
        diesel::delete(tokens::table)
            .filter(tokens::org_id.eq(org_id))
            .filter(tokens::client_id.eq(id.as_uuid()))
            .filter(tokens::expires_at.le(now))
            .execute(self.tx())
            .await
            .map_err(store_error)?;
        let row = (
            tokens::org_id.eq(org_id),
            tokens::digest.eq(token.as_bytes().as_slice()),
            tokens::client_id.eq(id.as_uuid()),
            tokens::scopes.eq(scopes.names()),
            tokens::expires_at.eq(expires_at),
        );
        diesel::insert_into(tokens::table)
            .values(row)
            .execute(self.tx())
            .await
            .map_err(store_error)?;
        Ok(())
    }
}

definer_call! {
    /// The program of an id that was not revoked.
    ResolveApiClient<'a> {
        id: &'a Uuid => SqlUuid,
    } = "resolve_api_client" -> (BigInt, Binary, Array<Text>)
}

definer_call! {
    /// Who stands behind a token.
    ResolveApiToken<'a> {
        digest: &'a [u8] => Binary,
        now: DateTime<Utc> => Timestamptz,
    } = "resolve_api_token" -> (BigInt, Text, SqlUuid, Array<Text>)
}

/// The programs in PostgreSQL: each names its own organisation. Nothing is remembered, so that
/// revocation acts at once.
#[derive(Clone)]
pub struct PgClients {
    database: Database,
    clock: Arc<dyn Clock>,
}

impl PgClients {
    /// Those kept in `database`, as the role that serves requests.
    pub const fn new(database: Database, clock: Arc<dyn Clock>) -> Self {
        Self { database, clock }
    }
}

#[async_trait]
impl ClaimSource for PgClients {
    type Key = ApiClientId;
    type Row = KnownClient;

    async fn claim(&self, id: &ApiClientId) -> Result<Vec<Found<KnownClient>>, ClaimError> {
        let failed = |error: StoreError| ClaimError(Box::new(error));
        let mut connection = self.database.connection().await.map_err(failed)?;
        let call = ResolveApiClient { id: &id.as_uuid() };
        let rows: Vec<(i64, Vec<u8>, Vec<String>)> =
            call.load(&mut connection).await.map_err(|error| failed(store_error(error)))?;
        let found = |(organisation, digest, names): (i64, Vec<u8>, Vec<String>)| {
            let digest: [u8; 32] =
                digest.try_into().map_err(|_| unreadable("api_clients.secret_digest"))?;
            let scopes = scopes(&names)?;
            Ok(Found {
                organisation: OrgId::new(organisation)
                    .map_err(|_| unreadable("api_clients.org_id"))?,
                actor: Actor::Client { id: *id, scopes },
                row: KnownClient { id: *id, secret: ClientDigest::from_bytes(digest), scopes },
            })
        };
        rows.into_iter().map(found).collect::<Result<_, _>>().map_err(failed)
    }
}

#[async_trait]
impl ClientTokens for PgClients {
    async fn standing(&self, token: &ClientKey) -> Result<Option<ClientStanding>, DirectoryError> {
        let failed = |error: StoreError| DirectoryError(Box::new(error));
        let mut connection = self.database.connection().await.map_err(failed)?;
        let digest = token.digest();
        let call = ResolveApiToken { digest: digest.as_bytes(), now: self.clock.now() };
        let row: Option<(i64, String, Uuid, Vec<String>)> = call
            .get_result(&mut connection)
            .await
            .optional()
            .map_err(|error| failed(store_error(error)))?;
        row.map(|(organisation, status, id, names)| {
            Ok(ClientStanding {
                id: ApiClientId::from_uuid(id),
                organisation: OrgId::new(organisation)
                    .map_err(|_| unreadable("api_tokens.org_id"))?,
                is_suspended: status != "active",
                scopes: scopes(&names)?,
            })
        })
        .transpose()
        .map_err(failed)
    }
}
