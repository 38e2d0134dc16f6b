//! Users and passwords from a file as Apache's htpasswd writes it, hashed with bcrypt.
//!
//! A hash is slow on purpose. Pairs that were right are remembered for a while by a keyed digest, so that a client with
//! many requests pays once; wrong ones are paid for each time, a few at a time.
//!
//! Invariant: no password is kept; how long an answer takes does not tell whether a user exists; a file that changed is
//! read again before it is relied on.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
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
    busy: AtomicUsize,
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
            busy: AtomicUsize::new(0),
        })
    }

    /// Whether a user has that password.
    pub(super) fn check(&self, user: &str, password: &str) -> Check {
        let users = self.users.now();
        let own = users.get(user);
        let digest = self.digest(user, password, own.map_or("", String::as_str));
        let mut right = self.right.lock().unwrap_or_else(PoisonError::into_inner);
        if own.is_some() && right.get(&digest).is_some_and(|at| at.elapsed() < REMEMBER) {
            return Check::Right;
        }
        drop(right);
        if self.busy.fetch_add(1, Ordering::Relaxed) >= MOST_AT_ONCE {
            self.busy.fetch_sub(1, Ordering::Relaxed);
            return Check::Busy;
        }
        // An unknown user costs as much as a known one.
        let hash = own.or_else(|| users.values().next());
        let matches = hash.is_some_and(|hash| bcrypt_matches(password, hash)) && own.is_some();
        self.busy.fetch_sub(1, Ordering::Relaxed);
        if !matches {
            return Check::Wrong;
        }
        right = self.right.lock().unwrap_or_else(PoisonError::into_inner);
        right.retain(|_, at| at.elapsed() < REMEMBER);
        if right.len() < MOST {
            right.insert(digest, monotonic());
        }
        Check::Right
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
