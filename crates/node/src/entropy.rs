//! Blinding factors for checking many signatures at once.
//!
//! A batch of Ed25519 signatures is checked as one random combination; whoever could predict the factors could
//! make wrong signatures cancel out. They are drawn from a secret of the node by hashing, so that checking needs
//! no access to the runtime. What they are never changes a verdict on signatures that someone has made in good faith,
//! and a batch that fails is checked one by one.

use palisade_types::hash::sha256;
use rand_core::{CryptoRng, RngCore};
use std::sync::atomic::{AtomicU64, Ordering};

/// A node's secret for blinding.
pub struct Blinding {
    secret: [u8; 32],
    drawn: AtomicU64,
}

impl std::fmt::Debug for Blinding {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Blinding(secret)")
    }
}

impl Blinding {
    /// Draws the secret from the runtime.
    pub fn draw(entropy: &mut impl rand_core_next::CryptoRng) -> Self {
        let mut secret = [0; 32];
        entropy.fill_bytes(&mut secret);
        Self::new(secret)
    }

    /// Takes a secret that nobody else knows.
    pub const fn new(secret: [u8; 32]) -> Self {
        Self { secret, drawn: AtomicU64::new(0) }
    }

    /// Factors for one batch, unlike those of any other.
    pub fn factors(&self) -> Factors {
        let batch = self.drawn.fetch_add(1, Ordering::Relaxed);
        let seed = sha256(&[b"palisade/blinding/", &self.secret, &batch.to_be_bytes()]);
        Factors { seed, hashes: 0, left: Vec::new() }
    }
}

/// The factors of one batch.
pub struct Factors {
    seed: [u8; 32],
    hashes: u64,
    left: Vec<u8>,
}

impl Factors {
    fn take<const N: usize>(&mut self) -> [u8; N] {
        let mut bytes = [0; N];
        self.fill_bytes(&mut bytes);
        bytes
    }
}

impl RngCore for Factors {
    fn next_u32(&mut self) -> u32 {
        u32::from_le_bytes(self.take())
    }

    fn next_u64(&mut self) -> u64 {
        u64::from_le_bytes(self.take())
    }

    fn fill_bytes(&mut self, bytes: &mut [u8]) {
        for byte in bytes {
            if self.left.is_empty() {
                self.left = sha256(&[&self.seed, &self.hashes.to_be_bytes()]).to_vec();
                self.hashes = self.hashes.wrapping_add(1);
            }
            *byte = self.left.pop().unwrap_or_default();
        }
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), rand_core::Error> {
        self.fill_bytes(bytes);
        Ok(())
    }
}

impl CryptoRng for Factors {}

#[cfg(test)]
mod tests {
    use super::Blinding;
    use rand_core::RngCore as _;

    #[test]
    fn factors_differ_between_batches_and_within_one() {
        let blinding = Blinding::new([7; 32]);
        let (mut first, mut second) = (blinding.factors(), blinding.factors());
        let drawn: Vec<u64> = (0..64).map(|_| first.next_u64()).chain((0..64).map(|_| second.next_u64())).collect();
        let distinct: std::collections::BTreeSet<_> = drawn.iter().collect();
        assert_eq!(distinct.len(), drawn.len());
    }
}
