//! The world that end-to-end tests run the real binary in: a folder of its own, an environment with nothing in it but a
//! home, and output in which paths, times and random parts are replaced by words.
//!
//! Invariant: two tests share nothing, and no test sees the machine's own configuration.

pub mod archive;
pub mod authority;
pub mod cases;
pub mod gpg;
pub mod helm;
pub mod hostile;
pub mod http;
pub mod real_registry;
pub mod registry;
pub mod render;
pub mod skip;
pub mod world;
pub mod wrapped;

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use regex::Regex;

/// A folder and an environment for one test.
pub struct Env {
    root: tempfile::TempDir,
    variables: Vec<(String, String)>,
    program: PathBuf,
}

/// What a run left: everything normalised by [`Env::normalise`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ran {
    /// The words, for messages.
    pub line: String,
    /// Standard output.
    pub stdout: String,
    /// Standard error.
    pub stderr: String,
    /// The exit code; `None` when a signal ended it.
    pub code: Option<i32>,
}

impl Default for Env {
    fn default() -> Self {
        Self::new()
    }
}

impl Env {
    /// A new world. The working folder is empty, `HOME` is beside it, the namespace is `default`, the zone UTC.
    pub fn new() -> Self {
        let root = tempfile::tempdir().expect("a temporary folder can be made");
        for folder in ["home", "work"] {
            std::fs::create_dir(root.path().join(folder)).expect("the temporary folder can be written");
        }
        let home = root.path().join("home").display().to_string();
        let variables = [("HOME", home.as_str()), ("TZ", "UTC"), ("USER", "tester")]
            .map(|(name, value)| (name.to_string(), value.to_string()))
            .to_vec();
        Env { root, variables, program: PathBuf::from(env!("CARGO_BIN_EXE_bowline")) }
    }

    /// Sets a variable for every run.
    #[must_use]
    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.variables.push((name.to_string(), value.to_string()));
        self
    }

    /// Runs the program under another name, through a link.
    #[must_use]
    pub fn named(mut self, name: &str) -> Self {
        let link = self.root.path().join(name);
        // A hard link or a copy works where symbolic links need rights.
        if std::fs::hard_link(&self.program, &link).is_err() {
            std::fs::copy(&self.program, &link).expect("the program can be copied");
        }
        self.program = link;
        self
    }

    /// The working folder.
    pub fn work(&self) -> PathBuf {
        self.root.path().join("work")
    }

    /// The home folder.
    pub fn home(&self) -> PathBuf {
        self.root.path().join("home")
    }

    /// A path below the working folder.
    pub fn path(&self, relative: &str) -> PathBuf {
        self.work().join(relative)
    }

    /// Writes a file below the working folder; folders are made.
    pub fn write(&self, relative: &str, text: &str) -> PathBuf {
        let path = self.path(relative);
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder).expect("folders can be made");
        }
        std::fs::write(&path, text).expect("files can be written");
        path
    }

    /// Reads a file below the working folder.
    #[allow(dead_code, reason = "the tests of commands that write files read them")]
    pub fn read(&self, relative: &str) -> String {
        std::fs::read_to_string(self.path(relative))
            .unwrap_or_else(|error| panic!("{relative} cannot be read: {error}"))
    }

    /// Copies a folder's files into the working folder.
    pub fn copy_in(&self, from: &Path) {
        copy_folder(from, &self.work());
    }

    /// The program with the environment, not started yet.
    pub fn command<'a>(&self, words: impl IntoIterator<Item = &'a str>) -> Command {
        let mut command = Command::new(&self.program);
        command.args(words).current_dir(self.work()).env_clear();
        command.envs(self.variables.iter().map(|(name, value)| (name, value)));
        command
    }

    /// Runs the program with the words of a line, split at spaces; parts in single quotes stay together.
    pub fn run(&self, line: &str) -> Ran {
        self.run_with_input(line, "")
    }

    /// Runs the program with a text on its standard input.
    pub fn run_with_input(&self, line: &str, input: &str) -> Ran {
        let words = split(line);
        let mut child = self
            .command(words.iter().map(String::as_str))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the program starts");
        if let Some(mut stdin) = child.stdin.take() {
            // The program may end without reading.
            let _ = stdin.write_all(input.as_bytes());
        }
        let output = child.wait_with_output().expect("the program ends");
        let text = |bytes: &[u8]| self.normalise(&String::from_utf8_lossy(bytes));
        Ran {
            line: line.to_string(),
            stdout: text(&output.stdout),
            stderr: text(&output.stderr),
            code: output.status.code(),
        }
    }

    /// Replaces what differs between runs: `[WORK]`, `[HOME]`, `[ROOT]`, `[TIME]`, `[DURATION]`, `[UID]`, `[PORT]`.
    pub fn normalise(&self, text: &str) -> String {
        let mut text = text.to_string();
        for (folder, word) in
            [(self.work(), "[WORK]"), (self.home(), "[HOME]"), (self.root.path().to_path_buf(), "[ROOT]")]
        {
            text = text.replace(&folder.display().to_string(), word);
        }
        for (pattern, word) in [
            (r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+)?( ?[+-]\d\d:?\d\d( [A-Z]{3,4})?|Z)?", "[TIME]"),
            (r"(createdAt|modifiedAt)=\d+", "$1=[TIME]"),
            (r"(Mon|Tue|Wed|Thu|Fri|Sat|Sun) [A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d \d{4}", "[TIME]"),
            (r"\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b", "[UID]"),
            (r"\b127\.0\.0\.1:\d{2,5}\b", "127.0.0.1:[PORT]"),
        ] {
            text = Regex::new(pattern).expect("the pattern is valid").replace_all(&text, word).into_owned();
        }
        text
    }

    /// Starts the program in the background and waits for a line with an address of this machine.
    #[allow(dead_code, reason = "the tests of repositories start it")]
    pub fn serve(&self, line: &str) -> Server {
        let words = split(line);
        let mut child = self
            .command(words.iter().map(String::as_str))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the program starts");
        let (sender, receiver) = std::sync::mpsc::channel();
        let streams: [Box<dyn std::io::Read + Send>; 2] = [
            Box::new(child.stdout.take().expect("it was asked for")),
            Box::new(child.stderr.take().expect("it was asked for")),
        ];
        for stream in streams {
            let sender = sender.clone();
            // Reads on after the address, so that the server never blocks on a full pipe.
            std::thread::spawn(move || {
                for line in BufReader::new(stream).lines().map_while(Result::ok) {
                    let _ = sender.send(line);
                }
            });
        }
        drop(sender);
        let address = Regex::new(r"127\.0\.0\.1:(\d+)").expect("the pattern is valid");
        let start = Instant::now();
        let mut said = Vec::new();
        while start.elapsed() < Duration::from_secs(120) {
            let Ok(line) = receiver.recv_timeout(Duration::from_millis(100)) else { continue };
            if let Some(found) = address.captures(&line).and_then(|found| found[1].parse().ok()) {
                return Server { child, port: found };
            }
            said.push(line);
        }
        let _ = child.kill();
        let _ = child.wait();
        panic!("`{line}` named no address within two minutes: {said:?}");
    }
}

