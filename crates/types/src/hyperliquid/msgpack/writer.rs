//! Writes a value in its shortest form.

use super::{DEPTH_MAX, MsgpackError, Value, check_keys, is_finite};
use crate::limits::ACTION_BYTES_MAX;

pub(super) fn encode(value: &Value) -> Result<Vec<u8>, MsgpackError> {
    let mut bytes = Vec::new();
    write(&mut bytes, value, 0)?;
    Ok(bytes)
}

fn write(bytes: &mut Vec<u8>, value: &Value, depth: usize) -> Result<(), MsgpackError> {
    match value {
        Value::Null => bytes.push(0xc0),
        Value::Bool(false) => bytes.push(0xc2),
        Value::Bool(true) => bytes.push(0xc3),
        Value::Unsigned(number) => write_unsigned(bytes, *number),
        Value::Negative(number) => write_signed(bytes, *number),
        Value::Float(bits) => {
            if !is_finite(*bits) {
                return Err(MsgpackError::NotFinite);
            }
            bytes.push(0xcb);
            bytes.extend(bits.to_be_bytes());
        }
        Value::String(text) => write_text(bytes, text)?,
        Value::Array(items) => {
            let inner = deeper(depth)?;
            write_length(bytes, items.len(), [(0x90, 15), (0xdc, 0xffff), (0xdd, u32::MAX)])?;
            for item in items {
                write(bytes, item, inner)?;
            }
        }
        Value::Map(entries) => {
            let inner = deeper(depth)?;
            check_keys(entries)?;
            write_length(bytes, entries.len(), [(0x80, 15), (0xde, 0xffff), (0xdf, u32::MAX)])?;
            for (key, item) in entries {
                write_text(bytes, key)?;
                write(bytes, item, inner)?;
            }
        }
    }
    if bytes.len() > ACTION_BYTES_MAX { Err(MsgpackError::TooLarge) } else { Ok(()) }
}

fn deeper(depth: usize) -> Result<usize, MsgpackError> {
    if depth >= DEPTH_MAX { Err(MsgpackError::TooDeep) } else { Ok(depth.saturating_add(1)) }
}

fn write_unsigned(bytes: &mut Vec<u8>, number: u64) {
    if let Ok(small) = u8::try_from(number) {
        if small > 0x7f {
            bytes.push(0xcc);
        }
        bytes.push(small);
    } else if let Ok(number) = u16::try_from(number) {
        bytes.push(0xcd);
        bytes.extend(number.to_be_bytes());
    } else if let Ok(number) = u32::try_from(number) {
        bytes.push(0xce);
        bytes.extend(number.to_be_bytes());
    } else {
        bytes.push(0xcf);
        bytes.extend(number.to_be_bytes());
    }
}

fn write_signed(bytes: &mut Vec<u8>, number: i64) {
    if let Ok(number) = u64::try_from(number) {
        write_unsigned(bytes, number);
    } else if let Ok(small) = i8::try_from(number) {
        if small < -32 {
            bytes.push(0xd0);
        }
        bytes.extend(small.to_be_bytes());
    } else if let Ok(number) = i16::try_from(number) {
        bytes.push(0xd1);
        bytes.extend(number.to_be_bytes());
    } else if let Ok(number) = i32::try_from(number) {
        bytes.push(0xd2);
        bytes.extend(number.to_be_bytes());
    } else {
        bytes.push(0xd3);
        bytes.extend(number.to_be_bytes());
    }
}

fn write_text(bytes: &mut Vec<u8>, text: &str) -> Result<(), MsgpackError> {
    if text.len() > ACTION_BYTES_MAX {
        return Err(MsgpackError::TooLarge);
    }
    match u8::try_from(text.len()) {
        Ok(length) if length > 31 => bytes.extend([0xd9, length]),
        _ => write_length(bytes, text.len(), [(0xa0, 31), (0xda, 0xffff), (0xdb, u32::MAX)])?,
    }
    bytes.extend(text.as_bytes());
    Ok(())
}

/// Writes a length in the first of three forms that holds it: inside the first byte, in two bytes, in four.
fn write_length(bytes: &mut Vec<u8>, length: usize, forms: [(u8, u32); 3]) -> Result<(), MsgpackError> {
    let length = u32::try_from(length).map_err(|_| MsgpackError::TooLarge)?;
    let [(tiny, tiny_max), (short, short_max), (long, _)] = forms;
    let [_, _, high, low] = length.to_be_bytes();
    if length <= tiny_max {
        bytes.push(tiny | low);
    } else if length <= short_max {
        bytes.extend([short, high, low]);
    } else {
        bytes.push(long);
        bytes.extend(length.to_be_bytes());
    }
    Ok(())
}
