//! The sentences that commands print about what they did, as Helm has them.

use std::fmt::Write as _;

use crate::cli::parse::quote;

/// After an upgrade, before the block.
pub fn upgraded(release: &str) -> String {
    format!("Release {} has been upgraded. Happy Helming!\n", quote(release))
}

/// Before the install that an upgrade turns into.
pub fn installing_instead(release: &str) -> String {
    format!("Release {} does not exist. Installing it now.\n", quote(release))
}

/// After a rollback.
pub const ROLLED_BACK: &str = "Rollback was a success! Happy Helming!\n";

/// When Ctrl-C stopped an install or upgrade.
pub fn cancelled(release: &str) -> String {
    format!("Release {release} has been cancelled.\n")
}

/// Objects that an uninstall left where they are, each as `[Kind] name`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LeftObjects {
    /// By the resource policy.
    pub kept: Vec<(String, String)>,
    /// Because the release does not own them.
    pub foreign: Vec<(String, String)>,
    /// Because that could not be found out, with the reason.
    pub unverified: Vec<(String, String, String)>,
}

/// After an uninstall.
pub fn uninstalled(release: &str, left: &LeftObjects) -> String {
    let mut text = String::new();
    if !left.kept.is_empty() {
        text.push_str("These resources were kept due to the resource policy:\n");
        for (kind, name) in &left.kept {
            let _ = writeln!(text, "[{kind}] {name}");
        }
    }
    if !left.foreign.is_empty() {
        let count = left.foreign.len();
        let _ = writeln!(
            text,
            "{count} resource(s) were not deleted because they are not owned by this release:"
        );
        for (kind, name) in &left.foreign {
            let _ = writeln!(text, "[{kind}] {name}");
        }
    }
    if !left.unverified.is_empty() {
        let count = left.unverified.len();
        let _ = writeln!(
            text,
            "{count} resource(s) were not deleted because their ownership could not be verified:"
        );
        for (kind, name, reason) in &left.unverified {
            let _ = writeln!(text, "[{kind}] {name}: {reason}");
        }
    }
    let _ = writeln!(text, "release {} uninstalled", quote(release));
    text
}

/// After a chart was made; `overwritten` are the files that were there.
pub fn created(name: &str, overwritten: &[String]) -> String {
    let mut text = format!("Creating {name}\n");
    for path in overwritten {
        let _ = writeln!(text, "WARNING: File {} already exists. Overwriting.", quote(path));
    }
    text
}

/// After a chart was packed.
pub fn packaged(path: &str) -> String {
    format!("Successfully packaged chart and saved it to: {path}\n")
}

/// After a repository was added.
pub fn repository_added(name: &str) -> String {
    format!("{} has been added to your repositories\n", quote(name))
}

/// When the same repository is there already.
pub fn repository_known(name: &str) -> String {
    format!("{} already exists with the same configuration, skipping\n", quote(name))
}

/// After a repository was removed.
pub fn repository_removed(name: &str) -> String {
    format!("{} has been removed from your repositories\n", quote(name))
}

/// Before repositories are updated.
pub const UPDATING_REPOSITORIES: &str =
    "Hang tight while we grab the latest from your chart repositories...\n";

/// When one repository was updated.
pub fn repository_updated(name: &str) -> String {
    format!("...Successfully got an update from the {} chart repository\n", quote(name))
}

/// When one repository could not be updated.
pub fn repository_not_updated(name: &str, url: &str, reason: &str) -> String {
    format!("...Unable to get an update from the {} chart repository ({url}):\n\t{reason}\n", quote(name))
}

/// After all were updated.
pub const REPOSITORIES_UPDATED: &str = "Update Complete. ⎈Happy Helming!⎈\n";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_left_is_told_before_the_last_line() {
        let left = LeftObjects {
            kept: vec![("Secret".into(), "s".into())],
            foreign: vec![("ConfigMap".into(), "c".into())],
            unverified: vec![("Pod".into(), "p".into(), "forbidden".into())],
        };
        assert_eq!(
            uninstalled("r", &left),
            "These resources were kept due to the resource policy:\n[Secret] s\n\
             1 resource(s) were not deleted because they are not owned by this release:\n[ConfigMap] c\n\
             1 resource(s) were not deleted because their ownership could not be verified:\n[Pod] p: forbidden\n\
             release \"r\" uninstalled\n"
        );
        assert_eq!(uninstalled("r", &LeftObjects::default()), "release \"r\" uninstalled\n");
    }
}
