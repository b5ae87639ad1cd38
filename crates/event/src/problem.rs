//! Why bytes are not an event, or an event is not accepted: one closed list, used over HTTP and on the log.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The kinds of refusal, by the name that people see in `reason` columns and `problem+json` types.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// The record has no value.
    EmptyRecord,
    /// The value is not JSON.
    NotJson,
    /// JSON, but not a CloudEvents 1.0 envelope.
    NotAnEnvelope,
    /// An attribute of the envelope is missing or malformed.
    BadAttribute,
    /// The event has no subject, so it has no place.
    MissingSubject,
    /// The record's key is not UTF-8, or not the subject.
    BadKey,
    /// The record is larger than the limit.
    TooLarge,
    /// Nobody declared this type.
    UnknownType,
    /// The type is known, its schema's version is not.
    UnknownSchemaVersion,
    /// The payload violates its schema.
    SchemaViolation,
    /// A number is NaN or infinite, or too large, where none such is allowed.
    BadNumber,
    /// The event's time is out of range, or too far ahead of the log's clock.
    BadTime,
    /// A record of the control partition without its writer's signature.
    Forged,
    /// A control record of a writer that has been replaced.
    StaleEpoch,
    /// The same source and id came before with other content.
    IdReused,
    /// The event is for the other kind of partition.
    WrongPartition,
    /// A feature view can't take the event's values.
    ViewMismatch,
    /// The request names something that does not exist.
    NotFound,
    /// The request conflicts with what was accepted before it.
    Conflict,
    /// The request's values are not allowed.
    Invalid,
    /// The fold itself failed: a bug, kept as a dead letter that names the revision.
    FoldFailed,
}

impl Reason {
    /// The name used in columns, metrics and problem types.
    pub fn name(self) -> &'static str {
        match self {
            Self::EmptyRecord => "empty_record",
            Self::NotJson => "not_json",
            Self::NotAnEnvelope => "not_an_envelope",
            Self::BadAttribute => "bad_attribute",
            Self::MissingSubject => "missing_subject",
            Self::BadKey => "bad_key",
            Self::TooLarge => "too_large",
            Self::UnknownType => "unknown_type",
            Self::UnknownSchemaVersion => "unknown_schema_version",
            Self::SchemaViolation => "schema_violation",
            Self::BadNumber => "bad_number",
            Self::BadTime => "bad_time",
            Self::Forged => "forged",
            Self::StaleEpoch => "stale_epoch",
            Self::IdReused => "id_reused",
            Self::WrongPartition => "wrong_partition",
            Self::ViewMismatch => "view_mismatch",
            Self::NotFound => "not_found",
            Self::Conflict => "conflict",
            Self::Invalid => "invalid",
            Self::FoldFailed => "fold_failed",
        }
    }

    /// What its producer should do.
    pub fn advice(self) -> &'static str {
        match self {
            Self::EmptyRecord => "send the event as the record's value; deletions are events too",
            Self::NotJson => "send the event as JSON (application/cloudevents+json)",
            Self::NotAnEnvelope => {
                "send specversion \"1.0\", id, source and type, as CloudEvents 1.0 asks"
            }
            Self::BadAttribute => "mend the attribute named and send the event again",
            Self::MissingSubject => {
                "name in `subject` what the event is about; it decides the partition"
            }
            Self::BadKey => "give the record's key as the subject in UTF-8, or leave it out",
            Self::TooLarge => "upload the large part as an artifact and name it in the event",
            Self::UnknownType => {
                "declare the type in topology/ with a schema, or correct its spelling"
            }
            Self::UnknownSchemaVersion => "use a version of the schema that stands in schemas/",
            Self::SchemaViolation => "mend each place named and send the event again",
            Self::BadNumber => "send a finite number within the declared type",
            Self::BadTime => "send the time at which it happened, as RFC 3339",
            Self::Forged => "control events are taken over HTTP only; the server signs them",
            Self::StaleEpoch => "another process is the active one now; stop this one",
            Self::IdReused => "give each event an id of its own; equal ids mean equal events",
            Self::WrongPartition => "produce app events to the data topic, requests over HTTP",
            Self::ViewMismatch => "make the event's values fit the feature view's declared types",
            Self::NotFound => "create it first, or correct the name",
            Self::Conflict => "read the current state and decide again",
            Self::Invalid => "correct the values named",
            Self::FoldFailed => "report this as a bug, with the dead letter",
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// One place in a payload that violates its schema.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Violation {
    /// A JSON pointer into `data`.
    pub pointer: String,
    /// What is wrong there.
    pub message: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let pointer = if self.pointer.is_empty() { "/" } else { &self.pointer };
        write!(f, "{pointer}: {}", self.message)
    }
}

/// Why an event was refused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{reason}: {detail}")]
pub struct Refusal {
    /// The kind.
    pub reason: Reason,
    /// What and where, in one sentence.
    pub detail: String,
    /// Each violated place, when the payload violates its schema.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub violations: Vec<Violation>,
}

impl Refusal {
    /// A refusal of this kind.
    pub fn new(reason: Reason, detail: impl Into<String>) -> Self {
        Self { reason, detail: detail.into(), violations: Vec::new() }
    }
}
