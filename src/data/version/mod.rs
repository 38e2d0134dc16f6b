//! Versions and version constraints, read as leniently as Helm reads them.
//!
//! Charts in the wild say `v1`, `1.2` and `2024.01.10`, and constraints `>=1.19-0`, `~1.2.x`, `1.2 - 2 || ^3`. The rules
//! here are those of Masterminds/semver 3.5 as Helm 4.3 shows them (`semver`, `semverCompare`, dependency ranges,
//! kubeVersion), odd corners included; ordering is the semver crate's.
//!
//! Invariant: a parsed text is kept as written ([`Version::original`]); equality and order are those of precedence, so
//! build metadata and spelling never count.

mod constraint;

use std::cmp::Ordering;
use std::fmt::{self, Write as _};
use std::str::FromStr;

pub use constraint::Constraint;

/// Longest version text that is read, in bytes (Masterminds 3.5).
const LONGEST_VERSION: usize = 256;
/// Longest constraint text that is read, in bytes (Masterminds 3.5).
const LONGEST_CONSTRAINT: usize = 512;
/// Most `||` alternatives of a constraint (Masterminds 3.5).
const MOST_GROUPS: usize = 32;

/// Why a version or a constraint cannot be read. The texts are those that Helm prints.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum VersionError {
    /// The text has not the form of a version.
    #[error("invalid semantic version")]
    Invalid,
    /// A strict version has another character than digits, letters, dots, hyphens and a plus.
    #[error("invalid characters in version")]
    Characters,
    /// A strict version is empty.
    #[error("version string empty")]
    Empty,
    /// The text is longer than anybody needs.
    #[error("version string is too long (max {LONGEST_VERSION} bytes)")]
    TooLong,
    /// A numeric identifier has a leading zero where none may be.
    #[error("version segment starts with 0")]
    LeadingZero,
    /// A number does not fit in 64 bits.
    #[error("error parsing version segment: strconv.ParseUint: parsing {segment:?}: value out of range")]
    OutOfRange {
        /// The digits.
        segment: String,
    },
    /// A prerelease has other characters than letters, digits, hyphens and dots.
    #[error("invalid prerelease string")]
    Prerelease,
    /// Build metadata has other characters than letters, digits, hyphens and dots.
    #[error("invalid metadata string")]
    Metadata,
    /// A part of a version cannot be increased.
    #[error("{part} version increment would overflow uint64")]
    Overflow {
        /// `major`, `minor` or `patch`.
        part: &'static str,
    },
    /// A part of a constraint (between `||`) has not the form of a constraint.
    #[error("improper constraint: {}", quoted(.part))]
    ImproperConstraint {
        /// The part, after hyphen ranges were rewritten.
        part: String,
    },
    /// A constraint has the right form but a version in it cannot be one.
    #[error("constraint parser error")]
    ConstraintVersion,
    /// The constraint is longer than anybody needs.
    #[error("constraint string is too long (max {LONGEST_CONSTRAINT} bytes)")]
    ConstraintTooLong,
    /// The constraint has more alternatives than anybody needs.
    #[error("too many constraint groups (max {MOST_GROUPS})")]
    TooManyGroups,
}

/// Quotes as Go's `%q` does, for the characters that turn up in constraints.
fn quoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            '\r' => out.push_str("\\r"),
            c if c.is_ascii_control() => {
                // Writing to a `String` cannot fail.
                let _ = write!(out, "\\x{:02x}", c as u32);
            }
            c if c.is_control() || (c.is_whitespace() && c != ' ') => {
                let _ = write!(out, "\\u{:04x}", c as u32);
            }
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

/// A version: `major.minor.patch[-prerelease][+metadata]`.
#[derive(Debug, Clone)]
pub struct Version {
    original: String,
    exact: semver::Version,
}

