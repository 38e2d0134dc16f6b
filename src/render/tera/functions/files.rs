//! Filters on `files`, the map from paths to the contents of a chart's files.
//!
//! Invariant: a file that is no text stays bytes until it is encoded.

use super::{Call, as_bytes, as_text, data::encode_base64, described, text};

type Answer = Result<tera::Value, String>;

fn entries(call: &Call) -> Result<Vec<(String, tera::Value)>, String> {
    let map = call
        .value
        .as_map()
        .ok_or_else(|| format!("a map of files is wanted, not {}", described(call.value)))?;
    Ok(map.iter().map(|(path, content)| (path.to_string(), content.clone())).collect())
}

/// `glob(pattern)`.
pub(super) fn glob(call: &Call) -> Answer {
    let pattern = call.must_text("pattern")?;
    let matcher = Glob::new(&pattern)?;
    let found: tera::Map = entries(call)?
        .into_iter()
        .filter(|(path, _)| matcher.fits(path))
        .map(|(path, content)| (path.into(), content))
        .collect();
    Ok(found.into())
}

fn by_name(call: &Call, content: impl Fn(&str, &tera::Value) -> Answer) -> Answer {
    let mut out = tera::Map::new();
    for (path, found) in entries(call)? {
        let name = path.rsplit('/').next().unwrap_or(&path).to_string();
        out.insert(name.into(), content(&path, &found)?);
    }
    Ok(out.into())
}

/// `as_config`.
pub(super) fn as_config(call: &Call) -> Answer {
    by_name(call, |path, content| {
        as_text(content)
            .map(text)
            .ok_or_else(|| format!("{path} is no text: put it into a Secret or into binaryData"))
    })
}

/// `as_secrets`.
pub(super) fn as_secrets(call: &Call) -> Answer {
    by_name(call, |path, content| {
        as_bytes(content).map(|bytes| text(encode_base64(&bytes))).ok_or_else(|| format!("{path} is no file"))
    })
}

/// A pattern for paths: `*` and `?` stay within a part, `**` crosses parts, `[a-z]`, `{a,b}`.
struct Glob(regex::Regex);

impl Glob {
    fn new(pattern: &str) -> Result<Self, String> {
        let bad = || format!("`{pattern}` is no pattern");
        let mut out = String::from("^");
        let mut braces = 0_usize;
        let mut chars = pattern.chars().peekable();
        while let Some(c) = chars.next() {
            match c {
                '*' if chars.peek() == Some(&'*') => {
                    chars.next();
                    out.push_str(".*");
                }
                '*' => out.push_str("[^/]*"),
                '?' => out.push_str("[^/]"),
                '{' => {
                    braces += 1;
                    out.push_str("(?:");
                }
                '}' => {
                    braces = braces.checked_sub(1).ok_or_else(bad)?;
                    out.push(')');
                }
                ',' if braces > 0 => out.push('|'),
                '[' => {
                    out.push('[');
                    if matches!(chars.peek(), Some('!' | '^')) {
                        chars.next();
                        out.push('^');
                    }
                    loop {
                        match chars.next().ok_or_else(bad)? {
                            ']' => break,
                            '-' => out.push('-'),
                            c => out.push_str(&regex::escape(&c.to_string())),
                        }
                    }
                    out.push(']');
                }
                '\\' => out.push_str(&regex::escape(&chars.next().ok_or_else(bad)?.to_string())),
                c => out.push_str(&regex::escape(&c.to_string())),
            }
        }
        out.push('$');
        regex::RegexBuilder::new(&out)
            .dot_matches_new_line(true)
            .size_limit(1 << 20)
            .build()
            .map(Glob)
            .map_err(|_| bad())
    }

    fn fits(&self, path: &str) -> bool {
        self.0.is_match(path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_know_the_parts_of_paths() {
        for (pattern, path, fits) in [
            ("conf/*", "conf/a.yaml", true),
            ("conf/*", "conf/x/a.yaml", false),
            ("conf/**", "conf/x/a.yaml", true),
            ("**.yaml", "conf/x/a.yaml", true),
            ("*.{yaml,yml}", "a.yml", true),
            ("[!a]?.txt", "bc.txt", true),
            ("[!a]?.txt", "ac.txt", false),
            ("a+b", "a+b", true),
            ("a\\*", "a*", true),
        ] {
            assert_eq!(Glob::new(pattern).unwrap().fits(path), fits, "{pattern} {path}");
        }
        assert!(Glob::new("a}").is_err());
        assert!(Glob::new("[a").is_err());
    }
}
