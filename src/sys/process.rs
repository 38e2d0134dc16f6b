//! Which processes there are, as far as the system tells it in files; and programs that are run as filters.
//!
//! Invariant: "not running" is said only when it is certain; where the system tells nothing, nothing is said. A program
//! that is run here is started without a shell, and its time and its output are bounded.

use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use super::fs::{self, Kind};
use super::{Host, Secret};

/// Largest file below /proc that is read.
const MOST_BYTES: u64 = 4_096;

/// Names the set of processes that a process number belongs to: this start of the machine, this process namespace, this
/// user. Two processes whose scopes are equal can look each other up by number. `None` where the system has no such files.
pub fn scope() -> Option<String> {
    let boot = fs::read_text(Path::new("/proc/sys/kernel/random/boot_id"), MOST_BYTES).ok()?;
    let namespace = fs::link_target(Path::new("/proc/self/ns/pid"))?.display().to_string();
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

/// Most bytes of a program's standard error that are kept.
const MOST_ERRORS: u64 = 64 << 10;
/// How often a running program is looked at.
const PAUSE: Duration = Duration::from_millis(5);
/// How long after a program's failure its pipes may stay open, held by programs that it started.
const GRACE: Duration = Duration::from_secs(2);

/// Why a program gave nothing.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ProcessError {
    /// It cannot be started.
    #[error("cannot start {}: {}", program.display(), fs::plain(source))]
    Start {
        /// The program.
        program: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// It could not be watched.
    #[error("cannot wait for {}: {}", program.display(), fs::plain(source))]
    Wait {
        /// The program.
        program: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// It ended with a failure. The form of the text is Helm's.
    #[error("error while running command {}. error output:\n{errors}\n: {status}", program.display())]
    Failed {
        /// The program.
        program: PathBuf,
        /// `exit status 3`, `signal 9`.
        status: String,
        /// What it wrote to standard error, without line breaks at the end.
        errors: String,
        /// What it wrote to standard output, which is nobody's to see.
        output: Secret,
    },
    /// It took too long and was stopped.
    #[error("{} did not finish within {} s and was stopped", program.display(), after.as_secs_f32())]
    TimedOut {
        /// The program.
        program: PathBuf,
        /// The time that it had.
        after: Duration,
    },
    /// It ended, and its output did not: a program that it started may still write some.
    #[error("{} ended, but a program that it started kept its output open for {} s", program.display(), after.as_secs_f32())]
    OutputOpen {
        /// The program.
        program: PathBuf,
        /// The time that both had.
        after: Duration,
    },
    /// It wrote too much and was stopped.
    #[error("{} wrote more than {limit} bytes and was stopped", program.display())]
    TooMuch {
        /// The program.
        program: PathBuf,
        /// The bound in bytes.
        limit: u64,
    },
    /// The user interrupted.
    #[error("{} was stopped: interrupted", program.display())]
    Interrupted {
        /// The program.
        program: PathBuf,
    },
}

impl crate::diag::Hint for ProcessError {
    fn hints(&self) -> Vec<String> {
        match self {
            ProcessError::Start { source, .. } if source.kind() == std::io::ErrorKind::PermissionDenied => {
                vec!["the file must be executable: chmod +x".to_string()]
            }
            ProcessError::Start { .. } => {
                vec!["a script needs a first line that names its interpreter, such as #!/bin/sh".to_string()]
            }
            ProcessError::TimedOut { .. } => vec!["--timeout gives it more time".to_string()],
            ProcessError::OutputOpen { .. } => vec![
                "what it leaves running should have its own output: add `>/dev/null` to it, or let the program wait for it"
                    .to_string(),
            ],
            _ => Vec::new(),
        }
    }
}

/// A program that reads its input to the end and writes its output.
#[derive(Debug, Clone, Copy)]
pub struct Filter<'a> {
    /// The file to start.
    pub program: &'a Path,
    /// Its arguments.
    pub arguments: &'a [String],
    /// How long it may take.
    pub timeout: Duration,
    /// Most bytes of output.
    pub limit: u64,
    /// Set when the user asked to stop.
    pub interrupted: &'a AtomicBool,
}

/// The file that a program's name means: with a slash a path from the working folder, otherwise the first one on `PATH`.
pub fn find_program(host: &Host, name: &str) -> Option<PathBuf> {
    let is_program = |path: &PathBuf| fs::kind(path) == Kind::File;
    if name.contains(std::path::MAIN_SEPARATOR) || name.contains('/') {
        return Some(host.resolve(name)).filter(is_program);
    }
    let folders = std::env::split_paths(host.var("PATH")?).filter(|folder| folder.is_absolute());
    folders.map(|folder| folder.join(name)).find(is_program)
}

impl Filter<'_> {
    /// Runs the program with an input, in the host's working folder and environment, and returns its output.
    ///
    /// # Errors
    /// It cannot be started, fails, takes too long or writes too much; its output does not end. Half an output is none.
    pub fn run(&self, host: &Host, input: Vec<u8>) -> Result<Vec<u8>, ProcessError> {
        let program = || self.program.to_path_buf();
        let mut child = Command::new(self.program)
            .args(self.arguments)
            .current_dir(&host.cwd)
            .env_clear()
            .envs(host.env.iter())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|source| ProcessError::Start { program: program(), source })?;
        if let Some(mut pipe) = child.stdin.take() {
            // A program that does not want its input closes the pipe; its exit code says whether that is a failure.
            std::thread::spawn(move || {
                let _ = pipe.write_all(&input);
            });
        }
        let full = Arc::new(AtomicBool::new(false));
        let output = drain(child.stdout.take(), self.limit, Some(Arc::clone(&full)));
        let errors = drain(child.stderr.take(), MOST_ERRORS, None);
        let start = Instant::now();
        let ended = self.watch(&mut child, start, &full);
        if ended.is_err() {
            // It may have ended meanwhile.
            let _ = child.kill();
            let _ = child.wait();
        }
        let status = ended?;
        if status.success() {
            return self.whole(&output, start, &full);
        }
        let output = output.recv_timeout(GRACE).unwrap_or_default();
        // One whose output is not read any more fails, too.
        self.check(&full)?;
        let errors = errors.recv_timeout(GRACE).unwrap_or_default();
        let errors = String::from_utf8_lossy(&errors).trim_end().to_string();
        let output = Secret::new(String::from_utf8_lossy(&output));
        Err(ProcessError::Failed { program: program(), status: status_text(status), errors, output })
    }

    /// Waits until the program ends or has to be stopped.
    fn watch(
        &self,
        child: &mut Child,
        start: Instant,
        full: &AtomicBool,
    ) -> Result<ExitStatus, ProcessError> {
        let program = || self.program.to_path_buf();
        loop {
            match child.try_wait() {
                Ok(Some(status)) => return Ok(status),
                Ok(None) => {}
                Err(source) => return Err(ProcessError::Wait { program: program(), source }),
            }
            self.check(full)?;
            if start.elapsed() > self.timeout {
                return Err(ProcessError::TimedOut { program: program(), after: self.timeout });
            }
            std::thread::sleep(PAUSE);
        }
    }

    /// The whole output of a program that ended: what it started may go on writing.
    fn whole(
        &self,
        output: &Receiver<Vec<u8>>,
        start: Instant,
        full: &AtomicBool,
    ) -> Result<Vec<u8>, ProcessError> {
        loop {
            let found = output.recv_timeout(PAUSE);
            self.check(full)?;
            if let Ok(found) = found {
                return Ok(found);
            }
            if found == Err(RecvTimeoutError::Disconnected) || start.elapsed() > self.timeout {
                return Err(ProcessError::OutputOpen {
                    program: self.program.to_path_buf(),
                    after: self.timeout,
                });
            }
        }
    }

    fn check(&self, full: &AtomicBool) -> Result<(), ProcessError> {
        let program = || self.program.to_path_buf();
        if full.load(Ordering::Relaxed) {
            return Err(ProcessError::TooMuch { program: program(), limit: self.limit });
        }
        if self.interrupted.load(Ordering::Relaxed) {
            return Err(ProcessError::Interrupted { program: program() });
        }
        Ok(())
    }
}

