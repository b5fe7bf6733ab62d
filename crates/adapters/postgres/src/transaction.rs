//! The one file that sets the organisation of a transaction.

use std::future::poll_fn;
use std::pin::pin;
use std::sync::atomic::{AtomicU8, Ordering};
use std::task::Poll;

use diesel::QueryResult;
use diesel::pg::Pg;
use diesel::query_builder::{AsQuery, QueryFragment, QueryId};
use diesel_async::pooled_connection::deadpool::Object;
use diesel_async::{AsyncConnectionCore, AsyncPgConnection, SimpleAsyncConnection};
use futures_util::future::{BoxFuture, join, join3};
use futures_util::{FutureExt, StreamExt, TryStreamExt, stream};
use restartix_kernel::StoreError;
use restartix_tenancy::OrgId;
use restartix_workflows::Access;
use tokio::task::unconstrained;

use crate::database::Connection;
use crate::error::store_error;
use crate::preparing;

/// A transaction in one organisation.
///
/// It runs queries and nothing else: no nested transaction, no savepoint (`RELEASE` would keep an
/// inner organisation), no batch of statements, and no way to the connection beneath. It opens with
/// its first query: `BEGIN`, the organisation and the query go out without waiting for one
/// another, which more than halves the time of a point read.
///
/// Where a future is dropped before the server has confirmed, the connection is closed instead of
/// going back to the pool: whoever comes next must not find an open transaction of somebody else.
pub(crate) struct TenantTx {
    connection: Option<Connection>,
    organisation: OrgId,
    access: Access,
    state: AtomicU8,
}

const COMMIT: &str = "COMMIT";
const ROLLBACK: &str = "ROLLBACK";

/// Nothing was sent.
const UNOPENED: u8 = 0;
/// `BEGIN` and the organisation were sent, and not yet confirmed.
const OPENING: u8 = 1;
/// Both were confirmed.
const OPEN: u8 = 2;
/// The end was confirmed, be it a rollback: nothing more can be asked.
const ENDED: u8 = 4;
/// A statement was refused, by the server or before it got there: it is undone, whatever is asked.
const FAILED: u8 = 3;

impl TenantTx {
    pub(crate) const fn new(connection: Connection, organisation: OrgId, access: Access) -> Self {
        let state = AtomicU8::new(UNOPENED);
        Self { connection: Some(connection), organisation, access, state }
    }

    pub(crate) const fn organisation(&self) -> OrgId {
        self.organisation
    }

    pub(crate) const fn access(&self) -> Access {
        self.access
    }

    /// Makes the transaction durable; the connection goes back to its pool.
    pub(crate) async fn commit(self) -> Result<(), StoreError> {
        self.end(COMMIT).await
    }

    /// As [`TenantTx::commit`], with statements that go out in one flight with the end. Each has to be sent
    /// when it is first polled: one that waited for another's answer would come after the end.
    pub(crate) async fn commit_with(
        mut self,
        statements: impl FnOnce(&Self) -> BoxFuture<'_, Result<(), StoreError>>,
    ) -> Result<(), StoreError> {
        let tx = self.open().await.map_err(store_error)?;
        let Some(mut connection) = tx.opened() else { return Err(gone()) };
        if tx.has_failed() {
            return self.end(COMMIT).await;
        }
        let end = async {
            // One that never reached the server would not be missed there.
            let end = if tx.has_failed() { ROLLBACK } else { COMMIT };
            connection.batch_execute(end).await
        };
        let (written, ended) = in_turn(statements(tx), end).await;
        ended.map_err(store_error)?;
        // Where one was refused, the server has answered the end with a rollback.
        let failed = self.state.swap(ENDED, Ordering::Relaxed) == FAILED;
        drop(self.connection.take());
        written?;
        if failed { Err(undone()) } else { Ok(()) }
    }

    /// Undoes the transaction; the connection goes back to its pool.
    pub(crate) async fn roll_back(self) -> Result<(), StoreError> {
        self.end(ROLLBACK).await
    }

    async fn end(mut self, statement: &'static str) -> Result<(), StoreError> {
        match self.state.load(Ordering::Relaxed) {
            // Nothing was asked of the server, or it has been ended.
            UNOPENED | ENDED => {}
            state @ (OPEN | FAILED) => {
                let Some(connection) = self.connection.as_deref_mut() else { return Err(gone()) };
                let end = if state == FAILED { ROLLBACK } else { statement };
                connection.batch_execute(end).await.map_err(store_error)?;
                if end != statement {
                    drop(self.connection.take());
                    return Err(undone());
                }
            }
            _ => return Err(gone()),
        }
        // Confirmed: from here on dropping the connection recycles it.
        drop(self.connection.take());
        Ok(())
    }

