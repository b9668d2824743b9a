//! The one place where a clock becomes a number.

use commonware_runtime::Clock;
use palisade_types::time::TimeMs;
use std::time::SystemTime;

/// What a node takes for the time: the runtime's clock, set back by as much as its operator says. A devnet that plays another
/// hour of the day sets it back; all seats of a chain must agree on it, within what block times allow.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct NodeClock {
    behind_ms: u64,
}

impl NodeClock {
    /// A clock that is so far behind the runtime's.
    pub const fn behind(behind_ms: u64) -> Self {
        Self { behind_ms }
    }

    /// The time in milliseconds since 1970; whatever is before reads as 1970.
    pub fn now_ms(self, runtime: &impl Clock) -> TimeMs {
        let elapsed = runtime.current().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        TimeMs::new(u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX)).saturating_sub(self.behind_ms)
    }
}
