//! A new surface: as near to the quotes as band and absence of arbitrage let it.

use super::{
    Quote,
    fit::target,
    slice::{BITS, ONE, STEP_BITS, Slice, root, times},
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
/// The part of an earlier expiry's variance that a slice which moves must leave between, so that ageing makes none touch.
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

/// What bounds a slice from one side: variances, how they rise, and the slopes of both wings.
struct Neighbour {
    variances: Variances,
    slopes: Variances,
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
        let points = GRID.map(|k| slice.at(k));
        Self {
            variances: points.each_ref().map(|point| point.w),
            slopes: points.each_ref().map(|point| point.slope),
            left: slice.left,
            right: slice.right,
        }
    }
}

/// What two slices have between two points of the grid, from the lower strike to the higher: `reach` apart, the earlier expiry's
/// variances, and the later one's with its slopes.
struct Span {
    reach: i64,
    earlier: [i64; 2],
    later: [(i64, i64); 2],
}

impl Span {
    /// Whether the later variance cannot be below the earlier one anywhere between, if it is not at the ends. Both are convex: the earlier
    /// is not above its chord, the later not below its tangents at the ends. With `a` and `b`, what the tangents fall short of
    /// the chord by at the other end, and `d` and `e`, what lies between the two at the ends, the tangents meet above the chord
    /// exactly if `d / a + e / b >= 1`.
    fn is_apart(&self) -> bool {
        let rise = self.earlier[1].saturating_sub(self.earlier[0]);
        let [(low, low_slope), (high, high_slope)] = self.later;
        let short_of_high = rise.saturating_sub(times(low_slope, self.reach)) as i128;
        let short_of_low = times(high_slope, self.reach).saturating_sub(rise) as i128;
        if short_of_high <= 0 || short_of_low <= 0 {
            return true;
        }
        let at_low = low.saturating_sub(self.earlier[0]) as i128;
        let at_high = high.saturating_sub(self.earlier[1]) as i128;
        // Each is below 2^63 and not below zero, so products are below 2^126.
        let tangents = at_low.wrapping_mul(short_of_low).saturating_add(at_high.wrapping_mul(short_of_high));
        tangents >= short_of_high.wrapping_mul(short_of_low)
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
        let base = known.unwrap_or_else(|| match (before, after) {
            (Some(before), _) => Slice::flat(before.volatility(Q57::ZERO), expiry.time_ms),
            // Total variance is a part of the next expiry's, everywhere: neither a calendar nor, as in ageing, a butterfly.
            (None, Some(after)) => after.aged(expiry.time_ms),
            (None, None) => Slice::flat(terms.default, expiry.time_ms),
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
        // The points before this one on its side of the money: of places 1 and 2 it is place 0, of others two places back.
        let mut passed = [(0, 0); 2];
        GRID.iter().enumerate().all(|(place, k)| {
            let point = slice.at(*k);
            let inner = place.saturating_sub(2);
            let from = if place < 2 { passed[1] } else { passed[0] };
            passed = [if place == 0 { (point.w, point.slope) } else { passed[1] }, (point.w, point.slope)];
            // What stays as it was passed when it moved there.
            let is_checked = place > 0 && (strictness == Strictness::Moved || self.last.is_none());
            if is_checked && !self.is_apart_between([inner, place], [from, (point.w, point.slope)]) {
                return false;
            }
            let of = |bound: &Option<Neighbour>| bound.as_ref().map(|bound| bound.variances[place]);
            of(&self.before).is_none_or(|w| point.w >= apart(w))
                && of(&self.after).is_none_or(|w| apart(point.w) <= w)
                && point.butterfly(*k) >= butterfly_least
                && self.within_band(slice, *k, point.w, place)
        })
    }

    /// Whether calendars hold between two neighbouring places of the grid, at which the slice has these variances and slopes.
    fn is_apart_between(&self, places: [usize; 2], points: [(i64, i64); 2]) -> bool {
        let [inner, outer] = places;
        let is_upwards = GRID[outer] > GRID[inner];
        let ordered = |pair: [(i64, i64); 2]| if is_upwards { pair } else { [pair[1], pair[0]] };
        let own = ordered(points);
        let reach = GRID[outer].saturating_sub(GRID[inner]).saturating_abs();
        let of = |bound: &Neighbour| {
            ordered([(bound.variances[inner], bound.slopes[inner]), (bound.variances[outer], bound.slopes[outer])])
        };
        let variances = |pair: [(i64, i64); 2]| pair.map(|(w, _)| w);
        let above_earlier = |before: &Neighbour| Span { reach, earlier: variances(of(before)), later: own }.is_apart();
        let below_later = |after: &Neighbour| Span { reach, earlier: variances(own), later: of(after) }.is_apart();
        self.before.as_ref().is_none_or(above_earlier) && self.after.as_ref().is_none_or(below_later)
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
