//! The running execution: its limits, its host data, and what a function can do with it.
//!
//! Invariant: a function reaches the execution only through [`Ctx`], and every template call and every large piece of
//! work passes here to be counted.

use std::any::Any;
use std::collections::HashMap;
use std::sync::Arc;

use crate::diag::SourceFile;

use super::error::{FuncError, Limit, TemplateError};
use super::exec;
use super::format::{MAX_DEPTH, MAX_NODES};
use super::funcs::{FuncTable, HostData};
use super::set::{Limits, Options, ParsedFile, Recorder, Set};
use super::value::Val;

/// How deep functions may call templates (`include`, `tpl`) in all. The error of each level holds the text of those below
/// it, so the memory for them grows with the square of the depth. Two templates that include each other still reach
/// Helm's own bound of a thousand for each.
const MAX_CAPTURES: usize = 2_100;

/// One execution, as functions see it.
pub struct Ctx<'h> {
    pub(super) options: Options,
    pub(super) set: Set,
    pub(super) recorder: Option<&'h mut dyn Recorder>,
    /// Nested template calls.
    pub(super) depth: usize,
    /// How many functions are collecting the output of a template.
    pub(super) captures: usize,
    host: HostData<'h>,
    /// Steps left.
    fuel: u64,
    /// Address of the stack where execution began.
    base: usize,
    /// Texts that were executed and what they parse to. Charts give the same few texts to `tpl` over and over: in a chart
    /// of 100 subcharts with 40 calls each, parsing them anew was a seventh of all the work.
    parsed: HashMap<Arc<str>, ParsedFile>,
}

/// How many parsed texts are kept, and how long one may be; beyond that they are parsed again.
const KEPT_TEXTS: usize = 256;
const KEPT_LENGTH: usize = 4096;

/// Takes the parts of a value off `left`; false when they do not suffice. What is nested deeper than any function goes
/// counts no more: those functions have errors of their own for it.
fn weigh(value: &Val, depth: usize, left: &mut usize) -> bool {
    let Some(less) = left.checked_sub(1) else { return false };
    *left = less;
    if depth > MAX_DEPTH {
        return true;
    }
    match value {
        Val::List(list) => list.to_vec().iter().all(|item| weigh(item, depth + 1, left)),
        Val::Map(map) => map.entries().iter().all(|(_, item)| weigh(item, depth + 1, left)),
        _ => true,
    }
}

/// Roughly where the stack ends now.
#[inline(never)]
fn stack_address() -> usize {
    let marker = 0_u8;
    std::hint::black_box(&raw const marker).addr()
}

impl<'h> Ctx<'h> {
    /// An execution that has not begun. Functions can be called with it directly, which is how they are tested.
    pub fn new(
        set: &Set,
        options: &Options,
        host: HostData<'h>,
        recorder: Option<&'h mut dyn Recorder>,
    ) -> Self {
        Ctx {
            options: *options,
            set: set.clone(),
            recorder,
            depth: 0,
            captures: 0,
            host,
            fuel: options.limits.steps,
            base: stack_address(),
            parsed: HashMap::new(),
        }
    }

    /// Calls `work` with an execution that has only the built-ins and no templates: for tests of functions.
    pub fn bare<T>(host: &mut dyn Any, work: impl FnOnce(&mut Ctx<'_>) -> T) -> T {
        let set = Set::new("bare", FuncTable::builtins());
        work(&mut Ctx::new(&set, &Options::default(), host, None))
    }

    /// The data that the host passed to the execution (clock, randomness, counters), if it is a `T`.
    pub fn host<T: 'static>(&mut self) -> Option<&mut T> {
        self.host.downcast_mut()
    }

    /// The templates of the execution; inside a text executed with [`Ctx::execute_text`] also those it defines.
    pub fn set(&self) -> &Set {
        &self.set
    }

    /// The bounds of the execution.
    pub fn limits(&self) -> &Limits {
        &self.options.limits
    }

    /// Whether a template of this name is defined in the set.
    pub fn has_template(&self, name: &str) -> bool {
        self.set.get(name).is_some()
    }

    /// Executes a defined template on data and returns what it wrote: the core of `include`.
    ///
    /// # Errors
    /// The template does not exist or fails; the error has its own place. Wrap it in [`FuncError::Nested`].
    pub fn execute(&mut self, name: &str, data: Val) -> Result<Vec<u8>, Box<TemplateError>> {
        self.captured(|ctx| exec::execute(ctx, name, data))
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
    ) -> Result<Vec<u8>, Box<TemplateError>> {
        let parsed = self.parsed(name, text.into())?;
        let inner = self.set.with_overlay(&parsed);
        let outer = std::mem::replace(&mut self.set, inner);
        // Not by name: a blank text does not replace a template that is called the same.
        let result = match parsed.templates.first() {
            Some(main) => self.captured(|ctx| exec::execute_template(ctx, main, data)),
            None => Ok(Vec::new()),
        };
        self.set = outer;
        result
    }

