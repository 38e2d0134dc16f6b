//! Renders a README for the page: the only user of pulldown-cmark.
//!
//! Invariant: nothing that a chart's author writes becomes markup of its own. Of HTML only the text is left (`html_text`),
//! links lead to a heading of the same text, to `http`, `https` or `mailto`, or lose their target, and pictures become links,
//! because the page loads nothing from elsewhere. No element has a style or a listener; an `id` begins with [`PREFIX`], as
//! no other of the page does.

use std::collections::{HashMap, HashSet};
use std::vec::IntoIter;

use pulldown_cmark::{Alignment, CowStr, Event, LinkType, Options, Parser, Tag, TagEnd, html};

use super::html_text::{is_line_break, text_of};
use crate::sys::http::percent_decode;

/// Longest README that is rendered, in bytes; the rest is cut off.
const LIMIT: usize = 512 << 10;
/// What the `id` of each heading begins with.
const PREFIX: &str = "readme-";

/// A README as safe HTML.
pub(super) fn render(markdown: &str) -> String {
    let end = (0..=LIMIT.min(markdown.len())).rev().find(|at| markdown.is_char_boundary(*at)).unwrap_or(0);
    let options = Options::ENABLE_TABLES | Options::ENABLE_STRIKETHROUGH | Options::ENABLE_TASKLISTS;
    let parser = Parser::new_ext(markdown.get(..end).unwrap_or(""), options);
    let mut block: Option<String> = None;
    // A block of HTML comes line by line, and can only be understood as a whole.
    let whole = parser.filter_map(|event| match (event, &mut block) {
        (Event::Start(Tag::HtmlBlock), _) => {
            block = Some(String::new());
            None
        }
        (Event::Html(text) | Event::Text(text), Some(block)) => {
            block.push_str(&text);
            None
        }
        (Event::End(TagEnd::HtmlBlock), _) => block.take().map(|text| Event::Html(CowStr::from(text))),
        (event, _) => Some(event),
    });
    let events: Vec<Event<'_>> = whole.collect();
    let names = headings(&events);
    let known = names.iter().cloned().collect();
    let mut tamer = Tamer { known, names: names.into_iter(), ..Tamer::default() };
    let mut out = String::with_capacity(end * 3 / 2);
    html::push_html(&mut out, events.into_iter().filter_map(|event| tamer.tame(event)));
    out
}

