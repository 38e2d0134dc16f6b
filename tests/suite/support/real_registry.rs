//! A real registry that a test starts for itself, since it has to know something of the test: where its token service is.
//!
//! Invariant: it chooses its port itself and tells it, so nobody else can have taken it; it ends with the test.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use serde_json::{Value, json};

use super::skip::server_is_missing;

/// Longest wait for what comes at once unless the machine is very busy.
const PATIENCE: Duration = Duration::from_secs(120);

/// A docker-registry that runs.
pub struct RealRegistry {
    child: Child,
    /// `127.0.0.1:PORT`.
    pub host: String,
    log: Receiver<String>,
}

impl RealRegistry {
    /// Starts one that keeps what it gets below a folder and lets in whom `auth` of its configuration says; `None`, with a
    /// line that says so, without the program.
    pub fn start(folder: &Path, auth: &Value) -> Option<Self> {
        let servers = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/servers/servers");
        let ran = Command::new(servers).args(["path", "registry"]).output();
        let Some(ran) = ran.ok().filter(|ran| ran.status.success()) else {
            server_is_missing("there is no docker-registry");
            return None;
        };
        let config = json!({
            "version": 0.1,
            "log": { "level": "info" },
            "storage": { "filesystem": { "rootdirectory": folder.join("registry") }, "delete": { "enabled": true } },
            "http": { "addr": "127.0.0.1:0", "secret": "of no use outside" },
            "auth": auth,
        });
        let file = folder.join("registry.yml");
        // JSON is YAML.
        std::fs::write(&file, config.to_string()).unwrap();
        let mut child = Command::new(String::from_utf8_lossy(&ran.stdout).trim())
            .arg("serve")
            .arg(&file)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let stderr = BufReader::new(child.stderr.take().unwrap());
        let (sender, log) = channel();
        // Reads to the end, so that the registry never waits for a reader.
        std::thread::spawn(move || {
            stderr.lines().map_while(Result::ok).for_each(|line| drop(sender.send(line)));
        });
        let mut registry = RealRegistry { child, host: String::new(), log };
        registry.host = registry.listening();
        Some(registry)
    }

    /// The address that it tells in its log.
    fn listening(&self) -> String {
        let mut said = Vec::new();
        while let Ok(line) = self.log.recv_timeout(PATIENCE) {
            if let Some((_, rest)) = line.split_once("listening on ") {
                return rest.split(['"', ' ', ',']).next().unwrap_or_default().to_string();
            }
            said.push(line);
        }
        panic!("the registry does not listen: {said:?}");
    }
}

impl Drop for RealRegistry {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
