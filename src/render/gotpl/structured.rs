//! Helm's functions over structured text: YAML, JSON, TOML.
//!
//! Invariant: the `from` functions never fail; what is wrong stands under the key `Error`, as in Helm.

use crate::data::{Value, json, yaml};
use crate::diag::SourceFile;
use crate::gotpl::{Ctx, DataForm, Func, FuncError, GoStr, Map, Type, Val};
use crate::sprig::encode::{encodable, go_text, pretty};
use crate::sprig::{Entry, entry};

use super::{toml_read, toml_write};

type Answer = Result<Val, FuncError>;

const A: Type = Type::Any;
const S: Type = Type::String;
const L: Type = Type::List(&crate::gotpl::ANY_LIST);
const M: Type = Type::Map(&crate::gotpl::ANY_MAP);

pub(super) static ENTRIES: &[Entry] = &[
    entry(
        Func::new("fromJson", &[S], M, from_json),
        "The map that a JSON object says; `.Error` when it says none.",
        r#"{{ (fromJson "{\"a\": 1}").a }} → 1"#,
    ),
    entry(
        Func::new("fromJsonArray", &[S], L, from_json_array),
        "The list that a JSON array says; the message as only element when it says none.",
        r#"{{ fromJsonArray "[1, 2]" }} → [1 2]"#,
    ),
    entry(
        Func::new("fromToml", &[S], M, from_toml),
        "The map that a TOML document says; `.Error` when it says none.",
        r#"{{ (fromToml "a = 1").a }} → 1"#,
    ),
    entry(
        Func::new("fromYaml", &[S], M, from_yaml),
        "The map in the first YAML document; `.Error` when there is none.",
        r#"{{ (fromYaml "a: 1").a }} → 1"#,
    ),
    entry(
        Func::new("fromYamlArray", &[S], L, from_yaml_array),
        "The list in the first YAML document; the message as only element when there is none.",
        r#"{{ fromYamlArray "[1, 2]" }} → [1 2]"#,
    ),
    entry(
        Func::new("mustToToml", &[A], S, must_to_toml),
        "The value as TOML.",
        "{{ mustToToml (dict \"a\" 1) }} → a = 1\n",
    ),
    entry(
        Func::new("mustToYaml", &[A], S, must_to_yaml),
        "The value as YAML, without a newline at the end.",
        r#"{{ mustToYaml (dict "a" 1) }} → a: 1"#,
    ),
    entry(
        Func::new("toToml", &[A], S, to_toml),
        "The value as TOML, or the message of what TOML cannot say.",
        "{{ toToml (dict \"a\" 1) }} → a = 1\n",
    ),
    entry(
        Func::new("toYaml", &[A], S, to_yaml),
        "The value as YAML, without a newline at the end; empty when YAML cannot say it.",
        r#"{{ toYaml (dict "a" 1) }} → a: 1"#,
    ),
    entry(
        Func::new("toYamlPretty", &[A], S, to_yaml_pretty),
        "The value as YAML with indented lists, without a newline at the end.",
        "{{ toYamlPretty (dict \"a\" (list 1)) }} → a:\n  - 1",
    ),
];

/// The YAML that `toYaml` gives, without the last newline.
///
/// # Errors
/// The text of Go's library.
pub(super) fn yaml(value: &Val) -> Result<String, GoStr> {
    let data = encodable(value, DataForm::Json)
        .map_err(|text| GoStr::from(format!("error marshaling into JSON: {text}")))?;
    let mut text = yaml::try_to_string(&data).map_err(|error| GoStr::from(error.to_string()))?;
    if text.ends_with('\n') {
        text.pop();
    }
    Ok(text)
}

/// The argument, when it may be written out.
fn weighed<'a>(ctx: &mut Ctx<'_>, args: &'a [Val], name: &str) -> Result<&'a Val, FuncError> {
    let value = args.first().ok_or_else(|| FuncError::arguments(name))?;
    ctx.weigh(value)?;
    Ok(value)
}

fn to_yaml(ctx: &mut Ctx<'_>, args: &[Val]) -> Answer {
    Ok(Val::str(yaml(weighed(ctx, args, "toYaml")?).unwrap_or_default()))
}

fn must_to_yaml(ctx: &mut Ctx<'_>, args: &[Val]) -> Answer {
    yaml(weighed(ctx, args, "mustToYaml")?).map(Val::str).map_err(FuncError::panic)
}

