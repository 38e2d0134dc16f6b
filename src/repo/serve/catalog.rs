//! One served folder, of a machine or a bucket, and what is known of it.
//!
//! The folder is listed now and then by the keeper, beside the requests; names, sizes, times and in a bucket the `ETag`s tell
//! whether anything changed, and only archives that did are read again. While a folder cannot be listed, the last picture
//! stays. What is uploaded or deleted through the server is known at once,
//! without a listing. What was read stays in a file of the cache, so that the next start reads nothing twice.
//!
//! Invariant: pictures follow one another in one order, under one lock, so no upload is lost to a listing that began
//! before it. Who only asks never waits for that lock.

use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::{Duration, Instant};

use super::digests::Digests;
use super::known;
use super::snapshot::{Snapshot, Written};
use super::storage::{Listing, Shelf, Stamp, StorageError, WRITTEN, as_entry};
use super::upload::Refusal;
use crate::repo::RepoError;
use crate::repo::generate::{ARCHIVE_LIMIT, Archive, Created, Generated, Reading, index_of, newest};
use crate::repo::index::{INDEX_LIMIT, Index, Only};
use crate::sys::staged::Staged;
use crate::sys::{fs, monotonic};

/// How long a folder that nobody asks for is still watched.
const FORGET: Duration = Duration::from_secs(60);
/// A listing is followed by a pause of so many times its own length, at least.
const SHARE: u32 = 10;
/// Shortest pauses after which a listing is so old that a request makes the next one, should the keeper be late.
const LATE: u32 = 2;

/// Most that is noted of what clients asked for.
const MOST_WANTED: usize = 10_000;

/// A folder and the last look at it.
pub(super) struct Catalog {
    shelf: Shelf,
    url: String,
    /// Where what was read is kept.
    cache: PathBuf,
    digests: Digests,
    current: Mutex<Arc<Snapshot>>,
    /// Held by whoever makes the next picture.
    changing: Mutex<()>,
    /// Held alone by whoever removes what nothing names, and together by those who are about to name something.
    sweeping: RwLock<()>,
    /// What clients asked for of what nothing names yet, and when.
    wanted: Mutex<HashMap<String, Instant>>,
    watch: Mutex<Watch>,
    /// Whether the keeper lists the folder by itself.
    watched: AtomicBool,
    /// Whether the cache file is older than the picture.
    dirty: AtomicBool,
}

/// When the folder was listed and asked for.
struct Watch {
    asked: Instant,
    listed: Instant,
    took: Duration,
}

impl Catalog {
    /// Looks at a folder for the first time.
    ///
    /// # Errors
    /// It is no folder, or cannot be listed.
    pub(super) fn open(shelf: Shelf, url: String, cache: PathBuf) -> Result<Self, RepoError> {
        let start = monotonic();
        let kept = known::load(&cache, &url);
        let (seen, signed) = shelf.list()?;
        let written = shelf.written()?.and_then(|stamp| read_written(&shelf, stamp));
        let read_anew = seen
            .iter()
            .any(|(path, stamp)| kept.get(path).is_none_or(|archive| Stamp::of(archive) != *stamp));
        let snapshot = picture(&shelf, &url, seen, written, &kept, None)?;
        snapshot.warm(None);
        let digests = Digests::default();
        digests.renew(signed, &snapshot.archives);
        let watch = Watch { asked: start, listed: monotonic(), took: start.elapsed() };
        Ok(Catalog {
            shelf,
            url,
            cache,
            digests,
            current: Mutex::new(Arc::new(snapshot)),
            changing: Mutex::new(()),
            sweeping: RwLock::new(()),
            wanted: Mutex::default(),
            watch: Mutex::new(watch),
            watched: AtomicBool::new(false),
            dirty: AtomicBool::new(read_anew),
        })
    }

    /// The folder as it is now, give or take the time between two listings. A folder that cannot be listed any more
    /// leaves the last picture.
    pub(super) fn current(&self) -> Arc<Snapshot> {
        let late = {
            let mut watch = self.watch();
            watch.asked = monotonic();
            watch.listed.elapsed() >= (self.shelf.storage().pause() * LATE).max(watch.took * (SHARE + 2))
        };
        if (late || !self.watched.load(Ordering::Relaxed))
            && let Ok(changing) = self.changing.try_lock()
        {
            // An error leaves the last picture, and the keeper tries again.
            let _ = self.look(&changing);
            self.watched.store(true, Ordering::Relaxed);
        }
        self.last()
    }

