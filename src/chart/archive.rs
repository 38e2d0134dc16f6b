//! Chart archives, the only user of tar: gzip around tar around one folder with the chart's files.
//!
//! ```text
//! NAME/Chart.yaml   NAME/values.yaml   NAME/templates/…   NAME/charts/SUB/Chart.yaml   …
//! ```
//!
//! Reading takes ustar, GNU, pax and old headers, either path separator, and any name for the folder. Links within the
//! archive are followed (Helm reads them as empty files). What could write outside a folder, or fill memory, is refused
//! with the archive and the entry named.
//!
//! Invariant: a path that leaves `read` is relative, has no `..`, no backslash, no drive letter and no character that ends
//! a line or controls a terminal.

use std::cell::Cell;
use std::collections::HashMap;
use std::io::Read;
use std::sync::Arc;

use tar::EntryType;

use super::error::ArchiveProblem;
use super::load::Budget;
use super::sparse::Sparse;
use super::{ChartError, ChartFile, Looks};
use crate::data::gzip::{self, GzipError, Inflater, is_gzip};
use crate::sys::content::Content;

/// Bytes of headers and padding that an entry may cost beside its content: its own header, a long name, a pax header.
const HEADER_ALLOWANCE: u64 = 4 * 1024;

/// Most bytes between the content of one entry and the next one: its header, a long name, pax records. As Go's reader has
/// it.
const LONGEST_HEADER: u64 = 1 << 20;

/// Decompressed bytes of an archive that is inflated at once.
const SMALL: u64 = 1 << 20;

/// Decompressed bytes that are looked at first: a header and a Chart.yaml of usual size.
const START: usize = 4 * 1024;

/// Longest name of an entry in bytes, which is the most that Linux takes for a path.
const MAX_PATH: usize = 4_096;

/// Reads files of an archive until `keep_going` says no; it is asked after each file.
///
/// # Errors
/// The archive is damaged, holds what no chart may hold, or exceeds the budget.
pub(super) fn read(
    name: &str,
    bytes: &[u8],
    budget: &mut Budget,
    keep_going: impl FnMut(&ChartFile) -> bool,
) -> Result<Vec<ChartFile>, ChartError> {
    if !is_gzip(bytes) {
        return Err(ChartError::NotAnArchive { path: name.to_string(), looks_like: looks_like(bytes) });
    }
    let stream = budget.bytes_left() + HEADER_ALLOWANCE * (budget.files_left() as u64 + 1);
    // Most archives are so small that to have all of it in memory costs less than to inflate it bit by bit.
    if let Some(tar) = gzip::whole(bytes, stream.min(SMALL)) {
        return read_tar(name, &*tar, budget, keep_going).map(|(files, _)| files);
    }
    read_tar(name, Inflater::new(bytes, stream), budget, keep_going).map(|(files, _)| files)
}

/// What bytes without the mark of gzip seem to be.
fn looks_like(bytes: &[u8]) -> Looks {
    // The mark of a tar stands within the header of its first entry.
    if bytes.get(257..262) == Some(b"ustar") {
        return Looks::Tar;
    }
    match std::str::from_utf8(bytes) {
        Ok(text) if text.contains(": ") || text.contains(":\n") => Looks::Yaml,
        _ => Looks::Unknown,
    }
}

/// The files at the start of an archive until `keep_going` says no, if it does so within the first few KiB and nothing
/// is odd there. Reading only these spares the set-up for the rest, half of what a small archive costs.
pub(super) fn read_start(
    bytes: &[u8],
    budget: &mut Budget,
    keep_going: impl FnMut(&ChartFile) -> bool,
) -> Option<Vec<ChartFile>> {
    let start = gzip::start(bytes, START)?;
    let (files, stopped) = read_tar("archive", &*start, budget, keep_going).ok()?;
    stopped.then_some(files)
}

/// Reads the files of a tar, and whether `keep_going` ended that.
fn read_tar(
    name: &str,
    stream: impl Read,
    budget: &mut Budget,
    mut keep_going: impl FnMut(&ChartFile) -> bool,
) -> Result<(Vec<ChartFile>, bool), ChartError> {
    let fail = |problem| ChartError::Archive { archive: name.to_string(), problem };
    let mut reading = Reading { budget, files: Vec::new(), links: Vec::new() };
    let mut stopped = false;
    let between = Between::default();
    let mut archive = tar::Archive::new(Bounded { stream, between: &between });
    for entry in archive.entries().map_err(|error| fail(reading.problem(&error)))? {
        between.set(None);
        let mut entry = entry.map_err(|error| fail(reading.problem(&error)))?;
        let added = reading.entry(&mut entry).map_err(fail)?;
        between.set(Some(LONGEST_HEADER));
        if let (true, Some(file)) = (added, reading.files.last())
            && !keep_going(file)
        {
            stopped = true;
            break;
        }
    }
    between.set(None);
    if !stopped {
        // What follows the tar data holds the checksum of the whole.
        let rest = std::io::copy(&mut archive.into_inner(), &mut std::io::sink());
        rest.map_err(|error| fail(reading.problem(&error)))?;
        reading.resolve_links().map_err(fail)?;
    }
    if reading.files.is_empty() { Err(fail(ArchiveProblem::Empty)) } else { Ok((reading.files, stopped)) }
}

