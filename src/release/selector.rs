//! Label selectors: `app=web,tier!=db,env in (dev,prod),zone notin (a),canary,!old`.
//!
//! Source of grammar and meaning: Kubernetes' label selectors. `!=` and `notin` also match where the label is absent.
//!
//! Invariant: the empty selector matches everything.

use std::collections::BTreeMap;

use super::ReleaseError;
use crate::diag::{Diagnostic, SourceFile, Span};

/// What one label must be.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Rule {
    In(Vec<String>),
    NotIn(Vec<String>),
    Exists,
    Absent,
}

/// A label selector.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Selector {
    rules: Vec<(String, Rule)>,
}

impl Selector {
    /// Reads a selector.
    ///
    /// # Errors
    /// [`ReleaseError::Selector`] with the place.
    pub fn parse(text: &str) -> Result<Self, ReleaseError> {
        let mut parser = Parser { text, at: 0 };
        parser.selector().map_err(|(message, at)| {
            let file = SourceFile::new("--selector", text);
            let end = at + text.get(at..).and_then(|rest| rest.chars().next()).map_or(0, char::len_utf8);
            let diagnostic = Diagnostic::error(format!("unable to parse label selector: {message}"));
            let diagnostic = diagnostic.at(&file, Span::new(at, end));
            ReleaseError::Selector(Box::new(
                diagnostic.hint("write requirements such as app=web,tier!=db,env in (dev,prod),!old"),
            ))
        })
    }

    /// Whether labels satisfy every requirement.
    pub fn matches(&self, labels: &BTreeMap<String, String>) -> bool {
        self.rules.iter().all(|(key, rule)| {
            let found = labels.get(key);
            match rule {
                Rule::In(values) => found.is_some_and(|found| values.contains(found)),
                Rule::NotIn(values) => found.is_none_or(|found| !values.contains(found)),
                Rule::Exists => found.is_some(),
                Rule::Absent => found.is_none(),
            }
        })
    }

    /// Whether there is no requirement.
    pub fn is_empty(&self) -> bool {
        self.rules.is_empty()
    }
}

/// What is wrong, and at which byte.
type Fault = (String, usize);

struct Parser<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Parser<'a> {
    fn selector(&mut self) -> Result<Selector, Fault> {
        let mut rules = Vec::new();
        self.space();
        if self.rest().is_empty() {
            return Ok(Selector::default());
        }
        loop {
            rules.push(self.requirement()?);
            self.space();
            if self.rest().is_empty() {
                return Ok(Selector { rules });
            }
            if !self.eat(",") {
                return Err(self.fault("expected `,` or the end"));
            }
        }
    }

    fn requirement(&mut self) -> Result<(String, Rule), Fault> {
        self.space();
        let absent = self.eat("!");
        self.space();
        let start = self.at;
        let key = self.word();
        if key.is_empty() {
            return Err(self.fault("expected a label"));
        }
        if !is_key(key) {
            return Err((format!("{key:?} is no label name"), start));
        }
        let key = key.to_string();
        if absent {
            return Ok((key, Rule::Absent));
        }
        self.space();
        if self.eat("!=") {
            return Ok((key, Rule::NotIn(vec![self.value()?])));
        }
        if self.eat("==") || self.eat("=") {
            return Ok((key, Rule::In(vec![self.value()?])));
        }
        let before = self.at;
        match self.word() {
            "in" => Ok((key, Rule::In(self.values()?))),
            "notin" => Ok((key, Rule::NotIn(self.values()?))),
            "" => Ok((key, Rule::Exists)),
            other => Err((format!("expected =, ==, !=, in or notin, found {other:?}"), before)),
        }
    }

    fn values(&mut self) -> Result<Vec<String>, Fault> {
        self.space();
        if !self.eat("(") {
            return Err(self.fault("expected `(`"));
        }
        let mut values = Vec::new();
        loop {
            values.push(self.value()?);
            self.space();
            if self.eat(")") {
                return Ok(values);
            }
            if !self.eat(",") {
                return Err(self.fault("expected `,` or `)`"));
            }
        }
    }

    /// A value; it may be empty.
    fn value(&mut self) -> Result<String, Fault> {
        self.space();
        let start = self.at;
        let value = self.word();
        let fits = value.len() <= 63 && value.chars().all(is_name_char) && has_firm_ends(value);
        if fits { Ok(value.to_string()) } else { Err((format!("{value:?} is no label value"), start)) }
    }

    fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or("")
    }

    fn space(&mut self) {
        self.at = self.text.len() - self.rest().trim_start().len();
    }

    fn eat(&mut self, token: &str) -> bool {
        let found = self.rest().starts_with(token);
        self.at += if found { token.len() } else { 0 };
        found
    }

    fn word(&mut self) -> &'a str {
        let rest = self.rest();
        let ends = |c: char| c.is_whitespace() || matches!(c, ',' | '=' | '!' | '(' | ')');
        let (word, _) = rest.split_at(rest.find(ends).unwrap_or(rest.len()));
        self.at += word.len();
        word
    }

    fn fault(&self, message: &str) -> Fault {
        (message.to_string(), self.at)
    }
}

fn is_name_char(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.')
}

fn has_firm_ends(text: &str) -> bool {
    let firm = |c: Option<char>| c.is_none_or(|c| c.is_ascii_alphanumeric());
    firm(text.chars().next()) && firm(text.chars().last())
}

/// A label name: at most 63 characters, after an optional prefix that is a DNS name.
fn is_key(key: &str) -> bool {
    let (prefix, name) = match key.split_once('/') {
        Some((prefix, name)) => (Some(prefix), name),
        None => (None, key),
    };
    let fits = |part: &str, most: usize| {
        !part.is_empty() && part.len() <= most && part.chars().all(is_name_char) && has_firm_ends(part)
    };
    fits(name, 63) && prefix.is_none_or(|prefix| fits(prefix, 253))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs.iter().map(|(key, value)| ((*key).to_string(), (*value).to_string())).collect()
    }

    #[test]
    fn requirements() {
        let found = labels(&[("app", "web"), ("a.b/c", ""), ("in", "x")]);
        for (selector, want) in [
            ("", true),
            (" app = web ", true),
            ("app==web,a.b/c=", true),
            ("app!=web", false),
            ("none!=web", true),
            ("app in (db, web)", true),
            ("app notin (db)", true),
            ("none notin (db)", true),
            ("none in (db)", false),
            ("app,!none", true),
            ("! app", false),
            ("in in (x)", true),
            ("a.b/c in (,x)", true),
        ] {
            assert_eq!(Selector::parse(selector).unwrap().matches(&found), want, "{selector}");
        }
    }

    #[test]
    fn faults_have_their_place() {
        for (selector, want) in [
            ("app=web,", "--selector:1:9: unable to parse label selector: expected a label"),
            (
                "app is web",
                "--selector:1:5: unable to parse label selector: expected =, ==, !=, in or notin, found \"is\"",
            ),
            ("app in web", "--selector:1:8: unable to parse label selector: expected `(`"),
            ("app in (a", "--selector:1:10: unable to parse label selector: expected `,` or `)`"),
            ("-a=b", "--selector:1:1: unable to parse label selector: \"-a\" is no label name"),
            ("a=b c", "--selector:1:5: unable to parse label selector: expected `,` or the end"),
            ("a=é", "--selector:1:3: unable to parse label selector: \"é\" is no label value"),
        ] {
            assert_eq!(Selector::parse(selector).unwrap_err().to_string(), want, "{selector}");
        }
    }
}
