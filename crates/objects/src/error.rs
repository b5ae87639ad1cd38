//! The one error of this crate, sorted by what the caller must do.

/// This crate's result.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What the caller must do about an [`Error`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ErrorKind {
    /// It may pass: try again later.
    Retry,
    /// There is no such object.
    NotFound,
    /// It can't be done as asked: a wrong URL, key, property or credential, or no permission.
    Reject,
    /// The object is larger than the caller takes.
    TooLarge,
}

/// What went wrong, where, and what to do; reads after "failed to …". Holds no secret.
#[derive(Debug, Clone, thiserror::Error)]
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

    pub(crate) fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into() }
    }

    pub(crate) fn reject(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Reject, message)
    }

    /// An error of the file system, met while doing `what` at `place`.
    pub(crate) fn io(what: &str, place: &str, error: &std::io::Error) -> Self {
        use std::io::ErrorKind as Io;
        let (kind, advice) = match error.kind() {
            Io::NotFound => (ErrorKind::NotFound, ""),
            Io::PermissionDenied | Io::ReadOnlyFilesystem => {
                (ErrorKind::Reject, "; give this user the right to, or name another place")
            }
            Io::NotADirectory | Io::IsADirectory | Io::InvalidFilename => {
                (ErrorKind::Reject, "; name another place")
            }
            Io::StorageFull | Io::QuotaExceeded => {
                (ErrorKind::Retry, "; make room, then try again")
            }
            _ => (ErrorKind::Retry, "; try again"),
        };
        Self::new(kind, format!("{what} {place}: {error}{advice}"))
    }
}
