//! Which language a template looks like. Both engines write `{{ … }}`, so a file that the wrong one reads fails with a
//! message about its grammar; what helps is to say which line of Chart.yaml chooses the engine.
//!
//! Invariant: a guess only. It adds advice to an error that is there anyway and never changes how a file is rendered.

use super::EngineKind;

/// Words that begin a Go template's action and that no expression of Tera begins with.
const GO_WORDS: &[&str] =
    &["if", "else", "end", "with", "range", "define", "template", "block", "include", "tpl"];

/// Names that Tera templates begin an expression with, and that are no functions of Go templates.
const TERA_ROOTS: &[&str] = &["values", "release", "chart", "capabilities", "files", "template"];

/// Advice for a template that failed as `read_as` and looks as if it were written in the other language, and in no other.
pub fn advice(read_as: EngineKind, text: &str) -> Option<String> {
    match read_as {
        EngineKind::Gotpl if looks_like_tera(text) && !looks_like_go(text) => {
            Some("this looks like Tera: write `engine: tera` into Chart.yaml, or let the file's name end in .tera".into())
        }
        EngineKind::Tera if looks_like_go(text) && !looks_like_tera(text) => Some(
            "this looks like a Go template, and the chart says `engine: tera` or the file's name ends in .tera: leave that out"
                .into(),
        ),
        _ => None,
    }
}

/// What stands behind each `{{` or `{{-`, without white space before it.
fn actions(text: &str) -> impl Iterator<Item = &str> {
    text.split("{{").skip(1).map(|rest| rest.strip_prefix('-').unwrap_or(rest).trim_start())
}

/// The name that a text begins with, and what follows it.
fn name(text: &str) -> (&str, &str) {
    text.split_at(text.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(text.len()))
}

fn looks_like_tera(text: &str) -> bool {
    let is_block = |rest: &str| {
        let word = name(rest.strip_prefix('-').unwrap_or(rest).trim_start()).0;
        rest.contains("%}") && !word.is_empty()
    };
    let is_root = |rest: &str| {
        let (word, rest) = name(rest);
        TERA_ROOTS.contains(&word) && rest.starts_with('.')
    };
    text.split("{%").skip(1).any(is_block) || actions(text).any(is_root)
}

fn looks_like_go(text: &str) -> bool {
    actions(text).any(|rest| {
        let (word, after) = name(rest);
        match rest.as_bytes() {
            [b'/', b'*', ..] | [b'$', ..] => true,
            [b'.', next, ..] => next.is_ascii_alphabetic() || matches!(next, b' ' | b'}'),
            _ => GO_WORDS.contains(&word) && after.starts_with([' ', '}', '-']),
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_other_language_is_known_by_its_actions() {
        for tera in ["{{ values.a }}", "{%- if x -%}\na\n{% endif %}", "{{- release.name | upper }}"] {
            assert!(looks_like_tera(tera) && !looks_like_go(tera), "{tera}");
        }
        for go in [
            "{{ .Values.a }}",
            "{{- if .a }}",
            "{{ end }}",
            "{{ $x }}",
            "{{/* a */}}",
            "{{ include \"a\" . }}",
            "{{ . }}",
        ] {
            assert!(looks_like_go(go) && !looks_like_tera(go), "{go}");
        }
        for either in
            ["", "a: 100%\nb: {%", "{{ upper(x) }}", "{{ \"a\" | b64encode }}", "{{ range(end=3) }}", "{{"]
        {
            assert!(!looks_like_go(either) && !looks_like_tera(either), "{either}");
        }
    }
}
