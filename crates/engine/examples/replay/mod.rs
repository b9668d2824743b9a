//! What the replays of real days share: blocks of really signed actions on an engine, a seeded draw, sums of money as text.

mod chain;
mod draw;

pub use chain::{Chain, key, seats};
pub use draw::Draw;

/// 1e-8 USD in a USD.
pub const DOLLAR: i128 = 100_000_000;

/// Whole USD, thousands apart.
pub fn dollars(units: i128) -> String {
    let whole = units / DOLLAR;
    let text = whole.unsigned_abs().to_string();
    let mut grouped = String::new();
    for (place, digit) in text.chars().enumerate() {
        if place > 0 && (text.len() - place).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    if whole < 0 { format!("−{grouped}") } else { grouped }
}
