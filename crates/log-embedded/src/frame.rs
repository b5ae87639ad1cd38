//! One record as bytes.
//!
//! ```text
//! byte  size
//!    0     4  length: the bytes after the checksum; 0 is the end of the data
//!    4     4  CRC32C of length and of the bytes after the checksum
//!    8     8  offset
//!   16     8  appended at, milliseconds since 1970
//!   24     4  length of the key, or 2^32 - 1 for none
//!   28     4  length of the value, or 2^32 - 1 for none
//!   32     2  number of headers
//!   34        for each header: 2 length of the name, 4 length of the value, name, value
//!             key
//!             value
//! ```
//!
//! Numbers are little-endian. The offset is stored though it could be counted, so that a frame that
//! stands in a wrong place is found out.

use bytes::{Buf as _, Bytes};
use headwater_event::{Header, NewRecord, Offset, PartitionId, Record};
use headwater_log::Result;

use crate::problem;

/// Length and checksum.
const PREFIX_BYTES: usize = 8;
/// What every frame has after the prefix.
const FIXED_BYTES: usize = 26;
/// How null is told from empty.
const NONE: u32 = u32::MAX;
/// Sixteen of the largest events: a longer frame can only be damage, and is never read into memory.
pub(crate) const FRAME_BYTES_MAX: usize = 16 * 1024 * 1024;

/// What stands at the beginning of some bytes.
pub(crate) enum Measured {
    /// A whole frame whose checksum is right.
    Whole {
        /// Its bytes, prefix included.
        len: usize,
        /// The record's offset.
        offset: u64,
        /// When the record was appended.
        appended_at_ms: i64,
    },
    /// The beginning of a frame of so many bytes, or of at least so many.
    Short(usize),
    /// The end of the data.
    End,
    /// Something that is no frame, and why.
    Bad(&'static str),
}

/// Refuses a record that no frame can hold.
pub(crate) fn check(record: &NewRecord) -> Result<()> {
    let len = len_of(record);
    if len > FRAME_BYTES_MAX {
        return Err(problem::reject(format!(
            "append a record of {} bytes: at most {FRAME_BYTES_MAX} fit the log",
            record.size()
        )));
    }
    let name_fits = |header: &Header| u16::try_from(header.name.len()).is_ok();
    if u16::try_from(record.headers.len()).is_err() || !record.headers.iter().all(name_fits) {
        let most = u16::MAX;
        return Err(problem::reject(format!(
            "append a record: it has over {most} headers, or a header name of over {most} bytes"
        )));
    }
    Ok(())
}

/// The bytes that the record's frame will have.
pub(crate) fn len_of(record: &NewRecord) -> usize {
    PREFIX_BYTES + FIXED_BYTES + record.headers.len() * 6 + record.size()
}

/// Adds the frame of a record, which [`check`] let pass, to `out`.
pub(crate) fn encode(record: &NewRecord, offset: u64, appended_at_ms: i64, out: &mut Vec<u8>) {
    let start = out.len();
    let body_len = len_of(record) - PREFIX_BYTES;
    out.reserve(PREFIX_BYTES + body_len);
    out.extend_from_slice(&len32(body_len).to_le_bytes());
    out.extend_from_slice(&[0; 4]);
    out.extend_from_slice(&offset.to_le_bytes());
    out.extend_from_slice(&appended_at_ms.to_le_bytes());
    for part in [&record.key, &record.value] {
        let len = part.as_ref().map_or(NONE, |bytes| len32(bytes.len()));
        out.extend_from_slice(&len.to_le_bytes());
    }
    out.extend_from_slice(&len16(record.headers.len()).to_le_bytes());
    for header in &record.headers {
        out.extend_from_slice(&len16(header.name.len()).to_le_bytes());
        out.extend_from_slice(&len32(header.value.len()).to_le_bytes());
        out.extend_from_slice(header.name.as_bytes());
        out.extend_from_slice(&header.value);
    }
    for part in [&record.key, &record.value].into_iter().flatten() {
        out.extend_from_slice(part);
    }
    let crc = out.get(start..).and_then(checksum).unwrap_or_default();
    if let Some(place) = out.get_mut(start + 4..start + PREFIX_BYTES) {
        place.copy_from_slice(&crc.to_le_bytes());
    }
}

// Both can't be out of range once `check` has passed; if they were, decoding would find it out.
fn len32(len: usize) -> u32 {
    u32::try_from(len).unwrap_or(NONE)
}

fn len16(len: usize) -> u16 {
    u16::try_from(len).unwrap_or(u16::MAX)
}

fn checksum(frame: &[u8]) -> Option<u32> {
    let length = crc32c::crc32c(frame.get(..4)?);
    Some(crc32c::crc32c_append(length, frame.get(PREFIX_BYTES..)?))
}

/// Looks at what `bytes` begin with; the checksum of a whole frame is checked.
pub(crate) fn measure(bytes: &[u8]) -> Measured {
    let Some((length, rest)) = bytes.split_first_chunk::<4>() else {
        return Measured::Short(PREFIX_BYTES);
    };
    let length = u32::from_le_bytes(*length) as usize;
    if length == 0 {
        return Measured::End;
    }
    let len = PREFIX_BYTES + length;
    if length < FIXED_BYTES || len > FRAME_BYTES_MAX {
        return Measured::Bad("its length is not that of a record");
    }
    let (Some(frame), Some(crc)) = (bytes.get(..len), rest.first_chunk::<4>()) else {
        return Measured::Short(len);
    };
    if checksum(frame) != Some(u32::from_le_bytes(*crc)) {
        return Measured::Bad("its checksum is wrong");
    }
    let mut fixed = frame.get(PREFIX_BYTES..).unwrap_or_default();
    match (fixed.try_get_u64_le(), fixed.try_get_i64_le()) {
        (Ok(offset), Ok(appended_at_ms)) => Measured::Whole { len, offset, appended_at_ms },
        _ => Measured::Bad("its length is not that of a record"),
    }
}

/// The record of a whole frame; its bytes are shared with the frame's. `None` if its inner lengths
/// don't add up.
pub(crate) fn decode(partition: PartitionId, mut frame: Bytes) -> Option<Record> {
    let take = |frame: &mut Bytes, len: usize| (len <= frame.len()).then(|| frame.split_to(len));
    take(&mut frame, PREFIX_BYTES)?;
    let offset = Offset(frame.try_get_u64_le().ok()?);
    let appended_at_ms = frame.try_get_i64_le().ok()?;
    let key_len = frame.try_get_u32_le().ok()?;
    let value_len = frame.try_get_u32_le().ok()?;
    let count = usize::from(frame.try_get_u16_le().ok()?);
    let mut headers = Vec::with_capacity(count);
    for _ in 0..count {
        let name_len = usize::from(frame.try_get_u16_le().ok()?);
        let value_len = frame.try_get_u32_le().ok()? as usize;
        let name = std::str::from_utf8(frame.get(..name_len)?).ok()?.to_owned();
        frame.advance(name_len);
        headers.push(Header { name, value: take(&mut frame, value_len)? });
    }
    let mut part = |len: u32| match len {
        NONE => Some(None),
        len => take(&mut frame, len as usize).map(Some),
    };
    let (key, value) = (part(key_len)?, part(value_len)?);
    let whole = frame.is_empty();
    let body = NewRecord { key, headers, value };
    whole.then_some(Record { partition, offset, appended_at_ms, body })
}