    /// The whole transaction in one flight: the opening statements, `query` and the end go out
    /// without waiting for one another, where the server knows the query already; one that it has to
    /// be told first is ended as usual.
    fn in_one_flight<'conn, T: Send + 'conn>(
        &'conn mut self,
        query: impl FnOnce(&mut &'conn AsyncPgConnection) -> BoxFuture<'conn, QueryResult<T>>,
    ) -> BoxFuture<'conn, QueryResult<T>> {
        let Self { connection, state, organisation, access } = self;
        let (Some(connection), UNOPENED) = (connection.as_deref(), state.load(Ordering::Relaxed))
        else {
            return std::future::ready(Err(broken())).boxed();
        };
        let (begin, set) = (begin(*access), set_organisation(organisation.get()));
        let query = query(&mut &*connection);
        async move {
            state.store(OPENING, Ordering::Relaxed);
            let (mut first, mut second, mut last) = (connection, connection, connection);
            let opening = join3(first.batch_execute(begin), second.batch_execute(&set), query);
            let ((begun, bound, result), ended) =
                in_turn(opening, last.batch_execute(COMMIT)).await;
            begun?;
            bound?;
            ended?;
            state.store(ENDED, Ordering::Relaxed);
            result
        }
        .boxed()
    }

    /// The transaction for several queries at once; opened, if it was not.
    pub(crate) async fn open(&mut self) -> QueryResult<&Self> {
        if self.state.load(Ordering::Relaxed) == UNOPENED {
            let Some(connection) = self.connection.as_deref() else { return Err(broken()) };
            let (begin, set) = (begin(self.access), set_organisation(self.organisation.get()));
            let (mut first, mut second) = (connection, connection);
            self.state.store(OPENING, Ordering::Relaxed);
            let (begun, bound) = join(first.batch_execute(begin), second.batch_execute(&set)).await;
            begun?;
            bound?;
            self.state.store(OPEN, Ordering::Relaxed);
        }
        Ok(self)
    }

    /// Whether a statement was refused.
    fn has_failed(&self) -> bool {
        self.state.load(Ordering::Relaxed) == FAILED
    }

    /// The connection, where the transaction is open.
    fn opened(&self) -> Option<&AsyncPgConnection> {
        let open = matches!(self.state.load(Ordering::Relaxed), OPEN | FAILED);
        self.connection.as_deref().filter(|_| open)
    }

    /// Sends the opening statements ahead of `query`, unless that was done before.
    fn after_opening<'conn, T: Send + 'conn>(
        &'conn mut self,
        query: impl FnOnce(&mut &'conn AsyncPgConnection) -> BoxFuture<'conn, QueryResult<T>>,
    ) -> BoxFuture<'conn, QueryResult<T>> {
        let Self { connection, state, organisation, access } = self;
        let Some(connection) = connection.as_deref() else {
            return std::future::ready(Err(broken())).boxed();
        };
        match state.load(Ordering::Relaxed) {
            OPEN | FAILED => noting(state, true, query(&mut &*connection)),
            UNOPENED => {
                let begin = begin(*access);
                let set = set_organisation(organisation.get());
                let query = query(&mut &*connection);
                async move {
                    state.store(OPENING, Ordering::Relaxed);
                    let (mut first, mut second) = (connection, connection);
                    // Polled in this order, and each is sent when it is first polled.
                    let (begun, bound, result) =
                        join3(first.batch_execute(begin), second.batch_execute(&set), query).await;
                    begun?;
                    bound?;
                    let now = if result.is_ok() { OPEN } else { FAILED };
                    state.store(now, Ordering::Relaxed);
                    result
                }
                .boxed()
            }
            _ => std::future::ready(Err(broken())).boxed(),
        }
    }
}

/// Notes a query's failure; and that it is prepared first, which of one that is not `kept` the connection does
/// not tell.
fn noting<'a, T: Send + 'a>(
    state: &'a AtomicU8,
    kept: bool,
    query: BoxFuture<'a, QueryResult<T>>,
) -> BoxFuture<'a, QueryResult<T>> {
    async move {
        if !kept {
            preparing::begun();
        }
        let result = query.await;
        if result.is_err() {
            state.store(FAILED, Ordering::Relaxed);
        }
        result
    }
    .boxed()
}

impl Drop for TenantTx {
    fn drop(&mut self) {
        if let Some(connection) = self.connection.take()
            && !matches!(self.state.load(Ordering::Relaxed), UNOPENED | ENDED)
        {
            // Taken out of the pool, and so closed: the server rolls back by itself.
            drop(Object::take(connection));
        }
    }
}

impl AsyncConnectionCore for TenantTx {
    type ExecuteFuture<'conn, 'query> = BoxFuture<'conn, QueryResult<usize>>;
    type LoadFuture<'conn, 'query> = BoxFuture<'conn, QueryResult<Self::Stream<'conn, 'query>>>;
    type Stream<'conn, 'query> = <AsyncPgConnection as AsyncConnectionCore>::Stream<'conn, 'query>;
    type Row<'conn, 'query> = <AsyncPgConnection as AsyncConnectionCore>::Row<'conn, 'query>;
    type Backend = Pg;

