//! The few operations that the auditor calculates with. Amounts of a simulated venue keep every product far below 2^127; a
//! sum that would not is a panic, which the simulation reports.

/// One, in parts per million.
pub(super) const MILLION: i128 = 1_000_000;

/// `value / divisor`, rounded down; the divisor is positive.
pub(super) const fn floor(value: i128, divisor: i128) -> i128 {
    value.div_euclid(divisor)
}

/// `value / divisor`, rounded up; the divisor is positive.
pub(super) const fn ceil(value: i128, divisor: i128) -> i128 {
    -(-value).div_euclid(divisor)
}

/// A part in parts per million, rounded up.
pub(super) const fn part_up(value: i128, rate: i128) -> i128 {
    ceil(value * rate, MILLION)
}

/// A part in parts per million, rounded down.
pub(super) const fn part_down(value: i128, rate: i128) -> i128 {
    floor(value * rate, MILLION)
}

/// Ten to the power of `decimals`.
pub(super) const fn power_of_ten(decimals: u8) -> i128 {
    10i128.pow(decimals as u32)
}
