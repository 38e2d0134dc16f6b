//! Makes what the laws work on: hosts, charts, archives.
//!
//! Invariant: an archive made here may be hostile in its names, kinds and sizes, but its headers have right checksums, so
//! that the reader looks at what is in them.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use bowline::chart::{self, Chart, ChartFile, Limits};
use bowline::sys::{Clock, Dirs, Host, Random};

/// A host without environment, whose clock and randomness repeat.
pub fn host() -> Host {
    let env = BTreeMap::new();
    Host {
        dirs: Dirs::from_env(&env),
        env: Arc::new(env),
        clock: Clock::ticking(1_700_000_000),
        random: Random::seeded(*b"fuzz"),
        cwd: PathBuf::from("/nowhere"),
        watched: bowline::sys::transfers::Watched::default(),
    }
}

/// A file of a chart.
pub fn file(path: &str, text: &str) -> ChartFile {
    ChartFile { path: path.into(), data: text.as_bytes().into(), modified: 0 }
}

/// A chart of one template.
pub fn chart_of(template: &str, text: &str) -> Chart {
    let files = vec![
        file("Chart.yaml", "apiVersion: v2\nname: c\nversion: 1.0.0\nappVersion: 2.0.0\n"),
        file("notes/a.txt", "one\ntwo\n"),
        file(template, text),
    ];
    chart::from_files("c", files, &Limits::default()).expect("the chart is valid")
}

/// A tar archive from a description, one entry a line: `KIND SIZE PATH [TARGET]`. A kind is the type flag of tar (`0`
/// file, `2` link, `5` folder, …); a size of `=` is that of the lines below up to one that is `.`; other sizes are what
/// the header claims while nothing follows.
pub fn tar(description: &str) -> Vec<u8> {
    let mut out = Vec::new();
    let mut lines = description.split('\n');
    while let Some(line) = lines.next() {
        let mut words = line.splitn(4, ' ');
        let (Some(kind), Some(size), Some(path)) = (words.next(), words.next(), words.next()) else {
            continue;
        };
        let mut content = String::new();
        let size = if size == "=" {
            for line in lines.by_ref().take_while(|line| *line != ".") {
                content.push_str(line);
                content.push('\n');
            }
            content.len() as u64
        } else {
            size.parse().unwrap_or(0)
        };
        header(&mut out, kind.bytes().next().unwrap_or(b'0'), size, path, words.next().unwrap_or(""));
        out.extend_from_slice(content.as_bytes());
        out.resize(out.len().next_multiple_of(512), 0);
    }
    out.resize(out.len() + 1024, 0);
    out
}

fn header(out: &mut Vec<u8>, kind: u8, size: u64, path: &str, target: &str) {
    let mut header = [0_u8; 512];
    let mut put = |at: usize, most: usize, bytes: &[u8]| {
        let length = bytes.len().min(most);
        header[at..at + length].copy_from_slice(&bytes[..length]);
    };
    put(0, 100, path.as_bytes());
    put(100, 8, b"0000644\0");
    put(108, 8, b"0000000\0");
    put(116, 8, b"0000000\0");
    put(124, 12, format!("{:011o}\0", size & 0o77_777_777_777).as_bytes());
    put(136, 12, b"00000000000\0");
    put(148, 8, b"        ");
    put(156, 1, &[kind]);
    put(157, 100, target.as_bytes());
    put(257, 8, b"ustar\x0000");
    let sum: u32 = header.iter().map(|byte| u32::from(*byte)).sum();
    header[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    out.extend_from_slice(&header);
}
