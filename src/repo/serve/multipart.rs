//! Forms with files (`multipart/form-data`), read in pieces.
//!
//! Invariant: no more than one piece, one delimiter and one part's head is held, whatever the size of a part.

use std::io::{self, Read};

/// Longest head of a part in bytes.
const HEAD_LIMIT: usize = 8 << 10;
/// Bytes that are read at once.
const PIECE: usize = 16 << 10;

/// The text between the parts, as a `Content-Type` header gives it; `None` when the body is no form.
pub(super) fn boundary(content_type: &str) -> Option<String> {
    let (kind, parameters) = content_type.split_once(';')?;
    if !kind.trim().eq_ignore_ascii_case("multipart/form-data") {
        return None;
    }
    let boundary = parameter(parameters, "boundary")?;
    (!boundary.is_empty() && boundary.len() <= 70).then_some(boundary)
}

/// A parameter of a header, such as `name` in `form-data; name="chart"`.
fn parameter(text: &str, wanted: &str) -> Option<String> {
    let value = text.split(';').find_map(|part| {
        let (name, value) = part.split_once('=')?;
        name.trim().eq_ignore_ascii_case(wanted).then(|| value.trim())
    })?;
    Some(value.strip_prefix('"').and_then(|value| value.strip_suffix('"')).unwrap_or(value).to_string())
}

/// A form that is being read.
pub(super) struct Form<R> {
    source: R,
    buffer: Vec<u8>,
    delimiter: Vec<u8>,
    begun: bool,
}

impl<R: Read> Form<R> {
    pub(super) fn new(source: R, boundary: &str) -> Self {
        // The first delimiter has no line before it; with one in the buffer it is like all others.
        Form {
            source,
            buffer: b"\r\n".to_vec(),
            delimiter: format!("\r\n--{boundary}").into_bytes(),
            begun: false,
        }
    }

    /// Goes to the next part and returns its name; `None` after the last one.
    ///
    /// # Errors
    /// As reading; `InvalidData` when it is no form.
    pub(super) fn next_part(&mut self) -> io::Result<Option<String>> {
        if !self.begun {
            self.begun = true;
            self.read_part(|_| Ok(()))?;
        }
        let line = self.until(b"\r\n", true)?;
        if line.starts_with(b"--") {
            // Line ends and an epilogue may follow; nobody looks at them.
            io::copy(&mut self.source, &mut io::sink())?;
            return Ok(None);
        }
        let mut head = self.until(b"\r\n\r\n", false)?;
        head.extend_from_slice(b"\r\n");
        let head = String::from_utf8_lossy(&head).into_owned();
        let disposition = head.lines().find_map(|line| {
            let (name, value) = line.split_once(':')?;
            name.trim().eq_ignore_ascii_case("content-disposition").then(|| value.to_string())
        });
        let name = disposition.and_then(|value| parameter(&value, "name"));
        name.map(Some).ok_or_else(|| io::ErrorKind::InvalidData.into())
    }

    /// Hands the content of the part over, in pieces.
    ///
    /// # Errors
    /// As reading, and what the taker says.
    pub(super) fn read_part(&mut self, mut take: impl FnMut(&[u8]) -> io::Result<()>) -> io::Result<()> {
        loop {
            if let Some(at) = find(&self.buffer, &self.delimiter) {
                take(self.buffer.get(..at).unwrap_or(&[]))?;
                self.buffer.drain(..at + self.delimiter.len());
                return Ok(());
            }
            // The last bytes may be the start of a delimiter.
            let sure = self.buffer.len().saturating_sub(self.delimiter.len() - 1);
            take(self.buffer.get(..sure).unwrap_or(&[]))?;
            self.buffer.drain(..sure);
            self.fill()?;
        }
    }

