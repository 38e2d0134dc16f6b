//! `.Files`: the chart's other files, as a map with methods.
//!
//! Invariant: the bytes are shared with the chart, never copied, and read from the disk only when a template looks at them.

use crate::chart::Chart;
use crate::data::glob::FilesPattern;
use crate::gotpl::{Bytes, Ctx, Entries, FuncError, GoStr, Map, MapType, Method, STRINGS, Type, Val};

/// `engine.files`
static FILES: MapType = MapType { name: "engine.files", elem: Type::Bytes, methods: METHODS };

static METHODS: &[Method] = &[
    Method::new("AsConfig", &[], Type::String, |_, me, _| {
        let text = |bytes: &Bytes| Val::Str(bytes.to_str());
        Ok(encoded(files(me)?, text))
    }),
    Method::new("AsSecrets", &[], Type::String, |_, me, _| {
        // Bytes are base64 to an encoder.
        Ok(encoded(files(me)?, |bytes| Val::Bytes(bytes.clone())))
    }),
    Method::new("Get", &[Type::String], Type::String, |ctx, me, args| {
        Ok(Val::Str(get(ctx, me, args)?.to_str()))
    }),
    Method::new("GetBytes", &[Type::String], Type::Bytes, |ctx, me, args| {
        let found = get(ctx, me, args)?;
        // A file that is not there is empty, not nil.
        Ok(Val::Bytes(if found.is_nil() { Bytes::new("") } else { found }))
    }),
    Method::new("Glob", &[Type::String], Type::Map(&FILES), |ctx, me, args| {
        let [Val::Str(pattern)] = args else { return Err(FuncError::arguments("Glob")) };
        let entries = files(me)?.entries();
        ctx.spend(1 + entries.len() as u64 * (pattern.len() as u64 / 8 + 1))?;
        let pattern = FilesPattern::new(&pattern.to_text());
        let matching = entries.into_iter().filter(|(path, _)| pattern.matches(&path.to_text()));
        Ok(Val::Map(Map::typed(&FILES, matching.collect())))
    }),
    Method::new("Lines", &[Type::String], Type::List(&STRINGS), |ctx, me, args| {
        let bytes = get(ctx, me, args)?;
        let text = bytes.as_slice();
        if text.is_empty() {
            return Ok(Val::strings(Vec::<GoStr>::new()));
        }
        let text = text.strip_suffix(b"\n").unwrap_or(text);
        Ok(Val::strings(text.split(|byte| *byte == b'\n').map(GoStr::from)))
    }),
];

/// The value of `.Files` for a chart.
pub(super) fn value(chart: &Chart) -> Val {
    let entries: Entries = chart
        .files
        .iter()
        .map(|file| (GoStr::from(&file.path), Val::Bytes(Bytes::new(&file.data))))
        .collect();
    Val::Map(Map::typed(&FILES, entries))
}

fn files(value: &Val) -> Result<&Map, FuncError> {
    value.as_map().ok_or_else(|| FuncError::arguments("Files"))
}

/// The content of a file; nil when there is none.
fn get(ctx: &mut Ctx<'_>, me: &Val, args: &[Val]) -> Result<Bytes, FuncError> {
    let [Val::Str(path)] = args else { return Err(FuncError::arguments("Get")) };
    match files(me)?.get(path.as_bytes()) {
        Some(Val::Bytes(bytes)) => Ok(bytes),
        _ => {
            super::functions::note_missing(ctx, path, files(me)?);
            Ok(Bytes::NIL)
        }
    }
}

/// YAML of base names and contents; of equal base names the last path counts.
fn encoded(files: &Map, content: impl Fn(&Bytes) -> Val) -> Val {
    let map = Map::new();
    for (path, bytes) in files.entries() {
        let Val::Bytes(bytes) = bytes else { continue };
        let base = path.as_bytes().rsplit(|byte| *byte == b'/').next().unwrap_or_default();
        // A fresh map takes every key.
        let _ = map.insert(GoStr::from(base), content(&bytes));
    }
    Val::str(super::structured::yaml(&Val::Map(map)).unwrap_or_default())
}
