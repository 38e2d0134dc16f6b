//! Rendered files to a release's manifest, and a stored manifest back to objects.
//!
//! Invariant: the text of a manifest is `---\n# Source: path\n<document>\n` for each object in install order, and reading
//! that text gives the same objects with the same documents. A document that begins with `---` itself (it stood behind a
//! longer row of dashes) is the exception: at the start of a line it is a separator, in the records of Helm too.

use std::sync::Arc;

use super::Object;
use super::error::ManifestError;
use super::hook::{self, Hook, Role};
use super::order;
use super::split::{Piece, split, split_as_helm3};
use crate::diag::{Diagnostic, Severity, SourceFile};
use crate::sys::parallel;

/// What stands before the path of the template in a stored document.
const SOURCE: &str = "# Source: ";

/// Bytes of rendered text from which on reading them on two threads saves more than it costs.
const LARGE: usize = 64 << 10;

/// The outcome of rendering a chart.
#[derive(Debug, Clone, Default)]
pub struct Manifest {
    /// The objects of the release, in install order. Documents of nothing but comments are among them.
    pub objects: Vec<Object>,
    /// The hooks, in install order of their kinds.
    pub hooks: Vec<Hook>,
    /// What was dropped and why (severity info).
    pub notes: Vec<Diagnostic>,
    /// The events of the hooks that were dropped because one of them is unknown, as written.
    pub unknown_hooks: Vec<String>,
}

impl Manifest {
    /// Sorts rendered files into objects and hooks.
    ///
    /// Each file is named by its full path (`chart/templates/x.yaml`). Files of nothing but white space and files whose
    /// name starts with `_` are left out; NOTES.txt must have been taken out before.
    ///
    /// # Errors
    /// The first document, by path and place, that is not an object; the others are in the same error.
    pub fn from_rendered(files: &[Arc<SourceFile>]) -> Result<Self, ManifestError> {
        Self::from_split(files, |text| split(text).collect())
    }

    /// As [`Manifest::from_rendered`], with documents split and trimmed as Helm 3 does it.
    ///
    /// # Errors
    /// As [`Manifest::from_rendered`].
    pub fn from_rendered_as_helm3(files: &[Arc<SourceFile>]) -> Result<Self, ManifestError> {
        Self::from_split(files, split_as_helm3)
    }

    fn from_split(
        files: &[Arc<SourceFile>],
        split: impl Fn(&str) -> Vec<Piece<'_>> + Sync,
    ) -> Result<Self, ManifestError> {
        let mut files: Vec<&Arc<SourceFile>> = files.iter().collect();
        files.sort_by(|a, b| a.name().cmp(b.name()));
        files.retain(|file| !file.name().rsplit('/').next().unwrap_or("").starts_with('_'));
        let read = |file: &&Arc<SourceFile>| {
            let source: Arc<str> = file.name().into();
            let pieces = split(file.text()).into_iter();
            pieces.map(|piece| Object::parse(&source, file, piece.offset, piece.text)).collect()
        };
        let size: usize = files.iter().map(|file| file.text().len()).sum();
        let found: Vec<Vec<Result<Object, ManifestError>>> = parallel::map(&files, size > LARGE, read);
        let mut manifest = Manifest::default();
        let mut failures = Vec::new();
        for (file, objects) in files.iter().zip(found) {
            for object in objects {
                match object {
                    Ok(object) => manifest.take(object, file),
                    Err(error) => failures.push(error),
                }
            }
        }
        let mut failures = failures.into_iter();
        if let Some(first) = failures.next() {
            return Err(first.and(failures));
        }
        order::sort_for_install(&mut manifest.objects, Object::sort_kind);
        order::sort_for_install(&mut manifest.hooks, |hook| hook.object.sort_kind());
        Ok(manifest)
    }

    fn take(&mut self, object: Object, file: &Arc<SourceFile>) {
        match hook::role(object.annotation(hook::EVENTS_ANNOTATION).as_deref()) {
            Role::Plain => self.objects.push(object),
            Role::Hook(events) => self.hooks.push(Hook::new(object, events)),
            Role::Unknown(list) => {
                self.unknown_hooks.push(list.clone());
                let start = file.line_start(object.line) as usize;
                let span = crate::diag::Span::new(start, start + file.line_text(object.line).len());
                let note = Diagnostic::new(
                    Severity::Info,
                    format!(
                        "dropped {}: its annotation {} names an unknown event: {list:?}",
                        object.id,
                        hook::EVENTS_ANNOTATION
                    ),
                );
                self.notes.push(note.at(file, span));
            }
        }
    }

    /// The text that a release record stores: all objects, each with the path of its template.
    pub fn text(&self) -> String {
        let size = self.objects.iter().map(|object| object.text.len() + object.source.len() + 20).sum();
        let mut out = String::with_capacity(size);
        for object in &self.objects {
            write_document(&mut out, &object.source, &object.text);
        }
        out
    }

    /// The hooks as `template` prints them, after the objects.
    pub fn hooks_text<'h>(hooks: impl IntoIterator<Item = &'h Hook>) -> String {
        let mut out = String::new();
        for hook in hooks {
            write_document(&mut out, &hook.object.source, &hook.object.text);
        }
        out
    }
}

/// Writes one document below a separator and a line that names its template, where that is known.
pub fn write_document(out: &mut String, source: &str, text: &str) {
    if source.is_empty() {
        return out.extend(["---\n", text, "\n"]);
    }
    for part in ["---\n", SOURCE, source, "\n", text, "\n"] {
        out.push_str(part);
    }
}

/// Reads a stored manifest (one of Helm's or ours) back into objects, in the order of the text.
///
/// `name` is what messages call the text, such as `manifest of web revision 3`; lines of the objects count in the text.
/// A document without a `# Source:` line keeps `name` as its source.
///
/// # Errors
/// A document is not an object.
pub fn parse_stored(name: &str, text: &str) -> Result<Vec<Object>, ManifestError> {
    let file = SourceFile::new(name, text);
    stored_documents(&file)
        .map(|(source, offset, document)| Object::parse(&source, &file, offset, document))
        .collect()
}

/// The documents of a stored manifest: source, offset and text of each.
pub(super) fn stored_documents(file: &Arc<SourceFile>) -> impl Iterator<Item = (Arc<str>, usize, &str)> {
    let unknown: Arc<str> = file.name().into();
    split(file.text()).filter_map(move |piece| {
        let (source, length) = match source_line(piece.text) {
            Some((source, length)) => (source.into(), length),
            None => (Arc::clone(&unknown), 0),
        };
        let document = piece.text.get(length..)?;
        // The line break that ends each stored document is not part of it.
        let document = document.strip_suffix('\n').unwrap_or(document);
        (!document.trim().is_empty()).then_some((source, piece.offset + length, document))
    })
}

/// The path in a leading `# Source:` line, and how many bytes that line takes.
fn source_line(text: &str) -> Option<(&str, usize)> {
    let rest = text.strip_prefix(SOURCE)?;
    let path = rest.split('\n').next().unwrap_or(rest);
    Some((path.trim_end_matches('\r'), (SOURCE.len() + path.len() + 1).min(text.len())))
}
