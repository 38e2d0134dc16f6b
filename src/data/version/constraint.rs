//! Version constraints: sets of versions.
//!
//! Invariant: a constraint that was parsed can be checked against any version; only parsing fails.

use std::fmt::{self, Write as _};
use std::str::FromStr;

use super::{LONGEST_CONSTRAINT, LONGEST_VERSION, MOST_GROUPS, Parts, Version, VersionError};

/// A set of versions: alternatives separated by `||`, each a list of conditions that must all hold.
///
/// ```text
/// constraint = group { "||" group }
/// group      = term { ("," | space) term }       "A - B" stands for ">=A, <=B"
/// term       = [operator] version                operators: = != > < >= => <= =< ~ ~> ^
/// version    = lenient version whose numbers may be x, X or *, or be left out
/// ```
///
/// A prerelease version matches a group only when some term of that group names a prerelease (`>=1.20-0`).
#[derive(Debug, Clone)]
pub struct Constraint {
    original: String,
    groups: Vec<Group>,
}

#[derive(Debug, Clone)]
struct Group {
    terms: Vec<Term>,
    /// Whether some term names a prerelease.
    prereleases: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Operator {
    Equal,
    NotEqual,
    Greater,
    Less,
    AtLeast,
    AtMost,
    Tilde,
    Caret,
}

/// All operators, longer ones before their prefixes.
const OPERATORS: [(&str, Operator); 11] = [
    ("!=", Operator::NotEqual),
    (">=", Operator::AtLeast),
    ("=>", Operator::AtLeast),
    ("<=", Operator::AtMost),
    ("=<", Operator::AtMost),
    ("~>", Operator::Tilde),
    ("=", Operator::Equal),
    (">", Operator::Greater),
    ("<", Operator::Less),
    ("~", Operator::Tilde),
    ("^", Operator::Caret),
];

/// Which number of a term's version is a wildcard; the numbers right of it are free too.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wildcard {
    None,
    /// `*`: the version counts as 0.0.0 and yet not as exact.
    Major,
    Minor,
    Patch,
}

#[derive(Debug, Clone)]
struct Term {
    operator: Operator,
    version: Version,
    wildcard: Wildcard,
    /// The version as written, for messages.
    written: String,
}

impl Constraint {
    /// Reads a constraint (Masterminds `NewConstraint`).
    ///
    /// # Errors
    /// A part is not of the form of a constraint, a version in it cannot be one, or the text is longer than 512 bytes or
    /// has more than 32 alternatives.
    ///
    /// ```
    /// use bowline::data::version::{Constraint, Version};
    /// let range = Constraint::parse(">=1.2, <2 || ~3.4")?;
    /// assert!(range.check(&Version::parse("1.9.1")?) && !range.check(&Version::parse("2.0.0")?));
    /// # Ok::<(), bowline::data::version::VersionError>(())
    /// ```
    pub fn parse(text: &str) -> Result<Self, VersionError> {
        if text.len() > LONGEST_CONSTRAINT {
            return Err(VersionError::ConstraintTooLong);
        }
        let rewritten = rewrite_ranges(text);
        let parts: Vec<&str> = rewritten.split("||").collect();
        if parts.len() > MOST_GROUPS {
            return Err(VersionError::TooManyGroups);
        }
        let groups = parts.into_iter().map(Group::parse).collect::<Result<_, _>>()?;
        Ok(Constraint { original: text.to_string(), groups })
    }

    /// The text as it was written.
    pub fn original(&self) -> &str {
        &self.original
    }

    /// Whether the version is in the set.
    pub fn check(&self, version: &Version) -> bool {
        self.groups.iter().any(|group| group.check(version))
    }

    /// As [`Constraint::check`], but tells all the reasons why the version is not in the set
    /// (`1.3.0 is greater than 1.2.3`).
    ///
    /// # Errors
    /// The reasons, in the order of the terms; that the version is a prerelease is told once.
    pub fn validate(&self, version: &Version) -> Result<(), Vec<String>> {
        let mut reasons: Vec<String> = Vec::new();
        for group in &self.groups {
            let failures: Vec<String> = group
                .terms
                .iter()
                .filter_map(|term| term.check(version, group.prereleases).err())
                .map(|reason| reason.text(version))
                .collect();
            if failures.is_empty() {
                return Ok(());
            }
            for failure in failures {
                if !reasons.contains(&failure) {
                    reasons.push(failure);
                }
            }
        }
        Err(reasons)
    }
}

