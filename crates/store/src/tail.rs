//! The history block: every version that one commit made, as one value of the family `tail`.
//!
//! A keyed history (one put per version) cost two thirds of the writes; one block per commit is one
//! sequential put, and compresses well.
//!
//! ```text
//! key   = stream 8 bytes │ first offset u64 BE
//!
//! value = magic "HWT" │ block format u8 = 1
//!       │ count varint
//!       │ count × entry
//!       │ checksum: first 16 bytes of BLAKE3(key │ all of the value before the checksum)
//!
//! entry = offset − offset of the entry before (at first: of the key)   varint
//!       │ length of the prefix shared with the key before (at first: 0) varint
//!       │ length of the rest of the key varint │ rest of the key
//!       │ 0: the row was removed; else length of the row + 1, varint │ row
//! ```
//!
//! Varints are LEB128 of a u64. Entries stand by offset, those of one offset in the order of the
//! commit. Blocks stand in **streams**, each by offset: stream zero holds what folding appends; a
//! **backfill** (a new view folded from the start, over offsets that have blocks already) is a stream
//! of its own, named by the first eight bytes of its keys: the view's version. So each stream is sealed
//! and removed by a range of keys, whatever another stream gets meanwhile.

use bytes::{Buf, BufMut, Bytes};

use crate::commit::Version;

const MAGIC: [u8; 4] = *b"HWT\x01";
const CHECKSUM_LEN: usize = 16;

/// A block's key in the family `tail`.
pub(crate) type BlockKey = [u8; 16];

/// The first bytes of a block's key.
pub(crate) type Stream = [u8; 8];

/// The stream of what folding appends.
pub(crate) const FOLDED: Stream = [0; 8];

fn checksum(key: &BlockKey, body: &[u8]) -> [u8; CHECKSUM_LEN] {
    let mut hasher = blake3::Hasher::new();
    hasher.update(key).update(body);
    let mut out = [0; CHECKSUM_LEN];
    hasher.finalize_xof().fill(&mut out);
    out
}

/// The block of these versions, or `None` if there are none.
pub(crate) fn encode(versions: &[Version], backfill: bool) -> Option<(BlockKey, Vec<u8>)> {
    let mut ordered: Vec<&Version> = versions.iter().collect();
    if !versions.is_sorted_by_key(|v| v.offset) {
        ordered.sort_by_key(|v| v.offset);
    }
    let first = ordered.first()?;
    let key = block_key(first.offset, backfill.then_some(first.key.as_slice()));

    let mut out = Vec::with_capacity(32 * ordered.len());
    out.put_slice(&MAGIC);
    put_varint(&mut out, ordered.len() as u64);
    let (mut offset, mut before): (u64, &[u8]) = (first.offset, &[]);
    for version in ordered {
        put_varint(&mut out, version.offset - offset);
        let shared = before.iter().zip(&version.key).take_while(|(a, b)| a == b).count();
        let rest = version.key.get(shared..).unwrap_or_default();
        put_varint(&mut out, shared as u64);
        put_varint(&mut out, rest.len() as u64);
        out.put_slice(rest);
        match &version.row {
            None => put_varint(&mut out, 0),
            Some(row) => {
                put_varint(&mut out, row.len() as u64 + 1);
                out.put_slice(row);
            }
        }
        (offset, before) = (version.offset, &version.key);
    }
    let sum = checksum(&key, &out);
    out.put_slice(&sum);
    Some((key, out))
}

fn block_key(first_offset: u64, backfilled: Option<&[u8]>) -> BlockKey {
    let mut stream = FOLDED;
    if let Some(key) = backfilled {
        for (to, from) in stream.iter_mut().zip(key) {
            *to = *from;
        }
        if stream == FOLDED {
            stream = 1_u64.to_be_bytes(); // never that of a block that folding appends
        }
    }
    key_at(stream, first_offset)
}

/// The key of the block of a stream that begins at an offset.
pub(crate) fn key_at(stream: Stream, first_offset: u64) -> BlockKey {
    let mut out = [0; 16];
    let mut rest = out.as_mut_slice();
    rest.put_slice(&stream);
    rest.put_u64(first_offset);
    out
}

