//! A source as it travels in the topology.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A topic whose records are mapped to events of one type.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Source {
    /// Whose topic it is, and what it tells.
    pub description: String,
    /// The Kafka topic.
    pub topic: String,
    /// Its brokers; those of the log if missing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub brokers: Option<String>,
    /// The type of the events.
    pub event_type: String,
    /// Where an event's id is found; topic, partition and offset if missing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<RecordPlace>,
    /// Where its subject is found.
    pub subject: RecordPlace,
    /// Where its time is found.
    pub time: RecordTime,
    /// What its payload is made of.
    pub data: RecordData,
    /// Only records in which each of these places, JSON pointers into the value, holds one of its values.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub when: BTreeMap<String, Vec<Value>>,
    /// Whether records without a value are mapped, and no others; else they are passed over.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub tombstones: bool,
    /// Where the first start begins.
    pub start: Start,
}

/// A place in a record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RecordPlace {
    /// A JSON pointer into the value; the whole value if it is empty.
    Value(String),
    /// The key as text.
    Key,
    /// A JSON pointer into the key.
    KeyAt(String),
    /// A header as text.
    Header(String),
}

/// Where an event's time is found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RecordTime {
    /// Kafka's own timestamp of the record.
    Record,
    /// At a place of the record.
    At {
        /// The place.
        place: RecordPlace,
        /// What a number there counts since 1970; text is read as RFC 3339 if it is missing.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        unit: Option<TimeUnit>,
    },
}

/// What a number counts since 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TimeUnit {
    /// Days.
    D,
    /// Seconds.
    S,
    /// Milliseconds.
    Ms,
    /// Microseconds.
    Us,
    /// Nanoseconds.
    Ns,
}

/// What a payload is made of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RecordData {
    /// One value of the record.
    At(RecordPlace),
    /// Its fields, and where each is found.
    Fields(BTreeMap<String, RecordPlace>),
}

/// Where the first start of a source begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Start {
    /// With the first record that the topic has.
    Earliest,
    /// With the first record that comes after the source was declared.
    Latest,
}

impl TimeUnit {
    /// All units, and how they are written.
    pub(crate) const ALL: [(&'static str, Self); 5] =
        [("d", Self::D), ("s", Self::S), ("ms", Self::Ms), ("us", Self::Us), ("ns", Self::Ns)];
}

impl std::fmt::Display for RecordPlace {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Value(pointer) if pointer.is_empty() => f.write_str("the value"),
            Self::Value(pointer) => f.write_str(pointer),
            Self::Key => f.write_str("key"),
            Self::KeyAt(pointer) => write!(f, "key:{pointer}"),
            Self::Header(name) => write!(f, "header:{name}"),
        }
    }
}
