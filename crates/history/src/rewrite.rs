//! Retention: the sealed pieces before a horizon become one a view, with the newest version of each key.
//!
//! Reads as of the horizon and later find what they found before; what is older is gone, and the new
//! piece says how much: how many versions, and the sum of their hashes, so that the view's digest over
//! all of its history is still accounted for.

use std::sync::Arc;

use headwater_fold::{StoredRow, Table, row_hash};
use headwater_store::{Entry, PartitionStore, SealedRange, Snapshot};

use crate::{Dropped, Error, FileScan, History, Piece, Result, layout::Layout, seal::write};

/// Rewrites what is sealed before `horizon`, a multiple of the length of a stretch; answers what it
/// dropped. Views whose table is not known are left as they are: their hashes can't be told.
pub fn rewrite(
    store: &PartitionStore,
    snapshot: &Snapshot,
    history: &History,
    horizon: u64,
    table: &dyn Fn([u8; 8]) -> Option<Arc<Table>>,
) -> Result<Dropped> {
    let mut dropped = Dropped::default();
    let sealed = snapshot.all_sealed()?;
    for of_view in sealed.chunk_by(|(a, _), (b, _)| a.view == b.view) {
        let before = of_view.iter().filter(|(range, _)| range.to <= horizon);
        let pieces = before
            .map(|(range, bytes)| Ok((*range, Piece::from_bytes(bytes)?)))
            .collect::<Result<Vec<_>>>()?;
        let Some(view) = pieces.first().map(|(range, _)| range.view) else { continue };
        if let Some(table) = table(view) {
            dropped = dropped.and(rewrite_view(store, history, &table, &pieces)?);
        }
    }
    Ok(dropped)
}

fn rewrite_view(
    store: &PartitionStore,
    history: &History,
    table: &Table,
    pieces: &[(SealedRange, Piece)],
) -> Result<Dropped> {
    let (Some((first, _)), Some((last, _))) = (pieces.first(), pieces.last()) else {
        return Ok(Dropped::default());
    };
    let range = SealedRange { view: first.view, from: first.from, to: last.to };
    let mut versions = Newest { table, sources: Vec::new(), dropped: Dropped::default() };
    for (range, piece) in pieces {
        let mut rest = history.versions(range, piece)?;
        let head = rest.next().transpose()?;
        versions.sources.push(Source { head, rest });
    }
    let layout = Layout::of(table);
    let mut piece = write(history, &range, &layout, versions.by_ref())?;
    let dropped = versions.dropped;
    if dropped.is_none() {
        // Nothing was superseded. The file that was just written is swept in time.
        history.retire(&piece);
        return Ok(dropped);
    }
    piece.dropped = pieces.iter().fold(dropped, |sum, (_, piece)| sum.and(piece.dropped));
    let gone: Vec<SealedRange> = pieces.iter().map(|(range, _)| *range).collect();
    // A piece over the same offsets replaces the one that it was made of.
    store.reseal(&gone, &[(range, piece.to_bytes())])?;
    for (_, old) in pieces.iter().filter(|(_, old)| old.file != piece.file) {
        history.retire(old);
    }
    Ok(dropped)
}

/// Of each key the newest version, from files in the order of offsets; counts the others.
struct Newest<'a> {
    table: &'a Table,
    sources: Vec<Source>,
    dropped: Dropped,
}

struct Source {
    head: Option<Entry>,
    rest: FileScan,
}

impl Newest<'_> {
    fn step(&mut self) -> Result<Option<Entry>> {
        loop {
            let keys = self.sources.iter().filter_map(|source| Some(&source.head.as_ref()?.key));
            let Some(key) = keys.min().cloned() else { return Ok(None) };
            let mut newest: Option<Entry> = None;
            for place in 0..self.sources.len() {
                while let Some(entry) = self.take(place, &key)? {
                    if let Some(older) = newest.replace(entry) {
                        self.drop(&older)?;
                    }
                }
            }
            let Some(newest) = newest else { continue };
            // Before the horizon there is no difference between removed and never there.
            if newest.row.is_some() {
                return Ok(Some(newest));
            }
            self.drop(&newest)?;
        }
    }

    fn take(&mut self, place: usize, key: &[u8]) -> Result<Option<Entry>> {
        let Some(source) = self.sources.get_mut(place) else { return Ok(None) };
        let Some(entry) = source.head.take_if(|head| *head.key == *key) else { return Ok(None) };
        source.head = source.rest.next().transpose()?;
        Ok(Some(entry))
    }

    fn drop(&mut self, version: &Entry) -> Result<()> {
        let content = version.row.as_deref().map(StoredRow::content);
        // As the fold hashes a removal: see `headwater_fold`, batch.
        let content = content.unwrap_or_default();
        let key = self.table.content_key(&version.key);
        let hash = row_hash(&self.table.version, key, content);
        let more = Dropped { versions: 1, sum: hash };
        self.dropped = self.dropped.and(more);
        Ok(())
    }
}

impl Iterator for Newest<'_> {
    type Item = Result<Entry, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        self.step().transpose()
    }
}
