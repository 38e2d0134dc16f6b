//! What a rewritten template looks like, and that places lead back.

use super::*;

struct Plain;

impl Names for Plain {
    fn file(&self, name: &str) -> Option<String> {
        name.starts_with('_').then(|| format!("c/templates/{name}"))
    }

    fn component(&self, name: &str) -> Option<String> {
        (name != "lost").then(|| format!("x.{name}"))
    }

    fn own_component(&self, name: &str) -> String {
        format!("x.{name}")
    }
}

/// The rewritten text with short names for the marks.
fn rewritten(source: &str) -> (String, Rewritten) {
    let shape = Shape::new(1);
    let result = rewrite(source, 0, &shape, &Plain, &mut Vec::new());
    let text = result
        .text
        .replace(&shape.write(Mark::RegionStart), "<<")
        .replace(&shape.write(Mark::RegionEnd), ">>")
        .replace("bowline_", "");
    (text, result)
}

#[test]
fn every_value_is_marked_and_rendered_text_is_not() {
    for (source, wanted) in [
        ("a: {{ x }}", "a: {{ (x) | mark(i=0) }}"),
        ("{{- a.b ~ c['d'] -}}", "{{- (a.b | defined ~ c['d'] | defined) | mark(i=0) -}}"),
        ("{{ a ~ b | c }}", "{{ (a | defined ~ b | c) | mark(i=0) }}"),
        ("{{ a if b else '}}' }}", "{{ (a if b else '}}') | mark(i=0) }}"),
        ("{% raw %}{{ x }}{% endraw %}{# {{ y }} #}", "{% raw %}{{ x }}{% endraw %}{# {{ y }} #}"),
        ("{{- super() }}", "{{- \"<<\" }}{{ super() }}{{ \">>\" }}"),
        ("{{ super() ~ 1 }}", "{{ ((super() | flat) ~ 1) | mark(i=0) }}"),
        ("{{ <b.c k={x} /> -}}", "{{ \"<<\" }}{{ <x.b.c k={x} /> }}{{ \">>\" -}}"),
        (
            "{{ <b /> | indent(width=2) }}",
            "{{ \"<<\" }}{{ <x.b /> | regions | indent(width=2) }}{{ \">>\" }}",
        ),
        ("{{ <b /> | upper }}", "{{ ((<x.b /> | flat) | upper) | mark(i=0) }}"),
        ("{{ 1 < b }}", "{{ (1 < b) | mark(i=0) }}"),
        ("{%- include '_x' %}", "{{- \"<<\" }}{% include \"c/templates/_x\" %}{{ \">>\" }}"),
        ("{% set a = b | c %}", "{% set a = (b | c) | bound %}"),
        (
            "{% set a %}{{ b }}{% endset %}",
            "{% set a | capture(kind=\"text\") %}{{ (b) | mark(i=0) }}{% endset %}",
        ),
        (
            "{% set a | from_yaml %}x{% endset %}",
            "{% set a | capture(kind=\"yaml\") | from_yaml %}x{% endset %}",
        ),
        (
            "{% filter upper | trim %}x{% endfilter %}",
            "{% filter capture(kind=\"text\") | upper | trim | mark(i=0) %}x{% endfilter %}",
        ),
        (
            "{% filter indent(width=2) %}x{% endfilter %}",
            "{% filter regions | indent(width=2) %}x{% endfilter %}",
        ),
        ("{% for a, b in c -%} x{% endfor %}", "{% for a, b in c %}{{ step() -}} x{% endfor %}"),
        (
            "{% <b> -%} {{ x }}{% </b> -%}",
            "{{ \"<<\" }}{% <x.b> -%} {{ (x) | mark(i=0) }}{% </x.b> %}{{ \">>\" -}}",
        ),
        (
            "{% component b(k) %}{{ body }}{% if body %}{{ body | upper }}{% endif %}{% endcomponent b %}{{ body }}",
            "{% component x.b(k) %}{{ \"<<\" }}{{ body }}{{ \">>\" }}{% if (body | flat) %}\
             {{ ((body | flat) | upper) | mark(i=0) }}{% endif %}{% endcomponent x.b %}{{ (body) | mark(i=1) }}",
        ),
        ("{{ a.b.c | default(value=d.e.f) }}", "{{ (a.b?.c | default(value=d.e.f)) | mark(i=0) }}"),
        (
            "{% if a['b'].c[d.e.f].g is not defined %}{% endif %}",
            "{% if a['b']?.c?[d.e.f]?.g is not defined %}{% endif %}",
        ),
        ("{{ broken", "{{ broken"),
    ] {
        assert_eq!(rewritten(source).0, wanted, "{source}");
    }
}

#[test]
fn places_lead_back_to_the_author() {
    let source = "x: {{ values.a ~ b.c }}\n{% include \"_y\" %}{{ lost }}";
    let (_, result) = rewritten(source);
    for word in ["values", "b.c", "lost", "include"] {
        let new = result.text.find(word).unwrap();
        assert_eq!(result.original(new), source.find(word).unwrap(), "{word}");
    }
}

#[test]
fn used_names_are_collected() {
    let (_, result) =
        rewritten("{{ f(a=1) | g }}{% if x is not h %}{% endif %}{% include 'lost' %}{{ <lost /> }}");
    let names = |list: &[(String, Span)]| list.iter().map(|(name, _)| name.clone()).collect::<Vec<_>>();
    assert_eq!(names(&result.uses.functions), ["f"]);
    assert_eq!(names(&result.uses.filters), ["g"]);
    assert_eq!(names(&result.uses.tests), ["h"]);
    assert_eq!(names(&result.uses.lost_files), ["lost"]);
    assert_eq!(names(&result.uses.lost_components), ["lost"]);
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig { cases: 300, failure_persistence: None, ..Default::default() })]

    /// Whatever is read, nothing panics, no line moves, and every place leads back into the author's text.
    #[test]
    fn any_text_is_rewritten_within_its_lines(
        parts in proptest::collection::vec(proptest::sample::select(&[
            "{{", "}}", "{{-", "-}}", "{%", "%}", "{%-", "-%}", "{#", "#}", " ", "\n", "a", "values.x.y", "|", "default", "(", ")",
            "[", "]", "{", "}", "<", "/>", ">", "</", "set", "filter", "include", "for", "in", "if", "component", "endcomponent",
            "body", "super", "~", "is", "not", "defined", "=", "\"s\"", "'", "`t`", ".", "?.", "...", "1.5", ",", ":", "raw", "endraw",
            "é", "extends", "upper", "trim",
        ][..]), 0..40)
    ) {
        let source = parts.concat();
        let result = rewrite(&source, 0, &Shape::new(1), &Plain, &mut Vec::new());
        proptest::prop_assert_eq!(result.text.matches('\n').count(), source.matches('\n').count());
        for offset in 0..=result.text.len() {
            let original = result.original(offset);
            proptest::prop_assert!(original <= source.len());
        }
    }
}
