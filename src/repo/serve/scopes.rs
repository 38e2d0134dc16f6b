//! What a request needs, in the words of tokens: `TYPE:NAME:ACTION,ACTION`.
//!
//! | request | scope |
//! |---|---|
//! | reading a repository of a registry | `repository:NAME:pull` |
//! | writing to it, removing from it | `repository:NAME:pull,push`, `repository:NAME:delete` |
//! | its list of repositories | `registry:catalog:*` |
//! | index, archives and API of a folder | `artifact-repository:TENANT:pull`, `push`, `delete`; `repo` without tenants |
//!
//! The first three are those of the distribution project's token specification, the last one is ChartMuseum's.
//!
//! Invariant: a request for something that is in the folder needs a scope that names it.

use serde::{Deserialize, Serialize};

use super::page;
use super::request::{Head, Method};
use super::tenants::is_safe;

/// The type of a repository in a registry.
pub(super) const REPOSITORY: &str = "repository";
/// The type of a folder with an index.
pub(super) const FOLDER: &str = "artifact-repository";
/// The type of the registry itself.
const REGISTRY: &str = "registry";
/// What the folder of a server without tenants is called.
pub(super) const WHOLE: &str = "repo";
/// Longest name.
const LONGEST: usize = 255;

/// Access to one thing, in a token as `{"type": …, "name": …, "actions": […]}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Scope {
    #[serde(rename = "type", default)]
    pub(super) kind: String,
    #[serde(default)]
    pub(super) name: String,
    #[serde(default)]
    pub(super) actions: Vec<String>,
}

impl Scope {
    pub(super) fn new(kind: &str, name: &str, actions: &[&str]) -> Self {
        let actions = actions.iter().map(|action| (*action).to_string()).collect();
        Scope { kind: kind.to_string(), name: name.to_string(), actions }
    }

    /// Reads a scope; `None` when it is none. A name may have a colon in it, as a host with a port has.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (kind, rest) = text.split_once(':')?;
        let (name, actions) = rest.rsplit_once(':')?;
        let plain = |text: &str| {
            !text.is_empty() && text.bytes().all(|b| b.is_ascii_graphic() && !b"\"\\,".contains(&b))
        };
        if !plain(kind) || !plain(name) || name.len() > LONGEST {
            return None;
        }
        let actions: Vec<&str> = actions.split(',').filter(|action| !action.is_empty()).collect();
        Some(Scope::new(kind, name, &actions))
    }

    /// Whether another one is within this one.
    pub(super) fn covers(&self, other: &Scope) -> bool {
        let has = |action: &String| self.actions.iter().any(|own| own == action || own == "*");
        self.kind == other.kind && self.name == other.name && other.actions.iter().all(has)
    }
}

impl std::fmt::Display for Scope {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}:{}", self.kind, self.name, self.actions.join(","))
    }
}

/// What a request needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Need {
    /// Nothing: a probe.
    Nothing,
    /// That somebody is let in at all: the page, and what leads nowhere.
    Entry,
    /// The door of the registry, at which clients find out how to say who they are.
    Door,
    /// Access to something.
    Scope(Scope),
}

/// What a request needs of a server whose tenants have so many parts.
pub(super) fn needed(head: &Head, depth: usize) -> Need {
    let parts: Vec<&str> = head.path.trim_start_matches('/').split('/').collect();
    match parts.as_slice() {
        ["health"] => Need::Nothing,
        ["info" | "metrics"] => Need::Entry,
        ["v2"] => Need::Door,
        ["v2", "_catalog"] => Need::Scope(Scope::new(REGISTRY, "catalog", &["*"])),
        ["v2", rest @ ..] => in_registry(head, rest),
        ["api", rest @ ..] => in_folder(rest, depth, head.method),
        _ if page::asset(&head.path).is_some() => Need::Entry,
        rest => in_folder(rest, depth, head.method),
    }
}

