//! From a stretch of the tail to files: one a view.

use std::sync::Arc;

use arrow::record_batch::RecordBatch;
use headwater_fold::{Damaged, StoredRow, Table, codec};
use headwater_store::{Entry, PartitionStore, Sealed, SealedRange, Stretch};
use parquet::{
    arrow::ArrowWriter,
    basic::{Compression, Encoding},
    file::properties::{EnabledStatistics, WriterProperties},
    schema::types::ColumnPath,
};

use crate::{
    Error, History, Piece, Result,
    column::Builder,
    folder::Fresh,
    layout::{GROUP_ROWS, Layout, PLACE_COLUMNS},
    piece::{Dropped, FORMAT},
};

/// What was sealed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct SealReport {
    /// How many versions.
    pub versions: u64,
    /// Into how many files.
    pub files: usize,
    /// Of how many bytes together.
    pub bytes: u64,
}

/// Seals a stretch: writes its files and swaps them for its part of the tail.
///
/// `table` tells the table of a view's version, as far as it is known.
pub fn seal(
    store: &Arc<PartitionStore>,
    history: &History,
    stretch: &Stretch,
    table: &dyn Fn([u8; 8]) -> Option<Arc<Table>>,
) -> Result<SealReport> {
    let mut pieces: Vec<Sealed> = Vec::new();
    let mut replaced: Vec<Piece> = Vec::new();
    let mut report = SealReport::default();
    for versions in stretch.versions.chunk_by(|a, b| view_of(a) == view_of(b)) {
        let Some(first) = versions.first() else { continue };
        let view = view_of(first).ok_or_else(|| Error::corrupt("a key without a view".into()))?;
        let range = SealedRange { view, from: stretch.from, to: stretch.to };
        let earlier = sealed_before(store, history, &range)?;
        let versions = match &earlier {
            None => versions.to_vec(),
            Some((_, sealed)) => {
                let mut both: Vec<Entry> = sealed.iter().chain(versions).cloned().collect();
                both.sort_by(|a, b| a.key.cmp(&b.key).then(a.offset.cmp(&b.offset)));
                both
            }
        };
        let layout = match table(view) {
            Some(table) => Layout::of(&table),
            None => {
                let rows = versions.iter().filter_map(|version| version.row.as_deref());
                Layout::guess(view, rows)
                    .map_err(|damage| Error::corrupt(format!("a row of the tail: {damage}")))?
            }
        };
        let piece = write(history, &range, &layout, versions.iter().cloned().map(Ok))?;
        report.versions += piece.versions;
        report.files += 1;
        report.bytes += piece.bytes;
        replaced.extend(earlier.map(|(earlier, _)| earlier).filter(|e| e.file != piece.file));
        pieces.push((range, piece.to_bytes()));
    }
    store.seal(stretch, &pieces)?;
    replaced.iter().for_each(|piece| history.retire(piece));
    Ok(report)
}

/// What is sealed of the same offsets: a view that was folded afterwards has in one stretch both what
/// was moved in and what was folded from then on. Both become one file.
fn sealed_before(
    store: &Arc<PartitionStore>,
    history: &History,
    range: &SealedRange,
) -> Result<Option<(Piece, Vec<Entry>)>> {
    let sealed = store.snapshot().sealed(range.view)?;
    let Some((_, bytes)) = sealed.iter().find(|(sealed, _)| sealed == range) else {
        return Ok(None);
    };
    let piece = Piece::from_bytes(bytes)?;
    let versions = history.versions(range, &piece)?.collect::<Result<Vec<_>>>()?;
    Ok(Some((piece, versions)))
}

/// Writes the file of these versions, all of one view, by key and offset.
pub(crate) fn write(
    history: &History,
    range: &SealedRange,
    layout: &Layout,
    versions: impl Iterator<Item = Result<Entry>>,
) -> Result<Piece> {
    let named = |what: &dyn std::fmt::Display| {
        let view: String = range.view.iter().map(|byte| format!("{byte:02x}")).collect();
        Error::corrupt(format!("history of view {view} from offset {}: {what}", range.from))
    };
    let failed = |error: Failed| match error {
        Failed::Damaged(damage) => named(&damage),
        Failed::Parquet(error) => named(&error),
        Failed::Read(error) => error,
    };
    let mut ends = Ends::default();
    let versions = versions.inspect(|version| ends.take(version));
    let file = to_parquet(layout, versions, history.begin(range)?).map_err(failed)?;
    let (file, bytes, blake3) = history.place(file)?;
    Ok(Piece {
        format: FORMAT,
        file,
        bytes,
        blake3,
        versions: ends.versions,
        last_offset: ends.offset,
        first_key: ends.first,
        last_key: ends.last,
        dropped: Dropped::default(),
    })
}

/// What the manifest tells of the keys.
#[derive(Debug, Default)]
struct Ends {
    versions: u64,
    offset: u64,
    first: Vec<u8>,
    last: Vec<u8>,
}

