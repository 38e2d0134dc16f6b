//! The two glob languages that charts use.
//!
//! | type | where | language |
//! |---|---|---|
//! | [`PathPattern`] | `.helmignore`, dependency searches | Go's `path/filepath.Match` on Unix |
//! | [`FilesPattern`] | `.Files.Glob` | shell-like with `**`, `{a,b}`, `[!a]`; separator `/` |
//!
//! Invariant: matching costs at most pattern length times text length, whatever the pattern; nothing recurses.

/// A pattern that Go's `filepath.Match` refuses. Its text is Go's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("syntax error in pattern")]
pub struct BadPattern;

/// One term of a [`PathPattern`]; each takes exactly one character.
#[derive(Debug, Clone)]
enum Term {
    /// This character.
    Char(char),
    /// Any character but `/`.
    One,
    /// A character in (or, negated, outside) one of the ranges. Unlike `?` it also takes `/`, as in Go.
    Class { negated: bool, ranges: Vec<(char, char)> },
}

impl Term {
    fn takes(&self, c: char) -> bool {
        match self {
            Term::Char(own) => *own == c,
            Term::One => c != '/',
            Term::Class { negated, ranges } => {
                ranges.iter().any(|(low, high)| (*low..=*high).contains(&c)) != *negated
            }
        }
    }
}

/// A run of terms, and whether a `*` stands before it.
#[derive(Debug, Clone, Default)]
struct Chunk {
    star: bool,
    terms: Vec<Term>,
    /// The terms as text, when each of them is one plain character: most chunks of most patterns, and every file of a
    /// chart is held against every line of its .helmignore.
    literal: Option<String>,
}

impl Chunk {
    fn finish(&mut self) {
        let plain = |term: &Term| if let Term::Char(c) = term { Some(*c) } else { None };
        self.literal = self.terms.iter().map(plain).collect();
    }

    /// What is left of a name after this chunk; `last` when it has to take all of it.
    fn take<'t>(&self, rest: &'t str, last: bool) -> Option<&'t str> {
        if let Some(literal) = &self.literal {
            let (skipped, after) = match (self.star, last) {
                (false, _) => ("", rest.strip_prefix(literal.as_str())?),
                (true, false) => rest.split_once(literal.as_str())?,
                (true, true) => (rest.strip_suffix(literal.as_str())?, ""),
            };
            return (!skipped.contains('/') && (after.is_empty() || !last)).then_some(after);
        }
        let mut start = rest;
        loop {
            match self.strip(start) {
                Some(after) if after.is_empty() || !last => return Some(after),
                _ => {}
            }
            let mut skip = start.chars();
            match skip.next() {
                Some(c) if self.star && c != '/' => start = skip.as_str(),
                _ => return None,
            }
        }
    }

    /// What is left of the text after the terms took their characters from its start.
    fn strip<'t>(&self, text: &'t str) -> Option<&'t str> {
        let mut rest = text.chars();
        let fits = self.terms.iter().all(|term| rest.next().is_some_and(|c| term.takes(c)));
        if fits { Some(rest.as_str()) } else { None }
    }
}

/// A compiled pattern of Go's `filepath.Match`.
///
/// `*` takes any run of characters but `/`, `?` one character but `/`, `[a-z]` and `[^a-z]` one character of a class, and
/// `\` makes the next character plain. The pattern has to take the whole name.
#[derive(Debug, Clone)]
pub struct PathPattern {
    chunks: Vec<Chunk>,
}

impl PathPattern {
    /// Compiles a pattern.
    ///
    /// # Errors
    /// The pattern has an open or empty class, a class with a bare `-` at an edge, or ends in `\`.
    pub fn new(pattern: &str) -> Result<Self, BadPattern> {
        let mut chunks = vec![Chunk::default()];
        let mut rest = pattern.chars();
        while let Some(c) = rest.next() {
            let term = match c {
                '*' => {
                    // Neighbouring stars are one star.
                    match chunks.last_mut() {
                        Some(last) if last.terms.is_empty() => last.star = true,
                        _ => chunks.push(Chunk { star: true, ..Chunk::default() }),
                    }
                    continue;
                }
                '?' => Term::One,
                '[' => class(&mut rest)?,
                '\\' => Term::Char(rest.next().ok_or(BadPattern)?),
                plain => Term::Char(plain),
            };
            if let Some(last) = chunks.last_mut() {
                last.terms.push(term);
            }
        }
        chunks.iter_mut().for_each(Chunk::finish);
        Ok(PathPattern { chunks })
    }

