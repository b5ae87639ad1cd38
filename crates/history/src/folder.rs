//! The folder of a partition's sealed files.
//!
//! ```text
//! DIR/history/<partition>/<view, 16 hex digits>-<from>-<to>-<first 16 hex digits of the hash>.parquet
//! ```
//!
//! A file is written under a name that begins with a dot, synced, renamed, and only then named by a
//! manifest. Files are named by what they hold, so writing one again after a crash changes nothing.
//!
//! Where the history is kept elsewhere, too, a file is there before a manifest names it; the folder then
//! holds the files that were read or written last, and others are brought back when they are read.

use std::{
    collections::{BTreeSet, VecDeque},
    fs::{self, File},
    io,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, SystemTime},
};

use headwater_store::{Elsewhere, PartitionStore, SealedRange};

use crate::{Error, ErrorKind, FileScan, Piece, Result, SealedFile};

/// For how long a file that no manifest names any more is kept: longer than a query runs that found
/// its name just before.
pub const SWEEP_AFTER: Duration = Duration::from_secs(600);

/// Files kept open in a partition, each checked against its hash when it's opened.
const OPEN_FILES_MAX: usize = 256;

/// A partition's sealed files.
#[derive(Debug)]
pub struct History {
    pub(crate) dir: PathBuf,
    pub(crate) partition: String,
    pub(crate) elsewhere: Option<Arc<dyn Elsewhere>>,
    /// The files that are open, the one that was used last at the end.
    open: Mutex<VecDeque<SealedFile>>,
}

impl History {
    /// The files of one partition of a data folder, which are nowhere else. The folder is made when
    /// something is sealed.
    pub fn new(data_dir: &Path, partition: &str) -> Self {
        let dir = data_dir.join("history").join(partition);
        Self { dir, partition: partition.to_owned(), elsewhere: None, open: Mutex::default() }
    }

    /// The files of a store's partition.
    pub fn of(store: &PartitionStore, partition: &str) -> Self {
        Self { elsewhere: store.elsewhere().cloned(), ..Self::new(store.data_dir(), partition) }
    }

    /// The folder.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// Opens the file of a piece.
    pub fn open(&self, range: &SealedRange, piece: &Piece) -> Result<SealedFile> {
        let path = self.dir.join(&piece.file);
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let place = open.iter().position(|file| *file.path == path);
        let file = match place.and_then(|place| open.remove(place)) {
            Some(file) => file,
            None => {
                // Not under the lock: a check reads the whole file.
                drop(open);
                let file = self.opened(range, piece)?;
                open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
                file
            }
        };
        open.push_back(file.clone());
        let surplus = open.len().saturating_sub(OPEN_FILES_MAX);
        open.drain(..surplus);
        Ok(file)
    }

    /// Opens and checks a file. A damaged one that is kept elsewhere is brought again.
    fn opened(&self, range: &SealedRange, piece: &Piece) -> Result<SealedFile> {
        let path = self.bring(piece)?;
        match SealedFile::open(path.clone(), range.view, piece) {
            Err(error) if error.kind() == ErrorKind::Corrupt && self.elsewhere.is_some() => {
                tracing::warn!(%error, "a sealed file is brought again from where it is kept");
                fs::remove_file(&path).map_err(|error| Error::io("remove", &path, &error))?;
                SealedFile::open(self.bring(piece)?, range.view, piece)
            }
            opened => opened,
        }
    }

    /// Every version in the file of a piece, by key and offset.
    pub fn versions(&self, range: &SealedRange, piece: &Piece) -> Result<FileScan> {
        Ok(FileScan::all(self.open(range, piece)?))
    }

    /// Begins a file.
    pub(crate) fn begin(&self, range: &SealedRange) -> Result<Fresh> {
        fs::create_dir_all(&self.dir)
            .map_err(|error| Error::io("make the folder", &self.dir, &error))?;
        let view: String = range.view.iter().map(|byte| format!("{byte:02x}")).collect();
        let stem = format!("{view}-{:012}-{:012}", range.from, range.to);
        let path = self.dir.join(format!(".{stem}"));
        let file = File::create(&path).map_err(|error| Error::io("make", &path, &error))?;
        Ok(Fresh { file, path, stem, hasher: blake3::Hasher::new(), bytes: 0 })
    }

    /// Puts a file in place, synced; answers its name, length and hash.
    pub(crate) fn place(&self, fresh: Fresh) -> Result<(String, u64, String)> {
        let Fresh { file, path, stem, hasher, bytes } = fresh;
        file.sync_all().map_err(|error| Error::io("sync", &path, &error))?;
        let hash = hasher.finalize().to_hex();
        let name = format!("{stem}-{}.parquet", hash.get(..16).unwrap_or_default());
        let to = self.dir.join(&name);
        fs::rename(&path, &to).map_err(|error| Error::io("rename", &path, &error))?;
        let dir = File::open(&self.dir).and_then(|dir| dir.sync_all());
        dir.map_err(|error| Error::io("sync", &self.dir, &error))?;
        self.keep(&name)?;
        Ok((name, bytes, hash.to_string()))
    }

    /// Gives a file that no manifest names any more the time of now: it is swept once that is long ago.
    pub(crate) fn retire(&self, piece: &Piece) {
        let path = self.dir.join(&piece.file);
        let touched = File::open(&path).and_then(|file| file.set_modified(SystemTime::now()));
        if let Err(error) = touched {
            tracing::debug!(path = %path.display(), %error, "a retired file was not touched");
        }
        // Elsewhere, too, its age counts from now on.
        if let Err(error) = self.bring(piece).and_then(|_| self.keep(&piece.file)) {
            tracing::debug!(path = %path.display(), %error, "a retired file was not kept again");
        }
    }

    /// Removes files that no manifest names and that have been there for [`SWEEP_AFTER`]; answers
    /// how many. `named` are the files of the manifest as it is.
    pub fn sweep(&self, named: &BTreeSet<String>) -> Result<usize> {
        let entries = match fs::read_dir(&self.dir) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return self.sweep_elsewhere(named);
            }
            Err(error) => return Err(Error::io("list", &self.dir, &error)),
        };
        let mut swept = 0;
        for entry in entries {
            let entry = entry.map_err(|error| Error::io("list", &self.dir, &error))?;
            let name = entry.file_name().to_string_lossy().into_owned();
            let age =
                entry.metadata().and_then(|of| of.modified()).ok().and_then(|at| at.elapsed().ok());
            if named.contains(&name) || age.is_none_or(|age| age < SWEEP_AFTER) {
                continue;
            }
            let path = entry.path();
            fs::remove_file(&path).map_err(|error| Error::io("remove", &path, &error))?;
            swept += 1;
        }
        Ok(swept + self.sweep_elsewhere(named)?)
    }

    /// The data folder that it is in.
    pub fn data_dir(&self) -> &Path {
        self.dir.ancestors().nth(2).unwrap_or(&self.dir)
    }
}

/// A file being written, under a name that nobody reads.
#[derive(Debug)]
pub(crate) struct Fresh {
    file: File,
    path: PathBuf,
    stem: String,
    hasher: blake3::Hasher,
    bytes: u64,
}

impl io::Write for Fresh {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        let written = self.file.write(buffer)?;
        self.hasher.update(buffer.get(..written).unwrap_or_default());
        self.bytes += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}
