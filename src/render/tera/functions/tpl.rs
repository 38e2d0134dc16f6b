//! `tpl`: text from values is a template too.
//!
//! Invariant: a template in a value sees what the chart's own templates see, and its depth is bounded.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::super::errors;
use super::super::rewrite::rewrite;
use super::super::run::{Current, Form, Loaded, Run, Spare, lock};
use super::{Call, to_tera};
use crate::data::{Value, yaml};
use crate::diag::{Diagnostic, SourceFile};
use crate::render::TEXT_OF_A_VALUE;

/// Deepest nesting of `tpl`, whatever the job allows: each level takes some stack.
const DEEPEST: usize = 100;

/// `value | tpl(context?, yaml?)`.
pub(super) fn filter(call: &Call) -> Result<tera::Value, String> {
    let as_yaml = call.argument("yaml").is_some_and(|flag| flag.is_truthy());
    let context = call.argument("context");
    apply(call.run, call.value, context.as_ref(), as_yaml)
}

/// `tpl(text, context?, yaml?)`.
pub(super) fn function(call: &Call) -> Result<tera::Value, String> {
    let value = call.must("text")?;
    let as_yaml = call.argument("yaml").is_some_and(|flag| flag.is_truthy());
    let context = call.argument("context");
    apply(call.run, &value, context.as_ref(), as_yaml)
}

/// Renders a text, or every text in a map or list.
fn apply(
    run: &Arc<Run>,
    value: &tera::Value,
    context: Option<&tera::Value>,
    as_yaml: bool,
) -> Result<tera::Value, String> {
    let value = run.value(value).map_err(|error| error.message())?;
    let Some(current) = lock(&run.current).clone() else {
        return Err("no chart is being rendered".to_string());
    };
    let depth = run.depth.fetch_add(1, Ordering::Relaxed);
    let result = if depth >= run.options.limits.depth.min(DEEPEST) {
        Err(format!("`tpl` nests deeper than {depth}"))
    } else {
        let current = with_context(current, context);
        every_text(run, &current, &value, as_yaml)
    };
    run.depth.fetch_sub(1, Ordering::Relaxed);
    result.map(|value| to_tera(&value))
}

fn with_context(current: Current, more: Option<&tera::Value>) -> Current {
    let Some(map) = more.and_then(|value| value.as_map()) else { return current };
    let mut context = (*current.context).clone();
    for (key, value) in map {
        context.insert_value(key.to_string(), value.clone());
    }
    Current { context: Arc::new(context), ..current }
}

/// The recursion is bounded by the depth of values that come out of Tera.
fn every_text(run: &Arc<Run>, current: &Current, value: &Value, as_yaml: bool) -> Result<Value, String> {
    match value {
        Value::Str(found) if found.contains("{{") || found.contains("{%") || found.contains("{#") => {
            one_text(run, current, found, as_yaml)
        }
        Value::Str(found) if as_yaml => parsed(found),
        Value::List(items) => items
            .iter()
            .map(|item| every_text(run, current, item, as_yaml))
            .collect::<Result<_, _>>()
            .map(Value::List),
        Value::Map(map) => map
            .iter()
            .map(|(key, value)| Ok((Arc::clone(key), every_text(run, current, value, as_yaml)?)))
            .collect::<Result<_, String>>()
            .map(Value::Map),
        other => Ok(other.clone()),
    }
}

fn parsed(found: &str) -> Result<Value, String> {
    yaml::value_from_text("tpl", found).map_err(|error| error.to_string())
}

fn one_text(run: &Arc<Run>, current: &Current, template: &str, as_yaml: bool) -> Result<Value, String> {
    let free = lock(&run.spares).pop();
    let mut spare = if let Some(spare) = free {
        spare
    } else {
        let base = lock(&run.base).clone().ok_or("no templates are loaded")?;
        Spare { tera: (*base).clone(), known: HashMap::new() }
    };
    let result = render(run, current, &mut spare, template);
    lock(&run.spares).push(spare);
    let form = if as_yaml { Form::Yaml } else { Form::Text };
    let settled = result.and_then(|rendered| run.settle(&rendered, form));
    match settled {
        Ok(rendered) if as_yaml => parsed(&rendered),
        Ok(rendered) => Ok(Value::str(rendered)),
        Err(diagnostic) => {
            let message = diagnostic.message.clone();
            run.fail(*diagnostic);
            Err(message)
        }
    }
}

fn render(
    run: &Arc<Run>,
    current: &Current,
    spare: &mut Spare,
    template: &str,
) -> Result<String, Box<Diagnostic>> {
    let key = (current.scope, template.to_string());
    let name = if let Some(name) = spare.known.get(&key) {
        name.clone()
    } else {
        let name = load(run, current, spare, template)?;
        spare.known.insert(key, name.clone());
        name
    };
    let mut writer = run.writer();
    let before = lock(&run.current).replace(current.clone());
    let result = spare.tera.render_to(&name, &current.context, &mut writer);
    *lock(&run.current) = before;
    let loaded = lock(&run.files).iter().find(|loaded| *loaded.name == *name).cloned();
    match (result, loaded) {
        (Ok(()), _) => Ok(writer.into_text()),
        (Err(error), Some(loaded)) => Err(Box::new(errors::explain(run, &error, &loaded))),
        (Err(error), None) => Err(Box::new(Diagnostic::error(error.to_string()))),
    }
}

fn load(
    run: &Arc<Run>,
    current: &Current,
    spare: &mut Spare,
    template: &str,
) -> Result<String, Box<Diagnostic>> {
    let (name, index) = {
        let files = lock(&run.files);
        (format!("tpl {}", files.len()), files.len())
    };
    let source = SourceFile::new(TEXT_OF_A_VALUE, template);
    let names = run.tree.names(current.scope);
    let rewritten = rewrite(template, index, &run.shape, &names, &mut lock(&run.sites));
    let loaded =
        Loaded { source: Arc::clone(&source), rewritten: Arc::new(rewritten), name: name.as_str().into() };
    lock(&run.files).push(loaded.clone());
    match spare.tera.add_raw_template(&name, &loaded.rewritten.text) {
        Ok(()) => Ok(name),
        Err(error) => {
            let problems = super::super::problems_of(run, &source, current.scope, &loaded.rewritten);
            let problem = problems.into_iter().next();
            Err(Box::new(problem.unwrap_or_else(|| errors::explain(run, &error, &loaded))))
        }
    }
}
