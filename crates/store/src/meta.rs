//! Values of the family `meta`: the caller's bytes and a checksum that binds them to their name.
//!
//! ```text
//! value = bytes │ first 8 bytes of BLAKE3(name │ 0x00 │ bytes)
//! ```
//!
//! A meta value is small and decides much (a wrong position folds events twice or never), and nothing
//! recomputes it, so it carries its own proof.

use std::cmp::Ordering;

use crate::error::{Error, ErrorKind, Result};

/// The name under which the store keeps its format's number.
pub(crate) const FORMAT_NAME: &str = "format";

/// The one format that this build reads and writes.
pub(crate) const FORMAT: u32 = 2;

const CHECKSUM_LEN: usize = 8;

fn checksum(name: &[u8], bytes: &[u8]) -> [u8; CHECKSUM_LEN] {
    let mut hasher = blake3::Hasher::new();
    hasher.update(name).update(&[0]).update(bytes);
    let mut out = [0; CHECKSUM_LEN];
    hasher.finalize_xof().fill(&mut out);
    out
}

/// The stored form of `bytes`.
pub(crate) fn encode(name: &str, bytes: &[u8]) -> Vec<u8> {
    encode_bound(name.as_bytes(), bytes)
}

/// The stored form of `bytes` under a key of another family.
pub(crate) fn encode_bound(key: &[u8], bytes: &[u8]) -> Vec<u8> {
    let mut stored = Vec::with_capacity(bytes.len() + CHECKSUM_LEN);
    stored.extend_from_slice(bytes);
    stored.extend_from_slice(&checksum(key, bytes));
    stored
}

/// The caller's bytes, if the checksum holds.
pub(crate) fn decode(place: &str, name: &str, stored: &[u8]) -> Result<Vec<u8>> {
    decode_bound(place, &format!("meta value {name:?}"), name.as_bytes(), stored)
}

/// The caller's bytes under a key of another family, if the checksum holds.
pub(crate) fn decode_bound(place: &str, what: &str, key: &[u8], stored: &[u8]) -> Result<Vec<u8>> {
    let damaged = |why: &str| Error::corrupt(format!("{what} of {place} {why}"));
    let Some((bytes, sum)) = stored.split_last_chunk::<CHECKSUM_LEN>() else {
        return Err(damaged("is shorter than its checksum"));
    };
    if *sum != checksum(key, bytes) {
        return Err(damaged("does not match its checksum"));
    }
    Ok(bytes.to_vec())
}

/// Refuses any format but ours. An older one is of the kind [`ErrorKind::Outdated`]: the log folds it
/// anew.
pub(crate) fn check_format(place: &str, bytes: &[u8]) -> Result<()> {
    let Ok(number) = <[u8; 4]>::try_from(bytes).map(u32::from_le_bytes) else {
        return Err(Error::corrupt(format!("the format of {place} is not a number")));
    };
    match number.cmp(&FORMAT) {
        Ordering::Equal => Ok(()),
        Ordering::Less => Err(outdated(place, &number.to_string())),
        Ordering::Greater => Err(Error::corrupt(format!(
            "{place} has store format {number}, this build knows formats up to {FORMAT}: use the \
             build that wrote it, or fold it anew from the log"
        ))),
    }
}

/// The error of a store of an older format.
pub(crate) fn outdated(place: &str, number: &str) -> Error {
    Error::new(
        ErrorKind::Outdated,
        format!(
            "{place} has store format {number}, this build writes format {FORMAT}: the next process \
             that writes the data folder folds it anew from the log"
        ),
    )
}
