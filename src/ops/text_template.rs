//! Go templates over a report: `get all --template`, `version --template`.
//!
//! Such a template has Go's own functions and none of the chart's library, as in Helm. Invariant: it sees plain data.

use crate::data::Value;
use crate::diag::SourceFile;
use crate::gotpl::{self, FuncTable, MissingKey, Set, Val};
use crate::release::Release;

use super::OpsError;

/// The name that Helm gives such a template, as its messages show it.
const NAME: &str = "_";
/// Keys of a record below which everything is the user's data and keeps its names.
const DATA: &[&str] = &["config", "values", "annotations", "labels", "import-values"];
/// Fields that templates may ask for although the record leaves them out when they are empty.
const TEXTS: &[(&[&str], &[&str])] = &[
    (
        &["Chart", "Metadata"],
        &["Name", "Version", "AppVersion", "Description", "Type", "Home", "KubeVersion"],
    ),
    (&["Info"], &["Description", "Notes", "Status", "FirstDeployed", "LastDeployed", "Deleted"]),
    (&[], &["Name", "Namespace", "Manifest", "ApplyMethod"]),
];

/// The text that a Go template makes of data.
///
/// # Errors
/// The template does not parse or fails; the text is Go's.
pub fn text(template: &str, data: &Value) -> Result<String, OpsError> {
    let refused = |text: String| {
        OpsError::refused_with(
            text,
            "the template language is Go's text/template: {{.Field}}, {{range …}}…{{end}}",
        )
    };
    let file = SourceFile::new(NAME, template);
    let mut set = Set::new(NAME, FuncTable::builtins());
    set.parse(NAME, &file).map_err(|error| refused(error.to_string()))?;
    let options = gotpl::Options { missing_key: MissingKey::Error, ..gotpl::Options::default() };
    let bytes = set
        .execute(NAME, Val::from_data(data), &options, &mut (), None)
        .map_err(|error| refused(error.to_string()))?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// The text that a Go template makes of a release: `{{.Release.Name}}`, `{{.Release.Info.Status}}`.
///
/// # Errors
/// As [`text`].
pub fn of_release(template: &str, release: &Release) -> Result<String, OpsError> {
    let record = serde_json::to_value(release)
        .and_then(serde_json::from_value::<Value>)
        .map_err(|error| OpsError::refused(error.to_string()))?;
    let mut fields = with_go_names(&record);
    for (path, names) in TEXTS {
        let mut at = Some(&mut fields);
        for key in *path {
            at = at.and_then(|value| value.as_map_mut()?.get_mut(*key));
        }
        if let Some(map) = at.and_then(Value::as_map_mut) {
            for name in *names {
                map.entry((*name).into()).or_insert_with(|| Value::str(""));
            }
        }
    }
    if let Some(map) = fields.as_map_mut() {
        for name in ["Config", "Labels"] {
            map.entry(name.into()).or_insert_with(Value::map);
        }
        map.entry("Hooks".into()).or_insert_with(|| Value::List(Vec::new()));
    }
    text(template, &Value::from_iter([("Release", fields)]))
}

/// A record with the names that its fields have in Go.
fn with_go_names(value: &Value) -> Value {
    match value {
        Value::Map(map) => map
            .iter()
            .map(|(key, value)| {
                let is_data = DATA.contains(&&**key);
                (go_name(key), if is_data { value.clone() } else { with_go_names(value) })
            })
            .collect(),
        Value::List(items) => Value::List(items.iter().map(with_go_names).collect()),
        other => other.clone(),
    }
}

/// `first_deployed` → `FirstDeployed`, `apiVersion` → `APIVersion`.
fn go_name(key: &str) -> String {
    match key {
        "apiVersion" => "APIVersion".to_string(),
        "url" => "URL".to_string(),
        _ => key
            .split(['_', '-'])
            .map(|word| {
                let mut letters = word.chars();
                let first = letters.next().map(|first| first.to_ascii_uppercase());
                first.into_iter().chain(letters).collect::<String>()
            })
            .collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_have_their_names_in_go() {
        let record: Value = serde_json::from_str(
            r#"{"name":"r","info":{"first_deployed":"t"},"chart":{"metadata":{"apiVersion":"v2"}},"config":{"a_b":1}}"#,
        )
        .unwrap();
        let named = with_go_names(&record);
        for path in [
            &["Name"][..],
            &["Info", "FirstDeployed"],
            &["Chart", "Metadata", "APIVersion"],
            &["Config", "a_b"],
        ] {
            assert!(named.path(path.iter().copied()).is_some(), "{path:?}");
        }
        assert_eq!(text("{{.Name}}-{{len .Config}}", &named).unwrap(), "r-1");
        assert_eq!(text("{{", &named).unwrap_err().to_string(), "template: _:1: unclosed action");
        assert!(text("{{.Nope}}", &named).is_err());
        assert!(
            text("{{quote 1}}", &named).unwrap_err().to_string().contains("function \"quote\" not defined")
        );
    }
}