/// A program in the background; it ends with the test.
#[allow(dead_code, reason = "the tests of repositories start it")]
pub struct Server {
    child: Child,
    /// The port it listens on.
    pub port: u16,
}

#[allow(dead_code, reason = "the tests of repositories start it")]
impl Server {
    /// Its address as a URL without a path.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Ran {
    /// Demands success.
    #[track_caller]
    pub fn ok(self) -> Self {
        self.exits(0)
    }

    /// Demands an exit code.
    #[track_caller]
    pub fn exits(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "`{}`\n{}{}", self.line, self.stdout, self.stderr);
        self
    }

    /// Demands standard output.
    #[track_caller]
    pub fn prints(self, expected: &str) -> Self {
        assert_eq!(self.stdout, expected, "`{}` (stderr: {})", self.line, self.stderr);
        self
    }

    /// Demands standard error.
    #[track_caller]
    pub fn complains(self, expected: &str) -> Self {
        assert_eq!(self.stderr, expected, "`{}` (stdout: {})", self.line, self.stdout);
        self
    }
}

/// Words of a line: split at spaces, with parts in single or double quotes kept together.
pub fn split(line: &str) -> Vec<String> {
    let (mut words, mut word, mut quote, mut any) = (Vec::new(), String::new(), None, false);
    for c in line.chars() {
        match (c, quote) {
            (c, Some(open)) if c == open => quote = None,
            ('\'' | '"', None) => {
                quote = Some(c);
                any = true;
            }
            (c, None) if c.is_whitespace() => {
                if any || !word.is_empty() {
                    words.push(std::mem::take(&mut word));
                }
                any = false;
            }
            (c, _) => word.push(c),
        }
    }
    if any || !word.is_empty() {
        words.push(word);
    }
    words
}

/// Copies a folder with all below it.
pub fn copy_folder(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).expect("folders can be made");
    for entry in std::fs::read_dir(from).unwrap_or_else(|error| panic!("{}: {error}", from.display())) {
        let path = entry.expect("folders can be read").path();
        let target = to.join(path.file_name().expect("entries have names"));
        if path.is_dir() {
            copy_folder(&path, &target);
        } else {
            std::fs::copy(&path, &target).expect("files can be copied");
        }
    }
}
