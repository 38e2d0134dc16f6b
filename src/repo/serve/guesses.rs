//! How often a password may be wrong.
//!
//! Each wrong password fills two buckets: that of the address with this user, and that of the user. Buckets drain with time,
//! and who finds a full one has to wait. Right passwords empty the first; the other drains alone. An address alone has none:
//! behind a proxy all clients have one, and whoever filled it would lock out all of them. How fast somebody can go through
//! many users the hashes bound, of which few are computed at once.
//!
//! Invariant: memory is bounded: beyond so many buckets, newcomers share one.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::data::digest::Digest;
use crate::sys::monotonic;

/// Most buckets.
const MOST: usize = 20_000;
/// Wrong passwords of a user that an address may send at once, and how long each weighs.
const PAIR: (f64, Duration) = (8.0, Duration::from_secs(10));
/// The same for all addresses of a user.
const SINGLE: (f64, Duration) = (64.0, Duration::from_secs(2));

/// Whose bucket it is. Users are kept as digests: their names may be long.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Key {
    Pair(IpAddr, [u8; 32]),
    User([u8; 32]),
    Others,
}

impl Key {
    /// How much it holds, and how long a drop takes to drain.
    fn size(self) -> (f64, Duration) {
        if matches!(self, Key::Pair(..)) { PAIR } else { SINGLE }
    }
}

/// How full a bucket was, and when.
#[derive(Debug, Clone, Copy)]
struct Bucket {
    level: f64,
    at: Instant,
}

/// The buckets.
#[derive(Default)]
pub(super) struct Guesses(Mutex<HashMap<Key, Bucket>>);

impl Guesses {
    /// How many seconds somebody has to wait before a password is looked at; `None` when it can be now.
    pub(super) fn wait(&self, address: IpAddr, user: &str) -> Option<u64> {
        self.wait_at(address, user, monotonic())
    }

    /// Counts a wrong password.
    pub(super) fn wrong(&self, address: IpAddr, user: &str) {
        self.wrong_at(address, user, monotonic());
    }

    /// Forgets what an address had wrong about a user that it now had right.
    pub(super) fn right(&self, address: IpAddr, user: &str) {
        let [pair, ..] = keys(address, user);
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&pair);
    }

    fn wait_at(&self, address: IpAddr, user: &str, now: Instant) -> Option<u64> {
        let buckets = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let wait = |key: Key| {
            let bucket = match buckets.get(&key) {
                Some(bucket) => bucket,
                // The common bucket is for those who found no place for their own.
                None if buckets.len() >= MOST => buckets.get(&Key::Others)?,
                None => return None,
            };
            let (size, drop) = key.size();
            let over = level(bucket, key, now) + 1.0 - size;
            (over > 0.0).then(|| (over * drop.as_secs_f64()).ceil().max(1.0) as u64)
        };
        keys(address, user).into_iter().filter_map(wait).max()
    }

    fn wrong_at(&self, address: IpAddr, user: &str, now: Instant) {
        let mut buckets = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for key in keys(address, user) {
            if buckets.len() >= MOST && !buckets.contains_key(&key) {
                buckets.retain(|key, bucket| level(bucket, *key, now) > 0.0);
            }
            let key = if buckets.len() >= MOST && !buckets.contains_key(&key) { Key::Others } else { key };
            let bucket = buckets.entry(key).or_insert(Bucket { level: 0.0, at: now });
            *bucket = Bucket { level: (level(bucket, key, now) + 1.0).min(key.size().0), at: now };
        }
    }
}

/// How full a bucket is now.
fn level(bucket: &Bucket, key: Key, now: Instant) -> f64 {
    let drained = now.saturating_duration_since(bucket.at).as_secs_f64() / key.size().1.as_secs_f64();
    (bucket.level - drained).max(0.0)
}

fn keys(address: IpAddr, user: &str) -> [Key; 2] {
    let (address, user) = (network(address), *Digest::of(user).bytes());
    [Key::Pair(address, user), Key::User(user)]
}

/// Whoever has one address of version 6 has all of its last 64 bits.
fn network(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V6(address) => match address.to_ipv4_mapped() {
            Some(address) => IpAddr::V4(address),
            None => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() & !u128::from(u64::MAX))),
        },
        address @ IpAddr::V4(_) => address,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(last: u8) -> IpAddr {
        IpAddr::from([192, 0, 2, last])
    }

    #[test]
    fn guesses_run_out_and_come_back() {
        let (guesses, start) = (Guesses::default(), monotonic());
        for _ in 0..8 {
            assert_eq!(guesses.wait_at(address(1), "ann", start), None);
            guesses.wrong_at(address(1), "ann", start);
        }
        assert_eq!(guesses.wait_at(address(1), "ann", start), Some(10));
        assert_eq!(guesses.wait_at(address(1), "ben", start), None, "another user");
        assert_eq!(guesses.wait_at(address(2), "ann", start), None, "another address");
        assert_eq!(guesses.wait_at(address(1), "ann", start + Duration::from_secs(4)), Some(6));
        assert_eq!(guesses.wait_at(address(1), "ann", start + Duration::from_secs(10)), None);
        guesses.right(address(1), "ann");
        assert_eq!(guesses.wait_at(address(1), "ann", start), None);
    }

    #[test]
    fn many_addresses_do_not_help_and_many_users_lock_nobody_out() {
        let (guesses, start) = (Guesses::default(), monotonic());
        for number in 0..64 {
            guesses.wrong_at(address(1), &format!("user-{number}"), start);
            guesses.wrong_at(address(100 + number), "ann", start);
        }
        assert_eq!(guesses.wait_at(address(9), "ann", start), Some(2));
        assert_eq!(guesses.wait_at(address(1), "new", start), None, "others may have the same address");
        let six = |text: &str| text.parse::<IpAddr>().unwrap();
        assert_eq!(network(six("2001:db8::1:2")), network(six("2001:db8::ffff:1")));
        assert_ne!(network(six("2001:db8:0:1::1")), network(six("2001:db8:0:2::1")));
        assert_eq!(network(six("::ffff:192.0.2.1")), address(1));
    }

    #[test]
    fn memory_is_bounded() {
        let (guesses, start) = (Guesses::default(), monotonic());
        for number in 0..11_000_u32 {
            guesses.wrong_at(IpAddr::from(number.to_be_bytes()), &number.to_string(), start);
        }
        assert!(guesses.0.lock().unwrap().len() <= MOST + 1);
        assert!(guesses.wait_at(address(77), "newcomer", start).is_some(), "newcomers share a full bucket");
        let later = start + Duration::from_secs(200);
        guesses.wrong_at(address(1), "ann", later);
        assert!(guesses.0.lock().unwrap().len() <= 4);
    }
}