fn in_folder(parts: &[&str], depth: usize, method: Method) -> Need {
    let action = match method {
        Method::Get | Method::Head => "pull",
        Method::Delete => "delete",
        Method::Post | Method::Put | Method::Patch => "push",
    };
    let Some((tenant, _)) = parts.split_at_checked(depth) else { return Need::Entry };
    if !tenant.iter().all(|part| is_safe(part)) {
        return Need::Entry;
    }
    Need::Scope(folder(&tenant.join("/"), action))
}

/// Access to the folder of a tenant; to the whole for the empty one of a server without tenants.
pub(super) fn folder(tenant: &str, action: &str) -> Scope {
    Scope::new(FOLDER, if tenant.is_empty() { WHOLE } else { tenant }, &[action])
}

fn in_registry(head: &Head, parts: &[&str]) -> Need {
    let (name, is_upload) = match parts {
        [name @ .., "blobs", "uploads", _] => (name, true),
        [name @ .., "tags", "list"] | [name @ .., "manifests" | "referrers" | "blobs", _] => (name, false),
        _ => return Need::Entry,
    };
    if name.is_empty() || !name.iter().all(|part| is_safe(part)) {
        return Need::Entry;
    }
    let actions: &[&str] = match head.method {
        Method::Get | Method::Head => &["pull"],
        // Whoever uploads may also give up.
        Method::Delete if !is_upload => &["delete"],
        _ => &["pull", "push"],
    };
    Need::Scope(Scope::new(REPOSITORY, &name.join("/"), actions))
}

/// What a request to take a blob over from another repository needs there; `None` for any other request, and for names
/// under which there is nothing. It is no condition for an answer: who may not read there uploads the blob.
pub(super) fn mount_source(head: &Head) -> Option<Scope> {
    let from = head.query("from").filter(|from| from.split('/').all(is_safe))?;
    (head.method == Method::Post && head.query("mount").is_some())
        .then(|| Scope::new(REPOSITORY, from, &["pull"]))
}

