//! Who trades: accounts drawn from a seed.
//!
//! Equity is log-uniform from 100 to 50,000 USD; one account in a hundred has twenty times as much. Leverage: 40 % of accounts
//! 2 to 5 times, 30 % 5 to 10, 20 % 10 to 20, 10 % 20 to 40, each at most what the market allows and used to 85 %. 70 % are
//! long. 60 % of accounts trade in `core`, 30 % in `alts`, 10 % in `memes`, one market each; every sixth is isolated.

use crate::{market::MARKETS, replay::Draw};

/// Accounts drawn.
pub const PEOPLE: usize = 2_400;

/// An account.
#[derive(Clone, Debug)]
pub struct Person {
    pub number: usize,
    pub market: usize,
    pub is_long: bool,
    pub leverage: u32,
    pub is_isolated: bool,
    pub equity_usd: i128,
}

pub fn make(seed: u64) -> Vec<Person> {
    let mut draw = Draw(seed);
    (0..PEOPLE)
        .map(|number| {
            let universe = match draw.below(10) {
                0..=5 => 0,
                6..=8 => 1,
                _ => 2,
            };
            let markets: Vec<usize> = (0..MARKETS.len()).filter(|place| MARKETS[*place].universe == universe).collect();
            let market = markets[draw.below(markets.len() as u64) as usize];
            let (low, high) = match draw.below(10) {
                0..=3 => (2, 5),
                4..=6 => (5, 10),
                7..=8 => (10, 20),
                _ => (20, 40),
            };
            let leverage = (low + draw.below(u64::from(high - low + 1)) as u32).min(MARKETS[market].maximum_leverage);
            let whale = if draw.below(100) == 0 { 20.0 } else { 1.0 };
            let equity = 100.0 * (500f64).powf(draw.unit()) * whale;
            Person {
                number,
                market,
                is_long: draw.below(10) < 7,
                leverage,
                is_isolated: draw.below(6) == 0,
                equity_usd: equity as i128,
            }
        })
        .collect()
}
