//! A segment file's header, and making a new segment.
//!
//! ```text
//! byte  size
//!    0     8  "HWLOG" 0 0 1: what it is, and the version of this layout
//!    8     4  the partition's code: 0 control, n + 1 data partition n
//!   12     8  the offset of the first frame, as in the file's name
//!   20     8  zero
//!   28     4  CRC32C of the bytes before
//! ```

use std::{
    fs::{self, File, OpenOptions},
    os::unix::fs::FileExt as _,
    path::Path,
};

use headwater_event::PartitionId;
use headwater_log::Result;

use crate::{layout, problem};

const MAGIC: &[u8; 8] = b"HWLOG\0\0\x01";
const HEADER_LEN: usize = 32;
/// Where the first frame stands.
pub(crate) const HEADER_BYTES: u64 = HEADER_LEN as u64;

fn header(partition: PartitionId, first: u64) -> [u8; HEADER_LEN] {
    let mut bytes = Vec::with_capacity(HEADER_LEN);
    bytes.extend_from_slice(MAGIC);
    bytes.extend_from_slice(&partition.code().to_le_bytes());
    bytes.extend_from_slice(&first.to_le_bytes());
    bytes.extend_from_slice(&[0; 8]);
    bytes.extend_from_slice(&crc32c::crc32c(&bytes).to_le_bytes());
    bytes.try_into().unwrap_or([0; HEADER_LEN])
}

/// Makes an empty segment of its full length, on the disk and under its name.
pub(crate) fn create(dir: &Path, partition: PartitionId, first: u64, bytes: u64) -> Result<File> {
    let path = layout::segment_path(dir, first);
    let made = OpenOptions::new().read(true).write(true).create(true).truncate(true).open(&path);
    let file = made.map_err(|error| problem::io("create", &path, error))?;
    let filled = file
        .set_len(bytes.max(HEADER_BYTES))
        .and_then(|()| file.write_all_at(&header(partition, first), 0))
        .and_then(|()| file.sync_all());
    if let Err(error) = filled {
        // A leftover would be taken for an empty segment, which is harmless; so its fate is too.
        let _ = fs::remove_file(&path);
        return Err(problem::io("create", &path, error));
    }
    layout::sync_dir(dir)?;
    Ok(file)
}

/// Whether the header was written at all: a crash may leave a new segment without.
pub(crate) fn has_header(file: &File, path: &Path) -> Result<bool> {
    let len = file.metadata().map_err(|error| problem::io("read", path, error))?.len();
    Ok(len >= HEADER_BYTES && read_header(file, path)? != [0; HEADER_LEN])
}

/// Refuses a file that is not this segment of this partition.
pub(crate) fn check_header(
    file: &File,
    path: &Path,
    partition: PartitionId,
    first: u64,
) -> Result<()> {
    if has_header(file, path)? && read_header(file, path)? == header(partition, first) {
        return Ok(());
    }
    Err(problem::corrupt(path, 0, first, "the header is not that of this segment"))
}

fn read_header(file: &File, path: &Path) -> Result<[u8; HEADER_LEN]> {
    let mut bytes = [0; HEADER_LEN];
    file.read_exact_at(&mut bytes, 0).map_err(|error| problem::io("read", path, error))?;
    Ok(bytes)
}
