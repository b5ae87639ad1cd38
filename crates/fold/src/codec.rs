//! The stored form of rows and keys.
//!
//! ```text
//! row   := offset u64 LE · appended_at_ms i64 LE · content
//!           └─ provenance: outside the digests ─┘
//! content := value*                         one per column, in the table's order
//! value := 0x00                             null
//!        | 0x01 | 0x02                      false, true
//!        | 0x03 zigzag LEB128               int64
//!        | 0x04 bits u64 LE                 float64; every NaN is the same NaN, -0 is 0
//!        | 0x05 zigzag LEB128               decimal, unscaled
//!        | 0x06 length LEB128 · bytes       text, json
//!        | 0x07 zigzag LEB128               timestamp, in microseconds
//!        | 0x08 length LEB128 · bytes       binary
//!
//! key   := table u64 BE · text(project) · keyvalue* [· offset u64 BE · index u32 BE]
//!           └ first 8 bytes of the table's version   └ tables keyed by position ┘
//! keyvalue := text | int64 | timestamp      ordered as their values are, compared byte by byte
//! text  := bytes with 00 → 00 FF, then 00 00
//! int64 := (value XOR sign bit) u64 BE      timestamps likewise
//! ```

use crate::{ColumnType, Value};

/// The bytes before the content of a stored row.
pub const PROVENANCE_BYTES: usize = 16;
/// The bytes of a key that name the table.
pub const TABLE_PREFIX_BYTES: usize = 8;
/// The bytes that end the key of a table keyed by position.
pub const POSITION_SUFFIX_BYTES: usize = 12;

