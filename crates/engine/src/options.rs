//! Options: what they are worth, what they need and what they pay. Rules page: `docs/rules/options.md`.
//!
//! An option is European, settled in USD, and **paid for when it is traded**: the premium moves from buyer to seller through the
//! market's clearing account, which it leaves as it found it. So a position in an option has no cost, the whole of its mark is
//! equity (negative for a short), and clearing holds nothing until the option is delivered. All that works on positions and quotes
//! (takeovers, deleveraging, delivery) works on options unchanged.
//!
//! - [`forward`]: the price for delivery at an expiry;
//! - [`surface`]: volatilities from the books, and so the marks;
//! - [`strikes`]: which strikes are listed;
//! - [`margin`]: what an account's options need;
//! - [`portfolio`]: what they need together with what they are on, in portfolio mode;
//! - [`fees`]: what a fill costs.
//!
//! Invariants: a premium is paid in cash that clearing has received (I4); per option positions sum to zero, and what
//! is paid at delivery sums to zero but for rounding, which the fund gets (I2).

pub(crate) mod fees;
pub(crate) mod forward;
pub(crate) mod margin;
pub(crate) mod portfolio;
pub(crate) mod strikes;
pub(crate) mod surface;

use palisade_types::{
    market::{OptionContract, OptionKind},
    numbers::Price,
};

/// At which of its two prices something is looked at: where cash leaves, the slow one counts if it is worse.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pace {
    /// Mark and forward.
    Now,
    /// Slow mark and slow forward.
    Slow,
}

impl Pace {
    /// The one of both.
    pub(crate) const fn of(self, now: Price, slow: Price) -> Price {
        match self {
            Self::Now => now,
            Self::Slow => slow,
        }
    }
}

/// What a unit pays if the expiry settles at `settled`.
pub fn intrinsic(contract: &OptionContract, settled: Price) -> Price {
    let gain = match contract.right {
        OptionKind::Call => settled.get().saturating_sub(contract.strike.get()),
        OptionKind::Put => contract.strike.get().saturating_sub(settled.get()),
    };
    Price::new(gain.max(0))
}
