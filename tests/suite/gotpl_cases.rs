//! The template language against cases: our own below `tests/cases/gotpl`, and the public vectors where they exist.
//!
//! A case file holds cases separated by `=====`. A case is a JSON context, `---`, a template, `---`, and the output or
//! `error: …` with Go's one-line text. A first line `# …` names a case; `# missingkey=error` (or `zero`) sets the option.
//! The context `same` is that of the case before, with its option.
//! With `BOWLINE_UPDATE=1` the outputs in the files are replaced by what the code gives; read the difference before you commit it.

#![allow(clippy::unnecessary_wraps, reason = "the helpers have the shape of function bodies")]
#![allow(clippy::print_stdout, reason = "the counts are what a reader of the run wants to see")]
#![allow(clippy::items_after_statements, reason = "statics beside their use")]
#![allow(
    clippy::redundant_closure,
    clippy::redundant_closure_for_method_calls,
    reason = "coercion to fn pointers"
)]

use std::any::Any;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use bowline::data::Value;
use bowline::diag::SourceFile;
use bowline::gotpl::{
    Ctx, ExecError, ExecErrorKind, Func, FuncError, FuncTable, GoStr, INTS, List, Map, MapType, Method,
    MissingKey, Options, Set, TemplateError, Type, Val, quote,
};

type Outcome = Result<Val, FuncError>;

const ANY_LIST: Type = Type::List(&bowline::gotpl::ANY_LIST);
const ANY_MAP: Type = Type::Map(&bowline::gotpl::ANY_MAP);

/// Just enough functions to make values of every type that the language distinguishes.
static HELPERS: &[Func] = &[
    Func::variadic("boom", &[], Type::Any, Type::Any, boom),
    Func::variadic("add", &[], Type::Any, Type::Int64, |_, args| {
        Ok(Val::Int64(args.iter().map(|arg| number(arg) as i64).sum()))
    }),
    Func::variadic("default", &[Type::Any], Type::Any, Type::Any, default),
    Func::new("first", &[Type::Any], Type::Any, first),
    Func::new("get", &[ANY_MAP, Type::String], Type::Any, get),
    Func::new("hasKey", &[ANY_MAP, Type::String], Type::Bool, |_, args| {
        Ok(Val::Bool(args[0].as_map().unwrap().contains(args[1].as_str().unwrap())))
    }),
    Func::new("join", &[Type::String, Type::Any], Type::String, join),
    Func::variadic("keys", &[], ANY_MAP, Type::List(&bowline::gotpl::STRINGS), |_, args| {
        Ok(Val::strings(args[0].as_map().unwrap().keys()))
    }),
    Func::variadic("quote", &[], Type::Any, Type::String, quote_all),
    Func::new("sub", &[Type::Any, Type::Any], Type::Int64, |_, args| {
        Ok(Val::Int64(number(&args[0]) as i64 - number(&args[1]) as i64))
    }),
    Func::new("ternary", &[Type::Any, Type::Any, Type::Bool], Type::Any, |_, args| {
        Ok(args[usize::from(!args[2].truth())].clone())
    }),
    Func::variadic("dict", &[], Type::Any, ANY_MAP, dict),
    Func::new("fail", &[Type::String], Type::String, fail),
    Func::new("float64", &[Type::Any], Type::Float64, float64),
    Func::new("include", &[Type::String, Type::Any], Type::String, include),
    Func::new("int", &[Type::Any], Type::Int, int),
    Func::new("int64", &[Type::Any], Type::Int64, int64),
    Func::variadic("list", &[], Type::Any, ANY_LIST, list),
    Func::new("lower", &[Type::String], Type::String, |_, args| change(args, |text| text.to_lowercase())),
    Func::new("required", &[Type::String, Type::Any], Type::Any, required),
    Func::new("set", &[ANY_MAP, Type::String, Type::Any], ANY_MAP, set),
    Func::new("splitList", &[Type::String, Type::String], Type::List(&bowline::gotpl::STRINGS), split_list),
    Func::new("toString", &[Type::Any], Type::String, |_, args| Ok(Val::Str(args[0].to_display()))),
    Func::new("tpl", &[Type::String, Type::Any], Type::String, tpl),
    Func::new("trim", &[Type::String], Type::String, |_, args| change(args, |text| text.trim().to_owned())),
    Func::variadic("tuple", &[], Type::Any, ANY_LIST, list),
    Func::new("typeOf", &[Type::Any], Type::String, |_, args| Ok(Val::str(args[0].type_name()))),
    Func::new("kindOf", &[Type::Any], Type::String, |_, args| Ok(Val::str(args[0].kind().name()))),
    Func::new("until", &[Type::Int], Type::List(&INTS), until),
    Func::new("upper", &[Type::String], Type::String, |_, args| change(args, |text| text.to_uppercase())),
];

