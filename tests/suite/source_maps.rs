//! Laws of what rendering records: where each byte of the output comes from, and which values were read for it.

use std::fs;
use std::path::Path;

use bowline::chart;
use bowline::data::{Value, yaml};
use bowline::render::{
    self, Capabilities, Job, Limits, Options, Record, ReleaseInfo, RenderError, RenderedFile,
};
use proptest::prelude::*;

use crate::support::render::host;

/// Renders a chart of these templates with these values.
fn rendered(
    templates: &[(&str, &str)],
    values: &str,
    options: Options,
) -> Result<Vec<RenderedFile>, RenderError> {
    let folder = tempfile::tempdir().unwrap();
    let write = |path: &str, text: &str| {
        let path = folder.path().join(path);
        fs::create_dir_all(path.parent().unwrap_or(Path::new("/"))).unwrap();
        fs::write(path, text).unwrap();
    };
    write("Chart.yaml", "apiVersion: v2\nname: app\nversion: 1.0.0\n");
    for (path, text) in templates {
        write(&format!("templates/{path}"), text);
    }
    let chart = chart::load(folder.path(), &chart::Limits::default()).unwrap();
    let values: Value = yaml::value_from_text("values.yaml", values).unwrap();
    render::render(&Job {
        chart: &chart,
        values: &values,
        release: &ReleaseInfo::install("rel", "ns"),
        capabilities: &Capabilities::default(),
        host: &host(),
        lookup: None,
        options,
    })
}

fn recorded(templates: &[(&str, &str)], values: &str) -> RenderedFile {
    let options = Options { record: Record { map: true, reads: true }, ..Options::default() };
    rendered(templates, values, options).unwrap().into_iter().next().unwrap()
}

/// Every byte has an origin, and a verbatim one is that very byte. Returns how many bytes are verbatim.
fn check_map(file: &RenderedFile) -> usize {
    let map = file.map.as_ref().unwrap();
    let mut verbatim = 0;
    for (offset, byte) in file.text.bytes().enumerate() {
        let origin = map.position(offset).unwrap_or_else(|| panic!("byte {offset} of {:?}", file.text));
        assert!(origin.at.span.end as usize <= origin.at.file.text().len());
        if origin.verbatim && file.text.is_char_boundary(offset) {
            let source = origin.at.file.text().as_bytes()[origin.at.span.start as usize];
            assert_eq!(source, byte, "byte {offset} of {:?}: {:?}", file.text, origin.at.to_string());
            verbatim += 1;
        }
    }
    verbatim
}

/// `place | innermost call | …` of the first byte of a part of the output.
fn origin_of(file: &RenderedFile, part: &str) -> String {
    let offset = file.text.find(part).unwrap_or_else(|| panic!("{part:?} in {:?}", file.text));
    let origin = file.map.as_ref().unwrap().position(offset).unwrap();
    let calls = origin.chain.iter().map(|frame| {
        let at = frame.at.as_ref().map(ToString::to_string).unwrap_or_default();
        format!("{} at {at}", frame.what)
    });
    std::iter::once(origin.at.to_string()).chain(calls).collect::<Vec<_>>().join(" | ")
}

#[test]
fn places_lead_through_include_tpl_and_template() {
    let file = recorded(
        &[
            (
                "_h.tpl",
                "{{ define \"l\" -}}\none: 1\ntwo: {{ .Values.v }}\n{{- end }}\n{{ define \"t\" }}plain{{ end }}",
            ),
            (
                "a.yaml",
                "a: <no\u{20}value>x{{ .Values.none.x }}\nlabels:\n  {{- include \"l\" . | nindent 2 }}\nq: {{ include \"t\" . | quote }}\n\
                 t: {{ template \"t\" . }}\n{{- $kept := include \"t\" . }}\nu: {{ tpl \"x{{ include \\\"t\\\" . }}\" . }}\nend: {{ $kept | upper }}\n",
            ),
        ],
        "v: V\nnone: {}\n",
    );
    assert_eq!(
        file.text,
        "a: x\nlabels:\n  one: 1\n  two: V\nq: \"plain\"\nt: plain\nu: xplain\nend: PLAIN\n"
    );
    assert!(check_map(&file) > 40);
    let (a, h) = ("app/templates/a.yaml", "app/templates/_h.tpl");
    let call = format!("include \"l\" . | nindent 2 at {a}:3:3");
    assert_eq!(origin_of(&file, "x\nlab"), format!("{a}:1:14"));
    assert_eq!(origin_of(&file, "one"), format!("{h}:2:1 | {call}"));
    assert_eq!(origin_of(&file, "wo: V"), format!("{h}:3:2 | {call}"));
    assert_eq!(origin_of(&file, "V\n"), format!("{h}:3:6 | {call}"));
    assert_eq!(origin_of(&file, "\n  two"), format!("{a}:3:3"));
    assert_eq!(origin_of(&file, "plain\""), format!("{h}:5:17 | include \"t\" . | quote at {a}:4:4"));
    assert_eq!(origin_of(&file, "plain\nu"), format!("{h}:5:17 | template \"t\" at {a}:5:16"));
    let tpl = format!("tpl \"x{{{{ include \\\"t\\\" . }}}}\" . at {a}:7:4");
    assert_eq!(origin_of(&file, "plain\nend"), format!("{h}:5:17 | include \"t\" . at gotpl:1:2 | {tpl}"));
    assert_eq!(origin_of(&file, "PLAIN"), format!("{a}:8:6"));
}

