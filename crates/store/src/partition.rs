//! One partition's RocksDB: commit, point reads, outbox.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use rocksdb::{BoundColumnFamily, DB, WriteBatch, properties};

use crate::commit::Commit;
use crate::elsewhere::Elsewhere;
use crate::error::{Error, Result};
use crate::meta;
use crate::options::Family;
use crate::sealing::{GENERATION, LENGTH, SEAL_EVERY};
use crate::snapshot::Snapshot;
use crate::tail;
use crate::tail_index::TailIndex;

mod open;

/// One partition: rows, history, repeats, outbox and meta values. One thread commits; any number
/// read.
pub struct PartitionStore {
    db: DB,
    path: PathBuf,
    seal_every: u64,
    elsewhere: Option<Arc<dyn Elsewhere>>,
    tail_index: Mutex<TailIndex>,
    /// The tail's generation; held while a batch that changes it is written.
    generation: Mutex<u64>,
}

impl PartitionStore {
    /// The data folder that it is in.
    pub fn data_dir(&self) -> &Path {
        self.path.ancestors().nth(2).unwrap_or(&self.path)
    }

    /// Writes all of the commit, or nothing. It survives this process's death; a power cut may take
    /// it together with all later ones.
    pub fn commit(&self, commit: &Commit) -> Result<()> {
        if commit.is_empty() {
            return Ok(());
        }
        let mut batch = WriteBatch::default();
        let latest = self.family(Family::Latest)?;
        for (key, row) in &commit.latest {
            match row {
                Some(row) => batch.put_cf(&latest, key, row),
                None => batch.delete_cf(&latest, key),
            }
        }
        if let Some((key, block)) = tail::encode(&commit.versions, commit.backfill) {
            self.check_unwritten(commit, &key, &block)?;
            batch.put_cf(&self.family(Family::Tail)?, key, block);
        }
        let ids = self.family(Family::Ids)?;
        for (id, value) in &commit.ids {
            batch.put_cf(&ids, id, value);
        }
        let outbox = self.family(Family::Outbox)?;
        for (key, value) in &commit.outbox {
            batch.put_cf(&outbox, key, value);
        }
        let metas = self.family(Family::Meta)?;
        for (name, value) in &commit.meta {
            if [meta::FORMAT_NAME, GENERATION, LENGTH].contains(name) {
                return Err(Error::bug(format!("meta name {name:?} is the store's own")));
            }
            batch.put_cf(&metas, name, meta::encode(name, value));
        }
        let marks = self.family(Family::Marks)?;
        for (key, value) in &commit.marks {
            batch.put_cf(&marks, key, meta::encode_bound(key, value));
        }
        if commit.backfill && !commit.versions.is_empty() {
            return self.write_with_new_generation(batch, "cannot commit");
        }
        self.db.write(batch).map_err(|e| self.error("cannot commit", e))
    }

    /// Writes a batch after which what was known of the tail no longer holds.
    pub(crate) fn write_with_new_generation(
        &self,
        mut batch: WriteBatch,
        what: &str,
    ) -> Result<()> {
        let mut generation = self.generation.lock().unwrap_or_else(PoisonError::into_inner);
        let next = *generation + 1;
        let value = meta::encode(GENERATION, &next.to_le_bytes());
        batch.put_cf(&self.family(Family::Meta)?, GENERATION, value);
        self.db.write(batch).map_err(|e| self.error(what, e))?;
        *generation = next;
        Ok(())
    }

