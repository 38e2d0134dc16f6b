//! API versions that Kubernetes gave up or will give up.
//!
//! `deprecated.tsv` holds, sorted: API version, kind, since which minor version it is deprecated, from which it is gone
//! (or nothing), and what to use instead (or nothing). Its content is what `helm lint` of Helm 4.3.1 says of every
//! built-in kind.
//!
//! Invariant: kinds that are not built in are never reported.

use crate::render::KubeVersion;

const TABLE: &str = include_str!("deprecated.tsv");

/// The warning about an API version and kind on a cluster; `None` when there is nothing to say.
pub(super) fn warning(api_version: &str, kind: &str, cluster: &KubeVersion) -> Option<String> {
    let row = TABLE.lines().find_map(|line| {
        let rest =
            line.strip_prefix(api_version)?.strip_prefix('\t')?.strip_prefix(kind)?.strip_prefix('\t')?;
        Some(rest.split('\t'))
    });
    let mut row = row?;
    let (since, gone, instead) = (row.next()?, row.next()?, row.next()?);
    let number = |text: &str| text.trim_end_matches('+').parse::<u64>().ok();
    let (major, minor) = since.split_once('.')?;
    if (number(&cluster.major)?, number(&cluster.minor)?) < (number(major)?, number(minor)?) {
        return None;
    }
    let gone = if gone.is_empty() { String::new() } else { format!(", unavailable in v{gone}+") };
    let instead = if instead.is_empty() { String::new() } else { format!("; use {instead}") };
    Some(format!("{api_version} {kind} is deprecated in v{since}+{gone}{instead}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn on(minor: &str, api_version: &str, kind: &str) -> Option<String> {
        let cluster =
            KubeVersion { version: format!("v1.{minor}.0"), major: "1".into(), minor: minor.into() };
        warning(api_version, kind, &cluster)
    }

    #[test]
    fn the_table_is_sorted_and_complete() {
        let rows: Vec<Vec<&str>> = TABLE.lines().map(|line| line.split('\t').collect()).collect();
        assert!(rows.iter().all(|row| row.len() == 5 && row[2].contains('.')));
        assert!(rows.is_sorted_by(|one, other| one[..2] < other[..2]));
    }

    #[test]
    fn the_cluster_decides() {
        let text = "extensions/v1beta1 Ingress is deprecated in v1.14+, unavailable in v1.22+; use networking.k8s.io/v1 Ingress";
        assert_eq!(on("14", "extensions/v1beta1", "Ingress").as_deref(), Some(text));
        assert_eq!(on("13", "extensions/v1beta1", "Ingress"), None);
        assert_eq!(on("99", "example.com/v1beta1", "Ingress"), None);
        assert_eq!(
            on("99", "v1", "ComponentStatus").as_deref(),
            Some("v1 ComponentStatus is deprecated in v1.19+")
        );
    }
}