fn change(args: &[Val], how: impl Fn(&str) -> String) -> Outcome {
    Ok(Val::str(how(&args[0].as_str().unwrap().to_text())))
}

fn boom(_: &mut Ctx<'_>, args: &[Val]) -> Outcome {
    Err(FuncError::new(args.first().map_or("boom".into(), Val::to_display)))
}

fn default(_: &mut Ctx<'_>, args: &[Val]) -> Outcome {
    Ok(args.get(1).filter(|given| given.truth()).unwrap_or(&args[0]).clone())
}

fn first(_: &mut Ctx<'_>, args: &[Val]) -> Outcome {
    match &args[0] {
        Val::List(list) => Ok(list.get(0).unwrap_or(Val::Nil)),
        Val::Nil => Err(FuncError::panic("runtime error: invalid memory address or nil pointer dereference")),
        other => Err(FuncError::panic(format!("Cannot find first on type {}", other.kind()))),
    }
}

fn get(_: &mut Ctx<'_>, args: &[Val]) -> Outcome {
    Ok(args[0].as_map().unwrap().get(args[1].as_str().unwrap()).unwrap_or(Val::str("")))
}

fn join(_: &mut Ctx<'_>, args: &[Val]) -> Outcome {
    let items = args[1].as_list().map_or_else(|| vec![args[1].clone()], List::to_vec);
    let texts: Vec<String> =
        items.iter().filter(|item| !item.is_nil()).map(|item| item.to_display().to_string()).collect();
    Ok(Val::str(texts.join(&args[0].to_display().to_text())))
}

fn quote_all(_: &mut Ctx<'_>, args: &[Val]) -> Outcome {
    let texts: Vec<String> =
        args.iter().filter(|arg| !arg.is_nil()).map(|arg| quote(arg.to_display().as_bytes())).collect();
    Ok(Val::str(texts.join(" ")))
}

fn dict(_: &mut Ctx<'_>, args: &[Val]) -> Outcome {
    let pair = |pair: &[Val]| (pair[0].to_display(), pair.get(1).cloned().unwrap_or(Val::str("")));
    Ok(Val::map(args.chunks(2).map(pair)))
}

fn fail(_: &mut Ctx<'_>, args: &[Val]) -> Outcome {
    Err(FuncError::Stop(args[0].as_str().unwrap().clone()))
}

fn required(_: &mut Ctx<'_>, args: &[Val]) -> Outcome {
    match &args[1] {
        Val::Nil => Err(FuncError::Stop(args[0].to_display())),
        Val::Str(text) if text.is_empty() => Err(FuncError::Stop(args[0].to_display())),
        value => Ok(value.clone()),
    }
}

fn number(value: &Val) -> f64 {
    match value {
        Val::Float(n) => *n,
        Val::Str(text) => text
            .to_text()
            .parse()
            .ok()
            .filter(|number: &f64| !number.is_infinite() || text.len() < 5)
            .unwrap_or(0.0),
        Val::Bool(flag) => f64::from(u8::from(*flag)),
        _ => value.as_signed().unwrap_or(0) as f64,
    }
}

fn float64(_: &mut Ctx<'_>, args: &[Val]) -> Outcome {
    Ok(Val::Float(number(&args[0])))
}

fn int(_: &mut Ctx<'_>, args: &[Val]) -> Outcome {
    Ok(Val::Int(number(&args[0]) as i64))
}

