//! JSON pointers (RFC 6901): the paths under which values are remembered and reported.

/// A pointer one step deeper: `/` and the step, with `~` and `/` in it escaped.
pub(crate) fn join(pointer: &str, step: &str) -> String {
    let mut out = String::with_capacity(pointer.len() + step.len() + 1);
    out.push_str(pointer);
    out.push('/');
    for c in step.chars() {
        match c {
            '~' => out.push_str("~0"),
            '/' => out.push_str("~1"),
            c => out.push(c),
        }
    }
    out
}

/// The pointer one step up; `None` for the whole document.
pub(crate) fn parent(pointer: &str) -> Option<&str> {
    pointer.rsplit_once('/').map(|(parent, _)| parent)
}
