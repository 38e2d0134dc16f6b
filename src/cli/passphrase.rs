//! Passphrases: from a file, from standard input, or typed in.
//!
//! Invariant: a passphrase never comes from the command line or the environment, which others on the machine can read.

use super::error::Failure;
use super::settings::Session;
use crate::sys::{Secret, fs};

/// Longest file with a passphrase, in bytes.
const LIMIT: u64 = 64 << 10;

/// The first line of the file that `--passphrase-file` names; `-` is standard input, where it is asked for on a terminal.
/// Without a file it is asked for; `None` when there is nobody to ask.
///
/// # Errors
/// The file cannot be read, is no text, or has no line.
pub fn passphrase(session: &Session, file: Option<&str>, prompt: &str) -> Result<Option<Secret>, Failure> {
    let Some(file) = file.filter(|file| !file.is_empty()) else { return session.ui.ask_secret(prompt) };
    if file == "-"
        && let Some(typed) = session.ui.ask_secret(prompt)?
    {
        return Ok(Some(typed));
    }
    let (name, bytes) = match file {
        "-" => ("standard input".to_string(), fs::read_stdin(LIMIT)?),
        path => (path.to_string(), fs::read(&session.host.resolve(path), LIMIT)?),
    };
    let text = String::from_utf8(bytes).map(Secret::new).map_err(|error| {
        // The bytes are wiped as those of a passphrase that is text.
        drop(Secret::new(String::from_utf8_lossy(error.as_bytes()).into_owned()));
        Failure::new(format!("the passphrase in {name} is not UTF-8 text"))
    })?;
    let line = text.reveal().lines().next().unwrap_or_default();
    if line.is_empty() {
        return Err(Failure::new(format!("there is no passphrase in {name}"))
            .hint("its first line is the passphrase"));
    }
    Ok(Some(Secret::new(line)))
}
