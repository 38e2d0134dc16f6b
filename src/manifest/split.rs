//! Splits a text into YAML documents by Helm's rule, which is not YAML's.
//!
//! A separator is `---` at the start of a line, whatever follows: the rest of that line belongs to the next document.
//! White space before a document is dropped (indentation of its first line too), white space after it is kept, and
//! documents of nothing but white space are left out. Only `\n` ends a line.
//!
//! Source of the rule: `helm template` 4.3.1. Invariant: every piece is a part of the text, unchanged.

/// A document in a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Piece<'t> {
    /// Byte offset of the document in the text.
    pub offset: usize,
    /// The document.
    pub text: &'t str,
}

/// The documents of a text, in order.
pub fn split(text: &str) -> impl Iterator<Item = Piece<'_>> {
    let mut next = Some(0);
    std::iter::from_fn(move || {
        let start = next?;
        let end = separator(text, start);
        // The separator itself is three bytes.
        next = end.map(|end| end + 3);
        Some((start, end.unwrap_or(text.len())))
    })
    .filter_map(|(start, end)| {
        let whole = text.get(start..end)?;
        let document = whole.trim_start();
        let offset = start + whole.len() - document.len();
        (!document.is_empty()).then_some(Piece { offset, text: document })
    })
}

/// The documents of a text as Helm 3 splits them: a separator takes the white space on both sides along, so documents are
/// trimmed, and of two separators in a row the second one is a document of its own.
///
/// Source of the rule: `helm template` 3.22.
pub fn split_as_helm3(text: &str) -> Vec<Piece<'_>> {
    let mut pieces = Vec::new();
    let mut start = 0;
    let mut from = 0;
    let whole = text.trim_end();
    let first = text.len() - text.trim_start().len();
    let mut add = |start: usize, end: usize| {
        let raw = whole.get(start..end.max(start)).unwrap_or("");
        let document = raw.trim();
        if !document.is_empty() {
            let offset = start + raw.len() - raw.trim_start().len();
            pieces.push(Piece { offset, text: document });
        }
    };
    while let Some(rest) = whole.get(from..) {
        let found = if from == 0 && rest.trim_start().starts_with("---") {
            Some(first)
        } else {
            rest.find("\n---").map(|found| from + found + 1)
        };
        let Some(separator) = found else { break };
        add(start, separator);
        let behind = whole.get(separator + 3..).unwrap_or("");
        start = separator + 3 + behind.len() - behind.trim_start().len();
        from = start;
    }
    add(start, whole.len());
    pieces
}

/// The next line at or after `from` that starts with `---`. At `from` itself only the start of the text counts: behind a
/// separator the line has begun already.
fn separator(text: &str, from: usize) -> Option<usize> {
    if from == 0 && text.starts_with("---") {
        return Some(0);
    }
    text.get(from..)?.find("\n---").map(|found| from + found + 1)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn pieces(text: &str) -> Vec<&str> {
        split(text).map(|piece| piece.text).collect()
    }

    #[test]
    fn separators_start_lines_and_nothing_else_matters() {
        assert_eq!(pieces("a\n---\nb\n"), ["a\n", "b\n"]);
        assert_eq!(pieces("--- \na---\n----\n"), ["a---\n", "-\n"]);
        assert_eq!(pieces("a\n--- # c\n b\n ---\n"), ["a\n", "# c\n b\n ---\n"]);
        assert_eq!(pieces("---\n---\n \n---"), Vec::<&str>::new());
        assert_eq!(pieces("a\r---\r\n---x"), ["a\r---\r\n", "x"]);
        assert_eq!(pieces("------\n"), ["---\n"]);
        assert_eq!(pieces("a\n---\u{a0}\n\tb  \n\n"), ["a\n", "b  \n\n"]);
    }

    #[test]
    fn helm_3_trims_and_takes_a_second_separator_for_a_document() {
        let pieces = |text| split_as_helm3(text).into_iter().map(|piece| piece.text).collect::<Vec<_>>();
        assert_eq!(pieces("\na\n---\nb\n\n"), ["a", "b"]);
        assert_eq!(pieces("---\na\n---\n---\n---  \nb"), ["a", "---", "b"]);
        assert_eq!(pieces("a: |\n  x\n--- # c\nb"), ["a: |\n  x", "# c\nb"]);
        assert_eq!(pieces(" \n"), Vec::<&str>::new());
    }

    proptest! {
        #[test]
        fn pieces_of_helm_3_are_parts_of_the_text(text in "(-|a|\n| |\r|---){0,40}") {
            for piece in split_as_helm3(&text) {
                prop_assert_eq!(text.get(piece.offset..piece.offset + piece.text.len()), Some(piece.text));
            }
        }

        #[test]
        fn pieces_are_parts_of_the_text(text in "(-|a|\n| |\r|---){0,40}") {
            for piece in split(&text) {
                prop_assert_eq!(text.get(piece.offset..piece.offset + piece.text.len()), Some(piece.text));
                prop_assert!(!piece.text.contains("\n---"));
                prop_assert!(!piece.text.trim().is_empty());
            }
        }

        #[test]
        fn joined_documents_split_again(documents in proptest::collection::vec("[a-z][a-z \n]{0,8}\n", 0..6)) {
            let text: String = documents.iter().flat_map(|document| ["---\n", document]).collect();
            prop_assert_eq!(pieces(&text), documents);
        }
    }
}
