/// Why a value was refused when it was parsed. The cure is always the same: correct that value.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EngineError {
    /// A local time is neither `HH:MM` (00:00 to 23:59) nor `24:00`.
    #[error("a local time is HH:MM, from 00:00 to 24:00")]
    BadLocalTime,
    /// A block's end is not after its start. The whole day is `00:00` to `24:00`; hours across
    /// midnight are two blocks.
    #[error("a block must end after it starts")]
    BlockNotForward,
    /// A range of dates ends before it starts.
    #[error("a range of dates must not end before it starts")]
    DatesNotForward,
    /// The zone is not in the IANA database.
    #[error("the time zone is not an IANA name")]
    UnknownZone,
    /// A number of minutes lies outside its range.
    #[error("minutes must lie between {min} and {max}")]
    MinutesOutOfRange {
        /// The least allowed.
        min: u32,
        /// The most allowed.
        max: u32,
    },
    /// A query's end lies before its start.
    #[error("the range must not end before it starts")]
    QueryNotForward,
    /// A query is longer than [`Query::MAX_DAYS`](super::Query::MAX_DAYS) days.
    #[error("the range must be at most {max_days} days")]
    QueryTooLong {
        /// The most allowed.
        max_days: i64,
    },
    /// Busy time ends before it starts.
    #[error("busy time must not end before it starts")]
    BusyNotForward,
}
