//! Work by several threads: the same on many things, or two that do not need each other.
//!
//! Invariant: the results come in the order of the things, and are those of doing the work one by one.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;

/// Stack of the other threads, as large as that of a main thread usually is.
const STACK: usize = 8 << 20;
/// Most threads that work on the processors at once.
const MOST_PROCESSORS: usize = 8;

/// How many threads this machine can use at once, at most eight. Finding out takes as long as starting a thread (0.1 ms),
/// so where the work is short two are as good.
pub fn processors() -> usize {
    thread::available_parallelism().map_or(1, usize::from).min(MOST_PROCESSORS)
}

/// Does the work on each item, on up to so many threads, of which the caller's is one. They take the items one at a time,
/// so that a long one at the end does not leave the others idle.
///
/// # Panics
/// Passes on a panic of `work`.
pub fn map<T: Sync, R: Send>(items: &[T], threads: usize, work: impl Fn(&T) -> R + Sync) -> Vec<R> {
    let helpers = threads.min(items.len()).saturating_sub(1);
    if helpers == 0 {
        return items.iter().map(work).collect();
    }
    let next = AtomicUsize::new(0);
    let run = || {
        let mut done = Vec::with_capacity(items.len() / threads + 1);
        loop {
            let at = next.fetch_add(1, Ordering::Relaxed);
            let Some(item) = items.get(at) else { return done };
            done.push((at, work(item)));
        }
    };
    let mut done = thread::scope(|scope| {
        let helper = || thread::Builder::new().name("helper".to_string()).stack_size(STACK);
        // What a helper that cannot be started would have done is done here.
        let helpers: Vec<_> = (0..helpers).map_while(|_| helper().spawn_scoped(scope, run).ok()).collect();
        let mut done = run();
        for helper in helpers {
            done.extend(helper.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)));
        }
        done
    });
    done.sort_unstable_by_key(|(at, _)| *at);
    done.into_iter().map(|(_, result)| result).collect()
}

/// Does two pieces of work; when `worth_it`, the first on a second thread.
///
/// # Panics
/// Passes on a panic of either.
pub fn both<A: Send, B>(
    worth_it: bool,
    first: impl FnOnce() -> A + Send,
    second: impl FnOnce() -> B,
) -> (A, B) {
    if !worth_it {
        return (first(), second());
    }
    // Whoever takes it does it: this thread, when there can be no other.
    let first = Mutex::new(Some(first));
    let take = || {
        let work = first.lock().unwrap_or_else(PoisonError::into_inner).take();
        work.map(|work| work())
    };
    thread::scope(|threads| {
        let helper = thread::Builder::new().name("helper".to_string()).stack_size(STACK);
        let helper = helper.spawn_scoped(threads, take);
        let second = second();
        let done = match helper.map(thread::ScopedJoinHandle::join) {
            Ok(Ok(done)) => done,
            Ok(Err(panic)) => std::panic::resume_unwind(panic),
            Err(_) => None,
        };
        match done.or_else(take) {
            Some(done) => (done, second),
            // It is taken once, by the helper that was waited for or right here.
            None => unreachable!("the work was taken and not done"),
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_come_in_order() {
        let items: Vec<u32> = (0..1000).collect();
        for threads in [0, 1, 2, 7, 2000] {
            let squares = map(&items, threads, |item| item * item);
            assert!(squares.iter().enumerate().all(|(at, square)| *square == (at * at) as u32));
            assert_eq!(squares.len(), items.len());
        }
        assert!(map(&[] as &[u32], 2, |item| *item).is_empty());
    }

    #[test]
    fn both_are_done() {
        for worth_it in [false, true] {
            assert_eq!(both(worth_it, || 1, || 2), (1, 2));
        }
        assert!(std::panic::catch_unwind(|| both(true, || panic!("first"), || ())).is_err());
    }

    #[test]
    fn a_panic_is_passed_on() {
        let result = std::panic::catch_unwind(|| map(&[1, 2, 3], 2, |item| assert!(*item != 2)));
        assert!(result.is_err());
    }
}
