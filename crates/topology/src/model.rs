//! A checked topology: what is wired to what, as data that travels in one event.

use std::collections::BTreeMap;

use headwater_event::upcast::Step;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Everything that `topology/*.yaml` declares, checked.
///
/// Its JSON form is the payload of `headwater.topology.apply_requested`.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Topology {
    /// The apps' own event types, by name.
    pub event_types: BTreeMap<String, EventType>,
    /// What features describe, by name.
    pub entities: BTreeMap<String, Entity>,
    /// Feature views, by name.
    pub feature_views: BTreeMap<String, FeatureView>,
    /// How long the past is kept.
    #[serde(default, skip_serializing_if = "Retention::keeps_all")]
    pub retention: Retention,
    /// What is done in the world, by name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub effects: BTreeMap<String, crate::Effect>,
    /// Events that follow from events, by their type.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub derived_events: BTreeMap<String, DerivedEvent>,
    /// What is published to topics of the users' own, by name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub publications: BTreeMap<String, Publication>,
    /// Topics whose records are mapped to events, by name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub sources: BTreeMap<String, crate::Source>,
}

/// An event that follows from each event of a type: most often the same, under another subject, so that
/// events of one key come together in one partition.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DerivedEvent {
    /// The type of the events that it follows from.
    pub from: String,
    /// Where its subject is found.
    pub subject: ValueAt,
    /// Only from events in which each of these places, JSON pointers into the data, holds one of its values.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub when: BTreeMap<String, Vec<Value>>,
    /// Its payload's fields, and where each is found; the whole payload if missing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data: Option<BTreeMap<String, ValueAt>>,
}

/// Events that are published to a topic of the users' own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Publication {
    /// Who reads it, and for what.
    pub description: String,
    /// The types that are published.
    pub events: Vec<String>,
    /// The Kafka topic.
    pub topic: String,
    /// Its brokers; those of the log if missing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub brokers: Option<String>,
}

/// How long the past is kept. The default keeps all of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Retention {
    /// For how many milliseconds of the log's clock every version of every row is kept; of what is
    /// older, the newest version of each key. All are kept if it is missing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub versions_ms: Option<i64>,
}

impl Retention {
    /// Whether nothing is ever taken.
    pub fn keeps_all(&self) -> bool {
        *self == Self::default()
    }
}

/// An app's own event type.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EventType {
    /// What it means.
    pub description: String,
    /// The JSON Schema of the payload, by version.
    pub schemas: BTreeMap<u32, Value>,
    /// What makes a payload of the version before one of this version, by version.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub upcasts: BTreeMap<u32, Vec<Step>>,
}

/// Something that features describe.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Entity {
    /// What it is.
    pub description: String,
    /// The columns that together name one of it, in order.
    pub join_keys: Vec<JoinKey>,
}

/// One column of an entity's key.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct JoinKey {
    /// The column's name.
    pub name: String,
    /// The column's type.
    #[serde(rename = "type")]
    pub key_type: KeyType,
}

/// The types that a key can have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum KeyType {
    /// A 64-bit integer.
    Int64,
    /// UTF-8 text.
    String,
}

/// A table of features, one row an entity (and window).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FeatureView {
    /// What the view tells.
    pub description: String,
    /// Who answers for it; may be empty.
    pub owner: String,
    /// Free labels.
    pub tags: BTreeMap<String, String>,
    /// The name of the entity that it describes.
    pub entity: String,
    /// Where its values come from.
    pub source: ViewSource,
    /// A row per window of event time, or one row for all time.
    pub window: Option<Window>,
    /// For how many milliseconds past a window's end, by the watermark, its events are still folded into
    /// it; windows never close if it is missing, and every event is folded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lateness_ms: Option<i64>,
    /// The event type that tells the rows of windows as they close.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub results: Option<String>,
    /// The stored features, in the order of their columns.
    pub features: Vec<Feature>,
    /// Features computed at read from the stored ones, in the order of their columns.
    pub derived: Vec<DerivedFeature>,
}

