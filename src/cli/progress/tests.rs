//! What a verb's events look like in each manner, on captured streams.

use super::*;
use crate::cli::settings::fixed;
use crate::cli::ui::captured::{self, Buffer};
use crate::cli::ui::{ColourMode, Paint};
use crate::manifest::{self, ObjectRef};
use crate::ops::Phase;

fn id(kind: &str, namespace: &str, name: &str) -> ObjectRef {
    let group = if kind == "Deployment" { "apps" } else { "" };
    let [group, version, kind, namespace, name] = [group, "v1", kind, namespace, name].map(String::from);
    ObjectRef { group, version, kind, namespace, name }
}

fn waiting(name: &str, reason: &str, message: &str) -> ObjectEvent {
    ObjectEvent {
        id: id("Deployment", "ns", name),
        what: "waiting",
        reason: reason.into(),
        message: message.into(),
        brief: String::new(),
        ready: Some((1, 3)),
        settled: false,
        count: Some((0, 3)),
    }
}

fn settled(name: &str, what: &'static str, count: (usize, usize)) -> ObjectEvent {
    ObjectEvent { what, settled: true, count: Some(count), ready: None, ..waiting(name, "", "") }
}

fn happened(name: &str, what: &'static str) -> ObjectEvent {
    ObjectEvent { what, ready: None, count: None, ..waiting(name, "", "") }
}

/// What a terminal says of its columns and rows.
type Size = fn() -> Option<(usize, usize)>;

/// An upgrade with an object that does not come up, and what is written of it.
fn told(mode: ProgressMode, size: Option<Size>, variables: &[(&str, &str)]) -> String {
    let (mut streams, _, err): (_, _, Buffer) = captured::streams();
    streams.err_is_terminal = size.is_some();
    streams.err_size = size.unwrap_or(|| None);
    let ui = Ui::new(streams, ColourMode::Never, false);
    let host = fixed::host(variables);
    let shown = Shown::new(&ui, &host, mode, Arc::default());
    for event in [
        Event::Doing("downloading db 1.0.0".into()),
        Event::Phase { release: "web".into(), phase: Phase::Hook(manifest::Event::PreUpgrade) },
        Event::Log { pod: "p".into(), container: "c".into(), text: "said\n".into() },
        Event::Phase { release: "web".into(), phase: Phase::Apply },
        Event::Object(happened("web", "configured")),
        Event::Phase { release: "web".into(), phase: Phase::Wait },
        Event::Object(waiting("web", "", "Available: 1/3")),
        Event::Object(waiting(
            "web",
            "ImagePullBackOff",
            "ImagePullBackOff (pod p): \u{1b}[2Jno\nsuch image",
        )),
        Event::Warning("beware".into()),
    ] {
        shown.event(event);
    }
    shown.beat();
    shown.finish(Some(&OpsError::refused("not ready")));
    err.text()
}

const TERMINAL: Size = || Some((80, 24));

#[test]
fn without_a_terminal_each_change_is_a_line() {
    let lines = "downloading db 1.0.0\np c: said\nDeployment/ns/web: configured\n\
                 [0/3] Deployment/ns/web: waiting: Available: 1/3\n\
                 [0/3] Deployment/ns/web: waiting: ImagePullBackOff (pod p):  [2Jno such image\n\
                 level=WARN msg=beware\n";
    assert_eq!(told(ProgressMode::Auto, None, &[("TERM", "xterm")]), lines);
    assert_eq!(told(ProgressMode::Auto, Some(TERMINAL), &[("TERM", "dumb")]), lines, "a dumb terminal");
    assert_eq!(told(ProgressMode::Auto, Some(TERMINAL), &[]), lines, "a terminal of no known kind");
    assert_eq!(told(ProgressMode::Auto, Some(|| None), &[("TERM", "xterm")]), lines, "one without a size");
    assert_eq!(told(ProgressMode::Plain, Some(TERMINAL), &[("TERM", "xterm")]), lines);
}

#[test]
fn none_leaves_warnings_and_logs() {
    for size in [None, Some(TERMINAL)] {
        let told = told(ProgressMode::None, size, &[("TERM", "xterm")]);
        assert_eq!(told, "p c: said\nlevel=WARN msg=beware\n");
    }
}

