//! What is prepared once, and whether a query had to be prepared first: then it is sent a round trip later
//! than it seems.

use std::cell::Cell;

use diesel::QueryResult;
use diesel::connection::InstrumentationEvent;
use diesel::pg::Pg;
use diesel::query_builder::{AstPass, Query, QueryFragment, QueryId};
use diesel::query_dsl::RunQueryDsl;

/// A statement whose text is the same each time: it is prepared once for each connection. Diesel prepares
/// every update and every upsert anew, because what they set may depend on a value; on the way of each
/// booking that costs a round trip and a plan.
pub(crate) struct Fixed<T>(pub(crate) T);

impl<T> QueryId for Fixed<T> {
    type QueryId = ();
    /// Told apart by its text.
    const HAS_STATIC_QUERY_ID: bool = false;
}

impl<T: QueryFragment<Pg>> QueryFragment<Pg> for Fixed<T> {
    fn walk_ast<'b>(&'b self, out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        self.0.walk_ast(out)
    }

    fn is_safe_to_cache_prepared(&self, _: &Pg) -> QueryResult<bool> {
        Ok(true)
    }
}

impl<T: Query> Query for Fixed<T> {
    type SqlType = T::SqlType;
}

impl<T, Conn> RunQueryDsl<Conn> for Fixed<T> {}

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

/// A query is about to be prepared on this thread.
pub(crate) fn begun() {
    SEEN.set(true);
}

/// What every connection tells of itself: it prepares within the poll that asks for the query. It tells so of
/// what it keeps; of anything else, who asks knows.
pub(crate) fn note(event: &InstrumentationEvent<'_>) {
    if matches!(event, InstrumentationEvent::CacheQuery { .. }) {
        begun();
    }
}
