//! What a source means: one record of a topic to one event, to none, or to the reason why it can't be one.
//!
//! ```text
//! id        <- position `topic/partition/offset`, or a place
//! source    <- headwater/sources/NAME
//! extensions   sourcetopic, sourcepartition, sourceoffset: where the record stands
//! ```
//!
//! Pure: the same record gives the same event whenever it is read, so that reading it again is a repeat.

use std::cell::OnceCell;

use headwater_event::{
    Event, Header, Reason, Refusal, Timestamp,
    limits::{EVENT_BYTES_MAX, NAME_BYTES_MAX},
};
use serde_json::{Map, Value};

use super::model::{RecordData, RecordPlace, RecordTime, Source, TimeUnit};
use crate::Topology;

/// The largest record that is read: a change has a row before and after, of which one is the event.
pub const RECORD_BYTES_MAX: usize = 2 * EVENT_BYTES_MAX;

/// Before this there is no 64-bit count of microseconds; what a float of them holds exactly enough.
const MICROS_FLOAT_MAX: f64 = 9.0e18;

/// A source made ready to map.
#[derive(Debug, Clone, PartialEq)]
pub struct Mapping {
    uri: String,
    declared: Source,
    /// The version of the payload's schema: the newest that is declared.
    version: u32,
}

/// A record of a topic that is not the log.
#[derive(Debug, Clone, Copy)]
pub struct SourceRecord<'a> {
    /// The topic; of a file, its name.
    pub topic: &'a str,
    /// The partition; of a file, 0.
    pub partition: u32,
    /// Its place there; of a file, the line.
    pub offset: u64,
    /// Kafka's timestamp, if it has one.
    pub timestamp: Option<Timestamp>,
    /// The key.
    pub key: Option<&'a [u8]>,
    /// The headers.
    pub headers: &'a [Header],
    /// The value; `None` is a tombstone.
    pub value: Option<&'a [u8]>,
}

impl SourceRecord<'_> {
    /// `topic/partition/offset`: its name for ever.
    pub fn position(&self) -> String {
        format!("{}/{}/{}", self.topic, self.partition, self.offset)
    }
}

impl Mapping {
    /// The source of this name in a topology.
    pub fn new(name: &str, declared: &Source, topology: &Topology) -> Self {
        let newest = topology
            .event_types
            .get(&declared.event_type)
            .and_then(|event_type| event_type.schemas.last_key_value())
            .map(|(version, _)| *version);
        let built_in = headwater_event::catalog::built_in(&declared.event_type);
        let version = newest.or(built_in.map(|built_in| built_in.newest())).unwrap_or(1);
        Self { uri: Self::uri_of(name), declared: declared.clone(), version }
    }

    /// The `source` of the events of the source of this name.
    pub fn uri_of(name: &str) -> String {
        format!("headwater/sources/{name}")
    }

    /// The `source` of its events.
    pub fn uri(&self) -> &str {
        &self.uri
    }

    /// What is declared.
    pub fn declared(&self) -> &Source {
        &self.declared
    }

    /// The event of a record; `None` if the source passes over it.
    pub fn map(&self, record: &SourceRecord<'_>) -> Result<Option<Event>, Refusal> {
        let source = &self.declared;
        if record.value.is_none() != source.tombstones {
            return Ok(None);
        }
        let value = match record.value {
            None => Value::Null,
            Some(bytes) => parse(bytes, "the value")?,
        };
        let passes = source.when.iter().all(|(pointer, values)| {
            values.contains(value.pointer(pointer).unwrap_or(&Value::Null))
        });
        if !passes {
            return Ok(None);
        }
        let looked = Looked { record, value, key: OnceCell::new() };
        let id = match &source.id {
            None => record.position(),
            Some(place) => named(&looked, place, "id", Reason::BadAttribute)?,
        };
        let subject = named(&looked, &source.subject, "subject", Reason::MissingSubject)?;
        let time = looked.time(&source.time)?;
        let data = looked.data(&source.data)?;
        let mut event = Event::new(id, &*self.uri, &*source.event_type, subject, data);
        event.time = time;
        event.extensions.extend([
            ("sourcetopic".to_owned(), record.topic.to_owned()),
            ("sourcepartition".to_owned(), record.partition.to_string()),
            ("sourceoffset".to_owned(), record.offset.to_string()),
        ]);
        Ok(Some(event.in_schema(self.version)))
    }
}

fn parse(bytes: &[u8], what: &str) -> Result<Value, Refusal> {
    if bytes.len() > RECORD_BYTES_MAX {
        let detail = format!("{what} has {} bytes, the limit is {RECORD_BYTES_MAX}", bytes.len());
        return Err(Refusal::new(Reason::TooLarge, detail));
    }
    if bytes.is_empty() {
        return Err(Refusal::new(Reason::EmptyRecord, format!("{what} is empty")));
    }
    serde_json::from_slice(bytes)
        .map_err(|error| Refusal::new(Reason::NotJson, format!("{what} is not JSON: {error}")))
}

/// A record whose value is read, and its key once it is asked for.
struct Looked<'a> {
    record: &'a SourceRecord<'a>,
    value: Value,
    key: OnceCell<Result<Value, Refusal>>,
}