/// Where a feature view's values come from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ViewSource {
    /// Aggregates of the events of one type.
    Events {
        /// The event type.
        event_type: String,
        /// Where each join key is found, in the order of the entity's join keys.
        keys: Vec<ValueAt>,
    },
    /// Values computed elsewhere, which arrive as `headwater.feature.written`.
    Written,
}

/// A place in an event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ValueAt {
    /// The event's subject.
    Subject,
    /// The event's time.
    Time,
    /// A JSON pointer (RFC 6901) into the event's data.
    Data(String),
}

/// Windows of event time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Window {
    /// Windows of one size, end to end.
    Tumbling {
        /// The size.
        size_ms: i64,
        /// A moment at which a window starts, in milliseconds since 1970.
        origin_ms: i64,
    },
    /// Windows of one size that begin at equal distances, so that a moment lies in several.
    Hopping {
        /// The size, a multiple of the distance.
        size_ms: i64,
        /// The distance between the beginnings of two windows.
        every_ms: i64,
        /// A moment at which a window starts, in milliseconds since 1970.
        origin_ms: i64,
    },
    /// Windows of the calendar, in UTC.
    Calendar {
        /// How long each is.
        unit: CalendarUnit,
    },
    /// One window that ends at the read's time: kept as panes, which are merged when it is read.
    Sliding {
        /// The size, a multiple of the pane's.
        size_ms: i64,
        /// The size of a pane.
        pane_ms: i64,
        /// A moment at which a pane starts, in milliseconds since 1970.
        origin_ms: i64,
    },
    /// Events of one entity of which each is near the one before; each session has its own length.
    Session {
        /// The longest time between an event and the next one of its session.
        gap_ms: i64,
    },
}

/// Spans of the calendar that are not all equally long.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CalendarUnit {
    /// From the first of a month to the first of the next.
    Month,
    /// From the first of January to the next.
    Year,
}

/// One stored feature.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Feature {
    /// The column's name.
    pub name: String,
    /// What the column means.
    pub description: String,
    /// The column's type.
    #[serde(rename = "type")]
    pub value_type: ValueType,
    /// How it is folded.
    pub aggregate: Aggregate,
}

/// How a feature is folded from events. Nulls and absent values are passed over, as in SQL.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Aggregate {
    /// How many events there were.
    CountAll,
    /// In how many events the value was there and not null.
    Count(ValueAt),
    /// The exact sum.
    Sum(ValueAt),
    /// The exact sum over the count, rounded once at read.
    Mean(ValueAt),
    /// The least value.
    Min(ValueAt),
    /// The greatest value.
    Max(ValueAt),
    /// The value of the first event by (event time, event id).
    First(ValueAt),
    /// The value of the last event by (event time, event id).
    Last(ValueAt),
    /// The value last written by `headwater.feature.written`, by (event time, event id).
    Written,
}

/// A feature computed at read.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DerivedFeature {
    /// The column's name.
    pub name: String,
    /// What the column means.
    pub description: String,
    /// The column's type.
    #[serde(rename = "type")]
    pub value_type: ValueType,
    /// A SQL expression over the view's columns and `read_time()`.
    pub sql: String,
}

/// The types that a feature can have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ValueType {
    /// True or false.
    Bool,
    /// A 64-bit integer.
    Int64,
    /// A 64-bit float, never NaN or infinite.
    Float64,
    /// An exact decimal.
    Decimal {
        /// Digits in all, at most 38.
        precision: u8,
        /// Digits after the point.
        scale: u8,
    },
    /// UTF-8 text.
    String,
    /// A moment, in microseconds.
    Timestamp,
    /// Any JSON value, kept as canonical text: arrays and objects.
    Json,
}

impl Topology {
    /// The hash that names this topology: BLAKE3 of its canonical JSON.
    pub fn hash(&self) -> String {
        let value = serde_json::to_value(self).unwrap_or(Value::Null);
        blake3::hash(&headwater_event::canonical_json(&value)).to_hex().to_string()
    }
}
