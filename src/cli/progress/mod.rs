//! How the events of a verb are shown while it runs, all on standard error.
//!
//! | manner | when | what |
//! |---|---|---|
//! | table | `--progress=auto` on a terminal that can redraw | one frame, drawn anew, gone at the end ([`table`]) |
//! | lines | `auto` elsewhere, `plain` | a line for each change |
//! | JSON | `json` | an object on a line for each change ([`json`]) |
//! | none | `none` | nothing |
//!
//! What goes over the network is told too, when it lasts ([`transfers`]): from whichever thread hears of it.
//!
//! Invariants: what a cluster says cannot move the cursor or forge a line; warnings and the logs of hooks are told in every
//! manner; standard output is left alone.

pub mod json;
mod table;
mod transfers;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::parse::ProgressMode;
use super::ui::{Level, Ui};
use crate::data::time::{Time, Zone};
use crate::diag::Severity;
use crate::fetch::Origin;
use crate::ops::{Event, ObjectEvent, OpsError, Progress};
use crate::sys::transfers::{Transfer, Watch};
use crate::sys::{Host, monotonic};
use table::Board;
use transfers::{JSON_EVERY, LINES_EVERY, Told, Transfers};

/// The frame is drawn anew at most this often for mere changes.
const REDRAWN_EVERY: Duration = Duration::from_millis(80);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Manner {
    Table,
    Lines,
    Json,
    Silent,
}

/// Shows the events of one verb.
pub struct Shown {
    ui: Ui,
    host: Host,
    manner: Manner,
    /// Set when the user asked to stop.
    interrupted: Arc<AtomicBool>,
    seen: Mutex<Seen>,
}

/// What was heard so far.
struct Seen {
    board: Board,
    transfers: Transfers,
    drawn: Option<Instant>,
}

impl Shown {
    /// Decides on a manner: a table needs a terminal that knows its size and is not a dumb one. Transfers are given up once
    /// `interrupted` is set.
    pub fn new(ui: &Ui, host: &Host, mode: ProgressMode, interrupted: Arc<AtomicBool>) -> Self {
        let redraws = || {
            let terminal = host.var("TERM");
            ui.err_size().is_some() && (cfg!(windows) || terminal.is_some_and(|name| name != "dumb"))
        };
        let manner = match mode {
            ProgressMode::Auto if redraws() => Manner::Table,
            ProgressMode::Auto | ProgressMode::Plain => Manner::Lines,
            ProgressMode::Json => Manner::Json,
            ProgressMode::None => Manner::Silent,
        };
        let board = Board::new(monotonic());
        let seen = Mutex::new(Seen { board, transfers: Transfers::default(), drawn: None });
        Shown { ui: ui.clone(), host: host.clone(), manner, interrupted, seen }
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        // A panic of another thread leaves at worst a count that is wrong.
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Ends without a word: what is shown for the moment goes.
    pub fn clear(&self) {
        if self.manner == Manner::Table {
            self.ui.draw(&[]);
        }
    }

    /// Ends: the table goes, a summary stays in its place; the last JSON line tells how it ended.
    pub fn finish(&self, error: Option<&OpsError>) {
        let seen = self.seen();
        match self.manner {
            Manner::Table => {
                self.clear();
                if let Some(summary) = seen.board.summary(monotonic()) {
                    self.ui.note(summary);
                }
            }
            Manner::Json => {
                let message = error.map(ToString::to_string);
                let state = if error.is_some() { "failed" } else { "succeeded" };
                self.line(&json::Line::work(seen.board.release(), Some("end"), state, message.as_deref()));
            }
            Manner::Lines | Manner::Silent => {}
        }
    }

    fn line(&self, line: &json::Line<'_>) {
        let time = Time::from_system(self.host.now(), Zone::Utc).rfc3339_nano();
        self.ui.note(line.text(&time));
    }

    /// A JSON line about the work itself.
    fn work(&self, seen: &Seen, state: &str, message: Option<&str>) {
        self.line(&json::Line::work(seen.board.release(), seen.board.phase(), state, message));
    }

    /// Draws the frame anew; `now` or never, else only when the last one is old enough.
    fn draw(&self, seen: &mut Seen, at_once: bool) {
        let now = monotonic();
        let fresh = seen.drawn.is_some_and(|last| now.duration_since(last) < REDRAWN_EVERY);
        if let Some((columns, rows)) = self.ui.err_size().filter(|_| at_once || !fresh) {
            let mut lines = seen.transfers.frame(columns.saturating_sub(1), rows.saturating_sub(2), now);
            if seen.board.has_begun() {
                let board = seen.board.frame((columns, rows - lines.len()), self.ui.err_paint, now);
                lines.splice(..0, board);
            }
            self.ui.draw(&lines);
            seen.drawn = Some(now);
        }
    }

    /// A line about a transfer.
    fn moved(&self, seen: &Seen, told: &Told) {
        match self.manner {
            Manner::Lines => self.ui.note(printable(&told.sentence())),
            Manner::Json => {
                let (release, phase) = (seen.board.release(), seen.board.phase());
                let line = json::Line::work(release, phase, told.state(), Some(&told.url));
                self.line(&line.moved(told.done, told.total));
            }
            Manner::Table | Manner::Silent => {}
        }
    }

    fn object(&self, event: &ObjectEvent) {
        let mut seen = self.seen();
        match self.manner {
            Manner::Table => {
                seen.board.take(event, monotonic());
                self.draw(&mut seen, false);
            }
            Manner::Lines => self.ui.note(told(event)),
            Manner::Json => self.line(&json::Line::of(seen.board.release(), seen.board.phase(), event)),
            Manner::Silent => {}
        }
    }

    fn doing(&self, text: String) {
        let mut seen = self.seen();
        match self.manner {
            Manner::Table => {
                seen.board.doing(text);
                self.draw(&mut seen, true);
            }
            Manner::Lines => self.ui.note(printable(&text)),
            Manner::Json => self.work(&seen, "doing", Some(&text)),
            Manner::Silent => {}
        }
    }

    /// On standard error, so that what a program reads stays what it is. The words are Helm's.
    fn pulled(&self, origin: &Origin) {
        let (reference, digest) = (printable(&origin.reference), printable(&origin.digest));
        match self.manner {
            Manner::Json => self.work(&self.seen(), "pulled", Some(&format!("{reference} {digest}"))),
            Manner::Table | Manner::Lines => {
                self.ui.note(format!("Pulled: {reference}\nDigest: {digest}"));
            }
            Manner::Silent => {}
        }
    }

    fn warning(&self, text: &str) {
        match self.manner {
            Manner::Json => self.work(&self.seen(), "warning", Some(text)),
            _ => self.ui.warn(text, &[]),
        }
    }
}

impl Watch for Shown {
    fn transfer(&self, transfer: &Transfer<'_>) {
        if self.manner == Manner::Silent {
            return;
        }
        let mut seen = self.seen();
        let every = if self.manner == Manner::Json { JSON_EVERY } else { LINES_EVERY };
        let told = seen.transfers.take(transfer, every, monotonic());
        if let Some(told) = told {
            self.moved(&seen, &told);
        }
        if self.manner == Manner::Table {
            self.draw(&mut seen, false);
        }
    }