    fn load<'conn, 'query, T>(&'conn mut self, source: T) -> Self::LoadFuture<'conn, 'query>
    where
        T: AsQuery + 'query,
        T::Query: QueryFragment<Pg> + QueryId + 'query,
    {
        let query = source.as_query();
        if self.access != Access::Glance || !is_kept(&query) {
            return self.after_opening(|connection| connection.load(query));
        }
        let rows = self.in_one_flight(|connection| {
            let rows = connection.load(query);
            // All of them: what is not taken out of the connection would hold back the end.
            async move { rows.await?.try_collect::<Vec<_>>().await }.boxed()
        });
        async move { Ok(stream::iter(rows.await?.into_iter().map(Ok)).boxed()) }.boxed()
    }

    fn execute_returning_count<'conn, 'query, T>(
        &'conn mut self,
        source: T,
    ) -> Self::ExecuteFuture<'conn, 'query>
    where
        T: QueryFragment<Pg> + QueryId + 'query,
    {
        self.after_opening(|connection| connection.execute_returning_count(source))
    }
}

/// Several queries at once, of a transaction that is [open](TenantTx::open): those that are polled together go out
/// without waiting for one another. Where their order matters, see [`in_turn`].
impl<'a> AsyncConnectionCore for &'a TenantTx {
    type ExecuteFuture<'conn, 'query> = BoxFuture<'a, QueryResult<usize>>;
    type LoadFuture<'conn, 'query> = BoxFuture<'a, QueryResult<Self::Stream<'conn, 'query>>>;
    type Stream<'conn, 'query> = <AsyncPgConnection as AsyncConnectionCore>::Stream<'conn, 'query>;
    type Row<'conn, 'query> = <AsyncPgConnection as AsyncConnectionCore>::Row<'conn, 'query>;
    type Backend = Pg;

    fn load<'conn, 'query, T>(&'conn mut self, source: T) -> Self::LoadFuture<'conn, 'query>
    where
        T: AsQuery + 'query,
        T::Query: QueryFragment<Pg> + QueryId + 'query,
    {
        let query = source.as_query();
        let kept = is_kept(&query);
        self.opened().map_or_else(refused, |mut connection| {
            noting(&self.state, kept, AsyncConnectionCore::load(&mut connection, query))
        })
    }

    fn execute_returning_count<'conn, 'query, T>(
        &'conn mut self,
        source: T,
    ) -> Self::ExecuteFuture<'conn, 'query>
    where
        T: QueryFragment<Pg> + QueryId + 'query,
    {
        let kept = is_kept(&source);
        self.opened().map_or_else(refused, |mut connection| {
            noting(&self.state, kept, connection.execute_returning_count(source))
        })
    }
}

impl SimpleAsyncConnection for &TenantTx {
    /// Refused, as of the transaction itself.
    async fn batch_execute(&mut self, _: &str) -> QueryResult<()> {
        Err(broken())
    }
}

/// Whether the connection keeps a query once it is prepared; any other is prepared each time.
fn is_kept(query: &impl QueryFragment<Pg>) -> bool {
    query.is_safe_to_cache_prepared(&Pg).unwrap_or(false)
}

fn refused<'a, T: Send + 'a>() -> BoxFuture<'a, QueryResult<T>> {
    std::future::ready(Err(broken())).boxed()
}

/// Both, in this order, without waiting for the first one's answer: where it has to be prepared before it
/// can be sent, the second waits until it is. `unconstrained`, because a task that has used up its turn
/// would find even what is ready pending.
pub(crate) async fn in_turn<A, B>(
    first: impl Future<Output = A>,
    second: impl Future<Output = B>,
) -> (A, B) {
    let mut first = pin!(unconstrained(first));
    preparing::watch();
    // Sent when it is first polled.
    match poll_fn(|context| Poll::Ready(first.as_mut().poll(context))).await {
        Poll::Ready(first) => (first, second.await),
        Poll::Pending if preparing::seen() => (first.await, second.await),
        Poll::Pending => join(first, second).await,
    }
}

impl SimpleAsyncConnection for TenantTx {
    /// Refused: several statements at once could end the transaction or change its organisation.
    async fn batch_execute(&mut self, _: &str) -> QueryResult<()> {
        Err(broken())
    }
}

/// Binds the transaction that is open, and no other (`SET LOCAL`), to an organisation. The id is
/// written here alone, from an integer.
fn set_organisation(id: i64) -> String {
    format!("SET LOCAL app.current_org_id = '{id}'")
}

/// The same as one message, for an operator's connection, which is never pooled.
pub(crate) fn bind(begin: &'static str, id: i64) -> String {
    format!("{begin}; {}", set_organisation(id))
}

const fn begin(access: Access) -> &'static str {
    match access {
        Access::Read | Access::Glance => "BEGIN READ ONLY",
        Access::Change | Access::Derive => "BEGIN",
    }
}

fn broken() -> diesel::result::Error {
    diesel::result::Error::BrokenTransactionManager
}

fn undone() -> StoreError {
    StoreError::Defect("a statement had failed: undone".into())
}

fn gone() -> StoreError {
    store_error(broken())
}