/// The names of all headings, in their order, as GitHub makes them: in lower case, with `-` for spaces and without
/// punctuation; of two that are the same the second gets a number.
fn headings(events: &[Event<'_>]) -> Vec<String> {
    let (mut names, mut taken) = (Vec::new(), HashSet::new());
    let mut open: Option<String> = None;
    // Where counting goes on for a name, so that many headings of one name take no longer than others.
    let mut counts = HashMap::new();
    for event in events {
        match (event, &mut open) {
            (Event::Start(Tag::Heading { .. }), _) => open = Some(String::new()),
            (Event::Text(text) | Event::Code(text), Some(heading)) => heading.push_str(text),
            (Event::End(TagEnd::Heading(_)), _) => {
                let heading = open.take().unwrap_or_default().trim().to_lowercase().replace(' ', "-");
                let kept = |c: &char| c.is_alphanumeric() || matches!(c, '-' | '_');
                let plain: String = heading.chars().filter(kept).collect();
                let mut name = plain.clone();
                while !taken.insert(name.clone()) {
                    let count: &mut usize = counts.entry(plain.clone()).or_default();
                    *count += 1;
                    name = format!("{plain}-{count}");
                }
                names.push(name);
            }
            _ => {}
        }
    }
    names
}

/// Makes of each event what may be shown.
#[derive(Default)]
struct Tamer {
    /// The names of all headings.
    known: HashSet<String>,
    /// Those of the headings that come.
    names: IntoIter<String>,
    /// Per open link or picture, whether its start was kept.
    links: Vec<bool>,
    /// How the columns of the open table are aligned.
    columns: Vec<Alignment>,
    /// The cell that comes next, by its column, and whether it is one of the head.
    column: usize,
    in_head: bool,
}

impl Tamer {
    fn tame<'a>(&mut self, event: Event<'a>) -> Option<Event<'a>> {
        match event {
            Event::Html(block) => {
                let text = text_of(&block);
                (!text.is_empty()).then(|| Event::Html(CowStr::from(format!("<p>{text}</p>\n"))))
            }
            Event::InlineHtml(tag) => is_line_break(&tag).then_some(Event::HardBreak),
            Event::Start(Tag::Link { dest_url, title, .. }) => {
                let target = if allowed(&dest_url) { Some(dest_url) } else { self.heading(&dest_url) };
                self.links.push(target.is_some());
                target.map(|target| link(target, title))
            }
            Event::Start(Tag::Image { dest_url, .. }) => {
                // A picture inside of a link (a badge) is text of that link.
                let kept = allowed(&dest_url) && !self.links.contains(&true);
                self.links.push(kept);
                kept.then(|| link(dest_url, CowStr::Borrowed("")))
            }
            Event::End(TagEnd::Link | TagEnd::Image) => {
                self.links.pop().unwrap_or(false).then_some(Event::End(TagEnd::Link))
            }
            Event::Start(Tag::Heading { level, .. }) => {
                let id = self.names.next().map(|name| CowStr::from(format!("{PREFIX}{name}")));
                Some(Event::Start(Tag::Heading { level, id, classes: Vec::new(), attrs: Vec::new() }))
            }
            // The writer would align each cell by a style of its own, which the page's policy forbids.
            Event::Start(Tag::Table(columns)) => {
                self.columns = columns;
                Some(Event::Start(Tag::Table(Vec::new())))
            }
            Event::Start(head @ (Tag::TableHead | Tag::TableRow)) => {
                self.in_head = head == Tag::TableHead;
                self.column = 0;
                Some(Event::Start(head))
            }
            Event::Start(Tag::TableCell) => Some(Event::Html(self.cell())),
            Event::End(TagEnd::TableCell) => {
                Some(Event::Html(CowStr::Borrowed(if self.in_head { "</th>" } else { "</td>" })))
            }
            event => Some(event),
        }
    }

    /// Where a link to a part of the same text leads; `None` when there is no such heading.
    fn heading<'a>(&self, target: &str) -> Option<CowStr<'a>> {
        let name = percent_decode(target.strip_prefix('#')?);
        let name = if self.known.contains(&name) { name } else { name.to_lowercase() };
        self.known.contains(&name).then(|| CowStr::from(format!("#{PREFIX}{name}")))
    }

    /// The start of the next cell.
    fn cell(&mut self) -> CowStr<'static> {
        let alignment = self.columns.get(self.column).copied().unwrap_or(Alignment::None);
        self.column += 1;
        CowStr::Borrowed(match (self.in_head, alignment) {
            (true, Alignment::None) => "<th>",
            (true, Alignment::Left) => "<th class=\"left\">",
            (true, Alignment::Center) => "<th class=\"center\">",
            (true, Alignment::Right) => "<th class=\"right\">",
            (false, Alignment::None) => "<td>",
            (false, Alignment::Left) => "<td class=\"left\">",
            (false, Alignment::Center) => "<td class=\"center\">",
            (false, Alignment::Right) => "<td class=\"right\">",
        })
    }
}

fn link<'a>(dest_url: CowStr<'a>, title: CowStr<'a>) -> Event<'a> {
    let (link_type, id) = (LinkType::Inline, CowStr::Borrowed(""));
    Event::Start(Tag::Link { link_type, dest_url, title, id })
}

