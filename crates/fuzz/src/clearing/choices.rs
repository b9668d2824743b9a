//! Choices that a fuzzer makes: the clearing tests draw theirs from a seed, these come from bytes.

/// Bytes that are read from front to end; after the end every choice is the first one.
#[derive(Clone)]
pub struct Choices {
    bytes: Vec<u8>,
    read: usize,
}

impl Choices {
    pub fn new(bytes: &[u8]) -> Self {
        Self { bytes: bytes.to_vec(), read: 0 }
    }

    /// Whether every byte was read.
    pub fn is_over(&self) -> bool {
        self.read >= self.bytes.len()
    }

    fn byte(&mut self) -> u64 {
        let byte = self.bytes.get(self.read).copied().unwrap_or(0);
        self.read += 1;
        u64::from(byte)
    }

    /// As few bytes as the bound needs, so that one byte of an input is mostly one choice.
    pub fn below(&mut self, bound: u64) -> u64 {
        let bound = bound.max(1);
        let mut drawn = 0;
        let mut largest = bound - 1;
        while largest > 0 {
            drawn = drawn << 8 | self.byte();
            largest >>= 8;
        }
        drawn % bound
    }

    /// From `low` to `high`, both included.
    pub fn between(&mut self, low: i64, high: i64) -> i64 {
        let span = high.abs_diff(low).saturating_add(1);
        low.saturating_add_unsigned(self.below(span))
    }

    pub fn chance(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }

    pub fn one_of<T: Copy>(&mut self, values: &[T]) -> T {
        let place = self.below(values.len() as u64) as usize;
        values[place]
    }
}
