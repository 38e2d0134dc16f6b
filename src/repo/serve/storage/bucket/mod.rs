//! A bucket of an S3-compatible service as a storage: the only user of object_store.
//!
//! Requests go over the client of `sys::http`, with its trust and its proxies, on a runtime that has a thread of its own;
//! who asks, waits. A request is tried again twice where that is safe. Credentials come from the usual variables alone: keys,
//! or the role of a pod, a task or a machine.
//!
//! Before something new is put, the service is asked whether there is something already, and it is put with
//! `If-None-Match: *`, so that of two servers that put it at the same time one is refused. A service that knows no conditions,
//! and says so or is silent about it, is left with the question: of two that come within that moment, the later one wins.
//!
//! Invariant: an answer is used only when it is about the content that the last listing saw, by its `ETag`.

mod options;
mod trouble;

use std::io::{self, Read};
use std::ops::Range;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::BoxStream;
use object_store::aws::AmazonS3;
use object_store::client::{HttpClient, HttpConnector};
use object_store::list::{PaginatedListOptions, PaginatedListResult, PaginatedListStore};
use object_store::path::Path as Key;
use object_store::{
    ClientOptions, Error, GetOptions, GetRange, ObjectMeta, ObjectStore, ObjectStoreExt, PutMode, PutPayload,
};
use tokio::runtime::{Builder, Handle};
use tokio::sync::oneshot;

pub use options::BucketOptions;
use options::builder;
use trouble::{is_passing, reason};

use super::folder::Exact;
use super::{Level, Listing, Stamp, Storage, StorageError, Stream, UNTOLD};
use crate::data::digest::Digest;
use crate::repo::RepoError;
use crate::repo::generate::{ARCHIVE_LIMIT, MOST_FILES, WORK_FOLDER, is_archive};
use crate::repo::serve::tenants::is_safe;
use crate::sys::Host;
use crate::sys::fs;
use crate::sys::http::{AsyncClient, Http, HttpOptions};
use crate::sys::staged::Staged;

/// Shortest time between two listings of one folder. A service has its price for each.
const PAUSE: Duration = Duration::from_secs(2);
/// Longest wait for a connection.
const CONNECT_TIME: Duration = Duration::from_secs(5);
/// Longest wait between two pieces of an answer.
const IDLE_TIME: Duration = Duration::from_secs(20);
/// How many archives are read at the same time; each waits for the network more than for the processor.
const THREADS: usize = 6;
/// Uploads from this size on are sent one after the other, since each is held in memory.
const LARGE: u64 = 8 << 20;

/// A bucket, or what is below a prefix in one.
pub(super) struct Bucket {
    options: BucketOptions,
    store: AmazonS3,
    handle: Handle,
    stop: Option<oneshot::Sender<()>>,
    /// Held while something large is sent.
    sending: Mutex<()>,
    /// Whether the service said that it knows no conditions.
    unconditional: AtomicBool,
}

impl Drop for Bucket {
    fn drop(&mut self) {
        if let Some(stop) = self.stop.take() {
            // The thread is gone already only when the process ends.
            let _ = stop.send(());
        }
    }
}

/// Hands out one client for all requests.
#[derive(Debug)]
struct Connector(AsyncClient);

impl HttpConnector for Connector {
    fn connect(&self, _: &ClientOptions) -> object_store::Result<HttpClient> {
        Ok(HttpClient::new(self.0.clone()))
    }
}

impl Bucket {
    /// Gets everything ready; the service is not asked yet.
    ///
    /// # Errors
    /// The options or the environment cannot be used.
    pub(super) fn open(host: &Host, options: &BucketOptions) -> Result<Self, RepoError> {
        let unusable =
            |reason: String| RepoError::Bucket { bucket: options.to_string(), reason, reached: true };
        let io = |error: io::Error| unusable(format!("no thread for requests: {error}"));
        let http =
            HttpOptions { connect_timeout: CONNECT_TIME, idle_timeout: IDLE_TIME, ..HttpOptions::new(host) };
        let runtime = Builder::new_current_thread().enable_all().build().map_err(io)?;
        let handle = runtime.handle().clone();
        let store = {
            let _inside = handle.enter();
            let client = Http::new(http).streaming()?;
            builder(host, options)
                .and_then(|builder| {
                    builder.with_http_connector(Connector(client)).build().map_err(|error| reason(&error))
                })
                .map_err(unusable)?
        };
        let (stop, stopped) = oneshot::channel::<()>();
        let run = move || {
            runtime.block_on(async {
                let _ = stopped.await;
            });
        };
        std::thread::Builder::new().name("bucket".into()).spawn(run).map_err(io)?;
        let options = options.clone();
        Ok(Bucket {
            options,
            store,
            handle,
            stop: Some(stop),
            sending: Mutex::default(),
            unconditional: AtomicBool::new(false),
        })
    }

