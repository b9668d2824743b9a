//! The slice that is nearest to quotes: for a fixed centre and width a linear problem, for these a fixed list.

use super::{
    Quote,
    slice::{BITS, ONE, SLOPE_MAX, Slice, root, times, total_variance},
};
use crate::fixed::{Q57_BITS, Volatility};

/// Quotes of an expiry that count, at most.
const QUOTES_MAX: usize = 256;
/// Quotes from which a shape is fitted; fewer move the level.
const SHAPE_QUOTES_MIN: usize = 4;
/// Bits behind the point of distances in widths and of variances over their mean.
const Q26: u32 = 26;
const ONE_Q26: i64 = 1 << Q26;
/// Furthest quote, in widths.
const DISTANCE_MAX_Q26: i64 = 32 << Q26;
/// What flattens a shape that quotes do not determine.
const RIDGE_Q26: i128 = 1 << (Q26 - 13);
const VOLATILITY_LEAST: Volatility = Volatility::new(1_000_000_000);
const VOLATILITY_MOST: Volatility = Volatility::new(50_000_000_000_000);

/// A quote as the fit sees it: log-moneyness Q50, total variance Q50, and its part of all weights, Q26.
#[derive(Clone, Copy)]
struct Seen {
    k: i64,
    w: i64,
    weight: i64,
}

/// A slice's parameters and its weighted squared error, Q26.
struct Candidate {
    slice: Slice,
    error: i128,
}

/// What quotes ask for, given where the slice was.
pub(super) fn target(quotes: &[Quote], last: &Slice) -> Slice {
    let seen = seen(quotes, last.time_ms);
    if seen.is_empty() {
        return *last;
    }
    let mean = mean_variance(&seen, |quote| quote.w).max(1);
    if seen.len() < SHAPE_QUOTES_MIN {
        let before = mean_variance(&seen, |quote| last.at(quote.k).w).max(1);
        let factor = ((mean as i128) << BITS).checked_div(before as i128).unwrap_or(ONE as i128);
        return last.scaled(factor.clamp(ONE as i128 / 4, (ONE as i128) << 2) as i64);
    }
    let reach = root(mean).max(1 << 20);
    let mut best: Option<Candidate> = None;
    let mut consider = |centre: i64, width: i64| {
        if let Some(candidate) = solve(&seen, last.time_ms, mean, centre, width.max(1 << 18))
            && best.as_ref().is_none_or(|best| candidate.error < best.error)
        {
            best = Some(candidate);
        }
        best.as_ref().map(|best| (best.slice.centre, best.slice.width))
    };
    let mut place = None;
    for centre in [0, (reach >> 1).wrapping_neg(), reach >> 1, reach.wrapping_neg(), reach] {
        for width in [reach, reach >> 1, reach << 1, reach >> 2] {
            place = consider(centre, width);
        }
    }
    if let Some((centre, width)) = place {
        for shift in [0, (reach >> 2).wrapping_neg(), reach >> 2] {
            for width in [width, width.wrapping_sub(width >> 2), width.wrapping_add(width >> 2)] {
                consider(centre.saturating_add(shift), width);
            }
        }
    }
    best.map_or(*last, |best| best.slice)
}

/// The quotes that count, with weights that add up to at most one.
fn seen(quotes: &[Quote], time_ms: u64) -> Vec<Seen> {
    let counts = |quote: &&Quote| {
        let k = quote.log_moneyness.get().unsigned_abs();
        quote.weight > 0 && (VOLATILITY_LEAST..=VOLATILITY_MOST).contains(&quote.volatility) && k <= 4 << Q57_BITS
    };
    let kept: Vec<&Quote> = quotes.iter().filter(counts).take(QUOTES_MAX).collect();
    let all: u64 = kept.iter().map(|quote| u64::from(quote.weight)).sum();
    kept.iter()
        .map(|quote| Seen {
            k: quote.log_moneyness.get() >> (Q57_BITS - BITS),
            w: total_variance(quote.volatility, time_ms).max(1),
            weight: ((quote.weight as i64) << Q26).checked_div(all as i64).unwrap_or(0).max(1),
        })
        .collect()
}

fn mean_variance(seen: &[Seen], of: impl Fn(&Seen) -> i64) -> i64 {
    let weights: i128 = seen.iter().map(|quote| quote.weight as i128).sum();
    let sum: i128 = seen.iter().map(|quote| (of(quote) as i128).wrapping_mul(quote.weight as i128)).sum();
    sum.checked_div(weights).unwrap_or(0) as i64
}

/// Weighted sums of what is left of the means: the linear problem for level and slopes.
#[derive(Default)]
struct Moments {
    weight: i128,
    y: i128,
    r: i128,
    u: i128,
    yy: i128,
    yr: i128,
    rr: i128,
    yu: i128,
    ru: i128,
    uu: i128,
}