    pub(crate) fn with_tail_index<T>(&self, use_it: impl FnOnce(&mut TailIndex) -> T) -> T {
        use_it(&mut self.tail_index.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// A partition just opened, its format checked.
    fn opened(db: DB, path: PathBuf) -> Self {
        let (tail_index, generation) = (Mutex::default(), Mutex::default());
        Self { db, path, seal_every: SEAL_EVERY, elsewhere: None, tail_index, generation }
    }

    pub(crate) fn keeping_history(self, elsewhere: Option<Arc<dyn Elsewhere>>) -> Self {
        Self { elsewhere, ..self }
    }

    /// Where its sealed history is kept besides the data folder.
    pub fn elsewhere(&self) -> Option<&Arc<dyn Elsewhere>> {
        self.elsewhere.as_ref()
    }

    /// The length in offsets of the stretches in which history is sealed: no block of history may
    /// cross a multiple of it.
    pub fn seal_every(&self) -> u64 {
        self.seal_every
    }

    /// Takes up the length of the stretches, which stays what it was when the partition was made.
    fn take_up_seal_every(&mut self) -> Result<()> {
        let stored = self.get_meta(LENGTH)?.and_then(|bytes| bytes.try_into().ok());
        self.seal_every = stored.map_or(SEAL_EVERY, u64::from_le_bytes).max(1);
        Ok(())
    }

    /// Takes up the tail's generation where the last writer left it.
    fn take_up_generation(&self) -> Result<()> {
        let stored = self.get_meta(GENERATION)?.and_then(|bytes| bytes.try_into().ok());
        *self.generation.lock().unwrap_or_else(PoisonError::into_inner) =
            stored.map_or(0, u64::from_le_bytes);
        Ok(())
    }

    /// Folding goes forward, so its block is new; to write over another would lose history. A
    /// backfill that begins again writes its own blocks anew.
    fn check_unwritten(&self, commit: &Commit, key: &tail::BlockKey, block: &[u8]) -> Result<()> {
        if commit.backfill {
            return Ok(());
        }
        match self.get(Family::Tail, key)? {
            Some(stored) if stored != block => Err(Error::bug(format!(
                "{} already has a history block that begins at offset {}: a commit over offsets \
                 that were passed must be a backfill",
                self.place(),
                tail::place_of(key).map_or(0, |(_, first)| first),
            ))),
            _ => Ok(()),
        }
    }

    /// The row of `key`.
    pub fn get_latest(&self, key: &[u8]) -> Result<Option<Vec<u8>>> {
        self.get(Family::Latest, key)
    }

    /// The first rows, at most `limit`, whose keys are from `from` up to and without `until`.
    pub fn first_latest(
        &self,
        from: &[u8],
        until: &[u8],
        limit: usize,
    ) -> Result<Vec<(Vec<u8>, Vec<u8>)>> {
        let mut cursor = self.latest_cursor(from, until)?;
        let mut rows = Vec::new();
        cursor.seek(from);
        while rows.len() < limit
            && let Some((key, row)) = cursor.item()
        {
            rows.push((key.to_vec(), row.to_vec()));
            cursor.next();
        }
        cursor.status().map_err(|e| self.error("cannot read rows", e))?;
        Ok(rows)
    }

    /// The last row whose key is from `from` up to and without `until`.
    pub fn last_latest(&self, from: &[u8], until: &[u8]) -> Result<Option<(Vec<u8>, Vec<u8>)>> {
        let mut cursor = self.latest_cursor(from, until)?;
        cursor.seek_to_last();
        cursor.status().map_err(|e| self.error("cannot read rows", e))?;
        Ok(cursor.item().map(|(key, row)| (key.to_vec(), row.to_vec())))
    }

    fn latest_cursor(
        &self,
        from: &[u8],
        until: &[u8],
    ) -> Result<rocksdb::DBRawIteratorWithThreadMode<'_, DB>> {
        let mut options = rocksdb::ReadOptions::default();
        // The prefix filter knows one table; a range may begin in one and end before the next.
        options.set_total_order_seek(true);
        options.set_iterate_lower_bound(from);
        options.set_iterate_upper_bound(until);
        Ok(self.db.raw_iterator_cf_opt(&self.family(Family::Latest)?, options))
    }

    /// What was kept for an event's identity.
    pub fn get_id(&self, id: &[u8; 16]) -> Result<Option<Vec<u8>>> {
        self.get(Family::Ids, id)
    }

    /// A named value; an error if it is damaged.
    pub fn get_meta(&self, name: &str) -> Result<Option<Vec<u8>>> {
        let stored = self.get(Family::Meta, name.as_bytes())?;
        stored.map(|stored| meta::decode(&self.place(), name, &stored)).transpose()
    }

    /// At most `limit` entries to be published, from the key `from` on. Give the key after the last
    /// one removed rather than the start: what was removed costs a step until it is compacted.
    pub fn outbox(&self, from: &[u8], limit: usize) -> Result<Vec<(Vec<u8>, Vec<u8>)>> {
        let mut cursor = self.db.raw_iterator_cf(&self.family(Family::Outbox)?);
        let mut out = Vec::new();
        cursor.seek(from);
        while out.len() < limit
            && let Some((key, value)) = cursor.item()
        {
            out.push((key.to_vec(), value.to_vec()));
            cursor.next();
        }
        cursor.status().map_err(|e| self.error("cannot read the outbox", e))?;
        Ok(out)
    }

    /// Removes entries that were published, all or none.
    pub fn outbox_remove(&self, keys: &[Vec<u8>]) -> Result<()> {
        let outbox = self.family(Family::Outbox)?;
        let mut batch = WriteBatch::default();
        for key in keys {
            batch.delete_cf(&outbox, key);
        }
        self.db.write(batch).map_err(|e| self.error("cannot remove from the outbox", e))
    }

    /// The partition as it is now, for as long as the snapshot lives, whatever is committed later.
    pub fn snapshot(self: &Arc<Self>) -> Snapshot {
        Snapshot::new(Arc::clone(self))
    }

    /// Bytes of each family: in live files, and in memory not yet flushed.
    pub fn sizes(&self) -> Result<Vec<(&'static str, u64)>> {
        let mut out = Vec::new();
        for family in Family::ALL {
            let handle = self.family(family)?;
            let mut bytes = 0;
            for property in [properties::LIVE_SST_FILES_SIZE, properties::CUR_SIZE_ALL_MEM_TABLES] {
                let value = self.db.property_int_value_cf(&handle, property);
                bytes += value.map_err(|e| self.error("cannot measure", e))?.unwrap_or(0);
            }
            out.push((family.name(), bytes));
        }
        Ok(out)
    }

    /// About how many bytes the latest rows from `start` to before `end` take in files.
    pub(crate) fn latest_bytes(&self, start: &[u8], end: &[u8]) -> Result<u64> {
        let range = rocksdb::Range::new(start, end);
        let sizes = self.db.get_approximate_sizes_cf(&self.family(Family::Latest)?, &[range]);
        Ok(sizes.first().copied().unwrap_or(0))
    }

    fn get(&self, family: Family, key: &[u8]) -> Result<Option<Vec<u8>>> {
        self.db
            .get_cf(&self.family(family)?, key)
            .map_err(|e| self.error(&format!("cannot read {}", family.name()), e))
    }

    fn is_empty(&self) -> Result<bool> {
        for family in Family::ALL {
            let mut cursor = self.db.raw_iterator_cf(&self.family(family)?);
            cursor.seek_to_first();
            cursor.status().map_err(|e| self.error("cannot read", e))?;
            if cursor.valid() {
                return Ok(false);
            }
        }
        Ok(true)
    }

    pub(crate) fn db(&self) -> &DB {
        &self.db
    }

    pub(crate) fn family(&self, family: Family) -> Result<Arc<BoundColumnFamily<'_>>> {
        self.db.cf_handle(family.name()).ok_or_else(|| {
            Error::corrupt(format!("{} has no family {}", self.place(), family.name()))
        })
    }

    pub(crate) fn error(&self, what: &str, source: rocksdb::Error) -> Error {
        Error::rocks(what, &self.path, source)
    }

    /// The folder, for messages.
    pub(crate) fn place(&self) -> String {
        self.path.display().to_string()
    }
}

impl std::fmt::Debug for PartitionStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PartitionStore").field("path", &self.path).finish_non_exhaustive()
    }
}
