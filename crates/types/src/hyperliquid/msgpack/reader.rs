//! Reads a value, refusing whatever the writer would not have written.

use super::{DEPTH_MAX, MsgpackError, Value, check_keys, is_finite};
use crate::limits::ACTION_BYTES_MAX;

pub(super) fn decode(bytes: &[u8]) -> Result<Value, MsgpackError> {
    if bytes.len() > ACTION_BYTES_MAX {
        return Err(MsgpackError::TooLarge);
    }
    let mut reader = Reader { bytes, at: 0 };
    let value = reader.value(0)?;
    if reader.at < bytes.len() { Err(MsgpackError::Trailing { at: reader.at }) } else { Ok(value) }
}

struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    fn take(&mut self, count: usize) -> Result<&'a [u8], MsgpackError> {
        let end = self.at.checked_add(count);
        let taken = end.and_then(|end| self.bytes.get(self.at..end));
        let taken = taken.ok_or(MsgpackError::Truncated { at: self.bytes.len() })?;
        self.at = self.at.saturating_add(count);
        Ok(taken)
    }

    fn byte(&mut self) -> Result<u8, MsgpackError> {
        let [byte] = self.array()?;
        Ok(byte)
    }

    fn array<const COUNT: usize>(&mut self) -> Result<[u8; COUNT], MsgpackError> {
        let mut array = [0; COUNT];
        array.copy_from_slice(self.take(COUNT)?);
        Ok(array)
    }

    /// A big-endian number of `width` bytes that no shorter form holds: one above `shorter_max`.
    fn number(&mut self, start: usize, width: usize, shorter_max: u64) -> Result<u64, MsgpackError> {
        let mut word = [0; 8];
        let (_, tail) = word.split_at_mut(8usize.saturating_sub(width));
        tail.copy_from_slice(self.take(width)?);
        let number = u64::from_be_bytes(word);
        if number > shorter_max { Ok(number) } else { Err(MsgpackError::NotShortest { at: start }) }
    }

    fn length(&mut self, start: usize, width: usize, shorter_max: u64) -> Result<usize, MsgpackError> {
        usize::try_from(self.number(start, width, shorter_max)?).map_err(|_| MsgpackError::TooLarge)
    }

    /// A negative number that no shorter form holds: one below `shorter_min`.
    fn negative(&self, start: usize, number: i64, shorter_min: i64) -> Result<Value, MsgpackError> {
        if number < shorter_min { Ok(Value::Negative(number)) } else { Err(MsgpackError::NotShortest { at: start }) }
    }

    fn value(&mut self, depth: usize) -> Result<Value, MsgpackError> {
        let start = self.at;
        let first = self.byte()?;
        Ok(match first {
            0x00..=0x7f => Value::Unsigned(u64::from(first)),
            0x80..=0x8f => self.map(usize::from(first & 0x0f), depth)?,
            0x90..=0x9f => self.items(usize::from(first & 0x0f), depth)?,
            0xa0..=0xbf => Value::String(self.text(start, usize::from(first & 0x1f))?),
            0xc0 => Value::Null,
            0xc2 => Value::Bool(false),
            0xc3 => Value::Bool(true),
            0xcb => self.float()?,
            0xcc => Value::Unsigned(self.number(start, 1, 0x7f)?),
            0xcd => Value::Unsigned(self.number(start, 2, 0xff)?),
            0xce => Value::Unsigned(self.number(start, 4, 0xffff)?),
            0xcf => Value::Unsigned(self.number(start, 8, 0xffff_ffff)?),
            0xd0 => {
                let number = i8::from_be_bytes(self.array()?);
                self.negative(start, i64::from(number), -32)?
            }
            0xd1 => {
                let number = i16::from_be_bytes(self.array()?);
                self.negative(start, i64::from(number), i64::from(i8::MIN))?
            }
            0xd2 => {
                let number = i32::from_be_bytes(self.array()?);
                self.negative(start, i64::from(number), i64::from(i16::MIN))?
            }
            0xd3 => {
                let number = i64::from_be_bytes(self.array()?);
                self.negative(start, number, i64::from(i32::MIN))?
            }
            0xd9..=0xdb => Value::String(self.long_text(start, first)?),
            0xdc => {
                let length = self.length(start, 2, 15)?;
                self.items(length, depth)?
            }
            0xdd => {
                let length = self.length(start, 4, 0xffff)?;
                self.items(length, depth)?
            }
            0xde => {
                let length = self.length(start, 2, 15)?;
                self.map(length, depth)?
            }
            0xdf => {
                let length = self.length(start, 4, 0xffff)?;
                self.map(length, depth)?
            }
            0xe0..=0xff => Value::Negative(i64::from(i8::from_be_bytes([first]))),
            byte => return Err(MsgpackError::UnusedType { byte, at: start }),
        })
    }

    fn float(&mut self) -> Result<Value, MsgpackError> {
        let bits = u64::from_be_bytes(self.array()?);
        if is_finite(bits) { Ok(Value::Float(bits)) } else { Err(MsgpackError::NotFinite) }
    }

    fn text(&mut self, start: usize, length: usize) -> Result<String, MsgpackError> {
        let bytes = self.take(length)?;
        std::str::from_utf8(bytes).map(str::to_owned).map_err(|_| MsgpackError::NotUtf8 { at: start })
    }

    fn long_text(&mut self, start: usize, first: u8) -> Result<String, MsgpackError> {
        let length = match first {
            0xd9 => self.length(start, 1, 31)?,
            0xda => self.length(start, 2, 0xff)?,
            _ => self.length(start, 4, 0xffff)?,
        };
        self.text(start, length)
    }

    fn key(&mut self) -> Result<String, MsgpackError> {
        let start = self.at;
        match self.byte()? {
            first @ 0xa0..=0xbf => self.text(start, usize::from(first & 0x1f)),
            first @ 0xd9..=0xdb => self.long_text(start, first),
            _ => Err(MsgpackError::KeyNotText { at: start }),
        }
    }

    // A stated length is no reason to allocate: vectors grow with the items that are really there, and the
    // bytes are bounded.
    fn items(&mut self, length: usize, depth: usize) -> Result<Value, MsgpackError> {
        let inner = deeper(depth)?;
        let mut items = Vec::new();
        for _ in 0..length {
            items.push(self.value(inner)?);
        }
        Ok(Value::Array(items))
    }

    fn map(&mut self, length: usize, depth: usize) -> Result<Value, MsgpackError> {
        let inner = deeper(depth)?;
        let mut entries = Vec::new();
        for _ in 0..length {
            let key = self.key()?;
            entries.push((key, self.value(inner)?));
        }
        check_keys(&entries)?;
        Ok(Value::Map(entries))
    }
}

fn deeper(depth: usize) -> Result<usize, MsgpackError> {
    if depth >= DEPTH_MAX { Err(MsgpackError::TooDeep) } else { Ok(depth.saturating_add(1)) }
}
