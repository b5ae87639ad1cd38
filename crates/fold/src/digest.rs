//! The hash of a row, and the position's chain over the raw records.

use headwater_event::{NewRecord, Offset};

use crate::codec::Damaged;

/// The hash of one row: of its table's version, its key and its content, not of where it came from.
///
/// `content_key` is what `Table::content_key` gives, `content` what `StoredRow::content` gives.
pub fn row_hash(table_version: &[u8; 16], content_key: &[u8], content: &[u8]) -> u128 {
    let mut hasher = blake3::Hasher::new();
    hasher.update(table_version);
    hasher.update(&(content_key.len() as u64).to_le_bytes());
    hasher.update(content_key);
    hasher.update(content);
    first_u128(&hasher.finalize())
}

pub(crate) fn first_u128(hash: &blake3::Hash) -> u128 {
    hash.as_bytes().iter().take(16).rev().fold(0, |sum, byte| (sum << 8) | u128::from(*byte))
}

/// How far a partition was folded, and the chain over all that was.
///
/// ```text
/// position := last offset u64 LE · chain before it 32 bytes · chain 32 bytes
/// chain    := BLAKE3(chain before · key · headers · value)
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Position {
    /// The last record that was folded.
    pub last: Offset,
    /// The chain before it.
    pub before: [u8; 32],
    /// The chain with it.
    pub chain: [u8; 32],
}

impl Position {
    /// The length of the stored form.
    pub const BYTES: usize = 8 + 32 + 32;

    /// The chain's link for a record after `before`.
    pub fn link(before: &[u8; 32], record: &NewRecord) -> [u8; 32] {
        let mut hasher = blake3::Hasher::new();
        hasher.update(before);
        record.hash_into(&mut hasher);
        *hasher.finalize().as_bytes()
    }

    /// The position after one more record.
    #[must_use]
    pub fn after(previous: Option<&Self>, offset: Offset, record: &NewRecord) -> Self {
        let before = previous.map_or([0; 32], |position| position.chain);
        Self { last: offset, before, chain: Self::link(&before, record) }
    }

    /// Whether this is the record that the position ends with.
    pub fn ends_with(&self, record: &NewRecord) -> bool {
        Self::link(&self.before, record) == self.chain
    }

    /// The stored form.
    pub fn to_bytes(self) -> Vec<u8> {
        let mut out = self.last.0.to_le_bytes().to_vec();
        out.extend_from_slice(&self.before);
        out.extend_from_slice(&self.chain);
        out
    }

    /// Reads the stored form.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, Damaged> {
        let parse = || {
            let (last, rest) = bytes.split_at_checked(8)?;
            let (before, chain) = rest.split_at_checked(32)?;
            Some(Self {
                last: Offset(u64::from_le_bytes(last.try_into().ok()?)),
                before: before.try_into().ok()?,
                chain: chain.try_into().ok()?,
            })
        };
        parse().ok_or(Damaged("position"))
    }
}
