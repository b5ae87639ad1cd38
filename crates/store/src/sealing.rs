//! Moving history out of the tail: what is sealed, its manifest, and the one batch that swaps them.
//!
//! The tail is sealed stretch by stretch, each [`SEAL_EVERY`] offsets long and aligned to a multiple of
//! it, so that every process that folds the same log seals the same versions together. Where sealed
//! versions go is the caller's business: the store keeps the **manifest**, one entry a view and stretch.
//!
//! ```text
//! key of `sealed` = view's version 8 bytes │ first offset u64 BE │ offset after the last u64 BE
//! value           = caller's bytes │ checksum 8 bytes, as in `meta`
//! ```

use rocksdb::WriteBatch;

use crate::error::{Error, Result};
use crate::meta;
use crate::options::Family;
use crate::partition::PartitionStore;
use crate::snapshot::Snapshot;
use crate::tail::{self, Stream};
use crate::tail_index::{Entry, read_stream, sort};

/// The length of a stretch in offsets: large enough that columns compress well, small enough to be
/// sorted in memory. Part of the stored format: replicas and backfills cut at its multiples.
pub const SEAL_EVERY: u64 = 131_072;

/// The name under which a partition keeps another length of its stretches.
pub(crate) const LENGTH: &str = "seal_every";

/// The name under which the tail's generation is kept: another after each seal and each backfill.
pub(crate) const GENERATION: &str = "tail";

/// Which versions a sealed piece holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SealedRange {
    /// The view's version, with which all its keys begin.
    pub view: [u8; 8],
    /// The first offset.
    pub from: u64,
    /// The first offset after it.
    pub to: u64,
}

impl SealedRange {
    fn key(&self) -> Vec<u8> {
        let mut key = self.view.to_vec();
        key.extend_from_slice(&self.from.to_be_bytes());
        key.extend_from_slice(&self.to.to_be_bytes());
        key
    }

    fn read(key: &[u8]) -> Option<Self> {
        let (view, rest) = key.split_first_chunk::<8>()?;
        let (from, to) = rest.split_first_chunk::<8>()?;
        let to = u64::from_be_bytes(to.try_into().ok()?);
        Some(Self { view: *view, from: u64::from_be_bytes(*from), to })
    }
}

/// A sealed piece: what it holds, and the caller's bytes about it.
pub type Sealed = (SealedRange, Vec<u8>);

/// One stretch of one stream of the tail, sorted by key and offset, to be sealed.
#[derive(Debug)]
pub struct Stretch {
    stream: Stream,
    /// The first offset of the stretch.
    pub from: u64,
    /// The first offset after it.
    pub to: u64,
    /// Its versions, by key, then offset, then the order of their commit.
    pub versions: Vec<Entry>,
}

impl Snapshot {
    /// The first stretch of the tail that ends at or before `position`, the first offset that is not
    /// folded; `None` if all are sealed.
    pub fn unsealed(&self, position: u64) -> Result<Option<Stretch>> {
        let length = self.store().seal_every();
        let end = position - position % length;
        for stream in self.tail_streams()? {
            let cursor = self.tail_cursor(&tail::key_at(stream, 0))?;
            let first = cursor.item().and_then(|(key, _)| tail::place_of(key)).map(|(_, at)| at);
            let Some(first) = first.filter(|first| *first < end) else { continue };
            let from = first - first % length;
            let to = from.saturating_add(length);
            let mut versions = Vec::new();
            read_stream(self, stream, from, to, &mut versions)?;
            sort(&mut versions);
            return Ok(Some(Stretch { stream, from, to, versions }));
        }
        Ok(None)
    }

    /// The sealed pieces of a view, by their first offset.
    pub fn sealed(&self, view: [u8; 8]) -> Result<Vec<Sealed>> {
        self.sealed_from(&view, |range| range.view == view)
    }

    /// All sealed pieces, by view and first offset.
    pub fn all_sealed(&self) -> Result<Vec<Sealed>> {
        self.sealed_from(&[], |_| true)
    }

    fn sealed_from(
        &self,
        start: &[u8],
        wanted: impl Fn(&SealedRange) -> bool,
    ) -> Result<Vec<Sealed>> {
        let mut cursor = self.cursor(Family::Sealed, rocksdb::ReadOptions::default(), start)?;
        let mut out = Vec::new();
        while let Some((key, value)) = cursor.item() {
            let place = cursor.place();
            let damaged = || Error::corrupt(format!("a manifest entry of {place} is cut"));
            let range = SealedRange::read(key).ok_or_else(damaged)?;
            if !wanted(&range) {
                break;
            }
            out.push((range, meta::decode_bound(&place, "manifest entry", key, value)?));
            cursor.advance();
        }
        cursor.status()?;
        Ok(out)
    }
}

impl PartitionStore {
    /// Puts sealed pieces in the place of a stretch of the tail, in one batch.
    pub fn seal(&self, stretch: &Stretch, pieces: &[Sealed]) -> Result<()> {
        let mut batch = WriteBatch::default();
        let sealed = self.family(Family::Sealed)?;
        for (range, value) in pieces {
            let key = range.key();
            let value = meta::encode_bound(&key, value);
            batch.put_cf(&sealed, key, value);
        }
        let tail = self.family(Family::Tail)?;
        let (from, to) =
            (tail::key_at(stretch.stream, stretch.from), tail::key_at(stretch.stream, stretch.to));
        batch.delete_range_cf(&tail, from, to);
        self.write_with_new_generation(batch, "cannot seal")
    }

    /// Puts sealed pieces in the place of others, in one batch: what was rewritten, or taken away.
    pub fn reseal(&self, gone: &[SealedRange], pieces: &[Sealed]) -> Result<()> {
        let mut batch = WriteBatch::default();
        let sealed = self.family(Family::Sealed)?;
        for range in gone {
            batch.delete_cf(&sealed, range.key());
        }
        for (range, value) in pieces {
            let key = range.key();
            let value = meta::encode_bound(&key, value);
            batch.put_cf(&sealed, key, value);
        }
        self.db().write(batch).map_err(|e| self.error("cannot rewrite the manifest", e))
    }
}