impl Version {
    /// Reads a version leniently: a `v` in front, missing minor and patch, and leading zeros in the three numbers are
    /// accepted (Masterminds `NewVersion`).
    ///
    /// # Errors
    /// The text is no version even so, a number needs more than 64 bits, or a numeric part of the prerelease starts with
    /// a zero.
    ///
    /// ```
    /// use bowline::data::version::Version;
    /// let version = Version::parse("v1.2-rc.1")?;
    /// assert_eq!((version.to_string().as_str(), version.original()), ("1.2.0-rc.1", "v1.2-rc.1"));
    /// # Ok::<(), bowline::data::version::VersionError>(())
    /// ```
    pub fn parse(text: &str) -> Result<Self, VersionError> {
        if text.len() > LONGEST_VERSION {
            return Err(VersionError::TooLong);
        }
        let parts = Parts::scan(text, |b| b.is_ascii_digit()).ok_or(VersionError::Invalid)?;
        if parts.length != text.len() {
            return Err(VersionError::Invalid);
        }
        Self::from_parts(text, parts)
    }

    /// Reads a version strictly, as semver.org has it: three numbers without leading zeros, no `v`
    /// (Masterminds `StrictNewVersion`; Helm asks it of OCI tags and of `lint`).
    ///
    /// # Errors
    /// Any deviation.
    pub fn parse_strict(text: &str) -> Result<Self, VersionError> {
        if text.is_empty() {
            return Err(VersionError::Empty);
        }
        if !text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-.+".contains(&b)) {
            return Err(VersionError::Characters);
        }
        let version = Self::parse(text)?;
        let core = text.split(['-', '+']).next().unwrap_or("");
        let numbers: Vec<&str> = core.split('.').collect();
        if numbers.len() != 3 || text.starts_with('v') {
            return Err(VersionError::Invalid);
        }
        if numbers.iter().any(|number| number.len() > 1 && number.starts_with('0')) {
            return Err(VersionError::LeadingZero);
        }
        Ok(version)
    }

    fn from_parts(original: &str, parts: Parts<'_>) -> Result<Self, VersionError> {
        let number = |segment: Option<&str>| match segment {
            None => Ok(0),
            Some(digits) => {
                digits.parse::<u64>().map_err(|_| VersionError::OutOfRange { segment: digits.to_string() })
            }
        };
        let mut exact =
            semver::Version::new(number(Some(parts.major))?, number(parts.minor)?, number(parts.patch)?);
        exact.pre = prerelease(parts.prerelease.unwrap_or(""))?;
        exact.build = metadata(parts.metadata.unwrap_or(""))?;
        Ok(Version { original: original.to_string(), exact })
    }

    /// First number.
    pub fn major(&self) -> u64 {
        self.exact.major
    }

    /// Second number, 0 when it was not written.
    pub fn minor(&self) -> u64 {
        self.exact.minor
    }

    /// Third number, 0 when it was not written.
    pub fn patch(&self) -> u64 {
        self.exact.patch
    }

    /// What follows the hyphen, empty for a release.
    pub fn prerelease(&self) -> &str {
        &self.exact.pre
    }

    /// What follows the plus, or empty.
    pub fn metadata(&self) -> &str {
        &self.exact.build
    }

    /// The text as it was written.
    pub fn original(&self) -> &str {
        &self.original
    }

    /// Whether this is a prerelease.
    pub fn is_prerelease(&self) -> bool {
        !self.exact.pre.is_empty()
    }

    /// The next major version: minor and patch 0, no prerelease, no metadata.
    ///
    /// # Errors
    /// There is no greater number.
    pub fn inc_major(&self) -> Result<Self, VersionError> {
        let next = next_number(self.major(), "major")?;
        Ok(self.changed(semver::Version::new(next, 0, 0)))
    }

    /// The next minor version: patch 0, no prerelease, no metadata.
    ///
    /// # Errors
    /// There is no greater number.
    pub fn inc_minor(&self) -> Result<Self, VersionError> {
        let next = next_number(self.minor(), "minor")?;
        Ok(self.changed(semver::Version::new(self.major(), next, 0)))
    }

    /// The next patch version; for a prerelease that is its release. No metadata.
    ///
    /// # Errors
    /// There is no greater number.
    pub fn inc_patch(&self) -> Result<Self, VersionError> {
        let patch = self.patch();
        let next = if self.is_prerelease() { patch } else { next_number(patch, "patch")? };
        Ok(self.changed(semver::Version::new(self.major(), self.minor(), next)))
    }

    /// The same version with another prerelease; empty removes it.
    ///
    /// # Errors
    /// The text cannot be a prerelease.
    pub fn with_prerelease(&self, text: &str) -> Result<Self, VersionError> {
        let mut exact = self.exact.clone();
        exact.pre = prerelease(text)?;
        Ok(self.changed(exact))
    }

    /// The same version with other build metadata; empty removes it.
    ///
    /// # Errors
    /// The text cannot be metadata.
    pub fn with_metadata(&self, text: &str) -> Result<Self, VersionError> {
        let mut exact = self.exact.clone();
        exact.build = metadata(text)?;
        Ok(self.changed(exact))
    }

    /// A derived version keeps the `v` of the original, as Masterminds does.
    fn changed(&self, exact: semver::Version) -> Self {
        let v = if self.original.starts_with('v') { "v" } else { "" };
        Version { original: format!("{v}{exact}"), exact }
    }
}

