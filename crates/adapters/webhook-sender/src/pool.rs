//! Idle connections: few, young, and never shared by two organisations.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use restartix_tenancy::OrgId;

use crate::connection::Connection;
use crate::guard::{Name, Place, Scheme};

/// Idle connections altogether: as many as a dispatcher has deliveries under way.
const ALL: usize = 1024;

/// How often all of them are looked at, and those that are fit no longer are closed.
const LOOK: Duration = Duration::from_secs(1);

/// Idle connections of one organisation to one place: as many as a dispatcher has under way to one
/// endpoint, which else would open most of them anew for each delivery.
const PER_KEY: usize = 8;

/// Whose connection it is and where it leads. The organisation is part of it: a receiver that
/// leaves something behind on a connection must not reach another clinic's exchange.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
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

/// Idle connections by whose they are.
#[derive(Default)]
pub(crate) struct Pool(Mutex<Idle>);

#[derive(Default)]
struct Idle {
    /// Of each, oldest first, with their turns.
    kept: HashMap<Key, Vec<(u64, Connection)>>,
    count: usize,
    turn: u64,
    looked: Option<Instant>,
}

impl Idle {
    /// Closes those that are fit no longer, if nobody did for a while.
    fn look(&mut self) {
        if self.looked.is_some_and(|looked| looked.elapsed() < LOOK) {
            return;
        }
        self.looked = Some(Instant::now());
        self.kept.retain(|_, kept| {
            kept.retain(|(_, connection)| connection.is_fit());
            !kept.is_empty()
        });
        self.count = self.kept.values().map(Vec::len).sum();
    }

    /// Whether one more of these is kept; of a full list, one that is fit no longer makes room.
    fn has_room(&mut self, key: &Key) -> bool {
        let Some(kept) = self.kept.get_mut(key) else { return true };
        if kept.len() < PER_KEY {
            return true;
        }
        let unfit = kept.iter().position(|(_, connection)| !connection.is_fit());
        if let Some(unfit) = unfit {
            kept.remove(unfit);
            self.count -= 1;
        }
        unfit.is_some()
    }

    fn close_the_oldest(&mut self) {
        let first = |kept: &Vec<(u64, Connection)>| kept.first().map(|(turn, _)| *turn);
        let oldest = self.kept.values_mut().filter(|kept| !kept.is_empty());
        if let Some(kept) = oldest.min_by_key(|kept| first(kept)) {
            kept.remove(0);
            self.count -= 1;
        }
    }
}

impl Pool {
    /// A connection that another exchange may begin on, the youngest.
    pub(crate) fn take(&self, key: &Key) -> Option<Connection> {
        let mut idle = self.idle();
        loop {
            let (_, connection) = idle.kept.get_mut(key)?.pop()?;
            idle.count -= 1;
            if connection.is_fit() {
                return Some(connection);
            }
        }
    }

    /// Keeps `connection` for the next exchange; one too many makes the oldest one go.
    pub(crate) fn put(&self, key: Key, connection: Connection) {
        let mut idle = self.idle();
        idle.look();
        if !idle.has_room(&key) {
            return;
        }
        if idle.count >= ALL {
            idle.close_the_oldest();
        }
        let turn = idle.turn;
        idle.kept.entry(key).or_default().push((turn, connection));
        (idle.turn, idle.count) = (turn + 1, idle.count + 1);
    }

    /// A panic elsewhere leaves the list as it is.
    fn idle(&self) -> MutexGuard<'_, Idle> {
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
        assert_eq!(pool.idle().count, ALL);
        assert!(pool.take(&key(1, 0)).is_none() && pool.take(&key(1, ALL)).is_some());
    }

    #[tokio::test]
    async fn nobody_makes_room_for_one_that_is_not_kept() {
        let pool = Pool::default();
        let mut ends = Vec::new();
        let places = std::iter::once(1).chain(std::iter::repeat_n(0, PER_KEY));
        for host in places.chain(2..=ALL - PER_KEY) {
            let (connection, end) = connection().await;
            ends.push(end);
            pool.put(key(1, host), connection);
        }
        assert_eq!(pool.idle().count, ALL);
        let (connection, _end) = connection().await;
        pool.put(key(1, 0), connection);
        assert_eq!(pool.idle().count, ALL);
        assert!(pool.take(&key(1, 1)).is_some(), "the oldest is still there");
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
        let fit = || pool.idle().kept[&key(1, 0)].iter().any(|(_, connection)| connection.is_fit());
        while fit() {
            tokio::task::yield_now().await;
        }
        assert!(pool.take(&key(1, 0)).is_none());
        assert_eq!(pool.idle().count, 0);
    }

    #[tokio::test]
    async fn what_is_fit_no_longer_is_closed_whoever_asks() {
        let pool = Pool::default();
        let (one, end) = connection().await;
        pool.put(key(1, 0), one);
        drop(end);
        let fit = || pool.idle().kept[&key(1, 0)].iter().any(|(_, connection)| connection.is_fit());
        while fit() {
            tokio::task::yield_now().await;
        }
        pool.idle().looked = None;
        let (other, _end) = connection().await;
        pool.put(key(2, 1), other);
        assert_eq!(pool.idle().count, 1);
        assert!(!pool.idle().kept.contains_key(&key(1, 0)));
    }
}
