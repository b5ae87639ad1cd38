//! The event log on Kafka.
//!
//! The log NAME is two topics: `NAME.control` with the one control partition and `NAME.data` with the
//! data partitions. Any Kafka client may produce to the latter.
//!
//! **Invariants.** What is told as appended was acknowledged by all in-sync replicas. Readers take no
//! part in consumer groups and commit nothing: where to read from is the caller's to know. Checksums
//! are checked on every read. A broker that is away is waited for, never taken for the end.
//!
//! Not here: exactly-once (the events' ids see to that, not Kafka's transactions). Start reading at
//! [`KafkaLog`].

mod arena;
mod config;
mod delivery;
mod foreign;
mod log;
mod outgoing;
mod problem;
mod reader;
#[cfg(any(test, feature = "testing"))]
#[allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "this is test support, which should fail loudly"
)]
pub mod testing;
mod topics;
mod trim;

pub use config::KafkaConfig;
pub use foreign::KafkaTopics;
pub use log::KafkaLog;

#[cfg(test)]
mod tests;
