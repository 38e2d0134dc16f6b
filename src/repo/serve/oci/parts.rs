//! Uploads in chunks over a bucket, where the server that is asked next may be another one.
//!
//! ```text
//! .bowline/uploads/ID/begun           that there is such an upload
//! .bowline/uploads/ID/OFFSET          each chunk, by the byte that it begins with
//! ```
//!
//! The ID ends with the start of a digest of the repository that it is for. No server keeps anything of an upload between
//! two requests, so that behind a balancer any of them goes on with it.
//!
//! Invariant: of two chunks with the same beginning one is taken in. An upload that rests for an hour is removed by whichever
//! server sees it first; there are no more of them, and none is larger or in more pieces, than the bounds below.

use std::io::Read;
use std::time::Duration;

use super::push::{accepted, follows, keep, make};
use super::{Fault, Repository, digits};
use crate::data::digest::sha256_hex;
use crate::repo::generate::WORK_FOLDER;
use crate::repo::serve::Shared;
use crate::repo::serve::body::Body;
use crate::repo::serve::reply::Reply;
use crate::repo::serve::request::{Framing, Head, Method};
use crate::repo::serve::storage::{Shelf, Stamp, Storage};
use crate::repo::serve::upload::{Refusal, append, unreadable};
use crate::sys::fs;
use crate::sys::staged::Staged;

/// Most uploads that were begun and not finished.
const MOST: usize = 1_024;
/// Most chunks of one upload.
const MOST_CHUNKS: usize = 1_024;
/// How long an upload may rest.
const REST: Duration = Duration::from_secs(3_600);
/// How often is looked for uploads that rest too long.
pub(in crate::repo::serve) const PAUSE: Duration = Duration::from_secs(600);
/// The object that an upload begins with.
const BEGUN: &str = "begun";
/// Digits of an ID that are drawn, and those that stand for the repository.
const DRAWN: usize = 32;
const REPOSITORY: usize = 16;

/// An upload of which there is nothing but its objects.
struct Upload {
    root: Shelf,
    id: String,
    /// Where each chunk begins, with what is known of its object; each begins where the one before ends.
    chunks: Vec<(u64, Stamp)>,
    /// Bytes of all chunks.
    size: u64,
}

fn folder(id: &str) -> String {
    format!("{WORK_FOLDER}/uploads/{id}")
}

/// Begins an upload.
///
/// # Errors
/// There are too many, or the storage does not answer.
pub(super) fn start(shared: &Shared, common: &dyn Storage, repository: &Repository) -> Result<Reply, Fault> {
    let all = common.level(&format!("{WORK_FOLDER}/uploads"), MOST * 2)?;
    if all.folders.len() >= MOST {
        return Err(Fault(503, "TOOMANYREQUESTS", "too many uploads are not finished".to_string()));
    }
    let id = format!("{}-{}", shared.uploads.name()?, mark(repository));
    shared.tenants.root().write(&format!("{}/{BEGUN}", folder(&id)), b"")?;
    Ok(accepted(202, repository, &id, 0))
}

/// Goes on with an upload, as `push::upload`.
///
/// # Errors
/// There is no such upload, the chunk is not the next one, or the storage does not answer.
pub(super) fn go_on(
    shared: &Shared,
    common: &dyn Storage,
    head: &Head,
    body: &mut Body<'_>,
    repository: &Repository,
    id: &str,
) -> Result<Reply, Fault> {
    let upload = Upload::find(shared, common, repository, id)?;
    match head.method {
        Method::Get | Method::Head => Ok(accepted(204, repository, id, upload.size)),
        Method::Delete => {
            upload.remove()?;
            Ok(Reply::empty(204))
        }
        Method::Patch => {
            follows(head, upload.size)?;
            let size = match upload.receive(shared, head, body)? {
                Some(chunk) => upload.add(chunk)?,
                None => upload.size,
            };
            Ok(accepted(202, repository, id, size))
        }
        Method::Put => {
            let missing = || Fault(400, "DIGEST_INVALID", "the digest is missing".to_string());
            let digest = head.query("digest").ok_or_else(missing)?;
            let wanted = digits(digest)?;
            follows(head, upload.size)?;
            let last = upload.receive(shared, head, body)?;
            let whole = upload.whole(shared, last)?;
            let catalog = make(shared, repository)?;
            let kept = keep(&catalog, repository, whole, &wanted, digest);
            if !matches!(&kept, Err(Fault(500.., _, _))) {
                // What stays is removed when it has rested.
                let _ = upload.remove();
            }
            kept
        }
        Method::Post => Err(Fault(405, "UNSUPPORTED", "the operation is not supported".to_string())),
    }
}

