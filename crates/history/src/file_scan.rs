//! Reading a sealed file: keys and offsets first, the other columns only of the rows that are wanted.

use std::{ops::Range, vec};

use arrow::array::{Array, BinaryArray, BooleanArray, Int64Array};
use arrow::record_batch::RecordBatch;
use bytes::Bytes;
use headwater_store::Entry;
use parquet::arrow::arrow_reader::RowSelection;

use crate::{
    Result, SealedFile,
    column::Reader,
    layout::{KEY, OFFSET},
};

/// Where `_appended_at_ms` and `_removed` stand among the columns that are read second.
const APPENDED: usize = 2;
const REMOVED: usize = 3;

/// Keys within a range, without the view's version; no end means to the last.
#[derive(Debug, Clone)]
pub(crate) struct KeyRange {
    pub(crate) start: Vec<u8>,
    pub(crate) end: Option<Vec<u8>>,
}

impl KeyRange {
    fn is_before_end(&self, key: &[u8]) -> bool {
        self.end.as_ref().is_none_or(|end| key < end.as_slice())
    }
}

/// Of each key in a range, in order, the newest version at or before an offset in this file.
///
/// A key whose versions stand in several groups comes once for each; the last one is the newest.
#[derive(Debug)]
pub struct FileScan {
    file: SealedFile,
    range: KeyRange,
    at: i64,
    groups: Range<usize>,
    found: vec::IntoIter<Entry>,
}

impl FileScan {
    pub(crate) fn new(file: SealedFile, range: KeyRange, at: u64) -> Self {
        let first = file.groups.partition_point(|(_, last)| *last < range.start);
        let end = file.groups.partition_point(|(first, _)| range.is_before_end(first));
        let at = i64::try_from(at).unwrap_or(i64::MAX);
        Self { file, range, at, groups: first..end.max(first), found: Vec::new().into_iter() }
    }

    fn read_group(&self, group: usize) -> Result<Vec<Entry>> {
        let Some(batch) = self.file.read(group, [KEY, OFFSET], None)? else {
            return Ok(Vec::new());
        };
        let (keys, offsets) = keys_and_offsets(&self.file, &batch)?;
        let mut wanted = Vec::new();
        let mut key: Option<&[u8]> = None;
        for row in 0..keys.len() {
            let here = keys.value(row);
            if here < self.range.start.as_slice() || offsets.value(row) > self.at {
                continue;
            }
            if !self.range.is_before_end(here) {
                break;
            }
            if key == Some(here) {
                wanted.pop();
            }
            wanted.push(row);
            key = Some(here);
        }
        entries(&self.file, group, &wanted, keys, offsets)
    }
}

impl Iterator for FileScan {
    type Item = Result<Entry>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(entry) = self.found.next() {
                return Some(Ok(entry));
            }
            let group = self.groups.next()?;
            match self.read_group(group) {
                Ok(found) => self.found = found.into_iter(),
                Err(error) => {
                    self.groups = 0..0;
                    return Some(Err(error));
                }
            }
        }
    }
}

/// Every version in a file, by key and offset.
#[derive(Debug)]
pub struct FileVersions {
    file: SealedFile,
    groups: Range<usize>,
    found: vec::IntoIter<Entry>,
}

impl FileVersions {
    pub(crate) fn new(file: SealedFile) -> Self {
        let groups = 0..file.groups.len();
        Self { file, groups, found: Vec::new().into_iter() }
    }

    fn read_group(&self, group: usize) -> Result<Vec<Entry>> {
        let Some(batch) = self.file.read(group, [KEY, OFFSET], None)? else {
            return Ok(Vec::new());
        };
        let (keys, offsets) = keys_and_offsets(&self.file, &batch)?;
        let all: Vec<usize> = (0..keys.len()).collect();
        entries(&self.file, group, &all, keys, offsets)
    }
}

impl Iterator for FileVersions {
    type Item = Result<Entry>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(entry) = self.found.next() {
                return Some(Ok(entry));
            }
            let group = self.groups.next()?;
            match self.read_group(group) {
                Ok(found) => self.found = found.into_iter(),
                Err(error) => {
                    self.groups = 0..0;
                    return Some(Err(error));
                }
            }
        }
    }
}

fn keys_and_offsets<'a>(
    file: &SealedFile,
    batch: &'a RecordBatch,
) -> Result<(&'a BinaryArray, &'a Int64Array)> {
    let keys = batch.column(KEY).as_any().downcast_ref::<BinaryArray>();
    let offsets = batch.column(OFFSET).as_any().downcast_ref::<Int64Array>();
    keys.zip(offsets).ok_or_else(|| file.damaged("key or offset of another type"))
}

/// The wanted rows of a group as they were stored.
fn entries(
    file: &SealedFile,
    group: usize,
    wanted: &[usize],
    keys: &BinaryArray,
    offsets: &Int64Array,
) -> Result<Vec<Entry>> {
    if wanted.is_empty() {
        return Ok(Vec::new());
    }
    let total = file.group_rows(group);
    let selection = (wanted.len() < total).then(|| {
        let ranges = wanted.iter().map(|row| *row..row + 1);
        RowSelection::from_consecutive_ranges(ranges, total)
    });
    let columns = [APPENDED, REMOVED].into_iter().chain(file.before_content..file.columns());
    let batch = file.read(group, columns, selection)?.filter(|b| b.num_rows() == wanted.len());
    let batch = batch.ok_or_else(|| file.damaged("columns of different lengths"))?;
    let mut columns = batch.columns().iter();
    let (appended, removed) = (columns.next(), columns.next());
    let appended = appended.and_then(|a| a.as_any().downcast_ref::<Int64Array>());
    let removed = removed.and_then(|a| a.as_any().downcast_ref::<BooleanArray>());
    let (appended, removed) =
        appended.zip(removed).ok_or_else(|| file.damaged("provenance of another type"))?;
    let content: Vec<Reader> =
        columns.map(Reader::new).collect::<Result<_, _>>().map_err(|e| file.damaged(e))?;
    let mut out = Vec::with_capacity(wanted.len());
    for (place, row) in wanted.iter().enumerate() {
        let offset = u64::try_from(offsets.value(*row)).map_err(|e| file.damaged(e))?;
        let mut key = Vec::with_capacity(file.view.len() + keys.value(*row).len());
        key.extend_from_slice(&file.view);
        key.extend_from_slice(keys.value(*row));
        let stored = (!removed.value(place)).then(|| {
            let mut stored = Vec::with_capacity(128);
            stored.extend_from_slice(&offset.to_le_bytes());
            stored.extend_from_slice(&appended.value(place).to_le_bytes());
            for column in &content {
                column.write(place, &mut stored);
            }
            Bytes::from(stored)
        });
        out.push(Entry { key: key.into(), offset, row: stored });
    }
    Ok(out)
}
