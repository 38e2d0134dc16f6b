//! A process that is killed while it writes: the file opens again, holds only whole batches, and lost nothing that was
//! acknowledged.

#![allow(clippy::print_stdout)] // tests say what they measured and what they skipped

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::mpsc::channel;
use std::time::Duration;

use bowline::cluster::{Query, Sqlite, Store, StoreOptions, Write};
use bowline::manifest::ObjectRef;
use bowline::sys::{Host, Random};

use crate::stores::{body, host};

/// Names the file, and makes this binary the writer.
const FILE: &str = "BOWLINE_TEST_KILL_FILE";
/// Number of the batch that the writer starts with.
const START: &str = "BOWLINE_TEST_KILL_START";
/// Objects of one batch.
const PARTS: u64 = 4;
/// How often the writer is killed.
const ROUNDS: u64 = 36;
/// So many times it may be killed before it has written anything.
const EARLY: u64 = 8;
/// How long the first batch of a writer may take: machines are busy.
const PATIENCE: Duration = Duration::from_secs(180);

fn open(path: &Path) -> Sqlite {
    Sqlite::new(path, &Host { random: Random::System, ..host() }, StoreOptions::default())
}

fn object(batch: u64, part: u64) -> bowline::data::Value {
    // Bodies of several pages, so that a kill can hit the middle of one.
    let filler = "0123456789abcdef".repeat(1024);
    body(&format!(
        r#"{{"apiVersion":"v1","kind":"Secret","metadata":{{"name":"b{batch:06}-{part}","namespace":"n","labels":{{"batch":"{batch}"}}}},"data":{{"x":"{filler}"}}}}"#
    ))
}

fn id(batch: u64, part: u64) -> ObjectRef {
    ObjectRef {
        group: String::new(),
        version: "v1".into(),
        kind: "Secret".into(),
        namespace: "n".into(),
        name: format!("b{batch:06}-{part}"),
    }
}

/// The writer: batches until it is killed, a line for each that was acknowledged. A batch also deletes the one ten before.
#[test]
fn writer() {
    let (Ok(path), Ok(start)) = (std::env::var(FILE), std::env::var(START)) else { return };
    let store = open(Path::new(&path));
    let start: u64 = start.parse().unwrap();
    for batch in start.. {
        let mut writes: Vec<Write> =
            (0..PARTS).map(|part| Write::Create { body: object(batch, part) }).collect();
        if let Some(old) = batch.checked_sub(10) {
            writes.extend((0..PARTS).map(|part| Write::Delete { id: id(old, part), expected: None }));
        }
        store.batch(&writes).unwrap();
        println!("\ndone {batch}");
    }
}

/// Small reproducible numbers for the moments of the kills.
fn next(seed: &mut u64) -> u64 {
    *seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    *seed >> 33
}

#[test]
fn a_killed_writer_loses_nothing_and_leaves_nothing_half_done() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("sub/store.sqlite");
    let mut seed = 42;
    let (mut start, mut written) = (0, 0);
    for round in 0..ROUNDS {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "store_kill::writer", "--nocapture"])
            .env(FILE, &path)
            .env(START, start.to_string())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let output = child.stdout.take().unwrap();
        let (wrote, written_once) = channel();
        let reader = std::thread::spawn(move || {
            let done = BufReader::new(output).lines().map_while(Result::ok);
            let done = done.filter_map(|line| line.strip_prefix("done ")?.parse::<u64>().ok());
            // Nobody listens any more when it is killed before.
            done.inspect(|batch| wrote.send(*batch).unwrap_or_default()).last()
        });
        // The first rounds hit the making of the file, the later ones the writing, once that has begun.
        let most = if round < EARLY { 20_000 } else { 60_000 };
        if round >= EARLY {
            written_once.recv_timeout(PATIENCE).expect("the writer writes");
        }
        std::thread::sleep(Duration::from_micros(next(&mut seed) % most));
        child.kill().unwrap();
        child.wait().unwrap();
        let acknowledged = reader.join().unwrap();

        let store = open(&path);
        store.check().unwrap();
        let found = store.list(&Query::default()).unwrap();
        let mut batches: Vec<u64> =
            found.iter().map(|object| object.labels["batch"].parse().unwrap()).collect();
        batches.dedup();
        assert_eq!(found.len() as u64, batches.len() as u64 * PARTS, "round {round}: half a batch");
        assert!(found.iter().all(|object| object.body.is_some()), "round {round}: a body is missing");
        assert!(batches.windows(2).all(|pair| pair[1] == pair[0] + 1), "round {round}: {batches:?}");
        assert!(batches.len() <= 10, "round {round}: {batches:?}");
        let last = batches.last().copied();
        assert!(last >= acknowledged, "round {round}: {acknowledged:?} acknowledged, {last:?} found");
        if let Some(last) = last {
            written += last + 1 - start;
            start = last + 1;
        }
    }
    println!("{ROUNDS} kills, {written} batches");
    assert!(written >= ROUNDS - EARLY, "{written} batches of {ROUNDS} writers");
}