/// Stored bytes that are not what this program wrote.
#[derive(Debug, Clone, thiserror::Error, PartialEq, Eq)]
#[error("damaged {0}")]
pub struct Damaged(pub &'static str);

/// Appends the stored form of a value.
pub fn write_value(value: &Value, out: &mut Vec<u8>) {
    match value {
        Value::Null => out.push(0),
        Value::Bool(false) => out.push(1),
        Value::Bool(true) => out.push(2),
        Value::Int64(v) => {
            out.push(3);
            leb128(zigzag(i128::from(*v)), out);
        }
        Value::Float64(v) => {
            out.push(4);
            out.extend_from_slice(&canonical_float(*v).to_bits().to_le_bytes());
        }
        Value::Decimal(v) => {
            out.push(5);
            leb128(zigzag(*v), out);
        }
        Value::Text(v) => write_text(v, out),
        Value::Timestamp(v) => {
            out.push(7);
            leb128(zigzag(i128::from(*v)), out);
        }
        Value::Binary(v) => write_binary(v, out),
    }
}

/// Appends the stored form of a text.
pub fn write_text(text: &str, out: &mut Vec<u8>) {
    out.push(6);
    leb128(text.len() as u128, out);
    out.extend_from_slice(text.as_bytes());
}

/// Appends the stored form of bytes.
pub fn write_binary(bytes: &[u8], out: &mut Vec<u8>) {
    out.push(8);
    leb128(bytes.len() as u128, out);
    out.extend_from_slice(bytes);
}

fn canonical_float(v: f64) -> f64 {
    if v.is_nan() {
        f64::NAN
    } else if v == 0.0 {
        0.0
    } else {
        v
    }
}

/// Takes one value off the front of `bytes`.
pub fn read_value(bytes: &mut &[u8]) -> Result<Value, Damaged> {
    match take(bytes, 1)?.first() {
        Some(0) => Ok(Value::Null),
        Some(1) => Ok(Value::Bool(false)),
        Some(2) => Ok(Value::Bool(true)),
        Some(3) => Ok(Value::Int64(narrow(read_zigzag(bytes)?)?)),
        Some(4) => {
            let bits = <[u8; 8]>::try_from(take(bytes, 8)?).map_err(|_| Damaged("float"))?;
            Ok(Value::Float64(f64::from_bits(u64::from_le_bytes(bits))))
        }
        Some(5) => Ok(Value::Decimal(read_zigzag(bytes)?)),
        Some(6) => {
            let text = take_counted(bytes)?;
            String::from_utf8(text.to_vec()).map(Value::Text).map_err(|_| Damaged("text"))
        }
        Some(7) => Ok(Value::Timestamp(narrow(read_zigzag(bytes)?)?)),
        Some(8) => Ok(Value::Binary(take_counted(bytes)?.to_vec())),
        _ => Err(Damaged("value tag")),
    }
}

/// Reads all values of a row's content.
pub fn read_values(mut content: &[u8]) -> Result<Vec<Value>, Damaged> {
    let mut values = Vec::new();
    while !content.is_empty() {
        values.push(read_value(&mut content)?);
    }
    Ok(values)
}

/// Takes one value off the front of `bytes` without building it.
pub fn skip_value(bytes: &mut &[u8]) -> Result<(), Damaged> {
    match take(bytes, 1)?.first() {
        Some(0..=2) => {}
        Some(3 | 5 | 7) => {
            read_leb128(bytes)?;
        }
        Some(4) => {
            take(bytes, 8)?;
        }
        Some(6 | 8) => {
            take_counted(bytes)?;
        }
        _ => return Err(Damaged("value tag")),
    }
    Ok(())
}

/// Appends a key's value so that byte order is the values' order.
pub fn write_key_value(value: &Value, out: &mut Vec<u8>) {
    match value {
        Value::Int64(v) | Value::Timestamp(v) => {
            out.extend_from_slice(&(v.cast_unsigned() ^ (1 << 63)).to_be_bytes());
        }
        Value::Text(v) => write_key_text(v, out),
        // Key columns are declared of the types above only; a null stands for an absent project.
        _ => write_key_text("", out),
    }
}

/// Appends text so that byte order is the texts' order and no text is another's prefix.
pub fn write_key_text(text: &str, out: &mut Vec<u8>) {
    for byte in text.bytes() {
        out.push(byte);
        if byte == 0 {
            out.push(0xff);
        }
    }
    out.extend_from_slice(&[0, 0]);
}

/// Takes one key value of this type off the front of `bytes`.
pub fn read_key_value(column_type: ColumnType, bytes: &mut &[u8]) -> Result<Value, Damaged> {
    match column_type {
        ColumnType::Int64 => read_key_int(bytes).map(Value::Int64),
        ColumnType::Timestamp => read_key_int(bytes).map(Value::Timestamp),
        _ => read_key_text(bytes).map(Value::Text),
    }
}

fn read_key_int(bytes: &mut &[u8]) -> Result<i64, Damaged> {
    let raw = <[u8; 8]>::try_from(take(bytes, 8)?).map_err(|_| Damaged("key"))?;
    Ok((u64::from_be_bytes(raw) ^ (1 << 63)).cast_signed())
}

/// Takes one text off the front of a key.
pub fn read_key_text(bytes: &mut &[u8]) -> Result<String, Damaged> {
    let mut text = Vec::new();
    loop {
        match take(bytes, 1)?.first() {
            Some(0) => match take(bytes, 1)?.first() {
                Some(0) => break,
                Some(0xff) => text.push(0),
                _ => return Err(Damaged("key text")),
            },
            Some(byte) => text.push(*byte),
            None => return Err(Damaged("key text")),
        }
    }
    String::from_utf8(text).map_err(|_| Damaged("key text"))
}

fn take<'a>(bytes: &mut &'a [u8], count: usize) -> Result<&'a [u8], Damaged> {
    let (head, tail) = bytes.split_at_checked(count).ok_or(Damaged("row: it ends too early"))?;
    *bytes = tail;
    Ok(head)
}

fn take_counted<'a>(bytes: &mut &'a [u8]) -> Result<&'a [u8], Damaged> {
    let count = usize::try_from(read_leb128(bytes)?).map_err(|_| Damaged("length"))?;
    take(bytes, count)
}

fn zigzag(v: i128) -> u128 {
    ((v << 1) ^ (v >> 127)).cast_unsigned()
}

fn read_zigzag(bytes: &mut &[u8]) -> Result<i128, Damaged> {
    let v = read_leb128(bytes)?;
    Ok((v >> 1).cast_signed() ^ -((v & 1).cast_signed()))
}

fn narrow(v: i128) -> Result<i64, Damaged> {
    i64::try_from(v).map_err(|_| Damaged("integer"))
}

fn leb128(mut v: u128, out: &mut Vec<u8>) {
    loop {
        let low = (v & 0x7f) as u8;
        v >>= 7;
        if v == 0 {
            out.push(low);
            return;
        }
        out.push(low | 0x80);
    }
}

fn read_leb128(bytes: &mut &[u8]) -> Result<u128, Damaged> {
    let mut v = 0_u128;
    for shift in (0..128).step_by(7) {
        let byte = *take(bytes, 1)?.first().ok_or(Damaged("integer"))?;
        v |= u128::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Ok(v);
        }
    }
    Err(Damaged("integer"))
}
