//! .helmignore: which files of a chart's folder are no part of the chart.
//!
//! One rule a line, blank lines and `#` comments aside. A rule is a pattern of Go's `filepath.Match`:
//!
//! | form | takes |
//! |---|---|
//! | `*.bak` | any file or folder with such a name, at any depth |
//! | `/a/*.md`, `a/b` | what has this path below the chart's folder |
//! | `tmp/` | folders only; nothing in them is looked at |
//! | `!*.yaml` | everything that does *not* have such a name |
//!
//! The last is Helm's reading of `!`, not git's: it never takes anything back in.
//!
//! Invariant: a path is ignored if any rule takes it, so the order of the rules does not matter.

use std::sync::Arc;

use super::ChartError;
use crate::data::glob::PathPattern;
use crate::diag::{Diagnostic, SourceFile, Span};

/// The rules of a .helmignore, with the built-in `templates/.?*`.
#[derive(Debug, Clone)]
pub struct IgnoreRules {
    rules: Vec<Rule>,
}

#[derive(Debug, Clone)]
struct Rule {
    pattern: PathPattern,
    negated: bool,
    folders_only: bool,
    /// Whether the pattern is held against the whole path, not the last part of it.
    whole_path: bool,
}

impl Default for IgnoreRules {
    /// The rules of a chart without .helmignore.
    fn default() -> Self {
        IgnoreRules { rules: rule("templates/.?*").ok().flatten().into_iter().collect() }
    }
}

impl IgnoreRules {
    /// Reads a .helmignore.
    ///
    /// # Errors
    /// [`ChartError::Ignore`] with Helm's text: a pattern is malformed, or holds `**`.
    pub fn parse(file: &Arc<SourceFile>) -> Result<Self, ChartError> {
        let mut rules = IgnoreRules::default();
        let mut start = 0;
        for line in file.text().split_inclusive('\n') {
            match rule(line.trim()) {
                Ok(found) => rules.rules.extend(found),
                Err(message) => {
                    let at = Span::new(start, start + line.trim_end().len());
                    return Err(ChartError::Ignore(Box::new(Diagnostic::error(message).at(file, at))));
                }
            }
            start += line.len();
        }
        Ok(rules)
    }

    /// Whether a path below the chart's folder is no part of the chart.
    pub fn ignores(&self, path: &str, is_folder: bool) -> bool {
        let name = path.rsplit('/').next().unwrap_or(path);
        self.rules.iter().any(|rule| {
            if rule.folders_only && !is_folder {
                return rule.negated;
            }
            rule.pattern.matches(if rule.whole_path { path } else { name }) != rule.negated
        })
    }
}

/// The rule on a trimmed line, if there is one.
fn rule(line: &str) -> Result<Option<Rule>, String> {
    if line.is_empty() || line.starts_with('#') {
        return Ok(None);
    }
    if line.contains("**") {
        return Err("double-star (**) syntax is not supported".to_string());
    }
    let (negated, line) = line.strip_prefix('!').map_or((false, line), |rest| (true, rest));
    let (folders_only, line) = line.strip_suffix('/').map_or((false, line), |rest| (true, rest));
    let whole_path = line.contains('/');
    let pattern =
        PathPattern::new(line.strip_prefix('/').unwrap_or(line)).map_err(|error| error.to_string())?;
    Ok(Some(Rule { pattern, negated, folders_only, whole_path }))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    fn rules(text: &str) -> Result<IgnoreRules, ChartError> {
        IgnoreRules::parse(&SourceFile::new(".helmignore", text))
    }

    /// The files that are left of a tree, folders being entered only when no rule takes them.
    fn kept<'f>(rules: &IgnoreRules, files: &'f [String]) -> BTreeSet<&'f str> {
        let enters = |path: &str| {
            path.match_indices('/').all(|(end, _)| !rules.ignores(&path[..end], true))
                && !rules.ignores(path, false)
        };
        files.iter().map(String::as_str).filter(|path| enters(path)).collect()
    }

    /// What `helm package` put into archives of one tree with various rules.
    #[test]
    fn rules_leave_what_helm_leaves() {
        let mut files: Vec<String> = Vec::new();
        for line in include_str!("../../tests/cases/chart/helmignore.jsonl").lines() {
            let case: serde_json::Value = serde_json::from_str(line).unwrap();
            let texts = |key: &str| -> Vec<String> { serde_json::from_value(case[key].clone()).unwrap() };
            if case.get("files").is_some() {
                files = texts("files");
                continue;
            }
            let text = case["rules"].as_str().unwrap();
            match (rules(text), case["error"].as_str()) {
                (Err(error), Some(expected)) => assert_eq!(error.to_string(), expected, "{text}"),
                (Ok(rules), Some("Chart.yaml file is missing")) => {
                    assert!(!kept(&rules, &files).contains("Chart.yaml"), "{text}");
                }
                (Ok(rules), None) => {
                    assert_eq!(
                        kept(&rules, &files),
                        texts("kept").iter().map(String::as_str).collect(),
                        "{text}"
                    );
                }
                (outcome, expected) => panic!("{text}: {outcome:?}, Helm: {expected:?}"),
            }
        }
    }

    proptest! {
        #[test]
        fn order_and_comments_do_not_matter(
            mut lines in proptest::collection::vec("!?/?[a-c*?]{0,3}/?", 0..4),
            path in "[a-c]{1,2}(/[a-c]{1,2})?",
        ) {
            let ignores = |lines: &[String]| rules(&lines.join("\n")).map(|rules| rules.ignores(&path, false)).ok();
            let before = ignores(&lines);
            lines.reverse();
            lines.insert(0, "# all".to_string());
            lines.push("  ".to_string());
            prop_assert_eq!(before, ignores(&lines));
        }
    }
}
