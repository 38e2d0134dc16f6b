//! The text of a piece of HTML that a chart's author wrote into a README, without its tags and comments.
//!
//! Nothing is parsed as a browser would: what cannot be understood is left out.
//!
//! Invariant: what comes out has no markup but `<br />`: each `<`, `>` and quote of the text is escaped. It takes a time that
//! grows with the length of the piece.

/// Elements of which not even the text is for people.
const SILENT: &[&str] = &["script", "style"];
/// Elements within a line; what is between others is held apart.
const INLINE: &[&str] = &[
    "a", "abbr", "b", "code", "del", "em", "font", "i", "ins", "kbd", "mark", "q", "s", "small", "span",
    "strong", "sub", "sup", "tt", "u", "var",
];

/// Whether a tag is `<br>`.
pub(super) fn is_line_break(tag: &str) -> bool {
    name_of(tag) == "br"
}

/// The name of the element that a tag opens or closes, in lower case; empty for what is no tag.
fn name_of(tag: &str) -> String {
    let name = tag.strip_prefix('<').unwrap_or("");
    let name = name.strip_prefix('/').unwrap_or(name);
    let end = name.find(|c: char| !c.is_ascii_alphanumeric()).unwrap_or(name.len());
    name.get(..end).unwrap_or("").to_ascii_lowercase()
}

/// The text of a piece of HTML, escaped, with line breaks.
pub(super) fn text_of(html: &str) -> String {
    let (mut out, mut rest) = (String::new(), html);
    while let Some(at) = rest.find('<') {
        let (text, tag) = rest.split_at(at);
        escape(text, &mut out);
        rest = if let Some(comment) = tag.strip_prefix("<!--") {
            comment.find("-->").and_then(|end| comment.get(end + 3..)).unwrap_or("")
        } else if tag.starts_with("<!") || tag.starts_with("<?") {
            tag.find('>').and_then(|end| tag.get(end + 1..)).unwrap_or("")
        } else if name_of(tag).starts_with(|c: char| c.is_ascii_alphabetic()) {
            element(tag, &mut out)
        } else {
            out.push_str("&lt;");
            tag.get(1..).unwrap_or("")
        };
    }
    escape(rest, &mut out);
    out.trim().to_string()
}

/// Takes in a tag, and returns what is behind it.
fn element<'h>(tag: &'h str, out: &mut String) -> &'h str {
    let name = name_of(tag);
    let rest = tag.get(tag_length(tag)..).unwrap_or("");
    if name == "br" {
        out.push_str("<br />\n");
    } else if SILENT.contains(&name.as_str()) && !tag.starts_with("</") {
        return end_of(rest, &name);
    } else if !INLINE.contains(&name.as_str()) {
        out.push('\n');
    }
    rest
}

/// What is behind the text of an element, from its closing tag on; nothing for one that is not closed.
fn end_of<'h>(mut rest: &'h str, name: &str) -> &'h str {
    while let Some(at) = rest.find("</") {
        rest = rest.get(at..).unwrap_or("");
        if name_of(rest) == name {
            return rest;
        }
        rest = rest.get(2..).unwrap_or("");
    }
    ""
}

/// The length of a tag with its `>`; one that has no end is as long as all that follows. A `>` between quotes is no end.
fn tag_length(tag: &str) -> usize {
    let mut quote = None;
    for (at, byte) in tag.bytes().enumerate() {
        match (quote, byte) {
            (None, b'>') => return at + 1,
            (None, b'"' | b'\'') => quote = Some(byte),
            (Some(open), byte) if open == byte => quote = None,
            _ => {}
        }
    }
    tag.len()
}

/// Escapes a text; references to characters stay what they are.
fn escape(text: &str, out: &mut String) {
    for (at, c) in text.char_indices() {
        match c {
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            '&' if !is_reference(text.get(at + 1..).unwrap_or("")) => out.push_str("&amp;"),
            c => out.push(c),
        }
    }
}

/// Whether a text begins as a reference to a character does behind its `&`: `amp;`, `#39;`.
fn is_reference(text: &str) -> bool {
    /// Longest name there is.
    const LONGEST: usize = 32;
    let name = text.strip_prefix('#').unwrap_or(text);
    let end = name.bytes().take(LONGEST).position(|b| !b.is_ascii_alphanumeric());
    end.is_some_and(|end| end > 0 && name.as_bytes().get(end) == Some(&b';'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_text_is_left() {
        for (html, text) in [
            ("<b>a</b>b", "ab"),
            ("<p>a</p><p>b</p>", "a\n\nb"),
            ("a<br/>b", "a<br />\nb"),
            ("1 < 2 > 0 <3 & \"q\"", "1 &lt; 2 &gt; 0 &lt;3 &amp; &quot;q&quot;"),
            ("&lt;b&gt; &nbsp; &#x3c; &; &a b;", "&lt;b&gt; &nbsp; &#x3c; &amp;; &amp;a b;"),
            ("<i title=\"a>b\" onclick='x>y'>z</i>", "z"),
            ("a<!-- <b>\n --> --b<!-- open", "a --b"),
            ("<!DOCTYPE html><?php x ?>a", "a"),
            ("<style>p { color: red }</style>a<SCRIPT src=x>if (a</b) {}</Script>b", "a\nb"),
            ("<script>open", ""),
            ("<scr<script>ipt>a", "ipt&gt;a"),
            ("<a href=\"x", ""),
            ("<<b>", "&lt;"),
            ("</", "&lt;/"),
        ] {
            assert_eq!(text_of(html), text, "{html}");
        }
        let long = "<b".repeat(200_000);
        assert_eq!(text_of(&long), "");
        let long = "<!--".repeat(200_000);
        assert_eq!(text_of(&long), "");
    }
}
