//! The sentences that commands print about what they did, as Helm has them.

use std::fmt::Write as _;

use serde::Serialize;

use crate::cli::parse::quote;
use crate::fetch::Origin;
use crate::package::provenance::Verified;

/// After an upgrade, before the block.
pub fn upgraded(release: &str) -> String {
    format!("Release {} has been upgraded. Happy Helming!\n", quote(release))
}

/// Instead of that, when `--if-changed` found nothing to do.
pub fn unchanged(release: &str, revision: u64) -> String {
    format!("Release {} is unchanged: revision {revision} stays, and no hook was run.\n", quote(release))
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

/// After a push.
pub fn pushed(origin: &Origin) -> String {
    format!("Pushed: {}\nDigest: {}\n", origin.reference, origin.digest)
}

/// After a pull from a registry.
pub fn pulled(origin: &Origin) -> String {
    format!("Pulled: {}\nDigest: {}\n", origin.reference, origin.digest)
}

/// An object that an uninstall left where it is.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct LeftObject {
    /// Its kind.
    pub kind: String,
    /// Its name.
    pub name: String,
    /// Why its owner could not be found out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// What became of a release that was uninstalled.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct UninstalledRow {
    /// The release.
    pub release: String,
    /// Objects that the resource policy keeps.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub kept: Vec<LeftObject>,
    /// Objects that the release does not own.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub foreign: Vec<LeftObject>,
    /// Objects whose owner could not be found out.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub unverified: Vec<LeftObject>,
}

/// After an uninstall: what was left, then the last line.
pub fn uninstalled(left: &UninstalledRow) -> String {
    let mut text = String::new();
    if !left.kept.is_empty() {
        text.push_str("These resources were kept due to the resource policy:\n");
        for LeftObject { kind, name, .. } in &left.kept {
            let _ = writeln!(text, "[{kind}] {name}");
        }
        text.push('\n');
    }
    if !left.foreign.is_empty() {
        let count = left.foreign.len();
        let _ = writeln!(
            text,
            "{count} resource(s) were not deleted because they are not owned by this release:"
        );
        for LeftObject { kind, name, .. } in &left.foreign {
            let _ = writeln!(text, "[{kind}] {name}");
        }
    }
    if !left.unverified.is_empty() {
        let count = left.unverified.len();
        let _ = writeln!(
            text,
            "{count} resource(s) were not deleted because their ownership could not be verified:"
        );
        for LeftObject { kind, name, reason } in &left.unverified {
            let _ = writeln!(text, "[{kind}] {name}: {}", reason.as_deref().unwrap_or("unknown"));
        }
    }
    let _ = writeln!(text, "release {} uninstalled", quote(&left.release));
    text
}

/// Before a chart is made.
pub fn creating(name: &str) -> String {
    format!("Creating {name}\n")
}

/// When a file of a new chart was there already.
pub fn overwritten(path: &str) -> String {
    format!("WARNING: File {} already exists. Overwriting.", quote(path))
}

/// A chart that was packed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct PackagedRow {
    /// The chart's name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// Path of the archive.
    pub path: String,
    /// `sha256:` over the archive.
    pub digest: String,
    /// Path of the provenance file, when the archive was signed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub provenance: Option<String>,
}

/// After charts were packed.
pub fn packaged(rows: &[PackagedRow]) -> String {
    rows.iter()
        .flat_map(|row| ["Successfully packaged chart and saved it to: ", row.path.as_str(), "\n"])
        .collect()
}

/// A chart compared with what was published of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CheckedRow {
    /// The chart's name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// Whether the archive is the published one, byte for byte.
    pub same: bool,
    /// Digest of the archive that the folder gives.
    pub digest: String,
    /// Digest of the published archive.
    pub published: String,
    /// Files that differ; left out when only a digest is known of what was published.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub files: Option<Vec<CheckedFile>>,
}

/// A file that differs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CheckedFile {
    /// Its path in the chart.
    pub path: String,
    /// `added`, `changed` or `removed` since it was published.
    pub change: &'static str,
}

/// After charts were compared with what was published of them.
pub fn checked(row: &CheckedRow) -> String {
    let CheckedRow { name, version, digest, published, .. } = row;
    if row.same {
        return format!("{name} {version} is what was published: {digest}\n");
    }
    let mut text = format!(
        "{name} {version} is not what was published\n  here:      {digest}\n  published: {published}\n"
    );
    match row.files.as_deref() {
        None => {}
        Some([]) => text.push_str("  both archives hold the same files, packed in another way\n"),
        Some(files) => {
            for file in files {
                // Writing to a string cannot fail.
                let _ = writeln!(text, "  {:<8} {}", file.change, file.path);
            }
        }
    }
    text
}

/// After an archive was verified. The words are Helm's.
pub fn verified(verified: &Verified) -> String {
    let mut text = String::new();
    for signer in &verified.signed_by {
        for name in &signer.names {
            // Writing to a string cannot fail.
            let _ = writeln!(text, "Signed by: {name}");
        }
        let _ = writeln!(text, "Using Key With Fingerprint: {}", signer.fingerprint);
    }
    text + &format!("Chart Hash Verified: {}\n", verified.digest.prefixed())
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
        let object = |kind: &str, name: &str, reason: Option<&str>| LeftObject {
            kind: kind.into(),
            name: name.into(),
            reason: reason.map(str::to_string),
        };
        let left = UninstalledRow {
            release: "r".into(),
            kept: vec![object("Secret", "s", None)],
            foreign: vec![object("ConfigMap", "c", None)],
            unverified: vec![object("Pod", "p", Some("forbidden"))],
        };
        assert_eq!(
            uninstalled(&left),
            "These resources were kept due to the resource policy:\n[Secret] s\n\n\
             1 resource(s) were not deleted because they are not owned by this release:\n[ConfigMap] c\n\
             1 resource(s) were not deleted because their ownership could not be verified:\n[Pod] p: forbidden\n\
             release \"r\" uninstalled\n"
        );
        assert_eq!(
            uninstalled(&UninstalledRow { release: "r".into(), ..UninstalledRow::default() }),
            "release \"r\" uninstalled\n"
        );
    }
}
