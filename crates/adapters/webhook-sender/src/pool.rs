//! Idle connections: few, young, and never shared by two organisations.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use restartix_tenancy::OrgId;

use crate::connection::Connection;
use crate::guard::{Name, Place, Scheme};

/// Idle connections altogether.
const ALL: usize = 512;

/// Idle connections of one organisation to one place: as many as a dispatcher has under way to one
/// endpoint, which else would open most of them anew for each delivery.
const PER_KEY: usize = 8;

/// Whose connection it is and where it leads. The organisation is part of it: a receiver that
/// leaves something behind on a connection must not reach another clinic's exchange.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Key {
    organisation: OrgId,
    scheme: Scheme,
    host: Name,
    port: u16,
}

impl Key {
    pub(crate) fn new(organisation: OrgId, place: &Place) -> Self {
        Self { organisation, scheme: place.scheme, host: place.host.clone(), port: place.port }
    }
}

/// Idle connections, oldest first.
#[derive(Default)]
pub(crate) struct Pool(Mutex<VecDeque<(Key, Connection)>>);

impl Pool {
    /// A connection that another exchange may begin on, the youngest.
    pub(crate) fn take(&self, key: &Key) -> Option<Connection> {
        let mut idle = self.idle();
        idle.retain(|(_, connection)| connection.is_fit());
        let at = idle.iter().rposition(|(of, _)| of == key)?;
        idle.remove(at).map(|(_, connection)| connection)
    }

    /// Keeps `connection` for the next exchange; one too many makes the oldest one go.
    pub(crate) fn put(&self, key: Key, connection: Connection) {
        let mut idle = self.idle();
        idle.retain(|(_, connection)| connection.is_fit());
        if idle.iter().filter(|(of, _)| *of == key).count() >= PER_KEY {
            return;
        }
        if idle.len() >= ALL {
            idle.pop_front();
        }
        idle.push_back((key, connection));
    }

    /// A panic elsewhere leaves the list as it is.
    fn idle(&self) -> MutexGuard<'_, VecDeque<(Key, Connection)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::guard::Guard;

    fn key(organisation: i64, host: usize) -> Key {
        let guard = Guard::new(vec![443], Vec::new());
        let place = guard.place(&format!("https://h{host}.example.com/")).unwrap();
        Key::new(OrgId::new(organisation).unwrap(), &place)
    }

    /// An open connection, and its other end.
    async fn connection() -> (Connection, tokio::io::DuplexStream) {
        let (ours, theirs) = tokio::io::duplex(64);
        let Ok(connection) = Connection::over(ours).await else { panic!("no connection") };
        // As after an exchange: its driver has run.
        while !connection.is_fit() {
            tokio::task::yield_now().await;
        }
        (connection, theirs)
    }

    #[tokio::test]
    async fn idle_connections_are_bounded_and_the_oldest_one_goes() {
        let pool = Pool::default();
        let mut ends = Vec::new();
        for host in 0..=ALL {
            let (connection, end) = connection().await;
            ends.push(end);
            pool.put(key(1, host), connection);
        }
        assert_eq!(pool.idle().len(), ALL);
        assert!(pool.take(&key(1, 0)).is_none() && pool.take(&key(1, ALL)).is_some());
    }

    #[tokio::test]
    async fn one_organisation_keeps_a_few_for_one_place_and_lends_none() {
        let pool = Pool::default();
        let mut ends = Vec::new();
        for _ in 0..=PER_KEY {
            let (connection, end) = connection().await;
            ends.push(end);
            pool.put(key(1, 0), connection);
        }
        assert!(pool.take(&key(2, 0)).is_none(), "another clinic's");
        assert!(pool.take(&key(1, 1)).is_none(), "another place");
        for _ in 0..PER_KEY {
            assert!(pool.take(&key(1, 0)).is_some());
        }
        assert!(pool.take(&key(1, 0)).is_none());
    }

    #[tokio::test]
    async fn a_connection_that_the_other_side_closed_is_not_handed_out() {
        let pool = Pool::default();
        let (connection, end) = connection().await;
        pool.put(key(1, 0), connection);
        drop(end);
        while pool.idle().iter().any(|(_, connection)| connection.is_fit()) {
            tokio::task::yield_now().await;
        }
        assert!(pool.take(&key(1, 0)).is_none());
    }
}
