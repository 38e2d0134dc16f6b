//! The functions that Helm adds to the library: templates calling templates, demands on values, the cluster.
//!
//! Invariant: their state (which templates are being included, the line to the store) lives in [`HelmState`], one per run.

use std::collections::HashMap;

use crate::gotpl::{Ctx, Func, FuncError, FuncTable, GoStr, Limit, Map, TemplateError, Type, Val, quote};
use crate::render::{Options, Passed};
use crate::sprig::{self, Entry, Family, Outside, entry};

use super::desk::Line;
use super::{durations, structured};

type Answer = Result<Val, FuncError>;

const A: Type = Type::Any;
const S: Type = Type::String;
const M: Type = Type::Map(&crate::gotpl::ANY_MAP);

/// The name that `tpl` gives the text it executes.
const TPL: &str = "gotpl";

/// Helm's families beside those of the library, in the order of the reference.
pub static FAMILIES: &[Family] = &[
    Family { title: "Templates and charts", entries: ENTRIES },
    Family { title: "YAML, JSON, TOML", entries: structured::ENTRIES },
    Family { title: "Durations", entries: durations::ENTRIES },
];

static ENTRIES: &[Entry] = &[
    entry(
        Func::new("fail", &[S], S, fail),
        "Stops rendering with a message.",
        r#"{{ if false }}{{ fail "no" }}{{ end }}a → a"#,
    ),
    entry(
        Func::new("getHostByName", &[S], S, get_host_by_name),
        "An address of a host; empty unless rendering may ask the name service.",
        r#"{{ getHostByName "localhost" }} → "#,
    ),
    entry(
        Func::new("include", &[S, A], S, include),
        "What a defined template writes, as text.",
        r#"{{ define "a" }}x{{ . }}{{ end }}{{ include "a" 1 | upper }} → X1"#,
    ),
    entry(
        Func::new("lookup", &[S, S, S, S], M, lookup),
        "An object of the cluster (API version, kind, namespace, name), or a list when the name is empty; an empty map when there is none or no cluster.",
        r#"{{ lookup "v1" "Secret" "ns" "a" }} → map[]"#,
    ),
    entry(
        Func::new("required", &[S, A], A, required),
        "The value; stops with the message when it is nil or an empty text.",
        r#"{{ required "needs a" "x" }} → x"#,
    ),
    entry(
        Func::new("tpl", &[S, A], S, tpl),
        "What a text writes as a template.",
        r#"{{ tpl "{{ .a }}" (dict "a" 1) }} → 1"#,
    ),
];

/// The functions that templates of charts may call.
pub(super) fn table() -> FuncTable {
    FAMILIES.iter().fold(sprig::table(FuncTable::builtins()), |table, family| {
        table.with_all(family.entries.iter().map(|entry| &entry.func))
    })
}

/// What Helm's functions remember during a run.
pub(super) struct HelmState {
    options: Options,
    line: Option<Line>,
    /// How often each template is being included at the moment.
    included: HashMap<GoStr, usize>,
    /// How many texts are being executed by `tpl` within one another. Helm has no bound and overflows its stack.
    texts: usize,
    /// What was let pass since it was last taken.
    passed: Vec<Passed>,
    /// Files that were asked for and are not there, each with the files that are.
    missing: Vec<(GoStr, Map)>,
}

/// How many missing files of one template are told about.
const MOST_MISSING: usize = 4;

impl HelmState {
    pub(super) fn new(options: Options, line: Option<Line>) -> Self {
        HelmState {
            options,
            line,
            included: HashMap::new(),
            texts: 0,
            passed: Vec::new(),
            missing: Vec::new(),
        }
    }
}

fn state<'c>(ctx: &'c mut Ctx<'_>) -> Result<&'c mut HelmState, FuncError> {
    ctx.host::<Outside>()
        .and_then(|outside| outside.engine.downcast_mut())
        .ok_or_else(|| FuncError::new("the execution does not render a chart"))
}

/// What was let pass since the last call.
pub(super) fn take_passed(ctx: &mut Ctx<'_>) -> Vec<Passed> {
    state(ctx).map(|state| std::mem::take(&mut state.passed)).unwrap_or_default()
}

/// Notes a file that is not there: a template that fails later may fail for it.
pub(super) fn note_missing(ctx: &mut Ctx<'_>, path: &GoStr, files: &Map) {
    if let Ok(state) = state(ctx)
        && state.missing.len() < MOST_MISSING
        && state.missing.iter().all(|(known, _)| known != path)
    {
        state.missing.push((path.clone(), files.clone()));
    }
}

/// The files that were missing since the last call.
pub(super) fn take_missing(ctx: &mut Ctx<'_>) -> Vec<(GoStr, Map)> {
    state(ctx).map(|state| std::mem::take(&mut state.missing)).unwrap_or_default()
}

/// Go's text for a missing value.
pub(super) const NO_VALUE: &str = "<no value>";

/// Go's text for a missing value is not for manifests; Helm deletes it wherever it stands.
pub(super) fn without_no_value(text: &str) -> String {
    text.replace(NO_VALUE, "")
}

