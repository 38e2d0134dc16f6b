//! Values that cannot break JSON: the pass over the output of `.json` templates.
//!
//! Invariant: inside quotes a value stays inside them; outside it is a complete JSON value.

use super::marks::{Entry, Mark, Shape};
use super::yaml::write;
use crate::data::Value;

/// Writes every value of a JSON text; stops writing values once the text is longer than `limit`.
pub(super) fn resolve(shape: &Shape, table: &[Entry], text: &str, limit: usize) -> String {
    let text = shape.settle_regions(text);
    let mut out = String::with_capacity(text.len());
    let mut quoted = false;
    let mut from = 0;
    loop {
        let next = shape.next(&text, from);
        let end = next.map_or(text.len(), |(start, _, _)| start);
        let literal = text.get(from..end).unwrap_or("");
        quoted = ends_quoted(literal, quoted);
        out.push_str(literal);
        let Some((_, mark, after)) = next else { return out };
        if let Mark::Value(index) = mark
            && out.len() <= limit
        {
            let value = table.get(index).map_or(&Value::Null, |entry| &entry.value);
            if quoted {
                let text = write::json(&Value::str(write::text_of(value)));
                out.push_str(text.get(1..text.len() - 1).unwrap_or(""));
            } else {
                out.push_str(&write::json(value));
            }
        }
        from = after;
    }
}

/// Whether a text that starts inside or outside of quotes ends inside of them.
fn ends_quoted(text: &str, quoted: bool) -> bool {
    let mut quoted = quoted;
    let mut escaped = false;
    for byte in text.bytes() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            _ => {}
        }
    }
    quoted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_json_where_they_stand() {
        let shape = Shape::new(3);
        let values: Vec<Value> = serde_json::from_str(r#"["a\"\n", {"k": [1, null]}, 7]"#).unwrap();
        let table: Vec<Entry> = values.into_iter().map(|value| Entry { value, site: 0 }).collect();
        let mark = |index| shape.write(Mark::Value(index));
        let text = format!(
            "{{\"x\": {}, \"y-{}\": {}, \"\\\"{}\": \"{}\"}}",
            mark(0),
            mark(0),
            mark(1),
            mark(2),
            mark(1)
        );
        assert_eq!(
            resolve(&shape, &table, &text, 1_000),
            r#"{"x": "a\"\n", "y-a\"\n": {"k":[1,null]}, "\"7": "{\"k\":[1,null]}"}"#
        );
    }
}