/// How many bytes may be read before the next entry; `None` within one.
type Between = Cell<Option<u64>>;

/// A stream that ends with an error when headers go on for too long. The crate has them in memory whole before it tells
/// of them.
struct Bounded<'b, R> {
    stream: R,
    between: &'b Between,
}

impl<R: Read> Read for Bounded<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let count = self.stream.read(buffer)?;
        if let Some(left) = self.between.get() {
            let left = left.checked_sub(count as u64);
            let too_long = || std::io::Error::other("the headers before an entry are longer than 1 MiB");
            self.between.set(Some(left.ok_or_else(too_long)?));
        }
        Ok(count)
    }
}

/// A link of the archive: its entry name, path, and the path it leads to.
struct Link {
    entry: String,
    path: String,
    target: String,
    /// The target resolved to a path of the archive, if it stays within.
    leads_to: Option<String>,
    modified: i64,
}

struct Reading<'b> {
    budget: &'b mut Budget,
    files: Vec<ChartFile>,
    links: Vec<Link>,
}

impl Reading<'_> {
    /// Takes one entry; true if it was a file.
    fn entry<R: Read>(&mut self, entry: &mut tar::Entry<'_, R>) -> Result<bool, ArchiveProblem> {
        let mut raw = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
        self.budget.take_file().map_err(|limit| ArchiveProblem::TooManyEntries { limit })?;
        if raw.len() > MAX_PATH {
            let head: String = raw.chars().take(64).collect();
            return Err(ArchiveProblem::BadName { entry: format!("{head}…") });
        }
        let kind = entry.header().entry_type();
        match kind {
            EntryType::XGlobalHeader | EntryType::XHeader => return Ok(false),
            EntryType::Directory => {
                // A folder is made by the files in it, but a bad name is refused even so.
                return folder_path(&raw).map(|()| false);
            }
            EntryType::Regular | EntryType::Continuous | EntryType::GNUSparse => {}
            EntryType::Symlink | EntryType::Link => return self.link(entry, raw, kind).map(|()| false),
            _ => return Err(ArchiveProblem::Irregular { entry: raw }),
        }
        // Old archives have folders as empty files whose names end in a slash.
        if raw.ends_with('/') {
            return folder_path(&raw).map(|()| false);
        }
        let sparse = Sparse::of(entry, &raw)?;
        if let Some(name) = sparse.as_ref().and_then(|sparse| sparse.name.as_ref()) {
            raw.clone_from(name);
        }
        let path = chart_path(&raw)?;
        let data = self.content(entry, sparse, &raw)?;
        let modified = modified(entry);
        self.files.push(ChartFile { path: path.into(), data, modified });
        Ok(true)
    }

    fn content<R: Read>(
        &mut self,
        entry: &mut tar::Entry<'_, R>,
        sparse: Option<Sparse>,
        raw: &str,
    ) -> Result<Content, ArchiveProblem> {
        let size = entry.size();
        self.take(size, raw)?;
        // `size` is the archive's claim and within the budget now; memory is taken only as bytes arrive.
        let mut data = Vec::new();
        entry.take(size).read_to_end(&mut data).map_err(|error| self.problem(&error))?;
        if data.len() as u64 != size {
            return Err(ArchiveProblem::CutOff { entry: raw.to_string() });
        }
        if let Some(sparse) = sparse {
            self.take(sparse.size, raw)?;
            data = sparse.expand(&data, raw)?;
        }
        Ok(Content::read(&data))
    }

    /// Takes the bytes of a file from the budget.
    fn take(&mut self, size: u64, raw: &str) -> Result<(), ArchiveProblem> {
        self.budget.take_bytes(size).map_err(|over| match over {
            super::load::Over::Total(limit) => ArchiveProblem::TooLarge { limit },
            super::load::Over::File(limit) => ArchiveProblem::FileTooLarge { entry: raw.to_string(), limit },
        })
    }

    fn link<R: Read>(
        &mut self,
        entry: &tar::Entry<'_, R>,
        raw: String,
        kind: EntryType,
    ) -> Result<(), ArchiveProblem> {
        let path = chart_path(&raw)?;
        let target = entry.link_name_bytes().map(|name| String::from_utf8_lossy(&name).into_owned());
        let target = target.unwrap_or_default();
        // A hard link names an entry; a symbolic one starts at its own folder.
        let leads_to =
            if kind == EntryType::Link { chart_path(&target).ok() } else { beside(&path, &target) };
        self.links.push(Link { entry: raw, path, target, leads_to, modified: modified(entry) });
        Ok(())
    }

    /// Turns links into files with the content they lead to, also by way of other links.
    fn resolve_links(&mut self) -> Result<(), ArchiveProblem> {
        if self.links.is_empty() {
            return Ok(());
        }
        let links: HashMap<String, Option<String>> =
            self.links.iter().map(|link| (link.path.clone(), link.leads_to.clone())).collect();
        let data: HashMap<Arc<str>, Arc<[u8]>> =
            self.files.iter().map(|file| (Arc::clone(&file.path), file.data.shared())).collect();
        for link in std::mem::take(&mut self.links) {
            let outside = || ArchiveProblem::Link { entry: link.entry.clone(), target: link.target.clone() };
            let mut at = link.leads_to.as_deref();
            // A circle is as long as there are links at most.
            let mut steps = links.len();
            while let Some(next) = at.and_then(|at| links.get(at)).filter(|_| steps > 0) {
                at = next.as_deref();
                steps -= 1;
            }
            let found = at.and_then(|at| data.get(at)).ok_or_else(outside)?;
            self.budget
                .take_bytes(found.len() as u64)
                .map_err(|_| ArchiveProblem::TooLarge { limit: self.budget.total_limit() })?;
            let (path, data) = (link.path.as_str().into(), Arc::clone(found).into());
            self.files.push(ChartFile { path, data, modified: link.modified });
        }
        Ok(())
    }

    fn problem(&self, error: &std::io::Error) -> ArchiveProblem {
        match GzipError::within(error) {
            Some(GzipError::TooLarge { .. }) => ArchiveProblem::TooLarge { limit: self.budget.total_limit() },
            Some(other) => ArchiveProblem::Gzip(other.clone()),
            None => ArchiveProblem::Damaged { reason: error.to_string() },
        }
    }
}