fn include(ctx: &mut Ctx<'_>, args: &[Val]) -> Answer {
    let [Val::Str(name), data] = args else { return Err(FuncError::arguments("include")) };
    let state = state(ctx)?;
    let most = state.options.limits.depth;
    let count = state.included.entry(name.clone()).or_insert(0);
    if *count > most {
        return Err(FuncError::new(format!(
            "rendering template has a nested reference name: {name}: unable to execute template"
        )));
    }
    *count += 1;
    let result = ctx.execute(&name.to_text(), as_dot(data));
    if let Some(count) = self::state(ctx)?.included.get_mut(name.as_bytes()) {
        *count -= 1;
    }
    match result {
        Ok(text) => Ok(Val::Str(GoStr::from(text))),
        Err(source) => Err(FuncError::Nested { text: text_of(&source), source }),
    }
}

/// The data of a template: nil is no value at all there, so that its fields are silently empty.
fn as_dot(data: &Val) -> Val {
    if data.is_nil() { Val::Missing } else { data.clone() }
}

/// The error as Go prints it, in bytes.
fn text_of(error: &TemplateError) -> GoStr {
    match error {
        TemplateError::Parse(error) => error.to_string().into(),
        TemplateError::Exec(error) => error.to_bytes().into(),
    }
}

fn tpl(ctx: &mut Ctx<'_>, args: &[Val]) -> Answer {
    let [Val::Str(text), data] = args else { return Err(FuncError::arguments("tpl")) };
    ctx.spend(1 + text.len() as u64 / 8)?;
    let state = state(ctx)?;
    let most = state.options.limits.depth;
    if state.texts >= most {
        return Err(FuncError::Limit(Limit::Depth(most)));
    }
    state.texts += 1;
    let result = ctx.execute_text(TPL, text.to_arc(), as_dot(data));
    self::state(ctx)?.texts -= 1;
    match result {
        Ok(out) => {
            let out = GoStr::from(out);
            Ok(match out.as_str() {
                Some(text) if text.contains("<no value>") => Val::str(without_no_value(text)),
                _ => Val::Str(out),
            })
        }
        Err(source) => {
            let quoted = quote(text.as_bytes());
            let what = match &*source {
                TemplateError::Parse(_) => format!("cannot parse template {quoted}: "),
                TemplateError::Exec(_) => format!("error during tpl function execution for {quoted}: "),
            };
            let text = [what.as_bytes(), text_of(&source).as_bytes()].concat();
            Err(FuncError::Nested { text: text.into(), source })
        }
    }
}

fn required(ctx: &mut Ctx<'_>, args: &[Val]) -> Answer {
    let [Val::Str(message), value] = args else { return Err(FuncError::arguments("required")) };
    let absent = value.is_nil() || value.as_str().is_some_and(GoStr::is_empty);
    match absent {
        false => Ok(value.clone()),
        true if state(ctx)?.options.lint => {
            state(ctx)?.passed.push(Passed::Required(message.to_text().into_owned()));
            Ok(Val::Str(GoStr::EMPTY))
        }
        true => Err(FuncError::Stop(message.clone())),
    }
}

fn fail(ctx: &mut Ctx<'_>, args: &[Val]) -> Answer {
    let [Val::Str(message)] = args else { return Err(FuncError::arguments("fail")) };
    if state(ctx)?.options.lint {
        state(ctx)?.passed.push(Passed::Fail(message.to_text().into_owned()));
        return Ok(Val::Str(GoStr::EMPTY));
    }
    Err(FuncError::Stop(message.clone()))
}

fn lookup(ctx: &mut Ctx<'_>, args: &[Val]) -> Answer {
    let [Val::Str(api_version), Val::Str(kind), Val::Str(namespace), Val::Str(name)] = args else {
        return Err(FuncError::arguments("lookup"));
    };
    let words = [api_version, kind, namespace, name].map(|word| word.to_text().into_owned());
    let Some(line) = &state(ctx)?.line else { return Ok(Val::map::<GoStr>([])) };
    match line.ask(words) {
        Ok(value) if value.as_map().is_some() => Ok(Val::from_data(&value)),
        Ok(_) => Ok(Val::map::<GoStr>([])),
        Err(message) => Err(FuncError::new(message)),
    }
}

fn get_host_by_name(ctx: &mut Ctx<'_>, args: &[Val]) -> Answer {
    let [Val::Str(name)] = args else { return Err(FuncError::arguments("getHostByName")) };
    if !state(ctx)?.options.enable_dns {
        return Ok(Val::Str(GoStr::EMPTY));
    }
    Ok(Val::str(crate::sys::dns::first_address(&name.to_text()).unwrap_or_default()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_example_writes_what_it_says() {
        for family in FAMILIES {
            assert!(
                family.entries.is_sorted_by_key(|entry| entry.func.name),
                "{} is not sorted",
                family.title
            );
            for entry in family.entries {
                let (template, want) = entry.example.split_once(" → ").unwrap();
                let state = HelmState::new(Options::default(), None);
                let mut outside = Outside::new(&sprig::tests_host(), Box::new(state));
                let mut set = crate::gotpl::Set::new("gotpl", table());
                set.parse("example", &crate::diag::SourceFile::new("example", template)).unwrap();
                let options = crate::gotpl::Options::default();
                let got = set.execute("example", Val::Nil, &options, &mut outside, None);
                let got = got.unwrap_or_else(|error| panic!("{template}: {error}"));
                assert_eq!(String::from_utf8_lossy(&got), want, "{template}");
            }
        }
    }
}
