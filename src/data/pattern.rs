//! Go's regular expression syntax (RE2), checked with Go's messages and written in the syntax of the regex crate.
//!
//! The two languages are close; what differs is rewritten: `\Q…\E`, ASCII-only `\d \s \w \b`, a literal `{`, brackets and
//! operators inside classes, a repetition after a flag group. What Go refuses and the crate allows (`a**`, `(?x)`,
//! `\u{…}`, counts above 1000) is refused with Go's text.
//!
//! Invariant: a translated pattern has the same groups in the same order; translation never recurses.

use std::fmt::Write;

use regex::Regex;

/// Highest count of a repetition, also of nested ones multiplied.
const MOST_REPEATS: u64 = 1_000;
/// Deepest nesting of groups.
const DEEPEST: usize = 1_000;
/// Bytes that a compiled pattern may take.
const LARGEST: usize = 8 << 20;

/// Compiles a Go pattern.
///
/// # Errors
/// Go's message: ``error parsing regexp: missing closing ): `(` ``.
pub fn compile(pattern: &str) -> Result<Regex, String> {
    let translated = translate(pattern).map_err(|problem| format!("error parsing regexp: {problem}"))?;
    regex::RegexBuilder::new(&translated)
        .size_limit(LARGEST)
        .nest_limit(DEEPEST as u32 * 2)
        .build()
        .map_err(|_| format!("error parsing regexp: expression too large: `{pattern}`"))
}

/// Whether a text is a Go pattern; cheaper than compiling it.
///
/// # Errors
/// Go's message, as [`compile`] gives it.
pub fn check(pattern: &str) -> Result<(), String> {
    translate(pattern).map(|_| ()).map_err(|problem| format!("error parsing regexp: {problem}"))
}

/// How the messages begin about what the text after such a byte might still close or finish.
const OPEN: [&str; 5] =
    ["missing closing", "invalid named", "trailing", "invalid or unsupported", "invalid character"];

/// Go's message about a pattern that is not UTF-8: what is wrong with it before the first such byte, or that byte.
pub fn compile_bytes(pattern: &[u8]) -> String {
    let before = pattern.utf8_chunks().next().map_or("", |chunk| chunk.valid());
    let rest = String::from_utf8_lossy(&pattern[before.len()..]);
    let message = match translate(before) {
        Err(message) if !OPEN.iter().any(|open| message.starts_with(open)) => message,
        _ => problem("invalid UTF-8", &rest),
    };
    format!("error parsing regexp: {message}")
}

/// The pattern in the syntax of the regex crate, or Go's message without its prefix.
fn translate(pattern: &str) -> Result<String, String> {
    let mut translator = Translator {
        pattern,
        rest: pattern,
        out: String::with_capacity(pattern.len() + 16),
        groups: Vec::new(),
        names: 0,
        atom: None,
        largest: 0,
        repeated: None,
    };
    translator.run()?;
    Ok(translator.out)
}

fn problem(what: &str, part: &str) -> String {
    format!("{what}: `{part}`")
}

/// The last thing that a repetition would apply to.
#[derive(Clone, Copy)]
struct Atom {
    /// Where it begins and ends in the output.
    start: usize,
    end: usize,
    /// Whether it ends in a repetition.
    repeated: bool,
    /// The product of the repetition counts in it.
    repeats: u64,
}

struct Translator<'p> {
    pattern: &'p str,
    rest: &'p str,
    out: String,
    /// For each open group, where it begins and the largest product of repetitions before it in its parent.
    groups: Vec<(usize, u64)>,
    /// How many groups have names.
    names: usize,
    atom: Option<Atom>,
    /// The largest product of repetitions in the current group.
    largest: u64,
    /// What follows from the repetition that was just read, when one was.
    repeated: Option<&'p str>,
}

