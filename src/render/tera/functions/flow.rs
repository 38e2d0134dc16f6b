//! Functions that stop rendering, fall back, or ask the cluster.
//!
//! Invariant: in lint mode neither `required` nor `fail` stops anything.

use super::{Call, text, to_tera};

type Answer = Result<tera::Value, String>;

/// `required(message)`.
pub(super) fn required(call: &Call) -> Answer {
    let message = call.must_text("message")?;
    let missing = call.value.is_undefined() || call.value.is_none() || call.value.as_str() == Some("");
    match (missing, call.run.options.lint) {
        (false, _) => Ok(call.value.clone()),
        (true, true) => Ok(text("")),
        (true, false) => Err(message),
    }
}

/// `fail(message)`.
pub(super) fn fail(call: &Call) -> Answer {
    let message = call.must_text("message")?;
    if call.run.options.lint { Ok(text("")) } else { Err(message) }
}

/// `default(value, boolean?)`.
pub(super) fn default(call: &Call) -> Answer {
    let fallback = call.must("value")?;
    let truth = call.argument("boolean").is_some_and(|flag| flag.is_truthy());
    let missing = call.value.is_undefined() || call.value.is_none() || (truth && !call.value.is_truthy());
    Ok(if missing { fallback } else { call.value.clone() })
}

/// `lookup(api_version, kind, namespace?, name?)`.
pub(super) fn lookup(call: &Call) -> Answer {
    let question = [
        call.must_text("api_version")?,
        call.must_text("kind")?,
        call.text_or("namespace", "")?,
        call.text_or("name", "")?,
    ];
    if call.run.options.lint {
        return Ok(tera::Map::new().into());
    }
    call.run.look_up(question).map(|value| to_tera(&value))
}
