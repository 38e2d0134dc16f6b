//! What a Chart.yaml must say, and the cleaning of what it says.
//!
//! Source of the rules and their texts: Helm 4.3.1, by trying. Indexes and release records are not checked here, because
//! Helm tolerates there what it refuses in a chart.
//!
//! Invariant: a name that passes is a single path part, so it can be joined to a folder.

use std::collections::HashSet;
use std::sync::{Arc, LazyLock};

use regex::Regex;

use super::document::{has_null_item, locate};
use super::{ChartError, Dependency, Maintainer, Metadata};
use crate::data::version::Version;
use crate::diag::{Diagnostic, SourceFile};

/// What of a text is printable, as Go's `unicode.IsPrint` has it.
static UNPRINTABLE: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r"[^\p{L}\p{M}\p{N}\p{P}\p{S} ]").ok());

/// White space becomes a space, what cannot be printed is dropped.
fn sanitize(text: &mut String) {
    if text.bytes().all(|byte| (b' '..=b'~').contains(&byte)) {
        return;
    }
    *text = text.chars().map(|c| if c.is_whitespace() { ' ' } else { c }).collect();
    if let Some(unprintable) = UNPRINTABLE.as_ref()
        && let std::borrow::Cow::Owned(cleaned) = unprintable.replace_all(text, "")
    {
        *text = cleaned;
    }
}

/// Whether Helm takes a text for a version: `v` before it and missing minor and patch numbers are fine.
pub fn is_version(text: &str) -> bool {
    Version::parse(text).is_ok()
}

/// Refuses an apiVersion that Helm does not know.
///
/// # Errors
/// [`ChartError::ApiVersion`], with Helm's text and the place in `file`.
pub(super) fn api_version(metadata: &Metadata, file: &Arc<SourceFile>) -> Result<(), ChartError> {
    let text = match &*metadata.api_version {
        "v1" | "v2" => return Ok(()),
        "v3" => "invalid chart apiVersion",
        _ => "unsupported chart version",
    };
    let diagnostic = Diagnostic::error(text)
        .at(file, locate(file, &["apiVersion"]))
        .note(format!("apiVersion is {:?}; charts have \"v1\" or \"v2\"", metadata.api_version))
        .hint("set `apiVersion: v2` in Chart.yaml");
    Err(ChartError::ApiVersion(Box::new(diagnostic)))
}

/// Cleans the texts of a Chart.yaml and checks what it says.
///
/// # Errors
/// [`ChartError::Invalid`], with Helm's texts and the place in `file`.
pub(super) fn check(metadata: &mut Metadata, file: &Arc<SourceFile>) -> Result<(), ChartError> {
    clean(metadata);
    let found =
        |message: String, path: &[&str]| Box::new(Diagnostic::error(message).at(file, locate(file, path)));
    let invalid = |message: String, path: &[&str]| Err(ChartError::Invalid(found(message, path)));
    let name = ["name"];
    match &*metadata.name {
        "" => return invalid("chart.metadata.name is required".into(), &[]),
        own @ ("." | "..") => return invalid(format!("chart.metadata.name {own:?} is not allowed"), &name),
        own if own.contains(['/', '\\']) => {
            return invalid(format!("chart.metadata.name {own:?} is invalid"), &name);
        }
        _ => {}
    }
    let version = &metadata.version;
    if version.is_empty() {
        return invalid("chart.metadata.version is required".into(), &[]);
    }
    if !is_version(version) {
        let mut diagnostic = found(format!("chart.metadata.version {version:?} is invalid"), &["version"]);
        diagnostic.hints.push("use a semantic version such as \"1.2.3\"".to_string());
        return Err(ChartError::Invalid(diagnostic));
    }
    if !matches!(metadata.chart_type.as_deref(), None | Some("" | "application" | "library")) {
        return invalid("chart.metadata.type must be application or library".into(), &["type"]);
    }
    if metadata.maintainers.contains(&Maintainer::default()) && has_null_item(file, "maintainers") {
        let path = ["maintainers"];
        return invalid("maintainers must not contain empty or null nodes".into(), &path);
    }
    if metadata.dependencies.contains(&Dependency::default()) && has_null_item(file, "dependencies") {
        let path = ["dependencies"];
        return invalid("dependencies must not contain empty or null nodes".into(), &path);
    }
    let mut names = HashSet::new();
    for (index, dependency) in metadata.dependencies.iter().enumerate() {
        let index = index.to_string();
        let path = |key| ["dependencies", &*index, key];
        let is_plain = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        if !dependency.alias.chars().all(is_plain) {
            let text = format!("dependency {:?} has disallowed characters in the alias", dependency.name);
            return invalid(text, &path("alias"));
        }
        let own = dependency.name_in_parent();
        if !names.insert(own) {
            let mut diagnostic = found(
                format!("more than one dependency with name or alias {own:?}"),
                &path(if dependency.alias.is_empty() { "name" } else { "alias" }),
            );
            diagnostic.hints.push("give one of them another `alias`".to_string());
            return Err(ChartError::Invalid(diagnostic));
        }
    }
    Ok(())
}

fn clean(metadata: &mut Metadata) {
    let mut name = metadata.name.to_string();
    sanitize(&mut name);
    metadata.name = name.into();
    let texts = [
        &mut metadata.description,
        &mut metadata.home,
        &mut metadata.icon,
        &mut metadata.condition,
        &mut metadata.tags,
        &mut metadata.app_version,
        &mut metadata.kube_version,
    ];
    texts.into_iter().for_each(sanitize);
    metadata.sources.iter_mut().chain(&mut metadata.keywords).for_each(sanitize);
    for maintainer in &mut metadata.maintainers {
        [&mut maintainer.name, &mut maintainer.email, &mut maintainer.url].into_iter().for_each(sanitize);
    }
    for dependency in &mut metadata.dependencies {
        let texts = [
            &mut dependency.name,
            &mut dependency.version,
            &mut dependency.repository,
            &mut dependency.condition,
        ];
        texts.into_iter().chain(&mut dependency.tags).for_each(sanitize);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read_as_leniently_as_helm_does() {
        for good in
            ["01.2.3", "1.0.0-0a", "v1", "1", "18446744073709551615.0.0", "1.0.0+01", "v1.2-rc.1", "1-2"]
        {
            assert!(is_version(good), "{good}");
        }
        for bad in [
            "",
            "v",
            "1.0.0-01",
            "1.0.0-",
            "V1.0",
            "1.2.3.4",
            "1.0.0+a_b",
            "1.x",
            "1.0.0-a..b",
            "1.2.",
            "1.0.0-a+b+c",
            " 1.0.0",
            "1.0.0-é",
            "99999999999999999999.0.0",
        ] {
            assert!(!is_version(bad), "{bad}");
        }
    }

    #[test]
    fn texts_lose_what_cannot_be_printed() {
        let mut text = "a\tb\u{7}c\u{200b}d\u{a0}é—\u{e000}\n".to_string();
        sanitize(&mut text);
        assert_eq!(text, "a bcd é— ");
    }
}
