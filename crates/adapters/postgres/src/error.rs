//! One place turns what the database says into what a caller can do next.

use diesel::result::{DatabaseErrorKind, Error};
use restartix_kernel::StoreError;

/// A refusal of the database, without its words: they may quote rows.
#[derive(Debug, thiserror::Error)]
#[error("the database answered {kind}")]
struct Refused {
    kind: &'static str,
}

/// What the database said, as the caller of a repository sees it.
///
/// The text of a server error never leaves the process: its detail may hold a row. The kind does.
pub(crate) fn store_error(error: Error) -> StoreError {
    let Error::DatabaseError(kind, information) = error else {
        return StoreError::Defect(Box::new(error));
    };
    let refused = |kind| Box::new(Refused { kind });
    match kind {
        DatabaseErrorKind::SerializationFailure => {
            StoreError::Busy(refused("a serialisation failure"))
        }
        DatabaseErrorKind::ClosedConnection => {
            StoreError::Unavailable(refused("nothing: the connection is closed"))
        }
        DatabaseErrorKind::UnableToSendCommand => {
            StoreError::Unavailable(refused("nothing: it cannot be reached"))
        }
        DatabaseErrorKind::ReadOnlyTransaction => {
            StoreError::Defect(refused("that a read may not change anything"))
        }
        DatabaseErrorKind::UniqueViolation => StoreError::Defect(refused("that a key is taken")),
        DatabaseErrorKind::ForeignKeyViolation => {
            StoreError::Defect(refused("that a key is missing"))
        }
        DatabaseErrorKind::NotNullViolation | DatabaseErrorKind::CheckViolation => {
            StoreError::Defect(refused("that a value is out of bounds"))
        }
        // Diesel has no kinds for these; the first words are the server's fixed message texts.
        _ => match information.message() {
            "deadlock detected" => StoreError::Busy(refused("a deadlock")),
            text if text.starts_with("canceling statement due to") => {
                StoreError::Unavailable(refused("that it took too long"))
            }
            text if text.starts_with("terminating connection") => {
                StoreError::Unavailable(refused("that it is going away"))
            }
            _ => StoreError::Defect(refused("with an error of another kind")),
        },
    }
}

/// A stored value that the program cannot read: a defect of a migration or of a writer.
pub(crate) fn unreadable(column: &'static str) -> StoreError {
    #[derive(Debug, thiserror::Error)]
    #[error("the column {0} holds what it should not")]
    struct Unreadable(&'static str);
    StoreError::Defect(Box::new(Unreadable(column)))
}
