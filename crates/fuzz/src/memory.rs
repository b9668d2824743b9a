//! How much memory a decoder took: it must be in proportion to what was sent, whatever the bytes promise.

use peak_alloc::PeakAlloc;

#[global_allocator]
static ALLOCATOR: PeakAlloc = PeakAlloc;

/// Most bytes of memory per byte of input.
pub const FACTOR: usize = 64;
/// What borsh takes at once for a byte string that promises to be long, before it looks whether the bytes are there. A decode
/// ends at the first promise that is not kept, so it is taken once, whatever the bytes say.
const PROMISED_BYTES: usize = 1024 * 1024;
/// Memory that any decoder may take whatever its input: that, error texts and first allocations of collections.
const BASE_BYTES: usize = PROMISED_BYTES + 64 * 1024;

/// Runs `decode` on `bytes`, and panics if it takes more memory than its input justifies.
pub fn bounded<T>(bytes: &[u8], decode: impl FnOnce(&[u8]) -> T) -> T {
    let before = ALLOCATOR.current_usage();
    ALLOCATOR.reset_peak_usage();
    let decoded = decode(bytes);
    let taken = ALLOCATOR.peak_usage().saturating_sub(before);
    let allowed = bytes.len().saturating_mul(FACTOR).saturating_add(BASE_BYTES);
    assert!(taken <= allowed, "{} bytes of input took {taken} bytes of memory, more than {allowed}", bytes.len());
    decoded
}