impl Ends {
    fn take(&mut self, version: &Result<Entry>) {
        let Ok(version) = version else { return };
        if self.versions == 0 {
            self.first = version.key.to_vec();
        }
        self.versions += 1;
        self.offset = self.offset.max(version.offset);
        self.last.clear();
        self.last.extend_from_slice(&version.key);
    }
}

fn view_of(version: &Entry) -> Option<[u8; 8]> {
    version.key.first_chunk().copied()
}

enum Failed {
    Read(Error),
    Damaged(Damaged),
    Parquet(parquet::errors::ParquetError),
}

impl From<Damaged> for Failed {
    fn from(damage: Damaged) -> Self {
        Self::Damaged(damage)
    }
}

impl From<parquet::errors::ParquetError> for Failed {
    fn from(error: parquet::errors::ParquetError) -> Self {
        Self::Parquet(error)
    }
}

impl From<arrow::error::ArrowError> for Failed {
    fn from(error: arrow::error::ArrowError) -> Self {
        Self::Parquet(error.into())
    }
}

fn to_parquet(
    layout: &Layout,
    mut versions: impl Iterator<Item = Result<Entry>>,
    file: Fresh,
) -> Result<Fresh, Failed> {
    let schema = Arc::clone(&layout.schema);
    let mut writer = ArrowWriter::try_new(file, Arc::clone(&schema), Some(properties()))?;
    loop {
        let mut builders: Vec<Builder> =
            schema.fields().iter().map(|field| Builder::new(field.data_type())).collect();
        let mut rows = 0;
        for version in versions.by_ref().take(GROUP_ROWS) {
            push(layout, &mut builders, &version.map_err(Failed::Read)?)?;
            rows += 1;
        }
        if rows == 0 {
            return Ok(writer.into_inner()?);
        }
        let columns = builders.iter_mut().map(Builder::finish).collect();
        writer.write(&RecordBatch::try_new(Arc::clone(&schema), columns)?)?;
        writer.flush()?;
    }
}

/// Appends one version to every column.
fn push(layout: &Layout, builders: &mut [Builder], version: &Entry) -> Result<(), Damaged> {
    use headwater_fold::Value as V;
    let mut columns = builders.iter_mut();
    let mut next = || columns.next().ok_or(Damaged("row: more values than columns"));
    let key = version.key.get(codec::TABLE_PREFIX_BYTES..).ok_or(Damaged("key"))?;
    next()?.push(&V::Binary(key.to_vec()))?;
    next()?.push(&V::Int64(i64::try_from(version.offset).map_err(|_| Damaged("offset"))?))?;
    let row = version.row.as_deref();
    let provenance = row.map(StoredRow::provenance).transpose()?;
    if provenance.is_some_and(|of| of.offset.0 != version.offset) {
        return Err(Damaged("row: another offset than its version's"));
    }
    next()?.push(&provenance.map_or(V::Null, |of| V::Int64(of.appended_at_ms)))?;
    next()?.push(&V::Bool(row.is_none()))?;
    if builders_have_key(layout) {
        let mut rest = key;
        next()?.push(&V::Text(codec::read_key_text(&mut rest)?))?;
        for column_type in &layout.key {
            next()?.push(&codec::read_key_value(*column_type, &mut rest)?)?;
        }
    }
    let mut content = row.map(StoredRow::content).unwrap_or_default();
    while !content.is_empty() {
        next()?.push(&codec::read_value(&mut content)?)?;
    }
    // A removal has no content; a row has a value for each column.
    match (columns.next(), row) {
        (None, _) => {}
        (Some(first), None) => {
            first.push_null();
            columns.for_each(Builder::push_null);
        }
        (Some(_), Some(_)) => return Err(Damaged("row: fewer values than columns")),
    }
    Ok(())
}

fn builders_have_key(layout: &Layout) -> bool {
    layout.schema.fields().get(PLACE_COLUMNS).is_some_and(|field| field.name() == "project")
}

fn properties() -> WriterProperties {
    let key = ColumnPath::from("_key");
    let offset = ColumnPath::from("_offset");
    WriterProperties::builder()
        .set_compression(Compression::SNAPPY)
        .set_max_row_group_row_count(Some(GROUP_ROWS))
        // Reading seeks by the groups' first and last keys, which must be whole.
        .set_statistics_truncate_length(None)
        .set_statistics_enabled(EnabledStatistics::Chunk)
        .set_offset_index_disabled(true)
        // Keys and ids of events hardly repeat: a dictionary would be built in vain.
        .set_column_dictionary_enabled(key.clone(), false)
        .set_column_dictionary_enabled(ColumnPath::from("_event_id"), false)
        // Offsets of a key ascend, and hardly repeat.
        .set_column_dictionary_enabled(offset.clone(), false)
        .set_column_encoding(offset, Encoding::DELTA_BINARY_PACKED)
        .set_column_statistics_enabled(key, EnabledStatistics::Chunk)
        .build()
}
