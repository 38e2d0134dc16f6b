//! The filters and functions that the rewriting inserts (see `rewrite`). Their names start with `bowline_`.
//!
//! Invariant: after `bowline_mark` every value is a mark; after the others no text has one.

use std::sync::Arc;

use tera::{Kwargs, State, Tera};

use super::super::convert::{Unwritable, is_bounded};
use super::super::errors::{undefined_part, undefined_value};
use super::super::run::{Form, Run};
use super::text;
use crate::diag::Diagnostic;

/// Registers them.
pub(super) fn register(tera: &mut Tera, run: &Arc<Run>) {
    let of = |run: &Arc<Run>| Arc::clone(run);
    let mine = of(run);
    tera.register_filter("bowline_mark", move |value: tera::Value, kwargs: Kwargs, state: &State| {
        let site = kwargs.must_get::<usize>("i")?;
        mark(&mine, &value, site, state)
    });
    let mine = of(run);
    tera.register_filter("bowline_capture", move |value: tera::Value, kwargs: Kwargs, _: &State| {
        let form = match kwargs.must_get::<&str>("kind")? {
            "yaml" => Form::Yaml,
            "json" => Form::Json,
            _ => Form::Text,
        };
        settle(&mine, &value, form)
    });
    let mine = of(run);
    tera.register_filter("bowline_flat", move |value: tera::Value, _: Kwargs, _: &State| {
        settle(&mine, &value, Form::Text)
            .map(|flat| flat.as_str().map_or(flat.clone(), |found| text(found.trim())))
    });
    tera.register_filter("bowline_defined", |value: tera::Value, _: Kwargs, _: &State| {
        if value.is_undefined() { Err(super::undefined_input()) } else { Ok(value) }
    });
    let mine = of(run);
    tera.register_filter("bowline_regions", move |value: tera::Value, _: Kwargs, _: &State| {
        value.as_str().map_or_else(|| value.clone(), |found| text(mine.shape.settle_regions(found)))
    });
    let mine = of(run);
    tera.register_filter("bowline_bound", move |value: tera::Value, _: Kwargs, _: &State| {
        let limit = mine.options.limits.output / 4;
        if is_bounded(&value, limit, limit / 16) {
            Ok(value)
        } else {
            Err(tera::Error::message(format!("a variable cannot hold more than {limit} bytes")))
        }
    });
    let mine = of(run);
    tera.register_function("bowline_step", move |_: Kwargs, _: &State| {
        mine.step(1).map(|()| "").map_err(tera::Error::message)
    });
}

fn settle(run: &Run, value: &tera::Value, form: Form) -> tera::TeraResult<tera::Value> {
    match value.as_str() {
        Some(found) => run.settle(found, form).map(text).map_err(|diagnostic| run.fail(*diagnostic)),
        None => Ok(value.clone()),
    }
}

/// The mark of a value; text that opted out is itself.
fn mark(run: &Run, value: &tera::Value, site: usize, state: &State) -> tera::TeraResult<tera::Value> {
    run.step(1).map_err(tera::Error::message)?;
    if let (true, Some(raw)) = (value.is_safe(), value.as_str()) {
        return Ok(text(raw));
    }
    match run.value(value) {
        // Text that looks like a mark is text like any other: it goes into the table and is never looked at again.
        Ok(value) => Ok(text(run.mark(value, site))),
        Err(problem) => Err(run.fail(unwritable(run, &problem, value, site, state))),
    }
}

/// Why a value cannot be written, in terms of the expression that has it.
fn unwritable(
    run: &Run,
    problem: &Unwritable,
    value: &tera::Value,
    site: usize,
    state: &State,
) -> Diagnostic {
    let place = run.place(site);
    let expression =
        place.as_ref().and_then(|at| at.file.text().get(at.span.range())).unwrap_or("").to_string();
    let root = |name: &str| state.get::<tera::Value>(name).ok().flatten();
    let mut diagnostic = match problem {
        Unwritable::Undefined if value.is_undefined() => undefined_value(&expression, root),
        Unwritable::Undefined => undefined_part(&expression, root)
            .unwrap_or_else(|| Diagnostic::error("the value has a part that is undefined")),
        Unwritable::Bytes => Diagnostic::error(problem.message()).hint("write it through `b64encode`"),
        other => Diagnostic::error(other.message()),
    };
    diagnostic.at = place;
    diagnostic
}