impl Looked<'_> {
    /// What stands at a place; `None` if nothing does.
    fn at(&self, place: &RecordPlace) -> Result<Option<Value>, Refusal> {
        match place {
            RecordPlace::Value(pointer) => Ok(self.value.pointer(pointer).cloned()),
            RecordPlace::Key => {
                let Some(key) = self.record.key else { return Ok(None) };
                text(key, "the key").map(Some)
            }
            RecordPlace::KeyAt(pointer) => {
                let Some(key) = self.record.key else { return Ok(None) };
                match self.key.get_or_init(|| parse(key, "the key")) {
                    Ok(key) => Ok(key.pointer(pointer).cloned()),
                    Err(refusal) => Err(refusal.clone()),
                }
            }
            RecordPlace::Header(name) => {
                let header = self.record.headers.iter().find(|header| header.name == *name);
                header.map(|header| text(&header.value, place)).transpose()
            }
        }
    }

    fn time(&self, declared: &RecordTime) -> Result<Option<Timestamp>, Refusal> {
        let RecordTime::At { place, unit } = declared else { return Ok(self.record.timestamp) };
        let bad = |why: String| Refusal::new(Reason::BadTime, format!("time at {place}: {why}"));
        let found = self.at(place)?.filter(|found| !found.is_null());
        let found = found.ok_or_else(|| bad("there is none".to_owned()))?;
        match (&found, unit) {
            (Value::String(text), None) => {
                text.parse().map(Some).map_err(|error| bad(format!("{error}")))
            }
            (Value::Number(_), None) => {
                Err(bad(format!("{found} is a number, and the source does not say its unit")))
            }
            (Value::Number(number), Some(unit)) => {
                let micros = micros(&number.to_string(), *unit);
                micros.map(Some).ok_or_else(|| bad(format!("{found} is out of range")))
            }
            (Value::String(text), Some(unit)) => {
                let micros = micros(text, *unit);
                micros.map(Some).ok_or_else(|| bad(format!("{found} is no number in range")))
            }
            _ => Err(bad("it is neither text nor a number".to_owned())),
        }
    }

    fn data(&self, declared: &RecordData) -> Result<Value, Refusal> {
        match declared {
            RecordData::At(place) => {
                self.at(place)?.filter(|data| !data.is_null()).ok_or_else(|| {
                    let detail = format!("data at {place}: there is none");
                    Refusal::new(Reason::BadAttribute, detail)
                })
            }
            RecordData::Fields(fields) => {
                let mut data = Map::new();
                for (name, place) in fields {
                    // What is not there is left out: the schema says what must be.
                    data.extend(self.at(place)?.map(|value| (name.clone(), value)));
                }
                Ok(Value::Object(data))
            }
        }
    }
}

fn text(bytes: &[u8], what: impl std::fmt::Display) -> Result<Value, Refusal> {
    match std::str::from_utf8(bytes) {
        Ok(text) => Ok(Value::String(text.to_owned())),
        Err(_) => Err(Refusal::new(Reason::BadKey, format!("{what} is not UTF-8 text"))),
    }
}

/// What names a thing: text as it is, a whole number in its digits.
fn named(
    looked: &Looked<'_>,
    place: &RecordPlace,
    what: &str,
    missing: Reason,
) -> Result<String, Refusal> {
    let refuse = |reason, why: &str| Err(Refusal::new(reason, format!("{what} at {place}: {why}")));
    let name = match looked.at(place)? {
        None | Some(Value::Null) => return refuse(missing, "there is none"),
        Some(Value::String(text)) if text.is_empty() => return refuse(missing, "it is empty"),
        Some(Value::String(text)) => text,
        Some(Value::Bool(value)) => value.to_string(),
        Some(Value::Number(number)) if number.is_f64() => {
            // Two of them may be written alike.
            let why =
                format!("{number} is no whole number of 64 bits, so it names nothing exactly");
            return refuse(Reason::BadNumber, &why);
        }
        Some(Value::Number(number)) => number.to_string(),
        Some(Value::Array(_) | Value::Object(_)) => {
            return refuse(Reason::BadAttribute, "it is neither text nor a number");
        }
    };
    if name.len() > NAME_BYTES_MAX {
        let why = format!("it has {} bytes, the limit is {NAME_BYTES_MAX}", name.len());
        return refuse(Reason::BadAttribute, &why);
    }
    Ok(name)
}

/// A count since 1970 as a moment; `None` if it is none, or too far away.
fn micros(text: &str, unit: TimeUnit) -> Option<Timestamp> {
    let (times, over) = match unit {
        TimeUnit::D => (86_400_000_000, 1),
        TimeUnit::S => (1_000_000, 1),
        TimeUnit::Ms => (1_000, 1),
        TimeUnit::Us => (1, 1),
        TimeUnit::Ns => (1, 1_000),
    };
    if let Ok(whole) = text.parse::<i64>() {
        return whole.checked_mul(times).map(|m| Timestamp::from_micros(m.div_euclid(over)));
    }
    let parts: f64 = text.parse().ok()?;
    let micros = parts * precise(times) / precise(over);
    // Comparing finds NaN out, too.
    let fits = micros.abs() < MICROS_FLOAT_MAX;
    #[expect(clippy::cast_possible_truncation, reason = "it was just seen to fit")]
    fits.then(|| Timestamp::from_micros(micros.round() as i64))
}

#[expect(clippy::cast_precision_loss, reason = "these few are exact")]
fn precise(count: i64) -> f64 {
    count as f64
}