#[test]
fn json_is_a_line_of_the_same_keys_for_each_change() {
    let told = told(ProgressMode::Json, Some(TERMINAL), &[("TERM", "xterm")]);
    let lines: Vec<serde_json::Value> = told
        .lines()
        .filter(|line| line.starts_with('{'))
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let keys = |value: &serde_json::Value| value.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    for line in &lines {
        assert_eq!(keys(line), keys(&lines[0]));
        for key in keys(line) {
            assert!(json::SCHEMA.contains(&key), "{key} is documented");
        }
        assert!(line["time"].as_str().unwrap().ends_with('Z'));
    }
    let states: Vec<_> = lines
        .iter()
        .map(|line| [&line["phase"], &line["state"]].map(|text| text.as_str().unwrap_or("-")))
        .collect();
    assert_eq!(
        states,
        [
            ["-", "doing"],
            ["pre-upgrade", "started"],
            ["apply", "started"],
            ["apply", "configured"],
            ["wait", "started"],
            ["wait", "waiting"],
            ["wait", "waiting"],
            ["wait", "warning"],
            ["end", "failed"],
        ]
    );
    let mut full = lines[6].clone();
    full["time"] = "T".into();
    assert_eq!(
        full.to_string(),
        r#"{"time":"T","release":"web","phase":"wait","object":{"apiVersion":"apps/v1","kind":"Deployment","namespace":"ns","name":"web"},"state":"waiting","reason":"ImagePullBackOff","message":"ImagePullBackOff (pod p): \u001b[2Jno\nsuch image","ready":1,"wanted":3,"settled":0,"total":3,"bytes":null,"size":null}"#
    );
    assert_eq!(lines.last().unwrap()["message"], "not ready");
}

#[test]
fn on_a_terminal_a_frame_is_redrawn_and_gone_at_the_end() {
    let told = told(ProgressMode::Auto, Some(TERMINAL), &[("TERM", "xterm")]);
    let screen = screen(&told, 80);
    assert_eq!(screen, ["p c: said", "level=WARN msg=beware", "web: 1 configured, 0 of 3 settled, 0s", ""]);
    assert!(
        told.contains("Deployment/web  1/3    waiting  0s   ImagePullBackOff (pod p):  [2Jno such i...\n"),
        "{told}"
    );
}

/// What a terminal shows of a text: `\r`, `\n`, and the sequences for up, erase to the end of the line and of the screen.
fn screen(text: &str, columns: usize) -> Vec<String> {
    let mut lines: Vec<String> = vec![String::new()];
    let (mut row, mut column) = (0usize, 0usize);
    let mut rest = text.chars();
    while let Some(c) = rest.next() {
        match c {
            '\r' => column = 0,
            '\n' => (row, column) = (row + 1, 0),
            '\u{1b}' => {
                let sequence: String = rest.by_ref().skip(1).take_while_inclusive();
                match sequence.split_at(sequence.len() - 1) {
                    (count, "A") => row -= count.parse::<usize>().unwrap(),
                    ("", "K") => lines[row].truncate(column),
                    ("", "J") => {
                        lines.truncate(row + 1);
                        lines[row].truncate(column);
                    }
                    (_, "m") => {}
                    other => panic!("an unknown sequence {other:?}"),
                }
            }
            c => {
                assert!(column < columns, "line {row} is too long: {}", lines[row]);
                let line = &mut lines[row];
                let kept: String =
                    line.chars().take(column).chain([c]).chain(line.chars().skip(column + 1)).collect();
                *line = kept;
                column += 1;
            }
        }
        while lines.len() <= row {
            lines.push(String::new());
        }
    }
    lines
}

/// The part of a sequence up to its letter.
trait Sequence {
    fn take_while_inclusive(self) -> String;
}

impl<I: Iterator<Item = char>> Sequence for I {
    fn take_while_inclusive(self) -> String {
        let mut text = String::new();
        for c in self {
            text.push(c);
            if c.is_ascii_alphabetic() {
                break;
            }
        }
        text
    }
}

fn board(events: &[ObjectEvent], start: Instant) -> Board {
    let mut board = Board::new(start);
    board.begin("web".into(), Phase::Wait);
    for event in events {
        board.take(event, start);
    }
    board
}

