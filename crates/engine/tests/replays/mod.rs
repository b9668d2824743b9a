//! Attacks that other venues suffered, replayed against the engine: each test says what was done there, does it here, asserts
//! what must hold, and prints what the attackers came out with. All invariants of the clearing tests (I1 to I8, liquidation
//! boxes) are checked after every block. They are a part of the clearing tests' binary.

mod crowds;
mod dust;
mod funding;
mod grind;
mod options;
mod squeezes;
mod table;
mod vaults;

use crate::say;

/// Says what attackers came out with, and refuses more than `most`.
pub fn verdict(scenario: &str, profit: i128, most: i128) {
    say(&format!(
        "scenario {scenario}: attacker profit {} USD (at most {})",
        table::dollars(profit),
        table::dollars(most)
    ));
    assert!(profit <= most, "scenario {scenario}: the attackers made {}", table::dollars(profit));
}

/// Plants the fault that the environment names, if it names one.
fn plant() {
    crate::planted();
}