fn modified<R: Read>(entry: &tar::Entry<'_, R>) -> i64 {
    entry.header().mtime().ok().and_then(|seconds| i64::try_from(seconds).ok()).unwrap_or(0)
}

/// Checks the name of a folder as that of a file in it.
fn folder_path(raw: &str) -> Result<(), ArchiveProblem> {
    path_below(raw, &format!("{}/x", raw.trim_end_matches(['/', '\\']))).map(drop)
}

/// The path below the chart's folder of a file's name.
fn chart_path(raw: &str) -> Result<String, ArchiveProblem> {
    path_below(raw, raw)
}

/// The path below the chart's folder of a path; `shown` is what errors name.
fn path_below(shown: &str, path: &str) -> Result<String, ArchiveProblem> {
    let entry = || shown.to_string();
    let portable = path.replace('\\', "/");
    let has_drive = |path: &str| {
        let mut chars = path.bytes();
        chars.next().is_some_and(|c| c.is_ascii_alphabetic()) && chars.next() == Some(b':')
    };
    if portable.starts_with('/') {
        return Err(ArchiveProblem::Absolute { entry: entry() });
    }
    if !super::load::is_path_text(&portable) || has_drive(&portable) {
        return Err(ArchiveProblem::BadName { entry: entry() });
    }
    if portable.split('/').any(|part| part == "..") {
        return Err(ArchiveProblem::Parent { entry: entry() });
    }
    if portable == "Chart.yaml" {
        return Err(ArchiveProblem::ChartYamlAtTop);
    }
    let Some((_, below)) = portable.split_once('/') else {
        return Err(ArchiveProblem::OutsideBase { entry: entry() });
    };
    if below.starts_with('/') {
        return Err(ArchiveProblem::Absolute { entry: entry() });
    }
    if has_drive(below) {
        return Err(ArchiveProblem::BadName { entry: entry() });
    }
    let parts: Vec<&str> = below.split('/').filter(|part| !part.is_empty() && *part != ".").collect();
    if parts.is_empty() { Err(ArchiveProblem::OutsideBase { entry: entry() }) } else { Ok(parts.join("/")) }
}

