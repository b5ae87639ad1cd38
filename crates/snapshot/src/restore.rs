//! Restoring: everything is fetched and checked beside the data folder's views, then put in place.
//!
//! ```text
//! DIR/store.restoring/      store/ and history/ of the snapshot while they are fetched and checked
//! DIR/store.replaced/       what was there before, until the new is in place; only with `force`
//! ```
//!
//! Of the two renames the store's is the last: with a store in place, its history is. A restore that
//! dies leaves the data folder with its old views, or without any; the next one begins anew.

use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use headwater_event::{Offset, PartitionId};
use headwater_log::EventLog;
use headwater_objects::{ErrorKind as ObjectsErrorKind, Objects};
use serde::{Deserialize, Serialize};

use crate::{
    create::blocking,
    error::{Error, Result},
    in_flight,
    list::open,
    log_check,
    manifest::{FileEntry, Manifest, SnapshotId, Summary},
    progress::{Progress, Step, Told},
    restored_store,
    stage::hash_file,
};

const RESTORING: &str = "store.restoring";
const REPLACED: &str = "store.replaced";
/// What a restore puts in place, in this order: the store says that all is there.
const FOLDERS: [&str; 2] = ["history", "store"];

/// What to restore, and where.
#[derive(Debug)]
pub struct Restore<'a> {
    /// Where the snapshot is.
    pub objects: &'a Objects,
    /// Which; the newest if missing.
    pub id: Option<SnapshotId>,
    /// The data folder, which nobody else may write meanwhile.
    pub data_dir: &'a Path,
    /// The log that will be folded on.
    pub log: Arc<dyn EventLog>,
    /// Whether views that are there are replaced.
    pub force: bool,
}

/// What was restored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Restored {
    /// The snapshot.
    #[serde(flatten)]
    pub snapshot: Summary,
    /// The end of the log, by partition: what lies between is folded by whoever opens the folder.
    pub log_ends: BTreeMap<PartitionId, Offset>,
}

/// Puts a snapshot's views into a data folder. Refuses one of another log, and a damaged one.
pub async fn restore(ask: Restore<'_>, progress: Told<'_>) -> Result<Restored> {
    refuse_views(&ask)?;
    let manifest = open(ask.objects, ask.id.as_ref()).await?;
    check_fold(&manifest)?;
    log_check::check(&*ask.log, &manifest).await?;
    let fresh = ask.data_dir.join(RESTORING);
    remove(&fresh)?;
    let fetched = async {
        fetch(ask.objects, &manifest, &fresh, progress).await?;
        check_stores(&ask, &manifest, &fresh).await
    }
    .await;
    if let Err(error) = fetched {
        // Nothing of it is of use: the next try checks all again.
        let _ = fs::remove_dir_all(&fresh);
        return Err(error);
    }
    place(ask.data_dir, &fresh)?;
    let mut log_ends = BTreeMap::new();
    for partition in &manifest.partitions {
        log_ends.insert(partition.partition, ask.log.end(partition.partition).await?);
    }
    Ok(Restored { snapshot: manifest.summary(), log_ends })
}

/// Views that are there may be of more use than those of a snapshot.
fn refuse_views(ask: &Restore<'_>) -> Result<()> {
    for folder in FOLDERS {
        let path = ask.data_dir.join(folder);
        let is_empty = match fs::read_dir(&path) {
            Ok(mut entries) => entries.next().is_none(),
            Err(error) if error.kind() == io::ErrorKind::NotFound => true,
            Err(error) => return Err(Error::io("list", &path, &error)),
        };
        if !is_empty && !ask.force {
            return Err(Error::reject(format!(
                "restore a snapshot: {} is not empty: name another data folder, or add --force to \
                 replace the views that are there",
                path.display()
            )));
        }
    }
    Ok(())
}

/// Rows of another revision of the fold are other rows.
fn check_fold(manifest: &Manifest) -> Result<()> {
    let own = headwater_fold::FOLD_REVISION;
    if manifest.fold_revision == own {
        return Ok(());
    }
    Err(Error::reject(format!(
        "restore snapshot {}: it was made by Headwater {} with fold revision {}, this is revision \
         {own}: restore it with that version, or fold the log from its start",
        manifest.id, manifest.headwater, manifest.fold_revision
    )))
}

