//! The folder of all partitions, and what they share.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use crate::error::{Error, Result};
use crate::options::{Access, Shared, StoreOptions};
use crate::partition::PartitionStore;

/// The partitions under `DIR/store/`, with one block cache and one bound on write buffers.
pub struct StoreSet {
    folder: PathBuf,
    access: Access,
    shared: Shared,
    open: Mutex<HashMap<String, Arc<PartitionStore>>>,
}

impl StoreSet {
    /// Opens the set of the data folder `dir`. Partitions are opened when they are asked for.
    pub fn open(dir: &Path, access: Access, options: StoreOptions) -> Result<Self> {
        let folder = dir.join("store");
        if access == Access::ReadWrite {
            std::fs::create_dir_all(&folder)
                .map_err(|e| Error::io("cannot make the folder", &folder, e))?;
        }
        Ok(Self { folder, access, shared: Shared::new(options), open: Mutex::default() })
    }

    /// The data folder.
    pub fn data_dir(&self) -> &Path {
        self.folder.parent().unwrap_or(&self.folder)
    }

    /// The partition `name` (`control`, `0`, `1`, …). For a writer, made if absent, and the same
    /// one each time until the set is dropped. For a reader, opened anew each time, as it is now.
    pub fn partition(&self, name: &str) -> Result<Arc<PartitionStore>> {
        check_name(name)?;
        let path = self.folder.join(name);
        match self.access {
            Access::ReadOnly => PartitionStore::open_read_only(path, &self.shared).map(Arc::new),
            Access::ReadWrite => {
                let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
                if let Some(store) = open.get(name) {
                    return Ok(Arc::clone(store));
                }
                let store = Arc::new(PartitionStore::open_read_write(path, &self.shared)?);
                open.insert(name.to_owned(), Arc::clone(&store));
                Ok(store)
            }
        }
    }
}

/// A name is a folder's name, and must not lead elsewhere.
fn check_name(name: &str) -> Result<()> {
    let plain = |c: u8| c.is_ascii_alphanumeric() || c == b'-' || c == b'_';
    if name.is_empty() || !name.bytes().all(plain) {
        return Err(Error::bug(format!("{name:?} is not a partition's name")));
    }
    Ok(())
}

impl std::fmt::Debug for StoreSet {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut out = f.debug_struct("StoreSet");
        out.field("folder", &self.folder).field("access", &self.access).finish_non_exhaustive()
    }
}