impl<'p> Translator<'p> {
    fn run(&mut self) -> Result<(), String> {
        while let Some(c) = self.rest.chars().next() {
            let start = self.rest;
            let before = self.repeated.take();
            match c {
                '*' | '+' | '?' => {
                    self.skip(1);
                    self.repeat(start, before, 0, &start[..1])?;
                }
                '{' => match counts(start) {
                    Some((low, high, length)) => {
                        self.skip(length);
                        let part = &start[..length];
                        let most = high.unwrap_or(low);
                        if low > MOST_REPEATS || most > MOST_REPEATS || high.is_some_and(|high| high < low) {
                            return Err(problem("invalid repeat count", part));
                        }
                        self.repeat(start, before, most, part)?;
                    }
                    None => self.literal('{'),
                },
                '(' => self.open()?,
                ')' => {
                    let Some((start, outer)) = self.groups.pop() else {
                        return Err(problem("unexpected )", self.pattern));
                    };
                    self.skip(1);
                    self.out.push(')');
                    let repeats = self.largest;
                    self.largest = outer;
                    self.push_atom(start, repeats.max(1));
                }
                '|' => {
                    self.skip(1);
                    self.out.push('|');
                    self.atom = None;
                }
                '[' => {
                    let (class, rest) = class(start)?;
                    self.rest = rest;
                    let begin = self.out.len();
                    self.out.push_str(&class);
                    self.push_atom(begin, 1);
                }
                '\\' => self.escape()?,
                '.' | '^' | '$' => {
                    self.skip(1);
                    let begin = self.out.len();
                    self.out.push(c);
                    self.push_atom(begin, 1);
                }
                c => self.literal(c),
            }
        }
        if self.groups.is_empty() { Ok(()) } else { Err(problem("missing closing )", self.pattern)) }
    }

    fn skip(&mut self, bytes: usize) {
        self.rest = self.rest.get(bytes..).unwrap_or("");
    }

    fn push_atom(&mut self, start: usize, repeats: u64) {
        self.atom = Some(Atom { start, end: self.out.len(), repeated: false, repeats });
        self.largest = self.largest.max(repeats);
    }

    fn literal(&mut self, c: char) {
        self.skip(c.len_utf8());
        self.push_char(c);
    }

    /// A character for itself.
    fn push_char(&mut self, c: char) {
        let begin = self.out.len();
        self.out.push_str(&regex::escape(c.encode_utf8(&mut [0; 4])));
        self.push_atom(begin, 1);
    }

    /// A repetition whose operator was just read; `most` is 0 for one without counts.
    fn repeat(
        &mut self,
        start: &'p str,
        before: Option<&'p str>,
        most: u64,
        operator: &str,
    ) -> Result<(), String> {
        let lazy = self.rest.starts_with('?');
        if lazy {
            self.skip(1);
        }
        let read = |from: &'p str| &from[..from.len() - self.rest.len()];
        if let Some(before) = before {
            return Err(problem("invalid nested repetition operator", read(before)));
        }
        let Some(atom) = self.atom else {
            return Err(problem("missing argument to repetition operator", read(start)));
        };
        let repeats = atom.repeats.saturating_mul(most.max(1));
        if repeats > MOST_REPEATS {
            return Err(problem("invalid repeat count", read(start)));
        }
        let mut operator = format!("{operator}{}", if lazy { "?" } else { "" });
        if atom.repeated {
            // Only flags stand between the two repetitions, and the crate would take the second one for laziness.
            operator.insert(0, ')');
        }
        self.out.insert_str(atom.end, &operator);
        if atom.repeated {
            self.out.insert_str(atom.start, "(?:");
        }
        self.push_atom(atom.start, repeats);
        if let Some(atom) = &mut self.atom {
            atom.repeated = true;
        }
        self.repeated = Some(start);
        Ok(())
    }

    fn open(&mut self) -> Result<(), String> {
        if self.groups.len() >= DEEPEST {
            return Err(problem("expression nests too deeply", self.pattern));
        }
        if !self.rest.starts_with("(?") {
            self.skip(1);
            self.enter("(");
            return Ok(());
        }
        for opening in ["(?P<", "(?<"] {
            if let Some(after) = self.rest.strip_prefix(opening) {
                return self.named(after, opening.len());
            }
        }
        self.flags()
    }

    fn enter(&mut self, text: &str) {
        self.groups.push((self.out.len(), self.largest));
        self.out.push_str(text);
        self.largest = 0;
        self.atom = None;
    }

