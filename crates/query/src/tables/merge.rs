//! Rows of one key in several partitions, merged into the row that one partition would have.

use std::sync::Arc;

use arrow::record_batch::RecordBatch;
use headwater_event::PartitionId;
use headwater_fold::{Damaged, FeatureColumns, Shown, StoredRow, Table};

use super::{cursor::Cursor, writer::RowWriter};
use crate::{Error, moment::KeyAndRow, scan::BatchReader};

/// A partition's rows with the next one taken off.
struct Head {
    cursor: Cursor,
    next: Option<KeyAndRow>,
}

/// Reads all partitions in the order of keys.
pub(crate) struct MergeReader {
    table: Arc<Table>,
    waiting: Vec<Cursor>,
    heads: Vec<Head>,
    writer: RowWriter,
    left: usize,
}

impl MergeReader {
    pub(crate) fn new(
        table: Arc<Table>,
        cursors: Vec<Cursor>,
        writer: RowWriter,
        left: usize,
    ) -> Self {
        Self { table, waiting: cursors, heads: Vec::new(), writer, left }
    }

    /// Adds the row of the least key; `false` if there is none.
    fn push_next(&mut self) -> Result<bool, Error> {
        for mut cursor in self.waiting.drain(..) {
            let next = cursor.next()?;
            self.heads.push(Head { cursor, next });
        }
        let keys = self.heads.iter().filter_map(|head| Some(&head.next.as_ref()?.0));
        let Some(least) = keys.min().cloned() else { return Ok(false) };
        let mut found: Vec<(PartitionId, Vec<u8>)> = Vec::with_capacity(1);
        for head in &mut self.heads {
            if let Some((_, row)) = head.next.take_if(|(key, _)| *key == least) {
                found.push((head.cursor.rows().id(), row));
                head.next = head.cursor.next()?;
            }
        }
        let (at, row) = self.merged(found)?;
        self.writer.push(at, &least, &row)?;
        Ok(true)
    }

    /// One row of several. A row that is alone stays as it is.
    fn merged(&self, found: Vec<(PartitionId, Vec<u8>)>) -> Result<(PartitionId, Vec<u8>), Error> {
        let Shown::Features(features) = &self.table.shown else {
            return Err(Error::failed(format!("table {} can't be merged", self.table.full_name())));
        };
        let mut rest = found.into_iter();
        let Some(mut merged) = rest.next() else {
            return Err(Error::failed("no row to merge"));
        };
        for next in rest {
            let at = next.0;
            merged = merge(features, merged, next)
                .map_err(|damage| Error::damaged(&self.table.full_name(), at, &damage))?;
        }
        Ok(merged)
    }
}

/// The row of two partitions together stands where its writer's does.
pub(crate) fn merge(
    features: &FeatureColumns,
    a: (PartitionId, Vec<u8>),
    b: (PartitionId, Vec<u8>),
) -> Result<(PartitionId, Vec<u8>), Damaged> {
    let (row_a, row_b) = (StoredRow::decode(&a.1)?, StoredRow::decode(&b.1)?);
    let row = features.merge(&row_a.row, &row_b.row)?;
    let of_b = (&row.event_source, &row.event_id) == (&row_b.row.event_source, &row_b.row.event_id);
    let (at, provenance) = if of_b { (b.0, row_b.provenance) } else { (a.0, row_a.provenance) };
    Ok((at, row.encode(provenance)))
}

impl BatchReader for MergeReader {
    fn next_batch(&mut self) -> Result<Option<RecordBatch>, Error> {
        while self.left > 0 && !self.writer.is_full() {
            if !self.push_next()? {
                self.left = 0;
                break;
            }
            self.left -= 1;
        }
        self.writer.finish()
    }
}
