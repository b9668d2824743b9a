//! The index of the month. The chains' index, about every six hours for five and three quarter days, is stretched over the month:
//! it meets each of the 24 real values at its time, four and a half times later than they were seen. Between two it is a Brownian
//! bridge whose volatility is what the chain's options at the money say, correlated by 0.8; between two points of the bridge, a line.

use crate::{
    DAY_MS, DAYS, FIRST_EXPIRY_MS,
    chains::{SYMBOLS, Snapshot},
    replay::Draw,
};

/// The run begins with the first day's trading.
pub const START_MS: u64 = FIRST_EXPIRY_MS + crate::OPENING_MS - DAY_MS;
const END_MS: u64 = FIRST_EXPIRY_MS + (DAYS - 1) * DAY_MS;
/// Points of a bridge between two chains.
const POINTS: usize = 300;
const CORRELATION: f64 = 0.8;
const YEAR_MS: f64 = 365.0 * DAY_MS as f64;

pub struct Path {
    pub snapshots: Vec<Snapshot>,
    /// By underlying: ln of the index at equal distances.
    logs: [Vec<f64>; 2],
}

/// Box and Muller.
fn normal(draw: &mut Draw) -> f64 {
    (-2.0 * (1.0 - draw.unit()).ln()).sqrt() * (std::f64::consts::TAU * draw.unit()).cos()
}

impl Path {
    pub fn new(snapshots: Vec<Snapshot>, seed: u64) -> Self {
        let mut draw = Draw(seed);
        let mut logs = [Vec::new(), Vec::new()];
        let interval_years = (END_MS - START_MS) as f64 / (snapshots.len() - 1) as f64 / YEAR_MS;
        for pair in snapshots.windows(2) {
            let mut walks = [vec![0.0], vec![0.0]];
            for _ in 0..POINTS {
                let common = normal(&mut draw);
                let other = CORRELATION * common + (1.0 - CORRELATION * CORRELATION).sqrt() * normal(&mut draw);
                for (walk, step) in walks.iter_mut().zip([common, other]) {
                    walk.push(walk[walk.len() - 1] + step);
                }
            }
            for (place, walk) in walks.iter().enumerate() {
                let (from, to) = (pair[0][place].index.ln(), pair[1][place].index.ln());
                let step = pair[0][place].volatility(1.0 / 365.0, 0.0) * (interval_years / POINTS as f64).sqrt();
                let line = |point: usize| point as f64 / POINTS as f64;
                let at =
                    |point: usize| from + (to - from) * line(point) + step * (walk[point] - walk[POINTS] * line(point));
                logs[place].extend((0..POINTS).map(at));
            }
        }
        for (place, list) in logs.iter_mut().enumerate() {
            list.push(snapshots[snapshots.len() - 1][place].index.ln());
        }
        Self { snapshots, logs }
    }

    /// How far the month has gone, in parts of `parts`.
    fn place(time_ms: u64, parts: usize) -> (usize, f64) {
        let along = time_ms.saturating_sub(START_MS).min(END_MS - START_MS) as f64 / (END_MS - START_MS) as f64;
        let place = along * parts as f64;
        let whole = (place.floor() as usize).min(parts - 1);
        (whole, place - whole as f64)
    }

    /// Index of each underlying, in 1e-8 USD.
    pub fn prices(&self, time_ms: u64) -> [i64; SYMBOLS.len()] {
        [0, 1].map(|underlying: usize| {
            let logs = &self.logs[underlying];
            let (place, along) = Self::place(time_ms, logs.len() - 1);
            ((logs[place] + (logs[place + 1] - logs[place]) * along).exp() * 1e8).round() as i64
        })
    }

    /// What the last chain before the time says.
    pub fn volatility(&self, underlying: usize, time_ms: u64, years: f64, log_strike: f64) -> f64 {
        let (place, _) = Self::place(time_ms, self.snapshots.len() - 1);
        self.snapshots[place][underlying].volatility(years, log_strike)
    }
}
