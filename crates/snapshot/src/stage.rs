//! The files of one moment, linked aside so that nothing takes them away while they are read.

use std::{
    fs,
    io::{self, Read as _},
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant},
};

use headwater_event::PartitionId;
use headwater_fold::{Head, LogIdentity, Position};
use headwater_history::{History, Piece};
use headwater_store::{Access, PartitionStore, StoreOptions, StoreSet};
use tempfile::TempDir;

use crate::{
    create::Source,
    error::{Error, Result},
    limits::HASH_BYTES,
    manifest::{FileEntry, PositionNamed},
};

/// The name of the folder of one staging, in the scratch folder.
const STAGE: &str = "snapshot-";
/// A checkpoint is opened for a few values only.
const READ_BYTES: usize = 4 << 20;

/// The files of a snapshot, in a folder that is removed with this.
#[derive(Debug)]
pub(crate) struct Staged {
    dir: TempDir,
    pub(crate) partitions: Vec<StagedPartition>,
    /// How long it took to put them aside: what commits may have felt.
    pub(crate) took: Duration,
}

/// One partition of them.
#[derive(Debug)]
pub(crate) struct StagedPartition {
    pub(crate) id: PartitionId,
    pub(crate) position: PositionNamed,
    pub(crate) head: Head,
    /// Below the folder, as below the data folder.
    pub(crate) files: Vec<PathBuf>,
}

impl Staged {
    /// Makes a checkpoint of every partition and links the history that belongs to it.
    pub(crate) fn make(source: &Source) -> Result<Self> {
        let scratch = &source.scratch_dir;
        fs::create_dir_all(scratch)
            .map_err(|error| Error::io("make the folder", scratch, &error))?;
        let dir = tempfile::Builder::new()
            .prefix(STAGE)
            .tempdir_in(scratch)
            .map_err(|error| Error::io("make a folder in", scratch, &error))?;
        let root = dir.path();
        let store = root.join("store");
        fs::create_dir(&store).map_err(|error| Error::io("make the folder", &store, &error))?;
        let began = Instant::now();
        for (id, partition) in &source.partitions {
            partition.checkpoint(&store.join(id.to_string()))?;
        }
        let took = began.elapsed();
        let options = StoreOptions {
            block_cache_bytes: READ_BYTES,
            write_buffer_bytes: READ_BYTES,
            ..StoreOptions::default()
        };
        let set = StoreSet::open(root, Access::ReadOnly, options)?;
        let mut partitions = Vec::with_capacity(source.partitions.len());
        for (id, store) in &source.partitions {
            let checkpoint = set.partition(&id.to_string())?;
            let (head, position) = folded(&checkpoint, *id)?;
            let mut files = files_of(root, &Path::new("store").join(id.to_string()))?;
            files.extend(link_history(store, *id, &checkpoint, root)?);
            let position = PositionNamed::of(&position);
            partitions.push(StagedPartition { id: *id, position, head, files });
        }
        Ok(Self { dir, partitions, took })
    }

    /// Where a file is.
    pub(crate) fn path(&self, relative: &str) -> PathBuf {
        self.dir.path().join(relative)
    }

    /// The log that all partitions belong to.
    pub(crate) fn log(&self) -> Result<&LogIdentity> {
        let mut logs = self.partitions.iter().filter_map(|partition| partition.head.log.as_ref());
        let none = || Error::bug("make a snapshot of no partitions");
        let first = logs.next().ok_or_else(none)?;
        if let Some(other) = logs.find(|log| log.log_id != first.log_id) {
            return Err(Error::corrupt(format!(
                "make a snapshot: the stores belong to two logs, {} and {}: restore another \
                 snapshot, or move the folder store/ away to fold the log from its start",
                first.log_id, other.log_id
            )));
        }
        let named = self.partitions.iter().map(|partition| partition.id);
        if !named.eq(PartitionId::all(first.partitions)) {
            return Err(Error::corrupt(format!(
                "make a snapshot: the log has control and {} data partitions, and not each of them \
                 has a store: start the server, which makes them",
                first.partitions
            )));
        }
        Ok(first)
    }

