//! The wall clock, read in one place.

use palisade_types::time::TimeMs;
use std::time::{SystemTime, UNIX_EPOCH};

/// Milliseconds since 1970 by this machine's clock; 1970 itself on a machine whose clock is set before it.
pub fn now() -> TimeMs {
    let elapsed_ms =
        SystemTime::now().duration_since(UNIX_EPOCH).map(|elapsed| elapsed.as_millis()).unwrap_or_default();
    TimeMs::new(u64::try_from(elapsed_ms).unwrap_or(u64::MAX))
}
