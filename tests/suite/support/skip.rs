//! Tests that cannot run here: which, why, and whether that is all right.
//!
//! Invariant: a skipped test is seen. The harness hides what a passing test prints, so the line goes to standard error
//! itself; and where the servers must be there (`BOWLINE_TEST_SERVERS=required`), a test without its server fails.

use std::io::Write;

/// Says that the test that runs, or a part of it, is skipped.
pub fn skipped(why: &str) {
    let thread = std::thread::current();
    let test = thread.name().unwrap_or("a test");
    // One write, so that lines of tests side by side stay whole. Nobody may be reading.
    let _ = std::io::stderr().write_all(format!("skipped: {test}: {why}\n").as_bytes());
}

/// The same for want of a server or of a program that `tests/servers/servers install` brings.
///
/// # Panics
///
/// When all of them must be there.
#[track_caller]
pub fn server_is_missing(why: &str) {
    let required = std::env::var_os("BOWLINE_TEST_SERVERS").is_some_and(|value| value == "required");
    assert!(
        !required,
        "{why}, and BOWLINE_TEST_SERVERS=required: run tests/servers/servers install and start"
    );
    skipped(why);
}
