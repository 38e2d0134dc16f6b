//! The identities of a stored manifest without reading all of its YAML.
//!
//! A stored manifest was valid when it was made, so a command that only asks which objects there are (uninstall, list,
//! which objects an upgrade drops) need not parse megabytes. Documents in the usual block style are scanned line by line;
//! whatever the scan is not sure of is parsed.
//!
//! Invariant: an outline has the identity that [`Object::parse`] finds for the same document.

use std::sync::Arc;

use super::assemble::stored_documents;
use super::error::ManifestError;
use super::{Object, ObjectRef};
use crate::diag::SourceFile;

/// A document of a stored manifest, known by its identity only.
#[derive(Debug, Clone)]
pub struct Outline {
    /// Its identity; empty parts where the document does not say.
    pub id: ObjectRef,
    /// The template that wrote it.
    pub source: Arc<str>,
    /// Line of the stored manifest on which the document starts, from 1.
    pub line: u32,
    file: Arc<SourceFile>,
    offset: usize,
    length: usize,
}

impl Outline {
    /// The document.
    pub fn text(&self) -> &str {
        self.file.text().get(self.offset..self.offset + self.length).unwrap_or("")
    }

    /// Reads the whole document.
    ///
    /// # Errors
    /// The document is not an object.
    pub fn object(&self) -> Result<Object, ManifestError> {
        Object::parse(&self.source, &self.file, self.offset, self.text())
    }
}

/// The identities in a stored manifest, in the order of the text; see [`super::parse_stored`] for `name` and `text`.
///
/// # Errors
/// A document that had to be parsed is not an object. Others that are broken are found by [`Outline::object`].
pub fn outline_stored(name: &str, text: &str) -> Result<Vec<Outline>, ManifestError> {
    let file = SourceFile::new(name, text);
    let mut outlines = Vec::new();
    for (source, offset, document) in stored_documents(&file) {
        let id = match scan(document) {
            Some(id) => id,
            None => Object::parse(&source, &file, offset, document)?.id,
        };
        let line = file.line_of(u32::try_from(offset).unwrap_or(u32::MAX));
        outlines.push(Outline { id, source, line, file: Arc::clone(&file), offset, length: document.len() });
    }
    Ok(outlines)
}

/// What the scan has found so far.
#[derive(Default)]
struct Found<'t> {
    api_version: Option<&'t str>,
    kind: Option<&'t str>,
    namespace: Option<&'t str>,
    name: Option<&'t str>,
    has_metadata: bool,
}

/// The identity of a document in plain block style; `None` when there is anything that could mean something else.
fn scan(document: &str) -> Option<ObjectRef> {
    if document.bytes().any(|b| b == b'\r' || b == b'\t') || has_other_line_breaks(document) {
        return None;
    }
    let mut found = Found::default();
    // Indentation of the keys of metadata while in it: unknown, then known.
    let mut within_metadata = false;
    let mut metadata_indent = None;
    // A line deeper than this would continue the scalar of a key that matters.
    let mut scalar_at: Option<usize> = None;
    let mut open = false;
    let mut seen_key = false;
    // Lines from here on were not looked at for quotes and brackets; only a key after them makes it necessary.
    let mut unchecked = 0;
    let mut next = 0;
    for line in document.lines() {
        let start = next;
        next = start + line.len() + 1;
        let content = line.trim_start_matches(' ');
        if content.is_empty() || content.starts_with('#') {
            continue;
        }
        let indent = line.len() - content.len();
        if scalar_at.is_some_and(|at| indent > at) {
            return None;
        }
        scalar_at = None;
        if indent == 0 && !content.starts_with("- ") && content != "-" {
            let above = document.get(unchecked..start).unwrap_or("");
            if open || above.lines().any(|line| may_stay_open(line.trim_start_matches(' '))) {
                return None;
            }
            unchecked = next;
            let (key, value) = key_value(content)?;
            seen_key = true;
            within_metadata = false;
            match key {
                "apiVersion" => set(&mut found.api_version, value)?,
                "kind" => set(&mut found.kind, value)?,
                "metadata" => {
                    if found.has_metadata || !value.is_empty() {
                        return None;
                    }
                    found.has_metadata = true;
                    (within_metadata, metadata_indent) = (true, None);
                }
                _ => {}
            }
            scalar_at = matches!(key, "apiVersion" | "kind").then_some(0);
        } else if !seen_key {
            return None;
        } else if within_metadata {
            let keys_at = *metadata_indent.get_or_insert(indent);
            if indent < keys_at || (indent == keys_at && open) {
                return None;
            }
            if indent == keys_at {
                let (key, value) = key_value(content)?;
                match key {
                    "name" => set(&mut found.name, value)?,
                    "namespace" => set(&mut found.namespace, value)?,
                    _ => {}
                }
                scalar_at = matches!(key, "name" | "namespace").then_some(indent);
            }
        }
        if within_metadata || start < unchecked {
            open |= may_stay_open(content);
            unchecked = next;
        }
    }
    let (group, version) = ObjectRef::split_api_version(found.api_version.unwrap_or(""));
    Some(ObjectRef {
        group: group.to_string(),
        version: version.to_string(),
        kind: found.kind.unwrap_or("").to_string(),
        namespace: found.namespace.unwrap_or("").to_string(),
        name: found.name.unwrap_or("").to_string(),
    })
}

