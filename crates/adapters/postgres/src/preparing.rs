//! Whether a query had to be prepared first: then it is sent a round trip later than it seems.

use std::cell::Cell;

use diesel::connection::InstrumentationEvent;

thread_local! {
    static SEEN: Cell<bool> = const { Cell::new(false) };
}

/// From now on, on this thread.
pub(crate) fn watch() {
    SEEN.set(false);
}

/// Whether a connection began to prepare a query on this thread since it is watched.
pub(crate) fn seen() -> bool {
    SEEN.get()
}

/// What every connection tells of itself: it prepares within the poll that asks for the query.
pub(crate) fn note(event: &InstrumentationEvent<'_>) {
    if matches!(event, InstrumentationEvent::CacheQuery { .. }) {
        SEEN.set(true);
    }
}
