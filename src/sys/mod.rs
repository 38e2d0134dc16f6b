//! The outside world, passed in as one [`Host`].
//!
//! The library never reads the environment, the clock or a random source by itself: it is given a `Host`. Tests give it a
//! fixed one, so that two runs print the same bytes.
//!
//! Invariant: this module and its children are the only users of `std::env`, `std::fs`, the system clock and the
//! operating system's randomness.

pub mod content;
pub mod dirs;
pub mod dns;
pub mod env_vars;
pub mod fresh;
pub mod fs;
pub mod http;
pub mod parallel;
pub mod process;
pub mod secret;
pub mod staged;
pub mod stream;
pub mod tls;
pub mod transfers;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use sha2::{Digest, Sha256};

pub use dirs::Dirs;
pub use secret::Secret;

/// The moment that a seeded run sees when nothing says another: 2025-01-01 00:00:00 UTC.
const SEEDED_MOMENT: u64 = 1_735_689_600;

/// Where time comes from.
#[derive(Debug, Clone)]
pub enum Clock {
    /// The machine's clock.
    System,
    /// A clock for tests: it starts at a moment and moves one second on at every reading, so that records differ.
    Ticking(Arc<AtomicU64>),
    /// A clock that stands still, at seconds since the Unix epoch: what a seeded run sees.
    Still(u64),
}

impl Clock {
    /// A clock that starts at `seconds` since the Unix epoch and moves one second at every reading.
    pub fn ticking(seconds: u64) -> Self {
        Clock::Ticking(Arc::new(AtomicU64::new(seconds)))
    }

    /// The current moment.
    pub fn now(&self) -> SystemTime {
        match self {
            Clock::System => SystemTime::now(),
            Clock::Ticking(at) => UNIX_EPOCH + Duration::from_secs(at.fetch_add(1, Ordering::SeqCst)),
            Clock::Still(at) => UNIX_EPOCH.checked_add(Duration::from_secs(*at)).unwrap_or(UNIX_EPOCH),
        }
    }
}

/// A reading of the machine's steady clock, for deadlines and waits. It tells no date, so it needs no fixed form for tests.
pub fn monotonic() -> std::time::Instant {
    std::time::Instant::now()
}

/// Where randomness comes from.
#[derive(Debug, Clone)]
pub enum Random {
    /// The operating system.
    System,
    /// Reproducible bytes: SHA-256 over the seed and a counter.
    Seeded {
        /// What the stream is derived from.
        seed: Arc<[u8]>,
        /// How many blocks were handed out.
        counter: Arc<AtomicU64>,
    },
}

impl Random {
    /// A reproducible source.
    pub fn seeded(seed: impl Into<Arc<[u8]>>) -> Self {
        Random::Seeded { seed: seed.into(), counter: Arc::new(AtomicU64::new(0)) }
    }

    /// A reproducible source of its own for a name, so that what one template draws does not depend on what others drew
    /// before. The system's source stays what it is.
    #[must_use]
    pub fn stream(&self, name: &str) -> Self {
        match self {
            Random::System => Random::System,
            Random::Seeded { seed, .. } => {
                let length = (seed.len() as u64).to_le_bytes();
                let derived = Sha256::new()
                    .chain_update(b"stream")
                    .chain_update(length)
                    .chain_update(seed)
                    .chain_update(name.as_bytes())
                    .finalize();
                Random::seeded(&derived[..])
            }
        }
    }

    /// Fills the buffer.
    ///
    /// # Errors
    /// The operating system's source cannot be read.
    pub fn fill(&self, buffer: &mut [u8]) -> std::io::Result<()> {
        match self {
            Random::System => getrandom::fill(buffer).map_err(std::io::Error::other),
            Random::Seeded { seed, counter } => {
                for chunk in buffer.chunks_mut(32) {
                    let block = counter.fetch_add(1, Ordering::SeqCst);
                    let bytes = Sha256::new().chain_update(seed).chain_update(block.to_le_bytes()).finalize();
                    chunk.copy_from_slice(&bytes[..chunk.len()]);
                }
                Ok(())
            }
        }
    }
}

/// The environment, the clock, randomness, the folders and the identity of whoever runs the program.
///
/// Cheap to clone; clones share the clock and the random stream.
#[derive(Debug, Clone)]
pub struct Host {
    /// Environment variables as they were at start.
    pub env: Arc<BTreeMap<String, String>>,
    /// Time.
    pub clock: Clock,
    /// Randomness.
    pub random: Random,
    /// Where configuration, caches and data live.
    pub dirs: Dirs,
    /// The folder that relative paths start from.
    pub cwd: PathBuf,
    /// Who is told of what goes over the network.
    pub watched: transfers::Watched,
}

impl Host {
    /// The process's own environment, clock, randomness and folders.
    ///
    /// # Errors
    /// The current folder does not exist any more.
    pub fn of_process() -> std::io::Result<Self> {
        let env: BTreeMap<String, String> = std::env::vars_os()
            .filter_map(|(key, value)| Some((key.into_string().ok()?, value.into_string().ok()?)))
            .collect();
        let dirs = Dirs::from_env(&env);
        Ok(Host {
            env: Arc::new(env),
            clock: Clock::System,
            random: Random::System,
            dirs,
            cwd: std::env::current_dir()?,
            watched: transfers::Watched::default(),
        })
    }

    /// The value of an environment variable; an empty one counts as unset.
    pub fn var(&self, name: &str) -> Option<&str> {
        self.env.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }

    /// The current moment.
    pub fn now(&self) -> SystemTime {
        self.clock.now()
    }

    /// The same host for reproducible rendering: randomness from the seed, and a clock that stands still at
    /// `SOURCE_DATE_EPOCH`, or at the start of 2025 (UTC) where that is not set.
    #[must_use]
    pub fn seeded(&self, seed: u64) -> Self {
        let moment = self.var("SOURCE_DATE_EPOCH").and_then(|text| text.parse().ok());
        Host {
            random: Random::seeded(seed.to_le_bytes()),
            clock: Clock::Still(moment.unwrap_or(SEEDED_MOMENT)),
            ..self.clone()
        }
    }

    /// A path as seen from the host's working folder.
    pub fn resolve(&self, path: impl AsRef<Path>) -> PathBuf {
        self.cwd.join(path)
    }

    /// Who is running this, as `user@host pid`: the holder that a lock names.
    pub fn identity(&self) -> String {
        let user = self.var("USER").or(self.var("LOGNAME")).unwrap_or("unknown");
        let host = fs::host_name().or_else(|| self.var("HOSTNAME").map(str::to_string));
        format!("{user}@{} pid {}", host.as_deref().unwrap_or("localhost"), std::process::id())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn draw(random: &Random) -> [u8; 40] {
        let mut bytes = [0; 40];
        random.fill(&mut bytes).unwrap();
        bytes
    }

    #[test]
    fn a_stream_depends_on_seed_and_name_alone() {
        let root = Random::seeded(7u64.to_le_bytes());
        let first = draw(&root.stream("a"));
        draw(&root);
        draw(&root.stream("b"));
        assert_eq!(draw(&root.stream("a")), first);
        assert_ne!(draw(&root.stream("b")), first);
        assert_ne!(draw(&Random::seeded(8u64.to_le_bytes()).stream("a")), first);
    }
}
