//! GnuPG with a home of its own, which tests take as the other program for keys and signatures.

use std::path::PathBuf;
use std::process::Command;

/// GnuPG's home; its agent ends with it.
pub struct Gpg {
    home: tempfile::TempDir,
}

impl Gpg {
    /// A new home; `None`, with a line that says so, without the program.
    pub fn new() -> Option<Self> {
        if Command::new("gpg").arg("--version").output().is_err() {
            super::skip::server_is_missing("there is no gpg");
            return None;
        }
        let home = tempfile::Builder::new().prefix("g").tempdir().expect("a temporary folder can be made");
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            std::fs::set_permissions(home.path(), std::fs::Permissions::from_mode(0o700))
                .expect("it is ours");
        }
        Some(Gpg { home })
    }

    /// Its folder, where the keybox is.
    pub fn home(&self) -> PathBuf {
        self.home.path().to_path_buf()
    }

    /// Runs it and returns both of its outputs, and whether it succeeded.
    pub fn run(&self, words: &[&str]) -> (bool, String) {
        let ran = Command::new("gpg")
            .args(["--batch", "--no-tty", "--pinentry-mode", "loopback", "--yes", "--homedir"])
            .arg(self.home.path())
            .args(words)
            .output()
            .expect("gpg starts");
        let text = [&ran.stdout[..], &ran.stderr[..]].concat();
        (ran.status.success(), String::from_utf8_lossy(&text).into_owned())
    }

    /// Runs it and demands success.
    #[track_caller]
    pub fn ok(&self, words: &[&str]) -> String {
        let (done, text) = self.run(words);
        assert!(done, "gpg {words:?}: {text}");
        text
    }
}

impl Drop for Gpg {
    fn drop(&mut self) {
        // The agent of this home alone.
        let _ =
            Command::new("gpgconf").arg("--homedir").arg(self.home.path()).args(["--kill", "all"]).output();
    }
}
