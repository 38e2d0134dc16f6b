//! `bowline get`: what is recorded of a release.

pub mod all;
pub mod hooks;
pub mod manifest;
pub mod metadata;
pub mod notes;
pub mod values;

use clap::Args;

use super::{Body, Verb};
use crate::cli::error::Failure;
use crate::cli::parse;
use crate::cli::settings::Session;
use crate::ops::query;
use crate::release::Release;

/// The entry of the command table.
pub const VERB: Verb = Verb {
    name: "get",
    aliases: &[],
    about: "Print what is recorded of a release",
    long: "\
Prints what is recorded of a release: its values, manifest, hooks, notes and metadata. `get RELEASE` is `get all`, as
in Helm 2.",
    examples: "\
bowline get values web
bowline get manifest web --revision 2",
    positionals: "",
    exclusive: &[],
    body: Body::Group {
        verbs: &[
            &all::VERB,
            &hooks::VERB,
            &manifest::VERB,
            &metadata::VERB,
            &notes::VERB,
            &values::VERB,
        ],
        fallback: Some(&all::VERB),
    },
};

/// Which revision of which release.
#[derive(Debug, Clone, Args)]
pub struct RevisionArgs {
    /// The release
    #[arg(value_name = "RELEASE")]
    pub release: String,
    /// The revision; 0 for the newest
    #[arg(long, default_value = "0", value_parser = parse::integer, value_name = "N")]
    pub revision: i64,
}

/// Which revision of which release.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RevisionOptions {
    /// The release.
    pub release: String,
    /// Its namespace.
    pub namespace: String,
    /// The revision; the newest when `None`.
    pub revision: Option<u32>,
}

impl RevisionArgs {
    /// What the flags mean.
    ///
    /// # Errors
    /// The revision is negative, or the namespace cannot be found out.
    pub fn resolve(self, session: &Session) -> Result<RevisionOptions, Failure> {
        let revision = u32::try_from(self.revision)
            .map_err(|_| Failure::usage(format!("invalid revision {}", self.revision)))?;
        Ok(RevisionOptions {
            namespace: session.namespace()?,
            release: self.release,
            revision: Some(revision).filter(|revision| *revision > 0),
        })
    }
}

/// The revision that the flags name.
///
/// # Errors
/// There is no such release or revision, or the store cannot be read.
pub(crate) fn release(session: &Session, options: &RevisionOptions) -> Result<Release, Failure> {
    let store = session.store()?;
    let target = store.target(&options.namespace);
    session.with_context(|context| {
        query::release(context, target, &options.release, options.revision.map(u64::from))
    })
}
