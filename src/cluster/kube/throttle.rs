//! How fast requests are sent: so many at once, then so many in a second.
//!
//! Invariant: nobody waits here; whoever takes a turn is told how long to wait for it.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::KubeOptions;
use super::options::DEFAULT_QPS;
use crate::sys::monotonic;

/// A token bucket: how many requests may be sent now, and how fast it fills.
#[derive(Debug)]
pub(super) struct Throttle {
    rate: f64,
    size: f64,
    /// What is in it, and when that was true.
    level: Mutex<(f64, Instant)>,
}

impl Throttle {
    pub(super) fn new(options: &KubeOptions) -> Self {
        let rate = if options.qps == 0.0 { DEFAULT_QPS } else { options.qps };
        let unlimited = options.burst < 0 || rate < 0.0 || rate.is_nan();
        let size = if unlimited { f64::INFINITY } else { options.burst.max(1) as f64 };
        Throttle { rate: f64::from(rate).max(0.01), size, level: Mutex::new((size, monotonic())) }
    }

    /// Takes one request out and tells how long it has to wait.
    pub(super) fn take(&self) -> Duration {
        let mut level = self.level.lock().unwrap_or_else(PoisonError::into_inner);
        let now = monotonic();
        let filled = level.0 + now.duration_since(level.1).as_secs_f64() * self.rate;
        *level = (filled.min(self.size) - 1.0, now);
        // Below nothing, those before this one wait too.
        if level.0 >= 0.0 {
            Duration::ZERO
        } else {
            Duration::from_secs_f64((-level.0 / self.rate).min(3_600.0))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rate_counts_after_the_burst() {
        let throttle = Throttle::new(&KubeOptions { burst: 3, qps: 10.0, ..KubeOptions::default() });
        let waits: Vec<Duration> = (0..5).map(|_| throttle.take()).collect();
        assert!(waits[..3].iter().all(Duration::is_zero), "{waits:?}");
        assert!(waits[3] > Duration::from_millis(80) && waits[3] <= Duration::from_millis(100), "{waits:?}");
        assert!(waits[4] > Duration::from_millis(180), "{waits:?}");
        let free = Throttle::new(&KubeOptions { burst: -1, ..KubeOptions::default() });
        assert!((0..1000).all(|_| free.take().is_zero()));
    }
}
