//! What can go wrong in a verb.
//!
//! Texts that begin a message are Helm's where Helm has the case.

use crate::chart::error::ChartError;
use crate::cluster::StoreError;
use crate::cluster::live::Request;
use crate::diag::{Diagnostic, Hint};
use crate::manifest::{ManifestError, ObjectRef};
use crate::package::PackageError;
use crate::package::provenance::ProvenanceError;
use crate::plan::immutable::{self, Immutable};
use crate::plan::{PlanError, Step};
use crate::release::ReleaseError;
use crate::render::RenderError;
use crate::sys::fs::FsError;
use crate::sys::process::ProcessError;
use crate::values::ValuesError;

/// An error of a verb.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpsError {
    /// The chart cannot be read.
    #[error(transparent)]
    Chart(#[from] ChartError),
    /// The values are wrong.
    #[error(transparent)]
    Values(#[from] ValuesError),
    /// Templates cannot be rendered.
    #[error(transparent)]
    Render(#[from] RenderError),
    /// What templates wrote is no manifest.
    #[error(transparent)]
    Manifest(#[from] ManifestError),
    /// A release cannot be called so.
    #[error("release name check failed: {source}")]
    Name {
        /// Why not.
        source: ManifestError,
    },
    /// The change cannot be planned.
    #[error("unable to continue with {verb}: {source}")]
    Plan {
        /// `install` or `update`.
        verb: &'static str,
        /// Why.
        source: PlanError,
    },
    /// The store refused.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The record is missing, held by somebody, or damaged.
    #[error(transparent)]
    Release(#[from] ReleaseError),
    /// A saved plan is not carried out.
    #[error(transparent)]
    SavedPlan(#[from] super::saved::SavedPlanError),
    /// A file cannot be read or written.
    #[error(transparent)]
    File(#[from] FsError),
    /// A reference leads to no chart.
    #[error(transparent)]
    Fetch(#[from] crate::fetch::FetchError),
    /// A repository has a problem.
    #[error(transparent)]
    Repository(#[from] crate::repo::RepoError),
    /// An OCI registry has a problem.
    #[error(transparent)]
    Registry(Box<crate::registry::RegistryError>),
    /// A chart cannot be packaged.
    #[error(transparent)]
    Package(#[from] PackageError),
    /// A name, a flag or a combination is not acceptable. The text says all.
    #[error("{message}")]
    Refused {
        /// What, in Helm's words where it has them.
        message: String,
        /// What to do instead.
        hint: Option<String>,
    },
    /// A change failed after its record was made; what was done about it is in the text.
    #[error("release {release} failed, and has been {undone} due to rollback-on-failure being set: {source}")]
    Undone {
        /// The release.
        release: String,
        /// `uninstalled` or `rolled back`.
        undone: &'static str,
        /// What failed.
        source: Box<OpsError>,
    },
    /// A change failed after its record was made, and so did what was to be done about it. The text is Helm's.
    #[error("an error occurred while {doing} the release. original {verb} error: {source}: {second}")]
    NotUndone {
        /// `uninstalling` or `rolling back`.
        doing: &'static str,
        /// `install` or `upgrade`.
        verb: &'static str,
        /// What failed first.
        source: Box<OpsError>,
        /// What failed then.
        second: Box<OpsError>,
    },
    /// A definition of crds/ cannot be made or changed.
    #[error("failed to install CRD {id}: {source}")]
    Definition {
        /// The definition.
        id: Box<ObjectRef>,
        /// Why.
        source: StoreError,
    },
    /// Some objects could not be written.
    #[error("{}", told_all(errors))]
    Objects {
        /// Why, one for each.
        errors: Vec<NotWritten>,
        /// How many objects are as they should be.
        done: usize,
        /// Of how many.
        total: usize,
    },
    /// Some objects of an uninstalled release could not be deleted.
    #[error("{}", told_all(errors))]
    NotDeleted {
        /// Why, one for each.
        errors: Vec<StoreError>,
        /// How many objects are gone.
        done: usize,
        /// Of how many.
        total: usize,
    },
    /// An uninstall deleted the objects and the records; what followed went wrong. The text is Helm's.
    #[error("uninstallation completed with {} error(s): {}", errors.len(), joined(errors))]
    Afterwards {
        /// The release.
        release: String,
        /// What went wrong.
        errors: Vec<OpsError>,
    },
    /// Objects did not become what they should. The lines are Helm's.
    #[error("{}{}", lines.join("\n"), if *timed_out { "\ncontext deadline exceeded" } else { "" })]
    NotReady {
        /// What is missing of each.
        lines: Vec<String>,
        /// Why their pods do not come up.
        troubles: Vec<String>,
        /// Whether the time was over.
        timed_out: bool,
    },
    /// A hook failed.
    #[error("{prefix}{source}")]
    Hook {
        /// `failed pre-install: `.
        prefix: String,
        /// Why.
        source: Box<OpsError>,
    },
    /// The post-renderer failed. The words before are Helm's.
    #[error("error while running post render on files: {source}")]
    PostRender {
        /// How.
        source: Box<ProcessError>,
    },
    /// The user interrupted.
    #[error("{done}: interrupted")]
    Interrupted {
        /// What was done until then.
        done: String,
    },
}

/// An object that could not be written, or not be deleted because the new manifest no longer has it. The words before a
/// failed server-side apply are Helm's.
#[derive(Debug, thiserror::Error)]
#[error("{}", self.text())]
pub struct NotWritten {
    /// The object.
    id: ObjectRef,
    /// Whether the server was asked to merge it.
    applied: bool,
    /// Why.
    source: StoreError,
    /// The same in terms of the chart, when it is a field that nobody may change.
    immutable: Option<Immutable>,
}

impl NotWritten {
    pub(super) fn new(request: &Request, step: &Step, source: StoreError) -> Self {
        let applied = matches!(request, Request::Apply { .. });
        let immutable = immutable::explain(step, &source);
        NotWritten { id: step.id.clone(), applied, source: immutable::shortened(source), immutable }
    }

    /// Whether it is that object.
    pub(super) fn is(&self, id: &ObjectRef) -> bool {
        self.id == *id
    }

    fn hints(&self) -> Vec<String> {
        self.immutable.as_ref().map_or_else(|| self.source.hints(), |immutable| immutable.hints.clone())
    }

    fn text(&self) -> String {
        let said = self.said();
        self.immutable.as_ref().map_or(said.clone(), |immutable| format!("{said} ({})", immutable.what))
    }

    fn said(&self) -> String {
        let Some((is_conflict, reason)) = self.source.about_its_object().filter(|_| self.applied) else {
            return self.source.to_string();
        };
        let ObjectRef { group, version, kind, namespace, name } = &self.id;
        let place = if namespace.is_empty() { name.clone() } else { format!("{namespace}/{name}") };
        let begin = if is_conflict {
            "conflict occurred while applying object"
        } else {
            "server-side apply failed for object"
        };
        format!("{begin} {place} {group}/{version}, Kind={kind}: {reason}")
    }
}

impl From<crate::registry::RegistryError> for OpsError {
    fn from(error: crate::registry::RegistryError) -> Self {
        OpsError::Registry(Box::new(error))
    }
}

/// Where more is told about objects that were not ready.
const WHY: &str = "`bowline why RELEASE` shows conditions, events and logs of what was not ready";

/// Advice that says that nothing was changed, for a moment in which that does not hold any more.
fn some_changed(hint: &str) -> String {
    let rest = hint.strip_prefix("nothing was changed; ").unwrap_or(hint);
    rest.strip_suffix("; nothing was changed").unwrap_or(rest).to_string()
}

fn joined(errors: &[OpsError]) -> String {
    errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}

fn told_all(errors: &[impl ToString]) -> String {
    errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}

impl From<ProvenanceError> for OpsError {
    fn from(error: ProvenanceError) -> Self {
        OpsError::Package(error.into())
    }
}

impl OpsError {
    /// Whether an archive was refused because its signature is missing or not valid.
    pub fn is_unverified(&self) -> bool {
        let error = match self {
            OpsError::Package(error) => Some(error),
            OpsError::Fetch(error) => error.package_error(),
            _ => None,
        };
        matches!(error, Some(PackageError::Provenance(error)) if error.is_unverified())
    }

    /// A refusal without advice.
    pub(crate) fn refused(message: impl Into<String>) -> Self {
        OpsError::Refused { message: message.into(), hint: None }
    }

    /// A refusal with advice.
    pub(crate) fn refused_with(message: impl Into<String>, hint: impl Into<String>) -> Self {
        OpsError::Refused { message: message.into(), hint: Some(hint.into()) }
    }

    /// Whether it is the user who ended it.
    pub(super) fn is_interrupted(&self) -> bool {
        match self {
            OpsError::Interrupted { .. } => true,
            OpsError::Hook { source, .. } => source.is_interrupted(),
            _ => false,
        }
    }

    fn inner(&self) -> Option<&dyn Hint> {
        Some(match self {
            OpsError::Chart(error) => error,
            OpsError::Values(error) => error,
            OpsError::Render(error) => error,
            OpsError::Manifest(error) => error,
            OpsError::Name { source } => source,
            OpsError::Plan { source, .. } => source,
            OpsError::Store(error) => error,
            OpsError::Release(error) => error,
            OpsError::SavedPlan(error) => error,
            OpsError::File(error) => error,
            OpsError::Fetch(error) => error,
            OpsError::Repository(error) => error,
            OpsError::Registry(error) => error.as_ref(),
            OpsError::Package(error) => error,
            OpsError::Undone { source, .. }
            | OpsError::NotUndone { source, .. }
            | OpsError::Hook { source, .. } => source.as_ref(),
            OpsError::Definition { source, .. } => source,
            OpsError::Objects { errors, .. } => &errors.first()?.source,
            OpsError::NotDeleted { errors, .. } => errors.first()?,
            OpsError::PostRender { source } => source.as_ref(),
            OpsError::NotReady { .. }
            | OpsError::Afterwards { .. }
            | OpsError::Refused { .. }
            | OpsError::Interrupted { .. } => {
                return None;
            }
        })
    }
}

impl Hint for OpsError {
    fn hints(&self) -> Vec<String> {
        match self {
            OpsError::Refused { hint, .. } => hint.iter().cloned().collect(),
            OpsError::Objects { errors, done, total } => {
                let so_far = if done == total {
                    "the objects of the chart were written, not all that it no longer has were deleted"
                        .to_string()
                } else {
                    format!("{done} of {total} objects are as the chart wants them")
                };
                let mut hints = vec![format!("{so_far}; the revision is recorded as failed")];
                for hint in errors.iter().flat_map(NotWritten::hints).map(|hint| some_changed(&hint)) {
                    if !hints.contains(&hint) {
                        hints.push(hint);
                    }
                }
                hints
            }
            OpsError::NotReady { troubles, .. } => {
                troubles.iter().cloned().chain(std::iter::once(WHY.to_string())).collect()
            }
            OpsError::NotDeleted { errors, done, total } => {
                let mut hints = vec![format!(
                    "{done} of {total} objects were deleted; the next uninstall goes on from here"
                )];
                hints.extend(errors.iter().flat_map(Hint::hints).map(|hint| some_changed(&hint)));
                hints.dedup();
                hints
            }
            OpsError::Afterwards { release, errors } => {
                let hints = errors.iter().flat_map(Hint::hints).filter(|hint| hint != WHY);
                let hints = hints.map(|hint| some_changed(&hint));
                let left = errors.iter().any(|error| matches!(error, OpsError::NotReady { .. }));
                let done = if left {
                    format!(
                        "every object of {release} was told to go; what still exists waits for its finalizers or its \
                         dependents: `kubectl get KIND NAME -o yaml` shows them in metadata.finalizers"
                    )
                } else {
                    format!("the objects of {release} were deleted")
                };
                hints.chain(std::iter::once(done)).collect()
            }
            OpsError::Hook { source, .. }
                if matches!(**source, OpsError::Store(StoreError::Fields { .. })) =>
            {
                vec![
                    "a hook takes over nothing that others manage: rename it, or give it the delete policy before-hook-creation \
                     if the object that is there may go"
                        .to_string(),
                ]
            }
            // It runs in the middle of an operation.
            OpsError::Hook { source, .. } => source.hints().iter().map(|hint| some_changed(hint)).collect(),
            OpsError::NotUndone { source, second, .. } => {
                let mut hints = source.hints();
                hints.extend(second.hints().into_iter().filter(|hint| hint != WHY));
                hints.dedup();
                hints
            }
            // Its records are gone.
            OpsError::Undone { undone: "uninstalled", source, .. } => {
                source.hints().into_iter().filter(|hint| hint != WHY).collect()
            }
            other => other.inner().map(Hint::hints).unwrap_or_default(),
        }
    }

    fn diagnostic(&self) -> Option<&Diagnostic> {
        self.inner()?.diagnostic()
    }

    fn others(&self) -> Vec<&Diagnostic> {
        self.inner().map(Hint::others).unwrap_or_default()
    }
}
