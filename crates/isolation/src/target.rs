use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::{Context, Result};
use serde::de::DeserializeOwned;
use tokio_postgres::error::SqlState;
use tokio_postgres::{Client, NoTls, SimpleQueryMessage};

use crate::Storage;
use crate::endpoints::Api;

/// The stack that is examined.
pub struct Target {
    database: String,
    catalogue: Client,
    api: Option<Api>,
    storage: Option<Storage>,
    /// Whether a mutation's transaction is open on the connection.
    planted: AtomicBool,
}

/// Why a statement was refused, as far as a probe may ask.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Refused {
    pub(crate) code: String,
    pub(crate) constraint: Option<String>,
    pub(crate) message: String,
}

impl Refused {
    /// No right, or a row that the policies do not let through: PostgreSQL says both the same way.
    pub(crate) fn is_wall(&self) -> bool {
        self.code == SqlState::INSUFFICIENT_PRIVILEGE.code()
    }
}

impl Target {
    /// Connects to the database as somebody who may read its catalogue; to plant faults and to seed
    /// rows, as its superuser.
    pub async fn connect(database: &str) -> Result<Self> {
        let catalogue = connection(database).await?;
        Ok(Self {
            database: database.to_owned(),
            catalogue,
            api: None,
            storage: None,
            planted: AtomicBool::new(false),
        })
    }

    /// With the running server.
    #[must_use]
    pub fn with_api(mut self, api: Option<Api>) -> Self {
        self.api = api;
        self
    }

    /// With the bucket of the files.
    #[must_use]
    pub fn with_storage(mut self, storage: Option<Storage>) -> Self {
        self.storage = storage;
        self
    }

    /// The bucket of the files, where it is known.
    pub fn storage(&self) -> Option<Storage> {
        self.storage.clone()
    }

    /// The running server, where there is one.
    pub fn api(&self) -> Option<Api> {
        self.api.clone()
    }

    /// One connection, so that what a mutation did in a transaction is seen by its probe.
    pub const fn catalogue(&self) -> &Client {
        &self.catalogue
    }

    /// What the server says of itself.
    pub async fn version(&self) -> Result<String> {
        let rows = rows(self.catalogue.simple_query("SELECT version()").await?);
        Ok(rows.into_iter().flatten().next().flatten().unwrap_or_default())
    }

    /// Another connection, as the same user: it sees what was committed and nothing else.
    pub(crate) async fn another(&self) -> Result<Client> {
        connection(&self.database).await
    }

    /// Opens the transaction of a mutation.
    pub(crate) async fn plant(&self, statements: &str) -> Result<()> {
        self.planted.store(true, Ordering::Relaxed);
        self.catalogue.batch_execute(&format!("BEGIN; {statements}")).await?;
        Ok(())
    }

    /// Rolls a mutation back.
    pub(crate) async fn take_away(&self) -> Result<()> {
        self.catalogue.batch_execute("ROLLBACK").await?;
        self.planted.store(false, Ordering::Relaxed);
        Ok(())
    }

    /// Runs `work` in a transaction, or in a part of the mutation's, of which nothing stays.
    pub(crate) async fn scratch<T>(&self, work: impl AsyncFnOnce() -> Result<T>) -> Result<T> {
        let planted = self.planted.load(Ordering::Relaxed);
        let (begin, undo) = if planted {
            ("SAVEPOINT scratch", "ROLLBACK TO SAVEPOINT scratch")
        } else {
            ("BEGIN", "ROLLBACK")
        };
        self.catalogue.batch_execute(begin).await?;
        let outcome = work().await;
        self.catalogue.batch_execute(undo).await?;
        outcome
    }

    /// Runs statements of which nothing stays, and answers the rows of all of them, or why one was
    /// refused. Within [`Target::scratch`].
    pub(crate) async fn attempt(
        &self,
        statements: &str,
    ) -> Result<Result<Vec<Vec<Option<String>>>, Refused>> {
        let outcome = self.client_attempt(&format!("SAVEPOINT attempt; {statements}")).await?;
        self.catalogue.batch_execute("ROLLBACK TO SAVEPOINT attempt").await?;
        Ok(outcome)
    }

    /// Runs a statement that stays if it succeeds. Within [`Target::scratch`].
    pub(crate) async fn keep(&self, statement: &str) -> Result<Result<(), Refused>> {
        let outcome = self.client_attempt(&format!("SAVEPOINT kept; {statement}")).await?;
        if outcome.is_err() {
            self.catalogue.batch_execute("ROLLBACK TO SAVEPOINT kept").await?;
        }
        Ok(outcome.map(drop))
    }

    async fn client_attempt(
        &self,
        statements: &str,
    ) -> Result<Result<Vec<Vec<Option<String>>>, Refused>> {
        match self.catalogue.simple_query(statements).await {
            Ok(messages) => Ok(Ok(rows(messages))),
            Err(error) => {
                let Some(database) = error.as_db_error() else { return Err(error.into()) };
                Ok(Err(Refused {
                    code: database.code().code().to_owned(),
                    constraint: database.constraint().map(str::to_owned),
                    message: database.message().to_owned(),
                }))
            }
        }
    }

    /// One query that answers one JSON document.
    pub(crate) async fn document<T: DeserializeOwned>(&self, query: &str) -> Result<T> {
        let rows = rows(self.catalogue.simple_query(query).await?);
        let text = rows.into_iter().flatten().next().flatten().unwrap_or_else(|| "null".into());
        serde_json::from_str(&text).context("the catalogue's answer")
    }
}

async fn connection(database: &str) -> Result<Client> {
    let (client, connection) =
        tokio_postgres::connect(database, NoTls).await.context("connect to the database")?;
    // Ends with the client; what went wrong shows in the client's calls.
    tokio::spawn(async move { drop(connection.await) });
    Ok(client)
}

/// The rows of all statements, as text.
pub(crate) fn rows(messages: Vec<SimpleQueryMessage>) -> Vec<Vec<Option<String>>> {
    let row = |message| match message {
        SimpleQueryMessage::Row(row) => {
            Some((0..row.len()).map(|at| row.get(at).map(str::to_owned)).collect())
        }
        SimpleQueryMessage::CommandComplete(count) => {
            Some(vec![Some("affected".to_owned()), Some(count.to_string())])
        }
        _ => None,
    };
    messages.into_iter().filter_map(row).collect()
}