    fn is_stopped(&self) -> bool {
        self.interrupted.load(Ordering::Relaxed)
    }
}

impl Progress for Shown {
    fn event(&self, event: Event) {
        match event {
            Event::Warning(text) => self.warning(&text),
            Event::Doing(text) => self.doing(text),
            Event::Pulled(origin) => self.pulled(&origin),
            Event::Debug(text) => self.ui.log(Level::Debug, &text, &[]),
            Event::Phase { release, phase } => {
                let mut seen = self.seen();
                seen.board.begin(release, phase);
                match self.manner {
                    Manner::Table => self.draw(&mut seen, true),
                    Manner::Json => self.work(&seen, "started", None),
                    Manner::Lines | Manner::Silent => {}
                }
            }
            Event::Object(object) => self.object(&object),
            Event::Log { pod, container, text } => self.ui.note(log_block(&pod, &container, &text)),
            Event::Fact { severity, text, fields } => {
                let level = match severity {
                    Severity::Error => Level::Error,
                    Severity::Warning => Level::Warn,
                    Severity::Info => Level::Info,
                };
                let fields: Vec<(&str, &str)> =
                    fields.iter().map(|(name, value)| (*name, value.as_str())).collect();
                self.ui.log(level, text, &fields);
            }
            // A reader that went away takes nothing from the error that follows.
            Event::Rendered(text) if self.ui.is_debug() => {
                let _ = self.ui.out(&text);
            }
            Event::Rendered(_) | Event::InstallsInstead => {}
        }
    }

    fn beat(&self) {
        if self.manner == Manner::Table {
            self.draw(&mut self.seen(), true);
        }
    }
}

/// One line for what happened to an object: `[3/12] Deployment/ns/web: waiting: Available: 0/1`.
fn told(event: &ObjectEvent) -> String {
    let count = event.count.map(|(settled, total)| format!("[{settled}/{total}] ")).unwrap_or_default();
    let separator = if event.message.is_empty() { "" } else { ": " };
    printable(&format!("{count}{}: {}{separator}{}", event.id, event.what, event.message))
}

/// A text that stays on its line.
fn printable(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

/// The log of a container, each line behind its pod and container.
fn log_block(pod: &str, container: &str, text: &str) -> String {
    text.lines().map(|line| format!("{pod} {container}: {line}")).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests;
