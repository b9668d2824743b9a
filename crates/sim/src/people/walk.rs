//! Prices: a walk of small steps with jumps and, seldom, a gap that leaves leveraged accounts with less than nothing. It stays
//! within a third and three times of where it began.

use crate::venue::{FIRST_PRICES_USD, WHOLE};
use palisade_types::{ids::AssetId, numbers::Price};
use rand::{RngExt as _, rngs::StdRng};

/// Parts of a USD that prices are quoted in.
const CENTS: i64 = 100;

/// The prices of all assets.
pub(super) struct Walk {
    cents: [(AssetId, i64); 2],
}

impl Walk {
    /// Where it begins.
    pub fn new() -> Self {
        Self { cents: FIRST_PRICES_USD.map(|(asset, usd)| (asset, usd * CENTS)) }
    }

    /// A second later.
    pub fn step(&mut self, random: &mut StdRng) {
        for ((_, cents), (_, home_usd)) in self.cents.iter_mut().zip(FIRST_PRICES_USD) {
            let span = match random.random_range(0..120u8) {
                0 => 300_000,
                1..=4 => 80_000,
                5..=14 => 20_000,
                _ => 4_000,
            };
            *cents += *cents * random.random_range(-span..=span) / 1_000_000;
            let home = home_usd * CENTS;
            if *cents > home * 3 || *cents < home / 3 {
                *cents += (home - *cents) / 4;
            }
        }
    }

    /// The price of an asset now.
    pub fn price(&self, asset: AssetId) -> Price {
        let cents = self.cents.iter().find(|(of, _)| *of == asset).map_or(CENTS, |(_, cents)| *cents);
        Price::new(cents * (WHOLE / CENTS))
    }

    /// What one seat says: now and then a cent more.
    pub fn quotes(&self, random: &mut StdRng) -> Vec<(AssetId, Price)> {
        let jitter = WHOLE / CENTS * i64::from(random.random_bool(0.2));
        self.cents.iter().map(|(asset, _)| (*asset, Price::new(self.price(*asset).get() + jitter))).collect()
    }
}
