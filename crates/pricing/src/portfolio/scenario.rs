//! The grid: which moves of price and volatility a portfolio must survive.

use crate::{
    elementary::{exp_scaled, ln_wide, q57_of_q80},
    fixed::{Q57, Volatility},
    scaled::Scaled,
};
use serde::{Deserialize, Serialize};

/// One, in parts per million.
pub const PPM: i64 = 1_000_000;
/// A day in milliseconds.
const DAY_MS: u64 = 86_400_000;
/// Weight × move of every tail, in parts per million.
pub const TAIL_PRODUCT_PPM: i64 = 138_600;
/// Volatility that an up-move is measured on at least.
const UP_FLOOR: Volatility = Volatility::new(400_000_000_000);

/// Where volatility goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum VolatilityMove {
    /// Up.
    Up,
    /// Nowhere.
    None,
    /// Down.
    Down,
}

/// One of the futures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Scenario {
    /// What every price moves by, in parts per million of itself.
    pub move_ppm: i64,
    /// Where volatility goes.
    pub volatility: VolatilityMove,
    /// The part of the result that counts, in parts per million.
    pub weight_ppm: i64,
}

/// How many there are.
pub const SCENARIOS: usize = 35;

const CORE_MOVES_PPM: [i64; 9] = [0, 45_000, -45_000, 90_000, -90_000, 135_000, -135_000, 180_000, -180_000];
const TAIL_MOVES_PPM: [i64; 8] = [-660_000, -330_000, 500_000, 1_000_000, 2_000_000, 3_000_000, 4_000_000, 5_000_000];

/// All of them: the core first, then the tails.
pub const GRID: [Scenario; SCENARIOS] = grid();

#[expect(clippy::arithmetic_side_effects, reason = "evaluated by the compiler, which refuses an overflow")]
const fn grid() -> [Scenario; SCENARIOS] {
    let none = Scenario { move_ppm: 0, volatility: VolatilityMove::None, weight_ppm: PPM };
    let mut grid = [none; SCENARIOS];
    let volatilities = [VolatilityMove::Up, VolatilityMove::None, VolatilityMove::Down];
    let mut index = 0;
    while index < CORE_MOVES_PPM.len() * volatilities.len() {
        grid[index].move_ppm = CORE_MOVES_PPM[index / volatilities.len()];
        grid[index].volatility = volatilities[index % volatilities.len()];
        index += 1;
    }
    let mut tail = 0;
    while tail < TAIL_MOVES_PPM.len() {
        let move_ppm = TAIL_MOVES_PPM[tail];
        // Rounded down: weight × move never exceeds the product.
        let weight_ppm = TAIL_PRODUCT_PPM * PPM / if move_ppm < 0 { -move_ppm } else { move_ppm };
        grid[index + tail] = Scenario { move_ppm, volatility: VolatilityMove::Up, weight_ppm };
        tail += 1;
    }
    grid
}

/// `ln(1 + move)` of each scenario: the same for every option.
pub(crate) const GRID_LOGS: [Q57; SCENARIOS] = {
    let (mut logs, mut place) = ([Q57::ZERO; SCENARIOS], 0usize);
    while place < SCENARIOS {
        logs[place] = log_of_move(GRID[place].move_ppm);
        place = place.wrapping_add(1);
    }
    logs
};

/// `ln(1 + move)` of a move above −100 %.
pub(crate) const fn log_of_move(move_ppm: i64) -> Q57 {
    let after = PPM.saturating_add(move_ppm);
    let after = if after < 1 { 1 } else { after.unsigned_abs() };
    let log = ln_wide(Scaled::new(after, 0)).wrapping_sub(ln_wide(Scaled::new(PPM.unsigned_abs(), 0)));
    q57_of_q80(log)
}

/// What volatility moves do at one expiry.
#[derive(Clone, Copy, Debug)]
pub struct VolatilityShock {
    /// What `max(σ, floor)` is multiplied by and added, Q32.
    up_q32: u64,
    /// What `σ` is multiplied by, Q32.
    down_q32: u64,
}

impl VolatilityShock {
    /// At `time_ms` to expiry.
    pub fn of(time_ms: u64) -> Self {
        let month = DAY_MS.wrapping_mul(30);
        let time = time_ms.max(DAY_MS);
        let ratio = ln_wide(Scaled::new(month, 0)).wrapping_sub(ln_wide(Scaled::new(time, 0)));
        let power = if time <= month { Q57::ratio(30, 100) } else { Q57::ratio(13, 100) };
        let factor = exp_scaled(q57_of_q80(ratio).saturating_mul(power)).to_binary(32) as u64;
        // The factor is at most 30^0.3 = 2.78, so down stays above 1 − 0.84.
        let down = (1u64 << 32).saturating_sub(factor.saturating_mul(3) / 10);
        Self { up_q32: factor >> 1, down_q32: down }
    }

    /// A volatility after a move.
    pub fn apply(&self, volatility: Volatility, direction: VolatilityMove) -> Volatility {
        let part =
            |of: u64, factor: u64| u64::try_from((of as u128).wrapping_mul(factor as u128) >> 32).unwrap_or(u64::MAX);
        match direction {
            VolatilityMove::None => volatility,
            VolatilityMove::Down => Volatility::new(part(volatility.get(), self.down_q32)),
            VolatilityMove::Up => {
                let rise = part(volatility.get().max(UP_FLOOR.get()), self.up_q32);
                Volatility::new(volatility.get().saturating_add(rise))
            }
        }
    }
}
