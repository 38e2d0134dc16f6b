//! The only printer: data to standard output, everything else to standard error.
//!
//! Text carries labels ([`Label`]), not colours; whether a label becomes a colour is decided here, once. Diagnostics have
//! the form that Helm's have, so that tools that read its standard error read ours: `level=WARN msg="…" key=value`.
//!
//! Charts, archives, indexes and clusters name things, and their texts come through here. A terminal gets them without what
//! would steer it (`harmless`); elsewhere they stay byte for byte.
//!
//! Invariants: nothing else in the crate prints; a warning is said once; no meaning is in a colour alone.

use std::collections::BTreeSet;
use std::fmt::Display;
use std::io::{self, IsTerminal, Write};
use std::sync::{Arc, Mutex, PoisonError};

use super::error::{Failure, output_failure};
use super::parse;
use crate::sys::Secret;

/// Where a program's output goes.
pub struct Streams {
    /// Data.
    pub out: Box<dyn Write + Send>,
    /// Everything else.
    pub err: Box<dyn Write + Send>,
    /// Whether `out` is a terminal.
    pub out_is_terminal: bool,
    /// Whether `err` is a terminal.
    pub err_is_terminal: bool,
    /// Whether somebody can be asked: standard input is a terminal.
    pub in_is_terminal: bool,
    /// Columns and rows of that terminal, asked anew each time; `None` when it does not tell.
    pub err_size: fn() -> Option<(usize, usize)>,
}

impl Streams {
    /// The process's own.
    pub fn of_process() -> Self {
        let (out, err) = (io::stdout(), io::stderr());
        Streams {
            out_is_terminal: out.is_terminal(),
            err_is_terminal: err.is_terminal(),
            in_is_terminal: io::stdin().is_terminal(),
            // A manifest of a megabyte is written in few calls, yet `serve` and progress still come out at once,
            // because every print ends in a flush.
            out: Box::new(io::BufWriter::with_capacity(64 * 1024, out)),
            err: Box::new(err),
            err_size: || {
                let (columns, rows) = terminal_size::terminal_size_of(io::stderr())?;
                Some((usize::from(columns.0), usize::from(rows.0)))
            },
        }
    }
}

/// When to colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ColourMode {
    /// On terminals.
    #[default]
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// What a piece of text is, which decides its colour. Helm's choices.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Label {
    /// The first row of a table.
    Header,
    /// A namespace.
    Namespace,
    /// A status that is good.
    Good,
    /// A status that is bad, and the word `Error`.
    Bad,
    /// A status that will pass, and warnings.
    Pending,
    /// Advice.
    Advice,
    /// What is of less weight: line numbers, bars.
    Faint,
}

impl Label {
    /// The label of a release's status word; `None` for those that have no colour.
    pub fn of_status(status: &str) -> Option<Label> {
        match status {
            "deployed" => Some(Label::Good),
            "failed" | "unknown" => Some(Label::Bad),
            "pending-install" | "pending-upgrade" | "pending-rollback" | "uninstalling" => {
                Some(Label::Pending)
            }
            _ => None,
        }
    }

    fn codes(self) -> (&'static str, &'static str) {
        match self {
            Label::Header => ("\u{1b}[1m", "\u{1b}[22m"),
            Label::Namespace | Label::Advice => ("\u{1b}[36m", "\u{1b}[0m"),
            Label::Good => ("\u{1b}[32m", "\u{1b}[0m"),
            Label::Bad => ("\u{1b}[31m", "\u{1b}[0m"),
            Label::Pending => ("\u{1b}[33m", "\u{1b}[0m"),
            Label::Faint => ("\u{1b}[2m", "\u{1b}[22m"),
        }
    }
}

/// The codes that [`Paint`] writes.
const PAINTED: [&str; 8] = [
    "\u{1b}[1m",
    "\u{1b}[22m",
    "\u{1b}[36m",
    "\u{1b}[0m",
    "\u{1b}[32m",
    "\u{1b}[31m",
    "\u{1b}[33m",
    "\u{1b}[2m",
];

