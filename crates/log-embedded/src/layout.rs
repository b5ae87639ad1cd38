//! Names of folders and files.

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
};

use headwater_event::PartitionId;
use headwater_log::Result;

use crate::problem;

const SEGMENT_SUFFIX: &str = ".log";
/// The digits of u64::MAX, so that names sort as offsets do.
const OFFSET_DIGITS: usize = 20;

/// The folder of a partition.
pub(crate) fn partition_dir(log: &Path, partition: PartitionId) -> PathBuf {
    log.join(partition.to_string())
}

/// The file of the segment whose first offset is `first`.
pub(crate) fn segment_path(partition_dir: &Path, first: u64) -> PathBuf {
    partition_dir.join(format!("{first:0OFFSET_DIGITS$}{SEGMENT_SUFFIX}"))
}

/// The first offsets of a partition's segments, in order.
pub(crate) fn segments(partition_dir: &Path) -> Result<Vec<u64>> {
    let failed = |error| problem::io("list", partition_dir, error);
    let mut firsts = Vec::new();
    for entry in fs::read_dir(partition_dir).map_err(failed)? {
        let name = entry.map_err(failed)?.file_name();
        let digits = name.to_str().and_then(|name| name.strip_suffix(SEGMENT_SUFFIX));
        if let Some(digits) = digits.filter(|digits| digits.len() == OFFSET_DIGITS) {
            firsts.extend(digits.parse::<u64>().ok());
        }
    }
    firsts.sort_unstable();
    Ok(firsts)
}

/// Makes the names in a folder survive a power loss.
pub(crate) fn sync_dir(dir: &Path) -> Result<()> {
    File::open(dir).and_then(|dir| dir.sync_all()).map_err(|error| problem::io("sync", dir, error))
}
