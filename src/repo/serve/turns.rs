//! What only a few may do at a time.
//!
//! Invariant: no more than so many have a turn, no more than so many wait for one, and none of them for longer than
//! [`PATIENCE`], so that work that needs much of memory or processor takes neither all of that nor all workers.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::sys::monotonic;

/// Longest wait for a turn.
const PATIENCE: Duration = Duration::from_secs(5);

/// Turns that can be had.
pub(super) struct Turns {
    most: usize,
    most_waiting: usize,
    state: Mutex<State>,
    free: Condvar,
}

#[derive(Default)]
struct State {
    taken: usize,
    waiting: usize,
}

/// A turn, over when it is dropped.
pub(super) struct Turn<'t>(&'t Turns);

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.0.lock().taken -= 1;
        self.0.free.notify_one();
    }
}

impl Turns {
    pub(super) fn new(most: usize, most_waiting: usize) -> Self {
        Turns { most, most_waiting, state: Mutex::default(), free: Condvar::new() }
    }

    /// A turn; `None` when too many want one.
    pub(super) fn take(&self) -> Option<Turn<'_>> {
        let until = monotonic() + PATIENCE;
        let mut state = self.lock();
        while state.taken >= self.most {
            let left = until.saturating_duration_since(monotonic());
            if left.is_zero() || state.waiting >= self.most_waiting {
                return None;
            }
            state.waiting += 1;
            let waited = self.free.wait_timeout(state, left);
            state = waited.map_or_else(|error| error.into_inner().0, |(state, _)| state);
            state.waiting -= 1;
        }
        state.taken += 1;
        Some(Turn(self))
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_few_have_turns_a_few_wait_and_the_others_are_sent_away() {
        let turns = Turns::new(2, 1);
        let (one, two) = (turns.take().unwrap(), turns.take().unwrap());
        std::thread::scope(|scope| {
            let waiting = scope.spawn(|| turns.take().is_some());
            while turns.lock().waiting == 0 {
                std::thread::yield_now();
            }
            assert!(turns.take().is_none(), "one waits already");
            drop(one);
            assert!(waiting.join().unwrap());
        });
        drop(two);
        let state = turns.lock();
        assert_eq!((state.taken, state.waiting), (0, 0));
    }
}
