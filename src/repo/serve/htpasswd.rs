//! Users and passwords from a file as Apache's htpasswd writes it, hashed with bcrypt.
//!
//! A hash is slow on purpose. Pairs that were right are remembered for a while by a keyed digest, so that a client with
//! many requests pays once; wrong ones are paid for each time, a few at a time. Of those who ask the same at the same time
//! one computes; the others wait for it, and so do a few of those for whom there is no room.
//!
//! Invariant: no password is kept; how long an answer takes does not tell whether a user exists; a file that changed is
//! read again before it is relied on.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use super::Warnings;
use super::options::watch;
use crate::data::digest::{Digest, Hasher};
use crate::repo::RepoError;
use crate::sprig::bcrypt_matches;
use crate::sys::fresh::Fresh;
use crate::sys::{Host, fs, monotonic};

/// Largest file in bytes.
const LIMIT: u64 = 1 << 20;
/// How long a right pair is remembered.
const REMEMBER: Duration = Duration::from_secs(300);
/// Most pairs that are remembered.
const MOST: usize = 1_024;
/// Most hashes that are computed at the same time.
const MOST_AT_ONCE: usize = 4;
/// Most that wait for room, so that there are workers left for those who need no hash.
const MOST_WAITING: usize = 16;
/// Longest wait, for room or for an answer.
const PATIENCE: Duration = Duration::from_secs(5);

const HINT: &str = "`htpasswd -B FILE USER` of Apache's tools writes a line that can be used";

/// What a check came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Check {
    Right,
    Wrong,
    /// Too many are being checked already.
    Busy,
}

/// The users of a file.
pub(super) struct Htpasswd {
    users: Fresh<BTreeMap<String, String>>,
    /// Keyed digests of pairs that were right, and when.
    right: Mutex<HashMap<[u8; 32], Instant>>,
    key: [u8; 32],
    gate: Mutex<Gate>,
    opened: Condvar,
}

/// What is being computed.
#[derive(Default)]
struct Gate {
    /// By the digest of the pair: whether it turned out to match.
    running: HashMap<[u8; 32], Arc<OnceLock<bool>>>,
    /// How many wait for room.
    waiting: usize,
}

/// The right to compute a hash, given back when it is dropped.
struct Turn<'h> {
    users: &'h Htpasswd,
    digest: [u8; 32],
    result: Arc<OnceLock<bool>>,
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.users.gate().running.remove(&self.digest);
        self.users.opened.notify_all();
    }
}

/// How a hash comes about.
enum Way<'h> {
    Computed(Turn<'h>),
    /// Somebody else computed it meanwhile.
    Shared(bool),
    Busy,
}

impl Htpasswd {
    /// Reads a file.
    ///
    /// # Errors
    /// It cannot be read, a line is none of `USER:HASH`, a hash is not bcrypt's, or there is no user.
    pub(super) fn open(path: PathBuf, host: &Host, warnings: Option<Warnings>) -> Result<Self, RepoError> {
        let mut key = [0; 32];
        host.random.fill(&mut key).map_err(|error| RepoError::NoRandomness { reason: error.to_string() })?;
        Ok(Htpasswd {
            users: watch(path, read, warnings)?,
            right: Mutex::default(),
            key,
            gate: Mutex::default(),
            opened: Condvar::new(),
        })
    }

    /// Whether a pair was right a while ago, and would be now. This costs next to nothing.
    pub(super) fn remembers(&self, user: &str, password: &str) -> bool {
        let users = self.users.now();
        users.get(user).is_some_and(|hash| self.is_right(&self.digest(user, password, hash)))
    }

    /// Whether a user has that password.
    pub(super) fn check(&self, user: &str, password: &str) -> Check {
        self.check_with(user, password, bcrypt_matches)
    }

