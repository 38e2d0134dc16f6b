//! A step of a plan as a request to a cluster.
//!
//! Invariant: pure; a step that changes nothing gives no request.

use super::{Action, Step};
use crate::cluster::apply;
use crate::cluster::live::{Propagation, Request};

/// How objects that are there are changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// By server-side apply.
    Server {
        /// Take over fields that others manage.
        force: bool,
    },
    /// By a patch from the live object to what a three-way merge makes of it.
    Client,
    /// By writing the manifest's object in their place.
    Replace,
}

/// The request that carries a step out; `None` when there is nothing to do.
pub fn request(step: &Step, method: Method) -> Option<Request> {
    match step.action {
        Action::Unchanged | Action::Keep => None,
        Action::Delete => Some(Request::Delete { id: step.id.clone(), propagation: Propagation::Background }),
        Action::Create => {
            let body = step.body.clone()?;
            Some(match method {
                Method::Server { .. } => Request::Apply { body, force: false },
                Method::Client | Method::Replace => Request::Create { body },
            })
        }
        Action::Update | Action::Adopt => changed(step, method),
    }
}

fn changed(step: &Step, method: Method) -> Option<Request> {
    Some(match method {
        Method::Server { force } => Request::Apply { body: step.wanted.clone()?, force },
        Method::Replace => Request::Replace { body: step.body.clone()?, expected: step.expected },
        Method::Client => {
            let patch = apply::merge_patch(step.live.as_ref()?, step.body.as_ref()?)?;
            Request::Patch { id: step.id.clone(), patch, expected: step.expected }
        }
    })
}
