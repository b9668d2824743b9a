//! Reading what clients send: tolerant of unknown keys at this level, strict about everything a hash or an intent
//! depends on.
//!
//! Rules:
//! - Key order and the difference between `10` and `10.0` are kept, because Hyperliquid's signatures depend on them.
//! - Refused before anything else looks at it: duplicate keys, trailing bytes, integers beyond 64 bits, negative
//!   zero, numbers that overflow, more than [`DEPTH_MAX`] levels, more than [`VALUES_MAX`] values.
//! - Limits are checked while reading, so a bomb costs no more than the bytes that were sent.

use palisade_types::hyperliquid::Value;
use serde::de::{DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use std::{cell::Cell, collections::HashSet, fmt};

/// Deepest nesting; the deepest known request has 7 levels.
pub const DEPTH_MAX: usize = 16;
/// Most values in one text; a full batch of 40 orders has about 600.
pub const VALUES_MAX: usize = 20_000;
/// From here on a number without exponent may have been an integer that does not fit 64 bits.
const FLOAT_MAGNITUDE_MAX: f64 = 9_007_199_254_740_992.0;

/// Reads one JSON text.
pub fn parse(bytes: &[u8]) -> Result<Value, serde_json::Error> {
    let values = Cell::new(0);
    let mut deserializer = serde_json::Deserializer::from_slice(bytes);
    let value = Reader { depth: 0, values: &values }.deserialize(&mut deserializer)?;
    deserializer.end()?;
    Ok(value)
}

#[derive(Clone, Copy)]
struct Reader<'a> {
    depth: usize,
    values: &'a Cell<usize>,
}

impl Reader<'_> {
    fn deeper<E: serde::de::Error>(self) -> Result<Self, E> {
        if self.depth >= DEPTH_MAX {
            return Err(E::custom(format_args!("nested deeper than {DEPTH_MAX} levels")));
        }
        Ok(Self { depth: self.depth + 1, ..self })
    }
}

impl<'de> DeserializeSeed<'de> for Reader<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        self.values.set(self.values.get() + 1);
        if self.values.get() > VALUES_MAX {
            return Err(D::Error::custom(format_args!("more than {VALUES_MAX} values")));
        }
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Reader<'_> {
    type Value = Value;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::Unsigned(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(u64::try_from(value).map_or(Value::Negative(value), Value::Unsigned))
    }

    fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<Value, E> {
        if !value.is_finite() || value.abs() >= FLOAT_MAGNITUDE_MAX || (value == 0.0 && value.is_sign_negative()) {
            return Err(E::custom("number out of range"));
        }
        Ok(Value::Float(value.to_bits()))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::String(value.to_owned()))
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(Value::String(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Value, A::Error> {
        let inner = self.deeper()?;
        let mut items = Vec::new();
        while let Some(item) = access.next_element_seed(inner)? {
            items.push(item);
        }
        Ok(Value::Array(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Value, A::Error> {
        let inner = self.deeper()?;
        let (mut entries, mut seen) = (Vec::new(), HashSet::new());
        while let Some(key) = access.next_key::<String>()? {
            if !seen.insert(key.clone()) {
                return Err(A::Error::custom(format_args!("duplicate key {key:?}")));
            }
            entries.push((key, access.next_value_seed(inner)?));
        }
        Ok(Value::Map(entries))
    }
}

/// Questions that readers of requests ask of a value. Absent and `null` are the same.
pub trait ValueExt {
    /// The value under `key`, unless absent or `null`.
    fn field(&self, key: &str) -> Option<&Value>;
    /// The text.
    fn text(&self) -> Option<&str>;
    /// The integer, if not negative.
    fn unsigned(&self) -> Option<u64>;
    /// The truth value.
    fn boolean(&self) -> Option<bool>;
    /// The entries in the order received.
    fn entries(&self) -> Option<&[(String, Value)]>;
}

impl ValueExt for Value {
    fn field(&self, key: &str) -> Option<&Value> {
        let (_, value) = self.entries()?.iter().find(|(name, _)| name == key)?;
        (!matches!(value, Self::Null)).then_some(value)
    }

    fn text(&self) -> Option<&str> {
        match self {
            Self::String(text) => Some(text),
            _ => None,
        }
    }

    fn unsigned(&self) -> Option<u64> {
        match self {
            Self::Unsigned(number) => Some(*number),
            _ => None,
        }
    }

    fn boolean(&self) -> Option<bool> {
        match self {
            Self::Bool(value) => Some(*value),
            _ => None,
        }
    }

    fn entries(&self) -> Option<&[(String, Value)]> {
        match self {
            Self::Map(entries) => Some(entries),
            _ => None,
        }
    }
}

/// The value as JSON again, for echoes.
pub fn to_json(value: &Value) -> serde_json::Value {
    match value {
        Value::Null => serde_json::Value::Null,
        Value::Bool(value) => (*value).into(),
        Value::Unsigned(number) => (*number).into(),
        Value::Negative(number) => (*number).into(),
        Value::Float(bits) => f64::from_bits(*bits).into(),
        Value::String(text) => text.clone().into(),
        Value::Array(items) => items.iter().map(to_json).collect(),
        Value::Map(entries) => entries.iter().map(|(key, value)| (key.clone(), to_json(value))).collect(),
    }
}

#[cfg(test)]
mod tests;
