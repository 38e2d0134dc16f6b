//! What a service says when something fails, in a line for people.
//!
//! Invariant: the line is short and has no control characters, whatever the service sent.

use std::error::Error as StdError;

use object_store::Error;

/// Longest text of a service that is shown.
const LONGEST: usize = 300;

/// Whether the same may well succeed a moment later: nobody answered, or the service cannot answer now.
pub(super) fn is_passing(error: &Error) -> bool {
    const NOW: &[&str] =
        &["InternalError", "OperationAborted", "RequestTimeout", "ServiceUnavailable", "SlowDown"];
    told(&innermost(error), "Code").is_none_or(|code| NOW.contains(&code))
}

fn innermost(error: &Error) -> String {
    let mut innermost: &dyn StdError = error;
    while let Some(next) = innermost.source() {
        innermost = next;
    }
    innermost.to_string()
}

/// What stands in an element of the answer that an error is about.
fn told<'t>(text: &'t str, name: &str) -> Option<&'t str> {
    let (_, rest) = text.split_once(&format!("<{name}>"))?;
    rest.split_once(&format!("</{name}>")).map(|(inside, _)| inside.trim())
}

/// The cause of an error in a few words: what the service wrote, else the innermost cause.
pub(super) fn reason(error: &Error) -> String {
    let text = innermost(error);
    let short = match (told(&text, "Code"), told(&text, "Message")) {
        (Some(code), Some(message)) => format!("{code}: {message}"),
        (Some(code), None) => code.to_string(),
        _ => text.split(" (os error").next().unwrap_or(&text).to_string(),
    };
    let line: String = short.split_whitespace().collect::<Vec<_>>().join(" ");
    line.chars().filter(|c| !c.is_control()).take(LONGEST).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_service_writes_becomes_a_line() {
        let text = "Server returned 400: <Error>\n<Code>Bad</Code><Message>not\n so</Message></Error>";
        let error = Error::Generic { store: "S3", source: text.into() };
        assert_eq!((reason(&error).as_str(), is_passing(&error)), ("Bad: not so", false));
        let busy = Error::Generic { store: "S3", source: "503 <Code>SlowDown</Code>".into() };
        assert_eq!((reason(&busy).as_str(), is_passing(&busy)), ("SlowDown", true));
        let long = Error::Generic { store: "S3", source: "x".repeat(9_000).into() };
        assert!(reason(&long).len() == LONGEST && is_passing(&long));
    }
}
