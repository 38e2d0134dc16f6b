//! The table of what is waited for, as it is at one moment.
//!
//! ```text
//! web: wait, 3 of 5 settled, 12s
//! OBJECT          READY  STATE    AGE  REASON
//! Job/migrate     0/1    failed   9s   Job Failed. failed: 1
//! Deployment/web  1/3    waiting  12s  ImagePullBackOff: Back-off pulling image "w:1"
//! ```
//!
//! Invariants: a frame is never wider than the terminal, and leaves at least one of its rows free; the state is a word, whatever its
//! colour; nothing is read here: the same events and the same moment give the same frame.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use crate::cli::ui::{Label, Paint};
use crate::cli::view::table::{cut, width};
use crate::manifest::ObjectRef;
use crate::ops::{ObjectEvent, Phase};

const GAP: usize = 2;
/// A reason with fewer columns than this says nothing.
const LEAST_REASON: usize = 12;
/// A terminal with fewer columns has no table.
const LEAST_TABLE: usize = 20;
/// One with fewer has nothing at all.
const LEAST_TITLE: usize = 8;
/// Below this width the columns that matter least are left out.
const NARROW: usize = 60;
/// What can happen to objects, in the order in which the summary has it.
const HAPPENED: [&str; 6] = ["created", "configured", "adopted", "unchanged", "deleted", "failed"];

/// What was heard of an operation.
#[derive(Debug)]
pub struct Board {
    release: String,
    phase: Option<Phase>,
    doing: String,
    began: Instant,
    /// What is not settled, and what failed.
    rows: Vec<Row>,
    count: Option<(usize, usize)>,
    happened: BTreeMap<&'static str, usize>,
}

#[derive(Debug)]
struct Row {
    id: ObjectRef,
    ready: Option<(i64, i64)>,
    state: &'static str,
    reason: String,
    message: String,
    since: Instant,
}

impl Row {
    fn label(&self) -> Label {
        if self.state == "failed" { Label::Bad } else { Label::Pending }
    }

    /// What failed comes first, then what the cluster complains about.
    fn rank(&self) -> u8 {
        match (self.state, self.reason.is_empty()) {
            ("failed", _) => 0,
            (_, false) => 1,
            (_, true) => 2,
        }
    }
}

impl Board {
    /// Nothing was heard yet.
    pub fn new(now: Instant) -> Self {
        Board {
            release: String::new(),
            phase: None,
            doing: String::new(),
            began: now,
            rows: Vec::new(),
            count: None,
            happened: BTreeMap::new(),
        }
    }

    /// Name of the release, once it is known.
    pub fn release(&self) -> Option<&str> {
        Some(self.release.as_str()).filter(|name| !name.is_empty())
    }

    /// Whether there is anything to show: a part of the work, or what is being done.
    pub fn has_begun(&self) -> bool {
        self.phase.is_some() || !self.doing.is_empty() || !self.rows.is_empty() || !self.happened.is_empty()
    }