    fn wait<T>(&self, work: impl Future<Output = T>) -> T {
        self.handle.block_on(work)
    }

    /// The key in the bucket.
    fn key(&self, key: &str) -> Result<Key, StorageError> {
        let whole = if self.options.prefix.is_empty() {
            key.to_string()
        } else {
            format!("{}/{key}", self.options.prefix)
        };
        Key::parse(whole).map_err(|_| StorageError::Missing(key.to_string()))
    }

    /// What all keys below a folder begin with.
    fn prefix(&self, folder: &str) -> String {
        let mut prefix = String::new();
        for part in [self.options.prefix.as_str(), folder].into_iter().filter(|part| !part.is_empty()) {
            prefix.push_str(part);
            prefix.push('/');
        }
        prefix
    }

    fn trouble(&self, key: &str, error: &Error) -> StorageError {
        let bucket = self.options.to_string();
        match error {
            Error::NotFound { .. } => StorageError::Missing(key.to_string()),
            Error::Precondition { .. } | Error::NotModified { .. } => StorageError::Changed(key.to_string()),
            Error::Generic { .. } | Error::JoinError { .. } if is_passing(error) => {
                StorageError::Unreachable { bucket, reason: reason(error) }
            }
            _ => StorageError::Refused { bucket, reason: reason(error) },
        }
    }

    /// Why a listing failed.
    fn refused(&self, error: &Error) -> RepoError {
        match self.trouble("", error) {
            StorageError::Missing(_) => {
                let reason = "there is no such bucket".to_string();
                RepoError::Bucket { bucket: self.options.to_string(), reason, reached: true }
            }
            other => other.into(),
        }
    }

    /// One page of what is directly below a prefix.
    fn page(
        &self,
        prefix: &str,
        token: Option<String>,
        most: Option<usize>,
    ) -> Result<PaginatedListResult, Error> {
        let options = PaginatedListOptions {
            delimiter: Some("/".into()),
            max_keys: most,
            page_token: token,
            ..PaginatedListOptions::default()
        };
        self.wait(self.store.list_paginated(Some(prefix).filter(|prefix| !prefix.is_empty()), options))
    }

    /// All that is directly below a folder: objects and folders, by their names; `most` at most.
    fn below(&self, folder: &str, most: usize) -> Result<Level, Error> {
        let prefix = self.prefix(folder);
        let mut level = Level::default();
        let mut token = None;
        loop {
            let page = self.page(&prefix, token.take(), None)?;
            for object in page.result.objects {
                if let Some(name) = object.location.as_ref().strip_prefix(&prefix) {
                    level.objects.push((name.to_string(), stamp(&object)));
                }
            }
            let names =
                page.result.common_prefixes.iter().filter_map(|key| key.as_ref().strip_prefix(&prefix));
            level.folders.extend(names.map(str::to_string));
            if level.objects.len() + level.folders.len() > most {
                let source = format!("there are more than {most} objects in {folder:?}").into();
                return Err(Error::NotSupported { source });
            }
            match page.page_token {
                Some(next) => token = Some(next),
                None => return Ok(level),
            }
        }
    }

    fn send(&self, key: &str, payload: PutPayload, mode: PutMode) -> Result<bool, StorageError> {
        let path = self.key(key)?;
        match self.wait(self.store.put_opts(&path, payload, mode.into())) {
            Ok(_) => Ok(true),
            Err(Error::AlreadyExists { .. }) => Ok(false),
            Err(error) => Err(self.trouble(key, &error)),
        }
    }

    /// Opens an object from a byte on, or a part of it.
    fn fetch(&self, key: &str, range: Option<Range<u64>>) -> Result<(ObjectMeta, Download), StorageError> {
        let path = self.key(key)?;
        let options = GetOptions { range: range.map(GetRange::Bounded), ..GetOptions::default() };
        let got =
            self.wait(self.store.get_opts(&path, options)).map_err(|error| self.trouble(key, &error))?;
        let meta = got.meta.clone();
        let pieces = got.into_stream().map(|piece| piece.map(|bytes| bytes.to_vec())).boxed();
        Ok((meta, Download { handle: self.handle.clone(), pieces, piece: io::Cursor::default() }))
    }
}

