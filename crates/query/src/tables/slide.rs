//! Panes of a sliding window, merged into the one window that ends at the read's time.

use std::sync::Arc;

use arrow::record_batch::RecordBatch;
use headwater_event::PartitionId;
use headwater_fold::{
    ColumnType, Damaged, FeatureColumns, Shown, StoredRow, Table, Value,
    codec::{read_key_value, write_key_value},
};

use super::{cursor::Cursor, merge::merge, writer::RowWriter};
use crate::{Error, moment::KeyAndRow, scan::BatchReader};

/// The bytes of a pane's beginning at the end of its key.
const PANE_BYTES: usize = 8;
/// Where a row tells its window's end.
const WINDOW_END: usize = 1;
/// Where it tells when that closed, if panes close.
const CLOSED_AT: usize = 2;

/// A partition's panes with the next one taken off.
struct Head {
    cursor: Cursor,
    next: Option<KeyAndRow>,
}

/// Reads all partitions in the order of keys, entity by entity.
pub(crate) struct SlideReader {
    table: Arc<Table>,
    window: (i64, i64),
    waiting: Vec<Cursor>,
    heads: Vec<Head>,
    writer: RowWriter,
    left: usize,
}

impl SlideReader {
    pub(crate) fn new(
        table: Arc<Table>,
        window: (i64, i64),
        cursors: Vec<Cursor>,
        writer: RowWriter,
        left: usize,
    ) -> Self {
        Self { table, window, waiting: cursors, heads: Vec::new(), writer, left }
    }

    /// Adds the next entity's window; `false` if there is none. An entity without events in it has no row.
    fn push_next(&mut self) -> Result<bool, Error> {
        for mut cursor in self.waiting.drain(..) {
            let next = cursor.next()?;
            self.heads.push(Head { cursor, next });
        }
        loop {
            let keys = self.heads.iter().filter_map(|head| Some(&head.next.as_ref()?.0));
            let Some(least) = keys.min() else { return Ok(false) };
            let entity = entity_of(least).to_vec();
            let Some((at, row)) = self.take(&entity)? else { continue };
            let mut key = entity;
            write_key_value(&Value::Timestamp(self.window.0), &mut key);
            let row = self.ends_now(&row).map_err(|damage| self.damaged(at, &damage))?;
            self.writer.push(at, &key, &row)?;
            return Ok(true);
        }
    }

    /// Takes all panes of an entity, and merges those of the window.
    fn take(&mut self, entity: &[u8]) -> Result<Option<(PartitionId, Vec<u8>)>, Error> {
        let table = Arc::clone(&self.table);
        let features = features_of(&table)?;
        let mut merged: Option<(PartitionId, Vec<u8>)> = None;
        for head in &mut self.heads {
            let at = head.cursor.rows().id();
            let damaged = |damage| Error::damaged(&table.full_name(), at, &damage);
            while let Some((key, row)) = head.next.take_if(|(key, _)| entity_of(key) == entity) {
                head.next = head.cursor.next()?;
                let start = start_of(&key).map_err(damaged)?;
                if start < self.window.0 || start >= self.window.1 {
                    continue;
                }
                merged = Some(match merged.take() {
                    None => (at, row),
                    Some(before) => merge(features, before, (at, row)).map_err(damaged)?,
                });
            }
        }
        Ok(merged)
    }

    /// The window ends at the read's time, and so is not closed.
    fn ends_now(&self, stored: &[u8]) -> Result<Vec<u8>, Damaged> {
        let StoredRow { mut row, provenance } = StoredRow::decode(stored)?;
        let closes = self.table.stored.iter().any(|column| column.name == "closed_at");
        for (place, value) in row.values.iter_mut().enumerate() {
            match place {
                WINDOW_END => *value = Value::Timestamp(self.window.1),
                CLOSED_AT if closes => *value = Value::Null,
                _ => {}
            }
        }
        Ok(row.encode(provenance))
    }

    fn damaged(&self, at: PartitionId, damage: &Damaged) -> Error {
        Error::damaged(&self.table.full_name(), at, damage)
    }
}

/// What a table's rows are merged by.
fn features_of(table: &Table) -> Result<&FeatureColumns, Error> {
    match &table.shown {
        Shown::Features(features) => Ok(features),
        Shown::AsStored => {
            Err(Error::failed(format!("table {} can't be merged", table.full_name())))
        }
    }
}

/// A key without the pane.
fn entity_of(key: &[u8]) -> &[u8] {
    key.get(..key.len().saturating_sub(PANE_BYTES)).unwrap_or_default()
}

fn start_of(key: &[u8]) -> Result<i64, Damaged> {
    let mut pane = key.get(key.len().saturating_sub(PANE_BYTES)..).unwrap_or_default();
    match read_key_value(ColumnType::Timestamp, &mut pane)? {
        Value::Timestamp(start) => Ok(start),
        _ => Err(Damaged("pane")),
    }
}

impl BatchReader for SlideReader {
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
