//! Finds charts by words: `search repo`.
//!
//! Each chart version is a line of four fields, joined by a vertical tab: name, `repo/name`, description, keywords (joined
//! by a space). A word is looked for in the whole line; the field of the first hit is the score, 0 is best. Results
//! stand by score, then name, then version from new to old. Helm's ranking.
//!
//! Invariant: the order depends on the content of the indexes alone.

use regex::Regex;

use super::RepoError;
use super::index_cache::{Line, Listed, Listing};
use crate::data::version::{Constraint, Version};

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
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hit {
    /// `repo/chart`.
    pub name: String,
    /// The version.
    pub version: String,
    /// The version of what it installs.
    pub app_version: String,
    /// What it says it is.
    pub description: String,
    /// The field of the first match: 0 name, 1 repository and name, 2 description, 3 keywords.
    pub score: usize,
}

/// Searches indexes, each with the name of its repository.
///
/// # Errors
/// The constraint or the regular expression cannot be read.
pub fn search(indexes: &[(String, Listing)], options: &SearchOptions) -> Result<Vec<Hit>, RepoError> {
    let constraint = match options.version.as_str() {
        "" if options.devel => DEVEL,
        "" => STABLE,
        version => version,
    };
    let constraint = Constraint::parse(constraint).map_err(RepoError::BadSearchConstraint)?;
    let matcher = Matcher::new(&options.keyword, options.regexp)?;
    let mut hits = Vec::new();
    for (repository, listing) in indexes {
        for chart in &listing.charts {
            let name = format!("{repository}/{}", chart.name);
            let found = if options.versions {
                every(chart, &name, &matcher, &constraint)
            } else {
                best(chart, &name, &matcher, &constraint).into_iter().collect()
            };
            hits.extend(found.into_iter().map(|(score, line)| Hit {
                name: name.clone(),
                version: line.version.to_string(),
                app_version: line.app_version.to_string(),
                description: line.description.to_string(),
                score,
            }));
        }
    }
    // The versions of a chart stand newest first already, and the sort keeps them so.
    hits.sort_by(|one, other| one.score.cmp(&other.score).then_with(|| one.name.cmp(&other.name)));
    Ok(hits)
}

/// Every version that matches, newest first.
fn every<'a>(
    chart: &'a Listed,
    name: &str,
    matcher: &Matcher,
    constraint: &Constraint,
) -> Vec<(usize, Line<'a>)> {
    let mut scores = Scores::default();
    let matching = |line: Line<'a>| Some((scores.of(matcher, chart, name, &line)?, line));
    chart.lines().filter_map(matching).filter(|(_, line)| allows(constraint, line.version)).collect()
}

/// The newest version among those that match best. Most versions say of themselves what the one before says, and then
/// cannot match better: they are passed over without a look at their number.
fn best<'a>(
    chart: &'a Listed,
    name: &str,
    matcher: &Matcher,
    constraint: &Constraint,
) -> Option<(usize, Line<'a>)> {
    let mut scores = Scores::default();
    let mut best: Option<(usize, Line<'a>)> = None;
    for line in chart.lines() {
        let Some(score) = scores.of(matcher, chart, name, &line) else { continue };
        if best.as_ref().is_none_or(|(least, _)| score < *least) && allows(constraint, line.version) {
            if score == 0 {
                return Some((score, line));
            }
            best = Some((score, line));
        }
    }
    best
}

fn allows(constraint: &Constraint, version: &str) -> bool {
    Version::parse(version).is_ok_and(|version| constraint.check(&version))
}

/// The score of the words that were looked at last.
#[derive(Default)]
struct Scores {
    last: Option<((u32, u32), Option<usize>)>,
    /// Memory to work in.
    line: String,
}

impl Scores {
    fn of(&mut self, matcher: &Matcher, chart: &Listed, name: &str, line: &Line<'_>) -> Option<usize> {
        if let Some((words, score)) = self.last
            && words == line.words
        {
            return score;
        }
        let score = matcher.score(&mut self.line, &chart.name, name, line);
        self.last = Some((line.words, score));
        score
    }
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
    fn score(&self, line: &mut String, chart: &str, name: &str, version: &Line<'_>) -> Option<usize> {
        if matches!(self, Matcher::Everything) {
            return Some(0);
        }
        line.clear();
        for field in [chart, name, version.description] {
            line.push_str(field);
            line.push(SEPARATOR);
        }
        line.push_str(version.keywords);
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
