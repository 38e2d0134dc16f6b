//! Charts and indexes on their way: which transfers are worth a word, and the words.
//!
//! A transfer that is over in a moment is not told at all. One that lasts is drawn on a terminal, as long as it lasts; lines
//! and JSON tell it at intervals, and its end when its beginning was told.
//!
//! Invariants: what is told for people says how much there is in the same unit as how much has passed; nothing is read here
//! but what was heard.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use crate::cli::view::table::{cut, width};
use crate::sys::transfers::{Direction, Stage, Transfer};

/// A transfer that has lasted this long is shown.
const WORTH_A_WORD: Duration = Duration::from_millis(400);
/// Between two lines about one transfer.
pub const LINES_EVERY: Duration = Duration::from_secs(5);
/// Between two JSON lines about one transfer.
pub const JSON_EVERY: Duration = Duration::from_secs(1);
/// Most lines of a frame that transfers take.
const MOST_LINES: usize = 8;

/// What is on its way.
#[derive(Debug, Default)]
pub struct Transfers {
    /// By number, the oldest first.
    moving: BTreeMap<u64, Shown>,
}

/// A transfer, and when it was last told in a line.
#[derive(Debug)]
struct Shown {
    text: Told,
    began: Instant,
    told: Option<Instant>,
}

/// What there is to tell of a transfer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    /// Where from or where to.
    pub url: String,
    /// Which way.
    pub direction: Direction,
    /// Bytes that have passed.
    pub done: u64,
    /// Of how many, when that is known.
    pub total: Option<u64>,
    /// Whether it is over.
    pub ended: bool,
}

impl Transfers {
    /// Takes what was heard. `every` is the time between two lines about one transfer; what comes back is to be told in a
    /// line now.
    pub fn take(&mut self, transfer: &Transfer<'_>, every: Duration, now: Instant) -> Option<Told> {
        let ended = transfer.stage == Stage::Ended;
        let text = Told {
            url: transfer.url.to_string(),
            direction: transfer.direction,
            done: transfer.done,
            total: transfer.total,
            ended,
        };
        let told = self.moving.get(&transfer.id).and_then(|known| known.told);
        let due = match told {
            _ if ended => told.is_some(),
            Some(last) => now.duration_since(last) >= every,
            None => now.duration_since(transfer.began) >= every,
        };
        if ended {
            self.moving.remove(&transfer.id);
        } else {
            let told = if due { Some(now) } else { told };
            self.moving.insert(transfer.id, Shown { text: text.clone(), began: transfer.began, told });
        }
        due.then_some(text)
    }

    /// The lines of a frame of so many columns, without those that have only just begun.
    pub fn frame(&self, columns: usize, rows: usize, now: Instant) -> Vec<String> {
        let lasting: Vec<&Shown> =
            self.moving.values().filter(|shown| now.duration_since(shown.began) >= WORTH_A_WORD).collect();
        let room = rows.saturating_sub(1).min(MOST_LINES);
        let named = if lasting.len() <= room { lasting.len() } else { room.saturating_sub(1) };
        let mut lines: Vec<String> =
            lasting.iter().take(named).map(|shown| shown.text.line(columns, now - shown.began)).collect();
        if named < lasting.len() && room > 0 {
            lines.push(cut(&format!("({} more transfers)", lasting.len() - named), columns));
        }
        lines
    }
}