fn int64(_: &mut Ctx<'_>, args: &[Val]) -> Outcome {
    Ok(Val::Int64(number(&args[0]) as i64))
}

fn list(_: &mut Ctx<'_>, args: &[Val]) -> Outcome {
    Ok(Val::list(args.to_vec()))
}

fn set(_: &mut Ctx<'_>, args: &[Val]) -> Outcome {
    let map = args[0].as_map().unwrap();
    if map.insert(args[1].as_str().unwrap().clone(), args[2].clone()) {
        Ok(args[0].clone())
    } else {
        Err(FuncError::panic("assignment to entry in nil map"))
    }
}

fn split_list(_: &mut Ctx<'_>, args: &[Val]) -> Outcome {
    let (sep, text) = (args[0].as_str().unwrap().to_text(), args[1].as_str().unwrap().to_text());
    Ok(Val::strings(text.split(&*sep)))
}

fn until(_: &mut Ctx<'_>, args: &[Val]) -> Outcome {
    let count = args[0].as_signed().unwrap();
    Ok(Val::List(List::typed(&INTS, (0..count).map(Val::Int).collect())))
}

fn include(ctx: &mut Ctx<'_>, args: &[Val]) -> Outcome {
    let name = args[0].as_str().unwrap().to_text().into_owned();
    match ctx.execute(&name, args[1].clone()) {
        Ok(text) => Ok(Val::str(text)),
        Err(source) => Err(FuncError::Nested { text: source.to_string().into(), source }),
    }
}

fn tpl(ctx: &mut Ctx<'_>, args: &[Val]) -> Outcome {
    let text = args[0].as_str().unwrap().to_text().into_owned();
    match ctx.execute_text("gotpl", text.clone(), args[1].clone()) {
        Ok(out) => Ok(Val::str(String::from_utf8_lossy(&out).replace("<no value>", ""))),
        Err(source) => {
            let quoted = quote(text.as_bytes());
            let text = match &*source {
                TemplateError::Parse(_) => format!("cannot parse template {quoted}: {source}"),
                TemplateError::Exec(_) => {
                    format!("error during tpl function execution for {quoted}: {source}")
                }
            };
            Err(FuncError::Nested { text: text.into(), source })
        }
    }
}

fn functions() -> FuncTable {
    FuncTable::builtins().with(HELPERS)
}

// Our own cases.

fn cases_dir() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases/gotpl")
}

struct Case {
    place: String,
    missing_key: MissingKey,
    context: Value,
    template: String,
    want: String,
}

fn read_case(place: String, text: &str, before: Option<&Case>) -> Case {
    let mut missing_key = MissingKey::Invalid;
    let mut body = text;
    while let Some(rest) = body.strip_prefix("# ") {
        let (line, rest) = rest.split_once('\n').unwrap_or((rest, ""));
        missing_key = match line.trim() {
            "missingkey=error" => MissingKey::Error,
            "missingkey=zero" => MissingKey::Zero,
            _ => missing_key,
        };
        body = rest;
    }
    let mut parts = body.splitn(3, "\n---\n");
    let mut part = || parts.next().unwrap_or_else(|| panic!("{place}: a case has three parts:\n{text}"));
    let (context, template, want) = (part().trim(), part().to_owned(), part().to_owned());
    let (data, missing_key) = match before {
        Some(before) if context == "same" => (before.context.clone(), before.missing_key),
        _ => (serde_json::from_str(context).unwrap_or_else(|error| panic!("{place}: {error}")), missing_key),
    };
    Case { place, missing_key, context: data, template, want }
}

fn run_case(case: &Case) -> String {
    let mut set = Set::new("gotpl", functions());
    let file = SourceFile::new("t", case.template.as_str());
    if let Err(error) = set.parse("t", &file) {
        return format!("error: {error}");
    }
    let options = Options { missing_key: case.missing_key, ..Options::default() };
    match set.execute("t", Val::from_data(&case.context), &options, &mut (), None) {
        Ok(out) => String::from_utf8_lossy(&out).into_owned(),
        Err(error) => format!("error: {error}"),
    }
}

