//! Versions and constraints on them.
//!
//! The rules are those of [`crate::data::version`], the same that Go templates see.
//!
//! Invariant: a version that cannot be read is an error, never a silent no.

use super::{Call, text};
use crate::data::version::{Constraint, Version};

type Answer = Result<tera::Value, String>;

fn parse(found: &str) -> Result<Version, String> {
    Version::parse(found.trim()).map_err(|_| format!("`{found}` is no version"))
}

/// `semver`.
pub(super) fn semver(call: &Call) -> Answer {
    let found = call.text()?;
    let version = parse(&found)?;
    let entries: tera::Map = [
        ("major", version.major().into()),
        ("minor", version.minor().into()),
        ("patch", version.patch().into()),
        ("prerelease", text(version.prerelease())),
        ("metadata", text(version.metadata())),
        ("original", text(found)),
    ]
    .into_iter()
    .map(|(key, value): (&'static str, tera::Value)| (key.into(), value))
    .collect();
    Ok(entries.into())
}

/// `semver_compare(constraint)`.
pub(super) fn semver_compare(call: &Call) -> Answer {
    Ok(compare(&call.text()?, &call.must_text("constraint")?)?.into())
}

fn compare(version: &str, constraint: &str) -> Result<bool, String> {
    let version = parse(version)?;
    let constraint = Constraint::parse(constraint)
        .map_err(|error| format!("`{}` is no version constraint: {error}", constraint.trim()))?;
    Ok(constraint.check(&version))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn constraints() {
        for (version, constraint, wanted) in [
            ("1.2.3", ">=1.2.0", true),
            ("v1.29.3-gke.1", ">=1.19-0", true),
            ("v1.29.3-gke.1", ">=1.19", false),
            ("1.29.3+k3s1", ">= 1.19", true),
            ("1.2.3", "~1.2", true),
            ("1.3.0", "~1.2", false),
            ("1.9.0", "^1.2", true),
            ("2.0.0", "^1.2", false),
            ("0.3.0", "^0.2", false),
            ("0.2.9", "^0.2.1", true),
            ("1.5.0", "1.x", true),
            ("1.5.0", "1.2 - 2.3", true),
            ("2.3.9", "1.2 - 2.3", true),
            ("2.4.0", "1.2 - 2.3", false),
            ("1.5.0", "<1.0 || >1.4", true),
            ("1.4.9", ">1.4", false),
            ("1.5.0", ">=1.0, !=1.5.0", false),
            ("1.5.0", "*", true),
            ("1.5.0", "1.5", true),
        ] {
            assert_eq!(compare(version, constraint), Ok(wanted), "{version} {constraint}");
        }
        for bad in ["", ">=", "abc", "1.2.3.4"] {
            assert!(compare("1.0.0", bad).is_err(), "{bad}");
        }
    }
}