/// What is known of an object.
fn stamp(object: &ObjectMeta) -> Stamp {
    // Listings tell parts of a second, answers do not.
    Stamp {
        size: object.size,
        modified: (object.last_modified.timestamp(), 0),
        mark: mark(object.e_tag.as_deref()),
    }
}

/// The `ETag` as a number of the size that a stamp has room for: what differs in it differs in this, as far as the start of a
/// SHA-256 digest tells.
fn mark(etag: Option<&str>) -> (i64, u32) {
    let Some(etag) = etag else { return UNTOLD };
    let digest = Digest::of(etag.trim_start_matches("W/").trim_matches('"').as_bytes());
    let number = |digits: Option<&str>| u64::from_str_radix(digits.unwrap_or("0"), 16).unwrap_or(0);
    let hex = digest.hex();
    (number(hex.get(..16)) as i64, number(hex.get(16..24)) as u32)
}

/// Whether two stamps are about the same content. A service that tells no `ETag` in one of its answers tells the size.
fn is_same(one: &Stamp, other: &Stamp) -> bool {
    one.size == other.size && (one.mark == other.mark || one.mark == UNTOLD || other.mark == UNTOLD)
}

impl Storage for Bucket {
    fn check(&self) -> Result<(), RepoError> {
        let page = self.page(&self.prefix(""), None, Some(1));
        page.map(|_| ()).map_err(|error| self.refused(&error))
    }

    fn list(&self, folder: &str) -> Result<(Listing, Option<Listing>), RepoError> {
        let refused = |error: Error| self.refused(&error);
        let top = self.below(folder, MOST_FILES).map_err(refused)?;
        let mut found: Listing = top.objects.into_iter().collect();
        for name in top.folders.iter().filter(|name| *name != WORK_FOLDER) {
            let below = if folder.is_empty() { name.clone() } else { format!("{folder}/{name}") };
            let inner = match self.below(&below, MOST_FILES.saturating_sub(found.len())) {
                // Keys such as `a//b` are no paths, and so no charts; the rest is served all the same.
                Err(Error::InvalidPath { .. }) => continue,
                level => level.map_err(refused)?,
            };
            found.extend(inner.objects.into_iter().map(|(file, stamp)| (format!("{name}/{file}"), stamp)));
        }
        let is_signature = |path: &str| path.strip_suffix(".prov").is_some_and(is_archive);
        let signed = found.iter().filter(|(path, _)| is_signature(path));
        let signed = signed.map(|(path, stamp)| (path.clone(), *stamp)).collect();
        found.retain(|path, _| is_archive(path));
        Ok((found, Some(signed)))
    }

    fn written(&self, _: &str) -> Result<Option<Stamp>, StorageError> {
        // Two servers over one bucket would write it at the same time, and one of them would lose.
        Ok(None)
    }

    fn folders(&self, depth: usize, most: usize) -> Result<Vec<String>, StorageError> {
        let mut found = vec![String::new()];
        for _ in 0..depth {
            let mut next = Vec::new();
            for folder in found {
                let level = self.below(&folder, MOST_FILES).map_err(|error| self.trouble(&folder, &error))?;
                let join = |name: String| if folder.is_empty() { name } else { format!("{folder}/{name}") };
                next.extend(level.folders.into_iter().filter(|name| is_safe(name)).map(join));
                next.truncate(most);
            }
            found = next;
        }
        Ok(found)
    }

    fn has_folder(&self, folder: &str) -> Result<bool, StorageError> {
        let page = self.page(&self.prefix(folder), None, Some(1));
        let found = page.map_err(|error| self.trouble(folder, &error))?.result;
        Ok(!found.objects.is_empty() || !found.common_prefixes.is_empty())
    }

    fn make_folder(&self, _: &str) -> Result<(), StorageError> {
        Ok(())
    }