#[test]
fn cases() {
    let (mut count, mut failures) = (0, Vec::new());
    let mut files: Vec<_> =
        std::fs::read_dir(cases_dir()).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    for path in files {
        let text = std::fs::read_to_string(&path).unwrap();
        let text = text.strip_suffix('\n').unwrap_or(&text);
        let mut blessed = Vec::new();
        let mut before = None;
        for (index, part) in text.split("\n=====\n").enumerate() {
            let place = format!("{}, case {}", path.file_name().unwrap().to_string_lossy(), index + 1);
            let case = read_case(place, part, before.as_ref());
            let got = run_case(&case);
            count += 1;
            let head = part.strip_suffix(&case.want).unwrap_or(part);
            blessed.push(format!("{head}{got}"));
            if got != case.want {
                failures.push(format!(
                    "{}\n  template {:?}\n  want {:?}\n  got  {:?}",
                    case.place, case.template, case.want, got
                ));
            }
            before = Some(case);
        }
        if std::env::var_os("BOWLINE_UPDATE").is_some() {
            std::fs::write(&path, blessed.join("\n=====\n") + "\n").unwrap();
        }
    }
    println!("gotpl: {count} cases");
    assert!(failures.is_empty(), "{} of {count} cases fail:\n{}", failures.len(), failures.join("\n"));
    assert!(count >= 300, "only {count} cases were found");
}

// The public vectors, as far as they need nothing but the language and the helpers above.

const TOPICS: &[&str] = &[
    "syntax_literals",
    "syntax_text",
    "syntax_trim",
    "syntax_control",
    "syntax_variables",
    "syntax_define",
    "syntax_tpl",
    "syntax_pipeline",
    "syntax_fields",
    "strict",
    "builtin_compare",
    "builtin_logic",
    "builtin_len_index_slice",
    "builtin_call_html_js_urlquery",
    "builtin_printf",
    "builtin_print",
    "errors",
    "matrix_arity",
    "matrix_types",
    "random_pipelines",
];

fn vectors_dir() -> Option<PathBuf> {
    let dir = std::env::var_os("BOWLINE_VECTORS").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/conformance/vectors"),
        PathBuf::from,
    );
    dir.is_dir().then_some(dir)
}

fn word<'a>(vector: &'a serde_json::Value, key: &str) -> &'a str {
    vector.get(key).and_then(serde_json::Value::as_str).unwrap_or("")
}

fn flag(vector: &serde_json::Value, key: &str) -> bool {
    vector.get(key).and_then(serde_json::Value::as_bool).unwrap_or(false)
}

/// Whether the vector needs no function, object or chart feature that only Helm has.
fn is_ours(vector: &serde_json::Value, names: &[String], ours: &FuncTable) -> bool {
    let chart_keys = ["chart_values", "set", "set_string", "set_json", "want_files", "want_b64"];
    if chart_keys.iter().any(|key| vector.get(key).is_some()) || flag(vector, "lint") {
        return false;
    }
    let files = vector.get("files").and_then(serde_json::Value::as_object);
    let is_chart =
        |path: &String| path.starts_with("templates/") || path.starts_with("charts/") || path == "Chart.yaml";
    if files.is_some_and(|files| files.keys().any(is_chart)) {
        return false;
    }
    let text = format!("{}\n{}", word(vector, "template"), word(vector, "helpers"));
    let text_wanted = format!("{}{}", word(vector, "want"), word(vector, "error"));
    // What shows the whole context is Helm's.
    if text_wanted.contains("Capabilities") {
        return false;
    }
    let foreign = [
        ".Files",
        ".Maintainers",
        ".Keywords",
        ".Annotations",
        ".Capabilities",
        ".Subcharts",
        ".YAML",
        ".Table",
        ".PathValue",
        ".Encode",
    ];
    if foreign.iter().any(|foreign| text.contains(foreign)) {
        return false;
    }
    // Names that stand where a function may: not after a dot or dollar. Those in string literals count too, because
    // `tpl` may run them.
    static NAMES: OnceLock<regex::Regex> = OnceLock::new();
    static ACTIONS: OnceLock<regex::Regex> = OnceLock::new();
    let names_used = NAMES.get_or_init(|| regex::Regex::new(r"(?:^|[^.$\w])([A-Za-z]\w*)").unwrap());
    let actions = ACTIONS.get_or_init(|| regex::Regex::new(r"(?s)\{\{.*?\}\}").unwrap());
    actions.find_iter(&text).all(|action| {
        let used = names_used.captures_iter(action.as_str()).filter_map(|found| found.get(1));
        used.map(|found| found.as_str()).all(|used| {
            used != "slice" && (ours.get(used).is_some() || !names.iter().any(|name| name == used))
        })
    })
}

