//! Helm itself, which tests take as the oracle and as the other client of a cluster.

use std::path::{Path, PathBuf};
use std::process::Command;

/// The program `helm4` or `helm3`, as `tests/servers/servers` installs them; `None`, with a line that says so, without it.
/// `BOWLINE_HELM` names another Helm 4.
pub fn helm(generation: &str) -> Option<PathBuf> {
    if generation == "helm4"
        && let Some(named) = std::env::var_os("BOWLINE_HELM")
    {
        return Some(PathBuf::from(named));
    }
    let servers = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/servers/servers");
    let ran = Command::new(servers).args(["path", generation]).output().ok();
    let path =
        ran.filter(|ran| ran.status.success()).map(|ran| String::from_utf8_lossy(&ran.stdout).into_owned());
    let found = path.map(|path| PathBuf::from(path.trim())).filter(|path| path.is_file());
    if found.is_none() {
        super::skip::server_is_missing(&format!("there is no {generation}"));
    }
    found
}

/// Runs Helm with nothing but a home, which it works in, and returns what it says on standard output and standard error. It
/// must succeed.
pub fn helm_at_home(helm: &Path, home: &Path, arguments: &[&str]) -> (String, String) {
    let output =
        Command::new(helm).args(arguments).env_clear().env("HOME", home).current_dir(home).output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let (out, err) = (text(&output.stdout), text(&output.stderr));
    assert!(output.status.success(), "{arguments:?}: {err}");
    (out, err)
}
