//! A partition as it is at one moment, as a folder of its own: for snapshots.
//!
//! Table files are hard links, so that a checkpoint takes no room of its own at first; what RocksDB
//! still writes (its manifest, the end of its log) is copied.

use std::path::Path;

use rocksdb::checkpoint::Checkpoint;

use crate::error::{Error, Result};
use crate::partition::PartitionStore;

impl PartitionStore {
    /// Makes the folder `dir`, which must not exist and whose parent must, and puts into it all that
    /// was committed before: rows, history, position, as one moment. Commits go on meanwhile. On
    /// another file system than the store's, files are copied instead of linked.
    ///
    /// It can be opened as a partition of its own.
    pub fn checkpoint(&self, dir: &Path) -> Result<()> {
        let parent = dir.parent().filter(|parent| !parent.as_os_str().is_empty());
        if parent.is_some_and(|parent| !parent.is_dir()) {
            return Err(Error::bug(format!("there is no folder for {}", dir.display())));
        }
        let failed = |e| {
            self.error(&format!("cannot make the checkpoint {} of the store", dir.display()), e)
        };
        Checkpoint::new(self.db()).and_then(|made| made.create_checkpoint(dir)).map_err(failed)
    }
}