impl fmt::Display for Constraint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.original)
    }
}

impl FromStr for Constraint {
    type Err = VersionError;

    fn from_str(text: &str) -> Result<Self, VersionError> {
        Self::parse(text)
    }
}

/// Go's `\s`.
fn is_space(b: u8) -> bool {
    matches!(b, b' ' | b'\t' | b'\n' | b'\r' | 0x0c)
}

fn skip_spaces(text: &str) -> &str {
    text.trim_start_matches(|c: char| c.is_ascii() && is_space(c as u8))
}

/// A version as constraints have it. The bar is among the characters of a number because Masterminds has it there; such
/// a version then fails to parse.
fn scan_version(text: &str) -> Option<(Parts<'_>, &str)> {
    let parts = Parts::scan(text, |b| b.is_ascii_digit() || b"xX*|".contains(&b))?;
    let rest = text.get(parts.length..)?;
    Some((parts, rest))
}

/// Replaces each `A - B` (with the spaces around it) by `>= A, <= B `, the text that messages then show.
fn rewrite_ranges(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 8);
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        if let Some((from, to, after)) = scan_range(rest) {
            // Writing to a `String` cannot fail.
            let _ = write!(out, ">= {from}, <= {to} ");
            rest = after;
        } else {
            out.push(c);
            rest = rest.get(c.len_utf8()..).unwrap_or("");
        }
    }
    out
}

/// A hyphen range at the start of the text: its two ends and what follows.
fn scan_range(text: &str) -> Option<(&str, &str, &str)> {
    let start = skip_spaces(text);
    let (_, after) = scan_version(start)?;
    let from = start.get(..start.len() - after.len())?;
    let hyphen = skip_spaces(after);
    let end = skip_spaces(hyphen.strip_prefix('-')?);
    // Both sides of the hyphen need a space; `1.2.3-4` is a prerelease.
    if hyphen.len() == after.len() || end.len() + 1 == hyphen.len() {
        return None;
    }
    let (_, rest) = scan_version(end)?;
    Some((from, end.get(..end.len() - rest.len())?, skip_spaces(rest)))
}

impl Group {
    fn parse(part: &str) -> Result<Self, VersionError> {
        let improper = || VersionError::ImproperConstraint { part: part.to_string() };
        let mut scanned = Vec::new();
        let mut rest = skip_spaces(part);
        loop {
            let (operator, after) = OPERATORS
                .iter()
                .find_map(|(sign, operator)| Some((*operator, rest.strip_prefix(sign)?)))
                .unwrap_or((Operator::Equal, rest));
            let after = skip_spaces(after);
            let (parts, next) = scan_version(after).ok_or_else(improper)?;
            scanned.push((operator, parts, after.get(..parts.length).unwrap_or("")));
            let separated = skip_spaces(next);
            if separated.is_empty() {
                break;
            }
            rest = match separated.strip_prefix(',') {
                Some(after_comma) => skip_spaces(after_comma),
                None if separated.len() < next.len() => separated,
                None => return Err(improper()),
            };
        }
        let terms: Vec<Term> = scanned
            .into_iter()
            .map(|(operator, parts, written)| Term::new(operator, parts, written))
            .collect::<Result<_, _>>()?;
        let prereleases = terms.iter().any(|term| term.version.is_prerelease());
        Ok(Group { terms, prereleases })
    }

    fn check(&self, version: &Version) -> bool {
        self.terms.iter().all(|term| term.check(version, self.prereleases).is_ok())
    }
}

/// Why a version does not meet a term.
enum Reason<'a> {
    Prerelease,
    Not(&'static str, &'a str),
}

impl Reason<'_> {
    fn text(&self, version: &Version) -> String {
        match self {
            Reason::Prerelease => format!(
                "{version} is a prerelease version and the constraint is only looking for release versions"
            ),
            Reason::Not(relation, written) => format!("{version} {relation} {written}"),
        }
    }
}

impl Term {
    fn new(operator: Operator, parts: Parts<'_>, written: &str) -> Result<Self, VersionError> {
        let is_wildcard = |number: Option<&str>| matches!(number, None | Some("x" | "X" | "*"));
        let (wildcard, parts) = if is_wildcard(Some(parts.major)) {
            (Wildcard::Major, Parts { major: "0", minor: None, patch: None, ..parts })
        } else if is_wildcard(parts.minor) {
            (Wildcard::Minor, Parts { minor: None, patch: None, ..parts })
        } else if is_wildcard(parts.patch) {
            (Wildcard::Patch, Parts { patch: None, ..parts })
        } else {
            (Wildcard::None, parts)
        };
        if parts.length > LONGEST_VERSION {
            return Err(VersionError::ConstraintVersion);
        }
        let version = Version::from_parts(written, parts).map_err(|_| VersionError::ConstraintVersion)?;
        Ok(Term { operator, version, wildcard, written: written.to_string() })
    }

