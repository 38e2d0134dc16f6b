//! Finds charts by words: `search repo`.
//!
//! Each chart version is a line of four fields, joined by a vertical tab: name, `repo/name`, description, keywords (joined
//! by a space). A word is looked for in the whole line; the field of the first hit is the score, 0 is best. Results
//! stand by score, then name, then version from new to old. Helm's ranking.
//!
//! Invariant: the order depends on the content of the indexes alone.

use std::sync::Arc;

use regex::Regex;

use super::RepoError;
use super::index::{Entry, Index};
use crate::data::version::Constraint;

/// Only stable versions.
const STABLE: &str = ">0.0.0";
/// Prereleases too.
const DEVEL: &str = ">0.0.0-0";
/// Between the fields of a line.
const SEPARATOR: char = '\u{b}';

/// What to look for.
#[derive(Debug, Clone, Default)]
pub struct SearchOptions {
    /// The word; empty finds everything.
    pub keyword: String,
    /// The word is a regular expression (which, unlike a word, heeds case).
    pub regexp: bool,
    /// Show every version, not only the newest that matches.
    pub versions: bool,
    /// Prereleases too, when no constraint is given.
    pub devel: bool,
    /// Constraint on the version; empty for stable versions.
    pub version: String,
}

/// A chart that was found.
#[derive(Debug, Clone)]
pub struct Hit {
    /// `repo/chart`.
    pub name: String,
    /// The version.
    pub entry: Arc<Entry>,
    /// The field of the first match: 0 name, 1 repository and name, 2 description, 3 keywords.
    pub score: usize,
}

/// Searches indexes, each with the name of its repository.
///
/// # Errors
/// The constraint or the regular expression cannot be read.
pub fn search(indexes: &[(String, Index)], options: &SearchOptions) -> Result<Vec<Hit>, RepoError> {
    let constraint = match options.version.as_str() {
        "" if options.devel => DEVEL,
        "" => STABLE,
        version => version,
    };
    let constraint = Constraint::parse(constraint).map_err(RepoError::BadSearchConstraint)?;
    let matcher = Matcher::new(&options.keyword, options.regexp)?;
    let mut hits = Vec::new();
    let mut line = String::new();
    for (repository, index) in indexes {
        for (chart, versions) in &index.entries {
            let name = format!("{repository}/{chart}");
            for entry in versions {
                if !constraint.check(&entry.version) {
                    continue;
                }
                if let Some(score) = matcher.score(&mut line, chart, &name, entry) {
                    hits.push(Hit { name: name.clone(), entry: Arc::clone(entry), score });
                }
            }
        }
    }
    let newest = |one: &Hit, other: &Hit| other.entry.version.cmp(&one.entry.version);
    hits.sort_by(|one, other| {
        one.score.cmp(&other.score).then_with(|| one.name.cmp(&other.name)).then_with(|| newest(one, other))
    });
    if !options.versions {
        let mut seen = std::collections::HashSet::new();
        hits.retain(|hit| seen.insert(hit.name.clone()));
    }
    Ok(hits)
}

enum Matcher {
    Everything,
    Literal(String),
    Pattern(Regex),
}

impl Matcher {
    fn new(keyword: &str, regexp: bool) -> Result<Self, RepoError> {
        if keyword.is_empty() {
            return Ok(Matcher::Everything);
        }
        if !regexp {
            return Ok(Matcher::Literal(keyword.to_lowercase()));
        }
        let reason = |error: regex::Error| {
            // The last line says what is wrong; those before draw the expression.
            let text = error.to_string();
            let reason = text.lines().last().unwrap_or("").trim_start_matches("error: ").to_string();
            RepoError::BadPattern { reason: format!("{reason}: `{keyword}`") }
        };
        Ok(Matcher::Pattern(Regex::new(keyword).map_err(reason)?))
    }

    /// The field of the first match. `line` is memory to work in.
    fn score(&self, line: &mut String, chart: &str, name: &str, entry: &Entry) -> Option<usize> {
        if matches!(self, Matcher::Everything) {
            return Some(0);
        }
        line.clear();
        let metadata = &entry.metadata;
        for field in [chart, name, &metadata.description] {
            line.push_str(field);
            line.push(SEPARATOR);
        }
        for (at, keyword) in metadata.keywords.iter().enumerate() {
            if at > 0 {
                line.push(' ');
            }
            line.push_str(keyword);
        }
        let start = match self {
            Matcher::Everything => Some(0),
            Matcher::Literal(word) => {
                *line = line.to_lowercase();
                line.find(word.as_str())
            }
            Matcher::Pattern(pattern) => pattern.find(line).map(|found| found.start()),
        }?;
        let before = line.get(..start)?;
        Some(before.matches(SEPARATOR).count().min(3))
    }
}
