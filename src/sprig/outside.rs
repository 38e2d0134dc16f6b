//! What functions get from the world outside a template: the clock, randomness, the zone, and a cache of patterns.
//!
//! An engine that executes templates with this library passes an [`Outside`] as host data.
//!
//! Invariant: no function of the library reads the clock or randomness but through here.

use std::any::Any;
use std::collections::HashMap;
use std::rc::Rc;

use regex::Regex;

use crate::data::time::{Time, Zone};
use crate::gotpl::{Ctx, FuncError};
use crate::sys::Host;

/// The world as one execution sees it.
pub struct Outside {
    /// Clock and randomness.
    pub host: Host,
    /// The zone that Go calls local.
    pub local: Zone,
    /// What the engine's own functions need; the library never looks into it.
    pub engine: Box<dyn Any>,
    /// Compiled patterns, and the messages of those that do not compile.
    pub(super) patterns: HashMap<String, Result<Rc<Regex>, String>>,
}

impl Outside {
    /// The world of a host; `engine` is for the engine's own functions.
    pub fn new(host: &Host, engine: Box<dyn Any>) -> Self {
        let local = Zone::local(host.env.get("TZ").map(String::as_str));
        Outside { host: host.clone(), local, engine, patterns: HashMap::new() }
    }

    /// The moment, in the local zone.
    pub fn now(&self) -> Time {
        Time::from_system(self.host.now(), self.local.clone())
    }

    /// Random bytes.
    ///
    /// # Errors
    /// The operating system's source cannot be read.
    pub fn random(&self, length: usize) -> Result<Vec<u8>, FuncError> {
        let mut bytes = vec![0; length];
        self.host.random.fill(&mut bytes).map_err(|error| FuncError::new(error.to_string()))?;
        Ok(bytes)
    }
}

/// The world of an execution.
///
/// # Errors
/// The execution was started without one.
pub(super) fn outside<'c>(ctx: &'c mut Ctx<'_>) -> Result<&'c mut Outside, FuncError> {
    ctx.host::<Outside>().ok_or_else(|| FuncError::new("the execution has neither clock nor randomness"))
}