impl Moments {
    /// `y` distance in widths, `r` its hypotenuse, `u` variance over the mean; all Q26.
    fn add(&mut self, weight: i64, y: i64, r: i64, u: i64) {
        // y, r < 2^32 and u < 2^40: products below 2^80, weighted 2^106, and there are at most 2^8.
        let product =
            |left: i64, right: i64| ((left as i128).wrapping_mul(right as i128) >> Q26).wrapping_mul(weight as i128);
        let sums = [
            (&mut self.weight, weight as i128),
            (&mut self.y, product(y, ONE_Q26)),
            (&mut self.r, product(r, ONE_Q26)),
            (&mut self.u, product(u, ONE_Q26)),
            (&mut self.yy, product(y, y)),
            (&mut self.yr, product(y, r)),
            (&mut self.rr, product(r, r)),
            (&mut self.yu, product(y, u)),
            (&mut self.ru, product(r, u)),
            (&mut self.uu, product(u, u)),
        ];
        for (sum, more) in sums {
            *sum = sum.wrapping_add(more);
        }
    }
}

/// Level and slopes for a centre and a width.
fn solve(seen: &[Seen], time_ms: u64, mean: i64, centre: i64, width: i64) -> Option<Candidate> {
    let mut moments = Moments::default();
    let per_width = (1i128 << (BITS + Q26)).checked_div(width as i128)?;
    let per_mean = (1i128 << (BITS + Q26)).checked_div(mean as i128)?;
    let mut count = 0usize;
    for quote in seen {
        let y = ((quote.k.saturating_sub(centre) as i128).wrapping_mul(per_width) >> BITS) as i64;
        if y.saturating_abs() > DISTANCE_MAX_Q26 {
            continue;
        }
        // y² + 1 is below 2^63 in Q52.
        let r = (y.wrapping_mul(y).wrapping_add(1 << (2 * Q26)) as u64).isqrt() as i64;
        let u = (quote.w as i128).wrapping_mul(per_mean) >> BITS;
        moments.add(quote.weight, y, r, u.min(1 << 40) as i64);
        count = count.saturating_add(1);
    }
    if count < SHAPE_QUOTES_MIN || moments.weight == 0 {
        return None;
    }
    let over = |sum: i128| sum.checked_div(moments.weight).unwrap_or(0);
    let (y, r, u) = (over(moments.y), over(moments.r), over(moments.u));
    let product = |left: i128, right: i128| left.wrapping_mul(right) >> Q26;
    let spread = |sum: i128, left: i128, right: i128| over(sum).wrapping_sub(product(left, right));
    let (yy, yr, rr) = (spread(moments.yy, y, y), spread(moments.yr, y, r), spread(moments.rr, r, r));
    let (yu, ru, uu) = (spread(moments.yu, y, u), spread(moments.ru, r, u), spread(moments.uu, u, u));
    let (yy_held, rr_held) = (yy.wrapping_add(RIDGE_Q26), rr.wrapping_add(RIDGE_Q26));
    // Moments are below 2^10 × 2^26, those with u below 2^19 × 2^26: products below 2^82, shifted below 2^108.
    let determinant = yy_held.wrapping_mul(rr_held).wrapping_sub(yr.wrapping_mul(yr)).max(1);
    let solved = |numerator: i128| (numerator << Q26).checked_div(determinant).unwrap_or(0).clamp(-(1 << 40), 1 << 40);
    let tilt = solved(yu.wrapping_mul(rr_held).wrapping_sub(ru.wrapping_mul(yr)));
    let bend = solved(ru.wrapping_mul(yy_held).wrapping_sub(yu.wrapping_mul(yr)));
    // Both slopes at least flat and at most the bound.
    let steepest = (SLOPE_MAX as i128).wrapping_mul(width as i128).checked_div(mean as i128)? >> (BITS - Q26);
    let bend = bend.clamp(0, steepest >> 1);
    let tilt = tilt.clamp(bend.wrapping_neg(), bend);
    let level = u.wrapping_sub(product(tilt, y)).wrapping_sub(product(bend, r));
    let error = uu
        .wrapping_sub(product(tilt, yu).wrapping_mul(2))
        .wrapping_sub(product(bend, ru).wrapping_mul(2))
        .wrapping_add(product(product(tilt, tilt), yy))
        .wrapping_add(product(product(tilt, bend), yr).wrapping_mul(2))
        .wrapping_add(product(product(bend, bend), rr));
    let slope =
        |part: i128| (part.wrapping_mul(mean as i128).checked_div(width as i128).unwrap_or(0) << (BITS - Q26)) as i64;
    let level = (level.wrapping_mul(mean as i128) >> Q26) as i64;
    let (left, right) = (slope(bend.wrapping_sub(tilt)), slope(bend.wrapping_add(tilt)));
    let slice =
        Slice { time_ms, level, left: left.clamp(0, SLOPE_MAX), right: right.clamp(0, SLOPE_MAX), centre, width };
    Some(Candidate { slice: lifted(slice, mean), error })
}

/// The slice, its lowest point at least a 64th of the mean variance.
fn lifted(slice: Slice, mean: i64) -> Slice {
    // The lowest variance is level + width × √(left × right).
    let lowest = slice.level.saturating_add(times(slice.width, root(times(slice.left, slice.right))));
    let missing = (mean >> 6).max(1).saturating_sub(lowest).max(0);
    Slice { level: slice.level.saturating_add(missing), ..slice }
}
