//! A plan as text, JSON or YAML.

use std::fmt::Write as _;

use serde::Serialize;

use super::diff::{self, Difference, Head};
use super::structured;
use crate::cli::error::Failure;
use crate::cli::parse::Format;
use crate::cli::ui::{Label, Paint};
use crate::ops::operation::{Kind, Operation};
use crate::ops::preview::{Planned, Preview, Records};
use crate::plan::diff::ObjectDiff;

/// The words for what becomes of objects, in the order of the last line.
const ACTIONS: &[&str] = &["create", "change", "replace", "adopt", "delete", "keep"];

/// A plan, ready to be printed.
#[derive(Debug, Clone, Copy)]
pub struct PlanReport<'a> {
    /// What is planned.
    pub operation: &'a Operation,
    /// What it would do.
    pub preview: &'a Preview,
    /// The file that it was saved to.
    pub saved: Option<&'a str>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Report<'a> {
    operation: &'static str,
    release: &'a str,
    namespace: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    from_revision: Option<u64>,
    revision: u64,
    chart: String,
    changed: bool,
    prerequisites: Vec<ObjectRow<'a>>,
    objects: Vec<ObjectRow<'a>>,
    hooks: Vec<HookRow<'a>>,
    hook_changes: Vec<ObjectRow<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    records: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    saved: Option<&'a str>,
}

#[derive(Debug, Serialize)]
struct ObjectRow<'a> {
    #[serde(flatten)]
    head: Head<'a>,
    #[serde(skip_serializing_if = "str::is_empty")]
    reason: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    refused: Option<&'a str>,
    #[serde(flatten)]
    difference: Difference<'a>,
}

#[derive(Debug, Serialize)]
struct HookRow<'a> {
    event: &'static str,
    kind: &'a str,
    name: &'a str,
    weight: i64,
}

/// The plan in a format, with `context` lines around each change; fields only, when `context` is `None`.
///
/// # Errors
/// It holds what JSON cannot say.
pub fn text(
    report: PlanReport<'_>,
    format: Format,
    context: Option<usize>,
    paint: Paint,
) -> Result<String, Failure> {
    if format != Format::Table {
        return structured(&structure(report), format);
    }
    let PlanReport { operation, preview, saved } = report;
    let mut text = headline(operation);
    for planned in preview.first.iter().chain(&preview.objects) {
        text += &object(planned, context, paint);
    }
    for change in &preview.hook_changes {
        text += &paint.label(Label::Header, &format!("{} hook {}", change.action(), change.id));
        text.push('\n');
        text += &diff::body(change, context, paint);
    }
    text += &hooks(preview);
    text += &summary(preview);
    text += match preview.records {
        Some(Records::Deleted) => "the records of the release go too\n",
        Some(Records::Kept) => "the records of the release stay\n",
        None => "",
    };
    if let Some(path) = saved {
        let _ = writeln!(text, "saved to {path}: `bowline apply {path}` carries it out");
    }
    Ok(text)
}

fn headline(operation: &Operation) -> String {
    let release = &operation.release;
    let steps = match operation.current().filter(|_| operation.kind != Kind::Uninstall) {
        Some(current) => format!("revision {} to {}", current.version, release.version),
        None => format!("revision {}", release.version),
    };
    format!(
        "{} of {} in namespace {}: {steps}, chart {}\n",
        operation.kind.word(),
        release.name,
        release.namespace,
        chart(operation)
    )
}

fn chart(operation: &Operation) -> String {
    let metadata = &operation.release.chart.metadata;
    format!("{}-{}", metadata.name, metadata.version)
}

fn object(planned: &Planned, context: Option<usize>, paint: Paint) -> String {
    let reason = if planned.reason.is_empty() { String::new() } else { format!(" ({})", planned.reason) };
    let mut text = paint.label(Label::Header, &format!("{} {}{reason}", planned.action, planned.id));
    text.push('\n');
    if let Some(refused) = &planned.refused {
        text += &paint.label(Label::Bad, &format!("  ! the cluster would refuse it: {refused}"));
        text.push('\n');
    }
    if let Some(difference) = &planned.diff {
        text += &diff::body(difference, context, paint);
    }
    text
}

fn hooks(preview: &Preview) -> String {
    let Some(_) = preview.hooks.first() else { return String::new() };
    let mut text = String::from(if preview.hooks_only_recorded {
        "hooks that would be recorded (this store runs nothing):\n"
    } else {
        "hooks that would run:\n"
    });
    for hook in &preview.hooks {
        let _ = writeln!(text, "  {} {}/{} (weight {})", hook.event, hook.kind, hook.name, hook.weight);
    }
    text
}

fn summary(preview: &Preview) -> String {
    let all = preview.first.iter().chain(&preview.objects);
    let mut parts: Vec<String> = ACTIONS
        .iter()
        .filter_map(|action| {
            let count = all.clone().filter(|planned| planned.action == *action).count();
            (count > 0).then(|| format!("{count} to {action}"))
        })
        .collect();
    if !preview.hook_changes.is_empty() {
        parts.push(format!("{} changed", crate::diag::plural(preview.hook_changes.len(), "hook")));
    }
    if parts.is_empty() && preview.records.is_some() {
        return "no objects to delete\n".to_string();
    }
    if parts.is_empty() { "no changes\n".to_string() } else { format!("{}\n", parts.join(", ")) }
}

fn structure(report: PlanReport<'_>) -> Report<'_> {
    let PlanReport { operation, preview, saved } = report;
    Report {
        operation: operation.kind.word(),
        release: &operation.release.name,
        namespace: &operation.release.namespace,
        from_revision: operation.current().map(|current| current.version),
        revision: operation.release.version,
        chart: chart(operation),
        changed: preview.has_changes(),
        prerequisites: preview.first.iter().map(row).collect(),
        objects: preview.objects.iter().map(row).collect(),
        hooks: preview
            .hooks
            .iter()
            .map(|hook| HookRow {
                event: hook.event,
                kind: &hook.kind,
                name: &hook.name,
                weight: hook.weight,
            })
            .collect(),
        hook_changes: preview.hook_changes.iter().map(hook_row).collect(),
        records: preview.records.map(|records| match records {
            Records::Deleted => "delete",
            Records::Kept => "keep",
        }),
        saved,
    }
}

fn row(planned: &Planned) -> ObjectRow<'_> {
    ObjectRow {
        reason: &planned.reason,
        refused: planned.refused.as_deref(),
        head: Head::of(&planned.id, planned.action),
        difference: planned.diff.as_ref().map(Difference::of).unwrap_or_default(),
    }
}

fn hook_row(difference: &ObjectDiff) -> ObjectRow<'_> {
    ObjectRow {
        head: Head::of(&difference.id, difference.action()),
        reason: "",
        refused: None,
        difference: Difference::of(difference),
    }
}
