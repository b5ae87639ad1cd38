//! Marks: places by which the past is found, looked up by the nearest key.
//!
//! ```text
//! key of `marks` = caller's key, in the order of search
//! value          = caller's bytes │ checksum 8 bytes, as in `meta`
//! ```

use rocksdb::ReadOptions;

use crate::error::Result;
use crate::meta;
use crate::options::Family;
use crate::snapshot::Snapshot;

/// A mark's key and the caller's bytes.
pub type Mark = (Vec<u8>, Vec<u8>);

impl Snapshot {
    /// The last mark from `start` up to and with `end`.
    pub fn last_mark(&self, start: &[u8], end: &[u8]) -> Result<Option<Mark>> {
        let mut cursor = self.cursor(Family::Marks, ReadOptions::default(), start)?;
        cursor.seek_back(end);
        let found = match cursor.item() {
            Some((key, value)) if key >= start => Some(self.mark(key, value)?),
            _ => None,
        };
        cursor.status()?;
        Ok(found)
    }

    /// The first mark from `start` up to and with `end`.
    pub fn first_mark(&self, start: &[u8], end: &[u8]) -> Result<Option<Mark>> {
        let cursor = self.cursor(Family::Marks, ReadOptions::default(), start)?;
        let found = match cursor.item() {
            Some((key, value)) if key <= end => Some(self.mark(key, value)?),
            _ => None,
        };
        cursor.status()?;
        Ok(found)
    }

    /// The marks from `start` up to and with `end`, in order.
    pub fn marks(&self, start: &[u8], end: &[u8]) -> Result<Vec<Mark>> {
        let mut cursor = self.cursor(Family::Marks, ReadOptions::default(), start)?;
        let mut out = Vec::new();
        while let Some((key, value)) = cursor.item().filter(|(key, _)| *key <= end) {
            out.push(self.mark(key, value)?);
            cursor.advance();
        }
        cursor.status()?;
        Ok(out)
    }

    fn mark(&self, key: &[u8], value: &[u8]) -> Result<Mark> {
        Ok((key.to_vec(), meta::decode_bound(&self.place(), "mark", key, value)?))
    }
}
