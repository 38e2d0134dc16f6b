//! The tags of a repository as versions of a chart.
//!
//! Invariant: only strict semantic versions are chosen from, newest first, as in Helm; a version that is asked for by name is
//! the tag of that name, however it is written; a list that never ends does end.

use serde::Deserialize;

use super::session::{Action, Ask, Session, status};
use super::{Client, Reference, RegistryError, tag_of, version_of};
use crate::data::version::{Constraint, Version, VersionError};
use crate::sys::http::{Response, follow, same_origin};

/// Largest page of tags, in bytes.
const PAGE_LIMIT: u64 = 8 << 20;
/// Most pages that are read.
const MOST_PAGES: usize = 1_000;
/// Most tags that are kept.
const MOST_TAGS: usize = 200_000;
/// How many versions an error names.
const SHOWN: usize = 5;

/// The versions of a chart among which one is chosen, newest first: every tag that is a strict semantic version, `_` as `+`.
///
/// # Errors
/// The repository is not there or cannot be read.
pub fn versions(client: &Client<'_>, reference: &Reference) -> Result<Vec<Version>, RegistryError> {
    sorted(client, reference, Version::parse_strict)
}

/// Every version of a chart that can be asked for, newest first: every tag that is a version, however it is written.
///
/// # Errors
/// The repository is not there or cannot be read.
pub fn every_version(client: &Client<'_>, reference: &Reference) -> Result<Vec<Version>, RegistryError> {
    sorted(client, reference, Version::parse)
}

fn sorted(
    client: &Client<'_>,
    reference: &Reference,
    read: fn(&str) -> Result<Version, VersionError>,
) -> Result<Vec<Version>, RegistryError> {
    let tags = client.read(reference, |session| all(session, reference))?;
    let mut versions: Vec<Version> = tags.iter().filter_map(|tag| read(&version_of(tag)).ok()).collect();
    versions.sort_by(|a, b| b.cmp(a));
    Ok(versions)
}

/// Which version of a chart a request means: with a tag or digest in the reference or an exact version nothing is asked;
/// otherwise the newest that the constraint allows, of stable versions when it is empty.
///
/// Returns the reference with its tag, or as it is when it has a digest.
///
/// # Errors
/// The tag is another one than the version, the constraint cannot be read, no tag is a version, or none satisfies it.
pub fn choose(client: &Client<'_>, reference: &Reference, request: &str) -> Result<Reference, RegistryError> {
    if let Some(tag) = &reference.tag {
        if !request.is_empty() && tag_of(request) != *tag {
            let fits = Constraint::parse(request).ok().zip(Version::parse(&version_of(tag)).ok());
            if !fits.is_some_and(|(constraint, version)| constraint.check(&version)) {
                let (version, tag) = (request.to_string(), version_of(tag));
                return Err(RegistryError::VersionMismatch { version, tag });
            }
        }
        return Ok(reference.clone());
    }
    if reference.digest.is_some() {
        return Ok(reference.clone());
    }
    if Version::parse(request).is_ok() {
        return Ok(Reference { tag: Some(tag_of(request)), ..reference.clone() });
    }
    let constraint = Constraint::parse(if request.is_empty() { "*" } else { request })?;
    let all = versions(client, reference)?;
    if all.is_empty() {
        return Err(RegistryError::NoTags { name: reference.name() });
    }
    match all.iter().find(|version| constraint.check(version)) {
        Some(version) => Ok(reference.at_version(version.original())),
        None => Err(RegistryError::NoVersion {
            constraint: request.to_string(),
            available: all.iter().take(SHOWN).map(|version| version.original().to_string()).collect(),
        }),
    }
}

/// Every tag, page by page.
fn all(session: &Session<'_>, reference: &Reference) -> Result<Vec<String>, RegistryError> {
    #[derive(Deserialize)]
    struct Page {
        #[serde(default)]
        tags: Option<Vec<String>>,
    }
    let mut url = session.url("tags/list");
    let mut found: Vec<String> = Vec::new();
    for _ in 0..MOST_PAGES {
        let answer = session.send(Action::Pull, &Ask::get(&url, PAGE_LIMIT))?;
        let bad =
            |reason: &str| RegistryError::Answer { url: answer.url.clone(), reason: reason.to_string() };
        match answer.status {
            200 => {}
            404 => return Err(RegistryError::NoRepository { name: reference.name() }),
            _ => return Err(status("GET", &answer)),
        }
        let page: Page = serde_json::from_slice(&answer.body)
            .map_err(|error| bad(&format!("no list of tags: {error}")))?;
        found.extend(page.tags.unwrap_or_default());
        if found.len() > MOST_TAGS {
            return Err(bad(&format!("more than {MOST_TAGS} tags")));
        }
        match next(&answer) {
            None => return Ok(found),
            Some(link) => {
                url = follow(&url, link)?;
                if !same_origin(&url, &session.base) {
                    return Err(bad("the next page of tags is on another host"));
                }
            }
        }
    }
    Err(RegistryError::Answer { url, reason: format!("the list of tags has more than {MOST_PAGES} pages") })
}

/// The next page: `Link: <…>; rel="next"`.
fn next(answer: &Response) -> Option<&str> {
    let header = answer.header("link")?;
    let (target, rest) = header.trim().strip_prefix('<')?.split_once('>')?;
    let is_next = rest.split(';').any(|part| matches!(part.trim(), "rel=\"next\"" | "rel=next"));
    is_next.then_some(target)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_lead_to_the_next_page() {
        let with = |link: &str| Response {
            status: 200,
            headers: vec![("link".to_string(), link.to_string())],
            body: Vec::new(),
            url: String::new(),
        };
        assert_eq!(
            next(&with("</v2/a/tags/list?last=b&n=2>; rel=\"next\"")),
            Some("/v2/a/tags/list?last=b&n=2")
        );
        for none in ["</x>; rel=\"prev\"", "/x; rel=next", "<x", ""] {
            assert_eq!(next(&with(none)), None, "{none}");
        }
    }
}
