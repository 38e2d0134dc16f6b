//! A release record out of a rendered chart.
//!
//! Invariant: what is recorded is what was rendered: the chart after dependency processing, the user's values, and the
//! manifest to the byte.

use super::options::DryRun;
use super::pipeline::Rendered;
use crate::chart::{Chart, ChartFile};
use crate::data::time::{Time, Zone};
use crate::data::{Map, Value};
use crate::manifest::{self, Object};
use crate::release::codec::Middle;
use crate::release::{ApplyMethod, Hook, HookRun, Info, RecordedChart, RecordedFile, Release, Status};
use crate::sys::Host;

/// The current moment in the zone of the user, as records have it.
pub fn now(host: &Host) -> Time {
    Time::from_system(host.now(), Zone::local(host.var("TZ")))
}

/// The part of a chart that a record keeps.
pub fn recorded_chart(chart: &Chart) -> RecordedChart {
    RecordedChart {
        metadata: chart.metadata.clone(),
        lock: chart.lock.clone(),
        templates: chart.templates.iter().map(RecordedFile::from).collect(),
        values: own_values(chart),
        schema: chart.schema.as_ref().map(|schema| schema.to_vec()),
        schema_modified: None,
        files: chart.files.iter().map(RecordedFile::from).collect(),
        modified: chart.raw.iter().find(|file| &*file.path == "Chart.yaml").and_then(ChartFile::moment),
    }
}

/// The chart's own values; null where nobody said any, as Helm writes it.
fn own_values(chart: &Chart) -> Value {
    if chart.values_yaml.is_none() && chart.values.as_map().is_some_and(Map::is_empty) {
        Value::Null
    } else {
        chart.values.clone()
    }
}

/// A hook as recorded, before it ran.
fn recorded_hook(hook: &manifest::Hook, hide_secrets: bool) -> Hook {
    Hook {
        name: hook.object.id.name.clone(),
        kind: hook.object.id.kind.clone(),
        path: hook.object.source.to_string(),
        manifest: shown(&hook.object, hide_secrets).to_string(),
        events: hook.events.iter().map(|event| event.name().to_string()).collect(),
        last_run: HookRun::default(),
        weight: hook.weight,
        delete_policies: hook.delete_policies.clone(),
        output_log_policies: hook.output_log_policies.clone(),
    }
}

/// The manifest with a line in place of each Secret. Source of the line: Helm's `--hide-secret`.
fn without_secrets(rendered: &Rendered) -> String {
    let mut text = String::new();
    for object in &rendered.manifest.objects {
        manifest::write_document(&mut text, &object.source, shown(object, true));
    }
    text
}

/// The text of a document, or the line in the place of one that has a Secret in it: a list may have some, too.
fn shown(object: &Object, hide_secrets: bool) -> &str {
    if hide_secrets && object.expand().iter().any(|object| object.id.is_secret()) {
        "# HIDDEN: The Secret output has been suppressed"
    } else {
        &object.text
    }
}

/// What a new revision is made of.
pub struct NewRevision<'a> {
    /// Name of the release.
    pub name: &'a str,
    /// Its namespace.
    pub namespace: &'a str,
    /// Number of the revision.
    pub revision: u64,
    /// State to begin with.
    pub status: Status,
    /// What happens, in a sentence.
    pub description: &'a str,
    /// When the release was first installed; now for the first revision.
    pub first_deployed: Option<Time>,
    /// The user's values.
    pub config: Map,
    /// What was rendered.
    pub rendered: &'a Rendered,
    /// Leave the content of secrets out, for dry runs.
    pub hide_secrets: bool,
    /// How objects are applied.
    pub method: ApplyMethod,
}

/// Begins to make the payload of a new revision, when it is going to be written.
pub fn middle_ahead(release: &Release, dry_run: DryRun) -> Middle {
    if dry_run == DryRun::None { Middle::ahead(release) } else { Middle::default() }
}

/// The record of a new revision.
pub fn new_revision(host: &Host, new: NewRevision<'_>) -> Release {
    let now = now(host);
    let hooks = new.rendered.manifest.hooks.iter();
    Release {
        name: new.name.to_string(),
        info: Info {
            first_deployed: Some(new.first_deployed.unwrap_or_else(|| now.clone())),
            last_deployed: Some(now),
            deleted: None,
            description: new.description.to_string(),
            status: new.status,
            rollback_revision: 0,
            notes: new.rendered.notes.clone().unwrap_or_default(),
        },
        chart: recorded_chart(&new.rendered.chart),
        config: if new.config.is_empty() { Value::Null } else { Value::Map(new.config) },
        manifest: if new.hide_secrets { without_secrets(new.rendered) } else { new.rendered.manifest.text() },
        hooks: hooks.map(|hook| recorded_hook(hook, new.hide_secrets)).collect(),
        version: new.revision,
        namespace: new.namespace.to_string(),
        apply_method: Some(new.method),
        labels: std::collections::BTreeMap::new(),
        plan: None,
    }
}