/// Removes what rests too long.
pub(in crate::repo::serve) fn clean(shared: &Shared, common: &dyn Storage, now: Duration) {
    let Ok(all) = common.level(&format!("{WORK_FOLDER}/uploads"), MOST * 2) else { return };
    for id in all.folders {
        let Ok(level) = common.level(&folder(&id), MOST_CHUNKS * 2) else { continue };
        let newest = level.objects.iter().map(|(_, stamp)| stamp.modified.0).max().unwrap_or_default();
        if (now.as_secs() as i64).saturating_sub(newest) < REST.as_secs() as i64 {
            continue;
        }
        for (name, _) in level.objects {
            // The next look tries again.
            let _ = shared.tenants.root().remove(&format!("{}/{name}", folder(&id)));
        }
    }
}

/// What stands in an ID for the repository.
fn mark(repository: &Repository) -> String {
    let mut digest = sha256_hex(repository.name.as_bytes());
    digest.truncate(REPOSITORY);
    digest
}

impl Upload {
    fn find(shared: &Shared, common: &dyn Storage, repository: &Repository, id: &str) -> Result<Self, Fault> {
        let unknown = || Fault(404, "BLOB_UPLOAD_UNKNOWN", format!("there is no upload {id:?}"));
        let (drawn, of) = id.split_once('-').ok_or_else(unknown)?;
        let is_hex = |text: &str| text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
        if drawn.len() != DRAWN || !is_hex(drawn) || of != mark(repository) {
            return Err(unknown());
        }
        let level = common.level(&folder(id), MOST_CHUNKS * 2)?;
        if !level.objects.iter().any(|(name, _)| name == BEGUN) {
            return Err(unknown());
        }
        let chunk = |(name, stamp): (String, Stamp)| Some((name.parse().ok()?, stamp));
        let mut chunks: Vec<(u64, Stamp)> = level.objects.into_iter().filter_map(chunk).collect();
        chunks.sort_by_key(|(offset, _)| *offset);
        let mut size = 0;
        chunks.retain(|(offset, stamp)| {
            let follows = *offset == size;
            size += if follows { stamp.size } else { 0 };
            follows
        });
        Ok(Upload { root: shared.tenants.root(), id: id.to_string(), chunks, size })
    }

    fn key(&self, offset: u64) -> String {
        format!("{}/{offset}", folder(&self.id))
    }

    /// What a request brings; `None` when that is nothing.
    fn receive(&self, shared: &Shared, head: &Head, body: &mut Body<'_>) -> Result<Option<Staged>, Fault> {
        if head.framing == Framing::Length(0) {
            return Ok(None);
        }
        let _place = shared.uploads.enter()?;
        let mut file = shared.uploads.stage()?;
        append(&mut file, body, shared.uploads.limit.saturating_sub(self.size))?;
        Ok(Some(file).filter(|file| file.size() > 0))
    }

    /// Keeps a chunk; the size with it.
    fn add(&self, chunk: Staged) -> Result<u64, Fault> {
        if self.chunks.len() >= MOST_CHUNKS {
            return Err(Fault(413, "SIZE_INVALID", format!("the upload has more than {MOST_CHUNKS} chunks")));
        }
        let (start, size) = (self.size, chunk.size());
        if !self.root.put(&self.key(start), chunk, false)? {
            let text = "the upload is being written to by another request".to_string();
            return Err(Fault(409, "BLOB_UPLOAD_INVALID", text));
        }
        Ok(start + size)
    }

    /// All chunks, and the last one, which comes with the end, in one file.
    fn whole(&self, shared: &Shared, last: Option<Staged>) -> Result<Staged, Fault> {
        let last = match last {
            Some(only) if self.chunks.is_empty() => return Ok(only),
            last => last,
        };
        let mut whole = shared.uploads.stage()?;
        let mut piece = vec![0; 64 << 10];
        let mut copy = |from: &mut dyn Read| -> Result<(), Fault> {
            loop {
                let count = from.read(&mut piece).map_err(|error| Fault::from(unreadable(&error)))?;
                if count == 0 {
                    return Ok(());
                }
                whole.append(piece.get(..count).unwrap_or(&[]))?;
            }
        };
        for (offset, stamp) in &self.chunks {
            copy(&mut self.root.open(&self.key(*offset), stamp, 0..stamp.size)?)?;
        }
        if let Some(last) = last {
            copy(&mut fs::open(last.path())?.0)?;
        }
        Ok(whole)
    }

    /// Removes all of it; what it begins with at the end, so that a part that stays is found again.
    fn remove(&self) -> Result<(), Refusal> {
        for (offset, _) in &self.chunks {
            self.root.remove(&self.key(*offset))?;
        }
        Ok(self.root.remove(&format!("{}/{BEGUN}", folder(&self.id)))?)
    }
}