fn next_number(number: u64, part: &'static str) -> Result<u64, VersionError> {
    number.checked_add(1).ok_or(VersionError::Overflow { part })
}

fn prerelease(text: &str) -> Result<semver::Prerelease, VersionError> {
    if text.is_empty() {
        return Ok(semver::Prerelease::EMPTY);
    }
    if identifiers_length(text.as_bytes()) != text.len() {
        return Err(VersionError::Prerelease);
    }
    // The characters are right, so a leading zero in a numeric part is all that can be wrong.
    semver::Prerelease::new(text).map_err(|_| VersionError::LeadingZero)
}

fn metadata(text: &str) -> Result<semver::BuildMetadata, VersionError> {
    if text.is_empty() {
        return Ok(semver::BuildMetadata::EMPTY);
    }
    semver::BuildMetadata::new(text).map_err(|_| VersionError::Metadata)
}

impl fmt::Display for Version {
    /// The canonical form: three numbers, no `v`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.exact.fmt(f)
    }
}

impl FromStr for Version {
    type Err = VersionError;

    fn from_str(text: &str) -> Result<Self, VersionError> {
        Self::parse(text)
    }
}

impl PartialEq for Version {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Version {}

impl PartialOrd for Version {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Version {
    /// Precedence as semver.org defines it; metadata does not count.
    fn cmp(&self, other: &Self) -> Ordering {
        self.exact.cmp_precedence(&other.exact)
    }
}

/// The pieces of a version text, and how many bytes they take.
#[derive(Debug, Clone, Copy)]
struct Parts<'a> {
    major: &'a str,
    minor: Option<&'a str>,
    patch: Option<&'a str>,
    prerelease: Option<&'a str>,
    metadata: Option<&'a str>,
    length: usize,
}

impl<'a> Parts<'a> {
    /// Takes the longest version at the start of `text`; `numeric` says which bytes make up the three numbers (in
    /// constraints, wildcards are among them).
    fn scan(text: &'a str, numeric: impl Fn(u8) -> bool) -> Option<Self> {
        let bytes = text.as_bytes();
        let run = |from: usize| bytes.iter().skip(from).take_while(|b| numeric(**b)).count();
        let start = usize::from(bytes.first() == Some(&b'v'));
        let mut at = start + run(start);
        if at == start {
            return None;
        }
        // All cuts are next to ASCII bytes, so `get` never misses a character boundary.
        let major = text.get(start..at)?;
        let mut segment = || {
            let length = (bytes.get(at) == Some(&b'.')).then(|| run(at + 1)).filter(|length| *length > 0)?;
            let found = text.get(at + 1..at + 1 + length);
            at += 1 + length;
            found
        };
        let minor = segment();
        let patch = if minor.is_some() { segment() } else { None };
        let mut tail = |mark: u8| {
            let length = (bytes.get(at) == Some(&mark))
                .then(|| identifiers_length(bytes.get(at + 1..).unwrap_or_default()))
                .filter(|length| *length > 0)?;
            let found = text.get(at + 1..at + 1 + length);
            at += 1 + length;
            found
        };
        let prerelease = tail(b'-');
        let metadata = tail(b'+');
        Some(Parts { major, minor, patch, prerelease, metadata, length: at })
    }
}

/// Length of the longest run of dot-separated, non-empty identifiers at the start.
fn identifiers_length(bytes: &[u8]) -> usize {
    let mut length = 0;
    loop {
        let rest = bytes.get(length..).unwrap_or_default();
        let dot = usize::from(length > 0);
        if dot == 1 && rest.first() != Some(&b'.') {
            return length;
        }
        let word = rest.iter().skip(dot).take_while(|b| b.is_ascii_alphanumeric() || **b == b'-').count();
        if word == 0 {
            return length;
        }
        length += dot + word;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// What the columns of the table below stand for.
    const VERSIONS: [&str; 17] = [
        "1.2.3",
        "1.2.0",
        "1.2.4",
        "1.3.0",
        "2.0.0",
        "0.2.3",
        "0.0.3",
        "0.0.0",
        "0.0.0-a",
        "0.0.3-beta",
        "0.0.4-a",
        "1.2.3-beta.2",
        "1.2.3-alpha",
        "1.3.0-rc.1",
        "2.0.0-a",
        "1.2.3+build",
        "10.0.0",
    ];

    /// Answers of Helm 4.3.1's `semverCompare`.
    const ANSWERS: [(&str, &str); 66] = [
        ("1.2.3 1.2.3", "10000000000000010"),
        ("^v1", "11110000000000010"),
        ("~ 1", "11110000000000010"),
        ("1.2.3||1.2.4", "10100000000000010"),
        ("1.x.3", "11110000000000010"),
        ("x.1", "11111111000000011"),
        ("1.2.3-beta.x", "00000000000000000"),
        ("1.*-0", "11110000000111010"),
        ("1.2.3 - *", "00000000000000000"),
        ("* - 2", "11111111000000010"),
        (">*", "11111110000000011"),
        ("<*", "00000000000000000"),
        ("!=*", "11111110000000011"),
        ("!=1.x", "00001111000000001"),
        ("=*", "11111111000000011"),
        ("^x", "00000001000000000"),
        ("~x", "11111111000000011"),
        ("1-0", "11110000000111010"),
        ("\t1", "11110000000000010"),
        (">=1.2.3\n<2", "10110000000000010"),
        ("!= 1.2.3 != 1.2.4", "01011111000000001"),
        ("^1.2.3-beta.1", "10110000000101010"),
        ("^0.0.3-beta", "00000010010000000"),
        ("^0.0-0", "00000011111000000"),
        ("^0.0.3", "00000010000000000"),
        ("~0-0", "00000111111000000"),
        ("<2-0", "11110111111111010"),
        ("!=1.2.3-alpha,>1", "00001000000000101"),
        (">1-0", "00001000000000101"),
        ("<=1.2-0", "11100111111110010"),
        ("<=1.2.3-0", "01000111111000000"),
        ("~1.2.3-beta.1", "10100000000100010"),
        ("=1.2-0", "11100000000110010"),
        ("1.2.3 - 2 || 0.2.3", "10111100000000010"),
        (">=1.2.3 || >=1.2.3-0", "10111000000111111"),
        ("v1.x", "11110000000000010"),
        ("~*-0", "11111111111111111"),
        ("<=*", "00000011000000000"),
        (">x-0", "11111111111111111"),
        ("<x-0", "00000000000000000"),
        ("~0.0.0", "11111111000000011"),
        ("^0.0.0-0", "00000001100000000"),
        (">1 , <2", "00000000000000000"),
        ("  >1  ", "00001000000000001"),
        ("~> 1", "11110000000000010"),
        ("~1.2.3+a", "10100000000000010"),
        ("001.2", "11100000000000010"),
        ("1 - 2 3 - 4", "00000000000000000"),
        ("v*", "11111111000000011"),
        ("^1.2.x-0", "11110000000111010"),
        ("^0.x", "00000111000000000"),
        ("^0.0.x", "00000011000000000"),
        ("^0.2", "00000100000000000"),
        ("!=1.2.3+build", "01111111000000001"),
        ("=> 1", "11111000000000011"),
        ("=<1", "11110111000000010"),
        ("!=x-0", "11111111111111111"),
        ("<=x-0", "00000011111000000"),
        ("^x-0", "00000001100000000"),
        ("x.xx", "11111111000000011"),
        ("1.x.xx", "11110000000000010"),
        ("x-0+b", "11111111111111111"),
        ("1.2.x+b", "11100000000000010"),
        ("1-0 - 2", "11111000000111110"),
        ("1.2.3+b - 2", "10111000000000010"),
        ("1.2.3-a - 2-b, >1", "00001000000000100"),
    ];

    #[test]
    fn constraints_answer_as_helm_does() {
        for (constraint, answers) in ANSWERS {
            let parsed = Constraint::parse(constraint).unwrap();
            let found: String = VERSIONS
                .iter()
                .map(|version| if parsed.check(&Version::parse(version).unwrap()) { '1' } else { '0' })
                .collect();
            assert_eq!(found, answers, "{constraint}");
        }
    }

    #[test]
    fn bad_constraints_are_refused_in_helms_words() {
        let long = format!("1.2.3-{}", "a".repeat(251));
        let cases = [
            ("", r#"improper constraint: """#),
            (">=1.2.3,,<2", r#"improper constraint: ">=1.2.3,,<2""#),
            (", 1.2", r#"improper constraint: ", 1.2""#),
            ("1.2.3 ,", r#"improper constraint: "1.2.3 ,""#),
            ("> = 1", r#"improper constraint: "> = 1""#),
            (">=1.2 - 2", r#"improper constraint: ">=>= 1.2, <= 2 ""#),
            ("1.2 -2", r#"improper constraint: "1.2 -2""#),
            ("1.2- 2", r#"improper constraint: "1.2- 2""#),
            (">=1 - 2, <3", r#"improper constraint: ">=>= 1, <= 2 , <3""#),
            ("=v1 - v2", r#"improper constraint: "=>= v1, <= v2 ""#),
            ("<3 1 - 2 <4", r#"improper constraint: "<3>= 1, <= 2 <4""#),
            ("1 - 2 - 3", r#"improper constraint: ">= 1, <= 2 - 3""#),
            ("<9 1  -  2 || b", r#"improper constraint: "<9>= 1, <= 2 ""#),
            ("1 || a ", r#"improper constraint: " a ""#),
            (" a||1", r#"improper constraint: " a""#),
            ("1||", r#"improper constraint: """#),
            (">=1.2.3<2", r#"improper constraint: ">=1.2.3<2""#),
            ("1.2.3-é", r#"improper constraint: "1.2.3-é""#),
            ("1\u{a0}", r#"improper constraint: "1\u00a0""#),
            ("1.2.x.x", r#"improper constraint: "1.2.x.x""#),
            ("! =1", r#"improper constraint: "! =1""#),
            (">1|<2", r#"improper constraint: ">1|<2""#),
            ("1|2", "constraint parser error"),
            ("1,|2", "constraint parser error"),
            ("1.2.3-01", "constraint parser error"),
            ("1.x-01", "constraint parser error"),
            ("xx", "constraint parser error"),
            ("1.2.xx", "constraint parser error"),
            (">=99999999999999999999", "constraint parser error"),
            (&long, "constraint parser error"),
            (&["1.2.3"; 33].join("||"), "too many constraint groups (max 32)"),
            (&"1 ".repeat(257), "constraint string is too long (max 512 bytes)"),
        ];
        for (text, expected) in cases {
            assert_eq!(Constraint::parse(text).unwrap_err().to_string(), expected, "{text}");
        }
    }

    #[test]
    fn versions_are_read_leniently_and_refused_in_helms_words() {
        for (text, canonical) in [
            ("v1", "1.0.0"),
            ("2024.01.10", "2024.1.10"),
            ("1-a+b", "1.0.0-a+b"),
            ("1.2.3--", "1.2.3--"),
            ("1.2.3+01", "1.2.3+01"),
            ("18446744073709551615", "18446744073709551615.0.0"),
        ] {
            let version = Version::parse(text).unwrap();
            assert_eq!((version.to_string().as_str(), version.original()), (canonical, text));
        }
        let range = "error parsing version segment: strconv.ParseUint: parsing \"99999999999999999999\": value out of range";
        let long = "version string is too long (max 256 bytes)";
        for (text, expected) in [
            ("", "invalid semantic version"),
            ("V1", "invalid semantic version"),
            ("1.2.3\n", "invalid semantic version"),
            ("1.2.3.4", "invalid semantic version"),
            ("1.2.x", "invalid semantic version"),
            ("1.2.3-", "invalid semantic version"),
            ("1.2.3-a..b", "invalid semantic version"),
            ("1.2.3+a_b", "invalid semantic version"),
            ("1.2.3-a.01.b", "version segment starts with 0"),
            ("1.99999999999999999999", range),
            (&format!("1.2.3-{}", "a".repeat(251)), long),
        ] {
            assert_eq!(Version::parse(text).unwrap_err().to_string(), expected, "{text}");
        }
        assert!(Version::parse_strict("1.2.3-a+b").is_ok());
        for text in ["", "v1.2.3", "1.2", "01.2.3", "1.2.3 ", "1.2.3.4"] {
            assert!(Version::parse_strict(text).is_err(), "{text}");
        }
    }

    #[test]
    fn reasons_name_both_versions() {
        let reasons = |constraint: &str, version: &str| {
            Constraint::parse(constraint).unwrap().validate(&Version::parse(version).unwrap()).unwrap_err()
        };
        assert_eq!(reasons("<=1.2, >=1.3", "1.3.5"), ["1.3.5 is greater than 1.2"]);
        assert_eq!(
            reasons("<1.2 || >2", "1.3.5"),
            ["1.3.5 is greater than or equal to 1.2", "1.3.5 is less than or equal to 2"]
        );
        assert_eq!(reasons("^1.12.7", "1.6.6"), ["1.6.6 is less than 1.12.7"]);
        assert_eq!(reasons("~1", "2"), ["2.0.0 does not have same major version as 1"]);
        assert_eq!(
            reasons("=1.2.3, !=1.2.4", "1.2.4"),
            ["1.2.4 is not equal to 1.2.3", "1.2.4 is equal to 1.2.4"]
        );
        assert_eq!(
            reasons(">=1 <3", "2-a"),
            ["2.0.0-a is a prerelease version and the constraint is only looking for release versions"]
        );
    }

    #[test]
    fn derived_versions_start_clean() {
        let version = Version::parse("v1.2.3-beta+x").unwrap();
        assert_eq!(version.inc_patch().unwrap().to_string(), "1.2.3");
        assert_eq!(version.inc_minor().unwrap().original(), "v1.3.0");
        assert_eq!(version.inc_major().unwrap().to_string(), "2.0.0");
        assert_eq!(version.with_prerelease("").unwrap().to_string(), "1.2.3+x");
        assert_eq!(version.with_metadata("m m").unwrap_err().to_string(), "invalid metadata string");
        assert_eq!(version.with_prerelease("be_ta").unwrap_err().to_string(), "invalid prerelease string");
    }

    fn any_version() -> impl Strategy<Value = Version> {
        "(0|1|2|10)\\.(0|1|10)\\.(0|3)(-(0|1|10|a|b-c|a\\.1|a\\.b))?(\\+x)?"
            .prop_map(|text| Version::parse(&text).unwrap())
    }

    proptest! {
        #[test]
        fn order_is_total(a in any_version(), b in any_version(), c in any_version()) {
            prop_assert_eq!(a.cmp(&b), b.cmp(&a).reverse());
            if a <= b && b <= c {
                prop_assert!(a <= c);
            }
            prop_assert_eq!(a == b, a.cmp(&b) == Ordering::Equal);
        }

        #[test]
        fn canonical_form_reads_back(version in any_version()) {
            prop_assert_eq!(Version::parse(&version.to_string()).unwrap(), version.clone());
            prop_assert!(Version::parse_strict(&version.to_string()).is_ok());
            let itself = Constraint::parse(&format!("={version}")).unwrap();
            prop_assert!(itself.check(&version));
        }

        #[test]
        fn operators_agree_with_the_order(a in any_version(), b in any_version()) {
            // The prerelease in the second term lets all prereleases in.
            let check = |operator: &str| {
                Constraint::parse(&format!("{operator}{b}, >=0.0.0-0")).unwrap().check(&a)
            };
            prop_assert_eq!(check(">"), a > b);
            prop_assert_eq!(check("<="), a <= b);
            prop_assert_eq!(check("!="), a != b);
            prop_assert_eq!(check(">="), !check("<"));
        }

        #[test]
        fn check_and_validate_agree(text in "[0-9x*.<>=~^!, |v-]{0,12}", version in any_version()) {
            if let Ok(constraint) = Constraint::parse(&text) {
                prop_assert_eq!(constraint.check(&version), constraint.validate(&version).is_ok());
            }
        }

        #[test]
        fn no_text_panics(text in "\\PC{0,40}") {
            let _ = (Version::parse(&text), Constraint::parse(&text), Version::parse_strict(&text));
        }
    }
}
