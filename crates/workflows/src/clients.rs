use chrono::{DateTime, TimeDelta, Utc};
use restartix_kernel::{ApiClientId, Secret};
use restartix_telemetry::{Act, Resource, ResourceKind};
use restartix_tenancy::{
    ApiClient, ClaimSource, ClaimedRows, ClientDigest, ClientKey, Personal, Scopes, Tenant,
};

use crate::{Desk, Failure};

/// Programs of an organisation's own: who adds and revokes them, and how they get their tokens.
#[derive(Clone)]
pub struct Clients<C> {
    desk: Desk,
    known: ClaimedRows<C>,
}

/// A program to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientDraft {
    /// What people call it.
    pub name: Personal,
    /// What it may do: one thing at least.
    pub scopes: Scopes,
}

/// A program and its secret, which is shown this once.
#[derive(Clone, Debug)]
pub struct ShownClient {
    /// The program.
    pub client: ApiClient,
    /// `rtxs_...`
    pub secret: Secret,
}

/// What is known of a program that asks for a token.
#[derive(Clone, Copy, Debug)]
pub struct KnownClient {
    /// Which.
    pub id: ApiClientId,
    /// What is kept of its secret.
    pub secret: ClientDigest,
    /// What it may do.
    pub scopes: Scopes,
}

/// A token, and what it is good for.
#[derive(Clone, Debug)]
pub struct Granted {
    /// `rtxc_...`
    pub token: Secret,
    /// For what.
    pub scopes: Scopes,
    /// Until when.
    pub expires_at: DateTime<Utc>,
}

/// How long a token is good for.
pub const TOKEN_LIFETIME: TimeDelta = TimeDelta::hours(1);

const CLIENT: ResourceKind = ResourceKind::ApiClient;

impl<C: ClaimSource<Key = ApiClientId, Row = KnownClient>> Clients<C> {
    /// The service over `desk`, and where programs are known by their ids.
    pub const fn new(desk: Desk, known: C) -> Self {
        Self { desk, known: ClaimedRows::new(known) }
    }

    /// The same service at another desk.
    #[must_use]
    pub fn at(&self, desk: &Desk) -> Self
    where
        C: Clone,
    {
        Self { desk: desk.clone(), ..self.clone() }
    }

    /// The organisation's programs.
    pub async fn list(&self, tenant: &Tenant) -> Result<Vec<ApiClient>, Failure> {
        self.desk.read(tenant, async |work| Ok(work.api_clients().list().await?)).await
    }

    /// Adds one.
    pub async fn add(
        &self,
        tenant: &Tenant,
        act: &Act,
        draft: &ClientDraft,
    ) -> Result<ShownClient, Failure> {
        let secret = ClientKey::fresh_secret(&*self.desk.random);
        let client = ApiClient {
            id: ApiClientId::fresh(&*self.desk.clock, &*self.desk.random),
            name: draft.name.clone(),
            scopes: draft.scopes,
            created_at: self.desk.moment(),
        };
        self.desk
            .change(tenant, async |work| {
                if !work.api_clients().add(&client, &secret.digest()).await? {
                    return Err(Failure::TooManyClients);
                }
                self.desk.trace(work, act, Resource::one(CLIENT, client.id), None).await
            })
            .await?;
        Ok(ShownClient { client, secret: secret.to_text() })
    }

    /// Takes one its rights, and those of its tokens, at once and for good.
    pub async fn revoke(&self, tenant: &Tenant, act: &Act, id: ApiClientId) -> Result<(), Failure> {
        let now = self.desk.clock.now();
        self.desk
            .change(tenant, async |work| {
                if !work.api_clients().revoke(id, now).await? {
                    return Err(Failure::NotFound);
                }
                self.desk.trace(work, act, Resource::one(CLIENT, id), None).await
            })
            .await
    }

    /// Lets `work` act as the program of this id: nobody has proven yet to be it.
    pub async fn with_client<T, E: From<Failure>>(
        &self,
        id: ApiClientId,
        work: impl AsyncFnOnce(&Tenant, KnownClient) -> Result<T, E>,
    ) -> Result<T, E> {
        let claimed = self.known.claim(&id).await.map_err(Failure::from)?.pop();
        self.known.run(claimed.ok_or(Failure::NotFound)?, work).await
    }

    /// A token for the program, when `secret` is its own, good for `asked` or all that it may.
    pub async fn grant(
        &self,
        tenant: &Tenant,
        act: &Act,
        known: &KnownClient,
        secret: &Secret,
        asked: Option<Scopes>,
    ) -> Result<Granted, Failure> {
        let shown = ClientKey::secret(secret).ok_or(Failure::Forbidden)?;
        if !shown.digest().matches(&known.secret) {
            return Err(Failure::Forbidden);
        }
        let scopes = asked.unwrap_or(known.scopes);
        if scopes.is_empty() || !known.scopes.covers(scopes) {
            return Err(Failure::Invalid { pointer: "/scope", code: "scope_refused" });
        }
        let token = ClientKey::fresh_token(&*self.desk.random);
        let now = self.desk.moment();
        let expires_at = now + TOKEN_LIFETIME;
        let digest = token.digest();
        self.desk
            .change(tenant, async |work| {
                let clients = work.api_clients();
                clients.keep_token(known.id, &digest, scopes, now, expires_at).await?;
                self.desk.trace(work, act, Resource::one(CLIENT, known.id), None).await
            })
            .await?;
        Ok(Granted { token: token.to_text(), scopes, expires_at })
    }
}
