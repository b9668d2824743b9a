//! Exact conversion between decimal text and scaled integers; no floating point anywhere.

use std::fmt;

/// A text that is not an exact decimal number of the wanted scale.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DecimalError {
    /// Not of the form `-?digits(.digits)?`; exponents, signs other than a leading minus, blanks, NaN and infinities are refused.
    #[error("{text:?} is not a decimal number: write digits, optionally a point and digits")]
    Malformed {
        /// The text, cut to 40 characters.
        text: String,
    },
    /// More digits after the point than the scale holds.
    #[error("{text:?} has more than {decimals} decimals")]
    TooPrecise {
        /// The text, cut to 40 characters.
        text: String,
        /// Decimals that fit.
        decimals: u8,
    },
    /// Out of the range of the target number.
    #[error("{text:?} is out of range")]
    OutOfRange {
        /// The text, cut to 40 characters.
        text: String,
    },
}

/// Longest text that is read as a number: an i128 has 39 digits.
const TEXT_BYTES_MAX: usize = 64;

/// Parses `text` as a number scaled by `10^decimals`, exactly: trailing zeros past the scale are
/// accepted, any other digit there is refused.
pub fn parse_scaled(text: &str, decimals: u8) -> Result<i128, DecimalError> {
    let cut = || text.chars().take(40).collect::<String>();
    let malformed = || DecimalError::Malformed { text: cut() };
    if text.len() > TEXT_BYTES_MAX {
        return Err(malformed());
    }
    let (negative, magnitude) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    let (whole, fraction) = match magnitude.split_once('.') {
        Some((whole, fraction)) if !fraction.is_empty() => (whole, fraction),
        Some(_) => return Err(malformed()),
        None => (magnitude, ""),
    };
    let digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || !digits(whole) || !digits(fraction) {
        return Err(malformed());
    }
    let significant = fraction.trim_end_matches('0');
    if significant.len() > usize::from(decimals) {
        return Err(DecimalError::TooPrecise { text: cut(), decimals });
    }
    let mut value: i128 = 0;
    let padding = usize::from(decimals).saturating_sub(significant.len());
    for digit in whole.bytes().chain(significant.bytes()).chain(std::iter::repeat_n(b'0', padding)) {
        let unit = i128::from(digit.saturating_sub(b'0'));
        value = value
            .checked_mul(10)
            .and_then(|shifted| if negative { shifted.checked_sub(unit) } else { shifted.checked_add(unit) })
            .ok_or_else(|| DecimalError::OutOfRange { text: cut() })?;
    }
    Ok(value)
}

/// Writes `value`, scaled by `10^decimals`, as the shortest exact decimal text.
pub fn format_scaled(formatter: &mut fmt::Formatter<'_>, value: i128, decimals: u8) -> fmt::Result {
    formatter.write_str(&scaled_to_string(value, decimals))
}

/// The shortest exact decimal text of `value`, scaled by `10^decimals`.
pub fn scaled_to_string(value: i128, decimals: u8) -> String {
    let width = usize::from(decimals).saturating_add(1);
    let digits = format!("{:0>width$}", value.unsigned_abs());
    let (whole, fraction) = digits.split_at(digits.len().saturating_sub(usize::from(decimals)));
    let fraction = fraction.trim_end_matches('0');
    let sign = if value < 0 { "-" } else { "" };
    if fraction.is_empty() { format!("{sign}{whole}") } else { format!("{sign}{whole}.{fraction}") }
}

/// `10^exponent`, if it fits.
pub const fn power_of_ten(exponent: u8) -> Option<i128> {
    // A table, because margin asks for it at every position.
    const POWERS: [i128; 39] = {
        let mut powers = [1i128; 39];
        let mut place = 1;
        while place < powers.len() {
            powers[place] = powers[place - 1] * 10;
            place += 1;
        }
        powers
    };
    if (exponent as usize) < POWERS.len() { Some(POWERS[exponent as usize]) } else { None }
}
