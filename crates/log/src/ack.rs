//! What an append waits for.

/// How far a record must have come before its producer is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum AppendAck {
    /// In the page cache, or acknowledged by Kafka: survives `kill -9`; synced within 10 ms.
    Written,
    /// Synced to disk: survives a power loss as far as the disk does. On Kafka the same as `Written`.
    Durable,
}
