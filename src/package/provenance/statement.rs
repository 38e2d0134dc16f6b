//! The text that is signed: Chart.yaml, a line `...`, and the digests of files.
//!
//! Invariant: what is read is what a signature covers, and a file is named at most once.

use super::ProvenanceError;
use crate::chart::{ChartError, Metadata};
use crate::data::digest::Digest;
use crate::data::{Map, Value, yaml};

/// Ends Chart.yaml, and begins the digests.
const DIVIDER: &str = "\n...\n";

/// The statement about one archive, without a line break at its end.
pub(super) fn write(metadata: &Metadata, file_name: &str, digest: &Digest) -> Result<String, ChartError> {
    let files = Map::from_iter([(file_name.into(), Value::str(digest.prefixed()))]);
    let about = Value::Map(Map::from_iter([("files".into(), Value::Map(files))]));
    let text = format!("{}{DIVIDER}{}", metadata.to_yaml()?, yaml::to_string(&about));
    Ok(text.trim_end_matches('\n').to_string())
}

/// The digests of a statement by file name, in its order.
pub(super) fn read(archive: &str, text: &str) -> Result<Vec<(String, String)>, ProvenanceError> {
    let malformed = |reason: String| ProvenanceError::Malformed { archive: archive.to_string(), reason };
    let mut parts = text.split(DIVIDER);
    let (Some(_), Some(about)) = (parts.next(), parts.next()) else {
        return Err(malformed("the line `...` between Chart.yaml and the digests is missing".into()));
    };
    if parts.next().is_some() {
        return Err(malformed("it has more than one line `...`".into()));
    }
    let value = yaml::value_from_text(&format!("{archive}{}", super::EXTENSION), about)
        .map_err(|error| malformed(error.to_string()))?;
    let Some(Value::Map(files)) = value.get("files") else {
        return Err(malformed("it names no files".into()));
    };
    let entry = |(name, digest): (&std::sync::Arc<str>, &Value)| match digest {
        Value::Str(digest) => Ok((name.to_string(), digest.to_string())),
        _ => Err(malformed(format!("the digest of {name} is not a text"))),
    };
    files.iter().map(entry).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(text: &str) -> String {
        read("a.tgz", text).unwrap_err().to_string()
    }

    #[test]
    fn statements_name_files() {
        let text = "name: a\n\n...\nfiles:\n  a.tgz: sha256:1\n  b: sha256:2\n";
        let files = read("a.tgz", text).unwrap();
        assert_eq!(files, [("a.tgz".into(), "sha256:1".into()), ("b".into(), "sha256:2".into())]);
    }

    #[test]
    fn other_texts_are_refused_with_what_is_missing() {
        assert!(
            refused("name: a\n").ends_with("the line `...` between Chart.yaml and the digests is missing")
        );
        assert!(refused("a\n...\nfiles: {}\n...\nfiles: {}\n").ends_with("more than one line `...`"));
        assert!(refused("a\n...\nfile: {}\n").ends_with("it names no files"));
        assert!(refused("a\n...\n- files\n").ends_with("it names no files"));
        assert!(refused("a\n...\nfiles:\n  a: [1]\n").ends_with("the digest of a is not a text"));
        assert!(refused("a\n...\nfiles: {a: x, a: y}\n").contains("cannot be read"));
    }

    #[test]
    fn aliases_that_multiply_are_refused() {
        let mut bomb = "a\n...\na0: &a0 [x, x]\n".to_string();
        for level in 1..40 {
            bomb += &format!("a{level}: &a{level} [*a{0}, *a{0}, *a{0}, *a{0}]\n", level - 1);
        }
        assert!(refused(&bomb).contains("cannot be read"), "{}", refused(&bomb));
    }
}