impl Told {
    fn verb(&self) -> &'static str {
        match self.direction {
            Direction::Down => "downloading",
            Direction::Up => "uploading",
        }
    }

    /// The word that programs read.
    pub fn state(&self) -> &'static str {
        if self.ended { "transferred" } else { self.verb() }
    }

    /// A line for a log: `downloading https://… 3.1 of 12.0 MiB`.
    pub fn sentence(&self) -> String {
        let end = if self.ended { " (ended)" } else { "" };
        format!("{} {} {}{end}", self.verb(), self.url, self.amount())
    }

    /// One line of a frame. Of an address that is too long, the beginning goes: its end tells charts apart.
    fn line(&self, columns: usize, lasted: Duration) -> String {
        let amount = format!("{}, {}s", self.amount(), lasted.as_secs());
        let verb = self.verb();
        let room = columns.saturating_sub(width(&amount) + verb.len() + 2);
        let url = tail(&self.url, room);
        cut(&format!("{verb} {url} {amount}"), columns)
    }

    /// `3.1 of 12.0 MiB`, `640 KiB`: the unit is that of the larger number.
    fn amount(&self) -> String {
        let (unit, name) = unit(self.total.unwrap_or(self.done).max(self.done));
        let in_unit = |bytes: u64| match unit {
            1 => bytes.to_string(),
            _ => format!("{:.1}", bytes as f64 / unit as f64),
        };
        match self.total {
            Some(total) => format!("{} of {} {name}", in_unit(self.done), in_unit(total)),
            None => format!("{} {name}", in_unit(self.done)),
        }
    }
}

fn unit(bytes: u64) -> (u64, &'static str) {
    match bytes {
        0..0x400 => (1, "B"),
        0x400..0x10_0000 => (1 << 10, "KiB"),
        0x10_0000..0x4000_0000 => (1 << 20, "MiB"),
        _ => (1 << 30, "GiB"),
    }
}

/// The end of a text that is too wide, behind an ellipsis.
fn tail(text: &str, columns: usize) -> String {
    if width(text) <= columns {
        return text.to_string();
    }
    let mut kept = text;
    while width(kept) + 1 > columns {
        let mut rest = kept.chars();
        if rest.next().is_none() {
            return String::new();
        }
        kept = rest.as_str();
    }
    format!("…{kept}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn heard(id: u64, done: u64, total: Option<u64>, began: Instant, stage: Stage) -> Transfer<'static> {
        let url = "https://charts.example.com/some/long/path/web-1.2.3.tgz";
        Transfer { id, url, direction: Direction::Down, done, total, began, stage }
    }

    #[test]
    fn what_is_over_in_a_moment_is_not_told() {
        let mut transfers = Transfers::default();
        let began = Instant::now();
        for stage in [Stage::Moving, Stage::Ended] {
            let soon = began + Duration::from_millis(10);
            assert_eq!(transfers.take(&heard(1, 5, None, began, stage), JSON_EVERY, soon), None);
            assert!(transfers.frame(80, 24, soon).is_empty());
        }
    }

    #[test]
    fn what_lasts_is_told_at_intervals_and_at_its_end() {
        let mut transfers = Transfers::default();
        let began = Instant::now();
        let mut at = |millis: u64, done, stage| {
            let now = began + Duration::from_millis(millis);
            transfers.take(&heard(1, done, Some(9), began, stage), JSON_EVERY, now).map(|told| told.done)
        };
        assert_eq!(at(500, 1, Stage::Moving), None);
        assert_eq!(at(1_000, 2, Stage::Moving), Some(2));
        assert_eq!(at(1_900, 3, Stage::Moving), None);
        assert_eq!(at(2_000, 4, Stage::Moving), Some(4));
        assert_eq!(at(2_100, 9, Stage::Ended), Some(9));
    }

    #[test]
    fn a_frame_fits_and_says_how_far_each_is() {
        let mut transfers = Transfers::default();
        let began = Instant::now();
        for id in 0..12 {
            let megabytes = (3 << 20) + 100_000;
            transfers.take(&heard(id, megabytes, Some(12 << 20), began, Stage::Moving), LINES_EVERY, began);
        }
        let lines = transfers.frame(60, 6, began + Duration::from_secs(7));
        assert_eq!(lines.len(), 5);
        assert_eq!(lines[0], "downloading …ome/long/path/web-1.2.3.tgz 3.1 of 12.0 MiB, 7s");
        assert_eq!(lines[4], "(8 more transfers)");
        assert!(lines.iter().all(|line| width(line) <= 60));
    }
}