    fn named(&mut self, after: &'p str, opening: usize) -> Result<(), String> {
        const WHAT: &str = "invalid named capture";
        let end = after.find('>').ok_or_else(|| problem(WHAT, self.rest))?;
        let name = &after[..end];
        if name.is_empty() || !name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') {
            return Err(problem(WHAT, &self.rest[..=(opening + end)]));
        }
        self.names += 1;
        self.skip(opening + end + 1);
        // The crate wants names that begin with a letter and are not given twice.
        let text = format!("(?P<n{}_{name}>", self.names);
        self.enter(&text);
        Ok(())
    }

    fn flags(&mut self) -> Result<(), String> {
        let start = self.rest;
        let mut flags = String::from("(?");
        let (mut minus, mut seen) = (false, false);
        let mut chars = start.char_indices().skip(2);
        for (at, c) in chars.by_ref() {
            let read = &start[..at + c.len_utf8()];
            match c {
                'i' | 'm' | 's' | 'U' => {
                    seen = true;
                    if !flags.contains(c) {
                        flags.push(c);
                    }
                }
                '-' if !minus => {
                    (minus, seen) = (true, false);
                    flags.push('-');
                }
                ':' | ')' if seen || !minus => {
                    self.skip(read.len());
                    // The crate has no empty list of flags.
                    match (c, flags.as_str()) {
                        (':', _) => self.enter(&format!("{flags}:")),
                        (_, "(?") => {}
                        _ => {
                            self.out.push_str(&flags);
                            self.out.push(')');
                        }
                    }
                    return Ok(());
                }
                _ => return Err(problem("invalid or unsupported Perl syntax", read)),
            }
        }
        Err(problem("invalid or unsupported Perl syntax", start))
    }

    fn escape(&mut self) -> Result<(), String> {
        let start = self.rest;
        let mut chars = start.chars();
        chars.next();
        let text = match chars.next() {
            Some('A') => "\\A",
            Some('z') => "\\z",
            Some('b') => "(?-u:\\b)",
            Some('B') => "(?-u:\\B)",
            Some('Q') => {
                let body = start.get(2..).unwrap_or("");
                let (body, rest) = body.split_once("\\E").unwrap_or((body, ""));
                for c in body.chars() {
                    self.push_char(c);
                }
                self.rest = rest;
                return Ok(());
            }
            _ => {
                if let Some((class, rest)) = escaped_class(start)? {
                    let begin = self.out.len();
                    self.out.push('[');
                    self.out.push_str(&class);
                    self.out.push(']');
                    self.rest = rest;
                    self.push_atom(begin, 1);
                } else {
                    let (c, rest) = escaped_char(start)?;
                    self.rest = rest;
                    self.push_char(c);
                }
                return Ok(());
            }
        };
        self.skip(2);
        let begin = self.out.len();
        self.out.push_str(text);
        self.push_atom(begin, 1);
        Ok(())
    }
}

/// `{2}`, `{2,}`, `{2,5}`: the bounds and the length; `None` for what Go takes as plain text.
fn counts(text: &str) -> Option<(u64, Option<u64>, usize)> {
    let end = text.find('}')?;
    let body = &text[1..end];
    let number = |digits: &str| {
        let good = !digits.is_empty()
            && digits.bytes().all(|byte| byte.is_ascii_digit())
            && (digits.len() == 1 || !digits.starts_with('0'));
        good.then(|| digits.parse().unwrap_or(u64::MAX))
    };
    let (low, high) = match body.split_once(',') {
        None => {
            let count = number(body)?;
            (count, Some(count))
        }
        Some((low, "")) => (number(low)?, None),
        Some((low, high)) => (number(low)?, Some(number(high)?)),
    };
    Some((low, high, end + 1))
}