    /// Whether the pattern takes the whole name.
    ///
    /// Like Go, each chunk after a star takes the leftmost place where it fits and never tries another one.
    pub fn matches(&self, name: &str) -> bool {
        let mut rest = name;
        for (index, chunk) in self.chunks.iter().enumerate() {
            let last = index + 1 == self.chunks.len();
            if chunk.star && chunk.terms.is_empty() {
                return !rest.contains('/');
            }
            match chunk.take(rest, last) {
                Some(after) => rest = after,
                None => return false,
            }
        }
        rest.is_empty()
    }
}

/// The rest of a class after its `[`.
fn class(rest: &mut std::str::Chars<'_>) -> Result<Term, BadPattern> {
    let negated = rest.as_str().starts_with('^');
    if negated {
        rest.next();
    }
    let mut ranges = Vec::new();
    loop {
        if !ranges.is_empty() && rest.as_str().starts_with(']') {
            rest.next();
            return Ok(Term::Class { negated, ranges });
        }
        let low = class_char(rest)?;
        let high = if rest.as_str().starts_with('-') {
            rest.next();
            class_char(rest)?
        } else {
            low
        };
        ranges.push((low, high));
    }
}

/// One bound of a range in a class.
fn class_char(rest: &mut std::str::Chars<'_>) -> Result<char, BadPattern> {
    match rest.next() {
        None | Some('-' | ']') => Err(BadPattern),
        Some('\\') => rest.next().ok_or(BadPattern),
        Some(plain) => Ok(plain),
    }
}

/// Whether Go's `filepath.Match(pattern, name)` is true on Unix.
///
/// # Errors
/// See [`PathPattern::new`].
pub fn match_path(pattern: &str, name: &str) -> Result<bool, BadPattern> {
    Ok(PathPattern::new(pattern)?.matches(name))
}

/// Deepest nesting of `{…}` that is still a pattern.
const MAX_BRACES: usize = 64;

/// One instruction of a [`FilesPattern`]; targets are indexes into the program.
#[derive(Debug, Clone)]
enum Step {
    Take(Term),
    /// Any run of characters; without `/` unless `across`.
    Run {
        across: bool,
    },
    /// Go on at each of these.
    Fork(Vec<usize>),
    Jump(usize),
}

/// A compiled pattern of `.Files.Glob`.
///
/// `*` takes a run without `/`, `**` any run, `?` one character but `/`, `[abc]`, `[a-z]` and `[!a-z]` one of a class,
/// `{a,b}` one of several patterns (the end of the pattern closes it too), `\` makes the next character plain. Seen in Helm 4.3.1, which uses gobwas/glob; its wrong answers for wildcards
/// within braces beside other terms (`x{**,a}`) are not repeated.
#[derive(Debug, Clone)]
pub struct FilesPattern {
    /// Set when the pattern is one `**` between two plain texts: Helm lets the two overlap, so that `a/**/b` takes `a/b`.
    around: Option<(String, String)>,
    steps: Vec<Step>,
}

impl FilesPattern {
    /// Compiles a pattern; a malformed one becomes `**`, as in Helm.
    pub fn new(pattern: &str) -> Self {
        Self::parse(pattern).unwrap_or_else(|BadPattern| FilesPattern {
            around: None,
            steps: vec![Step::Run { across: true }],
        })
    }

    /// Compiles a pattern.
    ///
    /// # Errors
    /// The pattern has a malformed class or nests more than 64 braces.
    pub fn parse(pattern: &str) -> Result<Self, BadPattern> {
        let steps = compile(pattern)?;
        Ok(FilesPattern { around: around(&steps), steps })
    }

    /// Whether the pattern takes the whole path.
    pub fn matches(&self, path: &str) -> bool {
        if let Some((head, tail)) = &self.around {
            return path.starts_with(head) && path.ends_with(tail);
        }
        let places = self.steps.len() + 1;
        let (mut states, mut next) = (States::new(places), States::new(places));
        states.add(&self.steps, 0);
        for c in path.chars() {
            next.clear();
            for &at in &states.list {
                match self.steps.get(at) {
                    Some(Step::Take(term)) if term.takes(c) => next.add(&self.steps, at + 1),
                    Some(Step::Run { across }) if *across || c != '/' => next.add(&self.steps, at),
                    _ => {}
                }
            }
            std::mem::swap(&mut states, &mut next);
        }
        states.has.last().copied().unwrap_or(false)
    }
}

