//! The file `synced`: how far a partition is known to be on the disk.
//!
//! ```text
//! byte  size
//!    0     4  CRC32C of the bytes after
//!    4     8  the offset after the last synced record
//!   12     8  the first offset of the segment that ends with it
//!   20     8  the byte where that segment's synced data ends
//! ```
//!
//! It is written after each sync, itself synced only at a clean close: so it never says too much, it
//! is exact after a crash of the process, and may be some seconds old after a power loss. Readers in
//! other processes follow it; at open it tells damage from a write that never finished.

use std::{
    fs::{File, OpenOptions},
    os::unix::fs::FileExt as _,
    path::{Path, PathBuf},
};

use bytes::Buf as _;
use headwater_log::Result;

use crate::problem;

const MARK: &str = "synced";
const MARK_BYTES: usize = 28;

/// The end of what was synced: an offset and where it stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Tail {
    /// The offset after the last synced record.
    pub(crate) end: u64,
    /// The first offset of the segment that ends with it.
    pub(crate) segment: u64,
    /// The byte of that segment where the synced data ends.
    pub(crate) position: u64,
}

/// The open file.
pub(crate) struct Mark {
    file: File,
    path: PathBuf,
}

impl Mark {
    /// Opens the mark of a partition, and makes it if it is not there.
    pub(crate) fn create(partition_dir: &Path) -> Result<Self> {
        let path = partition_dir.join(MARK);
        let mut options = OpenOptions::new();
        let opened = options.read(true).write(true).create(true).truncate(false).open(&path);
        let file = opened.map_err(|error| problem::io("open", &path, error))?;
        Ok(Self { file, path })
    }

    /// Tells other processes, and the next start, how far the disk has it.
    pub(crate) fn write(&self, tail: Tail) -> Result<()> {
        let mut bytes = [0; MARK_BYTES];
        let mut body = Vec::with_capacity(MARK_BYTES);
        for number in [tail.end, tail.segment, tail.position] {
            body.extend_from_slice(&number.to_le_bytes());
        }
        let crc = crc32c::crc32c(&body).to_le_bytes();
        for (place, byte) in bytes.iter_mut().zip(crc.into_iter().chain(body)) {
            *place = byte;
        }
        self.file.write_all_at(&bytes, 0).map_err(|error| problem::io("write", &self.path, error))
    }

    /// Makes the mark itself survive a power loss.
    pub(crate) fn sync(&self) -> Result<()> {
        self.file.sync_all().map_err(|error| problem::io("sync", &self.path, error))
    }
}

/// What the mark of a partition says; `None` if there is none, or none that is whole: then it was
/// being written at this moment, or lost.
pub(crate) fn read(partition_dir: &Path) -> Option<Tail> {
    let mut bytes = [0; MARK_BYTES];
    File::open(partition_dir.join(MARK)).ok()?.read_exact_at(&mut bytes, 0).ok()?;
    let mut rest = bytes.as_slice();
    let crc = rest.try_get_u32_le().ok()?;
    let whole = crc32c::crc32c(rest) == crc;
    let end = rest.try_get_u64_le().ok()?;
    let segment = rest.try_get_u64_le().ok()?;
    let position = rest.try_get_u64_le().ok()?;
    whole.then_some(Tail { end, segment, position })
}
