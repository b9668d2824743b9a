//! A world of prices that no one has to record: a bounded walk around an anchor per asset, seen by several venues.
//!
//! A path is the sum of octaves of value noise: octave k interpolates between pseudo-random levels that lie 4^k seconds
//! apart and are 2^k times as high, which is how the moves of a random walk grow with time. Any moment can be asked for
//! without the moments before it, in integers, so every seat computes the very same path from the seed and the clock.

use crate::price::quote::Quote;
use palisade_types::{hash::sha256, ids::AssetId, limits::ORACLE_ROUND_MS, numbers::Price, time::TimeMs};
use std::collections::BTreeMap;

/// How many venues quote every asset.
pub const VENUES: u64 = 5;
/// Octaves of 1 s, 4 s, 16 s … about three days.
const OCTAVES: u32 = 10;
/// Height of the first octave, in millionths of the price: about what bitcoin moves in a second.
const FIRST_OCTAVE_PPM: i128 = 40;
/// A venue's mid lies at most this far from the path, in millionths.
const VENUE_NOISE_PPM: i128 = 20;
/// Half of a venue's spread, in millionths.
const HALF_SPREAD_PPM: i128 = 25;
const MILLION: i128 = 1_000_000;

/// See the module.
#[derive(Clone, Debug)]
pub struct SyntheticWorld {
    seed: u64,
    anchors: BTreeMap<AssetId, Price>,
}

impl SyntheticWorld {
    /// A world in which the assets of `anchors` cost about that much.
    pub const fn new(seed: u64, anchors: BTreeMap<AssetId, Price>) -> Self {
        Self { seed, anchors }
    }

    /// What the venues show in the oracle round of `now`; nothing for an asset without an anchor.
    pub fn quotes(&self, asset: AssetId, now: TimeMs) -> Vec<Quote> {
        let Some(anchor) = self.anchors.get(&asset) else { return Vec::new() };
        let second = now.get() / ORACLE_ROUND_MS;
        let moved = scaled(*anchor, self.path_ppm(asset, second));
        let time_ms = TimeMs::new(second.saturating_mul(ORACLE_ROUND_MS));
        (0..VENUES)
            .map(|venue| {
                let noise = self.noise(b"venue", asset, venue, second) * VENUE_NOISE_PPM / MILLION;
                let mid = scaled(moved, noise);
                Quote { bid: scaled(mid, -HALF_SPREAD_PPM), ask: scaled(mid, HALF_SPREAD_PPM), time_ms }
            })
            .collect()
    }

    /// How far the path lies from the anchor, in millionths.
    fn path_ppm(&self, asset: AssetId, second: u64) -> i128 {
        (0..OCTAVES)
            .map(|octave| {
                let period_s = 4u64.saturating_pow(octave);
                let (step, into) = (second / period_s, i128::from(second % period_s));
                let left = self.noise(b"path", asset, u64::from(octave), step);
                let right = self.noise(b"path", asset, u64::from(octave), step.saturating_add(1));
                let level = left + (right - left) * into / i128::from(period_s);
                level * (FIRST_OCTAVE_PPM << octave) / MILLION
            })
            .sum()
    }

    /// A pseudo-random number from -1,000,000 to 1,000,000.
    fn noise(&self, purpose: &[u8], asset: AssetId, track: u64, step: u64) -> i128 {
        let digest = sha256(&[
            b"palisade/synthetic-price/",
            purpose,
            &self.seed.to_be_bytes(),
            &asset.get().to_be_bytes(),
            &track.to_be_bytes(),
            &step.to_be_bytes(),
        ]);
        let number = digest.iter().take(8).fold(0i128, |number, byte| (number << 8) | i128::from(*byte));
        number % (2 * MILLION + 1) - MILLION
    }
}

/// `price × (1 + ppm / 1,000,000)`, rounded down, at least the smallest price.
fn scaled(price: Price, ppm: i128) -> Price {
    let value = (i128::from(price.get()) * (MILLION + ppm)).div_euclid(MILLION).clamp(1, i128::from(i64::MAX));
    Price::new(i64::try_from(value).expect("clamped into the range of i64"))
}

#[cfg(test)]
#[path = "synthetic_tests.rs"]
mod tests;
