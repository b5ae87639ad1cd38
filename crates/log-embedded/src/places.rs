//! The sparse index of a partition, in memory: where some of the records stand.

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

/// One entry for so many bytes: a seek reads at most so much in vain, and the index of 100 GB takes
/// less than 100 MB.
const BYTES_BETWEEN: u64 = 64 * 1024;

/// Where a record's frame begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place {
    /// The first offset of the segment.
    pub(crate) segment: u64,
    /// The byte in the segment.
    pub(crate) position: u64,
}

/// The places of some offsets; filled as records are appended, checked at open, or read.
#[derive(Debug, Default)]
pub(crate) struct Places(Mutex<BTreeMap<u64, Place>>);

impl Places {
    fn map(&self) -> MutexGuard<'_, BTreeMap<u64, Place>> {
        // An index of places is right at every moment, so another thread's panic did not harm it.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes where `offset` stands, unless a place near before it is known. A segment's first record
    /// is always noted.
    pub(crate) fn note(&self, offset: u64, place: Place) {
        let mut map = self.map();
        let near = map.range(..=offset).next_back().is_some_and(|(_, known)| {
            known.segment == place.segment
                && place.position.saturating_sub(known.position) < BYTES_BETWEEN
        });
        if !near {
            map.insert(offset, place);
        }
    }

    /// Forgets the places from `offset` on: their records were not written.
    pub(crate) fn forget_from(&self, offset: u64) {
        self.map().split_off(&offset);
    }

    /// Forgets the places before `offset`: their records were taken away.
    pub(crate) fn forget_before(&self, offset: u64) {
        let mut map = self.map();
        *map = map.split_off(&offset);
    }

    /// The nearest known offset at or before `offset`, and its place.
    pub(crate) fn before(&self, offset: u64) -> Option<(u64, Place)> {
        self.map().range(..=offset).next_back().map(|(offset, place)| (*offset, *place))
    }
}
