//! What can go wrong with a log, by what the caller must do.

use headwater_event::{Offset, PartitionId};

use crate::EventLog;

/// What the caller must do about an [`Error`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorKind {
    /// Nothing is wrong with the request: try again later (broker away, disk full).
    Retry,
    /// The request can't be served as it is (no such partition, a log of another shape).
    Reject,
    /// The stored bytes are damaged: a person must decide.
    Corrupt,
    /// The log was closed.
    Closed,
}

/// A log operation that failed; reads after "failed to …".
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct Error {
    kind: ErrorKind,
    message: String,
    #[source]
    source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

impl Error {
    /// An error of this kind; `message` says what and where, in lower case.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), source: None }
    }

    /// The log has no such partition.
    pub fn no_such_partition(partition: PartitionId, log: &dyn EventLog) -> Self {
        let (name, count) = (log.describe(), log.data_partitions());
        Self::new(
            ErrorKind::Reject,
            format!("use partition {partition}: {name} has control and {count} data partitions"),
        )
    }

    /// A reader was asked for past the end.
    pub fn past_the_end(
        partition: PartitionId,
        from: Offset,
        end: Offset,
        log: &dyn EventLog,
    ) -> Self {
        Self::new(
            ErrorKind::Reject,
            format!(
                "read partition {partition} from offset {from}: {} ends at {end}, so it was made \
                 anew or cut since that offset was read",
                log.describe()
            ),
        )
    }

    /// A trim was asked for past the end.
    pub fn trim_past_the_end(
        partition: PartitionId,
        before: Offset,
        end: Offset,
        log: &dyn EventLog,
    ) -> Self {
        Self::new(
            ErrorKind::Reject,
            format!(
                "trim partition {partition} before offset {before}: {} ends at {end}",
                log.describe()
            ),
        )
    }

    /// The same with what caused it.
    #[must_use]
    pub fn caused_by(
        mut self,
        source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
    ) -> Self {
        self.source = Some(source.into());
        self
    }

    /// What the caller must do.
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }
}
