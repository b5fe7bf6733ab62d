//! Many who ask the same kind of thing, answered by one statement.

use std::mem;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// What waits to be done together: one lane for each shard of the pool, so that who asks, who works
/// and the connection between them stay on one thread.
///
/// Who comes first is served at once and alone; those who come meanwhile go together in the next
/// round. So nobody waits for company, and the busier it is the more are served by one statement.
pub(crate) struct Lanes<T>(Arc<[Mutex<Lane<T>>]>);

struct Lane<T> {
    waiting: Vec<T>,
    at_work: bool,
}

/// How many may wait in a lane: more, and the answer is no rather than memory unbounded.
const BACKLOG: usize = 8192;

/// The lane has [`BACKLOG`] waiting.
#[derive(Debug, thiserror::Error)]
#[error("too many wait")]
pub(crate) struct Crowded;

impl<T> Lanes<T> {
    pub(crate) fn new(lanes: usize) -> Self {
        let lane = || Mutex::new(Lane { waiting: Vec::new(), at_work: false });
        Self((0..lanes.max(1)).map(|_| lane()).collect())
    }

    /// Lets `item` wait in the lane of the thread's `seat`. Where nobody is at work there, the
    /// caller is handed the work, and has to do it.
    pub(crate) fn push(&self, seat: usize, item: T) -> Result<Option<Shift<T>>, Crowded> {
        let index = seat % self.0.len();
        let Some(mut lane) = self.0.get(index).map(lock) else { return Err(Crowded) };
        if lane.waiting.len() >= BACKLOG {
            return Err(Crowded);
        }
        lane.waiting.push(item);
        if mem::replace(&mut lane.at_work, true) {
            return Ok(None);
        }
        Ok(Some(Shift { lanes: Arc::clone(&self.0), index, over: false }))
    }
}

impl<T> Clone for Lanes<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

/// The work of one lane, until nobody waits there. Dropped before, it lets go of all who wait: they
/// see that nobody will answer them, and the next to come finds the lane free.
pub(crate) struct Shift<T> {
    lanes: Arc<[Mutex<Lane<T>>]>,
    index: usize,
    over: bool,
}

impl<T> Shift<T> {
    /// Those who wait now, at most `most`, in the order in which they came; `None` when nobody does.
    pub(crate) fn next(&mut self, most: usize) -> Option<Vec<T>> {
        let mut lane = self.lanes.get(self.index).map(lock)?;
        if lane.waiting.is_empty() {
            lane.at_work = false;
            self.over = true;
            return None;
        }
        let together = most.min(lane.waiting.len());
        let later = lane.waiting.split_off(together);
        Some(mem::replace(&mut lane.waiting, later))
    }
}

impl<T> Drop for Shift<T> {
    fn drop(&mut self) {
        if !self.over
            && let Some(mut lane) = self.lanes.get(self.index).map(lock)
        {
            lane.at_work = false;
            lane.waiting.clear();
        }
    }
}

/// Nothing panics while it holds a lane, so a poisoned one is whole.
fn lock<T>(lane: &Mutex<Lane<T>>) -> MutexGuard<'_, Lane<T>> {
    lane.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_is_handed_the_work_and_those_who_come_meanwhile_go_together() {
        let lanes = Lanes::new(2);
        let mut shift = lanes.push(0, 'a').unwrap().unwrap();
        assert_eq!(shift.next(8), Some(vec!['a']));
        for item in ['b', 'c', 'd'] {
            assert!(lanes.push(2, item).unwrap().is_none(), "seat 2 sits in the lane of seat 0");
        }
        assert!(lanes.push(1, 'x').unwrap().is_some(), "the other lane has nobody at work");
        assert_eq!(shift.next(2), Some(vec!['b', 'c']));
        assert_eq!(shift.next(2), Some(vec!['d']));
        assert_eq!(shift.next(2), None);
        drop(shift);
        assert!(lanes.push(0, 'e').unwrap().is_some());
    }

    #[test]
    fn work_that_is_dropped_lets_go_of_all_who_wait() {
        let lanes = Lanes::new(1);
        let mut shift = lanes.push(0, Arc::new(1)).unwrap().unwrap();
        let waiting = Arc::new(2);
        assert!(lanes.push(0, Arc::clone(&waiting)).unwrap().is_none());
        assert_eq!(shift.next(1).map(|items| items.len()), Some(1));
        drop(shift);
        assert_eq!(Arc::strong_count(&waiting), 1);
        assert_eq!(lanes.push(0, Arc::new(3)).unwrap().unwrap().next(8), Some(vec![Arc::new(3)]));
    }

    #[test]
    fn a_lane_has_an_end() {
        let lanes = Lanes::new(1);
        let shift = lanes.push(0, ()).unwrap();
        for _ in 1..BACKLOG {
            assert!(lanes.push(0, ()).unwrap().is_none());
        }
        assert!(lanes.push(0, ()).is_err());
        drop(shift);
    }
}
