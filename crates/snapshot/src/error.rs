//! The one error of this crate, sorted by what the caller must do.

/// This crate's result.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What the caller must do about an [`Error`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ErrorKind {
    /// It may pass: try again later.
    Retry,
    /// It can't be done as asked: another log, another topology, no such snapshot, a folder in use.
    Reject,
    /// What is stored is not what was written: use another snapshot.
    Corrupt,
    /// A mistake in this program.
    Bug,
}

/// What went wrong, where, and what to do; reads after "failed to …".
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

    pub(crate) fn retry(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Retry, message)
    }

    pub(crate) fn reject(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Reject, message)
    }

    pub(crate) fn corrupt(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Corrupt, message)
    }

    pub(crate) fn bug(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Bug, message)
    }

    pub(crate) fn io(what: &str, path: &std::path::Path, error: &std::io::Error) -> Self {
        Self::retry(format!("{what} {}: {error}", path.display()))
    }
}

impl From<headwater_objects::Error> for Error {
    fn from(error: headwater_objects::Error) -> Self {
        use headwater_objects::ErrorKind as Kind;
        let kind = match error.kind() {
            Kind::Retry => ErrorKind::Retry,
            Kind::Reject | Kind::NotFound => ErrorKind::Reject,
            Kind::TooLarge => ErrorKind::Corrupt,
        };
        Self::new(kind, error.to_string())
    }
}

impl From<headwater_store::Error> for Error {
    fn from(error: headwater_store::Error) -> Self {
        use headwater_store::ErrorKind as Kind;
        let kind = match error.kind() {
            Kind::Retry => ErrorKind::Retry,
            Kind::Corrupt => ErrorKind::Corrupt,
            Kind::Locked | Kind::NotFound | Kind::Outdated => ErrorKind::Reject,
            Kind::Bug => ErrorKind::Bug,
        };
        Self::new(kind, chain(&error))
    }
}

impl From<headwater_log::Error> for Error {
    fn from(error: headwater_log::Error) -> Self {
        use headwater_log::ErrorKind as Kind;
        let kind = match error.kind() {
            Kind::Retry | Kind::Closed => ErrorKind::Retry,
            Kind::Reject => ErrorKind::Reject,
            Kind::Corrupt => ErrorKind::Corrupt,
        };
        Self::new(kind, chain(&error))
    }
}

/// An error and what caused it, each once.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let told = cause.to_string();
        if !text.contains(&told) {
            text.push_str(": ");
            text.push_str(&told);
        }
        source = cause.source();
    }
    text
}
