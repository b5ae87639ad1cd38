//! Bytes to events: CloudEvents in structured, binary and batch mode.

use std::collections::BTreeMap;

use percent_encoding::percent_decode;
use serde_json::{Map, Value, value::RawValue};

use crate::{
    Event, NewRecord, Reason, Refusal, Timestamp,
    envelope::DEFAULT_PROJECT,
    limits::{EVENT_BYTES_MAX, NAME_BYTES_MAX},
};

/// The media type of one event in structured mode.
pub const STRUCTURED: &str = "application/cloudevents+json";
/// The media type of a batch of events.
pub const BATCH: &str = "application/cloudevents-batch+json";

/// Reads an event from a record of the log, in either mode.
///
/// A record without a content type is read as structured, so that any producer with a file of JSON
/// lines will do.
pub fn decode(record: &NewRecord) -> Result<Event, Refusal> {
    if record.size() > EVENT_BYTES_MAX {
        let detail = format!("{} bytes, the limit is {EVENT_BYTES_MAX}", record.size());
        return Err(Refusal::new(Reason::TooLarge, detail));
    }
    if record.key.as_ref().is_some_and(|key| std::str::from_utf8(key).is_err()) {
        return Err(Refusal::new(Reason::BadKey, "the record's key is not UTF-8"));
    }
    if record.header("ce_specversion").is_some() {
        let attributes = record.headers.iter().filter_map(|header| {
            let name = header.name.strip_prefix("ce_")?;
            Some((name.to_ascii_lowercase(), header.value.as_ref()))
        });
        return decode_binary(attributes, record.header("content-type"), record.value.as_deref());
    }
    match record.value.as_deref() {
        None | Some([]) => Err(Refusal::new(Reason::EmptyRecord, "the record has no value")),
        Some(bytes) => decode_structured(bytes),
    }
}

/// Reads one event in structured mode.
pub fn decode_structured(bytes: &[u8]) -> Result<Event, Refusal> {
    if bytes.len() > EVENT_BYTES_MAX {
        let detail = format!("{} bytes, the limit is {EVENT_BYTES_MAX}", bytes.len());
        return Err(Refusal::new(Reason::TooLarge, detail));
    }
    match parse_json(bytes)? {
        Value::Object(fields) => from_fields(fields),
        other => Err(Refusal::new(
            Reason::NotAnEnvelope,
            format!("expected a JSON object, found {}", kind_of(&other)),
        )),
    }
}

/// Reads a batch: each event by itself, so that the good ones beside a bad one are known.
pub fn decode_batch(bytes: &[u8]) -> Result<Vec<Result<Event, Refusal>>, Refusal> {
    let items: Vec<&RawValue> = serde_json::from_slice(bytes).map_err(|error| {
        Refusal::new(Reason::NotJson, format!("the batch is not a whole JSON array: {error}"))
    })?;
    Ok(items.into_iter().map(|item| decode_structured(item.get().as_bytes())).collect())
}

/// Reads an event in binary mode from its attributes (without their `ce` prefix) and its data.
pub fn decode_binary<'a>(
    attributes: impl IntoIterator<Item = (String, &'a [u8])>,
    content_type: Option<&[u8]>,
    data: Option<&[u8]>,
) -> Result<Event, Refusal> {
    let mut fields = Map::new();
    for (name, raw) in attributes {
        let text = percent_decode(raw).decode_utf8().map_err(|_| {
            Refusal::new(Reason::BadAttribute, format!("attribute {name:?} is not UTF-8"))
        })?;
        fields.entry(name).or_insert_with(|| Value::String(text.into_owned()));
    }
    if let Some(content_type) = content_type {
        let text = String::from_utf8_lossy(content_type).into_owned();
        fields.insert("datacontenttype".to_owned(), Value::String(text));
    }
    match data {
        None | Some([]) => {
            return Err(Refusal::new(Reason::EmptyRecord, "the event has no data"));
        }
        Some(bytes) => fields.insert("data".to_owned(), parse_json(bytes)?),
    };
    from_fields(fields)
}

/// Parses JSON, and tells a bare NaN or infinity apart from other damage.
fn parse_json(bytes: &[u8]) -> Result<Value, Refusal> {
    serde_json::from_slice(bytes).map_err(|error| {
        let line = bytes.split(|byte| *byte == b'\n').nth(error.line().saturating_sub(1));
        let before = error.column().saturating_sub(2);
        let at = line.and_then(|line| line.get(before..)).unwrap_or_default();
        let bare = ["NaN", "Infinity", "-Infinity"].into_iter().find(|word| {
            at.get(..word.len() + 1)
                .or(Some(at))
                .is_some_and(|near| near.windows(word.len()).any(|part| part == word.as_bytes()))
        });
        match bare {
            Some(word) => Refusal::new(
                Reason::BadNumber,
                format!(
                    "{word} at line {} column {} is not JSON; where the type allows it, write \"{word}\"",
                    error.line(),
                    error.column()
                ),
            ),
            None => Refusal::new(Reason::NotJson, error.to_string()),
        }
    })
}