    /// Whether the version meets this term; `prereleases` says whether the group lets prereleases in.
    ///
    /// Source of the rules: `semverCompare` of Helm 4.3 over all operators, wildcards and prereleases.
    fn check(&self, version: &Version, prereleases: bool) -> Result<(), Reason<'_>> {
        if version.is_prerelease() && !prereleases {
            return Err(Reason::Prerelease);
        }
        match self.operator {
            Operator::Equal if self.wildcard == Wildcard::None => {
                self.hold(*version == self.version, "is not equal to")
            }
            Operator::Equal | Operator::Tilde => self.check_tilde(version),
            Operator::NotEqual => self.hold(self.differs(version), "is equal to"),
            Operator::Greater => self.hold(self.is_below(version), "is less than or equal to"),
            Operator::Less => self.hold(*version < self.version, "is greater than or equal to"),
            Operator::AtLeast => self.hold(*version >= self.version, "is less than"),
            Operator::AtMost => self.hold(self.is_at_least(version), "is greater than"),
            Operator::Caret => self.check_caret(version),
        }
    }

    fn hold(&self, holds: bool, otherwise: &'static str) -> Result<(), Reason<'_>> {
        if holds { Ok(()) } else { Err(Reason::Not(otherwise, &self.written)) }
    }

    /// `!=`: a wildcard stands for all its versions.
    fn differs(&self, version: &Version) -> bool {
        let limit = &self.version;
        match self.wildcard {
            Wildcard::None | Wildcard::Major => version != limit,
            Wildcard::Minor => version.major() != limit.major(),
            Wildcard::Patch => {
                (version.major(), version.minor()) != (limit.major(), limit.minor())
                    || version.prerelease() != limit.prerelease()
            }
        }
    }

    /// `>`: a version must be above all that a wildcard stands for.
    fn is_below(&self, version: &Version) -> bool {
        let limit = &self.version;
        match self.wildcard {
            Wildcard::None => version > limit,
            Wildcard::Major => version.major() > limit.major() || version > limit,
            Wildcard::Minor => version.major() > limit.major(),
            Wildcard::Patch => (version.major(), version.minor()) > (limit.major(), limit.minor()),
        }
    }

    /// `<=`: with a wildcard, only the numbers left of it count.
    fn is_at_least(&self, version: &Version) -> bool {
        let limit = &self.version;
        match self.wildcard {
            Wildcard::None => version <= limit,
            Wildcard::Minor => version.major() <= limit.major(),
            Wildcard::Major | Wildcard::Patch => {
                (version.major(), version.minor()) <= (limit.major(), limit.minor())
            }
        }
    }

    /// `~1.2.3` is `>=1.2.3, <1.3`; `~1` is `1.x`. `~0.0.0` and `~*` let everything in that is not below.
    fn check_tilde(&self, version: &Version) -> Result<(), Reason<'_>> {
        let limit = &self.version;
        self.hold(version >= limit, "is less than")?;
        let numbers = (limit.major(), limit.minor(), limit.patch());
        if numbers == (0, 0, 0) && matches!(self.wildcard, Wildcard::None | Wildcard::Major) {
            return Ok(());
        }
        self.hold(version.major() == limit.major(), "does not have same major version as")?;
        let minor = version.minor() == limit.minor() || self.wildcard == Wildcard::Minor;
        self.hold(minor, "does not have same major and minor version as")
    }

    /// `^1.2.3` is `>=1.2.3, <2`; below 1.0 the first number that is not zero must stay.
    fn check_caret(&self, version: &Version) -> Result<(), Reason<'_>> {
        let limit = &self.version;
        self.hold(version >= limit, "is less than")?;
        self.hold(version.major() == limit.major(), "does not have same major version as")?;
        if limit.major() > 0 || self.wildcard == Wildcard::Minor {
            return Ok(());
        }
        self.hold(version.minor() == limit.minor(), "does not have same minor version as")?;
        if limit.minor() > 0 || self.wildcard == Wildcard::Patch {
            return Ok(());
        }
        self.hold(version.patch() == limit.patch(), "does not equal")
    }
}
