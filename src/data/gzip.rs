//! gzip, with `gzip_pieces` the only user of flate2: bounded inflating, and deflating that gives the same bytes every time.
//!
//! Headers written here have no time and no system (`mtime 0`, `OS 255`), as Go's gzip writes them. Headers read may have
//! any of the optional fields (Helm's archives carry an extra field and a comment) and a file may have several members.
//!
//! Invariant: no more bytes come out of an inflate than its caller allows; output is the same on every machine. The
//! deflate behind it (zlib-rs) chooses its matches by a hash and a search that are the same everywhere; what it leaves to
//! the processor (comparing, sliding, checksums) is exact. A test below holds digests of both levels.

use std::cell::RefCell;
use std::io::{self, BufRead, Read, Write};

use flate2::bufread::GzDecoder;
use flate2::{Compression, Decompress, FlushDecompress, GzBuilder, Status};

/// Why bytes could not be inflated.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum GzipError {
    /// The first bytes are not those of gzip.
    #[error("not gzip data")]
    NotGzip,
    /// The data ends before its end.
    #[error("the gzip data is cut off")]
    Truncated,
    /// The data is damaged.
    #[error("the gzip data is damaged: {reason}")]
    Corrupt {
        /// What the decoder found.
        reason: String,
    },
    /// More bytes would come out than allowed.
    #[error("the decompressed data is larger than the limit of {limit} bytes")]
    TooLarge {
        /// The limit in bytes.
        limit: u64,
    },
}

impl GzipError {
    /// The gzip error within an error of reading through an [`Inflater`], if it stems from one.
    pub fn within(error: &io::Error) -> Option<&GzipError> {
        error.get_ref()?.downcast_ref()
    }

    fn from_io(error: io::Error) -> Self {
        match GzipError::within(&error) {
            Some(own) => own.clone(),
            None if error.kind() == io::ErrorKind::UnexpectedEof => GzipError::Truncated,
            None => GzipError::Corrupt { reason: error.to_string() },
        }
    }
}

impl From<GzipError> for io::Error {
    fn from(error: GzipError) -> Self {
        io::Error::new(io::ErrorKind::InvalidData, error)
    }
}

/// Whether some bytes begin as gzip data does.
pub fn is_gzip(bytes: &[u8]) -> bool {
    bytes.starts_with(&[0x1f, 0x8b])
}

/// Inflates while it is read. What follows the last member is ignored, as gzip itself does.
///
/// Its errors carry a [`GzipError`], see [`GzipError::within`].
pub struct Inflater<R: BufRead> {
    /// `None` once all members were read or an error was told.
    member: Option<GzDecoder<R>>,
    left: u64,
    limit: u64,
}

impl<R: BufRead> Inflater<R> {
    /// A reader of at most `limit` decompressed bytes.
    pub fn new(source: R, limit: u64) -> Self {
        Inflater { member: Some(GzDecoder::new(source)), left: limit, limit }
    }
}

impl<R: BufRead> Read for Inflater<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        while let Some(mut member) = self.member.take() {
            let count = member.read(buffer).map_err(|error| io::Error::from(GzipError::from_io(error)))?;
            if count as u64 > self.left {
                return Err(GzipError::TooLarge { limit: self.limit }.into());
            }
            self.left -= count as u64;
            if count > 0 {
                self.member = Some(member);
                return Ok(count);
            }
            let mut source = member.into_inner();
            if is_gzip(source.fill_buf()?) {
                self.member = Some(GzDecoder::new(source));
            }
        }
        Ok(0)
    }
}

/// Inflates bytes that are in memory.
///
/// # Errors
/// The bytes are no gzip data, are damaged or cut off, or hold more than `limit` bytes.
pub fn inflate(bytes: &[u8], limit: u64) -> Result<Vec<u8>, GzipError> {
    if !is_gzip(bytes) {
        return Err(GzipError::NotGzip);
    }
    if let Some(out) = whole(bytes, limit) {
        return Ok(out);
    }
    let mut out = Vec::new();
    Inflater::new(bytes, limit).read_to_end(&mut out).map_err(GzipError::from_io)?;
    Ok(out)
}

/// What a single member inflates to, at most `limit` bytes, its checksum looked at; `None` when a full look is needed to say
/// what is wrong, or what is there.
pub fn whole(bytes: &[u8], limit: u64) -> Option<Vec<u8>> {
    let rest = behind_header(bytes)?;
    let (deflated, trailer) = rest.split_at_checked(rest.len().checked_sub(TRAILER)?)?;
    let (sum, size) = trailer.split_at_checked(4)?;
    let [sum, size] = [sum, size].map(|four| four.try_into().ok().map(u32::from_le_bytes));
    let size = usize::try_from(size?).ok()?;
    if size as u64 > limit || size / MOST_GAIN > deflated.len() {
        return None;
    }
    let mut state = SPARE.take().unwrap_or_else(|| Decompress::new(false));
    state.reset(false);
    // With room left at the end nothing can be left behind it.
    let mut out = Vec::with_capacity(size + 1);
    let result = state.decompress_vec(deflated, &mut out, FlushDecompress::Finish);
    let is_all = matches!(result, Ok(Status::StreamEnd)) && state.total_in() == deflated.len() as u64;
    SPARE.set(Some(state));
    (is_all && out.len() == size && Some(crc32(&out)) == sum).then_some(out)
}

