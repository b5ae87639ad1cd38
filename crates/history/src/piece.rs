//! What the manifest says of a sealed file, beside which versions it holds.
//!
//! ```text
//! manifest entry = JSON: {"format": 1, "file": "…", "bytes": n, "blake3": "…", "versions": n,
//!                         "last_offset": n, "first_key": "hex", "last_key": "hex", "dropped": {"versions": n, "sum": "hex"}}
//! ```
//!
//! `dropped` tells what retention took away: how many versions, and the sum of their hashes, so that
//! a view's digest can still be accounted for.

use serde::{Deserialize, Serialize};

use crate::{Error, Result};

/// The layout of sealed files that this build writes and reads.
pub(crate) const FORMAT: u32 = 1;

/// A sealed file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Piece {
    /// The file's layout.
    pub format: u32,
    /// Its name in the partition's folder.
    pub file: String,
    /// Its length.
    pub bytes: u64,
    /// The BLAKE3 of all of it, in hex.
    pub blake3: String,
    /// How many versions it holds.
    pub versions: u64,
    /// The greatest offset in it.
    pub last_offset: u64,
    /// The first key in it.
    #[serde(with = "hex_bytes")]
    pub first_key: Vec<u8>,
    /// The last key in it.
    #[serde(with = "hex_bytes")]
    pub last_key: Vec<u8>,
    /// What retention took away of these offsets.
    #[serde(default, skip_serializing_if = "Dropped::is_none")]
    pub dropped: Dropped,
}

/// Versions that retention took away.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Dropped {
    /// How many.
    pub versions: u64,
    /// The sum of their hashes, as a digest of a history sums them.
    #[serde(with = "hex_u128")]
    pub sum: u128,
}

impl Dropped {
    /// Whether nothing was.
    pub fn is_none(&self) -> bool {
        *self == Self::default()
    }

    /// Both together.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self { versions: self.versions + other.versions, sum: self.sum.wrapping_add(other.sum) }
    }
}

impl Piece {
    /// The stored form.
    pub fn to_bytes(&self) -> Vec<u8> {
        serde_json::to_vec(self).unwrap_or_default()
    }

    /// Reads the stored form.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self> {
        let damaged = |what: String| Error::corrupt(format!("a manifest entry is damaged: {what}"));
        let piece: Self = serde_json::from_slice(bytes).map_err(|e| damaged(e.to_string()))?;
        if piece.format != FORMAT {
            return Err(damaged(format!(
                "{} has layout {}, this build reads layout {FORMAT}; use a newer headwater",
                piece.file, piece.format
            )));
        }
        let plain = |c: u8| c.is_ascii_alphanumeric() || matches!(c, b'-' | b'.');
        if !piece.file.bytes().all(plain) || piece.file.starts_with('.') {
            return Err(damaged(format!("{:?} is no file's name", piece.file)));
        }
        Ok(piece)
    }
}

/// Keys are bytes; JSON has none.
mod hex_bytes {
    use serde::{Deserialize as _, Deserializer, Serializer, de::Error as _};

    pub(super) fn serialize<S: Serializer>(bytes: &[u8], to: S) -> Result<S::Ok, S::Error> {
        let text: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        to.serialize_str(&text)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<u8>, D::Error> {
        let text = String::deserialize(from)?;
        let digit = |place| text.get(place..place + 2).and_then(|d| u8::from_str_radix(d, 16).ok());
        let bytes: Option<Vec<u8>> = (0..text.len()).step_by(2).map(digit).collect();
        bytes.ok_or_else(|| D::Error::custom("not hex digits"))
    }
}

/// JSON has no 128-bit numbers that all readers take; hex digits do.
mod hex_u128 {
    use serde::{Deserialize as _, Deserializer, Serializer, de::Error as _};

    pub(super) fn serialize<S: Serializer>(value: &u128, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&format!("{value:032x}"))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<u128, D::Error> {
        let text = String::deserialize(from)?;
        u128::from_str_radix(&text, 16).map_err(D::Error::custom)
    }
}