/// What a rule is held against.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Thing<'s> {
    /// The folder of a server without tenants.
    Whole,
    /// A chart of such a server. It may have the folder's name, and is another thing.
    Chart(&'s str),
    /// What has its name for itself: with tenants the number of its parts tells a chart from a folder.
    Named(&'s str),
}

/// What a scope of this server is about: a chart without the `charts/` that clients may write before it. There is no other
/// name for it: `charts/` is also where the charts of a tenant of that name are.
pub(super) fn thing(scope: &Scope, depth: usize) -> Thing<'_> {
    match (scope.kind.as_str(), depth) {
        (REPOSITORY, _) => {
            let below =
                scope.name.strip_prefix("charts/").filter(|rest| rest.split('/').count() == depth + 1);
            let bare = below.unwrap_or(&scope.name);
            if depth == 0 { Thing::Chart(bare) } else { Thing::Named(bare) }
        }
        (FOLDER, 0) if scope.name == WHOLE => Thing::Whole,
        _ => Thing::Named(&scope.name),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::repo::serve::request::parse;

    fn need(line: &str, depth: usize) -> String {
        let head = parse(format!("{line} HTTP/1.1\r\nHost: h\r\n\r\n").as_bytes()).unwrap();
        match needed(&head, depth) {
            Need::Scope(scope) => {
                let all = [Some(scope), mount_source(&head)];
                all.iter().flatten().map(Scope::to_string).collect::<Vec<_>>().join(" ")
            }
            other => format!("{other:?}"),
        }
    }

    #[test]
    fn requests_need_what_the_specifications_say() {
        for (line, depth, scope) in [
            ("GET /health", 0, "Nothing"),
            ("GET /", 0, "Entry"),
            ("GET /-/app.js", 0, "Entry"),
            ("GET /metrics", 1, "Entry"),
            ("GET /index.yaml", 0, "artifact-repository:repo:pull"),
            ("HEAD /sub/web-1.0.0.tgz", 0, "artifact-repository:repo:pull"),
            ("GET /-/charts.json", 0, "artifact-repository:repo:pull"),
            ("GET /a/b/index.yaml", 2, "artifact-repository:a/b:pull"),
            ("POST /api/charts", 0, "artifact-repository:repo:push"),
            ("DELETE /api/charts/web/1.0.0", 0, "artifact-repository:repo:delete"),
            ("PUT /api/a/b/prov", 2, "artifact-repository:a/b:push"),
            ("GET /a", 2, "Entry"),
            ("GET /v2/", 0, "Door"),
            ("GET /v2/_catalog?n=1", 0, "registry:catalog:*"),
            ("GET /v2/charts/web/tags/list", 0, "repository:charts/web:pull"),
            ("HEAD /v2/web/manifests/1.0.0", 0, "repository:web:pull"),
            ("PUT /v2/a/web/manifests/1.0.0", 1, "repository:a/web:pull,push"),
            ("DELETE /v2/web/manifests/sha256:1", 0, "repository:web:delete"),
            ("DELETE /v2/web/blobs/sha256:1", 0, "repository:web:delete"),
            ("DELETE /v2/web/blobs/uploads/1", 0, "repository:web:pull,push"),
            ("PATCH /v2/web/blobs/uploads/1", 0, "repository:web:pull,push"),
            ("GET /v2/web/referrers/sha256:1", 0, "repository:web:pull"),
            (
                "POST /v2/web/blobs/uploads/?mount=sha256:1&from=charts/db",
                0,
                "repository:web:pull,push repository:charts/db:pull",
            ),
            ("POST /v2/web/blobs/uploads/?mount=sha256:1&from=a%22b", 0, "repository:web:pull,push"),
            ("PUT /v2/web/blobs/uploads/1?from=db", 0, "repository:web:pull,push"),
            ("GET /v2/web/nothing", 0, "Entry"),
        ] {
            assert_eq!(need(line, depth), scope, "{line}");
        }
    }

    #[test]
    fn scopes_are_read_and_compared() {
        let read = |text: &str| Scope::parse(text).unwrap();
        assert_eq!(read("repository:h:5000/a/b:pull,push").name, "h:5000/a/b");
        assert_eq!(read("repository:a:").actions.len(), 0);
        for bad in ["", "a", "a:b", "a::pull", ":b:pull", "a:b c:pull", "a:\"b:pull"] {
            assert_eq!(Scope::parse(bad), None, "{bad}");
        }
        assert!(read("repository:a:pull,push").covers(&read("repository:a:push")));
        assert!(read("repository:a:*").covers(&read("repository:a:delete")));
        for other in ["repository:a:delete", "repository:b:pull", "registry:a:pull", "repository:a:pull,*"] {
            assert!(!read("repository:a:pull,push").covers(&read(other)), "{other}");
        }
    }

    #[test]
    fn a_chart_is_known_by_one_name() {
        for (scope, depth, wanted) in [
            ("repository:web:pull", 0, Thing::Chart("web")),
            ("repository:charts/web:pull", 0, Thing::Chart("web")),
            ("repository:a/web:pull", 1, Thing::Named("a/web")),
            ("repository:charts/a/web:pull", 1, Thing::Named("a/web")),
            // The tenant `charts`.
            ("repository:charts/web:pull", 1, Thing::Named("charts/web")),
            ("repository:charts/charts/web:pull", 1, Thing::Named("charts/web")),
            ("repository:repo:pull", 0, Thing::Chart("repo")),
            ("artifact-repository:repo:pull", 0, Thing::Whole),
            ("artifact-repository:repo:pull", 1, Thing::Named("repo")),
            ("artifact-repository:charts/a:pull", 1, Thing::Named("charts/a")),
            ("registry:catalog:*", 0, Thing::Named("catalog")),
        ] {
            assert_eq!(thing(&Scope::parse(scope).unwrap(), depth), wanted, "{scope} {depth}");
        }
    }
}
