//! What a check of the log found.

use headwater_event::PartitionId;
use serde::Serialize;

use super::Agreement;

/// What a check of the log found.
#[derive(Debug, Clone, Default, Serialize)]
pub struct LogReport {
    /// The log's name for ever, as control's first record tells it.
    pub log_id: Option<String>,
    /// Each partition, control first.
    pub partitions: Vec<PartitionAudit>,
    /// What is not as it was, or not as it must be.
    pub findings: Vec<Finding>,
    /// What is lawful and yet worth knowing.
    pub remarks: Vec<String>,
    /// What this check could not prove, and what would.
    pub unproven: Vec<String>,
    /// How long it took.
    pub seconds: f64,
}

/// One partition as it was read.
#[derive(Debug, Clone, Serialize)]
pub struct PartitionAudit {
    /// The partition.
    pub partition: PartitionId,
    /// How many records it holds.
    pub records: u64,
    /// The last offset.
    pub last: Option<u64>,
    /// The chain over all records, in hex; none if the first ones are gone.
    pub chain: Option<String>,
    /// How many records carry this log's signature.
    pub signed: u64,
    /// How far the store agrees; `None` if it was not asked.
    pub store: Option<Agreement>,
    /// How far the kept heads agree; `None` if there are none of this partition.
    pub heads: Option<Agreement>,
}

/// Something that is not as it was, or not as it must be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// The partition.
    pub partition: PartitionId,
    /// What kind of thing.
    pub kind: FindingKind,
    /// The last offset up to which all is well, if there is one.
    pub after: Option<u64>,
    /// The first offset at which it is not: what was changed lies after `after` and up to here.
    pub up_to: Option<u64>,
    /// What was to be found.
    pub expected: String,
    /// What was found.
    pub found: String,
}

/// The kinds of findings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum FindingKind {
    /// The chain is not the one that the store knows: records were changed, removed, inserted or
    /// reordered after they were folded.
    ChainAgainstStore,
    /// The chain is not the one of the kept heads: the same, after the heads were kept.
    ChainAgainstHeads,
    /// The first record is not the `headwater.log.opened` of this partition.
    NotOpened,
    /// Partition, store or heads belong to another log.
    AnotherLog,
    /// The first records are gone.
    BeginsLate,
    /// Offsets do not rise.
    OffsetOrder,
    /// A record does not carry the signature that it must, or one that does not fit it.
    Signature,
    /// A control record claims an epoch that nobody had claimed before it.
    EpochOrder,
    /// Stored bytes are damaged.
    Damaged,
    /// The store's own account of the log can't be read.
    StoreUnreadable,
}

impl LogReport {
    /// Whether nothing was found.
    pub fn is_equal(&self) -> bool {
        self.findings.is_empty()
    }

    /// How many records were read.
    pub fn records(&self) -> u64 {
        self.partitions.iter().map(|partition| partition.records).sum()
    }
}