fn key_text(key: &serde_yaml::Value) -> String {
    match key {
        serde_yaml::Value::Bool(flag) => flag.to_string(),
        serde_yaml::Value::Number(number) => number.to_string(),
        key => key.as_str().unwrap_or_default().to_owned(),
    }
}

fn to_data(value: &serde_yaml::Value) -> Value {
    match value {
        serde_yaml::Value::Null => Value::Null,
        serde_yaml::Value::Bool(flag) => Value::Bool(*flag),
        serde_yaml::Value::Number(number) => Value::Float(number.as_f64().unwrap_or_default()),
        serde_yaml::Value::String(text) => Value::str(text.as_str()),
        serde_yaml::Value::Sequence(items) => Value::List(items.iter().map(to_data).collect()),
        serde_yaml::Value::Mapping(entries) => {
            entries.iter().map(|(key, value)| (key_text(key), to_data(value))).collect()
        }
        serde_yaml::Value::Tagged(tagged) => to_data(&tagged.value),
    }
}

static VALUES: MapType = MapType {
    name: "common.Values",
    elem: Type::Any,
    methods: &[Method::new("AsMap", &[], Type::Map(&bowline::gotpl::ANY_MAP), |_, receiver, _| {
        Ok(Val::Map(receiver.as_map().unwrap().retyped(&bowline::gotpl::ANY_MAP)))
    })],
};

fn context(values: &str) -> Option<Val> {
    // The one place of the vectors where YAML 1.1 and 1.2 differ.
    let values = values.replace("{name: y,", "{name: true,");
    let mut data = serde_yaml::from_str::<serde_yaml::Value>(&values).ok()?;
    data.apply_merge().ok()?;
    let data = to_data(&data);
    let values = match &data {
        Value::Map(entries) => Map::from_data(&VALUES, entries),
        _ => Map::typed(&VALUES, BTreeMap::default()),
    };
    let text = Val::str;
    let release = Val::map([
        ("Name", text("rel")),
        ("Namespace", text("ns")),
        ("Revision", Val::Int(1)),
        ("IsInstall", Val::Bool(true)),
        ("IsUpgrade", Val::Bool(false)),
        ("Service", text("Helm")),
    ]);
    let template = [("Name", text("testchart/templates/t.yaml")), ("BasePath", text("testchart/templates"))];
    let template = template.into_iter().map(|(key, value)| (GoStr::from(key), value)).collect();
    let template = Val::Map(Map::typed(&VALUES, template));
    let chart = Val::map([
        ("Name", text("testchart")),
        ("Version", text("1.2.3")),
        ("AppVersion", text("4.5.6")),
        ("Type", text("application")),
        ("APIVersion", text("v2")),
    ]);
    Some(Val::Map(Map::typed(
        &VALUES,
        [
            ("Values", Val::Map(values)),
            ("Release", release),
            ("Template", template),
            ("Chart", chart),
            ("Capabilities", Val::map::<&str>([])),
            ("Files", Val::map::<&str>([])),
            ("Subcharts", Val::map::<&str>([])),
        ]
        .into_iter()
        .map(|(key, value)| (GoStr::from(key), value))
        .collect(),
    )))
}

