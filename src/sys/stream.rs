//! Random bytes in the form in which libraries that make keys want them.
//!
//! Invariant: a stream is made from a seed alone, so the same seed gives the same bytes, and reading it does not fail.

use std::sync::Arc;

use rand_core::{CryptoRng, Error};

use super::Random;

pub use rand_core::RngCore;

/// A stream of bytes from a seed.
pub struct Stream(Random);

impl Stream {
    /// The stream of a seed.
    pub fn seeded(seed: impl Into<Arc<[u8]>>) -> Self {
        Stream(Random::seeded(seed))
    }
}

impl RngCore for Stream {
    fn next_u32(&mut self) -> u32 {
        let mut bytes = [0; 4];
        self.fill_bytes(&mut bytes);
        u32::from_le_bytes(bytes)
    }

    fn next_u64(&mut self) -> u64 {
        let mut bytes = [0; 8];
        self.fill_bytes(&mut bytes);
        u64::from_le_bytes(bytes)
    }

    fn fill_bytes(&mut self, buffer: &mut [u8]) {
        // A seeded source does not fail.
        let _ = self.0.fill(buffer);
    }

    fn try_fill_bytes(&mut self, buffer: &mut [u8]) -> Result<(), Error> {
        self.fill_bytes(buffer);
        Ok(())
    }
}

impl CryptoRng for Stream {}
