//! gzip data that is deflated piece by piece, so that a piece which stays the same is deflated only once.
//!
//! ```text
//! header 1f8b08 00 00000000 02 ff │ piece … │ empty last block │ crc-32 │ size
//! ```
//!
//! A piece is raw deflate data that refers to nothing before it and ends with a sync flush (RFC 1951), by whose four bytes it is
//! found again. To every reader of gzip it is a file like any other.
//!
//! Invariant: [`split`] gives pieces only when each of them inflates by itself and all of them together have the checksum of
//! the whole. Output is the same on every machine.

use flate2::{Compress, Compression, Decompress, FlushCompress, FlushDecompress, Status};

/// The header: no fields, no time, best level, no system.
const HEADER: [u8; 10] = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 2, 0xff];
/// A last block with nothing in it.
const LAST: [u8; 2] = [3, 0];
/// What a sync flush ends with.
const FLUSHED: [u8; 4] = [0, 0, 0xff, 0xff];
/// Checksum and size.
const TRAILER: usize = 8;
/// Most pieces of a whole.
const MOST_PIECES: usize = 16;

/// A text and what it is deflated to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Piece {
    text: Vec<u8>,
    deflated: Vec<u8>,
}

impl Piece {
    /// Deflates a text, as well as can be.
    pub fn new(text: Vec<u8>) -> Self {
        let mut state = Compress::new(Compression::best(), false);
        // More than deflate ever makes of a text, so that one step is enough.
        let mut deflated = Vec::with_capacity(text.len() + text.len() / 8 + 64);
        loop {
            let rest = text.get(state.total_in() as usize..).unwrap_or_default();
            // Into memory with room left this cannot fail.
            let done = state.compress_vec(rest, &mut deflated, FlushCompress::Sync);
            // With room to spare everything was written; else there may be more to come.
            if done.is_err() || deflated.len() < deflated.capacity() {
                deflated.shrink_to_fit();
                return Piece { text, deflated };
            }
            deflated.reserve(64);
        }
    }

    /// The text.
    pub fn text(&self) -> &[u8] {
        &self.text
    }
}

/// Pieces as one gzip file, which inflates to their texts one after the other. [`split`] finds 16 of them again at most.
pub fn join(pieces: &[&Piece]) -> Vec<u8> {
    let size: usize = pieces.iter().map(|piece| piece.deflated.len()).sum();
    let mut out = Vec::with_capacity(HEADER.len() + size + LAST.len() + TRAILER);
    out.extend(HEADER);
    let mut text = flate2::Crc::new();
    for piece in pieces {
        out.extend(&piece.deflated);
        text.update(&piece.text);
    }
    out.extend(LAST);
    out.extend(text.sum().to_le_bytes());
    out.extend(text.amount().to_le_bytes());
    out
}

/// The pieces that [`join`] made a gzip file of; `None` when something else made it, it is damaged, there are more than
/// `limit` bytes in them, or a piece has by chance within it what marks its end. [`super::gzip::inflate`] tells then what is
/// there.
pub fn split(gzip: &[u8], limit: u64) -> Option<Vec<Piece>> {
    let body = gzip.strip_prefix(&HEADER)?;
    let (body, trailer) = body.split_at_checked(body.len().checked_sub(TRAILER)?)?;
    let mut rest = body.strip_suffix(&LAST)?;
    let mut left = usize::try_from(limit).unwrap_or(usize::MAX);
    let mut pieces = Vec::new();
    let mut whole = flate2::Crc::new();
    while !rest.is_empty() && pieces.len() < MOST_PIECES {
        let end = rest.windows(FLUSHED.len()).position(|bytes| bytes == FLUSHED)? + FLUSHED.len();
        let (deflated, behind) = rest.split_at_checked(end)?;
        let text = inflate(deflated, left)?;
        left -= text.len();
        whole.update(&text);
        pieces.push(Piece { text, deflated: deflated.to_vec() });
        rest = behind;
    }
    let sums = [whole.sum().to_le_bytes(), whole.amount().to_le_bytes()].concat();
    (rest.is_empty() && trailer == sums).then_some(pieces)
}

