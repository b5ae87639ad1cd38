//! Making a snapshot: stage, hash, upload what is new, and the manifest last.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::SystemTime,
};

use headwater_event::{PartitionId, Timestamp};
use headwater_fold::FOLD_REVISION;
use headwater_objects::{Key, Objects};
use headwater_store::{PartitionStore, StoreSet};
use serde::{Deserialize, Serialize};
use tokio::sync::Mutex;

use crate::{
    error::{Error, Result},
    in_flight,
    manifest::{
        BLOBS, FORMAT, FileEntry, LogNamed, Manifest, PartitionManifest, SnapshotId, Summary,
    },
    progress::{Progress, Step, Told},
    stage::Staged,
    under_way::{UnderWay, Work},
};

/// What a snapshot is made of.
#[derive(Debug, Clone)]
pub struct Source {
    /// The stores, control first; this process writes them.
    pub partitions: Vec<(PartitionId, Arc<PartitionStore>)>,
    /// The folder that holds `store/` and `history/`.
    pub data_dir: PathBuf,
    /// A folder on the same file system, emptied at each start.
    pub scratch_dir: PathBuf,
}

/// Makes snapshots of one data folder, one at a time. Clones are the same maker.
#[derive(Debug, Clone)]
pub struct Maker {
    source: Arc<Source>,
    at_work: Arc<Mutex<()>>,
}

/// A snapshot that was made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Created {
    /// What it is.
    #[serde(flatten)]
    pub snapshot: Summary,
    /// How many files were written; all others were there already.
    pub uploaded_files: u64,
    /// Bytes of the files written.
    pub uploaded_bytes: u64,
    /// How long it took to put the files of one moment aside, in milliseconds.
    pub staged_ms: u64,
}

/// The partitions that a data folder has stores of, control first.
pub fn stores_of(
    data_dir: &Path,
    stores: &StoreSet,
) -> Result<Vec<(PartitionId, Arc<PartitionStore>)>> {
    let folder = data_dir.join("store");
    let failed = |error: std::io::Error| Error::io("list", &folder, &error);
    let mut ids = BTreeSet::new();
    for entry in std::fs::read_dir(&folder).map_err(failed)? {
        let name = entry.map_err(failed)?.file_name();
        ids.extend(name.to_str().and_then(|name| name.parse::<PartitionId>().ok()));
    }
    ids.into_iter().map(|id| Ok((id, stores.partition(&id.to_string())?))).collect()
}

impl Maker {
    /// A maker of snapshots of these stores.
    pub fn new(source: Source) -> Self {
        Self { source: Arc::new(source), at_work: Arc::default() }
    }

    pub(crate) fn scratch_dir(&self) -> &Path {
        &self.source.scratch_dir
    }

    /// Makes a snapshot: it is at the place once this answers, and not before. Folding goes on.
    ///
    /// If this is dropped or the process dies, nothing is listed; what was written is found again by
    /// the next snapshot, or removed by a pruning.
    pub async fn create(&self, objects: &Objects, progress: Told<'_>) -> Result<Created> {
        let _one = self.at_work.try_lock().map_err(|_| {
            Error::retry("make a snapshot: another one is being made; try again when it is done")
        })?;
        let id = SnapshotId::new();
        let (mark, others) = UnderWay::begin(objects, Work::Create, &id).await?;
        let made = match others.doing(Work::Prune) {
            None => self.make(objects, id, &mark, progress).await,
            Some(other) => Err(Error::retry(format!(
                "make a snapshot: a pruning ({other}) is at work at {}; try again when it is done",
                objects.url()
            ))),
        };
        mark.end().await;
        made
    }

