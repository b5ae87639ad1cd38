//! One group of a sealed file's rows as it is read.

use std::sync::OnceLock;

use arrow::array::{Array, BinaryViewArray, BooleanArray, Int64Array};
use parquet::arrow::arrow_reader::RowSelection;

use crate::{
    Result, SealedFile,
    column::Reader,
    layout::{KEY, OFFSET},
};

/// Where `_appended_at_ms` and `_removed` stand.
const APPENDED: usize = 2;
const REMOVED: usize = 3;
/// If fewer rows than one in so many are wanted, only those are decoded: skipping costs more than decoding
/// where most are.
const SPARSE: usize = 16;
/// A row's usual length.
const ROW_BYTES: usize = 128;

/// Keys and offsets of a group, and its other columns once a row was asked for.
#[derive(Debug)]
pub(crate) struct Group {
    index: usize,
    keys: BinaryViewArray,
    offsets: Int64Array,
    content: OnceLock<Content>,
}

/// The other columns, of all rows or of those that were wanted.
#[derive(Debug)]
struct Content {
    /// The rows that were read, in order; `None` for all.
    rows: Option<Vec<usize>>,
    appended: Int64Array,
    removed: BooleanArray,
    columns: Vec<Reader>,
}

impl Group {
    /// Reads keys and offsets.
    pub(crate) fn read(file: &SealedFile, index: usize) -> Result<Self> {
        let batch = file.read(index, [KEY, OFFSET], None)?;
        let batch = batch.ok_or_else(|| file.damaged("a group without rows"))?;
        let keys = batch.column(KEY).as_any().downcast_ref::<BinaryViewArray>();
        let offsets = batch.column(OFFSET).as_any().downcast_ref::<Int64Array>();
        let (keys, offsets) =
            keys.zip(offsets).ok_or_else(|| file.damaged("key or offset of another type"))?;
        let (keys, offsets) = (keys.clone(), offsets.clone());
        Ok(Self { index, keys, offsets, content: OnceLock::new() })
    }

    pub(crate) fn rows(&self) -> usize {
        self.keys.len()
    }

    /// A row's key, without the view's version.
    pub(crate) fn key(&self, row: usize) -> &[u8] {
        self.keys.value(row)
    }

    pub(crate) fn offset(&self, row: usize) -> i64 {
        self.offsets.value(row)
    }

    /// The first row whose key is not before this one.
    pub(crate) fn from(&self, key: &[u8]) -> usize {
        let (mut first, mut end) = (0, self.rows());
        while first < end {
            let middle = first + (end - first) / 2;
            match self.key(middle) < key {
                true => first = middle + 1,
                false => end = middle,
            }
        }
        first
    }

    /// A row as it was stored; `None` if its event removed it. `wanted` are the rows that may be asked
    /// for.
    pub(crate) fn stored(
        &self,
        file: &SealedFile,
        wanted: &[usize],
        row: usize,
    ) -> Result<Option<Vec<u8>>> {
        let content = match self.content.get() {
            Some(content) => content,
            None => {
                let read = Content::read(file, self.index, self.rows(), wanted)?;
                self.content.get_or_init(|| read)
            }
        };
        let place = match &content.rows {
            None => Some(row),
            Some(rows) => rows.binary_search(&row).ok(),
        };
        let place = place.ok_or_else(|| file.damaged("a row that was not read"))?;
        if content.removed.value(place) {
            return Ok(None);
        }
        let offset = u64::try_from(self.offset(row)).map_err(|e| file.damaged(e))?;
        let mut stored = Vec::with_capacity(ROW_BYTES);
        stored.extend_from_slice(&offset.to_le_bytes());
        stored.extend_from_slice(&content.appended.value(place).to_le_bytes());
        for column in &content.columns {
            column.write(place, &mut stored);
        }
        Ok(Some(stored))
    }
}

impl Content {
    fn read(file: &SealedFile, index: usize, all: usize, wanted: &[usize]) -> Result<Self> {
        let rows = (wanted.len() < all / SPARSE).then(|| wanted.to_vec());
        let selection = rows.as_ref().map(|rows| {
            let ranges = rows.iter().map(|row| *row..row + 1);
            RowSelection::from_consecutive_ranges(ranges, all)
        });
        let count = rows.as_ref().map_or(all, Vec::len);
        let columns = [APPENDED, REMOVED].into_iter().chain(file.before_content..file.columns());
        let batch = file.read(index, columns, selection)?.filter(|b| b.num_rows() == count);
        let batch = batch.ok_or_else(|| file.damaged("columns of different lengths"))?;
        let mut columns = batch.columns().iter();
        let (appended, removed) = (columns.next(), columns.next());
        let appended = appended.and_then(|a| a.as_any().downcast_ref::<Int64Array>()).cloned();
        let removed = removed.and_then(|a| a.as_any().downcast_ref::<BooleanArray>()).cloned();
        let (appended, removed) =
            appended.zip(removed).ok_or_else(|| file.damaged("provenance of another type"))?;
        let columns =
            columns.map(Reader::new).collect::<Result<_, _>>().map_err(|e| file.damaged(e))?;
        Ok(Self { rows, appended, removed, columns })
    }
}