fn allowed(target: &str) -> bool {
    let lower = target.trim().to_ascii_lowercase();
    ["http://", "https://", "mailto:"].iter().any(|scheme| lower.starts_with(scheme))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markup_of_the_author_is_left_out() {
        for (markdown, html) in [
            ("# T\n\n*a* `<b>`", "<h1 id=\"readme-t\">T</h1>\n<p><em>a</em> <code>&lt;b&gt;</code></p>\n"),
            ("<script>alert(1)</script>", ""),
            ("a <script>alert(1)</script> b", "<p>a alert(1) b</p>\n"),
            ("a <img src=x onerror=y> b", "<p>a  b</p>\n"),
            ("a<br>b<BR />c", "<p>a<br />\nb<br />\nc</p>\n"),
            ("[x](javascript:alert(1)) [y](https://h/)", "<p>x <a href=\"https://h/\">y</a></p>\n"),
            ("[x](JaVaScRiPt:a) [d](data:text/html,x) [r](../a)", "<p>x d r</p>\n"),
            (
                "<javascript:alert(1)> <https://h/> <a@h.io>",
                "<p>javascript:alert(1) <a href=\"https://h/\">https://h/</a> a@h.io</p>\n",
            ),
            ("![pic](https://h/p.png)", "<p><a href=\"https://h/p.png\">pic</a></p>\n"),
            ("[![b](https://h/b.svg)](https://h/)", "<p><a href=\"https://h/\">b</a></p>\n"),
            ("[x](https://h/\"onx=y)", "<p><a href=\"https://h/%22onx=y\">x</a></p>\n"),
            ("<!-- note -->", ""),
            ("a <!-- one\ntwo --> b", "<p>a  b</p>\n"),
            ("a\n\n<!--\n# one\n\n<b>two</b>\n-->\nb", "<p>a</p>\n<p>b</p>\n"),
            ("<!-- a --> b", "<p>b</p>\n"),
            (
                "<p align=\"center\">\n  <b>Hi</b> &amp; <a href=\"javascript:a\" onclick=x>you</a>\n</p>",
                "<p>Hi &amp; you</p>\n",
            ),
            ("<details>\n<summary>More</summary>\n\n*a*\n\n</details>", "<p>More</p>\n<p><em>a</em></p>\n"),
        ] {
            assert_eq!(render(markdown), html, "{markdown}");
        }
    }

    #[test]
    fn links_lead_to_headings() {
        for (markdown, html) in [
            (
                "[x](#setup)\n\n## Setup",
                "<p><a href=\"#readme-setup\">x</a></p>\n<h2 id=\"readme-setup\">Setup</h2>\n",
            ),
            ("[x](#nowhere) ![y](#t)\n# T", "<p>x y</p>\n<h1 id=\"readme-t\">T</h1>\n"),
            (
                "# A\n# A\n# A 1\n[x](#a-1)",
                "<h1 id=\"readme-a\">A</h1>\n<h1 id=\"readme-a-1\">A</h1>\n<h1 id=\"readme-a-1-1\">A 1</h1>\n<p><a href=\"#readme-a-1\">x</a></p>\n",
            ),
            (
                "# What's `new` in *2.0*? <b>\n[x](#Whats%2Dnew-in-20)",
                "<h1 id=\"readme-whats-new-in-20\">What's <code>new</code> in <em>2.0</em>? </h1>\n<p><a href=\"#readme-whats-new-in-20\">x</a></p>\n",
            ),
            (
                "# Über_uns\n[x](#%C3%BCber_uns)",
                "<h1 id=\"readme-über_uns\">Über_uns</h1>\n<p><a href=\"#readme-%C3%BCber_uns\">x</a></p>\n",
            ),
            ("# <a onclick=x>\"q\"</a>", "<h1 id=\"readme-q\">\"q\"</h1>\n"),
        ] {
            assert_eq!(render(markdown), html, "{markdown}");
        }
        // Many of one name are named in a time that grows with their number.
        let many = render(&"# a\n".repeat(20_000));
        assert!(many.contains("id=\"readme-a-19999\""));
    }

    #[test]
    fn columns_are_aligned_by_classes() {
        let html = render("|a|b|c|d|\n|-|:-|:-:|-:|\n|1|2|3|`4`|\n|5|\n");
        assert_eq!(
            html,
            "<table><thead><tr><th>a</th><th class=\"left\">b</th><th class=\"center\">c</th>\
             <th class=\"right\">d</th></tr></thead><tbody>\n\
             <tr><td>1</td><td class=\"left\">2</td><td class=\"center\">3</td>\
             <td class=\"right\"><code>4</code></td></tr>\n\
             <tr><td>5</td><td class=\"left\"></td><td class=\"center\"></td><td class=\"right\"></td></tr>\n\
             </tbody></table>\n"
        );
    }

    #[test]
    fn long_texts_are_cut_between_characters() {
        assert!(render(&"é".repeat(LIMIT)).len() < 2 * LIMIT);
    }
}
