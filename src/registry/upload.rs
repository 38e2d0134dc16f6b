//! Puts blobs and manifests into a registry.
//!
//! ```text
//! HEAD blob ─200─► there already
//!           └404─► POST uploads/?mount=DIGEST ─201─► taken from another repository
//!                                             └202─► small: PUT whole │ large: PATCH … PATCH ─► PUT
//!                                                    broken: GET the upload ─► go on behind its Range
//! ```
//!
//! Invariant: a blob counts as there only when the registry said so for its digest; what is sent again is sent a bounded
//! number of times.

use super::manifest::Descriptor;
use super::session::{Action, Ask, Session, status};
use super::{Manifest, RegistryError};
use crate::data::digest::Digest;
use crate::package::media;
use crate::sys::http::{CallMethod, Response, follow, same_origin};
use crate::sys::secret::redact_url;

/// Most bytes of one request. Smaller blobs go in one piece, which every registry takes.
const CHUNK: usize = 8 << 20;
/// Most times that an upload goes on or begins anew without a byte having come through in between.
const MOST_ATTEMPTS: usize = 4;

/// Where an upload is, and how much of it the registry has.
struct Upload {
    location: String,
    offset: usize,
    /// Smallest piece that the registry takes.
    least: usize,
}

/// Puts a blob into a repository unless it is there. Returns its descriptor.
///
/// # Errors
/// The registry refuses it or does not keep it.
pub(super) fn blob(
    session: &Session<'_>,
    media_type: &str,
    bytes: &[u8],
) -> Result<Descriptor, RegistryError> {
    let descriptor = Descriptor::of(media_type, bytes);
    let digest = descriptor.digest.as_str();
    if is_there(session, digest)? {
        return Ok(descriptor);
    }
    let mut attempts = 0;
    loop {
        let failure = match begin(session, digest)? {
            None => return Ok(descriptor),
            Some(upload) => match send(session, upload, digest, bytes) {
                Ok(()) => return Ok(descriptor),
                Err(error) => error,
            },
        };
        attempts += 1;
        // The end may have come through, and only the answer was lost.
        if worth_beginning_anew(&failure) && is_there(session, digest)? {
            return Ok(descriptor);
        }
        if !worth_beginning_anew(&failure) {
            return Err(failure);
        }
        if attempts == MOST_ATTEMPTS {
            let name = format!("{}/{}", session.registry, session.repository);
            return Err(RegistryError::Upload { name, attempts, source: Box::new(failure) });
        }
    }
}

/// Puts a manifest into a repository under a tag. Returns its digest.
///
/// # Errors
/// The registry refuses it, or calls it by another digest.
pub(super) fn manifest(
    session: &Session<'_>,
    manifest: &Manifest,
    tag: &str,
) -> Result<Digest, RegistryError> {
    let bytes = manifest.to_bytes()?;
    let digest = Digest::of(&bytes);
    let url = session.url(&format!("manifests/{tag}"));
    let headers = [("content-type", media::MANIFEST)];
    let ask = Ask { method: CallMethod::Put, headers: &headers, body: bytes, ..Ask::get(&url, 0) };
    let answer = session.send(Action::Push, &ask)?;
    if !matches!(answer.status, 200 | 201) {
        return Err(status("PUT", &answer));
    }
    match answer.header("docker-content-digest") {
        Some(found) if found.parse() != Ok(digest) => Err(RegistryError::PushedOther {
            reference: format!("{}/{}:{tag}", session.registry, session.repository),
            expected: digest,
            found: found.to_string(),
        }),
        _ => Ok(digest),
    }
}

/// A lost session, a broken connection or a server in trouble: none of them is about the blob.
fn worth_beginning_anew(error: &RegistryError) -> bool {
    match error {
        RegistryError::Http(error) => crate::auth::passing(error),
        RegistryError::Status { status, .. } => matches!(status, 404 | 416 | 500 | 502 | 503 | 504),
        _ => false,
    }
}

fn is_there(session: &Session<'_>, digest: &str) -> Result<bool, RegistryError> {
    let url = session.url(&format!("blobs/{digest}"));
    let answer = session.send(Action::Push, &Ask { method: CallMethod::Head, ..Ask::get(&url, 0) })?;
    match answer.status {
        200 => Ok(true),
        404 => Ok(false),
        _ => Err(status("HEAD", &answer)),
    }
}

/// Begins an upload; `None` when the registry found the blob in another repository of its own.
fn begin(session: &Session<'_>, digest: &str) -> Result<Option<Upload>, RegistryError> {
    let post = |url: &str| {
        let headers = [("content-length", "0")];
        session.send(Action::Push, &Ask { method: CallMethod::Post, headers: &headers, ..Ask::get(url, 0) })
    };
    let plain = session.url("blobs/uploads/");
    let mut answer = post(&format!("{plain}?mount={digest}"))?;
    // Registries that want to know from where do not all say so by just beginning an upload.
    if matches!(answer.status, 400 | 404 | 405) {
        answer = post(&plain)?;
    }
    match answer.status {
        201 => Ok(None),
        202 => {
            let least = answer.header("oci-chunk-min-length").and_then(|text| text.parse().ok()).unwrap_or(0);
            Ok(Some(Upload { location: location(session, &plain, &answer)?, offset: 0, least }))
        }
        _ => Err(status("POST", &answer)),
    }
}

