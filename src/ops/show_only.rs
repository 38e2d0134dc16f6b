//! `--show-only`: some templates of all that a chart renders to.
//!
//! Invariant: a path that matches nothing shows nothing, whatever the others match; what is shown comes in the order of the
//! paths. That holds for what is no manifest, too, which `--debug` prints before the error.

use super::template::{Piece, TemplateOptions};
use super::{Event, OpsError, Progress};
use crate::data::glob::PathPattern;
use crate::manifest::split::{split, split_as_helm3};
use crate::values::Compat;

/// A path or a glob below the chart.
struct Wanted {
    path: String,
    pattern: Option<PathPattern>,
}

impl Wanted {
    fn new(path: &str) -> Self {
        let path = path.replace('\\', "/");
        Wanted { pattern: PathPattern::new(&path).ok(), path }
    }

    fn matches(&self, below: &str) -> bool {
        below == self.path || self.pattern.as_ref().is_some_and(|pattern| pattern.matches(below))
    }
}

/// The pieces of the wanted templates, in the order of the flags.
pub(super) fn pick(pieces: &[Piece], chart: &str, paths: &[String]) -> Result<Vec<Piece>, OpsError> {
    let prefix = format!("{chart}/");
    let mut shown = Vec::new();
    for path in paths {
        let wanted = Wanted::new(path);
        let matches =
            |piece: &&Piece| wanted.matches(piece.source.strip_prefix(&prefix).unwrap_or(&piece.source));
        let before = shown.len();
        shown.extend(pieces.iter().filter(matches).cloned());
        if shown.len() == before {
            return Err(OpsError::refused_with(
                format!("could not find template {path} in chart"),
                near(pieces, &prefix, &wanted.path).map_or_else(
                    || "paths are relative to the chart: templates/NAME.yaml".to_string(),
                    |near| format!("did you mean `{near}`? (templates that write nothing cannot be shown)"),
                ),
            ));
        }
    }
    Ok(shown)
}

fn near(pieces: &[Piece], prefix: &str, path: &str) -> Option<String> {
    let paths = pieces.iter().map(|piece| piece.source.strip_prefix(prefix).unwrap_or(&piece.source));
    crate::diag::did_you_mean(path, paths).map(str::to_string)
}

/// Hands events on, of rendered text that is no manifest only what is wanted.
pub(super) struct Picking<'a> {
    progress: &'a dyn Progress,
    options: &'a TemplateOptions,
}

impl<'a> Picking<'a> {
    pub(super) fn new(progress: &'a dyn Progress, options: &'a TemplateOptions) -> Self {
        Picking { progress, options }
    }
}

impl Progress for Picking<'_> {
    fn event(&self, event: Event) {
        match event {
            Event::Rendered(text) if !self.options.show_only.is_empty() => {
                let picked = pick_text(&text, &self.options.show_only, self.options.apply.compat);
                if let Some(picked) = picked {
                    self.progress.event(Event::Rendered(picked));
                }
            }
            other => self.progress.event(other),
        }
    }

    fn beat(&self) {
        self.progress.beat();
    }
}

/// The documents of the wanted templates; of a template with several, the one below its source line. `None` when a path
/// matches nothing.
fn pick_text(text: &str, paths: &[String], compat: Compat) -> Option<String> {
    let documents: Vec<&str> = match compat {
        Compat::Helm4 => split(text).map(|piece| piece.text).collect(),
        Compat::Helm3 => split_as_helm3(text).into_iter().map(|piece| piece.text).collect(),
    };
    let mut out = String::new();
    for path in paths {
        let wanted = Wanted::new(path);
        let before = out.len();
        for document in &documents {
            let source = document.lines().find_map(|line| line.strip_prefix("# Source: "));
            let below = source.and_then(|source| source.split_once('/'));
            if below.is_some_and(|(_, below)| wanted.matches(below)) {
                out.extend(["---\n", document, "\n"]);
            }
        }
        if out.len() == before {
            return None;
        }
    }
    Some(out)
}
