//! Maps a function over a slice on several threads.
//!
//! Invariant: results stand in the order of the items, whatever thread made them; a panic in one item loses that item
//! alone.

use std::sync::atomic::{AtomicUsize, Ordering};

/// Most threads that are started.
const MOST_THREADS: usize = 8;

/// How many threads this machine can use at once, at most eight.
pub(crate) fn threads() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from).min(MOST_THREADS)
}

/// Applies `map` to every item on up to `threads` threads. `None` stands for an item whose thread panicked.
pub(crate) fn map<T: Sync, R: Send>(
    items: &[T],
    threads: usize,
    map: impl Fn(&T) -> R + Sync,
) -> Vec<Option<R>> {
    if threads < 2 || items.len() < 2 {
        return items.iter().map(|item| Some(map(item))).collect();
    }
    // Items are taken one at a time, so that a long one at the end does not leave the other threads idle.
    let next = AtomicUsize::new(0);
    let work = || {
        let mut mine = Vec::new();
        loop {
            let at = next.fetch_add(1, Ordering::Relaxed);
            let Some(item) = items.get(at) else { return mine };
            mine.push((at, map(item)));
        }
    };
    let mut results: Vec<Option<R>> = items.iter().map(|_| None).collect();
    std::thread::scope(|scope| {
        let started: Vec<_> = (0..threads.min(items.len())).map(|_| scope.spawn(work)).collect();
        for (at, result) in started.into_iter().flat_map(|thread| thread.join().unwrap_or_default()) {
            if let Some(slot) = results.get_mut(at) {
                *slot = Some(result);
            }
        }
    });
    results
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_keep_the_order_of_the_items() {
        let items: Vec<usize> = (0..1000).collect();
        for threads in [1, 2, 7, 2000] {
            let doubled: Vec<usize> = map(&items, threads, |item| item * 2).into_iter().flatten().collect();
            assert!(
                doubled.iter().enumerate().all(|(at, doubled)| *doubled == at * 2) && doubled.len() == 1000
            );
        }
        assert!(map(&[] as &[u8], 4, |_| ()).is_empty());
    }
}