/// Where a relative target leads from the folder of a path, if it stays within the chart.
fn beside(path: &str, target: &str) -> Option<String> {
    if target.starts_with(['/', '\\']) || target.contains('\0') {
        return None;
    }
    let mut parts: Vec<&str> = path.split('/').collect();
    parts.pop();
    for part in target.split(['/', '\\']) {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop()?;
            }
            plain => parts.push(plain),
        }
    }
    Some(parts.join("/"))
}

/// Writes a tar archive with the files in the given order: mode 0644, no owner, one time for all, no folders.
///
/// # Errors
/// [`ChartError::Unwritable`]: a path is empty, absolute or has `..`.
pub fn write<'f>(
    files: impl IntoIterator<Item = (String, &'f [u8])>,
    modified: u64,
) -> Result<Vec<u8>, ChartError> {
    let mut builder = tar::Builder::new(Vec::new());
    for (path, data) in files {
        let mut header = tar::Header::new_ustar();
        header.set_entry_type(EntryType::Regular);
        header.set_mode(0o644);
        header.set_uid(0);
        header.set_gid(0);
        header.set_mtime(modified);
        header.set_size(data.len() as u64);
        append(&mut builder, &mut header, &path, data)
            .map_err(|error| ChartError::Unwritable { file: path.clone(), reason: error.to_string() })?;
    }
    builder
        .into_inner()
        .map_err(|error| ChartError::Unwritable { file: "archive".to_string(), reason: error.to_string() })
}

/// Name in the header of an entry whose path does not fit there; readers take the path of the record before it.
const LONG_NAME: &str = "long-path";

/// Appends an entry. A path that the header cannot hold goes into a pax record of its own.
fn append(
    builder: &mut tar::Builder<Vec<u8>>,
    header: &mut tar::Header,
    path: &str,
    data: &[u8],
) -> std::io::Result<()> {
    let is_part = |part: &str| !matches!(part, "" | "." | "..");
    if path.contains('\0') || !path.split('/').all(is_part) {
        return Err(std::io::Error::other("the path is not relative, or has empty parts or dots"));
    }
    if header.set_path(path).is_err() {
        // Records end with a line; readers, ours too, would cut the path there.
        if path.contains('\n') {
            return Err(std::io::Error::other("the path is long and has a line break"));
        }
        builder.append_pax_extensions([("path", path.as_bytes())])?;
        header.set_path(LONG_NAME)?;
    }
    header.set_cksum();
    builder.append(header, data)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::chart::Limits;

    fn files_of(archive: &[u8]) -> Result<Vec<ChartFile>, ChartError> {
        read("a.tgz", archive, &mut Budget::new(&Limits::default()), |_| true)
    }

    #[test]
    fn a_long_path_is_not_cut_into_dots() {
        let path = format!("c/{}/..abc/{}", "a".repeat(96), "b".repeat(150));
        let archive = gzip::deflate(&write([(path.clone(), b"x".as_slice())], 7).unwrap());
        assert_eq!(format!("c/{}", files_of(&archive).unwrap()[0].path), path);
        let broken = format!("c/{}\n", "a/".repeat(200));
        for bad in ["", "/a", "a/../b", "a//b", "a/.", &format!("{broken}a")] {
            assert!(write([(bad.to_string(), b"".as_slice())], 7).is_err(), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn what_was_written_is_read(
            files in proptest::collection::btree_map("[a-zé]{1,90}(/[a-z.]{0,3}[a-z]{1,120}){0,3}", ".{0,40}", 1..6),
        ) {
            let entries = files.iter().map(|(path, text)| (format!("c/{path}"), text.as_bytes()));
            let archive = gzip::deflate(&write(entries, 7).unwrap());
            let read = files_of(&archive).unwrap();
            let read: Vec<(String, String)> =
                read.iter().map(|file| (file.path.to_string(), file.text().into_owned())).collect();
            let files: Vec<(String, String)> = files
                .into_iter()
                .map(|(path, text)| (path, text.strip_prefix('\u{feff}').unwrap_or(&text).to_string()))
                .collect();
            prop_assert_eq!(read, files);
        }

        #[test]
        fn damaged_archives_end_in_files_or_errors(
            damage in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
        ) {
            let files = [("c/Chart.yaml".to_string(), b"name: c".as_slice()), ("c/a/b".to_string(), b"x")];
            let mut tar = write(files, 7).unwrap();
            for (at, byte) in damage {
                let at = at.index(tar.len());
                tar[at] = byte;
            }
            if let Ok(files) = files_of(&gzip::deflate(&tar)) {
                for file in files {
                    prop_assert!(!file.path.starts_with('/') && !file.path.split('/').any(|part| part == ".."));
                }
            }
        }
    }
}