fn from_fields(mut fields: Map<String, Value>) -> Result<Event, Refusal> {
    let version = required(&mut fields, "specversion")?;
    if version != "1.0" {
        return Err(Refusal::new(
            Reason::NotAnEnvelope,
            format!("specversion is {version:?}, expected \"1.0\""),
        ));
    }
    let id = required(&mut fields, "id")?;
    let source = required(&mut fields, "source")?;
    let event_type = required(&mut fields, "type")?;
    let subject = optional(&mut fields, "subject")?
        .filter(|subject| !subject.is_empty())
        .ok_or_else(|| Refusal::new(Reason::MissingSubject, "the event has no subject"))?;
    let time = match optional(&mut fields, "time")? {
        None => None,
        Some(text) => Some(text.parse::<Timestamp>().map_err(|error| {
            Refusal::new(Reason::BadTime, format!("attribute \"time\": {error}"))
        })?),
    };
    json_content(&mut fields)?;
    let data = fields.remove("data").unwrap_or(Value::Null);
    Ok(Event {
        id,
        source,
        event_type,
        subject,
        time,
        dataschema: optional(&mut fields, "dataschema")?,
        project: optional(&mut fields, "project")?
            .filter(|project| !project.is_empty())
            .unwrap_or_else(|| DEFAULT_PROJECT.to_owned()),
        actor: optional(&mut fields, "actor")?,
        claimed_actor: optional(&mut fields, "claimedactor")?,
        cause_id: optional(&mut fields, "causeid")?,
        correlation_id: optional(&mut fields, "correlationid")?,
        traceparent: optional(&mut fields, "traceparent")?,
        sequence: optional(&mut fields, "sequence")?.and_then(|text| text.parse().ok()),
        derived_from: match optional(&mut fields, "derivedfrom")? {
            None => None,
            Some(text) => Some(text.parse().map_err(|error| {
                Refusal::new(Reason::BadAttribute, format!("attribute \"derivedfrom\": {error}"))
            })?),
        },
        extensions: extensions(fields)?,
        data,
    })
}

/// Payloads are JSON; everything else belongs into an artifact.
fn json_content(fields: &mut Map<String, Value>) -> Result<(), Refusal> {
    if fields.contains_key("data_base64") {
        let detail = "data_base64: the payload must be JSON in `data`; upload bytes as an artifact";
        return Err(Refusal::new(Reason::BadAttribute, detail));
    }
    let Some(content_type) = optional(fields, "datacontenttype")? else { return Ok(()) };
    let media = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    if media == "application/json" || media.ends_with("+json") || media == "text/json" {
        return Ok(());
    }
    let detail = format!("datacontenttype is {content_type:?}, expected application/json");
    Err(Refusal::new(Reason::BadAttribute, detail))
}

fn extensions(fields: Map<String, Value>) -> Result<BTreeMap<String, String>, Refusal> {
    let mut extensions = BTreeMap::new();
    for (name, value) in fields {
        let lawful = !name.is_empty()
            && name.len() <= 20
            && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit());
        if !lawful {
            let detail = format!("attribute {name:?}: names are 1 to 20 of a-z and 0-9");
            return Err(Refusal::new(Reason::BadAttribute, detail));
        }
        let text = match value {
            Value::Null => continue,
            Value::String(text) => text,
            Value::Bool(_) | Value::Number(_) => value.to_string(),
            other => {
                let detail = format!("attribute {name:?} is {}, expected text", kind_of(&other));
                return Err(Refusal::new(Reason::BadAttribute, detail));
            }
        };
        extensions.insert(name, text);
    }
    Ok(extensions)
}

fn required(fields: &mut Map<String, Value>, name: &str) -> Result<String, Refusal> {
    optional(fields, name)?.filter(|text| !text.is_empty()).ok_or_else(|| {
        Refusal::new(Reason::NotAnEnvelope, format!("attribute {name:?} is missing or empty"))
    })
}

fn optional(fields: &mut Map<String, Value>, name: &str) -> Result<Option<String>, Refusal> {
    match fields.remove(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) if text.len() <= NAME_BYTES_MAX => Ok(Some(text)),
        Some(Value::String(text)) => Err(Refusal::new(
            Reason::BadAttribute,
            format!("attribute {name:?} has {} bytes, the limit is {NAME_BYTES_MAX}", text.len()),
        )),
        Some(Value::Number(number)) if name == "sequence" => Ok(Some(number.to_string())),
        Some(other) => Err(Refusal::new(
            Reason::BadAttribute,
            format!("attribute {name:?} is {}, expected text", kind_of(&other)),
        )),
    }
}

fn kind_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    }
}
