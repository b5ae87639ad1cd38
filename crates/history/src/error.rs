//! The one error of this crate, sorted by what the caller must do.

use std::path::Path;

/// This crate's result.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What the caller must do about an [`Error`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorKind {
    /// The disk is full or failed for now; the same call may succeed later.
    Retry,
    /// What is stored is not what was written: restore a snapshot, or fold anew.
    Corrupt,
}

/// What went wrong, and where.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct Error {
    kind: ErrorKind,
    message: String,
}

impl Error {
    /// What the caller must do.
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    pub(crate) fn new(kind: ErrorKind, message: String) -> Self {
        Self { kind, message }
    }

    pub(crate) fn corrupt(message: String) -> Self {
        Self { kind: ErrorKind::Corrupt, message }
    }

    pub(crate) fn io(what: &str, path: &Path, error: &std::io::Error) -> Self {
        // A manifest that names a file vouches for it.
        let kind = match error.kind() {
            std::io::ErrorKind::NotFound => ErrorKind::Corrupt,
            _ => ErrorKind::Retry,
        };
        Self { kind, message: format!("cannot {what} {}: {error}", path.display()) }
    }

    pub(crate) fn parquet(path: &Path, error: &parquet::errors::ParquetError) -> Self {
        Self::corrupt(format!("sealed history {}: {error}", path.display()))
    }
}

impl From<headwater_store::Error> for Error {
    fn from(error: headwater_store::Error) -> Self {
        let kind = match error.kind() {
            headwater_store::ErrorKind::Retry | headwater_store::ErrorKind::Locked => {
                ErrorKind::Retry
            }
            _ => ErrorKind::Corrupt,
        };
        Self { kind, message: error.to_string() }
    }
}