/// The stream and the first offset in a block's key; `None` if it is not of 16 bytes.
pub(crate) fn place_of(key: &[u8]) -> Option<(Stream, u64)> {
    let key: BlockKey = key.try_into().ok()?;
    let (stream, offset) = key.split_first_chunk::<8>()?;
    Some((*stream, u64::from_be_bytes(offset.try_into().ok()?)))
}

fn put_varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.put_u8((value & 0x7f) as u8 | 0x80);
        value >>= 7;
    }
    out.put_u8(value as u8);
}

/// A block being read. Its checksum is checked first; then entries are decoded one at a time.
#[derive(Debug)]
pub(crate) struct Block {
    entries: Bytes,
    left: u64,
    offset: u64,
    before: Vec<u8>,
}

/// Why a block cannot be read.
pub(crate) type Damage = &'static str;

const CUT_SHORT: Damage = "ends inside an entry";

impl Block {
    /// Checks the block and stands before its first entry.
    pub(crate) fn open(key: &[u8], value: &[u8]) -> Result<Self, Damage> {
        let key: BlockKey = key.try_into().map_err(|_| "has a key that is not of 16 bytes")?;
        let (body, sum) =
            value.split_last_chunk::<CHECKSUM_LEN>().ok_or("is shorter than its checksum")?;
        if *sum != checksum(&key, body) {
            return Err("does not match its checksum");
        }
        let Some(entries) = body.strip_prefix(&MAGIC) else {
            return Err("has a block format that this build does not know");
        };
        let mut entries = Bytes::copy_from_slice(entries);
        let left = get_varint(&mut entries)?;
        let (_, offset) = place_of(&key).unwrap_or_default();
        Ok(Self { entries, left, offset, before: Vec::new() })
    }

    /// The next version; `None` at the end.
    pub(crate) fn next(&mut self) -> Result<Option<Version>, Damage> {
        let Some((offset, row)) = self.next_entry()? else { return Ok(None) };
        let row = row.map(|row| row.to_vec());
        Ok(Some(Version { key: self.before.clone(), offset, row }))
    }

    /// The key of the entry that was given last.
    pub(crate) fn key(&self) -> &[u8] {
        &self.before
    }

    /// The next entry without its key; the row stays in the block's own memory.
    pub(crate) fn next_entry(&mut self) -> Result<Option<(u64, Option<Bytes>)>, Damage> {
        if self.left == 0 {
            return if self.entries.is_empty() {
                Ok(None)
            } else {
                Err("goes on after its last entry")
            };
        }
        self.left -= 1;
        let delta = get_varint(&mut self.entries)?;
        self.offset = self.offset.checked_add(delta).ok_or("has an offset beyond 64 bits")?;
        let shared = get_length(&mut self.entries)?;
        if shared > self.before.len() {
            return Err("shares more of a key than there is");
        }
        self.before.truncate(shared);
        let rest = get_length(&mut self.entries)?;
        self.before.extend_from_slice(&take(&mut self.entries, rest)?);
        let row = match get_length(&mut self.entries)?.checked_sub(1) {
            None => None,
            Some(len) => Some(take(&mut self.entries, len)?),
        };
        Ok(Some((self.offset, row)))
    }
}

fn take(from: &mut Bytes, len: usize) -> Result<Bytes, Damage> {
    if len > from.len() {
        return Err(CUT_SHORT);
    }
    Ok(from.split_to(len))
}

fn get_length(from: &mut Bytes) -> Result<usize, Damage> {
    usize::try_from(get_varint(from)?).map_err(|_| CUT_SHORT)
}

fn get_varint(from: &mut Bytes) -> Result<u64, Damage> {
    let mut value = 0_u64;
    for shift in (0..64).step_by(7) {
        let byte = from.try_get_u8().map_err(|_| CUT_SHORT)?;
        let bits = u64::from(byte & 0x7f);
        if bits << shift >> shift != bits {
            break;
        }
        value |= bits << shift;
        if byte < 0x80 {
            return Ok(value);
        }
    }
    Err("has a number beyond 64 bits")
}

#[cfg(test)]
mod tests;