/// Where an answer says that the upload goes on.
fn location(session: &Session<'_>, asked: &str, answer: &Response) -> Result<String, RegistryError> {
    let Some(header) = answer.header("location") else {
        let reason = "the registry does not say where the upload goes on".to_string();
        return Err(RegistryError::Answer { url: answer.url.clone(), reason });
    };
    let location = follow(asked, header)?;
    if !same_origin(&location, &session.base)
        && session.base.starts_with("https://")
        && !location.starts_with("https://")
    {
        let (host, location) = (session.registry.clone(), redact_url(&location));
        return Err(RegistryError::InsecureUpload { host, location });
    }
    Ok(location)
}

/// Sends what the registry does not have yet, and ends the upload.
fn send(session: &Session<'_>, mut upload: Upload, digest: &str, bytes: &[u8]) -> Result<(), RegistryError> {
    let chunk = CHUNK.max(upload.least);
    if bytes.len() <= chunk {
        return end(session, &upload, digest, bytes);
    }
    let mut stuck = 0;
    while upload.offset < bytes.len() {
        let before = upload.offset;
        if let Err(error) = patch(session, &mut upload, chunk, bytes) {
            if !worth_beginning_anew(&error) || stuck == MOST_ATTEMPTS {
                return Err(error);
            }
            // An upload that is not known any more is begun anew by the caller.
            resume(session, &mut upload, bytes.len())?;
        }
        stuck = if upload.offset > before { 0 } else { stuck + 1 };
        if stuck > MOST_ATTEMPTS {
            let reason = "the upload does not move on".to_string();
            return Err(RegistryError::Answer { url: redact_url(&upload.location), reason });
        }
    }
    end(session, &upload, digest, &[])
}

/// Sends one piece.
fn patch(
    session: &Session<'_>,
    upload: &mut Upload,
    chunk: usize,
    bytes: &[u8],
) -> Result<(), RegistryError> {
    let piece = bytes.get(upload.offset..).unwrap_or_default();
    let piece = &piece[..piece.len().min(chunk)];
    let range = format!("{}-{}", upload.offset, upload.offset + piece.len().max(1) - 1);
    let length = piece.len().to_string();
    let headers = [
        ("content-type", media::BYTES),
        ("content-range", range.as_str()),
        ("content-length", length.as_str()),
    ];
    let url = upload.location.clone();
    let answer = session.send(
        Action::Push,
        &Ask {
            method: CallMethod::Patch,
            headers: &headers,
            body: piece.to_vec(),
            again: false,
            ..Ask::get(&url, 0)
        },
    )?;
    if answer.status != 202 {
        return Err(status("PATCH", &answer));
    }
    upload.location = location(session, &url, &answer)?;
    // A registry may keep less than it was sent.
    upload.offset = kept(&answer, bytes.len()).unwrap_or(upload.offset + piece.len());
    Ok(())
}

/// Asks how much of an upload the registry has.
fn resume(session: &Session<'_>, upload: &mut Upload, length: usize) -> Result<(), RegistryError> {
    let url = upload.location.clone();
    let answer = session.send(Action::Push, &Ask::get(&url, 0))?;
    if !matches!(answer.status, 200 | 202 | 204) {
        return Err(status("GET", &answer));
    }
    if answer.header("location").is_some() {
        upload.location = location(session, &url, &answer)?;
    }
    upload.offset = kept(&answer, length).unwrap_or(0);
    Ok(())
}

/// How many bytes the registry has: `Range: 0-LAST`.
fn kept(answer: &Response, length: usize) -> Option<usize> {
    let range = answer.header("range")?;
    let range = range.strip_prefix("bytes=").unwrap_or(range);
    let last: usize = range.strip_prefix("0-")?.parse().ok()?;
    // `0-0` is what registries say of nothing as well as of one byte; pieces are larger than that.
    Some(if last == 0 { 0 } else { last.saturating_add(1).min(length) })
}

/// Sends the last bytes and says what the whole is.
fn end(session: &Session<'_>, upload: &Upload, digest: &str, rest: &[u8]) -> Result<(), RegistryError> {
    let separator = if upload.location.contains('?') { '&' } else { '?' };
    let url = format!("{}{separator}digest={}", upload.location, crate::sys::http::percent_encode(digest));
    let length = rest.len().to_string();
    let headers = [("content-type", media::BYTES), ("content-length", length.as_str())];
    let ask = Ask {
        method: CallMethod::Put,
        headers: &headers,
        body: rest.to_vec(),
        again: false,
        ..Ask::get(&url, 0)
    };
    let answer = session.send(Action::Push, &ask)?;
    if !matches!(answer.status, 201 | 204) {
        return Err(status("PUT", &answer));
    }
    Ok(())
}