/// An error as Helm words it.
fn helm_error(error: &ExecError) -> String {
    let mut levels = vec![error];
    loop {
        let level = levels[levels.len() - 1];
        match level.cause() {
            Some(FuncError::Stop(text)) => {
                return format!(
                    "execution error at ({}:{}:{}): {text}",
                    error.file_name, error.line, error.column
                );
            }
            Some(FuncError::Nested { source, .. }) => match &**source {
                TemplateError::Exec(inner) => levels.push(inner),
                TemplateError::Parse(_) => return error.to_string(),
            },
            Some(_) => return error.to_string(),
            None => break,
        }
    }
    let mut out = Vec::new();
    for level in levels {
        if level.file.is_none() {
            out.push(level.to_string());
            continue;
        }
        let message = match &level.kind {
            ExecErrorKind::Call { function, .. } if &**function == "include" => {
                "error calling include:".to_owned()
            }
            ExecErrorKind::Call { .. } => return error.to_string(),
            _ => level.message.to_string(),
        };
        out.push(format!(
            "{}:{}:{}\n  executing {} at <{}>:\n    {}",
            level.file_name,
            level.line,
            level.column,
            quote(level.template.as_bytes()),
            level.context,
            message.trim_end()
        ));
    }
    out.join("\n")
}

fn run_vector(vector: &serde_json::Value) -> Option<Result<String, String>> {
    let context = context(word(vector, "values"))?;
    let mut set = Set::new("gotpl", functions());
    for (name, key) in
        [("testchart/templates/t.yaml", "template"), ("testchart/templates/_helpers.tpl", "helpers")]
    {
        let file = SourceFile::new(name, word(vector, key));
        if let Err(error) = set.parse(name, &file) {
            let tail = error.message.rsplit(": ").next().unwrap_or("").to_owned();
            return Some(Err(format!("parse error at ({name}:{}): {tail}", error.line)));
        }
    }
    let missing_key = if flag(vector, "strict") { MissingKey::Error } else { MissingKey::Zero };
    let options = Options { missing_key, ..Options::default() };
    let host: &mut dyn Any = &mut ();
    Some(match set.execute("testchart/templates/t.yaml", context, &options, host, None) {
        Ok(out) => Ok(String::from_utf8_lossy(&out).replace("<no value>", "")),
        Err(error) => Err(helm_error(&error)),
    })
}

#[test]
fn public_vectors() {
    let Some(dir) = vectors_dir() else {
        crate::support::skip::skipped("no vectors at hand");
        return;
    };
    let defined = std::fs::read_to_string(dir.join("matrix_arity.json")).unwrap();
    let arity: Vec<serde_json::Value> = serde_json::from_str(&defined).unwrap();
    // The ids of this topic name every function: `matrix_arity/<function>/001`.
    let mut names: Vec<String> =
        arity.iter().filter_map(|vector| word(vector, "id").split('/').nth(1).map(str::to_owned)).collect();
    let types = std::fs::read_to_string(dir.join("matrix_types.json")).unwrap();
    let types: Vec<serde_json::Value> = serde_json::from_str(&types).unwrap();
    let typed = types.iter().filter_map(|vector| word(vector, "id").split('/').nth(1));
    names.extend(typed.map(|name| name.trim_end_matches("_piped").to_owned()));
    names.extend(["lookup", "now", "getHostByName"].map(str::to_owned));
    names.sort();
    names.dedup();
    let ours = functions();
    let mut failures = Vec::new();
    for topic in TOPICS {
        let text = std::fs::read_to_string(dir.join(format!("{topic}.json"))).unwrap();
        let vectors: Vec<serde_json::Value> = serde_json::from_str(&text).unwrap();
        let (mut run, mut passed) = (0, 0);
        for vector in vectors.iter().filter(|vector| is_ours(vector, &names, &ours)) {
            let Some(got) = run_vector(vector) else { continue };
            run += 1;
            let want = match vector.get("want").and_then(serde_json::Value::as_str) {
                Some(want) => Ok(want.to_owned()),
                None => Err(word(vector, "error").to_owned()),
            };
            if got == want || flag(vector, "go_text") && got.is_err() && want.is_err() {
                passed += 1;
            } else {
                failures.push(format!(
                    "{} {:?}\n  want {:?}\n  got  {:?}",
                    word(vector, "id"),
                    word(vector, "template"),
                    want,
                    got
                ));
            }
        }
        println!("gotpl: {topic}: {passed} of {run} ({} in the topic)", vectors.len());
    }
    assert!(failures.is_empty(), "{} vectors fail:\n{}", failures.len(), failures.join("\n"));
}
