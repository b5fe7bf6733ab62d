//! Work that no request stands behind: the organisation is the one of the claimed row.

use std::sync::Arc;

use async_trait::async_trait;

use crate::{Actor, OrgId, Tenant};

/// A row that a [`ClaimSource`] found, with the organisation that the database ties it to.
#[derive(Debug)]
pub struct Found<R> {
    /// The row's own organisation, read from the row.
    pub organisation: OrgId,
    /// On whose behalf: [`Actor::System`], or the member whom the row names, whose membership the
    /// source has just checked.
    pub actor: Actor,
    /// The row.
    pub row: R,
}

/// The rows cannot be claimed now.
#[derive(Debug, thiserror::Error)]
#[error("rows cannot be claimed now")]
pub struct ClaimError(#[source] pub Box<dyn std::error::Error + Send + Sync>);

/// Finds durable rows across organisations, in the one manner that the database allows: through
/// its listed functions, each row with its organisation.
#[async_trait]
pub trait ClaimSource: Send + Sync {
    /// What is asked: how many and for how long, or by which code.
    type Key: Send + Sync;
    /// What is found.
    type Row: Send;

    /// The rows for `key`; a queue leases them, so that nobody else gets them meanwhile.
    async fn claim(&self, key: &Self::Key) -> Result<Vec<Found<Self::Row>>, ClaimError>;
}

#[async_trait]
impl<S: ClaimSource + ?Sized> ClaimSource for Arc<S> {
    type Key = S::Key;
    type Row = S::Row;

    async fn claim(&self, key: &S::Key) -> Result<Vec<Found<S::Row>>, ClaimError> {
        (**self).claim(key).await
    }
}

/// Claims rows and lends the [`Tenant`] of each, for that row alone.
#[derive(Clone, Debug)]
pub struct ClaimedRows<S> {
    source: S,
}

/// One claimed row; only [`ClaimedRows::claim`] makes one.
#[derive(Debug)]
pub struct ClaimedRow<R> {
    tenant: Tenant,
    row: R,
}

impl<R> ClaimedRow<R> {
    /// What was claimed, to be looked at; what is done about it needs [`ClaimedRows::run`].
    pub const fn row(&self) -> &R {
        &self.row
    }
}

impl<S: ClaimSource> ClaimedRows<S> {
    /// Claims from `source`.
    pub const fn new(source: S) -> Self {
        Self { source }
    }

    /// Where the rows come from.
    pub const fn source(&self) -> &S {
        &self.source
    }

    /// The rows for `key`.
    pub async fn claim(&self, key: &S::Key) -> Result<Vec<ClaimedRow<S::Row>>, ClaimError> {
        let found = self.source.claim(key).await?;
        Ok(found
            .into_iter()
            .map(|found| ClaimedRow {
                tenant: Tenant::new(found.organisation, found.actor),
                row: found.row,
            })
            .collect())
    }

    /// Does `work` for one claimed row, in that row's organisation.
    pub async fn run<T>(
        &self,
        claimed: ClaimedRow<S::Row>,
        work: impl AsyncFnOnce(&Tenant, S::Row) -> T,
    ) -> T {
        let ClaimedRow { tenant, row } = claimed;
        work(&tenant, row).await
    }
}
