//! One runtime, two generations of `rand_core`: the runtime's traits use the newest, Ed25519 batches an older.

use rand_core_next::CryptoRng;

/// A runtime's entropy in the form that batch verification takes.
pub struct Entropy<'a, R>(pub &'a mut R);

impl<R: CryptoRng> rand_core::RngCore for Entropy<'_, R> {
    fn next_u32(&mut self) -> u32 {
        self.0.next_u32()
    }

    fn next_u64(&mut self) -> u64 {
        self.0.next_u64()
    }

    fn fill_bytes(&mut self, bytes: &mut [u8]) {
        self.0.fill_bytes(bytes);
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), rand_core::Error> {
        self.0.fill_bytes(bytes);
        Ok(())
    }
}

impl<R: CryptoRng> rand_core::CryptoRng for Entropy<'_, R> {}
