//! Renders a README for the page: the only user of pulldown-cmark.
//!
//! Invariant: nothing that a chart's author writes becomes markup of its own. HTML comes out as text, links lead to
//! `http`, `https` or `mailto` or lose their target, and pictures become links, because the page loads nothing from
//! elsewhere.

use pulldown_cmark::{CowStr, Event, Options, Parser, Tag, TagEnd, html};

/// Longest README that is rendered, in bytes; the rest is cut off.
const LIMIT: usize = 512 << 10;

/// A README as safe HTML.
pub(super) fn render(markdown: &str) -> String {
    let end = (0..=LIMIT.min(markdown.len())).rev().find(|at| markdown.is_char_boundary(*at)).unwrap_or(0);
    let options = Options::ENABLE_TABLES | Options::ENABLE_STRIKETHROUGH | Options::ENABLE_TASKLISTS;
    let parser = Parser::new_ext(markdown.get(..end).unwrap_or(""), options);
    let mut open_links = Vec::new();
    let events = parser.filter_map(|event| tame(event, &mut open_links));
    let mut out = String::with_capacity(end * 3 / 2);
    html::push_html(&mut out, events);
    out
}

/// The event as it may be shown. `open_links` tells, per open link or picture, whether its start was kept.
fn tame<'a>(event: Event<'a>, open_links: &mut Vec<bool>) -> Option<Event<'a>> {
    match event {
        Event::Html(text) | Event::InlineHtml(text) => {
            // Comments are notes to the author.
            if text.trim_start().starts_with("<!--") { None } else { Some(Event::Text(text)) }
        }
        Event::Start(Tag::HtmlBlock) => Some(Event::Start(Tag::Paragraph)),
        Event::End(TagEnd::HtmlBlock) => Some(Event::End(TagEnd::Paragraph)),
        Event::Start(Tag::Link { link_type, dest_url, title, id }) => {
            let kept = allowed(&dest_url);
            open_links.push(kept);
            kept.then_some(Event::Start(Tag::Link { link_type, dest_url, title, id }))
        }
        Event::Start(Tag::Image { dest_url, .. }) => {
            // A picture inside of a link (a badge) is text of that link.
            let kept = allowed(&dest_url) && !open_links.contains(&true);
            open_links.push(kept);
            let link_type = pulldown_cmark::LinkType::Inline;
            let (title, id) = (CowStr::Borrowed(""), CowStr::Borrowed(""));
            kept.then_some(Event::Start(Tag::Link { link_type, dest_url, title, id }))
        }
        Event::End(TagEnd::Link | TagEnd::Image) => {
            open_links.pop().unwrap_or(false).then_some(Event::End(TagEnd::Link))
        }
        Event::Start(Tag::Heading { level, .. }) => {
            Some(Event::Start(Tag::Heading { level, id: None, classes: Vec::new(), attrs: Vec::new() }))
        }
        event => Some(event),
    }
}

fn allowed(target: &str) -> bool {
    let lower = target.trim().to_ascii_lowercase();
    ["http://", "https://", "mailto:"].iter().any(|scheme| lower.starts_with(scheme))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markup_of_the_author_is_text() {
        for (markdown, html) in [
            ("# T\n\n*a* `<b>`", "<h1>T</h1>\n<p><em>a</em> <code>&lt;b&gt;</code></p>\n"),
            ("<script>alert(1)</script>", "<p>&lt;script&gt;alert(1)&lt;/script&gt;</p>\n"),
            ("a <img src=x onerror=y> b", "<p>a &lt;img src=x onerror=y&gt; b</p>\n"),
            ("[x](javascript:alert(1)) [y](https://h/)", "<p>x <a href=\"https://h/\">y</a></p>\n"),
            ("[x](JaVaScRiPt:a) [d](data:text/html,x) [r](../a)", "<p>x d r</p>\n"),
            ("![pic](https://h/p.png)", "<p><a href=\"https://h/p.png\">pic</a></p>\n"),
            ("[![b](https://h/b.svg)](https://h/)", "<p><a href=\"https://h/\">b</a></p>\n"),
            ("[x](https://h/\"onx=y)", "<p><a href=\"https://h/%22onx=y\">x</a></p>\n"),
            ("<!-- note -->", "<p></p>\n"),
        ] {
            assert_eq!(render(markdown), html, "{markdown}");
        }
    }

    #[test]
    fn long_texts_are_cut_between_characters() {
        assert!(render(&"é".repeat(LIMIT)).len() < 2 * LIMIT);
    }
}