    /// What stands before some end, which is taken too.
    fn until(&mut self, end: &[u8], closes: bool) -> io::Result<Vec<u8>> {
        loop {
            if let Some(at) = find(&self.buffer, end) {
                let mut found: Vec<u8> = self.buffer.drain(..at + end.len()).collect();
                found.truncate(at);
                return Ok(found);
            }
            if closes && self.buffer.starts_with(b"--") {
                return Ok(b"--".to_vec());
            }
            if self.buffer.len() > HEAD_LIMIT {
                return Err(io::ErrorKind::InvalidData.into());
            }
            self.fill()?;
        }
    }

    fn fill(&mut self) -> io::Result<()> {
        let mut piece = [0; PIECE];
        match self.source.read(&mut piece)? {
            0 => Err(io::ErrorKind::UnexpectedEof.into()),
            count => {
                self.buffer.extend_from_slice(piece.get(..count).unwrap_or(&[]));
                Ok(())
            }
        }
    }
}

/// Where some bytes stand first. The needle starts with a carriage return, which archives hardly have in a row.
fn find(bytes: &[u8], needle: &[u8]) -> Option<usize> {
    let first = needle.first()?;
    let mut from = 0;
    while let Some(at) = bytes.get(from..)?.iter().position(|byte| byte == first) {
        if bytes.get(from + at..)?.starts_with(needle) {
            return Some(from + at);
        }
        from += at + 1;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A reader that gives one byte at a time, so that every cut is seen.
    struct Drops<'a>(&'a [u8]);

    impl Read for Drops<'_> {
        fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
            let (Some(to), Some((first, rest))) = (out.first_mut(), self.0.split_first()) else {
                return Ok(0);
            };
            *to = *first;
            self.0 = rest;
            Ok(1)
        }
    }

    fn parts(text: &str) -> io::Result<Vec<(String, String)>> {
        let mut form = Form::new(Drops(text.as_bytes()), "B");
        let mut parts = Vec::new();
        while let Some(name) = form.next_part()? {
            let mut bytes = Vec::new();
            form.read_part(|piece| {
                bytes.extend_from_slice(piece);
                Ok(())
            })?;
            parts.push((name, String::from_utf8_lossy(&bytes).into_owned()));
        }
        Ok(parts)
    }

    #[test]
    fn parts_come_out_whole() {
        let form = "--B\r\nContent-Disposition: form-data; name=\"chart\"; filename=\"x.tgz\"\r\n\
                    Content-Type: application/gzip\r\n\r\na\r\n--C\r\nb\r\n--B\r\n\
                    content-disposition: form-data; name=prov\r\n\r\n\r\n--B--\r\n";
        let want = [("chart".to_string(), "a\r\n--C\r\nb".to_string()), ("prov".to_string(), String::new())];
        assert_eq!(parts(form).unwrap(), want);
        assert_eq!(parts("--B--").unwrap(), []);
    }

    #[test]
    fn what_is_no_form_is_told() {
        let long = format!("--B\r\n{}", "x".repeat(10_000));
        for (text, kind) in [
            ("", io::ErrorKind::UnexpectedEof),
            ("--B\r\nContent-Disposition: form-data; name=a\r\n\r\nhalf", io::ErrorKind::UnexpectedEof),
            ("--B\r\nContent-Type: x\r\n\r\nbody\r\n--B--", io::ErrorKind::InvalidData),
            (&long, io::ErrorKind::InvalidData),
        ] {
            assert_eq!(parts(text).unwrap_err().kind(), kind, "{}", &text[..text.len().min(50)]);
        }
    }

    #[test]
    fn boundaries_are_found() {
        for (header, want) in [
            ("multipart/form-data; boundary=abc", Some("abc")),
            ("Multipart/Form-Data; charset=x; boundary=\"a b\"", Some("a b")),
            ("multipart/form-data", None),
            ("multipart/mixed; boundary=abc", None),
            ("multipart/form-data; boundary=", None),
        ] {
            assert_eq!(boundary(header).as_deref(), want, "{header}");
        }
    }
}