#[test]
fn frames_show_what_failed_first_and_fold_what_is_settled() {
    let start = monotonic();
    let mut failed = settled("db", "failed", (2, 4));
    (failed.message, failed.ready) = ("Progress deadline exceeded".into(), Some((0, 1)));
    let board = board(
        &[
            waiting("api", "", "Available: 1/3"),
            ObjectEvent {
                brief: "Unschedulable: 0/1 nodes are available".into(),
                ..waiting("web", "Unschedulable", "Unschedulable (pod web-1): 0/1 nodes are available")
            },
            waiting("gone", "", "x"),
            failed,
            settled("gone", "ready", (2, 4)),
        ],
        start,
    );
    let later = start + Duration::from_secs(185);
    assert_eq!(
        board.frame((80, 24), Paint::new(false), later),
        [
            "web: wait, 2 of 4 settled, 3m05s",
            "OBJECT          READY  STATE    AGE    REASON",
            "Deployment/db   0/1    failed   3m05s  Progress deadline exceeded",
            "Deployment/web  1/3    waiting  3m05s  Unschedulable: 0/1 nodes are available",
            "Deployment/api  1/3    waiting  3m05s  Available: 1/3",
        ]
    );
    assert_eq!(
        board.frame((80, 5), Paint::new(false), start)[1..],
        [
            "OBJECT         READY  STATE   AGE  REASON",
            "Deployment/db  0/1    failed  0s   Progress deadline exceeded",
            "(2 more)"
        ]
    );
    let coloured = board.frame((80, 24), Paint::new(true), start);
    assert!(coloured[2].contains("\u{1b}[31mfailed\u{1b}[0m"), "{}", coloured[2]);
    assert_eq!(board.summary(later).unwrap(), "web: 2 of 4 settled, 3m05s");
}

#[test]
fn frames_fit_into_any_terminal() {
    let start = monotonic();
    let mut events: Vec<ObjectEvent> = (0..40)
        .map(|at| waiting(&format!("a-long-name-of-an-object-{at}"), "Error", &"日本 reason ".repeat(9)))
        .collect();
    events.push(ObjectEvent { id: id("Pod", "other", "p"), ..waiting("p", "", "") });
    let board = board(&events, start);
    for columns in 1..200 {
        for rows in [1, 2, 3, 4, 5, 24] {
            let frame = board.frame((columns, rows), Paint::new(false), start);
            assert!(frame.len() < rows.max(2), "{columns}x{rows}: {} lines", frame.len());
            for line in &frame {
                let most = columns.saturating_sub(1);
                assert!(crate::cli::view::table::width(line) <= most, "{columns}x{rows}: {line}");
            }
        }
        if columns >= 30 {
            let frame = board.frame((columns, 24), Paint::new(false), start);
            assert!(frame[2].contains("waiting"), "the state is there: {columns}: {}", frame[2]);
        }
    }
    let narrow = board.frame((50, 24), Paint::new(false), start);
    assert!(!narrow[1].contains("AGE") && narrow[1].contains("REASON"), "{}", narrow[1]);
}

#[test]
fn a_transfer_that_lasts_is_drawn_and_goes() {
    use crate::sys::transfers::{Direction, Stage};

    let (mut streams, _, err): (_, _, Buffer) = captured::streams();
    streams.err_is_terminal = true;
    streams.err_size = || Some((60, 10));
    let ui = Ui::new(streams, ColourMode::Never, false);
    let host = fixed::host(&[("TERM", "xterm")]);
    let shown = Shown::new(&ui, &host, ProgressMode::Auto, Arc::default());
    let began = monotonic().checked_sub(Duration::from_secs(2)).unwrap();
    let heard = |stage| Transfer {
        id: 1,
        url: "https://charts.example.com/web-1.0.0.tgz",
        direction: Direction::Down,
        done: 1 << 19,
        total: Some(1 << 20),
        began,
        stage,
    };
    shown.transfer(&heard(Stage::Moving));
    shown.transfer(&heard(Stage::Ended));
    shown.finish(None);
    let frame = "downloading …s.example.com/web-1.0.0.tgz 0.5 of 1.0 MiB, 2s\n";
    assert_eq!(err.text(), format!("{frame}\r\u{1b}[1A\u{1b}[J"));
}