/// Reads a pipe to its end on a thread of its own, keeps at most `limit` bytes, and tells when there were more.
fn drain(
    pipe: Option<impl Read + Send + 'static>,
    limit: u64,
    full: Option<Arc<AtomicBool>>,
) -> Receiver<Vec<u8>> {
    let (send, receive) = channel();
    std::thread::spawn(move || {
        let mut kept = Vec::new();
        if let Some(mut pipe) = pipe {
            // What cannot be read any more is as good as the end.
            let _ = pipe.by_ref().take(limit).read_to_end(&mut kept);
            let more = std::io::copy(&mut pipe.by_ref().take(1), &mut std::io::sink()).unwrap_or(0);
            match full {
                Some(full) if more > 0 => full.store(true, Ordering::Relaxed),
                _ => drop(std::io::copy(&mut pipe, &mut std::io::sink())),
            }
        }
        // Nobody waits when the program was stopped.
        let _ = send.send(kept);
    });
    receive
}

/// How a program ended, in Go's words.
fn status_text(status: ExitStatus) -> String {
    match status.code() {
        Some(code) => format!("exit status {code}"),
        None => status.to_string(),
    }
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

    fn filter(script: &str, timeout: Duration, limit: u64) -> Result<Vec<u8>, ProcessError> {
        let host = Host::of_process().unwrap();
        let program = find_program(&host, "sh").expect("a shell");
        let arguments = ["-c".to_string(), script.to_string()];
        let filter = Filter {
            program: &program,
            arguments: &arguments,
            timeout,
            limit,
            interrupted: &AtomicBool::new(false),
        };
        filter.run(&host, vec![b'x'; 300_000])
    }

    #[cfg(unix)]
    #[test]
    fn a_filter_gets_its_input_and_its_failures_are_told() {
        let long = Duration::from_secs(60);
        assert_eq!(filter("cat", long, 1 << 20).unwrap(), vec![b'x'; 300_000]);
        assert_eq!(filter("exit 0", long, 10).unwrap(), b"");
        let failed = filter("echo no >&2; exit 3", long, 10).unwrap_err().to_string();
        assert!(failed.ends_with("error output:\nno\n: exit status 3"), "{failed}");
        let start = Instant::now();
        assert!(matches!(filter("cat", long, 1000), Err(ProcessError::TooMuch { limit: 1000, .. })));
        assert!(matches!(
            filter("sleep 30", Duration::from_millis(50), 10),
            Err(ProcessError::TimedOut { .. })
        ));
        assert!(start.elapsed() < Duration::from_secs(20));
        // What a program leaves running may write the rest.
        assert_eq!(filter("(sleep 3; echo late) & cat >/dev/null", long, 10).unwrap(), b"late\n");
        let open = filter("sleep 30 & cat >/dev/null", Duration::from_millis(300), 10).unwrap_err();
        assert!(matches!(open, ProcessError::OutputOpen { .. }), "{open}");
    }

    #[test]
    fn programs_are_found_by_path_or_name() {
        let host = Host::of_process().unwrap();
        assert_eq!(find_program(&host, "./no/such/program"), None);
        assert_eq!(find_program(&host, "no-such-program-anywhere"), None);
    }
}
