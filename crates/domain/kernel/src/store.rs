use crate::CursorError;

/// Why a repository could not do what it was asked, by what the caller can do next.
///
/// Causes ride along for logs; they never reach a client.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Lost against somebody else's change (deadlock, serialisation): the whole operation may be
    /// tried again at once.
    #[error("the change collided with another")]
    Busy(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The store cannot be reached, or is too slow: try again later.
    #[error("the store is unavailable")]
    Unavailable(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The cursor of a page is none that this list gave out: start the list anew.
    #[error(transparent)]
    Cursor(#[from] CursorError),
    /// What is stored, or what was asked, breaks a rule that the program believed in: a defect.
    #[error("the store holds or was given something impossible")]
    Defect(#[source] Box<dyn std::error::Error + Send + Sync>),
}