/// The text of a piece, if it is one and has no more than `most` bytes.
fn inflate(deflated: &[u8], most: usize) -> Option<Vec<u8>> {
    let mut state = Decompress::new(false);
    let mut text = Vec::with_capacity(deflated.len().saturating_mul(4).min(most).saturating_add(1));
    loop {
        let rest = deflated.get(state.total_in() as usize..)?;
        let status = state.decompress_vec(rest, &mut text, FlushDecompress::Sync).ok()?;
        if text.len() > most || status == Status::StreamEnd {
            return None;
        }
        if text.len() < text.capacity() {
            // There was room for more, so this is all, and nothing may be left over.
            return (state.total_in() as usize == deflated.len()).then_some(text);
        }
        text.reserve(text.len().clamp(64, 1 << 20));
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::gzip;
    use super::*;

    fn pieces(texts: &[&[u8]]) -> Vec<Piece> {
        texts.iter().map(|text| Piece::new(text.to_vec())).collect()
    }

    fn joined(pieces: &[Piece]) -> Vec<u8> {
        join(&pieces.iter().collect::<Vec<_>>())
    }

    #[test]
    fn pieces_are_one_file_for_every_reader() {
        let large: Vec<u8> = (0..200_000_u32).flat_map(|at| (at % 977).to_string().into_bytes()).collect();
        for texts in [&[&b"head"[..], &large, b"tail"][..], &[], &[b""], &[b"", b"x", b""], &[&large, &large]]
        {
            let pieces = pieces(texts);
            let file = joined(&pieces);
            assert_eq!(gzip::inflate(&file, 1 << 24), Ok(texts.concat()));
            assert_eq!(split(&file, 1 << 24).as_ref(), Some(&pieces));
            if !texts.concat().is_empty() {
                assert_eq!(split(&file, texts.concat().len() as u64 - 1), None, "the limit");
            }
        }
    }

    #[test]
    fn a_piece_that_stays_is_used_again() {
        let old = pieces(&[b"status: pending", b"the large part", b"end"]);
        let found = split(&joined(&old), 1_000).unwrap();
        let new = [Piece::new(b"status: deployed".to_vec()), found[1].clone(), found[2].clone()];
        assert_eq!(gzip::inflate(&joined(&new), 1_000).unwrap(), b"status: deployedthe large partend");
    }

    #[test]
    fn what_was_not_joined_has_no_pieces() {
        let file = joined(&pieces(&[b"head head head", b"middle middle"]));
        assert_eq!(split(&gzip::deflate_release(b"head"), 1_000), None);
        // Whatever byte is changed, there are either no pieces or those of a whole with the right checksum.
        for at in 0..file.len() {
            let mut bad = file.clone();
            bad[at] ^= 0x41;
            if let Some(found) = split(&bad, 1_000) {
                let text: Vec<u8> = found.iter().flat_map(|piece| piece.text.clone()).collect();
                assert_eq!(text, b"head head headmiddle middle", "byte {at}");
            }
            assert_eq!(split(&file[..at], 1_000), None);
        }
    }

    proptest! {
        #[test]
        fn any_texts_come_back(texts in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..600), 0..5)) {
            let texts: Vec<&[u8]> = texts.iter().map(Vec::as_slice).collect();
            let pieces = pieces(&texts);
            prop_assert_eq!(gzip::inflate(&joined(&pieces), 1 << 20), Ok(texts.concat()));
            // Random bytes may hold what ends a piece.
            if let Some(found) = split(&joined(&pieces), 1 << 20) {
                prop_assert_eq!(found, pieces);
            }
        }

        #[test]
        fn any_bytes_are_split_without_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let mut file = HEADER.to_vec();
            file.extend(bytes);
            let _ = split(&file, 1_000);
        }
    }
}