fn to_yaml_pretty(ctx: &mut Ctx<'_>, args: &[Val]) -> Answer {
    let data = pretty(weighed(ctx, args, "toYamlPretty")?).map_err(FuncError::panic)?;
    let mut text = yaml::to_string_pretty(&data);
    if text.ends_with('\n') {
        text.pop();
    }
    Ok(Val::str(text))
}

/// The text argument as a file to read, charged for.
fn source(ctx: &mut Ctx<'_>, args: &[Val], name: &str) -> Result<std::sync::Arc<SourceFile>, FuncError> {
    let [Val::Str(text)] = args else { return Err(FuncError::arguments(name)) };
    ctx.spend(1 + text.len() as u64 / 16)?;
    Ok(SourceFile::new(name, &*go_text(text)))
}

/// The bytes of the text argument, charged for.
fn text_bytes<'a>(ctx: &mut Ctx<'_>, args: &'a [Val], name: &str) -> Result<&'a [u8], FuncError> {
    let [Val::Str(text)] = args else { return Err(FuncError::arguments(name)) };
    ctx.spend(1 + text.len() as u64 / 16)?;
    Ok(text.as_bytes())
}

fn error_map(message: String) -> Val {
    Val::map([("Error", Val::str(message))])
}

fn error_list(message: String) -> Val {
    Val::list(vec![Val::str(message)])
}

fn from_yaml(ctx: &mut Ctx<'_>, args: &[Val]) -> Answer {
    let file = source(ctx, args, "fromYaml")?;
    Ok(match yaml::to_map(&file) {
        Ok(map) => Val::Map(Map::from_data(&crate::gotpl::ANY_MAP, &map)),
        Err(error) => error_map(error.to_string()),
    })
}

fn from_yaml_array(ctx: &mut Ctx<'_>, args: &[Val]) -> Answer {
    let file = source(ctx, args, "fromYamlArray")?;
    Ok(match yaml::to_list(&file) {
        Ok(items) => Val::from_data(&Value::List(items)),
        Err(error) => error_list(error.to_string()),
    })
}

fn to_toml(ctx: &mut Ctx<'_>, args: &[Val]) -> Answer {
    let value = weighed(ctx, args, "toToml")?;
    if value.is_nil() {
        return must_to_toml_of(value);
    }
    Ok(Val::Str(toml_write::write(value).map_or_else(|message| message, GoStr::from)))
}

fn must_to_toml(ctx: &mut Ctx<'_>, args: &[Val]) -> Answer {
    must_to_toml_of(weighed(ctx, args, "mustToToml")?)
}

fn must_to_toml_of(value: &Val) -> Answer {
    toml_write::write(value).map(Val::str).map_err(FuncError::panic)
}

fn from_toml(ctx: &mut Ctx<'_>, args: &[Val]) -> Answer {
    let text = text_bytes(ctx, args, "fromToml")?;
    Ok(toml_read::read(text).map_or_else(error_map, Val::Map))
}

fn from_json(ctx: &mut Ctx<'_>, args: &[Val]) -> Answer {
    let text = text_bytes(ctx, args, "fromJson")?;
    Ok(match json::parse_bytes(text) {
        // With an error beside it, null stands for a number that is too large.
        Ok((Value::Null, None)) => Val::Map(Map::nil(&crate::gotpl::ANY_MAP)),
        Ok((value @ Value::Map(_), error)) => {
            let map = Val::from_data(&value);
            if let (Val::Map(map), Some(error)) = (&map, error) {
                // What could be read stands beside the error. Only nil maps refuse.
                let _ = map.insert("Error", Val::str(error.to_string()));
            }
            map
        }
        Ok((other, error)) => error_map(format!(
            "json: cannot unmarshal {} into Go value of type map[string]interface {{}}",
            if error.is_some() && other.is_null() { "number" } else { other.json_kind() }
        )),
        Err(error) => error_map(error.to_string()),
    })
}

fn from_json_array(ctx: &mut Ctx<'_>, args: &[Val]) -> Answer {
    let text = text_bytes(ctx, args, "fromJsonArray")?;
    Ok(match json::parse_bytes(text) {
        Ok((Value::Null, None)) => Val::List(crate::gotpl::List::nil(&crate::gotpl::ANY_LIST)),
        Ok((Value::List(_), Some(error))) | Err(error) => error_list(error.to_string()),
        Ok((value @ Value::List(_), None)) => Val::from_data(&value),
        Ok((other, error)) => error_list(format!(
            "json: cannot unmarshal {} into Go value of type []interface {{}}",
            if error.is_some() && other.is_null() { "number" } else { other.json_kind() }
        )),
    })
}