/// `\d \s \w \pL \p{Greek}` and their negations as the inside of a class, and what follows.
fn escaped_class(start: &str) -> Result<Option<(String, &str)>, String> {
    let Some(letter) = start.chars().nth(1) else { return Ok(None) };
    let perl = match letter {
        'd' => "0-9",
        'D' => "\\x00-/:-\\x{10FFFF}",
        's' => "\\t\\n\\x0C\\r ",
        'S' => "\\x00-\\x08\\x0B\\x0E-\\x1F!-\\x{10FFFF}",
        'w' => "0-9A-Za-z_",
        'W' => "\\x00-/:-@\\x5B-\\x5E`\\x7B-\\x{10FFFF}",
        'p' | 'P' => return unicode_class(start, letter).map(Some),
        _ => return Ok(None),
    };
    Ok(Some((perl.to_string(), &start[2..])))
}

fn unicode_class(start: &str, letter: char) -> Result<(String, &str), String> {
    const WHAT: &str = "invalid character class range";
    let body = &start[2..];
    let Some(first) = body.chars().next() else { return Err(problem(WHAT, start)) };
    let (name, rest) = if first == '{' {
        let end = body.find('}').ok_or_else(|| problem(WHAT, start))?;
        (&body[1..end], &body[end + 1..])
    } else {
        body.split_at(first.len_utf8())
    };
    let (negated, bare) = match name.strip_prefix('^') {
        Some(bare) => (letter == 'p', bare),
        None => (letter == 'P', name),
    };
    match named_class(bare) {
        // Surrogates are no characters, so nothing is one.
        Some(class) if class == "gc=cs" => {
            Ok((format!("\\{}{{Any}}", if negated { 'p' } else { 'P' }), rest))
        }
        Some(class) => Ok((format!("\\{}{{{class}}}", if negated { 'P' } else { 'p' }), rest)),
        None => Err(problem(WHAT, &start[..start.len() - rest.len()])),
    }
}

/// What the crate calls the category or script that Go knows by this name. Case, spaces, `_` and `-` do not count, and so
/// Go does not find the scripts whose names have capitals or `_` inside.
fn named_class(name: &str) -> Option<String> {
    if name.is_empty() || !name.chars().all(|c| c.is_ascii_alphanumeric() || " _-&".contains(c)) {
        return None;
    }
    let known: String = name.chars().filter(|c| !" _-".contains(*c)).collect::<String>().to_ascii_lowercase();
    match known.as_str() {
        "any" | "ascii" | "assigned" => return Some(known),
        "cs" | "surrogate" => return Some("gc=cs".to_string()),
        _ => {}
    }
    if let Some(script) = SCRIPTS.iter().find(|script| script.eq_ignore_ascii_case(&known)) {
        return Some(format!("sc={script}"));
    }
    let category = format!("gc={known}");
    Regex::new(&format!("\\p{{{category}}}")).ok().map(|_| category)
}

/// The scripts of Unicode that are named by one word.
const SCRIPTS: &[&str] = &[
    "Adlam",
    "Ahom",
    "Arabic",
    "Armenian",
    "Avestan",
    "Balinese",
    "Bamum",
    "Batak",
    "Bengali",
    "Bhaiksuki",
    "Bopomofo",
    "Brahmi",
    "Braille",
    "Buginese",
    "Buhid",
    "Carian",
    "Chakma",
    "Cham",
    "Cherokee",
    "Chorasmian",
    "Common",
    "Coptic",
    "Cuneiform",
    "Cypriot",
    "Cyrillic",
    "Deseret",
    "Devanagari",
    "Dogra",
    "Duployan",
    "Elbasan",
    "Elymaic",
    "Ethiopic",
    "Georgian",
    "Glagolitic",
    "Gothic",
    "Grantha",
    "Greek",
    "Gujarati",
    "Gurmukhi",
    "Han",
    "Hangul",
    "Hanunoo",
    "Hatran",
    "Hebrew",
    "Hiragana",
    "Inherited",
    "Javanese",
    "Kaithi",
    "Kannada",
    "Katakana",
    "Kawi",
    "Kharoshthi",
    "Khmer",
    "Khojki",
    "Khudawadi",
    "Lao",
    "Latin",
    "Lepcha",
    "Limbu",
    "Lisu",
    "Lycian",
    "Lydian",
    "Mahajani",
    "Makasar",
    "Malayalam",
    "Mandaic",
    "Manichaean",
    "Marchen",
    "Medefaidrin",
    "Miao",
    "Modi",
    "Mongolian",
    "Mro",
    "Multani",
    "Myanmar",
    "Nabataean",
    "Nandinagari",
    "Newa",
    "Nko",
    "Nushu",
    "Ogham",
    "Oriya",
    "Osage",
    "Osmanya",
    "Palmyrene",
    "Rejang",
    "Runic",
    "Samaritan",
    "Saurashtra",
    "Sharada",
    "Shavian",
    "Siddham",
    "Sinhala",
    "Sogdian",
    "Soyombo",
    "Sundanese",
    "Syriac",
    "Tagalog",
    "Tagbanwa",
    "Takri",
    "Tamil",
    "Tangsa",
    "Tangut",
    "Telugu",
    "Thaana",
    "Thai",
    "Tibetan",
    "Tifinagh",
    "Tirhuta",
    "Toto",
    "Ugaritic",
    "Vai",
    "Vithkuqi",
    "Wancho",
    "Yezidi",
    "Yi",
];

