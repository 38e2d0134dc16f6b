//! A set of templates that can call each other, and how it is executed.
//!
//! Invariant: a set is never changed by executing it; what a text executed with
//! [`Ctx::execute_text`](super::Ctx::execute_text) defines lives in an overlay that ends with the call.

use std::any::Any;
use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

use crate::diag::{SourceFile, Span};

use super::ast::Template;
use super::context::Ctx;
use super::error::{ExecError, ParseError};
use super::exec;
use super::funcs::FuncTable;
use super::parser;
use super::value::Val;

/// What a missing key of a map yields.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum MissingKey {
    /// No value at all, which further fields of the chain pass on (`missingkey=default`).
    #[default]
    Invalid,
    /// The zero value of the element type (`missingkey=zero`).
    Zero,
    /// An error (`missingkey=error`).
    Error,
}

/// Bounds of one execution. Reaching one is an error, never a wrong result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Nodes evaluated, and what functions spend on top.
    pub steps: u64,
    /// Bytes written by one template.
    pub output: usize,
    /// Bytes of one value.
    pub value: usize,
    /// Nested `{{ template }}` calls; Go allows 100,000.
    pub depth: usize,
    /// Bytes of stack that evaluation may use from where it starts. When it runs out, the depth counts as reached.
    /// The default suits a thread of 2 MiB; [`with_stack`] gives more.
    pub stack: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Limits { steps: 50_000_000, output: 256 << 20, value: 64 << 20, depth: 100_000, stack: 768 << 10 }
    }
}

/// How templates are executed.
#[derive(Clone, Copy, Debug, Default)]
pub struct Options {
    /// What a missing key yields.
    pub missing_key: MissingKey,
    /// Bounds of the execution.
    pub limits: Limits,
}

/// Runs `work` on a thread of its own with a stack of this many bytes, for templates that nest deeply. Set
/// [`Limits::stack`] to somewhat less (1 MiB less is plenty).
///
/// # Errors
/// The system cannot start a thread.
///
/// # Panics
/// Passes on a panic of `work`.
pub fn with_stack<T: Send>(bytes: usize, work: impl FnOnce() -> T + Send) -> std::io::Result<T> {
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().stack_size(bytes).spawn_scoped(scope, work)?;
        match thread.join() {
            Ok(result) => Ok(result),
            Err(panic) => std::panic::resume_unwind(panic),
        }
    })
}

/// Learns where output comes from and what is read, while a template runs.
pub trait Recorder {
    /// Bytes `output` of the current buffer are `text` and come from `span` of `file`: a piece of it, or an action. Called
    /// in the order of the output.
    fn wrote(&mut self, output: Range<usize>, text: &[u8], file: &Arc<SourceFile>, span: Span) {
        let _ = (output, text, file, span);
    }

    /// A function (`include`, `tpl`) or the caller of the set begins to collect what a template writes. Until
    /// [`Recorder::collected`] that goes to a buffer of its own.
    fn collecting(&mut self) {}

    /// The template that was begun last has ended with this text, or failed.
    fn collected(&mut self, text: Option<&[u8]>) {
        let _ = text;
    }

    /// The action at `span` of `file` calls the template `called`, which writes to the same buffer.
    fn entered(&mut self, called: &Arc<str>, file: &Arc<SourceFile>, span: Span) {
        let _ = (called, file, span);
    }

    /// The template entered last has ended.
    fn left(&mut self) {}

    /// A field was looked up on a value: by `.a.b`, once for each name. Maps can be told apart with
    /// [`Map::id`](super::Map::id).
    fn read(&mut self, receiver: &Val, name: &str, found: bool) {
        let _ = (receiver, name, found);
    }

    /// Values went into the function `by`, or into `range` or `print`, which are none.
    fn used(&mut self, by: &str, values: &[Val]) {
        let _ = (by, values);
    }
}

/// The templates of one file, parsed: immutable, to be added to any number of sets with the same functions.
#[derive(Clone, Debug)]
pub struct ParsedFile {
    pub(super) templates: Vec<Arc<Template>>,
}

impl ParsedFile {
    /// Parses a text as the template `name` and those that it defines.
    ///
    /// # Errors
    /// The text is not a template, or uses a function that is not in the table.
    pub fn parse(name: &str, file: &Arc<SourceFile>, funcs: &FuncTable) -> Result<Self, ParseError> {
        let templates = parser::parse(&Arc::from(name), file, funcs).map_err(|error| *error)?;
        Ok(ParsedFile { templates: templates.into_iter().map(Arc::new).collect() })
    }

    /// The templates, that of the file first.
    pub fn templates(&self) -> impl Iterator<Item = &Arc<Template>> {
        self.templates.iter()
    }
}

/// Named templates and the functions they call.
#[derive(Clone, Debug)]
pub struct Set {
    name: Arc<str>,
    funcs: Arc<FuncTable>,
    templates: Arc<HashMap<Arc<str>, Arc<Template>>>,
    /// Definitions of a text that is being executed; they come before those above.
    overlay: Vec<Arc<Template>>,
}

impl Set {
    /// An empty set; `name` shows in the error for a template that does not exist.
    pub fn new(name: &str, funcs: FuncTable) -> Self {
        Set {
            name: Arc::from(name),
            funcs: Arc::new(funcs),
            templates: Arc::new(HashMap::new()),
            overlay: Vec::new(),
        }
    }

    /// The name given to [`Set::new`].
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The functions.
    pub fn funcs(&self) -> &FuncTable {
        &self.funcs
    }

    /// Parses a text and adds its templates.
    ///
    /// # Errors
    /// The text is not a template.
    pub fn parse(&mut self, name: &str, file: &Arc<SourceFile>) -> Result<(), ParseError> {
        let parsed = ParsedFile::parse(name, file, &self.funcs)?;
        self.add(&parsed);
        Ok(())
    }

    /// Adds parsed templates. One replaces an earlier one of its name unless it is blank.
    pub fn add(&mut self, parsed: &ParsedFile) {
        let templates = Arc::make_mut(&mut self.templates);
        for template in &parsed.templates {
            if !(template.is_blank() && templates.contains_key(template.name())) {
                templates.insert(Arc::clone(template.name()), Arc::clone(template));
            }
        }
    }

    /// A copy that has the given templates too, without touching this set.
    pub(super) fn with_overlay(&self, parsed: &ParsedFile) -> Set {
        let mut set = self.clone();
        for template in &parsed.templates {
            if !(template.is_blank() && self.get(template.name()).is_some()) {
                set.overlay.retain(|other| other.name() != template.name());
                set.overlay.push(Arc::clone(template));
            }
        }
        set
    }

    /// The template of this name.
    pub fn get(&self, name: &str) -> Option<&Arc<Template>> {
        self.overlay.iter().find(|template| **template.name() == *name).or_else(|| self.templates.get(name))
    }

    /// All template names, in no order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        let own = self.overlay.iter().map(|template| &**template.name());
        own.chain(self.templates.keys().map(|name| &**name))
    }

    /// Executes a template on data and returns what it writes.
    ///
    /// `host` is what functions get from [`Ctx::host`](super::Ctx::host).
    ///
    /// # Errors
    /// The template does not exist, or something in it fails.
    pub fn execute<'a>(
        &self,
        name: &str,
        data: Val,
        options: &Options,
        host: &'a mut dyn Any,
        recorder: Option<&'a mut dyn Recorder>,
    ) -> Result<Vec<u8>, Box<ExecError>> {
        exec::execute(&mut Ctx::new(self, options, host, recorder), name, data)
    }
}
