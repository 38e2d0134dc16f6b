//! What a function can do besides looking at its arguments: call templates, use host data, spend steps.
//!
//! Invariant: a function reaches the running execution only through [`Ctx`].

use std::any::Any;
use std::sync::Arc;

use super::error::{FuncError, Limit, TemplateError};
use super::value::Val;

/// The running execution as a function sees it.
pub struct Ctx<'a> {
    host: &'a mut dyn Any,
    engine: &'a mut dyn Engine,
}

/// The calls that the executor offers to functions.
pub(crate) trait Engine {
    fn execute(&mut self, host: &mut dyn Any, name: &str, data: Val) -> Result<Vec<u8>, TemplateError>;
    fn execute_text(
        &mut self,
        host: &mut dyn Any,
        name: &str,
        text: Arc<str>,
        data: Val,
    ) -> Result<Vec<u8>, TemplateError>;
    fn has_template(&self, name: &str) -> bool;
    fn spend(&mut self, steps: u64) -> Result<(), Limit>;
    fn size_limit(&self) -> usize;
}

impl<'a> Ctx<'a> {
    pub(crate) fn new(host: &'a mut dyn Any, engine: &'a mut dyn Engine) -> Self {
        Ctx { host, engine }
    }

    /// The data that the host passed to the execution (clock, randomness, counters), if it is a `T`.
    pub fn host<T: 'static>(&mut self) -> Option<&mut T> {
        self.host.downcast_mut()
    }

    /// Whether a template of this name is defined in the set.
    pub fn has_template(&self, name: &str) -> bool {
        self.engine.has_template(name)
    }

    /// Executes a defined template on data and returns what it wrote: the core of `include`.
    ///
    /// # Errors
    /// The template does not exist or fails; the error has its own place. Wrap it in [`FuncError::Nested`].
    pub fn execute(&mut self, name: &str, data: Val) -> Result<Vec<u8>, TemplateError> {
        self.engine.execute(self.host, name, data)
    }

    /// Parses a text as a template called `name` in a copy of the set and executes it: the core of `tpl`. Templates
    /// that the text defines are visible only to it and to what it calls.
    ///
    /// # Errors
    /// The text does not parse, or fails when executed.
    pub fn execute_text(
        &mut self,
        name: &str,
        text: impl Into<Arc<str>>,
        data: Val,
    ) -> Result<Vec<u8>, TemplateError> {
        self.engine.execute_text(self.host, name, text.into(), data)
    }

    /// Spends steps for work that grows with the input (loops over ranges, pads, repeats): call it before the work.
    pub fn spend(&mut self, steps: u64) -> Result<(), FuncError> {
        Ok(self.engine.spend(steps)?)
    }

    /// Checks that a value of this many bytes may be built; call it before building one whose size an argument sets.
    pub fn allow_size(&mut self, bytes: usize) -> Result<(), FuncError> {
        let max = self.engine.size_limit();
        if bytes > max { Err(FuncError::Limit(Limit::Size(max))) } else { self.spend(bytes as u64 / 64) }
    }
}
