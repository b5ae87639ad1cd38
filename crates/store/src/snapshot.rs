//! One moment of a partition, owned: queries carry it across threads while folding goes on.
//!
//! RocksDB's snapshot borrows its database, and its iterator borrows the snapshot. `self_cell` ties
//! each to its owner, so that both are ordinary values without a lifetime.

use std::sync::Arc;

use rocksdb::{DBRawIterator, ReadOptions, Snapshot as View};
use self_cell::self_cell;

use crate::error::{Error, Result};
use crate::merge::Versions;
use crate::meta;
use crate::options::Family;
use crate::partition::PartitionStore;
use crate::sealing::GENERATION;
use crate::tail::{self, Stream};
use crate::tail_index::{Tail, TailIndex};

self_cell!(
    struct OwnedView {
        owner: Arc<PartitionStore>,
        #[covariant]
        dependent: View,
    }
);

self_cell!(
    struct OwnedCursor {
        owner: Snapshot,
        #[covariant]
        dependent: DBRawIterator,
    }
);

/// A partition at one moment. Cloning is cheap. While it lives, RocksDB keeps what it shows, so it
/// should live as long as a query, not as long as a process.
#[derive(Clone)]
pub struct Snapshot(Arc<OwnedView>);

impl Snapshot {
    pub(crate) fn new(store: Arc<PartitionStore>) -> Self {
        Self(Arc::new(OwnedView::new(store, |store| store.db().snapshot())))
    }

    /// The row of `key`.
    pub fn get_latest(&self, key: &[u8]) -> Result<Option<Vec<u8>>> {
        self.get(Family::Latest, key)
    }

    /// A named value; an error if it is damaged.
    pub fn get_meta(&self, name: &str) -> Result<Option<Vec<u8>>> {
        let stored = self.get(Family::Meta, name.as_bytes())?;
        stored.map(|stored| meta::decode(&self.place(), name, &stored)).transpose()
    }

    /// What was kept for an event's identity.
    pub fn get_id(&self, id: &[u8; 16]) -> Result<Option<Vec<u8>>> {
        self.get(Family::Ids, id)
    }

    /// Rows by key from `start` up to and without `end`; an empty `end` means to the last row.
    pub fn scan_latest(&self, start: Vec<u8>, end: Vec<u8>) -> LatestRows {
        let mut options = ReadOptions::default();
        if end.is_empty() {
            options.set_total_order_seek(true);
        } else {
            // A range over several prefixes must not be cut to the first by the prefix filter.
            options
                .set_total_order_seek(start.get(..8).is_none() || start.get(..8) != end.get(..8));
            options.set_iterate_upper_bound(end.clone());
        }
        let empty = !end.is_empty() && start >= end;
        let rows = (!empty).then(|| self.cursor(Family::Latest, options, &start));
        LatestRows { rows }
    }

    /// Every version of the tail, by offset; those of one offset in the order of their commit. What
    /// is sealed is not among them.
    pub fn scan_versions(&self) -> Versions {
        Versions::new(self)
    }

    /// The tail by key. The first call after a seal reads all of it, later ones what is new.
    pub fn tail(&self) -> Result<Tail> {
        let generation = self.get_meta(GENERATION)?;
        let generation = generation.and_then(|g| g.try_into().ok()).map_or(0, u64::from_le_bytes);
        self.store().with_tail_index(|kept| {
            if kept.generation == generation {
                return kept.extend(self);
            }
            let mut index = TailIndex::new(generation);
            let tail = index.extend(self)?;
            // A snapshot of before the last seal needs an index of its own.
            if generation > kept.generation {
                *kept = index;
            }
            Ok(tail)
        })
    }

    pub(crate) fn tail_cursor(&self, start: &[u8]) -> Result<Cursor> {
        let mut options = ReadOptions::default();
        options.fill_cache(false); // history is read once, the cache is for rows
        self.cursor(Family::Tail, options, start)
    }

