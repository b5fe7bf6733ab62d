use anyhow::{Context, Result};
use tokio_postgres::{Client, NoTls};

/// The stack that is examined.
pub struct Target {
    catalogue: Client,
}

impl Target {
    /// Connects to the database as somebody who may read its catalogue; to plant faults, as its
    /// superuser.
    pub async fn connect(database: &str) -> Result<Self> {
        let (catalogue, connection) =
            tokio_postgres::connect(database, NoTls).await.context("connect to the database")?;
        // Ends with the client; what went wrong shows in the client's calls.
        tokio::spawn(async move { drop(connection.await) });
        Ok(Self { catalogue })
    }

    /// One connection, so that what a mutation did in a transaction is seen by its probe.
    pub const fn catalogue(&self) -> &Client {
        &self.catalogue
    }
}
