//! The small state of a partition that is not rows: kept beside the position, written with it.

use std::collections::{BTreeMap, BTreeSet};

use headwater_event::{Offset, Outlet, PartitionId, Timestamp, payload::ClockMode};
use serde::{Deserialize, Serialize};

use crate::{PartitionError, RULES_KNOWN};

/// The number of the head's stored form: raised when an older program would misread it.
pub const HEAD_FORMAT: u32 = 1;

/// What a partition knows besides its rows.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Head {
    /// The number of this form; in a store that does not tell it yet, it is the first.
    #[serde(default)]
    pub format: u32,
    /// The log, once its first record was folded.
    pub log: Option<LogIdentity>,
    /// The log's clock.
    pub clock: Option<Clock>,
    /// The tick that control accepted last; it may not have been folded yet.
    #[serde(default)]
    pub accepted_tick: Option<Clock>,
    /// The epoch of the active process.
    pub epoch: u64,
    /// The number of the rules by which control decides.
    pub rules: u32,
    /// Ticks whose windows are not all closed yet, the earliest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub closing: Vec<Clock>,
    /// The watermark up to which all windows are closed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub closed_until: Option<Timestamp>,
    /// The latest time of an event that was not far ahead of the clock: what watermarks are made of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub latest_event: Option<Timestamp>,
    /// What the log begins with, if its first records were taken away.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub origin: Option<Origin>,
    /// The hash of the topology that holds.
    pub topology: Option<String>,
    /// The names of the views that it declares.
    #[serde(default)]
    pub declared_views: Vec<String>,
    /// The declared versions of views that their names do not read yet, by version.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub coming: BTreeMap<String, Coming>,
    /// Numbers that the fold assigns from, by name.
    #[serde(default)]
    pub counters: BTreeMap<String, u64>,
    /// What this partition gave to the outbox, by target.
    #[serde(default)]
    pub emitted: BTreeMap<PartitionId, Tally>,
    /// What this partition gave to the outbox for topics of the users' own, by publication.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub published: BTreeMap<String, Tally>,
    /// How far each publication is known to be in its topic.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub delivered: BTreeMap<String, Delivered>,
    /// What came here from outboxes, by source.
    #[serde(default)]
    pub received: BTreeMap<PartitionId, Tally>,
    /// What became of the records.
    #[serde(default)]
    pub counts: Counts,
    /// The digest of each table's version, by version in hex.
    #[serde(default)]
    pub digests: BTreeMap<String, Digest>,
}

impl Head {
    /// A partition's that has folded nothing.
    pub(crate) fn empty() -> Self {
        Self { format: HEAD_FORMAT, ..Self::default() }
    }

    /// The stored form.
    pub fn to_bytes(&self) -> Result<Vec<u8>, PartitionError> {
        serde_json::to_vec(self).map_err(|error| PartitionError::Json("head", error))
    }

    /// Reads the stored form, if this program knows it.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, PartitionError> {
        /// What must be known before the rest can be read.
        #[derive(Deserialize)]
        struct Form {
            #[serde(default)]
            format: u32,
            #[serde(default)]
            rules: u32,
        }
        let damaged = |error| PartitionError::Json("head", error);
        let form: Form = serde_json::from_slice(bytes).map_err(damaged)?;
        if form.format > HEAD_FORMAT {
            return Err(PartitionError::NewerHead { format: form.format, known: HEAD_FORMAT });
        }
        if form.rules > RULES_KNOWN {
            return Err(PartitionError::NewerRules { asked: form.rules, known: RULES_KNOWN });
        }
        let head: Self = serde_json::from_slice(bytes).map_err(damaged)?;
        Ok(Self { format: HEAD_FORMAT, ..head })
    }
}

/// A version of a view that is declared and not activated.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Coming {
    /// The view's name.
    pub view: String,
    /// The source of the event that declared it.
    pub source: String,
    /// The id of the event that declared it.
    pub id: String,
    /// The project of whoever declared it.
    pub project: String,
    /// The offset, on control, of the request that declared it.
    pub declared_at: Offset,
    /// The data partitions that have its whole history; in a data partition itself or none.
    pub built: BTreeSet<u32>,
}