/// Keeps a value that can only be text; a key that comes twice is not for the scan.
fn set<'t>(slot: &mut Option<&'t str>, value: &'t str) -> Option<()> {
    let text = plain_text(value)?;
    slot.replace(text).is_none().then_some(())
}

/// Whether the text has one of the line breaks that YAML 1.1 knows besides `\n` and `\r`: NEL, LS, PS.
fn has_other_line_breaks(text: &str) -> bool {
    !text.is_ascii() && text.contains(['\u{85}', '\u{2028}', '\u{2029}', '\u{feff}'])
}

/// Splits `key: value` with a key of letters, digits and a few marks.
fn key_value(content: &str) -> Option<(&str, &str)> {
    let length = content.bytes().take_while(|b| b.is_ascii_alphanumeric() || b"-_./".contains(b)).count();
    let (key, rest) = content.split_at_checked(length)?;
    let rest = rest.strip_prefix(':')?;
    let starts_well = key.bytes().next().is_some_and(|b| b.is_ascii_alphabetic());
    (starts_well && (rest.is_empty() || rest.starts_with(' '))).then(|| (key, rest.trim_matches(' ')))
}

/// Words that YAML 1.1 reads as a bool or as null.
const WORDS: [&str; 9] = ["y", "n", "yes", "no", "on", "off", "true", "false", "null"];

/// The text of a scalar on one line that YAML 1.1 takes for nothing but text.
fn plain_text(value: &str) -> Option<&str> {
    let inner = value
        .strip_prefix('"')
        .and_then(|rest| rest.strip_suffix('"'))
        .or_else(|| value.strip_prefix('\'').and_then(|rest| rest.strip_suffix('\'')));
    let is_safe = |text: &str| {
        text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_./".contains(&b))
            && text.bytes().next().is_some_and(|b| b.is_ascii_alphabetic())
    };
    if let Some(inner) = inner {
        return is_safe(inner).then_some(inner);
    }
    (is_safe(value) && !WORDS.iter().any(|word| value.eq_ignore_ascii_case(word))).then_some(value)
}

/// Whether a quote or a bracket that the line opens may not be closed in it. Text that only looks so counts too.
fn may_stay_open(content: &str) -> bool {
    let bytes = content.as_bytes();
    let opens = bytes.iter().enumerate().any(|(at, b)| {
        let starts_token = at == 0 || bytes.get(at - 1).is_some_and(|before| b" -,[{(:?".contains(before));
        b"\"'{[".contains(b) && starts_token
    });
    if !opens {
        return false;
    }
    let count = |wanted: char| content.matches(wanted).count();
    let ends_closed = bytes.last().is_some_and(|last| b"\"'}]".contains(last));
    !ends_closed
        || bytes.contains(&b'\\')
        || count('{') != count('}')
        || count('[') != count(']')
        || count('"') % 2 == 1
        || count('\'') % 2 == 1
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn agree(document: &str) -> Result<bool, String> {
        let source: Arc<str> = "t".into();
        let file = SourceFile::new("t", document);
        let Some(scanned) = scan(document) else { return Ok(false) };
        match Object::parse(&source, &file, 0, document) {
            Ok(object) if object.id == scanned => Ok(true),
            // A stored document was valid once; what the scan says of others does not matter.
            Err(_) => Ok(false),
            Ok(object) => Err(format!("{document:?}\nscanned {scanned:?}\n parsed {:?}", object.id)),
        }
    }

    #[test]
    fn the_usual_documents_are_scanned() {
        for document in [
            "apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: web\n  labels:\n    a: b\n  namespace: \"ns\"\nspec:\n  x: {a: 1}\n",
            "# comment\nkind: List\nitems:\n- kind: Other\n  metadata:\n    name: inner\n",
            "metadata:\n  name: a\n  annotations:\n    note: |\n      kind: no\n\n    x: don't\nkind: ConfigMap\ndata:\n  text: |\n    kind: no\n",
        ] {
            assert_eq!(agree(document), Ok(true), "{document}");
        }
    }

    #[test]
    fn what_could_mean_something_else_is_parsed() {
        for document in [
            "kind: A\n  b\n",
            "kind: yes\n",
            "kind: 1\n",
            "kind: A\nkind: B\n",
            "a: {x: 1,\nkind: B}\n",
            "a: \"\nkind: B\"\n",
            "a: 'it''\nkind: B'\n",
            "a: \"\\\"\nkind: B\"\n",
            "metadata: {name: a}\n",
            "metadata:\n  name: a\n    b\n",
            "metadata:\n  <<: *x\n  name: a\n",
            "kind: A # b\n",
            "kind: &x A\n",
            "kind: A\n...\n",
            "{kind: A}\n",
            "kind: A\r\n",
            "? kind\n: A\n",
            "x: a\u{2028}kind: B\n",
            "kind: A\u{a0}\n",
        ] {
            assert!(scan(document).is_none(), "{document}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2_000))]
        #[test]
        fn scanning_agrees_with_parsing(
            lines in proptest::collection::vec(
                (0usize..3, "(kind|apiVersion|metadata|name|namespace|x|- kind|- )(: |:)(A|b/c|yes|1|\"q\"|'|\"|\\{|\\[|\\{a: 1\\}|\\}|\\||>|# c|)"),
                0..7,
            )
        ) {
            let document: String =
                lines.iter().flat_map(|(indent, line)| [&"    "[..indent * 2], line, "\n"]).collect();
            prop_assert!(agree(&document).is_ok(), "{}", agree(&document).unwrap_err());
        }
    }
}
