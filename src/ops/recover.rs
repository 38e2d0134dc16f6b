//! Recover: ends what somebody left under way who cannot say so any more.
//!
//! What bowline left has a lease, and is taken over by any command once that is over. A pending record of Helm has none:
//! only its user knows that nobody is at it any more, and says so with this verb.
//!
//! Invariant: a live lease is never broken; objects are not touched.

use std::time::Duration;

use super::change::Target;
use super::{Context, OpsError};
use crate::manifest;
use crate::release::lock::{self, Takeover};
use crate::release::{Holder, ReleaseError, Terms};

/// Marks what was abandoned as failed, when it is older than `older_than`. `None` when nothing was under way.
///
/// # Errors
/// There is no such release, somebody still works on it, or it is too young.
pub fn recover(
    context: &Context<'_>,
    target: Target<'_>,
    name: &str,
    older_than: Duration,
) -> Result<Option<Takeover>, OpsError> {
    manifest::check_release(name)?;
    let history = target.history(context);
    // What cannot be read cannot be marked; the error tells the ways on.
    if history.look(name)?.last()?.is_none() {
        return Err(ReleaseError::NotFound { name: name.to_string(), revision: None }.into());
    }
    let holder = Holder::of(context.host);
    let terms = Terms { abandoned_after: Some(older_than), ..Terms::new(&holder) };
    Ok(lock::clear(&history, name, &terms)?)
}
