//! Laws of the two template languages.
//!
//! Invariant: templates run with small limits, so that one that is slow or large in spite of them shows.

use bowline::data::{Map, Value, json, yaml};
use bowline::diag::SourceFile;
use bowline::gotpl::{self, FuncTable, ParsedFile, Set, Val};
use bowline::render::{self, Capabilities, Job, Limits, Options, ReleaseInfo, RenderError, RenderedFile};

use super::build;
use super::text;

/// Bytes that a template may write here.
const OUTPUT: usize = 64 << 10;

/// Longest template: what is longer says nothing new and takes longer.
const LONGEST: usize = 8 << 10;

/// A template parses to the same templates again, an error points into the text, and what is executed keeps to its limits.
/// A text without actions is its own output.
pub fn gotpl_parse(data: &[u8]) {
    if data.len() > LONGEST {
        return;
    }
    let text = text(data);
    let file = SourceFile::new("t", text.as_str());
    let functions = FuncTable::builtins();
    let first = ParsedFile::parse("t", &file, &functions);
    let again = ParsedFile::parse("t", &file, &functions);
    assert_eq!(format!("{first:?}"), format!("{again:?}"));
    match first {
        Err(error) => {
            assert!(!error.message.is_empty());
            assert!(text.get(error.span.range()).is_some(), "{:?} of {}", error.span, text.len());
            assert!(error.line >= 1 && error.line as usize <= file.line_count() + 1, "line {}", error.line);
        }
        Ok(parsed) => {
            let mut set = Set::new("t", functions);
            set.add(&parsed);
            let limits = gotpl::Limits {
                steps: 20_000,
                output: OUTPUT,
                value: OUTPUT,
                depth: 50,
                ..Default::default()
            };
            let options = gotpl::Options { limits, ..Default::default() };
            let context = Val::from_data(&values("x"));
            match set.execute("t", context, &options, &mut (), None) {
                Ok(out) => {
                    assert!(out.len() <= OUTPUT);
                    if !text.contains("{{") {
                        assert_eq!(out, text.as_bytes());
                    }
                }
                Err(error) => assert!(!error.to_string().is_empty()),
            }
        }
    }
}

/// Functions that are slow on purpose. They charge for it; here they would only take the time of the others.
const SLOW: &[&str] =
    &["genPrivateKey", "genCA", "genSelf", "genSigned", "bcrypt", "htpasswd", "derivePassword"];

/// A rendered template keeps to its limits and comes out the same again; an error has a text and points into the template.
pub fn gotpl_render(data: &[u8]) {
    let text = text(data);
    if data.len() > LONGEST || SLOW.iter().any(|slow| text.contains(slow)) {
        return;
    }
    let first = rendered("templates/a.yaml", &text, &values("x"));
    let again = rendered("templates/a.yaml", &text, &values("x"));
    match (first, again) {
        (Ok(first), Ok(again)) => {
            assert_eq!(texts(&first), texts(&again));
            assert!(first.iter().map(|file| file.text.len()).sum::<usize>() <= OUTPUT);
        }
        (Err(first), Err(again)) => {
            assert_eq!(first.to_string(), again.to_string());
            assert!(!first.to_string().is_empty());
        }
        (first, again) => panic!("{first:?}\nand then\n{again:?}"),
    }
}

fn texts(files: &[RenderedFile]) -> Vec<&str> {
    files.iter().map(|file| file.text.as_str()).collect()
}

/// What templates and values they get can do to a text: nothing, whatever the value. The input is a template, a NUL, and
/// the value. What is YAML for a harmless value is YAML of the same shape for every other.
pub fn tera(data: &[u8]) {
    if data.len() > LONGEST {
        return;
    }
    let text = text(data);
    let (template, hostile) = text.split_once('\0').unwrap_or((text.as_str(), "a: 'b\n- c"));
    let plain = rendered("templates/a.yaml.tera", template, &values("x"));
    let other = rendered("templates/a.yaml.tera", template, &values(hostile));
    for result in [&plain, &other] {
        match result {
            Ok(files) => assert!(files.iter().map(|file| file.text.len()).sum::<usize>() <= 2 * OUTPUT),
            Err(error) => assert!(!error.to_string().is_empty()),
        }
    }
    // Templates that compute, or that opt out, may give anything.
    if ["|", "{%", "(", "<", "~", "?", " if "].iter().any(|sign| template.contains(sign)) {
        return;
    }
    if let (Ok(plain), Ok(other)) = (plain, other)
        && let [plain, other] = [documents(&plain), documents(&other)]
        && let Ok(plain) = plain
    {
        let other = other.unwrap_or_else(|error| panic!("{hostile:?} breaks the text: {error}"));
        assert_eq!(shape(&plain), shape(&other), "of {plain:?} and {other:?}");
    }
}

/// The YAML of what was rendered.
fn documents(files: &[RenderedFile]) -> Result<Vec<Value>, String> {
    let mut found = Vec::new();
    for file in files {
        let nodes = yaml::parse_all(&SourceFile::new("out", file.text.as_str()))
            .map_err(|error| error.to_string())?;
        for node in nodes {
            found.push(node.to_value().map_err(|error| error.to_string())?);
        }
    }
    Ok(found)
}

/// The kinds of all values, without what they are.
fn shape(documents: &[Value]) -> Vec<String> {
    fn walk(value: &Value, out: &mut String) {
        match value {
            Value::List(items) => {
                out.push('[');
                for item in items {
                    walk(item, out);
                }
                out.push(']');
            }
            Value::Map(map) => {
                out.push('{');
                for value in map.values() {
                    walk(value, out);
                }
                out.push('}');
            }
            _ => out.push('.'),
        }
    }
    documents
        .iter()
        .map(|document| {
            let mut out = String::new();
            walk(document, &mut out);
            out
        })
        .collect()
}

/// The values of a chart: one of each kind; `text` is the only text that changes.
fn values(text: &str) -> Value {
    let fixed = r#"{"n": 3, "f": 1.5, "t": true, "none": null, "empty": "", "list": ["a", "b", 3],
        "map": {"k": "v", "deep": {"er": [1, {"x": "y"}]}}, "tpl": "{{ .Values.s }}", "yaml": "a: [1, 2]", "json": "{\"a\": 1}"}"#;
    let mut map = json::parse(fixed).ok().and_then(|value| value.as_map().cloned()).unwrap_or_default();
    map.insert("s".into(), Value::str(text));
    map.insert("in".into(), Value::Map(Map::from_iter([("s".into(), Value::str(text))])));
    Value::Map(map)
}

fn rendered(path: &str, template: &str, values: &Value) -> Result<Vec<RenderedFile>, RenderError> {
    render::render(&Job {
        chart: &build::chart_of(path, template),
        values,
        release: &ReleaseInfo::install("r", "ns"),
        capabilities: &Capabilities::default(),
        host: &build::host(),
        lookup: None,
        options: Options {
            limits: Limits { depth: 20, output: OUTPUT, steps: 20_000 },
            ..Options::default()
        },
    })
}
