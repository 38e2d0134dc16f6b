//! Work by two threads: the same on many things, or two that do not need each other.
//!
//! Invariant: the results come in the order of the things, and are those of doing the work one by one.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;

/// Stack of the second thread, as large as that of a main thread usually is.
const STACK: usize = 8 << 20;

/// Does the work on each item; when `worth_it`, with the help of a second thread, which costs about 0.1 ms to start.
///
/// One helper and not as many as there are processors: finding out how many those are takes as long as starting it.
///
/// # Panics
/// Passes on a panic of `work`.
pub fn map<T: Sync, R: Send>(items: &[T], worth_it: bool, work: impl Fn(&T) -> R + Sync) -> Vec<R> {
    if !worth_it || items.len() < 2 {
        return items.iter().map(work).collect();
    }
    let next = AtomicUsize::new(0);
    let run = || {
        let mut done = Vec::with_capacity(items.len());
        loop {
            let at = next.fetch_add(1, Ordering::Relaxed);
            let Some(item) = items.get(at) else { return done };
            done.push((at, work(item)));
        }
    };
    let mut done = thread::scope(|threads| {
        let helper = thread::Builder::new().name("helper".to_string()).stack_size(STACK);
        let helper = helper.spawn_scoped(threads, run);
        let mut done = run();
        // Without a helper, all was done here.
        match helper.map(thread::ScopedJoinHandle::join) {
            Ok(Ok(more)) => done.extend(more),
            Ok(Err(panic)) => std::panic::resume_unwind(panic),
            Err(_) => {}
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
        for worth_it in [false, true] {
            let squares = map(&items, worth_it, |item| item * item);
            assert!(squares.iter().enumerate().all(|(at, square)| *square == (at * at) as u32));
        }
        assert!(map(&[] as &[u32], true, |item| *item).is_empty());
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
        let result = std::panic::catch_unwind(|| map(&[1, 2, 3], true, |item| assert!(*item != 2)));
        assert!(result.is_err());
    }
}
