//! What releases and charts may be called.
//!
//! Source of the rules and texts: Helm 4.3.1.

use super::error::ManifestError;

/// The form of a release's name, as messages show it.
pub(super) const RELEASE_PATTERN: &str = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$";
/// Longest name of a release; it ends up in labels and in names of objects.
pub(super) const LONGEST_RELEASE: usize = 53;
/// The form of a chart's name, as messages show it.
pub(super) const CHART_PATTERN: &str = "^[a-zA-Z0-9._-]+$";
/// Longest name of a chart.
pub(super) const LONGEST_CHART: usize = 250;

/// Checks the name of a release.
///
/// # Errors
/// It is empty, longer than 53 characters, or not DNS labels joined by dots.
pub fn check_release(name: &str) -> Result<(), ManifestError> {
    if name.is_empty() {
        return Err(ManifestError::NoReleaseName);
    }
    if name.len() > LONGEST_RELEASE || !name.split('.').all(is_label) {
        return Err(ManifestError::ReleaseName { name: name.to_string() });
    }
    Ok(())
}

/// Lower-case letters, digits and hyphens, no hyphen at either end.
fn is_label(label: &str) -> bool {
    !label.is_empty()
        && !label.starts_with('-')
        && !label.ends_with('-')
        && label.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
}

/// Checks the name of a chart that is to be created.
///
/// # Errors
/// It is empty, longer than 250 characters, or has other characters than letters, digits, dots, hyphens and underscores.
pub fn check_chart(name: &str) -> Result<(), ManifestError> {
    if name.is_empty() || name.len() > LONGEST_CHART {
        return Err(ManifestError::ChartNameLength);
    }
    if !name.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b)) {
        return Err(ManifestError::ChartName { name: name.to_string() });
    }
    Ok(())
}

/// The nearest valid name for a release, if something is left of it.
pub(super) fn suggestion(name: &str) -> Option<String> {
    let plain: String = name
        .to_lowercase()
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() || c == '.' { c } else { '-' })
        .take(LONGEST_RELEASE)
        .collect();
    let labels: Vec<&str> =
        plain.split('.').map(|label| label.trim_matches('-')).filter(|label| !label.is_empty()).collect();
    let better = labels.join(".");
    check_release(&better).is_ok().then_some(better)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_releases_are_checked_as_helm_does() {
        for good in ["a", "a-b", "a.b", "0", &"a".repeat(53)] {
            assert!(check_release(good).is_ok(), "{good}");
        }
        for bad in ["A", "a_b", "-a", "a-", "a..b", ".a", "a.", "a.-b", "é", &"a".repeat(54)] {
            let text = check_release(bad).unwrap_err().to_string();
            assert!(
                text.starts_with(&format!("release name {bad:?}: invalid release name, must match")),
                "{text}"
            );
            assert!(text.ends_with("and the length must not be longer than 53"), "{text}");
        }
        assert_eq!(check_release("").unwrap_err().to_string(), "release name \"\": no name provided");
        assert_eq!(suggestion("My_App-"), Some("my-app".to_string()));
        assert_eq!(suggestion("__"), None);
    }

    #[test]
    fn names_of_charts_are_checked_as_helm_does() {
        assert!(check_chart("My_chart-1.x").is_ok());
        assert_eq!(
            check_chart("a b").unwrap_err().to_string(),
            "chart name must match the regular expression \"^[a-zA-Z0-9._-]+$\""
        );
        assert_eq!(
            check_chart(&"a".repeat(251)).unwrap_err().to_string(),
            "chart name must be between 1 and 250 characters"
        );
    }
}
