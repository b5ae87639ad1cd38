//! What the log needs to run itself: opening, the clock, writers, rules, topologies.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::Timestamp;

/// Where the log's time comes from; declared when the log is made, never changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ClockMode {
    /// The wall clock, made monotone, at most one tick a second.
    Live,
    /// Ticks are requested by the producer: imports, the demo, replay cases.
    Given,
}

/// `headwater.log.opened`: the first record of each partition.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LogOpened {
    /// The log's name for ever.
    pub log_id: String,
    /// This partition: `control`, or the number of a data partition.
    pub partition: String,
    /// The number of data partitions.
    #[schemars(range(min = 1))]
    pub partitions: u32,
    /// Where the log's time comes from.
    pub clock: ClockMode,
    /// The log's time at its start.
    pub time: Timestamp,
    /// The Ed25519 key, in hex, that control records are signed with.
    #[schemars(regex(pattern = r"^[0-9a-f]{64}$"))]
    pub verifying_key: String,
    /// How many days of the log's clock a repeat of a data event is known for.
    pub dedup_horizon_days: u32,
}

/// `headwater.clock.tick_requested`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ClockTickRequested {
    /// The log's new time; never earlier than the last.
    pub time: Timestamp,
    /// All events before this event time are believed to have come; the time if missing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub watermark: Option<Timestamp>,
}

/// `headwater.clock.ticked`: the same n to control first, then to each data partition.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ClockTicked {
    /// Counted from 1.
    #[schemars(range(min = 1))]
    pub n: u64,
    /// The log's time from here on.
    pub time: Timestamp,
    /// All events before this event time are believed to have come.
    pub watermark: Timestamp,
}

/// `headwater.tick.continued`: a tick ended more windows than one record closes; this one closes more.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TickContinued {
    /// The tick.
    #[schemars(range(min = 1))]
    pub n: u64,
}

/// `headwater.publication.delivered`: all that this partition gives to a publication, up to this place in its
/// sequence, is in the topic. Written by the active process to each partition, at most once a second.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PublicationDelivered {
    /// The publication.
    pub publication: String,
    /// The offset of the last event that is there.
    pub offset: u64,
    /// Its index among what follows from that record.
    pub index: u32,
}

/// `headwater.writer.claimed`: a process becomes the active one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WriterClaimed {
    /// One more than the last.
    #[schemars(range(min = 1))]
    pub epoch: u64,
    /// A name for people.
    pub process: String,
}

/// `headwater.rules.raised`: from here on, control decides by these rules.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RulesRaised {
    /// The number of the rules.
    #[schemars(range(min = 1))]
    pub rules: u32,
}

/// `headwater.topology.apply_requested`, subject: `topology`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TopologyApplyRequested {
    /// The checked topology.
    pub topology: Value,
}

/// `headwater.topology.applied`: a copy for each data partition; holds from the copy's offset on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TopologyApplied {
    /// The hash of the topology.
    pub hash: String,
    /// The topology.
    pub topology: Value,
    /// Whether a version with history is folded beside the one that serves, until it is activated;
    /// missing or false, it is folded and read from here on, as before rules 2.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub activates_later: bool,
}

/// `headwater.view.built`: the history of these versions is folded up to this record, from which on
/// the partition folds them with all others. Written by the active process to a data partition.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ViewBuilt {
    /// The versions.
    #[schemars(length(min = 1))]
    pub built: Vec<ViewVersion>,
}

/// `headwater.log.trimmed`: a snapshot is the log's origin from here on, and the records before its
/// positions are taken away. Written by the active process once it has found the snapshot whole, to
/// control; each data partition gets a copy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LogTrimmed {
    /// The snapshot's id.
    pub snapshot: String,
    /// Where it was when it was found whole.
    pub place: String,
    /// How far each partition was folded in it; control first.
    #[schemars(length(min = 2))]
    pub positions: Vec<OriginPosition>,
}

/// How far one partition was folded in the snapshot that is the log's origin.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OriginPosition {
    /// `control`, or the number of a data partition.
    pub partition: String,
    /// The last record that was folded; it is kept.
    pub offset: u64,
    /// The BLAKE3 chain with it, in hex.
    #[schemars(regex(pattern = r"^[0-9a-f]{64}$"))]
    pub chain: String,
}

/// A version of a feature view.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ViewVersion {
    /// The feature view.
    pub view: String,
    /// The hash of its declaration and the fold's revision.
    pub version: String,
}

/// `headwater.view.partition_built`: a data partition tells control that it has a version whole.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ViewPartitionBuilt {
    /// The feature view.
    pub view: String,
    /// The hash of its declaration and the fold's revision.
    pub version: String,
    /// The data partition.
    pub partition: u32,
    /// The offset, on control, of the request that declared the version.
    pub declared_at: u64,
}

/// `headwater.view.activated`: reads of the view read this version. A data partition folds the version
/// before no further from here on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ViewActivated {
    /// The feature view.
    pub view: String,
    /// The hash of its declaration and the fold's revision.
    pub version: String,
}

/// `headwater.request.rejected`: a request that the fold refused; its id is the event's cause.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RequestRejected {
    /// The type of the request.
    pub request_type: String,
    /// The kind of refusal.
    pub reason: String,
    /// What and why.
    pub detail: String,
}