/// The plain texts on both sides of the only `**` of a program.
fn around(steps: &[Step]) -> Option<(String, String)> {
    let run = steps.iter().position(|step| matches!(step, Step::Run { .. }))?;
    let plain = |steps: &[Step]| {
        let chars = steps.iter().map(|step| match step {
            Step::Take(Term::Char(c)) => Some(*c),
            _ => None,
        });
        chars.collect::<Option<String>>()
    };
    let (head, rest) = steps.split_at(run);
    match rest {
        [Step::Run { across: true }, tail @ ..] => Some((plain(head)?, plain(tail)?)),
        _ => None,
    }
}

/// The set of places in the program that a text prefix leads to; the place after the last step means a match.
struct States {
    has: Vec<bool>,
    list: Vec<usize>,
}

impl States {
    fn new(size: usize) -> Self {
        States { has: vec![false; size], list: Vec::new() }
    }

    fn clear(&mut self) {
        self.has.fill(false);
        self.list.clear();
    }

    /// Adds a place with all that can be reached from it without taking a character.
    fn add(&mut self, steps: &[Step], place: usize) {
        let mut pending = vec![place];
        while let Some(at) = pending.pop() {
            match self.has.get_mut(at) {
                Some(seen) if !*seen => *seen = true,
                _ => continue,
            }
            match steps.get(at) {
                Some(Step::Fork(targets)) => pending.extend(targets),
                Some(Step::Jump(target)) => pending.push(*target),
                Some(Step::Run { .. }) => {
                    self.list.push(at);
                    pending.push(at + 1);
                }
                Some(Step::Take(_)) => self.list.push(at),
                None => {}
            }
        }
    }
}

/// An open `{` while compiling: its fork, and the jumps at the end of its alternatives.
struct Brace {
    fork: usize,
    starts: Vec<usize>,
    ends: Vec<usize>,
}

fn compile(pattern: &str) -> Result<Vec<Step>, BadPattern> {
    let mut steps = Vec::new();
    let mut braces: Vec<Brace> = Vec::new();
    let mut rest = pattern.chars();
    while let Some(c) = rest.next() {
        match c {
            '*' => {
                let stars = rest.as_str().len() - rest.as_str().trim_start_matches('*').len();
                rest.by_ref().take(stars).for_each(drop);
                let across = stars > 0;
                steps.push(Step::Run { across });
            }
            '?' => steps.push(Step::Take(Term::One)),
            '[' => steps.push(Step::Take(files_class(&mut rest)?)),
            // A backslash at the end means nothing.
            '\\' => steps.extend(rest.next().map(|c| Step::Take(Term::Char(c)))),
            '{' => {
                if braces.len() >= MAX_BRACES {
                    return Err(BadPattern);
                }
                braces.push(Brace { fork: steps.len(), starts: vec![steps.len() + 1], ends: Vec::new() });
                steps.push(Step::Fork(Vec::new()));
            }
            ',' if !braces.is_empty() => {
                if let Some(brace) = braces.last_mut() {
                    brace.ends.push(steps.len());
                    steps.push(Step::Jump(0));
                    brace.starts.push(steps.len());
                }
            }
            '}' if !braces.is_empty() => close(&mut steps, braces.pop()),
            plain => steps.push(Step::Take(Term::Char(plain))),
        }
    }
    while let Some(open) = braces.pop() {
        close(&mut steps, Some(open));
    }
    Ok(steps)
}

/// Ends the alternatives of a brace; the end of the pattern ends those still open.
fn close(steps: &mut [Step], brace: Option<Brace>) {
    let Some(brace) = brace else { return };
    let after = steps.len();
    for end in brace.ends {
        steps[end] = Step::Jump(after); // `ends` and `fork` hold indexes of steps that were pushed
    }
    steps[brace.fork] = Step::Fork(brace.starts);
}

