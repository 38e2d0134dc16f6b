//! Asks on the terminal. The only user of rpassword.
//!
//! Invariant: only a terminal is asked, and what is typed as a secret is not shown on it.

use std::io::{IsTerminal, Write};

use super::error::Failure;
use crate::sys::Secret;

/// Longest line that is read, in bytes.
const LONGEST: u64 = 64 << 10;

/// Asks for a line.
///
/// # Errors
/// Standard input is no terminal, or ends.
pub fn line(question: &str) -> Result<String, Failure> {
    use std::io::{BufRead, Read};
    on_a_terminal("--username")?;
    let mut err = std::io::stderr();
    // Nobody reads the question when this fails, and the answer still comes.
    let _ = err.write_all(question.as_bytes()).and_then(|()| err.flush());
    let mut text = String::new();
    std::io::stdin().lock().take(LONGEST).read_line(&mut text).map_err(|error| unreadable(&error))?;
    Ok(text.trim_end_matches(['\n', '\r']).to_string())
}

/// Asks for a secret.
///
/// # Errors
/// As [`line()`].
pub fn secret(question: &str) -> Result<Secret, Failure> {
    on_a_terminal("--password-stdin")?;
    rpassword::prompt_password(question).map(Secret::new).map_err(|error| unreadable(&error))
}

fn on_a_terminal(instead: &str) -> Result<(), Failure> {
    if std::io::stdin().is_terminal() {
        return Ok(());
    }
    Err(Failure::usage("there is no terminal to ask on").hint(format!("give {instead}")))
}

fn unreadable(error: &std::io::Error) -> Failure {
    Failure::new(format!("cannot read from the terminal: {error}"))
}
