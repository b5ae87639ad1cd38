//! Places in an event: how they are written, and what a schema says of them.

use serde_json::Value;

use crate::{
    complaint::Complaint,
    kinds::{JsonKind, Kinds, referred},
    limits::SCHEMA_REFS_MAX,
    model::ValueAt,
};

/// Reads `time`, `subject` or a JSON pointer into the data.
pub(crate) fn parse_value_at(text: &str) -> Result<ValueAt, Complaint> {
    match text {
        "time" => return Ok(ValueAt::Time),
        "subject" => return Ok(ValueAt::Subject),
        _ => {}
    }
    if !text.starts_with('/') {
        let message = format!("`{text}` is not a place in an event");
        let help =
            format!("write `time`, `subject` or a JSON pointer into the data, as in /{text}");
        return Err(Complaint::new(message, help));
    }
    let escapes_are_right =
        text.split('~').skip(1).all(|rest| rest.starts_with('0') || rest.starts_with('1'));
    if !escapes_are_right {
        let message = format!("`{text}` is not a JSON pointer");
        return Err(Complaint::new(message, "within a key, write ~0 for `~` and ~1 for `/`"));
    }
    Ok(ValueAt::Data(text.to_owned()))
}

/// What a schema says of the place that a pointer names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Told {
    /// Nothing can be there, and why.
    Absent(String),
    /// What can be there.
    Kinds(Kinds),
    /// The schema does not say it plainly.
    Unknown,
}

/// Follows a pointer through a schema: what the schema leaves open is taken as possible.
pub(crate) fn look_up(root: &Value, pointer: &str) -> Told {
    let mut schema = root;
    let mut walked = String::new();
    for token in pointer.split('/').skip(1) {
        match step(root, schema, token, SCHEMA_REFS_MAX) {
            Step::To(next) => schema = next,
            Step::Unknown => return Told::Unknown,
            Step::Absent(why) => return Told::Absent(describe(&walked, token, why)),
        }
        walked.push('/');
        walked.push_str(token);
    }
    Kinds::of(root, schema).map_or(Told::Unknown, Told::Kinds)
}

fn describe(walked: &str, token: &str, why: Why) -> String {
    let parent = if walked.is_empty() { "the data" } else { walked };
    match why {
        Why::NoProperty => format!("{parent} has no property `{token}`"),
        Why::Leaf(kinds) => format!("{parent} is {kinds}, with nothing below it"),
    }
}

enum Why {
    NoProperty,
    Leaf(String),
}

enum Step<'s> {
    To(&'s Value),
    Unknown,
    Absent(Why),
}

fn step<'s>(root: &'s Value, schema: &'s Value, token: &str, refs_left: usize) -> Step<'s> {
    let key = token.replace("~1", "/").replace("~0", "~");
    if let Some(next) = schema.get("properties").and_then(|properties| properties.get(&key)) {
        return if next == &Value::Bool(false) {
            Step::Absent(Why::NoProperty)
        } else {
            Step::To(next)
        };
    }
    if let Some(kinds) = Kinds::of(root, schema) {
        let object = kinds.kinds.contains(&JsonKind::Object);
        let array = kinds.kinds.contains(&JsonKind::Array);
        if !object && !array {
            return Step::Absent(Why::Leaf(kinds.words()));
        }
        if array && !object {
            return item(schema, &key);
        }
        // Both are possible: whatever is not an index must be a property.
        if array && key.parse::<usize>().is_ok() {
            return Step::Unknown;
        }
    }
    if schema.get("patternProperties").is_some() {
        return Step::Unknown;
    }
    match schema.get("additionalProperties") {
        Some(Value::Bool(false)) => return Step::Absent(Why::NoProperty),
        Some(next @ Value::Object(_)) => return Step::To(next),
        _ => {}
    }
    match (referred(root, schema), refs_left.checked_sub(1)) {
        (Some(target), Some(refs_left)) => step(root, target, token, refs_left),
        _ => Step::Unknown,
    }
}

fn item<'s>(schema: &'s Value, key: &str) -> Step<'s> {
    let Ok(index) = key.parse::<usize>() else { return Step::Absent(Why::NoProperty) };
    if let Some(next) = schema.get("prefixItems").and_then(|items| items.get(index)) {
        return Step::To(next);
    }
    match schema.get("items") {
        Some(Value::Bool(false)) => Step::Absent(Why::NoProperty),
        Some(next @ Value::Object(_)) => Step::To(next),
        _ => Step::Unknown,
    }
}
