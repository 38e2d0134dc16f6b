//! Filters on `files`, the map from paths to the contents of a chart's files.
//!
//! Invariant: a file that is no text stays bytes until it is encoded.

use super::{Call, as_bytes, as_text, described, text};
use crate::data::base64;
use crate::data::glob::FilesPattern;

type Answer = Result<tera::Value, String>;

fn entries(call: &Call) -> Result<Vec<(String, tera::Value)>, String> {
    let map = call
        .value
        .as_map()
        .ok_or_else(|| format!("a map of files is wanted, not {}", described(call.value)))?;
    Ok(map.iter().map(|(path, content)| (path.to_string(), content.clone())).collect())
}

/// `glob(pattern)`.
pub(super) fn glob(call: &Call) -> Answer {
    let pattern = call.must_text("pattern")?;
    let matcher = FilesPattern::parse(&pattern).map_err(|_| format!("`{pattern}` is no pattern"))?;
    let found: tera::Map = entries(call)?
        .into_iter()
        .filter(|(path, _)| matcher.matches(path))
        .map(|(path, content)| (path.into(), content))
        .collect();
    Ok(found.into())
}

fn by_name(call: &Call, content: impl Fn(&str, &tera::Value) -> Answer) -> Answer {
    let mut out = tera::Map::new();
    for (path, found) in entries(call)? {
        let name = path.rsplit('/').next().unwrap_or(&path).to_string();
        out.insert(name.into(), content(&path, &found)?);
    }
    Ok(out.into())
}

/// `as_config`.
pub(super) fn as_config(call: &Call) -> Answer {
    by_name(call, |path, content| {
        as_text(content)
            .map(text)
            .ok_or_else(|| format!("{path} is no text: put it into a Secret or into binaryData"))
    })
}

/// `as_secrets`.
pub(super) fn as_secrets(call: &Call) -> Answer {
    by_name(call, |path, content| {
        as_bytes(content).map(|bytes| text(base64::encode(bytes))).ok_or_else(|| format!("{path} is no file"))
    })
}