/// Bytes at the start of a gzip header; what may follow them depends on the flags.
const HEADER: usize = 10;
/// Checksum and size at the end of a member.
const TRAILER: usize = 8;
/// Deflate makes nothing smaller than this part of it.
const MOST_GAIN: usize = 1032;
/// Flag of a header with an extra field.
const EXTRA: u8 = 4;
/// Flag of a header with a comment.
const COMMENT: u8 = 16;

std::thread_local! {
    /// The state that was used last on this thread, which resets it before every use. Making one anew clears 48 KB,
    /// more than what the start of a small archive costs otherwise.
    static SPARE: RefCell<Option<Decompress>> = const { RefCell::new(None) };
}

/// The first decompressed bytes, at most `most`; `None` when a full look is needed to say what is wrong, or what is
/// there. No checksum covers them.
pub fn start(bytes: &[u8], most: usize) -> Option<Vec<u8>> {
    let rest = behind_header(bytes)?;
    let mut state = SPARE.take().unwrap_or_else(|| Decompress::new(false));
    state.reset(false);
    let mut out = Vec::with_capacity(most);
    let result = state.decompress_vec(rest, &mut out, FlushDecompress::None);
    SPARE.set(Some(state));
    result.ok().map(|_| out)
}

/// What follows the header of a member: one without optional fields, as every writer of archives but Helm's own has it, or
/// with an extra field and a comment, as those of Helm have it. `None` for any other.
fn behind_header(bytes: &[u8]) -> Option<&[u8]> {
    let (header, mut rest) = bytes.split_at_checked(HEADER)?;
    let &[0x1f, 0x8b, 8, flags, ..] = header else { return None };
    if flags & !(EXTRA | COMMENT) != 0 {
        return None;
    }
    if flags & EXTRA != 0 {
        let (length, behind) = rest.split_at_checked(2)?;
        rest = behind.get(usize::from(u16::from_le_bytes(length.try_into().ok()?))..)?;
    }
    if flags & COMMENT != 0 {
        rest = rest.get(rest.iter().position(|b| *b == 0)? + 1..)?;
    }
    Some(rest)
}

/// The checksum of gzip (CRC-32): it tells bytes that were damaged, not bytes that somebody made up.
pub fn crc32(bytes: &[u8]) -> u32 {
    let mut sum = flate2::Crc::new();
    sum.update(bytes);
    sum.sum()
}

/// Level of archives. Over 198 public charts level 6 takes a third more time for archives 1 % smaller; level 5 is within
/// half a percent of what Go's default gives.
const ARCHIVE_LEVEL: u32 = 5;

/// Deflates an archive: header `1f8b08 00 00000000 00 ff`.
pub fn deflate(bytes: &[u8]) -> Vec<u8> {
    compress(bytes, Compression::new(ARCHIVE_LEVEL))
}

/// Deflates as Helm does the payload of a release: best level, header `1f8b08 00 00000000 02 ff`.
pub fn deflate_release(bytes: &[u8]) -> Vec<u8> {
    compress(bytes, Compression::best())
}

