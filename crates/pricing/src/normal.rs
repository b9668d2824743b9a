//! The normal distribution. Every probability goes through the scaled tail `T(z) = Φ(−z) e^(z²/2)`, which is smooth and
//! never small, so a tail probability is as precise, relative to itself, as one near the middle.

use crate::{
    elementary::{exp_of_minus, multiply},
    fixed::{FIXED_ONE, Fixed, Q57, Q57_BITS},
    scaled::Scaled,
    tables::{INVERSE_ROOT_TWO_PI_Q64, SCALED_TAIL},
};

/// From here on a tail is nothing and the other side one: `Φ(−32) < 1e-224`.
pub const DEVIATIONS_MAX: Q57 = Q57::new(32 << Q57_BITS);

/// `T(z)` for `z` in [0, 32): Q63, within 2^-60.
#[inline]
pub(crate) fn scaled_tail(z: u64) -> i64 {
    // Below 2 a piece is 1/16 wide; in each further octave twice as wide.
    let octave = (64u32.wrapping_sub(z.leading_zeros())).saturating_sub(Q57_BITS + 1);
    let width_bits = octave.wrapping_add(Q57_BITS - 4);
    let piece = &SCALED_TAIL[(16u32.wrapping_mul(octave) as usize).wrapping_add((z >> width_bits) as usize)];
    let offset = z & (1u64 << width_bits).wrapping_sub(1);
    // From −1 to 1 over the piece, Q63: the offset loses its lowest bits to nothing, since it has at most 57.
    let t = (offset << 64u32.wrapping_sub(width_bits)).wrapping_sub(1 << 63) as i64;
    // Coefficients are Q63 and add up to less than ½, so no partial sum leaves 64 bits.
    piece.iter().rev().fold(0, |sum, coefficient| coefficient.wrapping_add(multiply(sum, t, 63)))
}

/// `e^(−z²/2)`; 32 and beyond give nothing.
#[inline]
pub(crate) fn bell(z: Q57) -> Scaled {
    let size = z.get().unsigned_abs();
    if size >= DEVIATIONS_MAX.get().unsigned_abs() {
        return Scaled::ZERO;
    }
    exp_of_minus((size as u128).wrapping_mul(size as u128) >> 1)
}

/// `Φ(−|z|)`.
pub fn normal_tail(z: Q57) -> Scaled {
    let bell = bell(z);
    if bell.is_zero() {
        return Scaled::ZERO;
    }
    bell.times(Scaled::new(scaled_tail(z.get().unsigned_abs()).unsigned_abs(), -63))
}

/// `Φ(z)`, the probability of at most `z` standard deviations: within 1e-18.
pub fn normal_cdf(z: Q57) -> Fixed {
    let tail = normal_tail(z).to_fixed().unwrap_or(Fixed::ZERO).get();
    Fixed::new(if z.get() <= 0 { tail } else { FIXED_ONE.wrapping_sub(tail) })
}

/// `e^(−z²/2) / √(2π)`: within 1e-18.
pub fn normal_density(z: Q57) -> Fixed {
    density_of_bell(bell(z)).to_fixed().unwrap_or(Fixed::ZERO)
}

/// The density where the bell is known.
#[inline]
pub(crate) fn density_of_bell(bell: Scaled) -> Scaled {
    bell.times(Scaled::new(INVERSE_ROOT_TWO_PI_Q64, -64))
}

#[cfg(test)]
#[path = "normal_tests.rs"]
mod tests;
