//! A partition's rows and all that is kept of their history: the tail and the sealed files.

use std::{collections::BTreeMap, sync::Arc};

use headwater_engine::Result;
use headwater_event::Offset;
use headwater_fold::Table;
use headwater_history::{Dropped, History, PastRows, Piece};
use headwater_store::{Entry, SealedRange, Snapshot, Version};

use crate::at::{KeyAndRow, RowsAt};

/// A partition at one moment.
#[derive(Debug, Clone)]
pub(crate) struct Stored {
    pub(crate) snapshot: Snapshot,
    history: Arc<History>,
}

impl Stored {
    /// What a store shows, with the sealed files that its manifest names.
    pub(crate) fn new(snapshot: Snapshot, history: History) -> Self {
        Self { snapshot, history: Arc::new(history) }
    }

    /// The rows as they were once `at` was folded.
    pub(crate) fn rows_at(&self, at: Offset) -> Result<PastRows> {
        Ok(PastRows::new(self.snapshot.clone(), Arc::clone(&self.history), at.0)?)
    }

    /// Every version up to an offset, in no order; files are read one after the other.
    pub(crate) fn versions(&self, until: u64) -> Result<impl Iterator<Item = Result<Version>>> {
        let history = Arc::clone(&self.history);
        let sealed = self.pieces()?.into_iter().flat_map(move |(range, piece)| {
            let (file, failed) = match history.versions(&range, &piece) {
                Ok(file) => (Some(file), None),
                Err(error) => (None, Some(Err(error.into()))),
            };
            let versions = file.into_iter().flatten();
            failed.into_iter().chain(versions.map(|entry| Ok(version(entry?))))
        });
        let tail = self.snapshot.scan_versions().map(|version| version.map_err(Into::into));
        let within = move |v: &Result<Version>| v.as_ref().map_or(true, |v| v.offset <= until);
        Ok(sealed.chain(tail).filter(within))
    }

    /// Every version of one table up to an offset, by offset and key. Only to find the first of two
    /// that differ: a stretch at a time is in memory. What can't be read ends it, and was told before.
    pub(crate) fn in_order(&self, table: &Table, until: u64) -> impl Iterator<Item = Version> {
        let prefix = table.prefix();
        let (history, pieces) = (Arc::clone(&self.history), self.pieces().unwrap_or_default());
        let sealed = pieces.into_iter().filter(move |(range, _)| range.view == prefix);
        let sealed = sealed.map_while(move |(range, piece)| {
            let versions = history.versions(&range, &piece).ok()?;
            let mut versions: Vec<Version> = versions.map_while(Result::ok).map(version).collect();
            versions.sort_by(|a, b| (a.offset, &a.key).cmp(&(b.offset, &b.key)));
            Some(versions)
        });
        let tail = self.snapshot.scan_versions().map_while(std::result::Result::ok);
        let tail = tail.filter(move |version| version.key.starts_with(&prefix));
        let versions = sealed.flatten().chain(ByKey::new(tail));
        versions.filter(move |version| version.offset <= until)
    }

    /// What retention took of each view.
    pub(crate) fn dropped(&self) -> Result<BTreeMap<[u8; 8], Dropped>> {
        let mut dropped: BTreeMap<[u8; 8], Dropped> = BTreeMap::new();
        for (range, piece) in self.pieces()?.into_iter().filter(|(_, p)| !p.dropped.is_none()) {
            let sum = dropped.entry(range.view).or_default();
            *sum = sum.and(piece.dropped);
        }
        Ok(dropped)
    }

    fn pieces(&self) -> Result<Vec<(SealedRange, Piece)>> {
        let sealed = self.snapshot.all_sealed()?.into_iter();
        sealed.map(|(range, bytes)| Ok((range, Piece::from_bytes(&bytes)?))).collect()
    }
}

impl RowsAt for PastRows {
    fn scan(
        &self,
        prefix: [u8; headwater_fold::codec::TABLE_PREFIX_BYTES],
    ) -> Box<dyn Iterator<Item = Result<KeyAndRow>> + Send + '_> {
        match PastRows::scan(self, &prefix, &Table::after(&prefix)) {
            Ok(rows) => Box::new(rows.map(|row| row.map_err(Into::into))),
            Err(error) => Box::new(std::iter::once(Err(error.into()))),
        }
    }
}

fn version(entry: Entry) -> Version {
    let row = entry.row.map(|row| row.to_vec());
    Version { key: entry.key.to_vec(), offset: entry.offset, row }
}

/// Versions by offset, those of one offset by key: sealed files don't tell which of two rows an event
/// wrote first.
struct ByKey<I: Iterator<Item = Version>> {
    versions: std::iter::Peekable<I>,
    same: std::vec::IntoIter<Version>,
}

impl<I: Iterator<Item = Version>> ByKey<I> {
    fn new(versions: I) -> Self {
        Self { versions: versions.peekable(), same: Vec::new().into_iter() }
    }
}

impl<I: Iterator<Item = Version>> Iterator for ByKey<I> {
    type Item = Version;

    fn next(&mut self) -> Option<Version> {
        if let Some(version) = self.same.next() {
            return Some(version);
        }
        let first = self.versions.next()?;
        let mut same = vec![first];
        let offset = same.first().map(|version| version.offset);
        while let Some(next) = self.versions.next_if(|v| Some(v.offset) == offset) {
            same.push(next);
        }
        same.sort_by(|a, b| a.key.cmp(&b.key));
        self.same = same.into_iter();
        self.same.next()
    }
}
