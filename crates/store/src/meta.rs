//! Values of the family `meta`: the caller's bytes and a checksum that binds them to their name.
//!
//! ```text
//! value = bytes │ first 8 bytes of BLAKE3(name │ 0x00 │ bytes)
//! ```
//!
//! A meta value is small and decides much (a wrong position folds events twice or never), and nothing
//! recomputes it, so it carries its own proof.

use crate::error::{Error, Result};

/// The name under which the store keeps its format's number.
pub(crate) const FORMAT_NAME: &str = "format";

/// The one format that this build reads and writes.
pub(crate) const FORMAT: u32 = 1;

const CHECKSUM_LEN: usize = 8;

fn checksum(name: &str, bytes: &[u8]) -> [u8; CHECKSUM_LEN] {
    let mut hasher = blake3::Hasher::new();
    hasher.update(name.as_bytes()).update(&[0]).update(bytes);
    let mut out = [0; CHECKSUM_LEN];
    hasher.finalize_xof().fill(&mut out);
    out
}

/// The stored form of `bytes`.
pub(crate) fn encode(name: &str, bytes: &[u8]) -> Vec<u8> {
    let mut stored = Vec::with_capacity(bytes.len() + CHECKSUM_LEN);
    stored.extend_from_slice(bytes);
    stored.extend_from_slice(&checksum(name, bytes));
    stored
}

/// The caller's bytes, if the checksum holds.
pub(crate) fn decode(place: &str, name: &str, mut stored: Vec<u8>) -> Result<Vec<u8>> {
    let damaged = |why: &str| Error::corrupt(format!("meta value {name:?} of {place} {why}"));
    let Some((bytes, sum)) = stored.split_last_chunk::<CHECKSUM_LEN>() else {
        return Err(damaged("is shorter than its checksum"));
    };
    if *sum != checksum(name, bytes) {
        return Err(damaged("does not match its checksum"));
    }
    stored.truncate(bytes.len());
    Ok(stored)
}

/// Refuses any format but ours.
pub(crate) fn check_format(place: &str, bytes: &[u8]) -> Result<()> {
    let Ok(number) = <[u8; 4]>::try_from(bytes).map(u32::from_le_bytes) else {
        return Err(Error::corrupt(format!("the format of {place} is not a number")));
    };
    if number != FORMAT {
        return Err(Error::corrupt(format!(
            "{place} has store format {number}; this build reads format {FORMAT} only: \
             use the build that wrote it, or fold it anew from the log"
        )));
    }
    Ok(())
}
