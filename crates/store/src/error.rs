//! The one error of this crate, sorted by what the caller must do.

use std::path::Path;

/// This crate's result.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What the caller must do about an [`Error`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ErrorKind {
    /// The disk is full or failed for now; the same call may succeed later.
    Retry,
    /// What is stored is not what was written; restore a snapshot or fold anew.
    Corrupt,
    /// An older format: to be folded anew from the log.
    Outdated,
    /// Another process has the store open for writing.
    Locked,
    /// There is no such store.
    NotFound,
    /// The caller is wrong: no retry will help.
    Bug,
}

/// What went wrong, and where. The cause, if it came from below, is the source.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct Error {
    kind: ErrorKind,
    message: String,
    #[source]
    source: Option<Source>,
}

#[derive(Debug, thiserror::Error)]
enum Source {
    #[error(transparent)]
    Rocks(rocksdb::Error),
    #[error(transparent)]
    Io(std::io::Error),
}

impl Error {
    /// What the caller must do.
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    pub(crate) fn new(kind: ErrorKind, message: String) -> Self {
        Self { kind, message, source: None }
    }

    pub(crate) fn corrupt(message: String) -> Self {
        Self::new(ErrorKind::Corrupt, message)
    }

    pub(crate) fn bug(message: String) -> Self {
        Self::new(ErrorKind::Bug, message)
    }

    /// An error of RocksDB, met while doing `what` in the partition at `path`.
    pub(crate) fn rocks(what: &str, path: &Path, source: rocksdb::Error) -> Self {
        let kind = kind_of(&source);
        let message = match kind {
            ErrorKind::Locked => {
                format!("another process has {} open for writing", path.display())
            }
            _ => format!("{what} in {}", path.display()),
        };
        Self { kind, message, source: Some(Source::Rocks(source)) }
    }

    pub(crate) fn io(what: &str, path: &Path, source: std::io::Error) -> Self {
        let message = format!("{what} {}", path.display());
        Self { kind: ErrorKind::Retry, message, source: Some(Source::Io(source)) }
    }
}

/// RocksDB tells a held lock and a lost file only in words.
fn kind_of(error: &rocksdb::Error) -> ErrorKind {
    use rocksdb::ErrorKind as Rocks;
    let text: &str = error.as_ref();
    match error.kind() {
        Rocks::IOError if text.contains("lock hold by") || text.contains("While lock file") => {
            ErrorKind::Locked
        }
        Rocks::IOError if text.contains("No such file") && text.contains(".sst") => {
            ErrorKind::Corrupt
        }
        Rocks::Corruption => ErrorKind::Corrupt,
        Rocks::NotFound => ErrorKind::NotFound,
        Rocks::NotSupported
        | Rocks::InvalidArgument
        | Rocks::ColumnFamilyDropped
        | Rocks::MergeInProgress
        | Rocks::Unknown => ErrorKind::Bug,
        Rocks::IOError
        | Rocks::Incomplete
        | Rocks::ShutdownInProgress
        | Rocks::TimedOut
        | Rocks::Aborted
        | Rocks::Busy
        | Rocks::Expired
        | Rocks::TryAgain
        | Rocks::CompactionTooLarge => ErrorKind::Retry,
    }
}
