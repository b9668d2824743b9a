//! A new surface: as near to the quotes as band and absence of arbitrage let it.

use super::{
    Quote,
    fit::target,
    slice::{BITS, ONE, STEP_BITS, Slice, root},
};
use crate::{
    error::PricingError,
    fixed::{Q57, Q57_BITS, Volatility},
};

/// Expiries of an underlying at most.
pub const EXPIRIES_MAX: usize = 64;
/// Points of the grid on each side of the money.
const SIDE: usize = 46;
/// Points of the grid.
const POINTS: usize = 2 * SIDE + 1;
/// Parts of the way from the last slice to the target: many, so that a target far away is approached at the band's pace.
const STEPS: i64 = 1 << STEP_BITS;

/// What ageing may round: a slice that passed still passes as it gets older.
const ROUNDING: i64 = 64;
/// The same for the density, whose formula divides by variances.
const BUTTERFLY_KEPT: i128 = -(1 << 20);
/// What a slice that moves must have, so that nothing is negative between the points of the grid.
const BUTTERFLY_MOVED: i128 = (ONE / 64) as i128;
/// The part of an earlier expiry's variance that a slice which moves must leave between, for what lies between the points.
const CALENDAR_BITS: u32 = 7;

/// What a slice must keep.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Strictness {
    /// One that stays as it is, but for rounding.
    Kept,
    /// One that moves.
    Moved,
}

/// How a surface may move.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SurfaceTerms {
    /// Most that a volatility may move by in one refit.
    pub band: Volatility,
    /// The volatility where nothing is known.
    pub default: Volatility,
}

/// One expiry: where it was and what is quoted.
#[derive(Clone, Copy, Debug)]
pub struct ExpiryQuotes<'a> {
    /// Milliseconds to expiry now.
    pub time_ms: u64,
    /// The slice of the last surface.
    pub last: Option<Slice>,
    /// The quotes.
    pub quotes: &'a [Quote],
}

/// Total variances on the grid.
type Variances = [i64; POINTS];

/// What bounds a slice from one side: variances and both slopes.
struct Neighbour {
    variances: Variances,
    left: i64,
    right: i64,
}

/// `k` of the grid: zero, then pairs of ± 0.001 × 1.2^j.
const GRID: [i64; POINTS] = grid();

#[expect(clippy::arithmetic_side_effects, reason = "evaluated by the compiler, which refuses an overflow")]
const fn grid() -> [i64; POINTS] {
    let mut grid = [0; POINTS];
    let (mut index, mut k) = (0, ONE / 1000);
    while index < SIDE {
        grid[2 * index + 1] = k;
        grid[2 * index + 2] = -k;
        k += k / 5;
        index += 1;
    }
    grid
}

impl Neighbour {
    fn of(slice: &Slice) -> Self {
        Self { variances: GRID.map(|k| slice.at(k).w), left: slice.left, right: slice.right }
    }
}