#[test]
fn nothing_is_recorded_unless_asked() {
    let files = rendered(&[("a.yaml", "a: {{ .Values.x }}")], "x: 1", Options::default()).unwrap();
    assert!(files[0].map.is_none() && files[0].reads.is_none());
}

#[test]
fn reads_are_paths_and_whole_maps() {
    let file = recorded(
        &[
            ("_h.tpl", "{{ define \"h\" }}{{ .image.tag }}{{ end }}"),
            (
                "a.yaml",
                "{{ .Values.a.b }}{{ with .Values.w }}{{ .x }}{{ end }}{{ range .Values.r }}{{ end }}{{ toYaml .Values.yy }}\
                 {{ include \"h\" (dict \"image\" .Values.img) }}{{ index .Values \"i\" \"j/k\" }}{{ dig \"d\" \"e\" 0 (.Values.AsMap) }}\
                 {{ if hasKey .Values.a \"no\" }}{{ end }}{{ range .Values.list }}{{ .name }}{{ end }}",
            ),
        ],
        "a: {b: 1, c: 2}\nw: {x: 1, z: 2}\nr: {s: {t: 1}}\nyy: {z: 1}\nimg: {tag: 1, pull: 2}\ni: {j/k: 1, l: 2}\nd: {e: 1, f: 2}\nlist: [{name: n, other: o}]\nunread: 1\n",
    );
    let reads = file.reads.unwrap();
    let paths: Vec<&str> = reads.paths.iter().map(String::as_str).collect();
    assert_eq!(
        paths,
        [
            "/a",
            "/a/b",
            "/a/no",
            "/d",
            "/d/e",
            "/i",
            "/i/j~1k",
            "/img",
            "/img/tag",
            "/list",
            "/list/0/name",
            "/r",
            "/w",
            "/w/x",
            "/yy"
        ]
    );
    let whole: Vec<&str> = reads.whole.iter().map(String::as_str).collect();
    assert_eq!(whole, ["/list/0", "/r", "/yy"]);
    for (path, read) in [
        ("/r/s/t", true),
        ("/yy/z", true),
        ("/a/c", false),
        ("/img/pull", false),
        ("/w/z", false),
        ("/unread", false),
    ] {
        assert_eq!(reads.includes(path), read, "{path}");
    }
}

/// Bounds are told with what was reached.
#[test]
fn limits_have_a_name_and_a_place() {
    let limits = |limits: Limits| Options { limits, ..Options::default() };
    for (template, options, message) in [
        (
            "a: {{ range until 1000 }}x{{ end }}",
            limits(Limits { steps: 500, ..Limits::default() }),
            "execution exceeded 500 steps",
        ),
        (
            "a: {{ range until 9 }}{{ repeat 100 \"x\" }}{{ end }}",
            limits(Limits { output: 1_200, ..Limits::default() }),
            // The text of a file is a value, and may have a quarter.
            "output exceeded 300 bytes",
        ),
        (
            "a: {{ repeat 301 \"x\" }}",
            limits(Limits { output: 1_200, ..Limits::default() }),
            "a value exceeded 300 bytes",
        ),
        (
            "{{ define \"x\" }}{{ include \"x\" . }}{{ end }}a: {{ include \"x\" . }}",
            limits(Limits { depth: 5, ..Limits::default() }),
            "rendering template has a nested reference name: x: unable to execute template",
        ),
        (
            "a: {{ tpl .Values.t . }}",
            limits(Limits { depth: 20, ..Limits::default() }),
            "exceeded maximum template depth (20)",
        ),
    ] {
        let error = rendered(&[("a.yaml", template)], "t: \"{{ tpl .Values.t . }}\"", options).unwrap_err();
        let RenderError::Templates(failures) = &error else { panic!("{error}") };
        assert_eq!(failures.len(), 1);
        let text = &failures[0].text;
        assert!(text.contains(message), "{:?} in {:?}", message, &text[text.len().saturating_sub(300)..]);
        assert!(failures[0].diagnostic.at.is_some(), "{message}");
    }
}

fn piece() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-c]{1,3}: [x-zé]{0,3}\n",
        Just("{{ .Values.v }}\n".to_string()),
        Just("{{- .Values.text | nindent 2 }}".to_string()),
        Just("<no value>".to_string()),
        Just("{{ include \"h\" . | nindent 4 }}\n".to_string()),
        Just("{{ include \"h\" . | trim | quote }}\n".to_string()),
        Just("{{ template \"h\" . }}".to_string()),
        Just("{{ tpl \"k: {{ include \\\"h\\\" . }}\" . }}\n".to_string()),
        Just("{{ range until 2 }}i: {{ . }}\n{{ end }}".to_string()),
        Just("{{ $x := include \"h\" . }}".to_string()),
        Just("{{ .Values.none }}\n".to_string()),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn text_of_templates_maps_to_itself(
        pieces in proptest::collection::vec(piece(), 1..10),
        helper in "([a-c]: [x-z]{0,2}\n){1,3}",
    ) {
        let helper = format!("{{{{ define \"h\" }}}}{helper}{{{{ end }}}}");
        let file = recorded(
            &[("_h.tpl", &helper), ("a.yaml", &pieces.concat())],
            "v: é\ntext: |\n  a: 1\n  b: 2\n",
        );
        check_map(&file);
    }
}
