//! Nonces for a signer: the present time in milliseconds, but always above the last one given.
//!
//! The chain accepts each nonce of a signer once, near block time. One source per key: two processes that
//! sign with one key may draw the same number.

use palisade_types::ids::Nonce;
use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::{SystemTime, UNIX_EPOCH},
};

/// A source of nonces for one key.
#[derive(Debug, Default)]
pub struct NonceSource {
    last: AtomicU64,
}

impl NonceSource {
    /// A source that starts at the present time.
    pub const fn new() -> Self {
        Self { last: AtomicU64::new(0) }
    }

    /// A nonce never given before by this source.
    pub fn next(&self) -> Nonce {
        self.next_at(present_ms())
    }

    /// A nonce at or after `present_ms`, above the last one.
    fn next_at(&self, present_ms: u64) -> Nonce {
        let above = |last: u64| present_ms.max(last.saturating_add(1));
        let step = |last: u64| Some(above(last));
        match self.last.fetch_update(Ordering::Relaxed, Ordering::Relaxed, step) {
            Ok(last) | Err(last) => Nonce::new(above(last)),
        }
    }
}

/// The clock; a clock before 1970 counts as 1970, and the chain will say that the nonce is out of its window.
fn present_ms() -> u64 {
    let elapsed = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{collections::BTreeSet, sync::Arc};

    #[test]
    fn nonces_follow_the_clock_and_never_repeat() {
        let source = NonceSource::new();
        let drawn: Vec<u64> = [10, 10, 9, 12, 12, 100].map(|at_ms| source.next_at(at_ms).get()).to_vec();
        assert_eq!(drawn, [10, 11, 12, 13, 14, 100]);
    }

    #[test]
    fn threads_never_draw_the_same() {
        let source = Arc::new(NonceSource::new());
        let draw = || {
            let source = Arc::clone(&source);
            std::thread::spawn(move || (0..1_000).map(|_| source.next()).collect::<Vec<_>>())
        };
        let threads = [draw(), draw(), draw(), draw()];
        let drawn: Vec<Nonce> = threads.into_iter().flat_map(|thread| thread.join().expect("a thread")).collect();
        assert_eq!(drawn.iter().collect::<BTreeSet<_>>().len(), 4_000);
    }
}
