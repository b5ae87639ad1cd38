//! Stored rows to batches of the wanted columns.

use std::sync::Arc;

use arrow::{
    datatypes::SchemaRef,
    record_batch::{RecordBatch, RecordBatchOptions},
};
use headwater_event::{Offset, PartitionId};
use headwater_fold::{Damaged, Provenance, Shown, StoredRow, Table, Value, codec};

use super::{columns::ColumnBuilder, schema::Origin};
use crate::{Error, Limits};

/// Builds batches from rows; decodes only what the wanted columns need.
pub(crate) struct RowWriter {
    table: Arc<Table>,
    schema: SchemaRef,
    builders: Vec<(Origin, ColumnBuilder)>,
    /// Places in `builders`, so that a walk over a row finds where each value goes.
    project: Option<usize>,
    keys: Vec<Option<usize>>,
    /// First who wrote the row, then the stored columns if they are shown as they are.
    content: Vec<Option<usize>>,
    wants_key: bool,
    shows_features: bool,
    rows: usize,
    bytes: usize,
    rows_max: usize,
    bytes_max: usize,
}

impl RowWriter {
    /// A writer of these columns, each with where it comes from.
    pub(crate) fn new(
        table: Arc<Table>,
        schema: SchemaRef,
        origins: &[Origin],
        limits: &Limits,
    ) -> Self {
        let place = |wanted: Origin| origins.iter().position(|origin| *origin == wanted);
        let keys: Vec<_> = (0..table.key.len()).map(|n| place(Origin::Key(n))).collect();
        let as_stored = table.shown == Shown::AsStored;
        let mut content = vec![place(Origin::EventSource), place(Origin::EventId)];
        if as_stored {
            content.extend((0..table.stored.len()).map(|n| place(Origin::Value(n))));
        }
        while content.last().is_some_and(Option::is_none) {
            content.pop();
        }
        let project = place(Origin::Project);
        let builders = origins.iter().zip(schema.fields());
        Self {
            wants_key: project.is_some() || keys.iter().any(Option::is_some),
            shows_features: !as_stored && origins.iter().any(|o| matches!(o, Origin::Value(_))),
            builders: builders
                .map(|(origin, field)| (*origin, ColumnBuilder::new(field.data_type())))
                .collect(),
            table,
            schema,
            project,
            keys,
            content,
            rows: 0,
            bytes: 0,
            rows_max: limits.batch_rows,
            bytes_max: limits.batch_bytes_max,
        }
    }

    /// Whether the batch has as much as a batch should.
    pub(crate) fn is_full(&self) -> bool {
        self.rows >= self.rows_max || self.bytes >= self.bytes_max
    }

    /// Adds a row.
    pub(crate) fn push(&mut self, at: PartitionId, key: &[u8], row: &[u8]) -> Result<(), Error> {
        self.rows += 1;
        self.bytes += key.len() + row.len();
        self.try_push(at, key, row).map_err(|error| match error {
            NotShown::Damaged(damage) => Error::damaged(&self.table.full_name(), at, &damage),
            NotShown::Other(what) => {
                Error::failed(format!("feature view {}: {what}", self.table.name))
            }
        })
    }

    fn try_push(&mut self, at: PartitionId, key: &[u8], row: &[u8]) -> Result<(), NotShown> {
        if self.wants_key {
            self.push_key(key)?;
        }
        if self.shows_features {
            let stored = StoredRow::decode(row)?;
            self.push_content(StoredRow::content(row))?;
            self.push_place(at, stored.provenance);
            return self.push_features(&stored.row.values);
        }
        self.push_place(at, provenance(row)?);
        self.push_content(StoredRow::content(row))?;
        Ok(())
    }

    fn push_key(&mut self, key: &[u8]) -> Result<(), Damaged> {
        let mut rest = key.get(codec::TABLE_PREFIX_BYTES..).ok_or(Damaged("key"))?;
        let project = codec::read_key_text(&mut rest)?;
        if let Some((_, builder)) = self.project.and_then(|place| self.builders.get_mut(place)) {
            builder.push_text(&project);
        }
        for (column, place) in self.table.key.iter().zip(&self.keys) {
            let value = codec::read_key_value(column.column_type, &mut rest)?;
            if let Some((_, builder)) = place.and_then(|place| self.builders.get_mut(place)) {
                builder.push(&value)?;
            }
        }
        Ok(())
    }

    /// Walks over the content as far as wanted columns reach.
    fn push_content(&mut self, content: &[u8]) -> Result<(), Damaged> {
        let mut rest = content;
        for place in &self.content {
            let builder = place.and_then(|place| self.builders.get_mut(place));
            let Some((_, builder)) = builder else {
                codec::skip_value(&mut rest)?;
                continue;
            };
            builder.push(&codec::read_value(&mut rest)?)?;
        }
        Ok(())
    }

    fn push_place(&mut self, at: PartitionId, provenance: Provenance) {
        for (origin, builder) in &mut self.builders {
            match origin {
                Origin::Partition => builder.push_text(&at.to_string()),
                Origin::Offset => {
                    builder
                        .push_integer(Some(i64::try_from(provenance.offset.0).unwrap_or(i64::MAX)));
                }
                Origin::AppendedAt => {
                    builder.push_integer(Some(provenance.appended_at_ms.saturating_mul(1_000)));
                }
                _ => {}
            }
        }
    }

    fn push_features(&mut self, stored: &[Value]) -> Result<(), NotShown> {
        let Shown::Features(features) = &self.table.shown else { return Ok(()) };
        let shown = features.show(stored).map_err(|error| NotShown::Other(error.to_string()))?;
        for (origin, builder) in &mut self.builders {
            if let Origin::Value(place) = origin {
                builder.push(shown.get(*place).ok_or(Damaged("feature row"))?)?;
            }
        }
        Ok(())
    }

    /// The batch; `None` if it has no rows. The next one begins.
    pub(crate) fn finish(&mut self) -> Result<Option<RecordBatch>, Error> {
        if self.rows == 0 {
            return Ok(None);
        }
        let options = RecordBatchOptions::new().with_row_count(Some(self.rows));
        let columns = self.builders.iter_mut().map(|(_, builder)| builder.finish()).collect();
        (self.rows, self.bytes) = (0, 0);
        RecordBatch::try_new_with_options(Arc::clone(&self.schema), columns, &options)
            .map(Some)
            .map_err(|error| Error::failed(format!("table {}: {error}", self.table.full_name())))
    }
}

/// Why a row is no row of the table.
enum NotShown {
    Damaged(Damaged),
    Other(String),
}

impl From<Damaged> for NotShown {
    fn from(damage: Damaged) -> Self {
        Self::Damaged(damage)
    }
}

/// Where a stored row comes from, without reading the rest; drawn in `headwater_fold::codec`.
fn provenance(row: &[u8]) -> Result<Provenance, Damaged> {
    let (offset, rest) = row.split_first_chunk().ok_or(Damaged("row"))?;
    let appended_at = rest.first_chunk().ok_or(Damaged("row"))?;
    Ok(Provenance {
        offset: Offset(u64::from_le_bytes(*offset)),
        appended_at_ms: i64::from_le_bytes(*appended_at),
    })
}
