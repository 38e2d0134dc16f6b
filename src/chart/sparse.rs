//! Files with holes, as GNU tar writes them into pax archives (`tar --sparse`): the map of what is data comes in records of
//! the header (versions 0.0 and 0.1) or at the start of the content (1.0).
//!
//! Source of the format: the manual of GNU tar, "Storing Sparse Files". The older form with an entry type of its own is
//! read by the crate.
//!
//! Invariant: a map is taken only when its pieces come in order, lie within the size of the file, and are all there.

use std::io::Read;

use super::error::ArchiveProblem;

/// Most pieces of data in a file. Each costs a record or two lines.
const MOST_PIECES: usize = 100_000;
/// What the map and the data behind it are padded to.
const BLOCK: usize = 512;

/// The pieces of data as offset and length.
type Map = Vec<(u64, u64)>;

/// What the header of an entry says about its holes.
pub(super) struct Sparse {
    /// What the entry is called; its own name is made up.
    pub(super) name: Option<String>,
    /// Size of the file with its holes.
    pub(super) size: u64,
    /// `None` when the content begins with it.
    map: Option<Map>,
}

impl Sparse {
    /// Reads the records of an entry; `None` when it is an ordinary file.
    pub(super) fn of<R: Read>(
        entry: &mut tar::Entry<'_, R>,
        raw: &str,
    ) -> Result<Option<Self>, ArchiveProblem> {
        let bad = || ArchiveProblem::Sparse { entry: raw.to_string() };
        let Some(records) = entry.pax_extensions().map_err(|_| bad())? else { return Ok(None) };
        let (mut name, mut size, mut major) = (None, None, 0);
        let (mut map, mut numbers) = (None, Vec::new());
        for record in records {
            let record = record.map_err(|_| bad())?;
            let (Ok(key), Ok(value)) = (record.key(), record.value()) else { continue };
            match key {
                "GNU.sparse.name" => name = Some(value.to_string()),
                "GNU.sparse.realsize" | "GNU.sparse.size" => size = Some(value.parse().map_err(|_| bad())?),
                "GNU.sparse.major" => major = value.parse().map_err(|_| bad())?,
                "GNU.sparse.map" => {
                    let all: Result<Vec<u64>, _> = value.split(',').map(str::parse).collect();
                    map = Some(all.map_err(|_| bad())?);
                }
                "GNU.sparse.offset" | "GNU.sparse.numbytes" => {
                    numbers.push(value.parse().map_err(|_| bad())?);
                }
                _ => {}
            }
            if numbers.len() > MOST_PIECES * 2 {
                return Err(bad());
            }
        }
        let Some(size) = size else { return Ok(None) };
        let map = if major == 0 { Some(pairs(&map.unwrap_or(numbers)).ok_or_else(bad)?) } else { None };
        Ok(Some(Sparse { name, size, map }))
    }

    /// The file with its holes, made of the content of the entry.
    pub(super) fn expand(self, content: &[u8], raw: &str) -> Result<Vec<u8>, ArchiveProblem> {
        self.expanded(content).ok_or_else(|| ArchiveProblem::Sparse { entry: raw.to_string() })
    }

    fn expanded(self, content: &[u8]) -> Option<Vec<u8>> {
        let (map, mut data) = match self.map {
            Some(map) => (map, content),
            None => map_at_start(content)?,
        };
        let mut file = Vec::new();
        for (offset, length) in map {
            offset.checked_add(length).filter(|end| *end <= self.size)?;
            if offset < file.len() as u64 {
                return None;
            }
            let (piece, rest) = data.split_at_checked(usize::try_from(length).ok()?)?;
            file.resize(usize::try_from(offset).ok()?, 0);
            file.extend_from_slice(piece);
            data = rest;
        }
        file.resize(usize::try_from(self.size).ok()?, 0);
        Some(file)
    }
}

/// Numbers two by two.
fn pairs(numbers: &[u64]) -> Option<Map> {
    let (pairs, rest) = numbers.as_chunks::<2>();
    (rest.is_empty() && pairs.len() <= MOST_PIECES).then(|| pairs.iter().map(|[a, b]| (*a, *b)).collect())
}

/// The map of version 1.0, a number a line and their count first, and the data behind it.
fn map_at_start(content: &[u8]) -> Option<(Map, &[u8])> {
    let mut at = 0;
    let mut number = || {
        let line = content.get(at..)?.split(|byte| *byte == b'\n').next().filter(|line| line.len() <= 20)?;
        at += line.len() + 1;
        std::str::from_utf8(line).ok()?.parse::<u64>().ok()
    };
    let count = usize::try_from(number()?).ok().filter(|count| *count <= MOST_PIECES)?;
    let numbers = (0..count * 2).map(|_| number()).collect::<Option<Vec<u64>>>()?;
    Some((pairs(&numbers)?, content.get(at.next_multiple_of(BLOCK)..)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn expanded(size: u64, map: Option<Map>, content: &[u8]) -> Option<Vec<u8>> {
        Sparse { name: None, size, map }.expanded(content)
    }

    #[test]
    fn holes_are_filled_with_zeros() {
        assert_eq!(expanded(8, Some(vec![(2, 3), (6, 1)]), b"abcd").unwrap(), b"\0\0abc\0d\0");
        assert_eq!(expanded(3, Some(vec![]), b"").unwrap(), b"\0\0\0");
        let mut content = b"2\n1\n2\n5\n0\n".to_vec();
        content.resize(BLOCK, 0);
        content.extend_from_slice(b"ab");
        assert_eq!(expanded(5, None, &content).unwrap(), b"\0ab\0\0");
    }

    #[test]
    fn maps_that_do_not_fit_are_refused() {
        for (size, map, content) in [
            (4, vec![(2, 3)], "abc"),
            (9, vec![(4, 1), (2, 1)], "ab"),
            (9, vec![(0, 3)], "ab"),
            (9, vec![(u64::MAX, 2)], "ab"),
        ] {
            assert_eq!(expanded(size, Some(map), content.as_bytes()), None);
        }
        for content in ["", "1", "1\n0", "x\n", "99999999999999999999999\n", "1\n0\n1\nno padding"] {
            assert_eq!(expanded(9, None, content.as_bytes()), None, "{content:?}");
        }
    }
}
