//! The rows of a store at a moment: now, or as of an offset.

use std::sync::Arc;

use headwater_engine::Result;
use headwater_event::Offset;
use headwater_fold::{Table, codec::TABLE_PREFIX_BYTES};
use headwater_store::{Commit, PartitionStore, Snapshot};

use crate::{Stop, scratch::Scratch};

/// Rows written to the scratch folder in one batch.
const BATCH_ROWS_MAX: usize = 1_000;

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

/// The rows as they were once `at` was folded: of each key the last version up to there.
///
/// They are gathered in a scratch folder, as there may be more than fit in memory.
pub(crate) fn rows_at(
    stored: &Snapshot,
    at: Offset,
    scratch: &Scratch,
    stop: &Stop,
) -> Result<Box<dyn RowsAt>> {
    let gathered = scratch.beside("as-of")?;
    let mut batch = Commit::default();
    for version in stored.scan_versions() {
        let version = version?;
        if version.offset > at.0 {
            break;
        }
        batch.latest.push((version.key, version.row));
        if batch.latest.len() >= BATCH_ROWS_MAX {
            write(&gathered, &mut batch)?;
            if stop.is_asked() {
                return Err(Stop::error());
            }
        }
    }
    write(&gathered, &mut batch)?;
    Ok(Box::new(gathered.snapshot()))
}

fn write(to: &Arc<PartitionStore>, batch: &mut Commit) -> Result<()> {
    Ok(to.commit(&std::mem::take(batch))?)
}
