//! Programs that keep credentials: `docker-credential-NAME`, one word as argument, the rest on standard input and output.
//!
//! | argument | standard input | standard output |
//! |---|---|---|
//! | `get` | the registry | `{"ServerURL", "Username", "Secret"}` |
//! | `store` | the same as JSON | nothing |
//! | `erase` | the registry | nothing |
//!
//! Invariant: a secret is never an argument; what a program says is bounded in size and in time.

use std::sync::atomic::AtomicBool;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::RegistryError;
use crate::sys::http::Credentials;
use crate::sys::process::{Filter, ProcessError, find_program};
use crate::sys::{Host, Secret};

/// How long a helper may take. It may have to ask its user to unlock a keyring.
const PATIENCE: Duration = Duration::from_secs(60);
/// Most bytes of an answer.
const MOST_BYTES: u64 = 1 << 20;
/// How helpers say that they have nothing. Source: docker-credential-helpers.
const NOTHING: &str = "credentials not found";
/// The user name that stands for a refresh token. Source: docker-credential-helpers.
pub(super) const TOKEN_USER: &str = "<token>";

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Entry {
    #[serde(rename = "ServerURL", default)]
    server: String,
    #[serde(default)]
    username: String,
    #[serde(default)]
    secret: String,
}

/// What a helper knows of a registry.
///
/// # Errors
/// It cannot be run, fails, or answers with something else.
pub(super) fn get(host: &Host, name: &str, registry: &str) -> Result<Option<Credentials>, RegistryError> {
    match run(host, name, "get", registry.as_bytes().to_vec()) {
        Ok(answer) => {
            let entry: Entry = serde_json::from_slice(&answer)
                .map_err(|_| failed(name, "its answer is not what helpers say"))?;
            Ok(Some(Credentials { username: entry.username, password: Secret::new(entry.secret) }))
        }
        Err(error) if has_nothing(&error) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Lets a helper keep credentials.
///
/// # Errors
/// It cannot be run or fails.
pub(super) fn store(
    host: &Host,
    name: &str,
    registry: &str,
    credentials: &Credentials,
) -> Result<(), RegistryError> {
    let entry = Entry {
        server: registry.to_string(),
        username: credentials.username.clone(),
        secret: credentials.password.reveal().to_string(),
    };
    let input = serde_json::to_vec(&entry)
        .map_err(|error| RegistryError::Unwritable { reason: error.to_string() })?;
    run(host, name, "store", input).map(drop)
}

/// Lets a helper forget credentials. One that has none is content.
///
/// # Errors
/// It cannot be run or fails.
pub(super) fn erase(host: &Host, name: &str, registry: &str) -> Result<(), RegistryError> {
    match run(host, name, "erase", registry.as_bytes().to_vec()) {
        Err(error) if has_nothing(&error) => Ok(()),
        done => done.map(drop),
    }
}

/// Whether a helper failed for want of what it was asked for.
fn has_nothing(error: &RegistryError) -> bool {
    let RegistryError::HelperProcess { source, .. } = error else { return false };
    matches!(&**source, ProcessError::Failed { output, errors, .. }
        if output.reveal().contains(NOTHING) || errors.contains(NOTHING))
}

fn run(host: &Host, name: &str, word: &str, input: Vec<u8>) -> Result<Vec<u8>, RegistryError> {
    // The name comes from a file and becomes part of a program's name.
    let plain = name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_' || b == b'.');
    if name.is_empty() || !plain {
        return Err(failed(name, "that is no name of a helper"));
    }
    let helper = format!("docker-credential-{name}");
    let Some(program) = find_program(host, &helper) else {
        return Err(failed(&helper, "there is no such program on the PATH"));
    };
    let filter = Filter {
        program: &program,
        arguments: &[word.to_string()],
        timeout: PATIENCE,
        limit: MOST_BYTES,
        // Ctrl-C reaches the helper by itself: it is in the same group of processes.
        interrupted: &AtomicBool::new(false),
    };
    let failed = |source| RegistryError::HelperProcess { helper, source: Box::new(source) };
    filter.run(host, input).map_err(failed)
}

fn failed(helper: &str, reason: &str) -> RegistryError {
    RegistryError::Helper { helper: helper.to_string(), reason: reason.to_string() }
}
