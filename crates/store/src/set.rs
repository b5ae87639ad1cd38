//! The folder of all partitions, and what they share.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use crate::elsewhere::Elsewhere;
use crate::error::{Error, ErrorKind, Result};
use crate::options::{Access, Shared, StoreOptions};
use crate::partition::PartitionStore;

/// The partitions under `DIR/store/`, with one block cache and one bound on write buffers.
pub struct StoreSet {
    folder: PathBuf,
    access: Access,
    shared: Shared,
    elsewhere: Option<Arc<dyn Elsewhere>>,
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
        let (shared, open) = (Shared::new(options), Mutex::default());
        Ok(Self { folder, access, shared, elsewhere: None, open })
    }

    /// The same set, whose sealed history is kept elsewhere, too. Before any partition is opened.
    #[must_use]
    pub fn keeping_history(self, elsewhere: Option<Arc<dyn Elsewhere>>) -> Self {
        Self { elsewhere, ..self }
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
            Access::ReadOnly => {
                let store = PartitionStore::open_read_only(path, &self.shared)?;
                Ok(Arc::new(store.keeping_history(self.elsewhere.clone())))
            }
            Access::ReadWrite => {
                let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
                if let Some(store) = open.get(name) {
                    return Ok(Arc::clone(store));
                }
                let opened = match PartitionStore::open_read_write(path.clone(), &self.shared) {
                    Err(error) if error.kind() == ErrorKind::Outdated => {
                        self.set_aside(name, &error)?;
                        PartitionStore::open_read_write(path, &self.shared)
                    }
                    opened => opened,
                };
                let store = Arc::new(opened?.keeping_history(self.elsewhere.clone()));
                open.insert(name.to_owned(), Arc::clone(&store));
                Ok(store)
            }
        }
    }
}

impl StoreSet {
    /// Moves a store of an older format out of the way: whoever opens it folds the log anew.
    fn set_aside(&self, name: &str, why: &Error) -> Result<()> {
        let aside = self.data_dir().join("store.outdated");
        std::fs::create_dir_all(&aside)
            .map_err(|e| Error::io("cannot make the folder", &aside, e))?;
        let (from, to) = (self.folder.join(name), aside.join(name));
        // One that was set aside before is older still, and nobody's only copy of anything.
        if to.exists() {
            std::fs::remove_dir_all(&to).map_err(|e| Error::io("cannot remove", &to, e))?;
        }
        std::fs::rename(&from, &to).map_err(|e| Error::io("cannot move", &from, e))?;
        tracing::warn!(
            partition = name, kept = %to.display(), %why,
            "the store is folded anew from the log; remove what is kept when you are content"
        );
        Ok(())
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