    /// The last picture.
    pub(super) fn last(&self) -> Arc<Snapshot> {
        Arc::clone(&self.current.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// The folder.
    pub(super) fn shelf(&self) -> &Shelf {
        &self.shelf
    }

    /// The right to remove what nothing names.
    pub(super) fn sweeping(&self) -> RwLockWriteGuard<'_, ()> {
        self.sweeping.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// While this is held, nothing is removed because nothing names it.
    pub(super) fn pushing(&self) -> RwLockReadGuard<'_, ()> {
        self.sweeping.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes that a client, now that it knows that something is there, may name it.
    pub(super) fn want(&self, path: &str) {
        let mut wanted = self.wanted();
        if wanted.len() >= MOST_WANTED {
            // The older half; who asked for it an hour ago does not come back to it.
            let mut times: Vec<Instant> = wanted.values().copied().collect();
            let (_, middle, _) = times.select_nth_unstable(MOST_WANTED / 2);
            let middle = *middle;
            wanted.retain(|_, at| *at > middle);
        }
        wanted.insert(path.to_string(), monotonic());
    }

    /// Whether a client asked for something within some time.
    pub(super) fn was_wanted(&self, path: &str, within: Duration) -> bool {
        self.wanted().get(path).is_some_and(|at| at.elapsed() < within)
    }

    fn wanted(&self) -> MutexGuard<'_, HashMap<String, Instant>> {
        self.wanted.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Digests of what belongs to its archives.
    pub(super) fn digests(&self) -> &Digests {
        &self.digests
    }

    /// Writes the provenance file of an archive; false when there is one that may not be replaced.
    ///
    /// # Errors
    /// The storage refuses or does not answer.
    pub(super) fn vouch(
        &self,
        _changing: &MutexGuard<'_, ()>,
        archive: &str,
        file: Staged,
        replace: bool,
    ) -> Result<bool, StorageError> {
        let done = self.shelf.put(&format!("{archive}.prov"), file, replace)?;
        self.digests.changed(&self.shelf, archive)?;
        Ok(done)
    }

    /// Removes the provenance file of an archive, if it has one.
    ///
    /// # Errors
    /// The storage refuses or does not answer.
    pub(super) fn disown(&self, _changing: &MutexGuard<'_, ()>, archive: &str) -> Result<(), StorageError> {
        self.shelf.remove(&format!("{archive}.prov"))?;
        self.digests.changed(&self.shelf, archive)
    }

    /// What the keeper does from time to time: lists the folder when it is due, and prepares texts.
    pub(super) fn tend(&self) {
        let (due, forget) = {
            let watch = self.watch();
            let pause = self.shelf.storage().pause().max(watch.took * SHARE);
            (watch.listed.elapsed() >= pause, watch.asked.elapsed() >= FORGET)
        };
        if forget {
            self.watched.store(false, Ordering::Relaxed);
        } else if due && self.watched.load(Ordering::Relaxed) {
            // As in `current`.
            let _ = self.look(&self.change());
        }
        self.last().warm(None);
    }

    /// Writes the cache file when it is old. Failing costs time at the next start, nothing else.
    pub(super) fn save(&self) {
        if self.dirty.swap(false, Ordering::Relaxed) {
            let _ = known::save(&self.cache, &self.last().archives);
        }
    }

    /// The right to change the folder and its picture.
    pub(super) fn change(&self) -> MutexGuard<'_, ()> {
        self.changing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether the folder can be changed: not while somebody's own `index.yaml` cannot be read, since what is in it would be
    /// lost with the next one.
    ///
    /// # Errors
    /// It cannot be changed now.
    pub(super) fn may_change(&self, _changing: &MutexGuard<'_, ()>) -> Result<(), Refusal> {
        let Some(stamp) = self.shelf.written()? else { return Ok(()) };
        let last = self.last();
        let unreadable = if last.written == Some(stamp) {
            last.unreadable.clone()
        } else {
            let bytes = self.shelf.read(WRITTEN, INDEX_LIMIT).map_err(|error| error.to_string());
            let parsed = bytes.and_then(|bytes| {
                Index::parse(&bytes, WRITTEN, Only::All).map_err(|error| error.to_string())
            });
            parsed.err()
        };
        match unreadable {
            None => Ok(()),
            Some(why) => {
                let text = format!("nothing is changed while {WRITTEN} of the folder cannot be read: {why}");
                Err(Refusal::new(409, text))
            }
        }
    }

    /// Takes up an archive that was just put into the folder.
    ///
    /// # Errors
    /// It cannot be read, or the folder's own `index.yaml` cannot be written.
    pub(super) fn added(&self, changing: &MutexGuard<'_, ()>, path: &str) -> Result<(), RepoError> {
        let stamp = self.shelf.stamp(path)?;
        let mut seen = self.last().seen.clone();
        if let Some(stamp) = stamp {
            seen.insert(path.to_string(), stamp);
        }
        self.amend(changing, seen, path, |index, archives| {
            if let Some(archive) = archives.get(path) {
                let entry = &archive.entry;
                remove(index, &entry.metadata.name, &entry.metadata.version);
                index.add(Arc::clone(entry));
                index.sort();
            }
        })
    }

    /// Forgets an archive that was just removed from the folder.
    ///
    /// # Errors
    /// The folder's own `index.yaml` cannot be written.
    pub(super) fn removed(
        &self,
        changing: &MutexGuard<'_, ()>,
        path: &str,
        name: &str,
        version: &str,
    ) -> Result<(), RepoError> {
        let mut seen = self.last().seen.clone();
        seen.remove(path);
        self.amend(changing, seen, path, |index, _| remove(index, name, version))
    }

    /// Makes the next picture of the files `seen`, of which the one at `path` is another one or gone; an `index.yaml` of the
    /// folder's own is changed first.
    fn amend(
        &self,
        _changing: &MutexGuard<'_, ()>,
        seen: Listing,
        path: &str,
        change: impl FnOnce(&mut Index, &BTreeMap<String, Archive>),
    ) -> Result<(), RepoError> {
        let last = self.last();
        let mut written = self.shelf.written()?.and_then(|stamp| read_written(&self.shelf, stamp));
        if written.is_none()
            && let Some(next) = step(&self.shelf, &self.url, &seen, path, &last)?
        {
            self.show(next);
            return Ok(());
        }
        let mut next = picture(&self.shelf, &self.url, seen, written.clone(), &last.archives, Some(&last))?;
        if written.is_some() && next.unreadable.is_none() {
            let mut index = next.index.clone();
            change(&mut index, &next.archives);
            let text = index.to_yaml()?;
            self.shelf.write(WRITTEN, text.as_bytes())?;
            written = self.shelf.stamp(WRITTEN)?.map(|stamp| Written { stamp, bytes: text.into_bytes() });
            next = picture(&self.shelf, &self.url, next.seen.clone(), written, &next.archives, Some(&last))?;
        }
        self.show(next);
        Ok(())
    }

    /// Lists the folder, and makes the next picture when anything changed.
    fn look(&self, _changing: &MutexGuard<'_, ()>) -> Result<(), RepoError> {
        let start = monotonic();
        let looked = (|| {
            let last = self.last();
            let ((seen, signed), written) = (self.shelf.list()?, self.shelf.written()?);
            self.digests.renew(signed, &last.archives);
            if (&seen, written) == (&last.seen, last.written) {
                return Ok(());
            }
            let written = written.and_then(|stamp| read_written(&self.shelf, stamp));
            let next = picture(&self.shelf, &self.url, seen, written, &last.archives, Some(&last))?;
            next.warm(Some(&last));
            self.show(next);
            Ok(())
        })();
        let mut watch = self.watch();
        watch.listed = monotonic();
        if looked.is_ok() {
            // How long a failure takes tells nothing of the folder.
            watch.took = start.elapsed();
        }
        looked
    }

    fn show(&self, next: Snapshot) {
        *self.current.lock().unwrap_or_else(PoisonError::into_inner) = Arc::new(next);
        self.dirty.store(true, Ordering::Relaxed);
    }

    fn watch(&self) -> MutexGuard<'_, Watch> {
        self.watch.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn remove(index: &mut Index, name: &str, version: &str) {
    if let Some(versions) = index.entries.get_mut(name) {
        versions.retain(|entry| entry.metadata.version != version);
    }
    index.entries.retain(|_, versions| !versions.is_empty());
}

/// The folder's own `index.yaml`; for those who only ask, one that cannot be read is as good as none.
fn read_written(shelf: &Shelf, stamp: Stamp) -> Option<Written> {
    shelf.read(WRITTEN, INDEX_LIMIT).ok().map(|bytes| Written { stamp, bytes })
}

/// The picture after one file changed, made of the last one without a look at the other files; `None` when it cannot be made
/// so: the last one was of an `index.yaml`, or the file is no chart.
///
/// # Errors
/// As [`picture`].
fn step(
    shelf: &Shelf,
    url: &str,
    seen: &Listing,
    path: &str,
    last: &Snapshot,
) -> Result<Option<Snapshot>, RepoError> {
    if last.written.is_some() {
        return Ok(None);
    }
    let found: Vec<fs::Entry> = seen.get(path).map(|stamp| as_entry(path, stamp)).into_iter().collect();
    let read = read_all(shelf, url, found, &BTreeMap::new())?;
    if !read.warnings.is_empty() {
        return Ok(None);
    }
    let (mut index, mut archives) = (last.index.clone(), last.archives.clone());
    let before = archives.remove(path);
    let charts: Vec<Arc<str>> =
        before.iter().chain(read.archives.values()).map(|one| Arc::clone(&one.entry.metadata.name)).collect();
    archives.extend(read.archives);
    for chart in charts {
        let mut alone = index.clone_head();
        let own = archives.values().filter(|archive| archive.entry.metadata.name == chart);
        own.for_each(|archive| alone.add(Arc::clone(&archive.entry)));
        alone.sort();
        index.entries.remove(&chart);
        index.entries.extend(alone.entries);
    }
    index.generated = newest(seen.values().map(|stamp| stamp.modified));
    let mut broken = last.broken.clone();
    broken.remove(path);
    let all = Generated { index, archives, warnings: Vec::new() };
    Snapshot::of(all, broken, seen.clone(), None, Some(last)).map(Some)
}

/// Reads archives; those that are `known` with the same stamp are not read.
///
/// # Errors
/// As [`picture`].
fn read_all(
    shelf: &Shelf,
    url: &str,
    found: Vec<fs::Entry>,
    known: &BTreeMap<String, Archive>,
) -> Result<Generated, RepoError> {
    let passing: Mutex<Option<StorageError>> = Mutex::default();
    let read = |file: &fs::Entry| {
        shelf.read(&file.relative, ARCHIVE_LIMIT).map_err(|error| {
            let text = error.to_string();
            if error.is_passing() {
                *passing.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
            }
            text
        })
    };
    let reading = Reading { read: &read, threads: shelf.storage().threads() };
    let all = index_of(found, url, &Created::Modified, known, &reading);
    match passing.into_inner().unwrap_or_else(PoisonError::into_inner) {
        Some(error) => Err(error.into()),
        None => Ok(all),
    }
}

/// Makes a picture; archives that are `known` with the same stamp are not read.
///
/// # Errors
/// An archive cannot be read now, and may well be a moment later: a picture without it would say that it is gone.
fn picture(
    shelf: &Shelf,
    url: &str,
    seen: Listing,
    written: Option<Written>,
    known: &BTreeMap<String, Archive>,
    before: Option<&Snapshot>,
) -> Result<Snapshot, RepoError> {
    let is_broken = |path: &String, stamp: &Stamp| {
        before.and_then(|before| before.broken.get(path)).is_some_and(|(broken, _)| broken == stamp)
    };
    let found: Vec<fs::Entry> = seen
        .iter()
        .filter(|(path, stamp)| !is_broken(path, stamp))
        .map(|(path, stamp)| as_entry(path, stamp))
        .collect();
    let paths: Vec<String> = found.iter().map(|file| file.relative.clone()).collect();
    let mut all = read_all(shelf, url, found, known)?;
    // Whatever was read now and whatever before, the same folder gives the same index.
    all.index.generated = newest(seen.values().map(|stamp| stamp.modified));
    // The files that are no charts, in the order of their warnings.
    let left_out = paths.into_iter().filter(|path| !all.archives.contains_key(path));
    let mut broken: BTreeMap<_, _> = left_out
        .zip(std::mem::take(&mut all.warnings))
        .filter_map(|(path, warning)| Some((path.clone(), (*seen.get(&path)?, warning))))
        .collect();
    for (path, (stamp, warning)) in before.iter().flat_map(|before| &before.broken) {
        if seen.get(path) == Some(stamp) {
            broken.entry(path.clone()).or_insert_with(|| (*stamp, warning.clone()));
        }
    }
    Snapshot::of(all, broken, seen, written, before)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chart::{ChartFile, Limits, from_files};
    use crate::package::{PackOptions, pack};
    use crate::repo::serve::storage::{self, Source};
    use crate::sys::Host;

    /// An archive in a folder, and where it is.
    fn archive(root: &std::path::Path, below: &str, name: &str, version: &str) -> String {
        let yaml = format!("apiVersion: v2\nname: {name}\nversion: {version}\n");
        let file = ChartFile { path: "Chart.yaml".into(), data: yaml.into_bytes().into(), modified: 1 };
        let chart = from_files(name, vec![file], &Limits::default()).unwrap();
        let packed = pack(&chart, &PackOptions::default()).unwrap();
        packed.save(&root.join(below)).unwrap();
        if below.is_empty() { packed.file_name } else { format!("{below}/{}", packed.file_name) }
    }

    #[test]
    fn a_step_leads_to_the_picture_of_the_whole() {
        let keep = tempfile::tempdir().unwrap();
        let root = keep.path().join("charts");
        std::fs::create_dir_all(root.join("sub")).unwrap();
        let host = Host { cwd: root.clone(), ..Host::of_process().unwrap() };
        let (storage, _) = storage::open(&host, &Source::Folder(root.clone())).unwrap();
        let open = |cache: &str| {
            let shelf = Shelf::new(Arc::clone(&storage), "");
            Catalog::open(shelf, String::new(), keep.path().join(cache)).unwrap()
        };
        std::fs::write(root.join("broken-1.0.0.tgz"), "no chart").unwrap();
        archive(&root, "", "web", "1.0.0");
        let catalog = open("cache");
        let is_whole = |what: &str| {
            let (stepped, whole) = (catalog.last(), open("none").last());
            assert_eq!(stepped.index.to_yaml().unwrap(), whole.index.to_yaml().unwrap(), "{what}");
            assert!(
                stepped.archives.keys().eq(whole.archives.keys()) && stepped.seen == whole.seen,
                "{what}"
            );
            assert!(stepped.broken.keys().eq(whole.broken.keys()), "{what}");
        };
        // A newer one, an older one, another chart, and the same version once more in a folder that is read later.
        for (below, name, version) in
            [("", "web", "1.1.0"), ("", "web", "0.9.0"), ("", "db", "1.0.0"), ("sub", "web", "1.1.0")]
        {
            let path = archive(&root, below, name, version);
            catalog.added(&catalog.change(), &path).unwrap();
            is_whole(&path);
        }
        // Under the name of one there is another one, and under that of a broken one a chart.
        for path in ["web-0.9.0.tgz", "broken-1.0.0.tgz"] {
            let other = archive(&root, "", "other", "2.0.0");
            std::fs::rename(root.join(&other), root.join(path)).unwrap();
            catalog.added(&catalog.change(), path).unwrap();
            is_whole(path);
        }
        std::fs::write(root.join("db-1.0.0.tgz"), "no chart").unwrap();
        catalog.added(&catalog.change(), "db-1.0.0.tgz").unwrap();
        is_whole("a broken one in place of a chart");
        for (path, name, version) in [
            ("web-1.1.0.tgz", "web", "1.1.0"),
            ("sub/web-1.1.0.tgz", "web", "1.1.0"),
            ("web-1.0.0.tgz", "web", "1.0.0"),
        ] {
            std::fs::remove_file(root.join(path)).unwrap();
            catalog.removed(&catalog.change(), path, name, version).unwrap();
            is_whole(path);
        }
    }
}
