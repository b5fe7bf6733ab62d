use chrono::{DateTime, Utc};

/// How S3 fares, as the last calls told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Health {
    /// Nothing has been asked yet.
    Unknown,
    /// The last call was answered.
    Ok,
    /// Calls fail.
    Failing {
        /// The first of the failures in a row.
        since: DateTime<Utc>,
    },
}