    fn stamp(&self, key: &str) -> Result<Option<Stamp>, StorageError> {
        match self.wait(self.store.head(&self.key(key)?)) {
            Ok(object) => Ok(Some(stamp(&object))),
            Err(Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(self.trouble(key, &error)),
        }
    }

    fn read(&self, key: &str, limit: u64) -> Result<Vec<u8>, StorageError> {
        let (meta, download) = self.fetch(key, None)?;
        if meta.size > limit {
            return Err(StorageError::TooLarge { key: key.to_string(), limit });
        }
        let mut bytes = Vec::with_capacity(meta.size as usize);
        Exact { from: download, left: meta.size }.read_to_end(&mut bytes).map_err(|error| {
            StorageError::Unreachable { bucket: self.options.to_string(), reason: error.to_string() }
        })?;
        Ok(bytes)
    }

    fn open(&self, key: &str, expected: &Stamp, range: Range<u64>) -> Result<Stream, StorageError> {
        let wanted = (range != (0..expected.size)).then(|| range.clone());
        let (meta, download) = self.fetch(key, wanted)?;
        if !is_same(&stamp(&meta), expected) {
            return Err(StorageError::Changed(key.to_string()));
        }
        Ok(Box::new(Exact { from: download, left: range.end.saturating_sub(range.start) }))
    }

    fn put(&self, key: &str, file: Staged, replace: bool) -> Result<bool, StorageError> {
        let large = file.size() >= LARGE;
        let _alone = large.then(|| self.sending.lock().unwrap_or_else(PoisonError::into_inner));
        let payload = PutPayload::from(fs::read(file.path(), ARCHIVE_LIMIT)?);
        if replace {
            return self.send(key, payload, PutMode::Overwrite);
        }
        // A service that does not know conditions may also just not heed them.
        if self.stamp(key)?.is_some() {
            return Ok(false);
        }
        if self.unconditional.load(Ordering::Relaxed) {
            return self.send(key, payload, PutMode::Overwrite);
        }
        match self.send(key, payload.clone(), PutMode::Create) {
            Err(StorageError::Refused { reason, .. }) if reason.starts_with("NotImplemented") => {
                self.unconditional.store(true, Ordering::Relaxed);
                self.send(key, payload, PutMode::Overwrite)
            }
            sent => sent,
        }
    }

    fn write(&self, key: &str, bytes: &[u8]) -> Result<(), StorageError> {
        self.send(key, PutPayload::from(bytes.to_vec()), PutMode::Overwrite).map(|_| ())
    }

    fn remove(&self, key: &str) -> Result<(), StorageError> {
        match self.wait(self.store.delete(&self.key(key)?)) {
            Ok(()) | Err(Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(self.trouble(key, &error)),
        }
    }

    fn copy_out(&self, key: &str, stage: &Path, name: &str, limit: u64) -> Result<Staged, StorageError> {
        let (meta, download) = self.fetch(key, None)?;
        if meta.size > limit {
            return Err(StorageError::TooLarge { key: key.to_string(), limit });
        }
        let mut file = Staged::create(stage, name)?;
        let mut from = Exact { from: download, left: meta.size };
        let mut piece = vec![0; 64 << 10];
        loop {
            let count = from.read(&mut piece).map_err(|error| StorageError::Unreachable {
                bucket: self.options.to_string(),
                reason: error.to_string(),
            })?;
            if count == 0 {
                return Ok(file);
            }
            file.append(piece.get(..count).unwrap_or(&[]))?;
        }
    }

    fn level(&self, folder: &str, most: usize) -> Result<Level, StorageError> {
        self.below(folder, most).map_err(|error| self.trouble(folder, &error))
    }

    fn is_common(&self) -> bool {
        true
    }

    fn identity(&self, folder: &str) -> Vec<u8> {
        let endpoint = self.options.endpoint.as_deref().unwrap_or("");
        format!("{}\n{endpoint}\n{folder}", self.options).into_bytes()
    }

    fn pause(&self) -> Duration {
        PAUSE
    }

    fn threads(&self) -> usize {
        THREADS
    }
}

/// An object that comes piece by piece.
struct Download {
    handle: Handle,
    pieces: BoxStream<'static, object_store::Result<Vec<u8>>>,
    piece: io::Cursor<Vec<u8>>,
}

impl Read for Download {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            let count = self.piece.read(buffer)?;
            if count > 0 || buffer.is_empty() {
                return Ok(count);
            }
            match self.handle.block_on(self.pieces.next()) {
                Some(Ok(piece)) => self.piece = io::Cursor::new(piece),
                Some(Err(error)) => return Err(io::Error::other(reason(&error))),
                None => return Ok(0),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_tell_contents_apart() {
        assert_eq!(mark(None), UNTOLD);
        assert_eq!(mark(Some("\"a\"")), mark(Some("W/\"a\"")));
        assert_ne!(mark(Some("\"a\"")), mark(Some("\"b\"")));
        let stamp = |size, mark| Stamp { size, modified: (1, 0), mark };
        assert!(is_same(&stamp(1, (2, 3)), &stamp(1, UNTOLD)));
        assert!(
            !is_same(&stamp(1, (2, 3)), &stamp(1, (2, 4))) && !is_same(&stamp(1, (2, 3)), &stamp(2, (2, 3)))
        );
    }
}
