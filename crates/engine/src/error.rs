//! What can go wrong in the engine, by what the caller must do.

use headwater_fold::PartitionError;

/// What the caller must do about an [`Error`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorKind {
    /// Try again later.
    Retry,
    /// It can't be done as asked: another process is active, another log, a newer log.
    Reject,
    /// Stored bytes are damaged: a person must decide.
    Corrupt,
    /// The engine was shut down.
    Closed,
    /// A mistake in this program.
    Bug,
}

/// An engine's operation that failed; reads after "failed to …".
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct Error {
    kind: ErrorKind,
    message: String,
}

impl Error {
    /// An error of this kind.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into() }
    }

    /// What the caller must do.
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }
}

impl From<headwater_log::Error> for Error {
    fn from(error: headwater_log::Error) -> Self {
        use headwater_log::ErrorKind as Kind;
        let kind = match error.kind() {
            Kind::Retry => ErrorKind::Retry,
            Kind::Reject => ErrorKind::Reject,
            Kind::Corrupt => ErrorKind::Corrupt,
            Kind::Closed => ErrorKind::Closed,
        };
        Self::new(kind, chain(&error))
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

impl From<headwater_history::Error> for Error {
    fn from(error: headwater_history::Error) -> Self {
        use headwater_history::ErrorKind as Kind;
        let kind = match error.kind() {
            Kind::Retry => ErrorKind::Retry,
            Kind::Corrupt => ErrorKind::Corrupt,
        };
        Self::new(kind, chain(&error))
    }
}

impl From<PartitionError> for Error {
    fn from(error: PartitionError) -> Self {
        let kind = match error {
            PartitionError::Read(_) => ErrorKind::Retry,
            // What a newer program wrote is as unusable to this one as what is damaged.
            PartitionError::Damaged(_)
            | PartitionError::Json(..)
            | PartitionError::NewerRules { .. }
            | PartitionError::NewerHead { .. } => ErrorKind::Corrupt,
            PartitionError::Schema(_) => ErrorKind::Bug,
        };
        Self::new(kind, error.to_string())
    }
}

/// An error and what caused it, each once.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        if !text.contains(&cause_text) {
            text.push_str(": ");
            text.push_str(&cause_text);
        }
        source = cause.source();
    }
    text
}