/// The rest of a class after its `[`: one range, or a list of characters.
fn files_class(rest: &mut std::str::Chars<'_>) -> Result<Term, BadPattern> {
    let negated = rest.as_str().starts_with('!');
    if negated {
        rest.next();
    }
    let mut ahead = rest.clone();
    if let (Some(low), Some('-'), Some(high)) = (ahead.next(), ahead.next(), ahead.next()) {
        return match ahead.next() {
            Some(']') if low <= high => {
                *rest = ahead;
                Ok(Term::Class { negated, ranges: vec![(low, high)] })
            }
            _ => Err(BadPattern),
        };
    }
    let mut ranges = Vec::new();
    loop {
        match rest.next().ok_or(BadPattern)? {
            ']' if ranges.is_empty() => return Err(BadPattern),
            ']' => return Ok(Term::Class { negated, ranges }),
            '\\' => {
                let c = rest.next().ok_or(BadPattern)?;
                ranges.push((c, c));
            }
            c => ranges.push((c, c)),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// What Helm's `.Files.Glob` took, one pattern per line.
    #[test]
    fn files_patterns_take_what_helm_takes() {
        let cases = include_str!("../../tests/cases/chart/files_glob.jsonl");
        let lines = cases.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
        let mut files = Vec::new();
        let mut wrong = Vec::new();
        for line in lines {
            let texts = |key: &str| -> Vec<String> { serde_json::from_value(line[key].clone()).unwrap() };
            if line.get("files").is_some() {
                files = texts("files");
                continue;
            }
            let pattern = line["pattern"].as_str().unwrap();
            let compiled = FilesPattern::new(pattern);
            let taken: Vec<&String> = files.iter().filter(|file| compiled.matches(file)).collect();
            let expected = texts("takes");
            if taken != expected.iter().collect::<Vec<_>>() {
                let more: Vec<_> = taken.iter().filter(|file| !expected.contains(file)).collect();
                let less: Vec<_> = expected.iter().filter(|file| !taken.contains(file)).collect();
                wrong.push(format!("{pattern}: too much {more:?}, too little {less:?}"));
            }
        }
        assert!(wrong.is_empty(), "{} differ\n{}", wrong.len(), wrong.join("\n"));
    }

    #[test]
    fn path_patterns_follow_go() {
        for (pattern, name, expected) in [
            ("", "", Ok(true)),
            ("*", "", Ok(true)),
            ("*", "a/b", Ok(false)),
            ("a*b?c", "axxbyc", Ok(true)),
            ("*/b", "a/b", Ok(true)),
            ("[a-c]x", "bx", Ok(true)),
            ("[^a-c]x", "dx", Ok(true)),
            ("a[^x]b", "a/b", Ok(true)),
            ("?", "/", Ok(false)),
            ("?", "é", Ok(true)),
            (r"\*", "*", Ok(true)),
            (r"[\]]", "]", Ok(true)),
            // The first chunk that fits is kept: no second try in which the class takes the slash.
            ("*[^a]*b", "x/b", Ok(false)),
            ("[", "a", Err(BadPattern)),
            ("[a", "a", Err(BadPattern)),
            ("[]a]", "a", Err(BadPattern)),
            ("[a-]", "a", Err(BadPattern)),
            ("[-a]", "a", Err(BadPattern)),
            ("x[", "y", Err(BadPattern)),
            (r"a\", "a", Err(BadPattern)),
        ] {
            assert_eq!(match_path(pattern, name), expected, "{pattern} {name}");
        }
    }

    proptest! {
        #[test]
        fn a_name_with_all_characters_escaped_takes_only_itself(name in "[a-z*?/\\[\\]{},!^-]{0,12}", other in "[a-z*?/]{0,12}") {
            let escaped: String = name.chars().flat_map(|c| ['\\', c]).collect();
            prop_assert_eq!(match_path(&escaped, &name), Ok(true));
            prop_assert_eq!(match_path(&escaped, &other), Ok(name == other));
            prop_assert!(FilesPattern::new(&escaped).matches(&name));
            prop_assert_eq!(FilesPattern::new(&escaped).matches(&other), name == other);
        }

        #[test]
        fn double_star_takes_all_and_star_stays_in_one_folder(path in "[a-z/.]{0,20}") {
            prop_assert!(FilesPattern::new("**").matches(&path));
            prop_assert_eq!(FilesPattern::new("*").matches(&path), !path.contains('/'));
            prop_assert_eq!(match_path("*", &path), Ok(!path.contains('/')));
        }

        #[test]
        fn any_pattern_is_read_without_panic(pattern in "[a-c*?/\\[\\]{},!^\\\\-]{0,24}", path in "[a-c/]{0,12}") {
            let _ = match_path(&pattern, &path);
            let _ = FilesPattern::new(&pattern).matches(&path);
        }
    }
}