/// The slices of a new surface, one for each expiry; expiries come in order of time.
pub fn refit(expiries: &[ExpiryQuotes<'_>], terms: &SurfaceTerms) -> Result<Vec<Slice>, PricingError> {
    if expiries.len() > EXPIRIES_MAX {
        return Err(PricingError::OutOfRange { what: "the number of expiries" });
    }
    if !expiries.is_sorted_by(|earlier, later| earlier.time_ms < later.time_ms) {
        return Err(PricingError::OutOfRange { what: "the order of expiries" });
    }
    let last: Vec<Option<Slice>> =
        expiries.iter().map(|expiry| expiry.last.map(|slice| slice.aged(expiry.time_ms))).collect();
    let mut slices: Vec<Slice> = Vec::with_capacity(expiries.len());
    for (place, expiry) in expiries.iter().enumerate() {
        let before = slices.last().copied();
        let known = last.get(place).copied().flatten();
        let after = last.iter().skip(place.saturating_add(1)).flatten().next();
        let base = known.unwrap_or_else(|| {
            let volatility = before.map_or(terms.default, |slice| slice.volatility(Q57::ZERO));
            Slice::flat(volatility, expiry.time_ms)
        });
        let bounds = Bounds {
            last: known.map(|slice| Neighbour::of(&slice)),
            band: terms.band,
            before: before.map(|slice| Neighbour::of(&slice)),
            after: after.map(Neighbour::of),
        };
        slices.push(
            bounds
                .furthest(&base, &target(expiry.quotes, &base))
                .or(before)
                .map_or(base, |slice| Slice { time_ms: expiry.time_ms, ..slice }),
        );
    }
    Ok(slices)
}

/// What a slice must respect.
struct Bounds {
    last: Option<Neighbour>,
    band: Volatility,
    before: Option<Neighbour>,
    after: Option<Neighbour>,
}

impl Bounds {
    /// The slice nearest to the target on the line from `base` that passes, if any does.
    fn furthest(&self, base: &Slice, target: &Slice) -> Option<Slice> {
        if self.passes(target, Strictness::Moved) {
            return Some(*target);
        }
        if !self.passes(base, Strictness::Kept) {
            return None;
        }
        let (mut low, mut high) = (0, STEPS);
        let mut best = *base;
        while high.saturating_sub(low) > 1 {
            let middle = low.saturating_add(high) >> 1;
            let slice = base.towards(target, middle);
            if self.passes(&slice, Strictness::Moved) {
                (low, best) = (middle, slice);
            } else {
                high = middle;
            }
        }
        Some(best)
    }

    fn passes(&self, slice: &Slice, strictness: Strictness) -> bool {
        let butterfly_least = if strictness == Strictness::Moved { BUTTERFLY_MOVED } else { BUTTERFLY_KEPT };
        // The earlier of two variances, with what must lie between them.
        let apart = |w: i64| match strictness {
            Strictness::Moved => w.saturating_add(w >> CALENDAR_BITS),
            Strictness::Kept => w.saturating_sub(ROUNDING),
        };
        let below = |bound: &Option<Neighbour>| {
            bound.as_ref().is_none_or(|b| {
                slice.left >= b.left.saturating_sub(ROUNDING) && slice.right >= b.right.saturating_sub(ROUNDING)
            })
        };
        let above = |bound: &Option<Neighbour>| {
            bound.as_ref().is_none_or(|b| {
                slice.left <= b.left.saturating_add(ROUNDING) && slice.right <= b.right.saturating_add(ROUNDING)
            })
        };
        if !below(&self.before) || !above(&self.after) {
            return false;
        }
        GRID.iter().enumerate().all(|(place, k)| {
            let point = slice.at(*k);
            let of = |bound: &Option<Neighbour>| bound.as_ref().map(|bound| bound.variances[place]);
            of(&self.before).is_none_or(|w| point.w >= apart(w))
                && of(&self.after).is_none_or(|w| apart(point.w) <= w)
                && point.butterfly(*k) >= butterfly_least
                && self.within_band(slice, *k, point.w, place)
        })
    }

    /// `|σ − σ_last| ≤ band` within five standard deviations: with `w` for `σ² τ`, `|√w − √w_last| ≤ band √τ`.
    fn within_band(&self, slice: &Slice, k: i64, w: i64, place: usize) -> bool {
        let Some(last) = &self.last else { return true };
        let reach = root(last.variances[0].max(0)).saturating_mul(5).saturating_add(ONE / 100);
        if k.saturating_abs() > reach {
            return true;
        }
        let total = crate::black::total_volatility(self.band, crate::black::root_years(slice.time_ms));
        let most = total.get() >> (Q57_BITS - BITS);
        let moved = root(w.max(0)).saturating_sub(root(last.variances[place].max(0)));
        moved.saturating_abs() <= most.max(1)
    }
}