    async fn make(
        &self,
        objects: &Objects,
        id: SnapshotId,
        mark: &UnderWay,
        progress: Told<'_>,
    ) -> Result<Created> {
        let created_at = now();
        let source = Arc::clone(&self.source);
        let staged = blocking(move || Staged::make(&source)).await??;
        let log = staged.log()?.clone();
        let staged = Arc::new(staged);
        let partitions = hashed(&staged, progress).await?;
        let control = staged.partitions.first();
        let manifest = Manifest {
            format: FORMAT,
            id,
            created_at,
            headwater: env!("CARGO_PKG_VERSION").to_owned(),
            fold_revision: FOLD_REVISION,
            log: LogNamed { log_id: log.log_id, partitions: log.partitions },
            topology: control.and_then(|control| control.head.topology.clone()),
            partitions,
        };
        let (uploaded_files, uploaded_bytes) =
            upload(objects, &staged, &manifest, progress).await?;
        let staged_ms = u64::try_from(staged.took.as_millis()).unwrap_or(u64::MAX);
        blocking(move || drop(staged)).await?;
        mark.still_holds().await?;
        let key = manifest.id.manifest_key()?;
        if !objects.put_bytes_if_absent(&key, manifest.to_bytes()?).await? {
            return Err(Error::bug(format!("{key} is there already at {}", objects.url())));
        }
        Ok(Created { snapshot: manifest.summary(), uploaded_files, uploaded_bytes, staged_ms })
    }
}

async fn hashed(staged: &Arc<Staged>, progress: Told<'_>) -> Result<Vec<PartitionManifest>> {
    let bytes_all = staged.bytes()?;
    let done = Arc::new(AtomicU64::new(0));
    let mut out = Vec::with_capacity(staged.partitions.len());
    for place in 0..staged.partitions.len() {
        let (of, counted) = (Arc::clone(staged), Arc::clone(&done));
        let files = blocking(move || match of.partitions.get(place) {
            Some(partition) => of.hashed(partition, &|bytes| {
                counted.fetch_add(bytes, Ordering::Relaxed);
            }),
            None => Ok(Vec::new()),
        })
        .await??;
        let bytes = done.load(Ordering::Relaxed);
        progress(Progress { step: Step::Hashing, bytes, bytes_all });
        let Some(partition) = staged.partitions.get(place) else { continue };
        out.push(PartitionManifest {
            partition: partition.id,
            position: partition.position.clone(),
            digests: partition.head.digests.clone(),
            files,
        });
    }
    Ok(out)
}

/// Writes what is not there yet; answers how many files and bytes that were.
async fn upload(
    objects: &Objects,
    staged: &Staged,
    manifest: &Manifest,
    progress: Told<'_>,
) -> Result<(u64, u64)> {
    let there: BTreeMap<Key, u64> = objects
        .list(&Key::new(BLOBS)?)
        .await?
        .into_iter()
        .map(|object| (object.key, object.bytes))
        .collect();
    let mut missing: BTreeMap<Key, FileEntry> = BTreeMap::new();
    for file in manifest.files() {
        let blob = file.blob()?;
        if there.get(&blob) != Some(&file.bytes) {
            missing.insert(blob, file.clone());
        }
    }
    let files = missing.len() as u64;
    let bytes_all = missing.values().map(|file| file.bytes).sum();
    let done = AtomicU64::new(0);
    progress(Progress { step: Step::Uploading, bytes: 0, bytes_all });
    in_flight::each(missing.into_iter().collect(), |(blob, file): (Key, FileEntry)| {
        let done = &done;
        async move {
            let path = staged.path(&file.path);
            let written = objects.put_file(&blob, &path).await?;
            if written != file.bytes {
                let what = format!("{} changed while it was read", path.display());
                return Err(Error::bug(what));
            }
            let bytes = done.fetch_add(written, Ordering::Relaxed) + written;
            progress(Progress { step: Step::Uploading, bytes, bytes_all });
            Ok(())
        }
    })
    .await?;
    Ok((files, bytes_all))
}

/// Does file work where it may block.
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(|error| Error::bug(format!("do file work: {error}")))
}

/// For people and for the age of a snapshot: nothing that is folded sees it.
pub(crate) fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_micros(i64::try_from(since.as_micros()).unwrap_or(i64::MAX))
}