/// The character that an escape stands for, and what follows.
fn escaped_char(start: &str) -> Result<(char, &str), String> {
    const WHAT: &str = "invalid escape sequence";
    let mut chars = start.chars();
    chars.next();
    let Some(c) = chars.next() else {
        return Err(problem("trailing backslash at end of expression", ""));
    };
    let rest = chars.as_str();
    let refuse = |rest: &str| Err(problem(WHAT, &start[..start.len() - rest.len()]));
    let octal = |rest: &str| rest.starts_with(|c| ('0'..='7').contains(&c));
    match c {
        '1'..='7' if !octal(rest) => refuse(rest),
        '0'..='7' => {
            let more = rest.bytes().take(2).take_while(|byte| (b'0'..=b'7').contains(byte)).count();
            let digits = &start[1..2 + more];
            let code = u32::from_str_radix(digits, 8).unwrap_or(0);
            Ok((char::from_u32(code).unwrap_or('\0'), &rest[more..]))
        }
        'x' => hexadecimal(start, rest),
        'a' => Ok(('\u{7}', rest)),
        'f' => Ok(('\u{c}', rest)),
        'n' => Ok(('\n', rest)),
        'r' => Ok(('\r', rest)),
        't' => Ok(('\t', rest)),
        'v' => Ok(('\u{b}', rest)),
        c if c.is_ascii() && !c.is_ascii_alphanumeric() => Ok((c, rest)),
        _ => refuse(rest),
    }
}

fn hexadecimal<'a>(start: &'a str, rest: &'a str) -> Result<(char, &'a str), String> {
    let refuse = |rest: &str| Err(problem("invalid escape sequence", &start[..start.len() - rest.len()]));
    let mut chars = rest.chars();
    match chars.next() {
        None => refuse(rest),
        Some('{') => {
            let mut code: u32 = 0;
            let mut digits = 0;
            loop {
                match chars.next() {
                    Some('}') if digits > 0 => break,
                    Some(c) if c.is_ascii_hexdigit() => {
                        code = code * 16 + c.to_digit(16).unwrap_or(0);
                        digits += 1;
                        if code > 0x0010_FFFF {
                            return refuse(chars.as_str());
                        }
                    }
                    _ => return refuse(chars.as_str()),
                }
            }
            Ok((char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER), chars.as_str()))
        }
        Some(high) => {
            let Some(low) = chars.next() else { return refuse("") };
            match (high.to_digit(16), low.to_digit(16)) {
                (Some(high), Some(low)) => {
                    Ok((char::from_u32(high * 16 + low).unwrap_or('\0'), chars.as_str()))
                }
                _ => refuse(chars.as_str()),
            }
        }
    }
}

const POSIX: [&str; 14] = [
    "alnum", "alpha", "ascii", "blank", "cntrl", "digit", "graph", "lower", "print", "punct", "space",
    "upper", "word", "xdigit",
];

