//! The part of the API that writes.
//!
//! A blob comes whole or in chunks into a file of the work folder; a manifest then names the blobs that make a chart, and
//! the archive among them is put beside the other charts. Over a bucket the chunks are kept there (`parts`).
//!
//! Invariant: an upload that is given up, or not finished in an hour, leaves nothing behind. A blob is kept only when it has
//! the digest that it is to have.

use std::collections::HashMap;
use std::io::Read;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use serde_json::Value as Json;

use super::pull::{Found, find, folder};
use super::store::{self, MANIFEST_LIMIT, Wanted, archives};
use super::{Fault, Repository, digits, parts, tag_of};
use crate::data::digest::{Hasher, sha256_hex};
use crate::package::media;
use crate::repo::serve::Shared;
use crate::repo::serve::access::Asker;
use crate::repo::serve::body::Body;
use crate::repo::serve::catalog::Catalog;
use crate::repo::serve::reply::Reply;
use crate::repo::serve::request::{Framing, Head, Method};
use crate::repo::serve::scopes;
use crate::repo::serve::snapshot::Snapshot;
use crate::repo::serve::upload::{Existing, PROVENANCE_LIMIT, append, put, unreadable};
use crate::sys::staged::{Resting, Staged};
use crate::sys::{fs, monotonic};

/// Most uploads that were begun and not finished.
const MOST: usize = 8_192;
/// Most of them of one client. When it begins more, the one that rests longest is given up.
const MOST_OF_ONE: usize = 64;
/// How long an upload may rest.
const REST: Duration = Duration::from_secs(3_600);

/// The uploads that were begun and not finished.
#[derive(Default)]
pub(in crate::repo::serve) struct Sessions {
    open: Mutex<Open>,
}

/// Uploads by their IDs, with whose they are.
type Open = HashMap<String, (Owner, Arc<Mutex<Session>>)>;

/// Whose upload it is.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Owner {
    User(String),
    /// Somebody of whom no more is known.
    At(IpAddr),
}

impl Owner {
    fn of(asker: &Asker, peer: IpAddr) -> Self {
        match asker {
            Asker::User(Some(user)) => Owner::User(user.clone()),
            _ => Owner::At(peer),
        }
    }
}

/// An upload in chunks.
struct Session {
    /// The repository that it is for.
    repository: String,
    /// Taken while it is written to, and when it is finished. Files of those who never go on are not kept open.
    file: Option<Resting>,
    touched: Instant,
}

impl Sessions {
    /// Gives up uploads that rest too long.
    pub(in crate::repo::serve) fn expire(&self) {
        self.lock().retain(|_, (_, session)| {
            // One that is locked is being written to.
            session.try_lock().map_or(true, |session| session.touched.elapsed() < REST)
        });
    }

    /// Takes in an upload that begins.
    fn begin(&self, id: String, owner: Owner, session: Session) -> Result<(), Fault> {
        let mut open = self.lock();
        let own = open.iter().filter(|(_, (of, _))| *of == owner);
        let resting: Vec<(Instant, String)> = own
            .filter_map(|(id, (_, session))| Some((session.try_lock().ok()?.touched, id.clone())))
            .collect();
        if resting.len() >= MOST_OF_ONE
            && let Some((_, oldest)) = resting.into_iter().min()
        {
            open.remove(&oldest);
        }
        if open.len() >= MOST {
            return Err(Fault(503, "TOOMANYREQUESTS", "too many uploads are not finished".to_string()));
        }
        open.insert(id, (owner, Arc::new(Mutex::new(session))));
        Ok(())
    }