    /// The streams that the tail has blocks of, in order.
    pub(crate) fn tail_streams(&self) -> Result<Vec<Stream>> {
        let mut cursor = self.tail_cursor(&[])?;
        let mut streams = Vec::new();
        while let Some((key, _)) = cursor.item() {
            let Some((stream, _)) = tail::place_of(key) else {
                return Err(Error::corrupt(format!(
                    "a history block's key in {} is cut",
                    self.place()
                )));
            };
            streams.push(stream);
            match u64::from_be_bytes(stream).checked_add(1) {
                Some(next) => cursor.seek(&next.to_be_bytes()),
                None => break,
            }
        }
        cursor.status()?;
        Ok(streams)
    }

    fn get(&self, family: Family, key: &[u8]) -> Result<Option<Vec<u8>>> {
        let store = self.store();
        let handle = store.family(family)?;
        let value = self.0.borrow_dependent().get_cf(&handle, key);
        value.map_err(|e| store.error(&format!("cannot read {}", family.name()), e))
    }

    pub(crate) fn cursor(
        &self,
        family: Family,
        options: ReadOptions,
        start: &[u8],
    ) -> Result<Cursor> {
        let cell = OwnedCursor::try_new(self.clone(), |snapshot| {
            let handle = snapshot.store().family(family)?;
            Ok(snapshot.0.borrow_dependent().raw_iterator_cf_opt(&handle, options))
        });
        let mut cursor = Cursor { cell: cell?, family };
        cursor.cell.with_dependent_mut(|_, cursor| cursor.seek(start));
        Ok(cursor)
    }

    /// Bytes of each family, as they are now.
    pub fn sizes(&self) -> Result<Vec<(&'static str, u64)>> {
        self.store().sizes()
    }

    /// About how many bytes the latest rows of a view take in files.
    pub fn latest_bytes(&self, start: &[u8], end: &[u8]) -> Result<u64> {
        self.store().latest_bytes(start, end)
    }

    pub(crate) fn place(&self) -> String {
        self.store().place()
    }

    pub(crate) fn store(&self) -> &PartitionStore {
        self.0.borrow_owner()
    }
}

impl std::fmt::Debug for Snapshot {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Snapshot").field(self.store()).finish()
    }
}

/// A place in a family that moves forward.
pub(crate) struct Cursor {
    cell: OwnedCursor,
    family: Family,
}

impl Cursor {
    /// What stands here; `None` at the end, or if reading failed.
    pub(crate) fn item(&self) -> Option<(&[u8], &[u8])> {
        self.cell.borrow_dependent().item()
    }

    pub(crate) fn advance(&mut self) {
        self.cell.with_dependent_mut(|_, cursor| cursor.next());
    }

    pub(crate) fn seek(&mut self, key: &[u8]) {
        self.cell.with_dependent_mut(|_, cursor| cursor.seek(key));
    }

    /// Goes to the last key up to and with this one.
    pub(crate) fn seek_back(&mut self, key: &[u8]) {
        self.cell.with_dependent_mut(|_, cursor| cursor.seek_for_prev(key));
    }

    /// Whether the end is the end.
    pub(crate) fn status(&self) -> Result<()> {
        let status = self.cell.borrow_dependent().status();
        let store = self.cell.borrow_owner().store();
        status.map_err(|e| store.error(&format!("cannot read {}", self.family.name()), e))
    }

    pub(crate) fn place(&self) -> String {
        self.cell.borrow_owner().store().place()
    }
}

/// Rows in the order of their keys, read as they are asked for. Ends after an error.
pub struct LatestRows {
    rows: Option<Result<Cursor>>,
}

impl Iterator for LatestRows {
    type Item = Result<(Vec<u8>, Vec<u8>)>;

    fn next(&mut self) -> Option<Self::Item> {
        if let Some(Ok(cursor)) = &mut self.rows
            && let Some((key, row)) = cursor.item()
        {
            let out = (key.to_vec(), row.to_vec());
            cursor.advance();
            return Some(Ok(out));
        }
        self.rows.take()?.and_then(|cursor| cursor.status()).err().map(Err)
    }
}
