use std::error::Error as StdError;

use restartix_storage::{ObjectError, ScanUnavailable};
use restartix_tenancy::ClaimError;

use crate::MappingError;

/// Why a phase did not come to its end. Whatever it had done stays, and it may be started again.
#[derive(Debug, thiserror::Error)]
pub enum MigrationError {
    /// A database cannot be connected to; its URL is not repeated, because it holds a password.
    #[error("{0} cannot be connected to")]
    Connect(&'static str, #[source] Box<dyn StdError + Send + Sync>),
    /// Another `migrate-legacy` is under way in this database.
    #[error("another migration is under way in this database")]
    Busy,
    /// A statement was refused.
    #[error("{step} failed")]
    Database {
        /// What was done.
        step: &'static str,
        /// What the database said, without values of rows.
        #[source]
        source: Refused,
    },
    /// The mapping is wrong.
    #[error(transparent)]
    Mapping(#[from] MappingError),
    /// The phase has no place yet, or no longer: what has to come first.
    #[error("{0}")]
    Order(String),
    /// The files' store failed.
    #[error("a file cannot be copied")]
    Object(#[from] ObjectError),
    /// The malware scanner failed.
    #[error("a file cannot be looked at")]
    Scan(#[from] ScanUnavailable),
    /// The clinics cannot be told.
    #[error("the clinics of the migration cannot be read")]
    Claim(#[from] ClaimError),
    /// A task of ours ended before its time.
    #[error("a part of the work ended early")]
    Lost,
}

/// What PostgreSQL said, without the values that its messages quote.
#[derive(Debug, thiserror::Error)]
pub enum Refused {
    /// It refused.
    #[error("SQLSTATE {code}{place}")]
    Said {
        /// Its code (PostgreSQL's documentation, appendix A).
        code: String,
        /// The table and the constraint, where it named them.
        place: String,
    },
    /// It did not answer.
    #[error("the connection was lost")]
    Silent(#[source] Box<dyn StdError + Send + Sync>),
}

impl Refused {
    pub(crate) fn of(error: tokio_postgres::Error) -> Self {
        let Some(said) = error.as_db_error() else { return Self::Silent(Box::new(error)) };
        let table = said.table().map(|name| format!(", table {name}")).unwrap_or_default();
        let constraint = said.constraint().map(|name| format!(", constraint {name}"));
        let column = said.column().map(|name| format!(", column {name}")).unwrap_or_default();
        // Names of what is not there are ours or the mapping's, and no values.
        let missing = ["42P01", "42703", "42501", "3F000", "42883"].contains(&said.code().code());
        let words = if missing { format!(": {}", said.message()) } else { String::new() };
        let place = format!("{table}{column}{}{words}", constraint.unwrap_or_default());
        Self::Said { code: said.code().code().to_owned(), place }
    }

    /// Whether it may go through when it is tried again: a deadlock, or a lock that was not got.
    pub(crate) fn is_passing(&self) -> bool {
        matches!(self, Self::Said { code, .. } if code == "40P01" || code == "55P03")
    }
}

/// Names the step that failed.
pub(crate) trait During<T> {
    fn during(self, step: &'static str) -> Result<T, MigrationError>;
}

impl<T> During<T> for Result<T, tokio_postgres::Error> {
    fn during(self, step: &'static str) -> Result<T, MigrationError> {
        self.map_err(|error| MigrationError::Database { step, source: Refused::of(error) })
    }
}
