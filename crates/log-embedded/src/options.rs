//! How a log is made and written.

/// A segment is cut here: large enough that a log of years has a number of files that a folder
/// bears, small enough that a backup copies little twice.
const SEGMENT_BYTES_DEFAULT: u64 = 128 * 1024 * 1024;

/// How [`EmbeddedLog::create_or_open`](crate::EmbeddedLog::create_or_open) makes and writes a log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// The number of data partitions of a new log; an existing log that has another is refused.
    /// `None` takes what is there, and makes a new log with the default number.
    pub data_partitions: Option<u32>,
    /// A new segment begins when the next record would not fit so many bytes.
    pub segment_bytes: u64,
}

impl Default for Options {
    fn default() -> Self {
        Self { data_partitions: None, segment_bytes: SEGMENT_BYTES_DEFAULT }
    }
}
