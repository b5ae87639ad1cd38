//! Damage on purpose, for tests: the raw entries of a closed store, and a way to write over them.
//!
//! `dir` is the folder that was given to [`StoreSet::open`](crate::StoreSet::open). Values are as they
//! are stored, checksums included.

use std::path::{Path, PathBuf};

use rocksdb::{DB, IteratorMode, Options};

use crate::error::{Error, Result};
use crate::options::Family;

/// Stores `value` under `key`, whatever it breaks. The store must be closed.
pub fn overwrite(
    dir: &Path,
    partition: &str,
    family: &str,
    key: &[u8],
    value: &[u8],
) -> Result<()> {
    let path = path(dir, partition, family)?;
    let failed = |e| Error::rocks("cannot overwrite", &path, e);
    let db = DB::open_cf(&Options::default(), &path, names()).map_err(failed)?;
    let handle = db.cf_handle(family).ok_or_else(|| unknown(family))?;
    db.put_cf(&handle, key, value).map_err(failed)
}

/// All entries of a family, by key.
pub fn entries(dir: &Path, partition: &str, family: &str) -> Result<Vec<(Vec<u8>, Vec<u8>)>> {
    let path = path(dir, partition, family)?;
    let failed = |e| Error::rocks("cannot read", &path, e);
    let db = DB::open_cf_for_read_only(&Options::default(), &path, names(), false);
    let db = db.map_err(failed)?;
    let handle = db.cf_handle(family).ok_or_else(|| unknown(family))?;
    db.iterator_cf(&handle, IteratorMode::Start)
        .map(|entry| entry.map(|(key, value)| (key.into(), value.into())).map_err(failed))
        .collect()
}

fn names() -> impl Iterator<Item = &'static str> {
    Family::ALL.into_iter().map(Family::name)
}

fn path(dir: &Path, partition: &str, family: &str) -> Result<PathBuf> {
    if !names().any(|name| name == family) {
        return Err(unknown(family));
    }
    Ok(dir.join("store").join(partition))
}

fn unknown(family: &str) -> Error {
    Error::bug(format!("there is no family {family:?}"))
}
