//! What a verification found.

use headwater_fold::Digest;
use serde::Serialize;

/// What a verification found.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Report {
    /// Each view with rows or versions, all partitions together.
    pub views: Vec<ViewReport>,
    /// Each partition.
    pub partitions: Vec<PartitionReport>,
    /// What is wrong beside the views: positions, kept state, outbox.
    pub problems: Vec<String>,
    /// What was compared.
    pub compared: Vec<String>,
    /// What was not, and why.
    pub left_out: Vec<LeftOut>,
    /// How long it took.
    pub seconds: f64,
}

/// Something that was not compared.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct LeftOut {
    /// What.
    pub what: String,
    /// Why.
    pub reason: String,
}

impl LeftOut {
    pub(crate) fn new(what: impl Into<String>, reason: impl Into<String>) -> Self {
        Self { what: what.into(), reason: reason.into() }
    }
}

/// One view's three digests.
#[derive(Debug, Clone, Serialize)]
pub struct ViewReport {
    /// The table's full name.
    pub table: String,
    /// The version of the view.
    pub version: String,
    /// The digest that the store keeps; it keeps none of earlier moments.
    pub kept: Option<Digest>,
    /// The digest of the rows on disk.
    pub on_disk: Digest,
    /// The digest of the replay.
    pub replayed: Digest,
    /// Whether all of them are the same, and every stored byte.
    pub equal: bool,
    /// Where the rows on disk first differ from the replay's.
    pub first_difference: Option<Difference>,
}

/// One row that differs.
#[derive(Debug, Clone, Serialize)]
pub struct Difference {
    /// The partition.
    pub partition: String,
    /// `latest` or `history`.
    pub family: String,
    /// The row's key, readable.
    pub key: String,
    /// The row on disk.
    pub on_disk: Option<Side>,
    /// The row of the replay.
    pub replayed: Option<Side>,
}

/// A row and the event that wrote it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Side {
    /// The offset of the event.
    pub offset: u64,
    /// When the log took the event, in milliseconds since 1970.
    pub appended_at_ms: i64,
    /// The event's source.
    pub event_source: String,
    /// The event's id.
    pub event_id: String,
    /// The stored values.
    pub values: String,
}

/// One partition's replay.
#[derive(Debug, Clone, Serialize)]
pub struct PartitionReport {
    /// The partition.
    pub partition: String,
    /// How many records were folded again.
    pub records: u64,
    /// The last offset that was taken as given, where the replay began in the midst.
    pub began_after: Option<u64>,
    /// The offset up to which rows were compared.
    pub position: Option<u64>,
    /// The chain over all raw records up to there, in hex.
    pub chain: String,
}

impl Report {
    /// Whether everything is what the log says.
    pub fn is_equal(&self) -> bool {
        self.problems.is_empty() && self.views.iter().all(|view| view.equal)
    }

    /// How many records were folded again.
    pub fn records(&self) -> u64 {
        self.partitions.iter().map(|partition| partition.records).sum()
    }
}