/// What a terminal shows in place of a character that would steer it.
const STAND_IN: &str = "\u{fffd}";

/// Whether a terminal does something for a character other than showing it, or shows what follows in another order.
fn steers(c: char) -> bool {
    (c.is_control() && !matches!(c, '\t' | '\n'))
        || matches!(c, '\u{61c}' | '\u{200b}' | '\u{200e}' | '\u{200f}')
        || matches!(c, '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// A text for a terminal: what would steer it becomes `stand_in`, but for our own colours where they are on, and line ends
/// of Windows.
fn harmless(text: &str, paint: Paint, stand_in: &str) -> String {
    let mut kept = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((at, c)) = rest.char_indices().find(|(_, c)| steers(*c)) {
        let (plain, behind) = rest.split_at(at);
        kept.push_str(plain);
        let ours = PAINTED.iter().find(|codes| paint.is_on() && behind.starts_with(**codes));
        let taken = match ours {
            Some(codes) => codes.len(),
            None if behind.starts_with("\r\n") => 1,
            None => 0,
        };
        let (ours, behind) = behind.split_at(taken);
        kept.push_str(ours);
        rest = behind;
        if taken == 0 {
            kept.push_str(stand_in);
            rest = rest.get(c.len_utf8()..).unwrap_or("");
        }
    }
    kept + rest
}

/// Turns labels into colours, or leaves text as it is.
#[derive(Debug, Clone, Copy, Default)]
pub struct Paint {
    coloured: bool,
}

impl Paint {
    /// A painter that colours or not.
    pub fn new(coloured: bool) -> Self {
        Paint { coloured }
    }

    /// The text with the label's colour around it; empty text stays empty.
    pub fn label(self, label: Label, text: &str) -> String {
        if !self.coloured || text.is_empty() {
            return text.to_string();
        }
        let (on, off) = label.codes();
        format!("{on}{text}{off}")
    }

    /// The text with a colour where it has a label.
    pub fn maybe(self, label: Option<Label>, text: &str) -> String {
        label.map_or_else(|| text.to_string(), |label| self.label(label, text))
    }

    /// Whether colours are on.
    pub fn is_on(self) -> bool {
        self.coloured
    }
}

/// How serious a diagnostic line is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// Shown with --debug only.
    Debug,
    /// Worth knowing.
    Info,
    /// Probably a mistake.
    Warn,
    /// Something failed.
    Error,
}

impl Level {
    fn word(self) -> &'static str {
        match self {
            Level::Debug => "DEBUG",
            Level::Info => "INFO",
            Level::Warn => "WARN",
            Level::Error => "ERROR",
        }
    }
}

struct State {
    streams: Streams,
    said: BTreeSet<String>,
    /// So many lines of a frame stand on the terminal, the cursor at the start of the line below them: what ends the
    /// process without a word leaves a terminal that can be used.
    drawn: usize,
}

impl State {
    /// Writes lines in place of those of the last frame, in one write, so that nothing flickers.
    fn draw(&mut self, lines: &[String]) {
        let mut text = if self.drawn > 0 { format!("\r\x1b[{}A", self.drawn) } else { String::new() };
        for line in lines {
            text += line;
            text += if self.drawn > 0 { "\x1b[K\n" } else { "\n" };
        }
        if self.drawn > 0 {
            text += "\x1b[J";
        }
        self.drawn = lines.len();
        let _ = self.streams.err.write_all(text.as_bytes());
        let _ = self.streams.err.flush();
    }

    /// Takes the frame away, so that what follows has the place.
    fn clear(&mut self) {
        if self.drawn > 0 {
            self.draw(&[]);
        }
    }
}

/// The printer of one run; clones print to the same place.
#[derive(Clone)]
pub struct Ui {
    state: Arc<Mutex<State>>,
    /// Colours of standard output.
    pub paint: Paint,
    /// Colours of standard error.
    pub err_paint: Paint,
    err_is_terminal: bool,
    out_is_terminal: bool,
    in_is_terminal: bool,
    debug: bool,
}

