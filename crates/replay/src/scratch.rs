//! The folder in which one partition is folded again; gone once it is dropped.

use std::{
    cell::RefCell,
    fs, io,
    path::{Path, PathBuf},
    sync::Arc,
};

use headwater_engine::{Error, ErrorKind, Result};
use headwater_event::PartitionId;
use headwater_store::{Access, PartitionStore, StoreOptions, StoreSet};

/// Memory of one scratch store. There is one for each core, beside those of a server.
const OPTIONS: StoreOptions = StoreOptions {
    block_cache_bytes: 32 << 20,
    write_buffer_bytes: 64 << 20,
    seal_every: headwater_store::SEAL_EVERY,
};
/// Folders in folders that a store may have; it has none today.
const DEPTH_MAX: usize = 4;
/// RocksDB never changes a file of this kind once it is written: it can be linked instead of copied.
const IMMUTABLE: &str = "sst";
/// Whoever opens a store makes its own.
const LOCK: &str = "LOCK";

/// Stores of one partition in a folder of their own.
#[derive(Debug)]
pub(crate) struct Scratch {
    dir: PathBuf,
    id: PartitionId,
    // Cleared before the folder is removed, so that RocksDB does not miss its files.
    sets: RefCell<Vec<StoreSet>>,
}

impl Scratch {
    /// A folder for a partition within `parent`.
    pub(crate) fn new(parent: &Path, id: PartitionId) -> Result<Self> {
        let dir = parent.join(id.to_string());
        fs::create_dir_all(&dir).map_err(|error| failed("make", &dir, &error))?;
        Ok(Self { dir, id, sets: RefCell::default() })
    }

    /// An empty store.
    pub(crate) fn empty(&self) -> Result<Arc<PartitionStore>> {
        self.beside("replay")
    }

    /// A store that begins as the one of this partition in `from`, which is left as it is.
    pub(crate) fn copy_of(&self, from: &Path) -> Result<Arc<PartitionStore>> {
        let within = from.join("store");
        let stores = if within.is_dir() { &within } else { from };
        let store = stores.join(self.id.to_string());
        if !store.is_dir() {
            let what = format!(
                "there is no store of partition {} in {}: name a data folder that a snapshot was \
                 restored into",
                self.id,
                from.display()
            );
            return Err(Error::new(ErrorKind::Reject, what));
        }
        let to = self.dir.join("replay").join("store").join(self.id.to_string());
        copy(&store, &to, DEPTH_MAX)?;
        self.beside("replay")
    }

    /// A further empty store for the same partition.
    pub(crate) fn beside(&self, name: &str) -> Result<Arc<PartitionStore>> {
        let set = StoreSet::open(&self.dir.join(name), Access::ReadWrite, OPTIONS)?;
        let store = set.partition(&self.id.to_string())?;
        self.sets.borrow_mut().push(set);
        Ok(store)
    }

    /// Where the history of new views is folded.
    pub(crate) fn backfill_dir(&self) -> PathBuf {
        self.dir.join("backfill")
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        self.sets.borrow_mut().clear();
        if let Err(error) = fs::remove_dir_all(&self.dir) {
            tracing::warn!(%error, dir = %self.dir.display(), "a scratch folder is left behind");
        }
    }
}

fn copy(from: &Path, to: &Path, depth_left: usize) -> Result<()> {
    if depth_left == 0 {
        let what = format!("copy {}: too many folders in each other", from.display());
        return Err(Error::new(ErrorKind::Reject, what));
    }
    fs::create_dir_all(to).map_err(|error| failed("make", to, &error))?;
    for entry in fs::read_dir(from).map_err(|error| failed("list", from, &error))? {
        let entry = entry.map_err(|error| failed("list", from, &error))?;
        let (source, target) = (entry.path(), to.join(entry.file_name()));
        if source.is_dir() {
            copy(&source, &target, depth_left - 1)?;
        } else if entry.file_name() != LOCK {
            copy_file(&source, &target).map_err(|error| failed("copy", &source, &error))?;
        }
    }
    Ok(())
}

fn copy_file(from: &Path, to: &Path) -> io::Result<()> {
    // Another file system takes no links; then it is copied.
    if from.extension().is_some_and(|kind| kind == IMMUTABLE) && fs::hard_link(from, to).is_ok() {
        return Ok(());
    }
    fs::copy(from, to).map(|_| ())
}

fn failed(what: &str, path: &Path, error: &io::Error) -> Error {
    Error::new(ErrorKind::Retry, format!("{what} {}: {error}", path.display()))
}
