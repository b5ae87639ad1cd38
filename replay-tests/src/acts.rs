//! A case's `events.jsonl`: what is done to the log, line by line.
//!
//! A line is a CloudEvent that is submitted as an app would. `specversion`, `source` and `id` may be left out: they
//! are `1.0`, `case` and the line's number. Three kinds of lines pass the edge by, as a client of the log itself can:
//!
//! ```text
//! {"$raw": "no event", "key": "ada"}          a record of these bytes, in the partition of its key
//! {"$astray": 1, "event": {…}}                an event so many partitions beside its own
//! {"$control": {…}}                           an event that is appended to control, signed by nobody
//! ```

use anyhow::{Context as _, Result, bail};
use bytes::Bytes;
use headwater_event::{Event, NewRecord, decode_structured};
use serde_json::{Map, Value, json};

/// Who sends the events that do not say.
pub const SOURCE: &str = "case";

/// Something that is done to a log.
#[derive(Debug, Clone)]
pub enum Act {
    /// An event is submitted.
    Submit(Box<Event>),
    /// A record is appended past the edge, so many data partitions beside that of its subject.
    Append {
        /// The record.
        record: NewRecord,
        /// What decides its partition.
        subject: String,
        /// How far beside it.
        by: u32,
    },
    /// A record is appended past the edge to control.
    AppendToControl(NewRecord),
}

/// An act, and where it stands.
#[derive(Debug, Clone)]
pub struct Line {
    /// The line in `events.jsonl`, from 1.
    pub number: usize,
    /// What it does.
    pub act: Act,
}

/// Reads all lines; those that are empty or begin with `#` do nothing.
pub fn read(text: &str) -> Result<Vec<Line>> {
    let mut lines = Vec::new();
    for (number, line) in (1..).zip(text.lines()) {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let act = act(line, number).with_context(|| format!("events.jsonl, line {number}"))?;
        lines.push(Line { number, act });
    }
    Ok(lines)
}

fn act(line: &str, number: usize) -> Result<Act> {
    let value: Value = serde_json::from_str(line).context("it is no JSON")?;
    let Value::Object(fields) = value else { bail!("it is no object") };
    if let Some(raw) = fields.get("$raw") {
        let raw = match raw {
            Value::Null => None,
            Value::String(text) => Some(Bytes::from(text.clone())),
            _ => bail!("$raw is the record's text, or null for no value"),
        };
        let key = fields.get("key").and_then(Value::as_str).unwrap_or_default().to_owned();
        let record =
            NewRecord { key: Some(Bytes::from(key.clone())), headers: Vec::new(), value: raw };
        return Ok(Act::Append { record, subject: key, by: 0 });
    }
    if let Some(by) = fields.get("$astray") {
        let by = by.as_u64().and_then(|by| u32::try_from(by).ok());
        let by = by.context("$astray is how many partitions beside its own it is put")?;
        let Some(Value::Object(inner)) = fields.get("event") else {
            bail!("$astray needs an event")
        };
        let event = event(inner.clone(), number)?;
        return Ok(Act::Append { record: event.to_record(), subject: event.subject, by });
    }
    if let Some(inner) = fields.get("$control") {
        let Value::Object(inner) = inner else { bail!("$control is an event") };
        return Ok(Act::AppendToControl(event(inner.clone(), number)?.to_record()));
    }
    Ok(Act::Submit(Box::new(event(fields, number)?)))
}

fn event(mut fields: Map<String, Value>, number: usize) -> Result<Event> {
    let defaults = [
        ("specversion", json!("1.0")),
        ("source", json!(SOURCE)),
        ("id", json!(number.to_string())),
    ];
    for (name, value) in defaults {
        fields.entry(name).or_insert(value);
    }
    let text = Value::Object(fields).to_string();
    decode_structured(text.as_bytes())
        .map_err(|refusal| anyhow::anyhow!("it is no event: {refusal}"))
}

#[cfg(test)]
mod tests {
    #![allow(
        clippy::unwrap_used,
        clippy::panic,
        clippy::indexing_slicing,
        reason = "tests fail loudly"
    )]
    use super::*;

    #[test]
    fn a_line_is_an_event_or_passes_the_edge_by() {
        let text = "# why\n\n{\"type\": \"a.b\", \"subject\": \"x\", \"data\": {}}\n{\"$raw\": \"no\", \"key\": \"k\"}";
        let lines = read(text).unwrap();
        let Act::Submit(event) = &lines[0].act else { panic!() };
        assert_eq!((event.source.as_str(), event.id.as_str()), (SOURCE, "3"));
        let Act::Append { subject, by, .. } = &lines[1].act else { panic!() };
        assert_eq!((subject.as_str(), *by), ("k", 0));
    }

    #[test]
    fn what_is_wrong_is_told_by_line() {
        let told = |text: &str| format!("{:#}", read(text).unwrap_err());
        assert!(told("{}\n").starts_with("events.jsonl, line 1: it is no event"));
        assert!(told("\n[]").starts_with("events.jsonl, line 2: it is no object"));
        assert!(told("{\"$astray\": \"x\"}").contains("how many partitions"));
    }
}