    /// The part of the work that is under way.
    pub fn phase(&self) -> Option<&'static str> {
        self.phase.map(Phase::name)
    }

    /// Another part of the work begins.
    pub fn begin(&mut self, release: String, phase: Phase) {
        self.release = release;
        self.phase = Some(phase);
        self.doing.clear();
        self.rows.clear();
        self.count = None;
    }

    /// What is being done beside objects; empty for nothing.
    pub fn doing(&mut self, text: String) {
        self.doing = text;
    }

    /// Something happened to an object.
    pub fn take(&mut self, event: &ObjectEvent, now: Instant) {
        if event.count.is_some() {
            self.count = event.count;
        } else {
            *self.happened.entry(event.what).or_default() += 1;
        }
        let at = self.rows.iter().position(|row| row.id.same_object(&event.id));
        let failed = event.what == "failed";
        if !failed && (event.settled || event.count.is_none()) {
            at.map(|at| self.rows.remove(at));
            return;
        }
        let row = Row {
            id: event.id.clone(),
            ready: event.ready,
            state: event.what,
            reason: event.reason.clone(),
            message: if event.brief.is_empty() { &event.message } else { &event.brief }.clone(),
            since: at.map_or(now, |at| self.rows[at].since),
        };
        match at {
            Some(at) => self.rows[at] = row,
            None => self.rows.push(row),
        }
    }

    /// What stays to be read: `web: 3 created, 1 configured, 4 of 4 settled, 12s`; `None` when nothing happened.
    pub fn summary(&self, now: Instant) -> Option<String> {
        let mut parts: Vec<String> =
            HAPPENED.iter().filter_map(|what| Some(format!("{} {what}", self.happened.get(what)?))).collect();
        parts.extend(self.settled());
        if parts.is_empty() {
            return None;
        }
        parts.push(age(now.duration_since(self.began)));
        Some(format!("{}: {}", self.release, parts.join(", ")))
    }

    fn settled(&self) -> Option<String> {
        self.count.map(|(settled, total)| format!("{settled} of {total} settled"))
    }

    /// The frame for a terminal of so many columns and rows.
    pub fn frame(&self, (columns, rows): (usize, usize), paint: Paint, now: Instant) -> Vec<String> {
        // The last column stays free: some terminals break the line when it is written.
        let columns = columns.saturating_sub(1);
        if columns < LEAST_TITLE {
            return Vec::new();
        }
        let mut lines = vec![paint.label(Label::Header, &cut(&self.title(now), columns))];
        let room = rows.saturating_sub(2);
        if self.rows.is_empty() || room == 0 || columns < LEAST_TABLE {
            return lines;
        }
        let mut sorted: Vec<&Row> = self.rows.iter().collect();
        sorted.sort_by_key(|row| row.rank());
        // The header, and a line that says what is not shown, take their place only where there is some.
        let header = room >= 3;
        let room = room - usize::from(header);
        let shown = if sorted.len() <= room { sorted.len() } else { room - 1 };
        lines.extend(self.drawn(&sorted[..shown], header, columns, paint, now));
        if shown < sorted.len() {
            let more = format!("({} more)", sorted.len() - shown);
            lines.push(paint.label(Label::Faint, &cut(&more, columns)));
        }
        lines
    }

    fn title(&self, now: Instant) -> String {
        let phase = self.phase().unwrap_or_default();
        let mut title =
            if self.release.is_empty() { String::new() } else { format!("{}: {phase}", self.release) };
        let counted = HAPPENED.iter().filter_map(|what| Some(format!("{} {what}", self.happened.get(what)?)));
        let parts: Vec<String> = match self.settled() {
            Some(settled) => vec![settled],
            None => counted.collect(),
        };
        let doing = Some(self.doing.clone()).filter(|text| !text.is_empty());
        for part in parts.into_iter().chain(doing).chain([age(now.duration_since(self.began))]) {
            title += if title.is_empty() { "" } else { ", " };
            title += &part;
        }
        title
    }

    fn drawn(&self, rows: &[&Row], header: bool, columns: usize, paint: Paint, now: Instant) -> Vec<String> {
        let namespaces: BTreeSet<&str> =
            self.rows.iter().map(|row| row.id.namespace.as_str()).filter(|name| !name.is_empty()).collect();
        let object = |row: &Row| {
            if namespaces.len() > 1 { row.id.to_string() } else { format!("{}/{}", row.id.kind, row.id.name) }
        };
        let cells: Vec<[String; 4]> = rows
            .iter()
            .map(|row| {
                let ready = row.ready.map(|(ready, wanted)| format!("{ready}/{wanted}")).unwrap_or_default();
                [object(row), ready, row.state.to_string(), age(now.duration_since(row.since))]
            })
            .collect();
        let names = ["OBJECT", "READY", "STATE", "AGE"];
        let mut widths: [usize; 4] = std::array::from_fn(|column| {
            let longest = cells.iter().map(|row| width(&row[column])).max().unwrap_or(0);
            longest.max(if header { names[column].len() } else { 0 })
        });
        if columns < NARROW {
            widths[3] = 0;
        }
        if columns < NARROW * 2 / 3 || cells.iter().all(|row| row[1].is_empty()) {
            widths[1] = 0;
        }
        // The name gives way to the state, and to a reason as long as that leaves it half of the width.
        let rest: usize = widths[1..].iter().filter(|width| **width > 0).map(|width| width + GAP).sum();
        let half = (columns / 2).min(columns.saturating_sub(rest + GAP + LEAST_REASON));
        widths[0] = widths[0].min(half.max(columns / 3)).min(columns.saturating_sub(rest));
        let reason = columns.saturating_sub(widths[0] + rest + GAP);
        let reason = if reason < LEAST_REASON { 0 } else { reason };
        let line = |texts: [&str; 4], label: Option<Label>, last: &str| {
            let mut line = String::new();
            let mut gap = 0;
            for (at, (text, most)) in texts.iter().zip(widths).enumerate().filter(|(_, (_, most))| *most > 0)
            {
                let text = cut(text, most);
                line.extend(std::iter::repeat_n(' ', gap));
                line += &paint.maybe(label.filter(|_| at == 2), &text);
                gap = most.saturating_sub(width(&text)) + GAP;
            }
            if reason > 0 && !last.is_empty() {
                line.extend(std::iter::repeat_n(' ', gap));
                line += &cut(last, reason);
            }
            line
        };
        let mut lines = Vec::with_capacity(rows.len() + 1);
        if header {
            lines.push(paint.label(Label::Faint, &line(names, None, "REASON")));
        }
        for (row, [object, ready, state, age]) in rows.iter().zip(&cells) {
            // Of a name that is too long, the kind goes first.
            let object = if width(object) > widths[0] { &row.id.name } else { object };
            lines.push(line([object, ready, state, age], Some(row.label()), &row.message));
        }
        lines
    }
}

/// `12s`, `3m05s`, `2h10m`.
fn age(age: Duration) -> String {
    let seconds = age.as_secs();
    match seconds {
        0..60 => format!("{seconds}s"),
        60..3600 => format!("{}m{:02}s", seconds / 60, seconds % 60),
        _ => format!("{}h{:02}m", seconds / 3600, seconds / 60 % 60),
    }
}
