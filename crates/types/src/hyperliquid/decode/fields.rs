//! Maps whose keys are read by name, and what can be wrong with them.

use crate::{
    address::AccountId,
    hyperliquid::{Value, msgpack::MsgpackError},
    ids::{ClientOrderId, MarketId},
    numbers::Usd,
};

/// Why msgpack is not an action that counts here.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// Not msgpack in its only form.
    #[error(transparent)]
    Msgpack(#[from] MsgpackError),
    /// A key is missing.
    #[error("{place} lacks the key {key:?}")]
    MissingKey {
        /// Where.
        place: &'static str,
        /// Which.
        key: &'static str,
    },
    /// A key that is neither known nor on the allow-list.
    #[error("{place} has the unknown key {key:?}: to ignore it could change what you mean")]
    UnknownKey {
        /// Where.
        place: &'static str,
        /// The key, cut to 40 characters.
        key: String,
    },
    /// A value of another type or outside the values that are known.
    #[error("{place}: {key:?} must be {expected}")]
    Invalid {
        /// Where.
        place: &'static str,
        /// Which.
        key: &'static str,
        /// What it must be.
        expected: &'static str,
    },
    /// An action type that Hyperliquid does not know.
    #[error("unknown action type {kind:?}")]
    UnknownAction {
        /// The type, cut to 40 characters.
        kind: String,
    },
}

/// A map whose keys are read by name; `place` says in errors what it is.
pub(super) struct Fields<'a> {
    entries: &'a [(String, Value)],
    place: &'static str,
}

impl<'a> Fields<'a> {
    pub(super) fn of(value: &'a Value, place: &'static str, key: &'static str) -> Result<Self, DecodeError> {
        match value {
            Value::Map(entries) => Ok(Self { entries, place }),
            _ => Err(DecodeError::Invalid { place, key, expected: "a map" }),
        }
    }

    pub(super) fn only(&self, known: &[&str]) -> Result<(), DecodeError> {
        match self.entries.iter().find(|(key, _)| !known.contains(&key.as_str())) {
            Some((key, _)) => Err(DecodeError::UnknownKey { place: self.place, key: cut(key) }),
            None => Ok(()),
        }
    }

    pub(super) fn invalid(&self, key: &'static str, expected: &'static str) -> DecodeError {
        DecodeError::Invalid { place: self.place, key, expected }
    }

    pub(super) fn optional(&self, key: &str) -> Option<&'a Value> {
        self.entries.iter().find(|(name, _)| name == key).map(|(_, value)| value)
    }

    pub(super) fn required(&self, key: &'static str) -> Result<&'a Value, DecodeError> {
        self.optional(key).ok_or(DecodeError::MissingKey { place: self.place, key })
    }

    pub(super) fn text(&self, key: &'static str) -> Result<&'a str, DecodeError> {
        match self.required(key)? {
            Value::String(text) => Ok(text),
            _ => Err(self.invalid(key, "a text")),
        }
    }

    pub(super) fn flag(&self, key: &'static str) -> Result<bool, DecodeError> {
        match self.required(key)? {
            Value::Bool(flag) => Ok(*flag),
            _ => Err(self.invalid(key, "true or false")),
        }
    }

    pub(super) fn unsigned(&self, key: &'static str) -> Result<u64, DecodeError> {
        match self.required(key)? {
            Value::Unsigned(number) => Ok(*number),
            _ => Err(self.invalid(key, "a whole number from 0")),
        }
    }

    /// A whole number of either sign.
    fn signed(&self, key: &'static str) -> Result<i64, DecodeError> {
        match self.required(key)? {
            Value::Unsigned(number) => i64::try_from(*number).map_err(|_| self.invalid(key, "a number below 2^63")),
            Value::Negative(number) => Ok(*number),
            _ => Err(self.invalid(key, "a whole number")),
        }
    }

    /// An amount in 10^-6 USD, from 0. One client writes such a number with a point; it counts if it is whole.
    pub(super) fn micro_usd(&self, key: &'static str) -> Result<Usd, DecodeError> {
        let count = match self.required(key)? {
            Value::Unsigned(number) => Some(*number),
            Value::Float(bits) => whole_float(*bits),
            _ => None,
        };
        let count = count.ok_or_else(|| self.invalid(key, "a whole number of 10^-6 USD, from 0"))?;
        Ok(from_micro(i128::from(count)))
    }

    /// An amount in 10^-6 USD of either sign.
    pub(super) fn signed_micro_usd(&self, key: &'static str) -> Result<Usd, DecodeError> {
        self.signed(key).map(|count| from_micro(i128::from(count)))
    }

    pub(super) fn address(&self, key: &'static str) -> Result<AccountId, DecodeError> {
        self.text(key)?.parse().map_err(|_| self.invalid(key, "an address: 0x and 40 hexadecimal digits"))
    }

    pub(super) fn small(&self, key: &'static str) -> Result<u32, DecodeError> {
        u32::try_from(self.unsigned(key)?).map_err(|_| self.invalid(key, "a whole number below 2^32"))
    }

    pub(super) fn market(&self, key: &'static str) -> Result<MarketId, DecodeError> {
        self.small(key).map(MarketId::new)
    }

    pub(super) fn client_order_id(&self, key: &'static str) -> Result<ClientOrderId, DecodeError> {
        self.text(key)?.parse().map_err(|_| self.invalid(key, "0x and 32 hexadecimal digits"))
    }

    pub(super) fn list<T>(
        &self,
        key: &'static str,
        item: impl Fn(&Value) -> Result<T, DecodeError>,
    ) -> Result<Vec<T>, DecodeError> {
        match self.required(key)? {
            Value::Array(items) => items.iter().map(item).collect(),
            _ => Err(self.invalid(key, "a list")),
        }
    }
}

/// 100 units of 10^-8 USD are one of 10^-6; 64 bits times 100 fit 128.
fn from_micro(count: i128) -> Usd {
    Usd::new(count.saturating_mul(100))
}

/// The whole number from 0 that the bits of a 64-bit float stand for, exactly; `None` if they stand for another.
fn whole_float(bits: u64) -> Option<u64> {
    const FRACTION_BITS: u64 = 52;
    const BIAS_AND_FRACTION: u64 = 1_075;
    if bits == 0 {
        return Some(0);
    }
    let (exponent, fraction) = (bits >> FRACTION_BITS, bits & ((1 << FRACTION_BITS) - 1));
    // A set sign bit makes the exponent field look too large, a zero exponent field is a number far below 1.
    if exponent == 0 {
        return None;
    }
    let significand = fraction | (1 << FRACTION_BITS);
    match exponent.checked_sub(BIAS_AND_FRACTION) {
        Some(left) => (left <= 11).then(|| significand << left),
        None => {
            let right = BIAS_AND_FRACTION.saturating_sub(exponent);
            (right <= u64::from(significand.trailing_zeros())).then(|| significand >> right)
        }
    }
}

pub(super) fn cut(text: &str) -> String {
    text.chars().take(40).collect()
}
