//! Idle connections: few, young, and never shared by two organisations.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use restartix_tenancy::OrgId;

use crate::connection::Connection;
use crate::guard::{Name, Place, Scheme};

/// Idle connections altogether.
const ALL: usize = 256;

/// Idle connections of one organisation to one place.
const PER_KEY: usize = 2;

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
