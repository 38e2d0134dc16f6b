//! Which ways of writing a text are open, by the characters it has.
//!
//! Invariant: a way that is reported as open reads back as the same text.

use super::super::words::is_printable_ascii_without_marks;

/// What a text allows in block context.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Ways {
    /// Without quotes.
    pub(super) plain: bool,
    /// In single quotes.
    pub(super) single: bool,
    /// As a literal block.
    pub(super) literal: bool,
    /// As a literal block where tabs may stand in it.
    pub(super) literal_with_tabs: bool,
}

/// Whether Go's library takes a character for printable. It knows nothing beyond the basic plane, no tab and no
/// CR; nor may U+0085 pass, which would come back as a space.
pub(super) fn is_printable(c: char) -> bool {
    matches!(c, '\n' | '\u{20}'..='\u{7e}' | '\u{a0}'..='\u{d7ff}' | '\u{e000}'..='\u{fffd}')
        && c != '\u{feff}'
}

/// Whether a character breaks lines.
pub(super) fn is_break(c: char) -> bool {
    matches!(c, '\n' | '\r' | '\u{85}' | '\u{2028}' | '\u{2029}')
}

/// The ways of a text that begins like a word and has only characters that mean nothing behind a first one. Nearly every
/// text is one.
fn ways_of_words(text: &str) -> Option<Ways> {
    let begins = text.starts_with(|c: char| c.is_ascii_alphanumeric() || matches!(c, '/' | '_' | '$' | '('));
    if !begins || !is_printable_ascii_without_marks(text) {
        return None;
    }
    let open = !text.ends_with(' ');
    Some(Ways { plain: open, single: true, literal: open, literal_with_tabs: open })
}

/// What a text allows.
pub(super) fn ways(text: &str) -> Ways {
    if text.is_empty() {
        return Ways { plain: false, single: true, literal: false, literal_with_tabs: false };
    }
    ways_of_words(text).unwrap_or_else(|| ways_of_any(text))
}

/// Looks at every character once.
fn ways_of_any(text: &str) -> Ways {
    let mut indicators = text.starts_with("---") || text.starts_with("...");
    let (mut breaks, mut tabs, mut special) = (false, false, false);
    // A space before a break, and a break before a space.
    let (mut space_break, mut break_space) = (false, false);
    let (mut last_space, mut last_break) = (false, false);
    // Whether a `#` here would begin a comment.
    let mut behind_white = true;
    let mut chars = text.chars().peekable();
    let mut first = true;
    while let Some(c) = chars.next() {
        let next = chars.peek().copied();
        let before_white = next.is_none_or(|next| matches!(next, ' ' | '\t') || is_break(next));
        indicators |= match c {
            '#' => behind_white,
            ':' => before_white,
            '?' | '-' => first && before_white,
            ',' | '[' | ']' | '{' | '}' | '&' | '*' | '!' | '|' | '>' | '\'' | '"' | '%' | '@' | '`' => first,
            _ => false,
        };
        let broken = is_break(c);
        tabs |= c == '\t';
        special |= c != '\t' && !is_printable(c);
        breaks |= broken;
        break_space |= c == ' ' && last_break;
        space_break |= broken && last_space;
        last_space = c == ' ';
        last_break = broken;
        behind_white = broken || matches!(c, ' ' | '\t' | '\0');
        first = false;
    }
    let first = text.chars().next();
    let leading = first.is_some_and(|c| c == ' ' || is_break(c));
    let only_double = space_break || special || tabs;
    Ways {
        plain: !(indicators || breaks || leading || last_space || last_break || only_double),
        single: !(break_space || only_double),
        literal: !(last_space || only_double),
        literal_with_tabs: !(last_space || space_break || special),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn words_have_the_ways_of_any_text(text in "[ -~]{0,12}") {
            if let Some(short) = ways_of_words(&text) {
                prop_assert_eq!(short, ways_of_any(&text));
            }
        }
    }
}