/// A bracketed class in the crate's syntax, and what follows it.
fn class(start: &str) -> Result<(String, &str), String> {
    let mut out = String::from("[");
    let mut rest = &start[1..];
    if let Some(after) = rest.strip_prefix('^') {
        out.push('^');
        rest = after;
    }
    let mut first = true;
    loop {
        if !first && let Some(after) = rest.strip_prefix(']') {
            out.push(']');
            return Ok((out, after));
        }
        first = false;
        if rest.starts_with("[:")
            && let Some(end) = rest.find(":]")
            && end >= 2
        {
            let name = &rest[2..end];
            let bare = name.strip_prefix('^').unwrap_or(name);
            if !POSIX.contains(&bare) {
                return Err(problem("invalid character class range", &rest[..end + 2]));
            }
            out.push_str(&rest[..end + 2]);
            rest = &rest[end + 2..];
            continue;
        }
        if rest.starts_with('\\')
            && let Some((inside, after)) = escaped_class(rest)?
        {
            out.push_str(&inside);
            rest = after;
            continue;
        }
        let range = rest;
        let (low, after) = class_char(rest, start)?;
        rest = after;
        let mut high = low;
        if rest.starts_with('-') && rest.len() >= 2 && !rest[1..].starts_with(']') {
            (high, rest) = class_char(&rest[1..], start)?;
            if high < low {
                return Err(problem("invalid character class range", &range[..range.len() - rest.len()]));
            }
        }
        push_class_char(&mut out, low);
        if high != low {
            out.push('-');
            push_class_char(&mut out, high);
        }
    }
}

fn push_class_char(out: &mut String, c: char) {
    if c.is_alphanumeric() {
        out.push(c);
    } else {
        // Writing to a string cannot fail.
        let _ = write!(out, "\\x{{{:X}}}", u32::from(c));
    }
}

fn class_char<'a>(text: &'a str, class: &str) -> Result<(char, &'a str), String> {
    match text.chars().next() {
        None => Err(problem("missing closing ]", class)),
        Some('\\') => escaped_char(text),
        Some(c) => Ok((c, &text[c.len_utf8()..])),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_go_refuses_is_refused_in_its_words() {
        for (pattern, message) in [
            ("a**", "invalid nested repetition operator: `**`"),
            ("(?x)a", "invalid or unsupported Perl syntax: `(?x`"),
            ("(", "missing closing ): `(`"),
            (")", "unexpected ): `)`"),
            ("[^]", "missing closing ]: `[^]`"),
            ("a{3,2}", "invalid repeat count: `{3,2}`"),
            ("(a{100}){100}", "invalid repeat count: `{100}`"),
            ("*a", "missing argument to repetition operator: `*`"),
            ("\\", "trailing backslash at end of expression: ``"),
            ("\\8", "invalid escape sequence: `\\8`"),
            ("(?<=a)b", "invalid named capture: `(?<=a)b`"),
            ("\\p{Nope}", "invalid character class range: `\\p{Nope}`"),
            ("\\xZZ", "invalid escape sequence: `\\xZZ`"),
            ("[a-\\d]", "invalid escape sequence: `\\d`"),
        ] {
            assert_eq!(compile(pattern).unwrap_err(), format!("error parsing regexp: {message}"));
        }
    }

    #[test]
    fn what_go_allows_means_the_same() {
        for (pattern, text, found) in [
            ("a{,2}", "xa{,2}", Some("a{,2}")),
            ("\\Qa.b\\E+", "a.bb", Some("a.bb")),
            ("\\d+", "٣4", Some("4")),
            ("[[a]", "[", Some("[")),
            ("[]a]", "]", Some("]")),
            ("[a&&b]", "&", Some("&")),
            ("a(?i)*", "aa", Some("aa")),
            ("(?P<1>a)", "a", Some("a")),
            ("\\Ba", "ba", Some("a")),
            ("\\101", "A", Some("A")),
            ("(?:)|x", "x", Some("")),
            ("(?)x", "x", Some("x")),
        ] {
            let regex = compile(pattern).unwrap_or_else(|error| panic!("{pattern}: {error}"));
            assert_eq!(regex.find(text).map(|found| found.as_str()), found, "{pattern}");
        }
    }

    proptest! {
        #[test]
        fn no_pattern_panics(pattern in "[a-z(){}\\[\\]\\\\*+?|^$.,0-9:<>P=!QEéx-]{0,24}") {
            let _ = compile(&pattern);
        }
    }
}
