//! The bounds that every log keeps.

use crate::{Error, ErrorKind, Result};

/// The number of data partitions of a log that is made without saying how many: enough to fold on
/// the cores of a common machine, few enough for one process.
pub const DATA_PARTITIONS_DEFAULT: u32 = 4;

/// More data partitions than one process could keep files, threads and stores for.
pub const DATA_PARTITIONS_MAX: u32 = 1_024;

/// Bounds of one batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReadLimits {
    /// At most so many records.
    pub records_max: usize,
    /// At most so many bytes of keys, headers and values together.
    pub bytes_max: usize,
}

impl Default for ReadLimits {
    /// A batch that folds in milliseconds and fits a write buffer.
    fn default() -> Self {
        Self { records_max: 1_000, bytes_max: 4 * 1024 * 1024 }
    }
}

/// Refuses a number of data partitions that no log can have.
pub fn check_data_partitions(count: u32) -> Result<()> {
    if (1..=DATA_PARTITIONS_MAX).contains(&count) {
        return Ok(());
    }
    Err(Error::new(
        ErrorKind::Reject,
        format!("a log has 1 to {DATA_PARTITIONS_MAX} data partitions, not {count}"),
    ))
}