impl Ui {
    /// A printer; `mode` is what the flags and the environment ask for.
    pub fn new(streams: Streams, mode: ColourMode, debug: bool) -> Self {
        let coloured = |terminal| mode == ColourMode::Always || (mode == ColourMode::Auto && terminal);
        Ui {
            paint: Paint::new(coloured(streams.out_is_terminal)),
            err_paint: Paint::new(coloured(streams.err_is_terminal)),
            err_is_terminal: streams.err_is_terminal,
            out_is_terminal: streams.out_is_terminal,
            in_is_terminal: streams.in_is_terminal,
            debug,
            state: Arc::new(Mutex::new(State { streams, said: BTreeSet::new(), drawn: 0 })),
        }
    }

    /// Whether `--debug` is on.
    pub fn is_debug(&self) -> bool {
        self.debug
    }

    /// Whether a person reads standard output.
    pub fn out_is_terminal(&self) -> bool {
        self.out_is_terminal
    }

    /// Whether failures are told with all that is known of them: a person reads standard error, or asked for details.
    /// Else they are Helm's message, which scripts may look at, and what cannot be mistaken for another place.
    pub fn tells_all(&self) -> bool {
        self.err_is_terminal || self.debug || self.err_paint.is_on()
    }

    /// Columns and rows of the terminal that standard error is; `None` when it is none, or does not tell.
    pub fn err_size(&self) -> Option<(usize, usize)> {
        self.err_is_terminal.then(|| self.with(|state| (state.streams.err_size)())).flatten()
    }