    fn check_with(&self, user: &str, password: &str, matches: impl FnOnce(&str, &str) -> bool) -> Check {
        let users = self.users.now();
        let own = users.get(user);
        let digest = self.digest(user, password, own.map_or("", String::as_str));
        if own.is_some() && self.is_right(&digest) {
            return Check::Right;
        }
        let is_match = match self.turn(digest) {
            Way::Busy => return Check::Busy,
            Way::Shared(is_match) => is_match,
            Way::Computed(turn) => {
                // An unknown user costs as much as a known one.
                let hash = own.or_else(|| users.values().next());
                let is_match = hash.is_some_and(|hash| matches(password, hash)) && own.is_some();
                if is_match {
                    self.remember(digest);
                }
                // It is set once: nobody else has the turn for this pair.
                let _ = turn.result.set(is_match);
                is_match
            }
        };
        if is_match { Check::Right } else { Check::Wrong }
    }

    /// Waits until a pair may be computed, or somebody else has computed it.
    fn turn(&self, digest: [u8; 32]) -> Way<'_> {
        let until = monotonic() + PATIENCE;
        let mut gate = self.gate();
        let shared = loop {
            if let Some(result) = gate.running.get(&digest) {
                break Arc::clone(result);
            }
            if gate.running.len() < MOST_AT_ONCE {
                let result = Arc::new(OnceLock::new());
                gate.running.insert(digest, Arc::clone(&result));
                return Way::Computed(Turn { users: self, digest, result });
            }
            let left = until.saturating_duration_since(monotonic());
            if left.is_zero() || gate.waiting >= MOST_WAITING {
                return Way::Busy;
            }
            gate.waiting += 1;
            gate = self.wait(gate, left);
            gate.waiting -= 1;
        };
        loop {
            if let Some(is_match) = shared.get() {
                return Way::Shared(*is_match);
            }
            let left = until.saturating_duration_since(monotonic());
            // One that is not running any more and has no result broke down.
            let is_running = gate.running.get(&digest).is_some_and(|running| Arc::ptr_eq(running, &shared));
            if left.is_zero() || !is_running {
                return Way::Busy;
            }
            gate = self.wait(gate, left);
        }
    }

    fn gate(&self) -> MutexGuard<'_, Gate> {
        self.gate.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait<'g>(&self, gate: MutexGuard<'g, Gate>, left: Duration) -> MutexGuard<'g, Gate> {
        self.opened.wait_timeout(gate, left).map_or_else(|error| error.into_inner().0, |(gate, _)| gate)
    }

    fn is_right(&self, digest: &[u8; 32]) -> bool {
        let right = self.right.lock().unwrap_or_else(PoisonError::into_inner);
        right.get(digest).is_some_and(|at| at.elapsed() < REMEMBER)
    }

    fn remember(&self, digest: [u8; 32]) {
        let mut right = self.right.lock().unwrap_or_else(PoisonError::into_inner);
        right.retain(|_, at| at.elapsed() < REMEMBER);
        if right.len() < MOST {
            right.insert(digest, monotonic());
        }
    }

    /// What changes with a user's password, and tells nothing of it; `None` for somebody who is no user.
    pub(super) fn state(&self, user: &str) -> Option<Digest> {
        // The salt in the hash keeps passwords from being tried out on it.
        Some(Digest::of(self.users.now().get(user)?))
    }

    /// What a right pair is remembered by: with the hash, so that a new password leaves nothing behind.
    fn digest(&self, user: &str, password: &str, hash: &str) -> [u8; 32] {
        // The key in front, hashed twice, keeps the digests from being computed by anybody else.
        let mut inner = Hasher::default();
        inner.update(&self.key);
        inner.update(&(user.len() as u64).to_le_bytes());
        inner.update(user.as_bytes());
        inner.update(&(hash.len() as u64).to_le_bytes());
        inner.update(hash.as_bytes());
        inner.update(password.as_bytes());
        let mut outer = Hasher::default();
        outer.update(&self.key);
        outer.update(inner.finish().bytes());
        *Digest::bytes(&outer.finish())
    }
}