/// Which log this is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogIdentity {
    /// Its name for ever.
    pub log_id: String,
    /// The number of data partitions.
    pub partitions: u32,
    /// Where its time comes from.
    pub clock: ClockMode,
    /// The key of control's signatures.
    pub verifying_key: String,
    /// How many days a repeat of a data event is known for.
    pub dedup_horizon_days: u32,
}

/// What a trimmed log begins with: a snapshot, and how far this partition was folded in it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Origin {
    /// The snapshot's id.
    pub snapshot: String,
    /// Where it was when the log was trimmed.
    pub place: String,
    /// The last record that was folded in it: records before may be gone.
    pub offset: Offset,
    /// The chain with that record, in hex.
    pub chain: String,
}

/// How far a publication is in its topic: a place in this partition's sequence.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Delivered {
    /// The offset of the last event that is there.
    pub offset: Offset,
    /// Its index among what follows from that record.
    pub index: u32,
}

/// A moment of the log's clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Clock {
    /// The number of the tick, 0 before the first.
    pub n: u64,
    /// The time.
    pub time: Timestamp,
    /// Events before this event time are believed to have come.
    pub watermark: Timestamp,
}

/// Events that went from one partition to another: how many, the last, and an order-free hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Tally {
    /// How many.
    pub events: u64,
    /// The offset of the last one's cause.
    pub offset: Offset,
    /// The index of the last one.
    pub index: u32,
    /// The sum of their hashes.
    #[serde(with = "hex_u128")]
    pub sum: u128,
}

impl Tally {
    /// Whether this outlet, or a later one, has been counted.
    pub fn has(&self, outlet: Outlet) -> bool {
        self.events > 0 && (outlet.offset, outlet.index) <= (self.offset, self.index)
    }

    /// Counts one more.
    pub fn add(&mut self, outlet: Outlet, content: &[u8; 16]) {
        let mut hasher = blake3::Hasher::new();
        hasher.update(outlet.to_string().as_bytes());
        hasher.update(content);
        self.events += 1;
        self.offset = outlet.offset;
        self.index = outlet.index;
        self.sum = self.sum.wrapping_add(crate::digest::first_u128(&hasher.finalize()));
    }
}

/// How many records became what.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Counts {
    /// All records.
    pub records: u64,
    /// Events folded into views.
    pub accepted: u64,
    /// Events that had been folded before.
    pub repeats: u64,
    /// Events that the fold refused.
    pub rejections: u64,
    /// Records that are no event.
    pub dead_letters: u64,
    /// Events that were found in the wrong partition.
    pub misrouted: u64,
    /// Events from the outbox.
    pub derived: u64,
    /// Windows that events came too late for.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub late: u64,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for it so")]
fn is_zero(count: &u64) -> bool {
    *count == 0
}

/// The digest of one table's version.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Digest {
    /// How many rows there are.
    pub rows: u64,
    /// The sum of the hashes of all rows.
    #[serde(with = "hex_u128")]
    pub latest: u128,
    /// How many versions of rows there ever were.
    pub versions: u64,
    /// The sum of the hashes of all versions.
    #[serde(with = "hex_u128")]
    pub history: u128,
}

impl Digest {
    /// The digest of two partitions' rows together.
    #[must_use]
    pub fn merge(self, other: Self) -> Self {
        Self {
            rows: self.rows + other.rows,
            latest: self.latest.wrapping_add(other.latest),
            versions: self.versions + other.versions,
            history: self.history.wrapping_add(other.history),
        }
    }
}

/// JSON has no 128-bit numbers that all readers take; hex digits do.
mod hex_u128 {
    use serde::{Deserialize as _, Deserializer, Serializer, de::Error as _};

    pub(super) fn serialize<S: Serializer>(value: &u128, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&format!("{value:032x}"))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<u128, D::Error> {
        let text = String::deserialize(from)?;
        u128::from_str_radix(&text, 16).map_err(D::Error::custom)
    }
}