    /// A partition's files with their hashes; `done` is told the size of each.
    pub(crate) fn hashed(
        &self,
        partition: &StagedPartition,
        done: &dyn Fn(u64),
    ) -> Result<Vec<FileEntry>> {
        let mut entries = Vec::with_capacity(partition.files.len());
        for relative in &partition.files {
            let path = self.dir.path().join(relative);
            let (bytes, hash) =
                hash_file(&path).map_err(|error| Error::io("read", &path, &error))?;
            let relative = relative.to_str().ok_or_else(|| {
                Error::bug(format!("the file name {} is not UTF-8", relative.display()))
            })?;
            let blake3 = hash.to_hex().to_string();
            entries.push(FileEntry { path: relative.to_owned(), bytes, blake3 });
            done(bytes);
        }
        Ok(entries)
    }

    /// Bytes of all files.
    pub(crate) fn bytes(&self) -> Result<u64> {
        let mut bytes = 0;
        for relative in self.partitions.iter().flat_map(|partition| &partition.files) {
            let path = self.dir.path().join(relative);
            let metadata = fs::metadata(&path).map_err(|error| Error::io("read", &path, &error))?;
            bytes += metadata.len();
        }
        Ok(bytes)
    }
}

/// What a store was folded to.
pub(crate) fn folded(store: &Arc<PartitionStore>, id: PartitionId) -> Result<(Head, Position)> {
    let (Some(head), Some(position)) = (store.get_meta("head")?, store.get_meta("position")?)
    else {
        return Err(Error::retry(format!(
            "make a snapshot: partition {id} has folded nothing yet; try again in a moment"
        )));
    };
    let damaged = |what: String| Error::corrupt(format!("read partition {id}: {what}"));
    let head = serde_json::from_slice(&head).map_err(|error| damaged(format!("head: {error}")))?;
    let position = Position::from_bytes(&position).map_err(|error| damaged(error.to_string()))?;
    Ok((head, position))
}

/// The size and the hash of a file.
pub(crate) fn hash_file(path: &Path) -> io::Result<(u64, blake3::Hash)> {
    let mut file = fs::File::open(path)?;
    let mut hasher = blake3::Hasher::new();
    let mut part = vec![0; HASH_BYTES];
    let mut bytes = 0;
    loop {
        let read = file.read(&mut part)?;
        if read == 0 {
            return Ok((bytes, hasher.finalize()));
        }
        bytes += read as u64;
        hasher.update(part.get(..read).unwrap_or_default());
    }
}

/// The files of a folder below `root`, by name. RocksDB's lock is none of a store's content.
fn files_of(root: &Path, folder: &Path) -> Result<Vec<PathBuf>> {
    let path = root.join(folder);
    let failed = |error: io::Error| Error::io("list", &path, &error);
    let mut files = Vec::new();
    for entry in fs::read_dir(&path).map_err(failed)? {
        let name = entry.map_err(failed)?.file_name();
        if name != "LOCK" {
            files.push(folder.join(name));
        }
    }
    files.sort();
    Ok(files)
}

/// Links the sealed files that a checkpoint names, and no others, brought back first if they are kept
/// elsewhere. They were sealed before it was made, and are swept long after.
fn link_history(
    store: &PartitionStore,
    id: PartitionId,
    checkpoint: &Arc<PartitionStore>,
    root: &Path,
) -> Result<Vec<PathBuf>> {
    let failed = |error: &dyn std::fmt::Display| {
        Error::retry(format!("find the sealed history of partition {id}: {error}; try again"))
    };
    let folder = Path::new("history").join(id.to_string());
    let history = History::of(store, &id.to_string());
    let mut files = Vec::new();
    for (_, piece) in checkpoint.snapshot().all_sealed()? {
        let piece = Piece::from_bytes(&piece).map_err(|error| failed(&error))?;
        let from = history.bring(&piece).map_err(|error| failed(&error))?;
        let file = folder.join(&piece.file);
        let to = root.join(&file);
        fs::create_dir_all(root.join(&folder)).map_err(|error| failed(&error))?;
        match fs::hard_link(&from, &to) {
            Err(error) if error.kind() == io::ErrorKind::CrossesDevices => {
                fs::copy(&from, &to).map_err(|error| failed(&error))?;
            }
            linked => linked.map_err(|error| failed(&error))?,
        }
        files.push(file);
    }
    files.sort();
    Ok(files)
}
