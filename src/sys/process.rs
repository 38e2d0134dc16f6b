//! Which processes there are, as far as the system tells it in files.
//!
//! Invariant: "not running" is said only when it is certain; where the system tells nothing, nothing is said.

use super::fs::{self, Kind};
use std::path::Path;

/// Largest file below /proc that is read.
const MOST_BYTES: u64 = 4_096;

/// Names the set of processes that a process number belongs to: this start of the machine, this process namespace, this
/// user. Two processes whose scopes are equal can look each other up by number. `None` where the system has no such files.
pub fn scope() -> Option<String> {
    let boot = fs::read_text(Path::new("/proc/sys/kernel/random/boot_id"), MOST_BYTES).ok()?;
    let namespace = fs::link_target(Path::new("/proc/self/ns/pid"))?;
    let user = fs::owner(Path::new("/proc/self"))?;
    Some(format!("{} {namespace} uid {user}", boot.trim()))
}

/// Whether a process of this scope (see [`scope`]) is running; `None` when the system hides other processes or has no
/// files that tell.
pub fn is_running(number: u32) -> Option<bool> {
    let there = |number: u32| fs::kind(Path::new(&format!("/proc/{number}"))) == Kind::Folder;
    // A system that hides foreign processes hides the first one, too.
    there(1).then(|| there(number))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_runs_and_an_impossible_one_does_not() {
        if scope().is_none() || is_running(1).is_none() {
            return;
        }
        assert_eq!(is_running(std::process::id()), Some(true));
        assert_eq!(is_running(u32::MAX), Some(false));
        assert_eq!(scope(), scope());
    }
}
