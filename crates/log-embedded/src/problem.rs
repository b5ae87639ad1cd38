//! The errors of this crate, each with the file that it is about.

use std::{io, path::Path};

use headwater_log::{Error, ErrorKind};

/// A file operation failed: nothing is wrong with the log, so it may work later.
pub(crate) fn io(doing: &str, path: &Path, error: io::Error) -> Error {
    let message = format!("{doing} {}: {error}", path.display());
    Error::new(ErrorKind::Retry, message).caused_by(error)
}

/// Stored bytes are not what was written: where, and why that is known.
pub(crate) fn corrupt(segment: &Path, byte: u64, offset: u64, why: &str) -> Error {
    Error::new(
        ErrorKind::Corrupt,
        format!("read {} at byte {byte}, offset {offset}: {why}", segment.display()),
    )
}

/// The folder does not hold what a log's folder holds.
pub(crate) fn corrupt_folder(path: &Path, why: &str) -> Error {
    Error::new(ErrorKind::Corrupt, format!("open {}: {why}", path.display()))
}

/// The request can't be served.
pub(crate) fn reject(message: impl Into<String>) -> Error {
    Error::new(ErrorKind::Reject, message)
}

/// The log was closed, or closed itself after a failed sync.
pub(crate) fn closed(message: impl Into<String>) -> Error {
    Error::new(ErrorKind::Closed, message)
}