    /// A text parsed, or what it parsed to the last time.
    fn parsed(&mut self, name: &str, text: Arc<str>) -> Result<ParsedFile, Box<TemplateError>> {
        let known = self.parsed.get(&text);
        // A text knows the name that it was parsed under: it is that of its own template.
        if let Some(known) =
            known.filter(|known| known.templates.first().is_some_and(|main| *main.file_name == *name))
        {
            return Ok(known.clone());
        }
        let file = SourceFile::new(name, Arc::clone(&text));
        let parsed = ParsedFile::parse(name, &file, self.set.funcs())
            .map_err(|error| Box::new(TemplateError::Parse(error)))?;
        if self.parsed.len() < KEPT_TEXTS && text.len() <= KEPT_LENGTH {
            self.parsed.insert(text, parsed.clone());
        }
        Ok(parsed)
    }

    /// Runs a template whose output goes to a function.
    fn captured(
        &mut self,
        run: impl FnOnce(&mut Self) -> exec::Eval<Vec<u8>>,
    ) -> Result<Vec<u8>, Box<TemplateError>> {
        if self.captures >= MAX_CAPTURES {
            let limit = exec::too_many_captures(self, MAX_CAPTURES);
            return Err(Box::new(TemplateError::Exec(*limit)));
        }
        self.captures += 1;
        if let Some(recorder) = &mut self.recorder {
            recorder.collecting();
        }
        let result = run(self);
        self.captures -= 1;
        if let Some(recorder) = &mut self.recorder {
            recorder.collected(result.as_deref().ok());
        }
        result.map_err(|error| Box::new(TemplateError::Exec(*error)))
    }

    /// Spends steps for work that grows with the input (loops over ranges, pads, repeats): call it before the work.
    pub fn spend(&mut self, steps: u64) -> Result<(), FuncError> {
        Ok(self.charge(steps)?)
    }

    /// Checks that a value of this many bytes may be built; call it before building one whose size an argument sets.
    pub fn allow_size(&mut self, bytes: usize) -> Result<(), FuncError> {
        let max = self.options.limits.value;
        if bytes > max { Err(FuncError::Limit(Limit::Size(max))) } else { self.spend(bytes as u64 / 64) }
    }

    /// Checks that a function may go through all of a value, however deep, and charges for it: call it before. A value
    /// that holds the same list many times, or itself, is small in memory and endless to write.
    pub fn weigh(&mut self, value: &Val) -> Result<(), FuncError> {
        let mut left = MAX_NODES;
        if !weigh(value, 0, &mut left) {
            return Err(FuncError::Limit(Limit::Parts(MAX_NODES)));
        }
        self.spend((MAX_NODES - left) as u64 / 4)
    }

    /// Charges for a call by the size of what goes in and comes out, so that cheap calls on large values end as well; one that
    /// `glances` goes through nothing, and may be made on a large map as often as it has entries.
    pub(super) fn charge_values(&mut self, values: &[Val], glances: bool) -> Result<(), Limit> {
        for value in values {
            let (bytes, steps) = match value {
                Val::Str(text) => (text.len(), text.len() / 64),
                Val::Bytes(bytes) => (bytes.as_slice().len(), bytes.as_slice().len() / 64),
                Val::List(list) => (list.len().saturating_mul(size_of::<Val>()), list.len() / 16),
                Val::Map(map) => (map.len().saturating_mul(size_of::<Val>()), map.len() / 16),
                _ => continue,
            };
            if bytes > self.options.limits.value {
                return Err(Limit::Size(self.options.limits.value));
            }
            if steps > 0 && !glances {
                self.charge(steps as u64)?;
            }
        }
        Ok(())
    }

    pub(super) fn charge(&mut self, steps: u64) -> Result<(), Limit> {
        if steps > self.fuel {
            self.fuel = 0;
            return Err(Limit::Steps(self.options.limits.steps));
        }
        self.fuel -= steps;
        Ok(())
    }

    /// Bytes that the running template may write. What a function collects becomes a value.
    pub(super) fn output_limit(&self) -> usize {
        let Limits { output, value, .. } = self.options.limits;
        if self.captures > 0 { output.min(value) } else { output }
    }

    /// Whether another level of recursion fits the stack.
    pub(super) fn has_stack(&self) -> bool {
        self.base.abs_diff(stack_address()) < self.options.limits.stack
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_known_under_another_name_is_parsed_again() {
        Ctx::bare(&mut (), |ctx| {
            for name in ["a", "b", "a"] {
                let error = ctx.execute_text(name, "{{ .x }}", Val::Int(1)).unwrap_err();
                assert!(error.to_string().contains(&format!("{name}:1:")), "{error}");
                assert_eq!(ctx.execute_text(name, "{{ . }}", Val::Int(2)).unwrap(), b"2");
            }
        });
    }
}
