//! An embedded log rewritten by somebody who knows its format: frames changed, removed, inserted
//! and moved, with offsets and checksums made good, so that the log opens as if nothing had been.

use std::{fs, ops::Range, path::Path};

/// Before the frames stands the segment's header.
const HEADER_BYTES: usize = 32;
/// Length and checksum stand before a frame's body, which begins with the offset.
const PREFIX_BYTES: usize = 8;
const OFFSET_BYTES: usize = 8;
/// From here on a body has bytes of the record's own; the value is last.
const VALUE_LENGTH_AT: usize = 20;

/// The bodies of a partition's frames.
pub(crate) type Frames = Vec<Vec<u8>>;

/// Rewrites the only segment of a partition as `forge` changes it.
pub(crate) fn rewrite(dir: &Path, partition: &str, forge: impl FnOnce(&mut Frames)) {
    let folder = dir.join("log").join(partition);
    let segment = folder.join("00000000000000000000.log");
    let bytes = fs::read(&segment).unwrap();
    let mut frames = read(&bytes);
    forge(&mut frames);
    let mut out = bytes[..HEADER_BYTES].to_vec();
    for (offset, body) in (0_u64..).zip(&frames) {
        let mut body = body.clone();
        body[..OFFSET_BYTES].copy_from_slice(&offset.to_le_bytes());
        let length = u32::try_from(body.len()).unwrap().to_le_bytes();
        out.extend_from_slice(&length);
        let crc = crc32c::crc32c_append(crc32c::crc32c(&length), &body);
        out.extend_from_slice(&crc.to_le_bytes());
        out.extend_from_slice(&body);
    }
    let data = out.len() as u64;
    out.resize(out.len().max(bytes.len()), 0);
    fs::write(&segment, out).unwrap();
    let mut mark = Vec::new();
    for number in [frames.len() as u64, 0, data] {
        mark.extend_from_slice(&number.to_le_bytes());
    }
    let crc = crc32c::crc32c(&mark).to_le_bytes();
    fs::write(folder.join("synced"), [&crc[..], &mark].concat()).unwrap();
}

fn read(bytes: &[u8]) -> Frames {
    let mut frames = Vec::new();
    let mut rest = &bytes[HEADER_BYTES..];
    while rest.len() >= PREFIX_BYTES {
        let length = u32::from_le_bytes(rest[..4].try_into().unwrap()) as usize;
        if length == 0 {
            break;
        }
        let (frame, after) = rest.split_at(PREFIX_BYTES + length);
        frames.push(frame[PREFIX_BYTES..].to_vec());
        rest = after;
    }
    frames
}

/// Where a frame's value stands in its body.
fn value(body: &[u8]) -> Range<usize> {
    let at = VALUE_LENGTH_AT..VALUE_LENGTH_AT + 4;
    let length = u32::from_le_bytes(body[at].try_into().unwrap()) as usize;
    body.len() - length..body.len()
}

/// Makes another digit of the last one in a frame's payload: it stays valid JSON.
pub(crate) fn change_digit(body: &mut [u8]) {
    let value = value(body);
    let digit = body[value].iter_mut().rev().find(|byte| byte.is_ascii_digit()).unwrap();
    *digit = if *digit == b'9' { b'1' } else { *digit + 1 };
}

/// Flips a bit of the nth record's payload where it stands, and makes nothing good.
pub(crate) fn damage(dir: &Path, partition: &str, nth: usize) {
    let segment = dir.join("log").join(partition).join("00000000000000000000.log");
    let mut bytes = fs::read(&segment).unwrap();
    let frames = read(&bytes);
    let end: usize = frames[..=nth].iter().map(|body| PREFIX_BYTES + body.len()).sum();
    bytes[HEADER_BYTES + end - 1] ^= 1;
    fs::write(&segment, bytes).unwrap();
}
