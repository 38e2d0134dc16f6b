//! Hooks: objects that run around an operation instead of belonging to the release.
//!
//! Source of the rules: Helm 4.3.1. Invariant: an object with one event that is not known is neither a hook nor part of
//! the release; it is dropped, and that is told.

use std::fmt;

use super::Object;

/// The annotation that makes an object a hook: a comma list of events.
pub const EVENTS_ANNOTATION: &str = "helm.sh/hook";
/// The annotation with the weight.
pub const WEIGHT_ANNOTATION: &str = "helm.sh/hook-weight";
/// The annotation with the delete policies.
pub const DELETE_ANNOTATION: &str = "helm.sh/hook-delete-policy";
/// The annotation with the policies for printing logs.
pub const OUTPUT_ANNOTATION: &str = "helm.sh/hook-output-log-policy";

/// When a hook runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Event {
    /// Before the objects of an install are created.
    PreInstall,
    /// After an install.
    PostInstall,
    /// Before an uninstall.
    PreDelete,
    /// After an uninstall.
    PostDelete,
    /// Before an upgrade.
    PreUpgrade,
    /// After an upgrade.
    PostUpgrade,
    /// Before a rollback.
    PreRollback,
    /// After a rollback.
    PostRollback,
    /// When the release is tested.
    Test,
}

/// All spellings of events; `test-success` is Helm 2's name for a test.
const EVENTS: [(&str, Event); 10] = [
    ("pre-install", Event::PreInstall),
    ("post-install", Event::PostInstall),
    ("pre-delete", Event::PreDelete),
    ("post-delete", Event::PostDelete),
    ("pre-upgrade", Event::PreUpgrade),
    ("post-upgrade", Event::PostUpgrade),
    ("pre-rollback", Event::PreRollback),
    ("post-rollback", Event::PostRollback),
    ("test", Event::Test),
    ("test-success", Event::Test),
];

impl Event {
    /// The event of an annotation's word (trimmed and in lower case already).
    pub fn parse(word: &str) -> Option<Self> {
        EVENTS.iter().find(|(name, _)| *name == word).map(|(_, event)| *event)
    }

    /// The name as release records have it: `pre-install`.
    pub fn name(self) -> &'static str {
        EVENTS.iter().find(|(_, event)| *event == self).map_or("", |(name, _)| name)
    }
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The policy that deletes the previous object before a hook is created; the default when none is given.
pub const BEFORE_CREATION: &str = "before-hook-creation";
/// The policy (for deletion and for logs) when a hook has succeeded.
pub const SUCCEEDED: &str = "hook-succeeded";
/// The policy (for deletion and for logs) when a hook has failed.
pub const FAILED: &str = "hook-failed";

/// An object that runs at events.
#[derive(Debug, Clone)]
pub struct Hook {
    /// The object.
    pub object: Object,
    /// When it runs, in the order of the annotation.
    pub events: Vec<Event>,
    /// Lower weights run first.
    pub weight: i64,
    /// When the object is deleted, as written (lower case); words that are not known do nothing.
    pub delete_policies: Vec<String>,
    /// When its logs are printed, as written (lower case).
    pub output_log_policies: Vec<String>,
}

/// What the annotations make of an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Role {
    /// Part of the release.
    Plain,
    /// A hook for these events.
    Hook(Vec<Event>),
    /// Dropped: the annotation, as written, names an event that nobody knows.
    Unknown(String),
}

/// What an object is, by its annotation.
pub(super) fn role(events: Option<&str>) -> Role {
    let Some(list) = events else { return Role::Plain };
    let mut found = Vec::new();
    for word in words(list) {
        match Event::parse(&word) {
            Some(event) => found.push(event),
            None => return Role::Unknown(list.to_string()),
        }
    }
    Role::Hook(found)
}

/// The words of a comma list, trimmed and in lower case.
fn words(list: &str) -> impl Iterator<Item = String> {
    list.split(',').map(|word| word.trim().to_lowercase())
}

impl Hook {
    pub(super) fn new(object: Object, events: Vec<Event>) -> Self {
        let list = |key| object.annotation(key).map(|list| words(&list).collect()).unwrap_or_default();
        let weight = object.annotation(WEIGHT_ANNOTATION).and_then(|weight| weight.parse().ok());
        Hook {
            events,
            weight: weight.unwrap_or(0),
            delete_policies: list(DELETE_ANNOTATION),
            output_log_policies: list(OUTPUT_ANNOTATION),
            object,
        }
    }

    /// Whether the hook runs at an event.
    pub fn runs_at(&self, event: Event) -> bool {
        self.events.contains(&event)
    }

    /// Whether the object is deleted by a policy; [`BEFORE_CREATION`] holds when no policy is given.
    pub fn has_delete_policy(&self, policy: &str) -> bool {
        if self.delete_policies.is_empty() {
            return policy == BEFORE_CREATION;
        }
        self.delete_policies.iter().any(|given| given == policy)
    }
}

/// The hooks of an event in the order in which they run: by weight, then by name, then as they stand.
pub fn at_event(hooks: &[Hook], event: Event) -> Vec<&Hook> {
    let mut found: Vec<&Hook> = hooks.iter().filter(|hook| hook.runs_at(event)).collect();
    found.sort_by(|a, b| (a.weight, &a.object.id.name).cmp(&(b.weight, &b.object.id.name)));
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_unknown_event_drops_the_object() {
        assert_eq!(role(None), Role::Plain);
        assert_eq!(
            role(Some(" Pre-Install ,test-success")),
            Role::Hook(vec![Event::PreInstall, Event::Test])
        );
        for list in ["", "crd-install", "pre-install,", "pre-install,test-failure"] {
            assert_eq!(role(Some(list)), Role::Unknown(list.to_string()));
        }
        for (name, event) in EVENTS {
            assert_eq!(Event::parse(name), Some(event));
        }
        assert_eq!(Event::Test.to_string(), "test");
    }
}