    /// Gives up all.
    pub(in crate::repo::serve) fn clear(&self) {
        self.lock().clear();
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Open> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Begins an upload; one that comes whole, or is in another repository already, is finished at once.
pub(super) fn start(
    shared: &Shared,
    asker: &Asker,
    peer: IpAddr,
    head: &Head,
    body: &mut Body<'_>,
    repository: &Repository,
) -> Result<Reply, Fault> {
    let catalog = make(shared, repository)?;
    if let Some(digest) = head.query("mount") {
        let wanted = digits(digest)?;
        // To those who may not read the other repository it is as if the blob were not there.
        let readable = scopes::mount_source(head).filter(|source| shared.access.may(asker, source));
        let from = readable.as_ref().map(|source| source.name.as_str());
        if mount(shared, &catalog, repository, &wanted, from)? {
            return Ok(created(repository, digest));
        }
    } else if let Some(digest) = head.query("digest") {
        let wanted = digits(digest)?;
        let _place = shared.uploads.enter()?;
        let file = shared.uploads.copy(body, shared.uploads.limit)?;
        return keep(&catalog, repository, file, &wanted, digest);
    }
    if let Some(common) = shared.tenants.common() {
        return parts::start(shared, common, repository);
    }
    let file = shared.uploads.stage()?;
    let id = file.path().file_name().unwrap_or_default().to_string_lossy().into_owned();
    let session =
        Session { repository: repository.name.clone(), file: Some(file.rest()), touched: monotonic() };
    shared.sessions.begin(id.clone(), Owner::of(asker, peer), session)?;
    Ok(accepted(202, repository, &id, 0))
}

/// Goes on with an upload: more of it, its end, how far it is, or that it is given up.
pub(super) fn upload(
    shared: &Shared,
    head: &Head,
    body: &mut Body<'_>,
    repository: &Repository,
    id: &str,
) -> Result<Reply, Fault> {
    if let Some(common) = shared.tenants.common() {
        return parts::go_on(shared, common, head, body, repository, id);
    }
    let unknown = || Fault(404, "BLOB_UPLOAD_UNKNOWN", format!("there is no upload {id:?}"));
    let session =
        shared.sessions.lock().get(id).map(|(_, session)| Arc::clone(session)).ok_or_else(unknown)?;
    let mut session = session.try_lock().map_err(|_| {
        Fault(409, "BLOB_UPLOAD_INVALID", "the upload is being written to by another request".to_string())
    })?;
    if session.repository != repository.name {
        return Err(unknown());
    }
    session.touched = monotonic();
    let size = session.file.as_ref().ok_or_else(unknown)?.size();
    match head.method {
        Method::Get | Method::Head => Ok(accepted(204, repository, id, size)),
        Method::Delete => {
            session.file = None;
            shared.sessions.lock().remove(id);
            Ok(Reply::empty(204))
        }
        Method::Patch | Method::Put => {
            let digest = match head.method {
                Method::Put => {
                    let missing = || Fault(400, "DIGEST_INVALID", "the digest is missing".to_string());
                    Some(head.query("digest").ok_or_else(missing)?)
                }
                _ => None,
            };
            let wanted = digest.map(digits).transpose()?;
            follows(head, size)?;
            if head.framing != Framing::Length(0) {
                let _place = shared.uploads.enter()?;
                let mut file = session.file.take().ok_or_else(unknown)?.go_on()?;
                let appended = append(&mut file, body, shared.uploads.limit);
                // What came of a chunk that broke off stays; the client asks how much that is.
                session.file = Some(file.rest());
                appended?;
            }
            let size = session.file.as_ref().ok_or_else(unknown)?.size();
            let (Some(wanted), Some(digest)) = (wanted, digest) else {
                return Ok(accepted(202, repository, id, size));
            };
            let file = session.file.take().ok_or_else(unknown)?.go_on()?;
            shared.sessions.lock().remove(id);
            let catalog = make(shared, repository)?;
            keep(&catalog, repository, file, &wanted, digest)
        }
        Method::Post => Err(Fault(405, "UNSUPPORTED", "the operation is not supported".to_string())),
    }
}

/// Checks that a chunk is the next one.
pub(super) fn follows(head: &Head, size: u64) -> Result<(), Fault> {
    let Some(range) = head.header("content-range") else { return Ok(()) };
    let range = range.trim_start_matches("bytes ");
    let start = range.split_once('-').and_then(|(start, _)| start.trim().parse::<u64>().ok());
    if start == Some(size) {
        return Ok(());
    }
    Err(Fault(416, "BLOB_UPLOAD_INVALID", format!("the next chunk starts at {size}, not as {range:?} says")))
}

pub(super) fn make(shared: &Shared, repository: &Repository) -> Result<Arc<Catalog>, Fault> {
    Ok(shared.tenants.make(&repository.tenant)?)
}

pub(super) fn accepted(status: u16, repository: &Repository, id: &str, size: u64) -> Reply {
    Reply::empty(status)
        .with("Location", &format!("/v2/{}/blobs/uploads/{id}", repository.name))
        .with("Docker-Upload-UUID", id)
        .with("Range", &format!("0-{}", size.saturating_sub(1)))
}

fn created(repository: &Repository, digest: &str) -> Reply {
    Reply::empty(201)
        .with("Location", &format!("/v2/{}/blobs/{digest}", repository.name))
        .with("Docker-Content-Digest", digest)
}

/// Keeps a blob that came whole.
pub(super) fn keep(
    catalog: &Catalog,
    repository: &Repository,
    file: Staged,
    wanted: &str,
    digest: &str,
) -> Result<Reply, Fault> {
    let (mut source, _) = fs::open(file.path())?;
    let mut hasher = Hasher::default();
    let mut piece = vec![0; 64 << 10];
    loop {
        let count = source.read(&mut piece).map_err(|error| Fault::from(unreadable(&error)))?;
        if count == 0 {
            break;
        }
        hasher.update(piece.get(..count).unwrap_or(&[]));
    }
    let found = hasher.finish();
    if found.hex() != wanted {
        return Err(Fault(400, "DIGEST_INVALID", format!("the blob has the digest {}", found.prefixed())));
    }
    // The same bytes may be there already.
    catalog.shelf().put(&store::path(repository, "blobs", wanted), file, true)?;
    Ok(created(repository, digest))
}

/// Takes a blob over from another repository; false when it is not there.
fn mount(
    shared: &Shared,
    catalog: &Catalog,
    repository: &Repository,
    wanted: &str,
    from: Option<&str>,
) -> Result<bool, Fault> {
    if find(catalog, repository, wanted)?.is_some() {
        return Ok(true);
    }
    let Some(from) = from else { return Ok(false) };
    let parts: Vec<&str> = from.split('/').collect();
    let Ok(source) = super::repository(shared, &parts) else { return Ok(false) };
    let Ok(tenant) = shared.tenants.get(&source.tenant) else { return Ok(false) };
    let mut file = shared.uploads.stage()?;
    match find(&tenant, &source, wanted)? {
        None => return Ok(false),
        Some(Found::Bytes(bytes)) => file.append(&bytes)?,
        Some(Found::Object(path, _)) => file.append(&tenant.shelf().read(&path, shared.uploads.limit)?)?,
    }
    catalog.shelf().put(&store::path(repository, "blobs", wanted), file, true)?;
    Ok(true)
}

/// Takes in a manifest, and with it the chart that it is about.
pub(super) fn manifest(
    shared: &Shared,
    body: &mut Body<'_>,
    repository: &Repository,
    reference: &str,
) -> Result<Reply, Fault> {
    let wanted = Wanted::parse(reference)?;
    let bytes = {
        let _place = shared.uploads.enter()?;
        body.read_small(MANIFEST_LIMIT).map_err(|error| Fault::from(unreadable(&error)))?
    };
    let found = sha256_hex(&bytes);
    if let Wanted::Digits(digits) = &wanted
        && *digits != found
    {
        return Err(Fault(400, "DIGEST_INVALID", format!("the manifest has the digest sha256:{found}")));
    }
    let parts = Parts::read(&bytes)?;
    let catalog = make(shared, repository)?;
    // What it names stays until it is there to name it.
    let _unswept = catalog.pushing();
    for digits in [&parts.config, &parts.archive].into_iter().chain(&parts.provenance) {
        if find(&catalog, repository, digits)?.is_none() {
            let text = format!("the blob sha256:{digits} of the manifest was not uploaded");
            return Err(Fault(404, "MANIFEST_BLOB_UNKNOWN", text));
        }
    }
    let version = place(shared, &catalog, repository, &wanted, &parts)?;
    catalog.shelf().write(&store::path(repository, "manifests", &found), &bytes)?;
    catalog.shelf().write(&store::path(repository, "tags", &tag_of(&version)), found.as_bytes())?;
    let digest = format!("sha256:{found}");
    Ok(Reply::empty(201)
        .with("Location", &format!("/v2/{}/manifests/{digest}", repository.name))
        .with("Docker-Content-Digest", &digest))
}

/// Puts the archive and the provenance file of a manifest beside the other charts; returns the chart's version.
fn place(
    shared: &Shared,
    catalog: &Catalog,
    repository: &Repository,
    wanted: &Wanted,
    parts: &Parts,
) -> Result<String, Fault> {
    let invalid = |text: String| Fault(400, "MANIFEST_INVALID", text);
    let tagged = |version: &str| match wanted {
        Wanted::Tag(tag) if *tag != tag_of(version) => {
            Err(invalid(format!("the tag of this chart is {:?}, its version", tag_of(version))))
        }
        _ => Ok(()),
    };
    let provenance = match &parts.provenance {
        None => None,
        Some(digits) => match find(catalog, repository, digits)? {
            Some(Found::Object(blob, _)) => Some(catalog.shelf().read(&blob, PROVENANCE_LIMIT)?),
            Some(Found::Bytes(bytes)) => Some(bytes),
            None => return Err(invalid(format!("the provenance file sha256:{digits} is gone"))),
        },
    };
    let blob = store::path(repository, "blobs", &parts.archive);
    let there = |snapshot: &Snapshot| {
        let (path, archive) =
            archives(snapshot, repository).find(|(_, archive)| archive.entry.digest == parts.archive)?;
        Some((path.clone(), archive.entry.metadata.version.clone()))
    };
    let archive = match there(&catalog.current()) {
        Some(known) => Ok(known),
        None => match shared.uploads.copy_out(catalog.shelf(), &blob) {
            Ok(new) => Err(new),
            // Whoever pushed the same a moment ago took the blob away, after putting the archive in place.
            Err(refusal) => Ok(there(&catalog.last()).ok_or(refusal)?),
        },
    };
    let (changing, path, version) = match archive {
        Ok((path, version)) => {
            tagged(&version)?;
            (catalog.change(), path, version)
        }
        Err(new) => {
            let checked = shared.uploads.check(new.path()).map_err(|refusal| match refusal.status {
                500.. => Fault::from(refusal),
                _ => invalid(refusal.reason),
            })?;
            if checked.name != repository.chart {
                let text = format!("this is the chart {:?}, not {:?}", checked.name, repository.chart);
                return Err(invalid(text));
            }
            tagged(&checked.version)?;
            let changing = catalog.change();
            let path = put(catalog, &changing, new, &checked, Existing::Same(&parts.archive))?;
            // Only a chart that is put in place leaves the blobs.
            catalog.shelf().remove(&blob)?;
            (changing, path, checked.version)
        }
    };
    if let Some(bytes) = provenance {
        let mut file = shared.uploads.stage()?;
        file.append(&bytes)?;
        catalog.vouch(&changing, &path, file, true)?;
    }
    drop(changing);
    Ok(version)
}

/// The blobs of a chart's manifest, by their digits.
pub(super) struct Parts {
    pub(super) config: String,
    pub(super) archive: String,
    pub(super) provenance: Option<String>,
}

impl Parts {
    pub(super) fn read(bytes: &[u8]) -> Result<Self, Fault> {
        let invalid = |text: String| Fault(400, "MANIFEST_INVALID", text);
        let manifest: Json = serde_json::from_slice(bytes).map_err(|error| invalid(error.to_string()))?;
        let config = &manifest["config"];
        if config["mediaType"].as_str() != Some(media::CHART_CONFIG) {
            let text =
                format!("only charts are taken in: the configuration is to be {}", media::CHART_CONFIG);
            return Err(invalid(text));
        }
        let blob = |descriptor: &Json| digits(descriptor["digest"].as_str().unwrap_or(""));
        let (mut archive, mut provenance) = (None, None);
        for layer in manifest["layers"].as_array().into_iter().flatten() {
            let slot = match layer["mediaType"].as_str() {
                Some(media::CHART | media::LEGACY_CHART) => &mut archive,
                Some(media::PROVENANCE) => &mut provenance,
                other => {
                    return Err(invalid(format!("{} is no layer of a chart", other.unwrap_or("nothing"))));
                }
            };
            if slot.replace(blob(layer)?).is_some() {
                return Err(invalid("a layer is there twice".to_string()));
            }
        }
        let archive = archive.ok_or_else(|| invalid("there is no layer with a chart".to_string()))?;
        Ok(Parts { config: blob(config)?, archive, provenance })
    }
}

/// Removes a version, by tag or digest.
pub(super) fn delete_manifest(
    shared: &Shared,
    repository: &Repository,
    reference: &str,
) -> Result<Reply, Fault> {
    let wanted = Wanted::parse(reference)?;
    let catalog = folder(shared, repository)?;
    let snapshot = catalog.current();
    let unknown =
        || Fault(404, "MANIFEST_UNKNOWN", format!("{} has no manifest {reference:?}", repository.name));
    let bytes = store::manifest(&catalog, &snapshot, repository, &wanted)?.ok_or_else(unknown)?;
    let layer = store::chart_layer(&bytes).ok_or_else(unknown)?;
    let (_, archive) = archives(&snapshot, repository)
        .find(|(_, archive)| archive.entry.digest == layer)
        .ok_or_else(unknown)?;
    let metadata = &archive.entry.metadata;
    crate::repo::serve::museum::delete(&catalog, &metadata.name, &metadata.version)?;
    catalog.shelf().remove(&store::path(repository, "tags", &tag_of(&metadata.version)))?;
    catalog.shelf().remove(&store::path(repository, "manifests", &sha256_hex(&bytes)))?;
    Ok(Reply::empty(202))
}

/// Removes a blob that is no chart.
pub(super) fn delete_blob(shared: &Shared, repository: &Repository, digest: &str) -> Result<Reply, Fault> {
    let wanted = digits(digest)?;
    let catalog = folder(shared, repository)?;
    let path = store::path(repository, "blobs", &wanted);
    if catalog.shelf().stamp(&path)?.is_some() {
        catalog.shelf().remove(&path)?;
        return Ok(Reply::empty(202));
    }
    match find(&catalog, repository, &wanted)? {
        Some(_) => Err(Fault(405, "UNSUPPORTED", "delete the manifest of the chart".to_string())),
        None => Err(Fault(404, "BLOB_UNKNOWN", format!("{} has no blob {digest}", repository.name))),
    }
}
