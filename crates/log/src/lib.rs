//! The event log: an ordered, append-only sequence of records in each partition.
//!
//! One trait, [`EventLog`], three homes: in memory (here), segment files (`headwater-log-embedded`),
//! Kafka (`headwater-log-kafka`). All must pass the tests in `contract` (feature `contract`).
//! [`Topics`] are topics of the users' own, which are only read.
//!
//! **Invariants.** Offsets of a partition rise and may have gaps. A record that was read is never
//! changed or moved, and taken away only by [`EventLog::trim`], the oldest first. A reader sees only
//! records that survive a power loss (on Kafka: that the broker acknowledged). The log knows nothing of
//! what its records mean.
//!
//! Not here: envelopes, schemas (see `headwater-event`), what follows from a record
//! (`headwater-fold`). Start reading at [`EventLog`].

mod ack;
#[cfg(any(test, feature = "contract"))]
#[allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "these are tests that other crates run, too"
)]
pub mod contract;
mod error;
mod limits;
mod memory;
mod topics;

use std::{fmt, time::Duration};

use futures::future::BoxFuture;
use headwater_event::{NewRecord, Offset, PartitionId, Record};

pub use ack::AppendAck;
pub use error::{Error, ErrorKind};
pub use limits::{DATA_PARTITIONS_DEFAULT, DATA_PARTITIONS_MAX, ReadLimits, check_data_partitions};
pub use memory::MemoryLog;
pub use topics::{MemoryTopics, TopicAt, Topics};

/// The result of everything that a log does.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// A log of one control partition and N data partitions.
pub trait EventLog: fmt::Debug + Send + Sync + 'static {
    /// The number of data partitions, fixed when the log was made.
    fn data_partitions(&self) -> u32;

    /// A name for messages: `embedded log in DIR`, `kafka://HOST:PORT/NAME`.
    fn describe(&self) -> String;

    /// Appends `records` in order and in one run, and returns the offset of each once `ack` holds.
    ///
    /// On an error any prefix of them may have been appended: the events' ids make a repeat harmless.
    fn append(
        &self,
        partition: PartitionId,
        records: Vec<NewRecord>,
        ack: AppendAck,
    ) -> BoxFuture<'_, Result<Vec<Offset>>>;

    /// The offset that the next readable record will have or exceed: the end of what can be read.
    fn end(&self, partition: PartitionId) -> BoxFuture<'_, Result<Offset>>;

    /// The offset of the first record that is kept.
    fn start(&self, partition: PartitionId) -> BoxFuture<'_, Result<Offset>>;

    /// A reader whose first record is the first at or after `from`.
    ///
    /// Past the end is refused with [`ErrorKind::Reject`]: whoever asks has seen records that this
    /// log does not have, so that it was made anew or cut.
    fn reader(
        &self,
        partition: PartitionId,
        from: Offset,
    ) -> BoxFuture<'_, Result<Box<dyn LogReader>>>;

    /// Takes away records before an offset, which must not be past the end, and answers the offset of
    /// the first record that is kept: at most that offset, less where records are kept in larger pieces.
    ///
    /// For ever: whoever calls this has what follows from those records elsewhere. Done again, it
    /// takes nothing.
    fn trim(&self, partition: PartitionId, before: Offset) -> BoxFuture<'_, Result<Offset>>;
}

/// Reads one partition in order.
pub trait LogReader: Send {
    /// The next records in order, at least one unless `wait` passed with nothing to read.
    ///
    /// Never more than the limits say, except that one record is always given however large.
    fn next_batch(
        &mut self,
        limits: ReadLimits,
        wait: Duration,
    ) -> BoxFuture<'_, Result<Vec<Record>>>;

    /// All that can be read before this offset has been given.
    ///
    /// May pass the last record's next offset, where a gap follows (on Kafka the mark of a
    /// transaction): a reader is at the end when its position is, not when its last record is.
    fn position(&self) -> Offset;
}
