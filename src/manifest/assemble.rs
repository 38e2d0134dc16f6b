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

/// How a rendered file is split into documents and how those are trimmed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Splitting {
    /// As Helm 4 does it: [`split`].
    Helm4,
    /// As Helm 3 does it: [`split_as_helm3`].
    Helm3,
}

impl Splitting {
    fn documents(self, file: &Arc<SourceFile>) -> Vec<Result<Object, ManifestError>> {
        let source: Arc<str> = file.name().into();
        let object = |piece: Piece<'_>| Object::parse(&source, file, piece.offset, piece.text);
        match self {
            Splitting::Helm4 => split(file.text()).map(object).collect(),
            Splitting::Helm3 => split_as_helm3(file.text()).into_iter().map(object).collect(),
        }
    }
}

/// A rendered file on its way into a manifest.
#[derive(Debug)]
pub enum RenderedText {
    /// A text whose documents nobody has looked at.
    Unread(Arc<SourceFile>),
    /// A text and its documents.
    Read(Arc<SourceFile>, Vec<Result<Object, ManifestError>>),
}

impl RenderedText {
    /// Reads the documents of a file now, for instance while others are still being rendered.
    pub fn read(file: Arc<SourceFile>, splitting: Splitting) -> Self {
        let documents = splitting.documents(&file);
        RenderedText::Read(file, documents)
    }

    /// The text under the name of its file.
    pub fn source(&self) -> &Arc<SourceFile> {
        match self {
            RenderedText::Unread(file) | RenderedText::Read(file, _) => file,
        }
    }

    fn unread(&self) -> Option<&Arc<SourceFile>> {
        match self {
            RenderedText::Unread(file) => Some(file),
            RenderedText::Read(..) => None,
        }
    }
}

impl Manifest {
    /// Sorts the documents of rendered files into objects and hooks, in the way of Helm 4.
    ///
    /// # Errors
    /// As [`Manifest::from_files`].
    pub fn from_rendered(files: &[Arc<SourceFile>]) -> Result<Self, ManifestError> {
        Self::from_files(files.iter().cloned().map(RenderedText::Unread).collect(), Splitting::Helm4)
    }

    /// Sorts the documents of rendered files into objects and hooks.
    ///
    /// Each file is named by its full path (`chart/templates/x.yaml`). Files of nothing but white space and files whose
    /// name starts with `_` are left out; NOTES.txt must have been taken out before.
    ///
    /// # Errors
    /// The first document, by path and place, that is not an object; the others are in the same error.
    pub fn from_files(mut files: Vec<RenderedText>, splitting: Splitting) -> Result<Self, ManifestError> {
        files.retain(|file| !file.source().name().rsplit('/').next().unwrap_or("").starts_with('_'));
        files.sort_by(|a, b| a.source().name().cmp(b.source().name()));
        let unread: Vec<&Arc<SourceFile>> = files.iter().filter_map(RenderedText::unread).collect();
        let size: usize = unread.iter().map(|file| file.text().len()).sum();
        let read = |file: &&Arc<SourceFile>| splitting.documents(file);
        let mut found = parallel::map(&unread, if size > LARGE { 2 } else { 1 }, read).into_iter();
        let mut manifest = Manifest::default();
        let mut failures = Vec::new();
        for file in files {
            let (file, documents) = match file {
                RenderedText::Read(file, documents) => (file, documents),
                // One was found for each.
                RenderedText::Unread(file) => (file, found.next().unwrap_or_default()),
            };
            for document in documents {
                match document {
                    Ok(object) => manifest.take(object, &file),
                    Err(error) => failures.push(error),
                }
            }
        }
        let mut failures = failures.into_iter();
        if let Some(first) = failures.next() {
            return Err(first.and(failures));
        }
        match splitting {
            Splitting::Helm4 => {
                order::sort_for_install(&mut manifest.objects, Object::sort_kind);
                order::sort_for_install(&mut manifest.hooks, |hook| hook.object.sort_kind());
            }
            Splitting::Helm3 => {
                order::sort_for_helm3_install(&mut manifest.objects, Object::sort_kind);
                order::sort_for_helm3_install(&mut manifest.hooks, |hook| hook.object.sort_kind());
            }
        }
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

/// One document below a separator and a line that names its template, where that is known: the texts that follow each
/// other, for whoever writes them somewhere without a copy.
pub fn document<'t>(source: &'t str, text: &'t str) -> [&'t str; 6] {
    if source.is_empty() {
        return ["---\n", "", "", "", text, "\n"];
    }
    ["---\n", SOURCE, source, "\n", text, "\n"]
}

/// Appends a [`document`].
pub fn write_document(out: &mut String, source: &str, text: &str) {
    out.extend(document(source, text));
}

/// Reads a stored manifest (one of Helm's or ours) back into objects, in the order of the text.
///
/// `name` is what messages call the text, such as `manifest of web revision 3`; lines of the objects count in the text.
/// A document without a `# Source:` line keeps `name` as its source.
///
/// # Errors
/// A document is not an object.
pub fn parse_stored(name: &str, text: &str) -> Result<Vec<Object>, ManifestError> {
    parse_stored_each(name, text).into_iter().collect()
}

/// As [`parse_stored`], for whoever goes on with the documents that can be read.
pub fn parse_stored_each(name: &str, text: &str) -> Vec<Result<Object, ManifestError>> {
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
