//! Cuts an index.yaml into one text per chart without parsing it.
//!
//! A large index holds thousands of versions of hundreds of charts, and most commands want one of them. The layout that
//! every writer of indexes produces can be cut by looking at the start of each line:
//!
//! ```text
//! apiVersion: v1          ┐
//! generated: …            ├ rest: every line that does not belong to `entries`
//! entries:                ┘
//!   name:                 ─ a chart: the lines up to the next one at this column
//!   - version: 1.0.0
//! ```
//!
//! Invariant: the cut is a guess that is proved by parsing. A text that looks like the above and is not (a quoted scalar
//! over several lines, an alias to another chart) leaves a piece that does not parse, and the caller then parses
//! the whole.

/// The pieces.
pub(super) struct Pieces<'a> {
    /// The document without the content of `entries`.
    pub(super) rest: String,
    /// Chart names with the text of their lists.
    pub(super) charts: Vec<(&'a str, &'a str)>,
}

/// Cuts a text; `None` when it is not laid out as expected.
pub(super) fn split(text: &str) -> Option<Pieces<'_>> {
    let mut rest = String::new();
    let mut charts: Vec<(&str, &str)> = Vec::new();
    let mut inside = false;
    let mut seen = false;
    let mut column = 0;
    // The chart whose lines are being passed: its name and where its list starts.
    let mut open: Option<(&str, usize)> = None;
    let mut at = 0;
    while at < text.len() {
        let start = at;
        let end = line_end(text, start);
        let line = text.get(start..end)?;
        at = end + 1;
        let content = line.trim_end_matches('\r');
        let depth = content.bytes().take_while(|b| *b == b' ').count();
        let Some(first) = content.as_bytes().get(depth) else { continue };
        if *first == b'\t' {
            return None;
        }
        if depth == 0 && *first != b'#' {
            if matches!(*first, b'%' | b'.')
                || (content.starts_with("---") && (start > 0 || content != "---"))
            {
                return None;
            }
            // A list at the column of its key would belong to `entries` itself, which is a mapping.
            if inside && *first == b'-' {
                return None;
            }
            if let Some((name, from)) = open.take() {
                charts.push((name, text.get(from..start)?));
            }
            inside = content.trim_end() == "entries:";
            if inside {
                if seen {
                    return None;
                }
                seen = true;
                column = 0;
                continue;
            }
        }
        if !inside {
            rest.push_str(line);
            rest.push('\n');
            continue;
        }
        if *first == b'#' {
            continue;
        }
        if column == 0 {
            column = depth;
        }
        if depth < column {
            return None;
        }
        let is_item = *first == b'-' && matches!(content.as_bytes().get(depth + 1), None | Some(b' '));
        if depth == column && !is_item {
            if let Some((name, from)) = open.take() {
                charts.push((name, text.get(from..start)?));
            }
            let (name, value) = key(content.get(depth..)?)?;
            if value.is_empty() {
                open = Some((name, at.min(text.len())));
            } else {
                charts.push((name, value));
            }
        } else if open.is_none() {
            return None;
        }
    }
    if let Some((name, from)) = open {
        charts.push((name, text.get(from..)?));
    }
    let mut names: Vec<&str> = charts.iter().map(|(name, _)| *name).collect();
    names.sort_unstable();
    let unique = names.windows(2).all(|pair| pair.first() != pair.last());
    (seen && unique).then_some(Pieces { rest, charts })
}

/// Where the line that holds a position ends: at its line feed, or at the end of the text.
pub(super) fn line_end(text: &str, from: usize) -> usize {
    // Lines are short; looking for a character in a `str` starts anew for each and takes four times as long.
    let rest = text.as_bytes().get(from..).unwrap_or_default();
    rest.iter().position(|b| *b == b'\n').map_or(text.len(), |length| from + length)
}

/// A chart's name and what stands behind the colon: nothing, `[]` or `null`.
fn key(line: &str) -> Option<(&str, &str)> {
    let (name, value) = line.trim_end().rsplit_once(':')?;
    let name = name
        .strip_prefix('"')
        .and_then(|name| name.strip_suffix('"'))
        .or_else(|| name.strip_prefix('\'').and_then(|name| name.strip_suffix('\'')))
        .unwrap_or(name);
    let plain = !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b));
    (plain && matches!(value, "" | " []" | " null" | " ~")).then_some((name, value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cuts_the_usual_layouts() {
        let text = "# c\napiVersion: v1\nentries:\n  a:\n  - version: 1\n    description: |\n      b:\n\n  # n\n  \"b.c\":\n    - version: 2\n  d: []\ngenerated: x\n";
        let pieces = split(text).unwrap();
        assert_eq!(pieces.rest, "# c\napiVersion: v1\ngenerated: x\n");
        let names: Vec<_> = pieces.charts.iter().map(|(name, _)| *name).collect();
        assert_eq!(names, ["a", "b.c", "d"]);
        assert_eq!(pieces.charts[1].1, "    - version: 2\n");
        assert_eq!(pieces.charts[2].1, " []");
        assert_eq!(
            split("apiVersion: v1\r\nentries:\r\n  a:\r\n  - version: 1\r\n").unwrap().charts.len(),
            1
        );
    }

    #[test]
    fn leaves_what_it_does_not_know() {
        for text in [
            "",
            "a: b",
            "entries: {}\napiVersion: v1",
            "entries:\n  a:\n  - v: 1\n b:\n",
            "entries:\n  a:\n  - 1\n  a:\n  - 2\n",
            "entries:\n  ? a\n  : - 1\n",
            "entries:\n  a: &x\n  - 1\n",
            "entries:\n- a\n",
            "--- {}\nentries:\n",
            "entries:\n  a:\n  - 1\n---\nentries:\n",
        ] {
            assert!(split(text).is_none(), "{text}");
        }
    }
}
