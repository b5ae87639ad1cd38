//! What the log itself has to tell: records that are no events, refused events, topologies.

use headwater_event::{
    Event, Record, Refusal, Timestamp, limits::DEAD_LETTER_BYTES_MAX, payload::SourceRecordRefused,
};

use crate::{Json, table::table};

table! {
    /// Records that are no events, or that a view could not take: raw bytes, place and reason.
    DeadLetter in "log"."dead_letters" keyed by Position (
    ) {
        /// The kind of damage, such as `not_json`.
        reason: String,
        /// What is wrong and where.
        detail: String,
        /// What to do about it.
        advice: String,
        /// The event's type, if it could be read.
        event_type: Option<String>,
        /// The record's key, as text.
        key: Option<String>,
        /// The first 64 KiB of the record's value.
        raw: Option<Vec<u8>>,
        /// The length of the whole value, in bytes.
        raw_bytes: i64,
        /// The BLAKE3 hash of key, headers and value, in hex.
        raw_hash: String,
    }
}

table! {
    /// Events that were understood and refused: conflicts, unknown names, reused ids.
    Rejection in "log"."rejections" keyed by Position (
    ) {
        /// The kind of refusal, such as `conflict`.
        reason: String,
        /// What was refused and why.
        detail: String,
        /// The event's type.
        event_type: String,
        /// What the event was about.
        subject: String,
        /// The payload.
        data: Json,
    }
}

table! {
    /// Every topology that was applied, in order.
    AppliedTopology in "log"."topologies" keyed by Position (
    ) {
        /// The hash that names it.
        hash: String,
        /// What it declares.
        topology: Json,
    }
}

table! {
    /// Snapshots that became the log's origin: the records before them were taken away.
    LogOrigin in "log"."origins" keyed by Position (
    ) {
        /// The snapshot's id.
        snapshot: String,
        /// Where it was when it became the origin.
        place: String,
        /// By partition, the last offset that is in the snapshot, and the chain there.
        positions: Json,
    }
}

table! {
    /// Events that came too late for a window of a view whose windows close, a row a window; of each view those of the version that its name reads.
    LateEvent in "log"."late_events" keyed by Position (
    ) {
        /// The feature view.
        view: String,
        /// The first moment of the window.
        window_start: Timestamp,
        /// The first moment after the window.
        window_end: Timestamp,
        /// The watermark when the event came: the window's end and its lateness lie before.
        watermark: Timestamp,
        /// The event's type.
        event_type: String,
        /// What the event was about.
        subject: String,
        /// When it happened.
        event_time: Timestamp,
        /// The payload.
        data: Json,
    }
}

table! {
    /// How far each partition of each source's topic is read, and what became of its records; events of it may be on the log that are not counted yet.
    SourcePosition in "log"."sources" keyed by Key (
        /// The source.
        source: String,
        /// The topic that it reads.
        topic: String,
        /// The topic's partition.
        partition: i64,
    ) {
        /// The first offset that is not read.
        next_offset: i64,
        /// Records that became events, repeats among them.
        mapped: i64,
        /// Records that the source passes over.
        passed_over: i64,
        /// Records that could not be mapped, or that the edge refused: rows of `dead_letters`.
        refused: i64,
        /// Offsets that the topic's retention took before they were read.
        lost: i64,
        /// When it was told last.
        advanced_at: Timestamp,
    }
}

impl DeadLetter {
    /// The letter of a record of a source's topic.
    pub fn of_source(refused: &SourceRecordRefused) -> Self {
        let SourceRecordRefused { source, topic, partition, offset, detail, .. } = refused;
        Self {
            reason: refused.reason.clone(),
            detail: format!("source {source}, {topic}/{partition}/{offset}: {detail}"),
            advice: refused.advice().to_owned(),
            event_type: Some(refused.event_type.clone()),
            key: refused.key.clone(),
            raw: refused.kept_value(),
            raw_bytes: i64::try_from(refused.value_bytes).unwrap_or(i64::MAX),
            raw_hash: refused.value_hash.clone(),
        }
    }

    /// The letter of a record.
    pub fn of_record(record: &Record, event_type: Option<String>, refusal: &Refusal) -> Self {
        let value = record.body.value.as_deref();
        let mut hasher = blake3::Hasher::new();
        record.body.hash_into(&mut hasher);
        Self {
            reason: refusal.reason.name().to_owned(),
            detail: refusal.detail.clone(),
            advice: refusal.reason.advice().to_owned(),
            event_type,
            key: record.body.key.as_deref().map(|key| String::from_utf8_lossy(key).into_owned()),
            raw: value.map(|raw| raw.iter().take(DEAD_LETTER_BYTES_MAX).copied().collect()),
            raw_bytes: value.map_or(0, |raw| i64::try_from(raw.len()).unwrap_or(i64::MAX)),
            raw_hash: hasher.finalize().to_hex().to_string(),
        }
    }

    /// The letter of an event that was decoded.
    pub fn of_event(event: &Event, refusal: &Refusal) -> Self {
        let raw = event.to_json().to_string().into_bytes();
        Self {
            reason: refusal.reason.name().to_owned(),
            detail: refusal.detail.clone(),
            advice: refusal.reason.advice().to_owned(),
            event_type: Some(event.event_type.clone()),
            key: Some(event.subject.clone()),
            raw_bytes: i64::try_from(raw.len()).unwrap_or(i64::MAX),
            raw_hash: blake3::hash(&raw).to_hex().to_string(),
            raw: Some(raw.into_iter().take(DEAD_LETTER_BYTES_MAX).collect()),
        }
    }
}

impl Rejection {
    /// The row of a refused event.
    pub fn of(event: &Event, refusal: &Refusal) -> Self {
        Self {
            reason: refusal.reason.name().to_owned(),
            detail: refusal.detail.clone(),
            event_type: event.event_type.clone(),
            subject: event.subject.clone(),
            data: Json::of(&event.data),
        }
    }
}