/// Reads every file and checks its size and hash.
pub(crate) async fn fetch(
    objects: &Objects,
    manifest: &Manifest,
    fresh: &Path,
    progress: Told<'_>,
) -> Result<()> {
    let bytes_all = manifest.files().map(|file| file.bytes).sum();
    let done = AtomicU64::new(0);
    progress(Progress { step: Step::Downloading, bytes: 0, bytes_all });
    in_flight::each(manifest.files().cloned().collect(), |file: FileEntry| {
        let done = &done;
        async move {
            fetch_file(objects, manifest, &file, fresh.join(&file.path)).await?;
            let bytes = done.fetch_add(file.bytes, Ordering::Relaxed) + file.bytes;
            progress(Progress { step: Step::Downloading, bytes, bytes_all });
            Ok(())
        }
    })
    .await
}

async fn fetch_file(
    objects: &Objects,
    manifest: &Manifest,
    file: &FileEntry,
    to: PathBuf,
) -> Result<()> {
    let blob = file.blob()?;
    let damaged = |what: String| {
        Error::corrupt(format!(
            "restore snapshot {}: {} ({}/{blob}) {what}; use another snapshot",
            manifest.id,
            file.path,
            objects.url()
        ))
    };
    match objects.get_file(&blob, &to).await {
        Ok(_) => {}
        Err(error) if error.kind() == ObjectsErrorKind::NotFound => {
            return Err(damaged("is missing".to_owned()));
        }
        Err(error) => return Err(error.into()),
    }
    // From the disk, so that what is checked is what will be opened.
    let path = to.clone();
    let hashed = blocking(move || hash_file(&path)).await?;
    let (bytes, hash) = hashed.map_err(|error| Error::io("read", &to, &error))?;
    if bytes != file.bytes {
        return Err(damaged(format!("has {bytes} bytes instead of {}", file.bytes)));
    }
    if hash.to_hex().as_str() != file.blake3 {
        return Err(damaged("is damaged: its bytes are not those that were written".to_owned()));
    }
    Ok(())
}

/// The stores must be what the manifest says, and the log must have the topology that they hold.
async fn check_stores(ask: &Restore<'_>, manifest: &Manifest, fresh: &Path) -> Result<()> {
    let (root, of) = (fresh.to_owned(), manifest.clone());
    let from = blocking(move || restored_store::check(&root, &of)).await??;
    let Some(from) = from else { return Ok(()) };
    if log_check::topology_at(&*ask.log, from, manifest).await? == manifest.topology {
        return Ok(());
    }
    Err(Error::reject(format!(
        "restore snapshot {}: it holds topology {} from offset {from} of control on, and {} has \
         another topology there, or none: it is not the log that was folded",
        manifest.id,
        manifest.topology.as_deref().unwrap_or_default(),
        ask.log.describe()
    )))
}

fn place(data_dir: &Path, fresh: &Path) -> Result<()> {
    let replaced = data_dir.join(REPLACED);
    remove(&replaced)?;
    let moved = |from: &Path, to: &Path| match fs::rename(from, to) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(Error::io("put in place", to, &error))
        }
        _ => Ok(()),
    };
    fs::create_dir(&replaced).map_err(|error| Error::io("make the folder", &replaced, &error))?;
    // The store first: without it, nobody takes a history of another store for its own.
    for folder in FOLDERS.iter().rev() {
        moved(&data_dir.join(folder), &replaced.join(folder))?;
    }
    for folder in FOLDERS {
        moved(&fresh.join(folder), &data_dir.join(folder))?;
        let synced = fs::File::open(data_dir).and_then(|dir| dir.sync_all());
        synced.map_err(|error| Error::io("sync", data_dir, &error))?;
    }
    remove(&replaced)?;
    remove(fresh)
}

fn remove(path: &Path) -> Result<()> {
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(Error::io("remove", path, &error))
        }
        _ => Ok(()),
    }
}
