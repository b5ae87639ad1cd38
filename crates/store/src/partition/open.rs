//! Opening a partition: for the one writer, or for a reader beside it.

use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::Duration;

use rocksdb::DB;

use super::PartitionStore;
use crate::error::{Error, ErrorKind, Result};
use crate::meta;
use crate::options::{Access, Family, Shared};
use crate::sealing::{LENGTH, SEAL_EVERY};

/// A reader that meets a flush tries again; flushes are seconds apart, so a second is ample.
const READER_TRIES_MAX: u32 = 20;
const READER_PAUSE: Duration = Duration::from_millis(50);

impl PartitionStore {
    pub(crate) fn open_read_write(path: PathBuf, shared: &Shared) -> Result<Self> {
        let options = shared.database(Access::ReadWrite);
        let db = DB::open_cf_descriptors(&options, &path, shared.families())
            .map_err(|e| Error::rocks("cannot open the store", &path, e))?;
        let mut store = Self::opened(db, path);
        match store.get_meta(meta::FORMAT_NAME)? {
            Some(format) => meta::check_format(&store.place(), &format)?,
            None if store.is_empty()? => {
                let value = meta::encode(meta::FORMAT_NAME, &meta::FORMAT.to_le_bytes());
                store
                    .db
                    .put_cf(&store.family(Family::Meta)?, meta::FORMAT_NAME, value)
                    .map_err(|e| store.error("cannot write the format", e))?;
                if shared.seal_every() != SEAL_EVERY {
                    let value = meta::encode(LENGTH, &shared.seal_every().to_le_bytes());
                    store
                        .db
                        .put_cf(&store.family(Family::Meta)?, LENGTH, value)
                        .map_err(|e| store.error("cannot write the length of stretches", e))?;
                }
            }
            None => {
                return Err(Error::corrupt(format!("{} does not say its format", store.place())));
            }
        }
        store.take_up_generation()?;
        store.take_up_seal_every()?;
        Ok(store)
    }

    pub(crate) fn open_read_only(path: PathBuf, shared: &Shared) -> Result<Self> {
        let mut tries = 0;
        loop {
            tries += 1;
            let last = tries == READER_TRIES_MAX;
            let before = manifest(&path).ok_or_else(|| {
                Error::new(ErrorKind::NotFound, format!("there is no store at {}", path.display()))
            })?;
            let opened = Self::open_this_moment(path.clone(), shared);
            // A flush writes the manifest, then deletes the WAL that it made needless. If none came
            // between, the files and the WAL that were read belong together; else commits in the
            // midst could be missing.
            let settled = manifest(&path).is_some_and(|after| after == before);
            match opened {
                Ok(store) if settled => return Ok(store),
                Ok(_) if last => {
                    return Err(Error::new(
                        ErrorKind::Retry,
                        format!("{} changed each time it was opened", path.display()),
                    ));
                }
                // Damage that no race explains; all else, also a store half made, may pass.
                Err(error)
                    if last
                        || settled
                            && matches!(error.kind(), ErrorKind::Corrupt | ErrorKind::Outdated) =>
                {
                    return Err(error);
                }
                Ok(_) | Err(_) => {}
            }
            sleep(READER_PAUSE);
        }
    }

    fn open_this_moment(path: PathBuf, shared: &Shared) -> Result<Self> {
        let options = shared.database(Access::ReadOnly);
        let db = DB::open_cf_descriptors_read_only(&options, &path, shared.families(), false)
            // Format 1 had fewer families, and a reader can't add any.
            .map_err(|e| match e.as_ref().contains("Column family not found") {
                true => meta::outdated(&path.display().to_string(), "1"),
                false => Error::rocks("cannot open the store to read", &path, e),
            })?;
        let mut store = Self::opened(db, path);
        match store.get_meta(meta::FORMAT_NAME)? {
            Some(format) => meta::check_format(&store.place(), &format)?,
            None => {
                let place = store.place();
                return Err(Error::new(ErrorKind::NotFound, format!("{place} is not yet made")));
            }
        }
        store.take_up_seal_every()?;
        Ok(store)
    }
}

/// The manifest in force and its length: both change with each flush and each compaction.
fn manifest(path: &Path) -> Option<(String, u64)> {
    let name = std::fs::read_to_string(path.join("CURRENT")).ok()?;
    let length = std::fs::metadata(path.join(name.trim_end())).ok()?.len();
    Some((name, length))
}
