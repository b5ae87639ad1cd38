//! Topics that are read and mapped: how far, and what could not be mapped.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{Reason, Refusal, limits::DEAD_LETTER_BYTES_MAX};

/// What is kept of a refusal: the schema's violations quote what they refuse.
const DETAIL_CHARS_MAX: usize = 4_096;
/// What is kept of a key, for people.
const KEY_CHARS_MAX: usize = 256;

/// `headwater.source.advanced`, subject: the source. Everything before these offsets is on the log, or
/// told. Written by the active process to control, at most once a second.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SourceAdvanced {
    /// The source.
    pub source: String,
    /// The topic that it reads.
    pub topic: String,
    /// How far each partition is read that was read on.
    #[schemars(length(min = 1))]
    pub partitions: Vec<SourcePartition>,
}

/// How far one partition of a source's topic is read, and what became of its records so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SourcePartition {
    /// The topic's partition.
    pub partition: u32,
    /// The first offset that is not read.
    pub next: u64,
    /// Records that became events.
    pub mapped: u64,
    /// Records that the source passes over.
    pub passed_over: u64,
    /// Records that could not be mapped, or that the edge refused.
    pub refused: u64,
    /// Offsets that the topic's retention took before they were read.
    pub lost: u64,
}

/// `headwater.source.record_refused`, subject: the record's position. A record that can't be mapped, or
/// whose event the edge refused. Written by the active process; a row of `log.dead_letters`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SourceRecordRefused {
    /// The source.
    pub source: String,
    /// The topic that it reads.
    pub topic: String,
    /// The topic's partition.
    pub partition: u32,
    /// The record's offset.
    pub offset: u64,
    /// The type that it was to become.
    pub event_type: String,
    /// The kind of refusal, such as `not_json`.
    pub reason: String,
    /// What is wrong and where.
    pub detail: String,
    /// The key, as text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// The first 64 KiB of the value, in base64.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
    /// The length of the whole value, in bytes.
    pub value_bytes: u64,
    /// The BLAKE3 hash of the whole value, in hex.
    #[schemars(regex(pattern = r"^[0-9a-f]{64}$"))]
    pub value_hash: String,
}

impl SourceRecordRefused {
    /// Keeps of a key and a value what dead letters keep; who refused what is still to be said.
    pub fn of(key: Option<&[u8]>, value: Option<&[u8]>, refusal: &Refusal) -> Self {
        let chars = |text: &str, max| text.chars().take(max).collect::<String>();
        let kept =
            |value: &[u8]| STANDARD.encode(value.get(..DEAD_LETTER_BYTES_MAX).unwrap_or(value));
        Self {
            source: String::new(),
            topic: String::new(),
            partition: 0,
            offset: 0,
            event_type: String::new(),
            reason: refusal.reason.name().to_owned(),
            detail: chars(&refusal.detail, DETAIL_CHARS_MAX),
            key: key.map(|key| chars(&String::from_utf8_lossy(key), KEY_CHARS_MAX)),
            value: value.map(kept),
            value_bytes: value.map_or(0, |value| value.len() as u64),
            value_hash: blake3::hash(value.unwrap_or_default()).to_hex().to_string(),
        }
    }

    /// The kept bytes of the value; `None` if there was none.
    pub fn kept_value(&self) -> Option<Vec<u8>> {
        self.value.as_ref().and_then(|value| STANDARD.decode(value).ok())
    }

    /// What to do about it.
    pub fn advice(&self) -> &'static str {
        let name = serde_json::Value::String(self.reason.clone());
        let reason: Option<Reason> = serde_json::from_value(name).ok();
        reason.map_or("mend the record or the source's mapping", Reason::advice)
    }
}
