//! Progress for programs: one JSON object a line.
//!
//! Invariant: every line has the same keys in the same order; a key may be added, none goes or changes its meaning.

use serde::Serialize;

use crate::manifest::ObjectRef;
use crate::ops::ObjectEvent;

/// The schema, as the help of commands with `--progress` shows it.
pub const SCHEMA: &str = "\
With --progress=json each line of standard error that begins with { is an object with these keys, null where one says
nothing:
  time             when it was told: RFC 3339, UTC
  release          name of the release
  phase            crds, apply, delete, wait, clean-up, a hook event such as pre-install or test,
                   or end
  object           what it is about: {apiVersion, kind, namespace, name}
  state            of an object: created, configured, adopted, unchanged, deleted, waiting, ready,
                   terminating, gone, failed; without one: started (a phase), doing, warning;
                   of what goes over the network, when it lasts: downloading, uploading,
                   transferred; in phase end: succeeded, failed
  reason           the cluster's word for what holds it up: ImagePullBackOff, Unschedulable,
                   CrashLoopBackOff
  message          more about it, for people
  ready, wanted    how many of its parts (pods, completions, containers) are ready, of how many
  settled, total   how many of the objects that are waited for need no more waiting, of how many
  bytes, size      how many bytes of a transfer have passed, of how many; its address is the
                   message
Keys may be added; none will go or change its meaning.";

/// One line. What is `None` is null.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Line<'a> {
    time: &'a str,
    release: Option<&'a str>,
    phase: Option<&'a str>,
    object: Option<Object<'a>>,
    state: &'a str,
    reason: Option<&'a str>,
    message: Option<&'a str>,
    ready: Option<i64>,
    wanted: Option<i64>,
    settled: Option<usize>,
    total: Option<usize>,
    bytes: Option<u64>,
    size: Option<u64>,
}

#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
struct Object<'a> {
    api_version: String,
    kind: &'a str,
    /// Null for objects of the whole cluster.
    namespace: Option<&'a str>,
    name: &'a str,
}

fn some(text: &str) -> Option<&str> {
    Some(text).filter(|text| !text.is_empty())
}

impl<'a> Object<'a> {
    fn of(id: &'a ObjectRef) -> Self {
        Object {
            api_version: id.api_version(),
            kind: &id.kind,
            namespace: some(&id.namespace),
            name: &id.name,
        }
    }
}

impl<'a> Line<'a> {
    /// A line about the work itself.
    pub fn work(
        release: Option<&'a str>,
        phase: Option<&'a str>,
        state: &'a str,
        message: Option<&'a str>,
    ) -> Self {
        Line { release, phase, state, message, ..Line::default() }
    }

    /// The line for what happened to an object.
    pub fn of(release: Option<&'a str>, phase: Option<&'a str>, event: &'a ObjectEvent) -> Self {
        Line {
            release,
            phase,
            object: Some(Object::of(&event.id)),
            state: event.what,
            reason: some(&event.reason),
            message: some(&event.message),
            ready: event.ready.map(|(ready, _)| ready),
            wanted: event.ready.map(|(_, wanted)| wanted),
            settled: event.count.map(|(settled, _)| settled),
            total: event.count.map(|(_, total)| total),
            ..Line::default()
        }
    }

    /// The same about a transfer: how many bytes have passed, and of how many when that is known.
    #[must_use]
    pub fn moved(self, bytes: u64, size: Option<u64>) -> Self {
        Line { bytes: Some(bytes), size, ..self }
    }

    /// Its text, with the time it is told.
    pub fn text(&self, time: &str) -> String {
        // Texts and numbers under keys that are texts: there is nothing that JSON cannot say.
        serde_json::to_string(&Line { time, ..self.clone() }).unwrap_or_default()
    }
}
