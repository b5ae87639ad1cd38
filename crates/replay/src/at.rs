//! The rows of a store at a moment: now, or as of an offset.

use headwater_engine::Result;
use headwater_fold::{Table, codec::TABLE_PREFIX_BYTES};
use headwater_store::Snapshot;

/// A key and its row, as they are stored.
pub(crate) type KeyAndRow = (Vec<u8>, Vec<u8>);

/// The rows of one partition at one moment.
pub trait RowsAt: Send + Sync {
    /// The rows of one table in the order of their keys, all of which begin with `prefix`.
    fn scan(
        &self,
        prefix: [u8; TABLE_PREFIX_BYTES],
    ) -> Box<dyn Iterator<Item = Result<KeyAndRow>> + Send + '_>;
}

/// A snapshot's rows are those of its own moment.
impl RowsAt for Snapshot {
    fn scan(
        &self,
        prefix: [u8; TABLE_PREFIX_BYTES],
    ) -> Box<dyn Iterator<Item = Result<KeyAndRow>> + Send + '_> {
        let rows = self.scan_latest(prefix.to_vec(), Table::after(&prefix));
        Box::new(rows.map(|row| row.map_err(Into::into)))
    }
}