fn compress(bytes: &[u8], level: Compression) -> Vec<u8> {
    let mut encoder = GzBuilder::new().mtime(0).operating_system(255).write(Vec::new(), level);
    // Writing into a vector cannot fail, and the encoder has no error of its own.
    let _ = encoder.write_all(bytes);
    encoder.finish().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::data::digest::sha256_hex;

    #[test]
    fn headers_are_fixed() {
        assert_eq!(deflate(b"x")[..10], [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff]);
        assert_eq!(deflate_release(b"x")[..10], [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 2, 0xff]);
    }

    #[test]
    fn optional_header_fields_and_several_members_are_read() {
        let mut bytes = Vec::new();
        for (name, text) in [("one", "a"), ("two", "b")] {
            let mut encoder = GzBuilder::new()
                .filename(name)
                .comment("Helm")
                .extra(vec![b'+'; 44])
                .mtime(7)
                .write(Vec::new(), Compression::fast());
            encoder.write_all(text.as_bytes()).unwrap();
            bytes.extend(encoder.finish().unwrap());
        }
        assert_eq!(inflate(&bytes, 2), Ok(b"ab".to_vec()));
        assert_eq!(start(&bytes, 2), None, "a name in the header");
        bytes.extend([0; 512]);
        assert_eq!(inflate(&bytes, 2), Ok(b"ab".to_vec()), "padding after the last member");
        assert_eq!(inflate(&bytes, 1), Err(GzipError::TooLarge { limit: 1 }));
    }

    #[test]
    fn damage_is_told_apart() {
        let good = deflate(&[b'x'; 5_000]);
        assert_eq!(inflate(b"plain", 9), Err(GzipError::NotGzip));
        assert_eq!(inflate(&good[..good.len() - 3], 5_000), Err(GzipError::Truncated));
        assert_eq!(inflate(&good[..4], 5_000), Err(GzipError::Truncated));
        let mut bad = good.clone();
        let at = bad.len() - 6;
        bad[at] ^= 1;
        assert!(matches!(inflate(&bad, 5_000), Err(GzipError::Corrupt { .. })));
        assert_eq!(inflate(&good, 4_999), Err(GzipError::TooLarge { limit: 4_999 }));
    }

    #[test]
    fn a_plain_member_is_inflated_at_once_and_all_else_is_looked_at() {
        let text: Vec<u8> = (0..20_000_u32).flat_map(|at| at.to_string().into_bytes()).collect();
        let mut as_helm =
            GzBuilder::new().comment("Helm").extra(vec![b'+'; 44]).write(Vec::new(), Compression::best());
        as_helm.write_all(&text).unwrap();
        for plain in [deflate(&text), deflate_release(&text), as_helm.finish().unwrap()] {
            assert_eq!(whole(&plain, text.len() as u64).as_deref(), Some(&*text));
            assert_eq!(whole(&plain, text.len() as u64 - 1), None);
            for cut in (0..plain.len()).step_by(97) {
                assert_eq!(whole(&plain[..cut], u64::MAX), None);
            }
            for (at, bit) in [(3, 8), (plain.len() / 2, 1), (plain.len() - 8, 1), (plain.len() - 4, 1)] {
                let mut bad = plain.clone();
                bad[at] ^= bit;
                assert_eq!(whole(&bad, u64::MAX), None, "byte {at}");
            }
            let several = [&*plain, &*plain].concat();
            assert_eq!(whole(&several, u64::MAX), None);
            assert_eq!(inflate(&several, u64::MAX).as_deref(), Ok(&*[&*text, &*text].concat()));
            assert_eq!(whole(&[&*plain, &[0; 9]].concat(), u64::MAX), None, "something behind it");
        }
        assert_eq!(whole(&deflate(b""), 0), Some(Vec::new()));
    }

    #[test]
    fn the_start_is_that_of_the_whole() {
        let text: Vec<u8> = (0..20_000_u32).flat_map(|at| at.to_string().into_bytes()).collect();
        let plain = deflate(&text);
        let mut as_helm =
            GzBuilder::new().comment("Helm").extra(vec![b'+'; 44]).write(Vec::new(), Compression::best());
        as_helm.write_all(&text).unwrap();
        for bytes in [plain, as_helm.finish().unwrap()] {
            for most in [1, 700, 4_096] {
                assert_eq!(start(&bytes, most).as_deref(), text.get(..most));
                // Whatever a damaged text left behind in the spare state does not reach the next one.
                assert_eq!(start(&[&bytes[..HEADER], &[0xff; 40]].concat(), most), None);
            }
            assert_eq!(start(&bytes, 1 << 20).as_deref(), Some(&*text));
            for cut in 0..200 {
                if let Some(out) = start(&bytes[..cut], 4_096) {
                    assert!(text.starts_with(&out));
                }
            }
        }
        assert_eq!(start(b"plain", 9), None);
    }

    const DIGEST_OF_ARCHIVE: &str = "a1b4ec751997ff54ee13d135f89b4eb4bf8d48798e23acdd5c450521152940e6";
    const DIGEST_OF_RELEASE: &str = "076ea45eb09580d3dc597311553c7a3efa08885c3eb51766d4cf437b038634f6";

    /// Archives have the same digest on every machine and from every build, so these digests change only together with
    /// every published one. Long and short matches, literals, and more than two windows of each.
    #[test]
    fn output_is_the_same_everywhere() {
        let mut seed = 1_u32;
        let mut next = || {
            seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            seed >> 16
        };
        let mut text = Vec::new();
        while text.len() < 150_000 {
            match next() % 4 {
                0 => text.extend((0..next() % 40).map(|_| next() as u8)),
                1 => text.extend(std::iter::repeat_n(b' ', next() as usize % 300)),
                _ => text.extend(format!("  key-{}: {}\n", next() % 50, next() % 1000).bytes()),
            }
        }
        let digests = [deflate(&text), deflate_release(&text)].map(sha256_hex);
        assert_eq!(digests, [DIGEST_OF_ARCHIVE, DIGEST_OF_RELEASE]);
    }

    proptest! {
        #[test]
        fn what_was_deflated_inflates(bytes in proptest::collection::vec(any::<u8>(), 0..4_000)) {
            prop_assert_eq!(inflate(&deflate(&bytes), 4_000), Ok(bytes.clone()));
            prop_assert_eq!(inflate(&deflate_release(&bytes), 4_000), Ok(bytes));
        }

        #[test]
        fn any_bytes_are_read_without_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let mut gzip = vec![0x1f, 0x8b, 8];
            gzip.extend(bytes);
            let _ = inflate(&gzip, 1_000);
        }
    }
}