fn read(path: &Path) -> Result<BTreeMap<String, String>, RepoError> {
    let text = fs::read_text(path, LIMIT)?;
    let bad =
        |reason: String| RepoError::BadAccessFile { path: path.display().to_string(), reason, hint: HINT };
    let mut users = BTreeMap::new();
    for (number, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let (user, hash) = line
            .split_once(':')
            .filter(|(user, _)| !user.is_empty())
            .ok_or_else(|| bad(format!("line {} is not USER:HASH", number + 1)))?;
        if !["$2y$", "$2b$", "$2a$"].iter().any(|kind| hash.starts_with(kind)) || hash.len() != 60 {
            return Err(bad(format!(
                "the password of {user:?} in line {} is not hashed with bcrypt",
                number + 1
            )));
        }
        users.insert(user.to_string(), hash.to_string());
    }
    if users.is_empty() { Err(bad("there is no user in it".to_string())) } else { Ok(users) }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    const HASH: &str = "$2b$04$abcdefghijklmnopqrstuu2r9OfJnfCsdneAXAGHnS4UpFFP8WIrW";

    fn users(folder: &Path) -> Htpasswd {
        let file = folder.join("users");
        let lines: Vec<String> = (0..30).map(|number| format!("user-{number}:{HASH}\n")).collect();
        std::fs::write(&file, lines.concat()).unwrap();
        Htpasswd::open(file, &Host::of_process().unwrap(), None).unwrap()
    }

    /// Waits until that many are at the gate.
    fn until(users: &Htpasswd, is_so: impl Fn(&Gate) -> bool) {
        while !is_so(&users.gate()) {
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    #[test]
    fn those_who_ask_the_same_at_once_pay_once() {
        let folder = tempfile::tempdir().unwrap();
        let users = users(folder.path());
        let computed = AtomicUsize::new(0);
        let hold = Mutex::new(());
        for (password, wanted) in [("secret", Check::Right), ("wrong", Check::Wrong)] {
            computed.store(0, Ordering::Relaxed);
            let held = hold.lock().unwrap();
            std::thread::scope(|scope| {
                let ask = || {
                    users.check_with("user-1", password, |password, _| {
                        computed.fetch_add(1, Ordering::Relaxed);
                        drop(hold.lock());
                        password == "secret"
                    })
                };
                let first = scope.spawn(ask);
                until(&users, |gate| !gate.running.is_empty());
                let others: Vec<_> = (0..20).map(|_| scope.spawn(ask)).collect();
                // Each of them has the result of the first in hand.
                until(&users, |gate| gate.running.values().all(|result| Arc::strong_count(result) >= 22));
                drop(held);
                assert_eq!(first.join().unwrap(), wanted);
                assert!(others.into_iter().all(|other| other.join().unwrap() == wanted));
            });
            assert_eq!(computed.load(Ordering::Relaxed), 1, "{password}");
        }
        assert!(users.remembers("user-1", "secret") && !users.remembers("user-1", "wrong"));
        assert!(!users.remembers("user-2", "secret") && !users.remembers("nobody", "secret"));
    }

    #[test]
    fn beyond_those_that_are_computed_a_few_wait_and_others_are_told_so() {
        let folder = tempfile::tempdir().unwrap();
        let users = users(folder.path());
        let hold = Mutex::new(());
        let held = hold.lock().unwrap();
        std::thread::scope(|scope| {
            let ask = |number: usize| {
                let (users, hold) = (&users, &hold);
                scope.spawn(move || {
                    users.check_with(&format!("user-{number}"), "secret", |_, _| {
                        drop(hold.lock());
                        true
                    })
                })
            };
            let let_in: Vec<_> = (0..MOST_AT_ONCE + MOST_WAITING).map(ask).collect();
            until(&users, |gate| gate.running.len() == MOST_AT_ONCE && gate.waiting == MOST_WAITING);
            assert_eq!(ask(29).join().unwrap(), Check::Busy);
            drop(held);
            assert!(let_in.into_iter().all(|one| one.join().unwrap() == Check::Right));
        });
    }
}
