//! The one place where a clock becomes a number.

use commonware_runtime::Clock;
use palisade_types::time::TimeMs;
use std::time::SystemTime;

/// The runtime's time in milliseconds since 1970; a clock before 1970 reads as 1970.
pub fn now_ms(clock: &impl Clock) -> TimeMs {
    let elapsed = clock.current().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    TimeMs::new(u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX))
}