    fn with<T>(&self, act: impl FnOnce(&mut State) -> T) -> T {
        // A panic of another printing thread leaves at worst half a line behind; that must not silence this one.
        act(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Writes data as it is.
    ///
    /// # Errors
    /// Standard output cannot be written; a closed pipe is a quiet failure that ends in success.
    pub fn out(&self, text: &str) -> Result<(), Failure> {
        self.out_bytes(text.as_bytes())
    }

    /// Writes data that may be no text.
    ///
    /// # Errors
    /// As [`Ui::out`].
    pub fn out_bytes(&self, bytes: &[u8]) -> Result<(), Failure> {
        self.out_from(|out| out.write_all(bytes))
    }

    /// Writes data that comes in pieces.
    ///
    /// # Errors
    /// As [`Ui::out`].
    pub fn out_from(&self, write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> Result<(), Failure> {
        self.with(|state| {
            state.clear();
            if self.out_is_terminal {
                let mut bytes = Vec::new();
                write(&mut bytes)?;
                let text = harmless(&String::from_utf8_lossy(&bytes), self.paint, STAND_IN);
                state.streams.out.write_all(text.as_bytes())?;
            } else {
                write(&mut state.streams.out)?;
            }
            state.streams.out.flush()
        })
        .map_err(output_failure)
    }

    /// Writes one line of data.
    ///
    /// # Errors
    /// As [`Ui::out`].
    pub fn line(&self, text: impl Display) -> Result<(), Failure> {
        self.out(&format!("{text}\n"))
    }

    /// A text as standard error gets it.
    fn for_err(&self, text: String, stand_in: &str) -> String {
        if self.err_is_terminal { harmless(&text, self.err_paint, stand_in) } else { text }
    }

    /// Writes a line to standard error. That nobody reads it is no failure.
    pub fn note(&self, text: impl Display) {
        let text = self.for_err(format!("{text}\n"), STAND_IN);
        self.with(|state| {
            state.clear();
            let _ = state.streams.err.write_all(text.as_bytes());
            let _ = state.streams.err.flush();
        });
    }

    /// Writes a diagnostic line with its fields.
    pub fn log(&self, level: Level, message: &str, fields: &[(&str, &str)]) {
        if level > Level::Debug || self.debug {
            self.note(log_line(level, message, fields));
        }
    }

    /// Writes a warning, once for each text.
    pub fn warn(&self, message: &str, fields: &[(&str, &str)]) {
        let line = log_line(Level::Warn, message, fields);
        if self.with(|state| state.said.insert(line.clone())) {
            self.note(line);
        }
    }

    /// Asks for a line on the terminal; `None` when standard input is none.
    ///
    /// # Errors
    /// The terminal cannot be read.
    pub fn ask_line(&self, prompt: &str) -> Result<Option<String>, Failure> {
        use std::io::{BufRead, Read};
        /// Longest line, in bytes.
        const LONGEST: u64 = 64 << 10;
        if !self.in_is_terminal {
            return Ok(None);
        }
        self.with(|state| {
            state.clear();
            // The answer may still come when nobody reads the question.
            let _ = state.streams.err.write_all(self.for_err(prompt.to_string(), STAND_IN).as_bytes());
            let _ = state.streams.err.flush();
        });
        let mut text = String::new();
        io::stdin()
            .lock()
            .take(LONGEST)
            .read_line(&mut text)
            .map_err(|error| Failure::new(format!("cannot ask on the terminal: {error}")))?;
        Ok(Some(text.trim_end_matches(['\n', '\r']).to_string()))
    }

    /// Asks for a secret on the terminal, where it is not shown; `None` when standard input is none.
    ///
    /// # Errors
    /// The terminal cannot be used.
    pub fn ask_secret(&self, prompt: &str) -> Result<Option<Secret>, Failure> {
        if !self.in_is_terminal {
            return Ok(None);
        }
        self.with(State::clear);
        match rpassword::prompt_password(harmless(prompt, Paint::default(), STAND_IN)) {
            Ok(typed) => Ok(Some(Secret::new(typed))),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => Err(Failure::interrupted()),
            Err(error) => Err(Failure::new(format!("cannot ask on the terminal: {error}"))),
        }
    }

    /// Shows lines on the terminal in place of those that were shown so before; whatever else is printed takes their place.
    /// They may have no more columns than the terminal, and must be fewer than its rows.
    pub fn draw(&self, lines: &[String]) {
        // A stand-in would make a line wider than it was measured.
        let lines: Vec<String> = lines.iter().map(|line| self.for_err(line.clone(), "")).collect();
        self.with(|state| if lines.is_empty() { state.clear() } else { state.draw(&lines) });
    }
}

/// `level=WARN msg="…" key=value`; texts are quoted where they hold spaces, quotes, `=` or unprintable characters.
fn log_line(level: Level, message: &str, fields: &[(&str, &str)]) -> String {
    use std::fmt::Write as _;

    let mut line = format!("level={} msg={}", level.word(), log_value(message));
    for (key, value) in fields {
        let _ = write!(line, " {key}={}", log_value(value));
    }
    line
}

fn log_value(text: &str) -> String {
    let plain = |c: char| !(c.is_control() || c.is_whitespace() || c == '"' || c == '=');
    if !text.is_empty() && text.chars().all(plain) { text.to_string() } else { parse::quote(text) }
}

/// Streams that keep what is written, for tests that run the program in their own process.
#[cfg(test)]
pub mod captured {
    use std::io::Write;
    use std::sync::{Arc, Mutex};

    use super::Streams;

    /// A shared buffer.
    #[derive(Clone, Default)]
    pub struct Buffer(Arc<Mutex<Vec<u8>>>);

    impl Buffer {
        /// What was written.
        pub fn text(&self) -> String {
            String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
        }
    }

    impl Write for Buffer {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    /// Streams into two buffers, no terminals.
    pub fn streams() -> (Streams, Buffer, Buffer) {
        let (out, err) = (Buffer::default(), Buffer::default());
        let streams = Streams {
            out: Box::new(out.clone()),
            err: Box::new(err.clone()),
            out_is_terminal: false,
            err_is_terminal: false,
            in_is_terminal: false,
            err_size: || None,
        };
        (streams, out, err)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn log_lines_quote_what_needs_it() {
        assert_eq!(
            log_line(Level::Warn, "command failed", &[("error", "a \"b\""), ("key", "x/y.z"), ("none", "")]),
            r#"level=WARN msg="command failed" error="a \"b\"" key=x/y.z none="""#
        );
    }

    #[test]
    fn a_terminal_is_steered_by_nobody_else() {
        let text = "a\u{1b}]0;x\u{7}\u{202e}b\u{9b}2J\rc\r\n\td\u{1b}[31me";
        for (terminal, mode, shown) in [
            (false, ColourMode::Always, text),
            (
                true,
                ColourMode::Never,
                "a\u{fffd}]0;x\u{fffd}\u{fffd}b\u{fffd}2J\u{fffd}c\r\n\td\u{fffd}[31me",
            ),
            (true, ColourMode::Auto, "a\u{fffd}]0;x\u{fffd}\u{fffd}b\u{fffd}2J\u{fffd}c\r\n\td\u{1b}[31me"),
        ] {
            let (streams, out, err) = captured::streams();
            let streams = Streams { out_is_terminal: terminal, err_is_terminal: terminal, ..streams };
            let ui = Ui::new(streams, mode, false);
            ui.out(text).unwrap();
            ui.note(text);
            assert_eq!((out.text(), err.text()), (shown.to_string(), format!("{shown}\n")));
        }
    }

    #[test]
    fn every_colour_reaches_a_terminal() {
        use Label::{Advice, Bad, Faint, Good, Header, Namespace, Pending};
        let paint = Paint::new(true);
        for label in [Header, Namespace, Good, Bad, Pending, Advice, Faint] {
            let painted = paint.label(label, "x");
            assert_eq!(harmless(&painted, paint, STAND_IN), painted);
        }
    }

    #[test]
    fn warnings_are_said_once_and_debug_lines_only_when_asked() {
        let (streams, out, err) = captured::streams();
        let ui = Ui::new(streams, ColourMode::Auto, false);
        ui.warn("old", &[]);
        ui.warn("old", &[]);
        ui.log(Level::Debug, "hidden", &[]);
        ui.line("data").unwrap();
        assert_eq!(err.text(), "level=WARN msg=old\n");
        assert_eq!(out.text(), "data\n");
    }

    #[test]
    fn a_frame_replaces_the_one_before_and_gives_way_to_other_lines() {
        let (streams, _, err) = captured::streams();
        let ui = Ui::new(streams, ColourMode::Never, false);
        let lines = |words: &str| words.split(' ').map(str::to_string).collect::<Vec<_>>();
        ui.draw(&[]);
        ui.draw(&lines("a b"));
        ui.draw(&lines("c"));
        ui.note("done");
        ui.draw(&[]);
        assert_eq!(err.text(), "a\nb\n\r\u{1b}[2Ac\u{1b}[K\n\u{1b}[J\r\u{1b}[1A\u{1b}[Jdone\n");
    }

    #[test]
    fn a_closed_pipe_is_success() {
        struct Closed;
        impl Write for Closed {
            fn write(&mut self, _: &[u8]) -> io::Result<usize> {
                Err(io::ErrorKind::BrokenPipe.into())
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        let (mut streams, ..) = captured::streams();
        streams.out = Box::new(Closed);
        let failure = Ui::new(streams, ColourMode::Auto, false).line("x").unwrap_err();
        assert!(failure.is_quiet());
        assert_eq!(failure.exit_kind().code(false), 0);
    }

    #[test]
    fn colours_follow_the_labels() {
        let paint = Paint::new(true);
        assert_eq!(paint.maybe(Label::of_status("failed"), "failed"), "\u{1b}[31mfailed\u{1b}[0m");
        assert_eq!(paint.maybe(Label::of_status("superseded"), "superseded"), "superseded");
        assert_eq!(Paint::new(false).label(Label::Bad, "x"), "x");
    }
}
