//! Go's string: any bytes, cheap to clone.
//!
//! Constants of templates are pieces of their file; chart files and YAML scalars arrive as `Arc<str>`. All of them are
//! shared without a copy. Only a function that cuts UTF-8 in the middle (`trunc`, `b64dec`) makes a string that is not
//! UTF-8.
//!
//! Invariant: equality, order and hash are those of the bytes, whatever the storage.

use std::borrow::{Borrow, Cow};
use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use crate::diag::{SourceFile, Span};
use crate::sys::content::{Content, Later};

/// A Go string: immutable bytes, usually but not always UTF-8.
#[derive(Clone)]
pub struct GoStr(Storage);

#[derive(Clone)]
enum Storage {
    Static(&'static str),
    Text(Arc<str>),
    /// A piece of a file; its bounds are those of characters.
    Within(Arc<SourceFile>, Span),
    Bytes(Arc<[u8]>),
    /// A file that is read when somebody looks.
    Later(Arc<Later>),
}

impl GoStr {
    /// The empty string.
    pub const EMPTY: GoStr = GoStr::from_static("");

    /// A string that lives in the program; usable in constants.
    pub const fn from_static(text: &'static str) -> Self {
        GoStr(Storage::Static(text))
    }

    /// A piece of a template's text, which is shared; a range that is not one of whole characters is empty.
    pub(super) fn within(file: &Arc<SourceFile>, span: Span) -> Self {
        GoStr(Storage::Within(Arc::clone(file), span))
    }

    /// The bytes.
    #[inline]
    pub fn as_bytes(&self) -> &[u8] {
        match &self.0 {
            Storage::Static(text) => text.as_bytes(),
            Storage::Text(text) => text.as_bytes(),
            Storage::Within(file, span) => piece(file, *span).as_bytes(),
            Storage::Bytes(bytes) => bytes,
            Storage::Later(later) => later.bytes(),
        }
    }

    /// The text when the bytes are UTF-8 (checked only for strings that were made from bytes).
    #[inline]
    pub fn as_str(&self) -> Option<&str> {
        match &self.0 {
            Storage::Static(text) => Some(text),
            Storage::Text(text) => Some(text),
            Storage::Within(file, span) => Some(piece(file, *span)),
            Storage::Bytes(bytes) => std::str::from_utf8(bytes).ok(),
            Storage::Later(later) => std::str::from_utf8(later.bytes()).ok(),
        }
    }

    /// The text, with U+FFFD for every part that is not UTF-8.
    pub fn to_text(&self) -> Cow<'_, str> {
        match &self.0 {
            Storage::Bytes(bytes) => String::from_utf8_lossy(bytes),
            Storage::Later(later) => String::from_utf8_lossy(later.bytes()),
            Storage::Static(text) => Cow::Borrowed(text),
            Storage::Text(text) => Cow::Borrowed(text),
            Storage::Within(file, span) => Cow::Borrowed(piece(file, *span)),
        }
    }

    /// The text as a shared string; lossy like [`GoStr::to_text`], without a copy when it already is one.
    pub fn to_arc(&self) -> Arc<str> {
        match &self.0 {
            Storage::Text(text) => Arc::clone(text),
            _ => Arc::from(&*self.to_text()),
        }
    }

    /// Number of bytes, which is what Go's `len` counts.
    pub fn len(&self) -> usize {
        self.as_bytes().len()
    }

    /// Whether there are no bytes.
    pub fn is_empty(&self) -> bool {
        self.as_bytes().is_empty()
    }
}

fn piece(file: &SourceFile, span: Span) -> &str {
    file.text().get(span.range()).unwrap_or_default()
}

impl Default for GoStr {
    fn default() -> Self {
        GoStr::EMPTY
    }
}

impl From<&str> for GoStr {
    fn from(text: &str) -> Self {
        GoStr(Storage::Text(Arc::from(text)))
    }
}

impl From<String> for GoStr {
    fn from(text: String) -> Self {
        GoStr(Storage::Text(Arc::from(text)))
    }
}

impl From<Cow<'_, str>> for GoStr {
    fn from(text: Cow<'_, str>) -> Self {
        GoStr(Storage::Text(Arc::from(text)))
    }
}

impl From<Arc<str>> for GoStr {
    fn from(text: Arc<str>) -> Self {
        GoStr(Storage::Text(text))
    }
}

impl From<&Arc<str>> for GoStr {
    fn from(text: &Arc<str>) -> Self {
        GoStr(Storage::Text(Arc::clone(text)))
    }
}

impl From<&[u8]> for GoStr {
    fn from(bytes: &[u8]) -> Self {
        match std::str::from_utf8(bytes) {
            Ok(text) => text.into(),
            Err(_) => GoStr(Storage::Bytes(Arc::from(bytes))),
        }
    }
}

impl From<Vec<u8>> for GoStr {
    fn from(bytes: Vec<u8>) -> Self {
        match String::from_utf8(bytes) {
            Ok(text) => text.into(),
            Err(other) => GoStr(Storage::Bytes(Arc::from(other.into_bytes()))),
        }
    }
}

impl From<Arc<[u8]>> for GoStr {
    fn from(bytes: Arc<[u8]>) -> Self {
        GoStr(Storage::Bytes(bytes))
    }
}

impl From<&Content> for GoStr {
    fn from(content: &Content) -> Self {
        GoStr(match content {
            Content::Read(bytes) => Storage::Bytes(Arc::clone(bytes)),
            Content::Text(text) => Storage::Text(Arc::clone(text)),
            Content::Later(later) => Storage::Later(Arc::clone(later)),
        })
    }
}

impl Borrow<[u8]> for GoStr {
    fn borrow(&self) -> &[u8] {
        self.as_bytes()
    }
}

impl AsRef<[u8]> for GoStr {
    fn as_ref(&self) -> &[u8] {
        self.as_bytes()
    }
}

impl PartialEq for GoStr {
    fn eq(&self, other: &Self) -> bool {
        self.as_bytes() == other.as_bytes()
    }
}

impl Eq for GoStr {}

impl PartialEq<str> for GoStr {
    fn eq(&self, other: &str) -> bool {
        self.as_bytes() == other.as_bytes()
    }
}

impl PartialEq<&str> for GoStr {
    fn eq(&self, other: &&str) -> bool {
        self.as_bytes() == other.as_bytes()
    }
}

impl PartialOrd for GoStr {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for GoStr {
    fn cmp(&self, other: &Self) -> Ordering {
        self.as_bytes().cmp(other.as_bytes())
    }
}

impl Hash for GoStr {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.as_bytes().hash(state);
    }
}

impl fmt::Debug for GoStr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&*self.to_text(), f)
    }
}

impl fmt::Display for GoStr {
    /// Lossy: bytes that are not UTF-8 show as U+FFFD.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.to_text())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn storage_does_not_show_in_equality_or_order() {
        let shared: Arc<[u8]> = Arc::from(&b"ab"[..]);
        assert_eq!(GoStr::from(shared), GoStr::from_static("ab"));
        let (low, high) = (GoStr::from("a"), GoStr::from(vec![0xff]));
        assert!(low < high);
        assert_eq!(high.to_text(), "\u{fffd}");
    }
}
