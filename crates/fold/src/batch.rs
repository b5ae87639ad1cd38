//! The rows as they stand within a batch, and what the batch will commit.

use std::{cell::RefCell, collections::BTreeMap, ops::Bound};

use headwater_event::Offset;

use crate::{
    Damaged, Head, KeyAndRow, KeysAndRows, Provenance, ReadFailed, StoredRow, StoredRows,
    codec::TABLE_PREFIX_BYTES, digest::row_hash, rows::Put,
};

/// One version of a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RowVersion {
    /// The row's key.
    pub key: Vec<u8>,
    /// The offset of the event that wrote it.
    pub offset: Offset,
    /// The stored bytes; `None` where the row was removed.
    pub row: Option<Vec<u8>>,
}

/// A batch under way: writes of its earlier records over the stored rows.
pub(crate) struct Batch<'a, R> {
    base: &'a R,
    provenance: Provenance,
    /// Latest rows, written here or read before. A key that is only read is marked clean.
    latest: RefCell<BTreeMap<Vec<u8>, Cached>>,
    versions: Vec<RowVersion>,
    seen: BTreeMap<[u8; 16], Vec<u8>>,
}

#[derive(Debug, Clone)]
struct Cached {
    row: Option<Vec<u8>>,
    written: bool,
}

impl<R> std::fmt::Debug for Batch<'_, R> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Batch").field("versions", &self.versions.len()).finish_non_exhaustive()
    }
}

impl<'a, R: StoredRows> Batch<'a, R> {
    pub(crate) fn new(base: &'a R) -> Self {
        Self {
            base,
            provenance: Provenance { offset: Offset(0), appended_at_ms: 0 },
            latest: RefCell::default(),
            versions: Vec::new(),
            seen: BTreeMap::new(),
        }
    }

    /// Every write from here on comes from this record.
    pub(crate) fn begin(&mut self, provenance: Provenance) {
        self.provenance = provenance;
    }

    pub(crate) fn provenance(&self) -> Provenance {
        self.provenance
    }

    pub(crate) fn latest(&self, key: &[u8]) -> Result<Option<Vec<u8>>, ReadFailed> {
        if let Some(cached) = self.latest.borrow().get(key) {
            return Ok(cached.row.clone());
        }
        let row = self.base.latest(key)?;
        let cached = Cached { row: row.clone(), written: false };
        self.latest.borrow_mut().insert(key.to_vec(), cached);
        Ok(row)
    }

    /// The first rows of a range, with what the batch changed before.
    pub(crate) fn first(
        &self,
        from: &[u8],
        until: &[u8],
        limit: usize,
    ) -> Result<KeysAndRows, ReadFailed> {
        let latest = self.latest.borrow();
        let changed = changed(&latest, from, until);
        let removed = changed.clone().filter(|(_, row)| row.is_none()).count();
        let mut rows: BTreeMap<_, _> =
            self.base.first(from, until, limit.saturating_add(removed))?.into_iter().collect();
        for (key, row) in changed {
            match row {
                Some(row) => rows.insert(key.clone(), row.clone()),
                None => rows.remove(key),
            };
        }
        Ok(rows.into_iter().take(limit).collect())
    }

    /// The last row of a range, with what the batch changed before.
    pub(crate) fn last(&self, from: &[u8], until: &[u8]) -> Result<Option<KeyAndRow>, ReadFailed> {
        let latest = self.latest.borrow();
        let mut until = until.to_vec();
        loop {
            let stored = self.base.last(from, &until)?;
            let written = changed(&latest, from, &until).rfind(|(_, row)| row.is_some());
            let written = written.map(|(key, row)| (key.clone(), row.clone().unwrap_or_default()));
            match stored {
                Some((key, _)) if written.as_ref().is_some_and(|(other, _)| *other >= key) => {
                    return Ok(written);
                }
                Some((key, row)) => match latest.get(&key).filter(|cached| cached.written) {
                    // It was removed: what is before it may be the last.
                    Some(Cached { row: None, .. }) => until = key,
                    _ => return Ok(Some((key, row))),
                },
                None => return Ok(written),
            }
        }
    }

    pub(crate) fn seen(&self, id: &[u8; 16]) -> Result<Option<Vec<u8>>, ReadFailed> {
        match self.seen.get(id) {
            Some(bytes) => Ok(Some(bytes.clone())),
            None => self.base.seen(id),
        }
    }

    pub(crate) fn remember(&mut self, id: [u8; 16], bytes: Vec<u8>) {
        self.seen.insert(id, bytes);
    }

    /// Applies one change and moves the table's digest by −old +new.
    pub(crate) fn apply(&mut self, head: &mut Head, put: Put) -> Result<(), ApplyError> {
        // A key that ends in its position is new by construction: nothing to read.
        let old = if put.position_suffix > 0 { None } else { self.latest(&put.key)? };
        let content_end = put.key.len().saturating_sub(put.position_suffix);
        let content_key = put.key.get(TABLE_PREFIX_BYTES..content_end).unwrap_or_default();
        let hash = |row: &[u8]| row_hash(&put.table_version, content_key, StoredRow::content(row));
        let name: String = put.table_version.iter().map(|byte| format!("{byte:02x}")).collect();
        let new = put.row.as_ref().map(|row| row.encode(self.provenance));
        let digest = head.digests.entry(name).or_default();
        if let Some(old) = &old {
            digest.rows =
                digest.rows.checked_sub(1).ok_or(Damaged("digest: fewer than no rows"))?;
            digest.latest = digest.latest.wrapping_sub(hash(old));
        }
        // A removal is a version too: of the key, with no content.
        let version_hash = hash(new.as_deref().unwrap_or_default());
        if new.is_some() {
            digest.rows += 1;
            digest.latest = digest.latest.wrapping_add(version_hash);
        }
        digest.versions += 1;
        digest.history = digest.history.wrapping_add(version_hash);
        self.versions.push(RowVersion {
            key: put.key.clone(),
            offset: self.provenance.offset,
            row: new.clone(),
        });
        self.latest.borrow_mut().insert(put.key, Cached { row: new, written: true });
        Ok(())
    }

    /// The rows, versions and ids that were written.
    #[expect(clippy::type_complexity, reason = "taken apart at its one place of use")]
    pub(crate) fn into_parts(
        self,
    ) -> (Vec<(Vec<u8>, Option<Vec<u8>>)>, Vec<RowVersion>, Vec<([u8; 16], Vec<u8>)>) {
        let latest = self.latest.into_inner().into_iter();
        let written =
            latest.filter(|(_, cached)| cached.written).map(|(key, cached)| (key, cached.row));
        (written.collect(), self.versions, self.seen.into_iter().collect())
    }
}

/// What the batch changed within a range: `None` where a row was removed.
fn changed<'l>(
    latest: &'l BTreeMap<Vec<u8>, Cached>,
    from: &[u8],
    until: &[u8],
) -> impl DoubleEndedIterator<Item = (&'l Vec<u8>, &'l Option<Vec<u8>>)> + Clone {
    let range = (Bound::Included(from), Bound::Excluded(until));
    // A range that ends before it begins has nothing; the map would not have it asked for.
    let range = if from < until { range } else { (Bound::Included(from), Bound::Included(from)) };
    let empty = from >= until;
    let changed =
        latest.range::<[u8], _>(range).filter(move |(_, cached)| cached.written && !empty);
    changed.map(|(key, cached)| (key, &cached.row))
}

/// Why a change was not applied.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ApplyError {
    #[error(transparent)]
    Read(#[from] ReadFailed),
    #[error(transparent)]
    Damaged(#[from] Damaged),
}
