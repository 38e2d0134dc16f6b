//! Whose fault a line of a rendered text is: the line of the template that wrote it.
//!
//! Go templates record where each byte comes from when they are rendered for that (see [`SourceMap`]). Tera's are not
//! recorded: a line that stands in the template as it is, and only once, is that line; any other is shown as rendered.
//!
//! Invariant: only the place of a diagnostic changes and what is shown beside it; the message stays.

use std::sync::Arc;

use super::{RenderedFile, SourceMap};
use crate::diag::{Diagnostic, Location, Related, SourceFile, Span};

/// Moves the place of an error in a rendered text to the template. `file` may be of another run than the text, in which
/// random parts are longer or shorter but break no lines.
pub fn move_to_template(diagnostic: &mut Diagnostic, file: &RenderedFile) {
    let Some(at) = diagnostic.at.clone() else { return };
    match &file.map {
        Some(map) => by_map(diagnostic, &at, map),
        None => by_line(diagnostic, &at, &file.source),
    }
}

fn by_map(diagnostic: &mut Diagnostic, at: &Location, map: &SourceMap) {
    // Random parts of another length keep the lines; if they did not, nothing is known.
    if map.line_count() != at.file.line_count() {
        return;
    }
    let line = at.position().line;
    let Some(origin) = map.position_in_line(line, at.file.byte_column(at.span.start) as usize) else {
        return;
    };
    let written = origin.at.file.line_text(origin.at.position().line);
    if written != at.file.line_text(line) {
        show_rendered(diagnostic, at);
    }
    diagnostic.at = Some(origin.at);
    diagnostic.trace = origin.chain;
}

fn by_line(diagnostic: &mut Diagnostic, at: &Location, template: &Arc<SourceFile>) {
    let line = at.file.line_text(at.position().line).trim_end();
    let mut same = (1..=template.line_count() as u32).filter(|it| template.line_text(*it).trim_end() == line);
    if let (Some(found), None, false) = (same.next(), same.next(), line.is_empty()) {
        let column = at.file.byte_column(at.span.start);
        let length = at.span.range().len().min(line.len().saturating_sub(column as usize));
        let start = (template.line_start(found) + column) as usize;
        diagnostic.at = Some(Location { file: Arc::clone(template), span: Span::new(start, start + length) });
        return;
    }
    let name = format!("{} (rendered)", template.name());
    diagnostic.at = Some(Location { file: SourceFile::new(name, at.file.text()), span: at.span });
}

fn show_rendered(diagnostic: &mut Diagnostic, at: &Location) {
    let what = format!("rendered as line {}", at.position().line);
    diagnostic.related.insert(0, Related { what, at: at.clone() });
}
