//! From what was seen to files: a schema, a sample, and a topology with a view. Pure.

use std::fmt::Write as _;

use serde_json::{Value, json};

use super::{
    lines::Seen,
    shape::{Kind, Shape},
};

/// Features of a drafted view: more than that are left to whoever knows the events.
const FEATURES_MAX: usize = 24;
const NAME_BYTES_MAX: usize = 63;

/// What a view is about: a join key, and where events hold it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Entity {
    /// Its name, which is the join key's, too.
    pub(crate) name: String,
    /// A JSON pointer into the payload; `None` for the event's subject.
    pub(crate) at: Option<String>,
}

/// The files of one event type, by path below the folder.
pub(crate) fn files(event_type: &str, seen: &Seen, entity: &Entity) -> Vec<(String, String)> {
    let folder = format!("schemas/{event_type}");
    vec![
        (format!("topology/{}.yaml", event_type.replace('.', "_")), yaml(event_type, seen, entity)),
        (format!("{folder}/v1.json"), pretty(&schema(event_type, seen))),
        (format!("{folder}/v1.sample.json"), pretty(&sample(event_type, seen, entity))),
    ]
}

/// The section of a topology by which a topic of such objects becomes events; `None` if they were events.
pub(crate) fn source(
    event_type: &str,
    seen: &Seen,
    entity: &Entity,
    topic: &str,
) -> Option<String> {
    if seen.event.is_some() {
        return None;
    }
    let subject = entity.at.as_deref().unwrap_or("key");
    let mut times = seen.data.properties().filter(|(_, shape, all)| *all && shape.is_time());
    let time = times.next().map(|(name, ..)| pointer(name)).unwrap_or_else(|| "record".to_owned());
    let name = name_of(&event_type.replace('.', "_"));
    Some(format!(
        "sources:\n  {name}:\n    description: To be told.\n    topic: {topic}\n    \
         event_type: {event_type}\n    subject: {}\n    time: {}\n",
        json!(subject),
        json!(time),
    ))
}

fn pretty(value: &Value) -> String {
    serde_json::to_string_pretty(value).unwrap_or_default() + "\n"
}

fn schema(event_type: &str, seen: &Seen) -> Value {
    let mut schema = serde_json::Map::new();
    schema.insert("$schema".into(), json!("https://json-schema.org/draft/2020-12/schema"));
    schema.insert("title".into(), json!(event_type));
    schema.extend(seen.data.schema());
    Value::Object(schema)
}

/// The first event that was seen; made into one, if it was a plain object.
fn sample(event_type: &str, seen: &Seen, entity: &Entity) -> Value {
    if let Some(event) = &seen.event {
        return event.clone();
    }
    let subject = entity.at.as_ref().and_then(|at| seen.first.pointer(at));
    let subject = match subject {
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
        None => "1".to_owned(),
    };
    json!({
        "specversion": "1.0",
        "id": "sample-1",
        "source": "https://example.com/app",
        "type": event_type,
        "subject": subject,
        "time": "2026-01-01T00:00:00Z",
        "data": seen.first,
    })
}

fn yaml(event_type: &str, seen: &Seen, entity: &Entity) -> String {
    let of = entity.at.as_ref().and_then(|at| shape_at(&seen.data, at));
    let key_type = match of.and_then(Shape::kind) {
        Some(Kind::Integer) => "int64",
        _ => "string",
    };
    let at = entity.at.as_deref().unwrap_or("subject");
    let name = &entity.name;
    let view = view_name(event_type, name);
    let mut text = format!(
        "# Drafted from {count} events: read it, and say what things mean.\n\
         event_types:\n  {event_type}:\n    description: To be told.\n\n\
         entities:\n  {name}:\n    description: To be told.\n    join_keys: {{ {name}: {key_type} }}\n\n\
         feature_views:\n  {view}:\n    description: What was seen of each {name}.\n    \
         entity: {name}\n    from: {event_type}\n    keys: {{ {name}: {at} }}\n    features:\n      \
         events: {{ count: all }}\n      last_at: {{ max: time }}\n",
        count = seen.data.seen,
    );
    let mut taken = vec![name.clone(), "events".to_owned(), "last_at".to_owned()];
    for (property, shape, _) in seen.data.properties() {
        if taken.len() >= FEATURES_MAX || Some(pointer(property)) == entity.at {
            continue;
        }
        let Some((feature, aggregate)) = feature(property, shape) else { continue };
        if !taken.contains(&feature) {
            let _ = writeln!(text, "      {feature}: {{ {aggregate} }}");
            taken.push(feature);
        }
    }
    text
}

/// What one would ask first of such a property.
fn feature(property: &str, shape: &Shape) -> Option<(String, String)> {
    let (name, at) = (name_of(property), pointer(property));
    // A pointer may hold what YAML reads otherwise.
    let at = json!(at);
    // Nulls and absences are passed over, but where a schema allows `null` the type must be told.
    let typed = |name: &str| match shape.is_nullable() {
        true => format!(", type: {name}"),
        false => String::new(),
    };
    match shape.kind()? {
        Kind::Integer => Some((prefixed("sum_", &name), format!("sum: {at}{}", typed("int64")))),
        Kind::Number => Some((prefixed("sum_", &name), format!("sum: {at}{}", typed("float64")))),
        Kind::String if shape.is_time() => {
            Some((prefixed("last_", &name), format!("last: {at}{}", typed("timestamp"))))
        }
        Kind::String => Some((prefixed("last_", &name), format!("last: {at}{}", typed("string")))),
        Kind::Boolean => Some((prefixed("last_", &name), format!("last: {at}{}", typed("bool")))),
        Kind::Null | Kind::Array | Kind::Object => None,
    }
}

fn shape_at<'a>(data: &'a Shape, at: &str) -> Option<&'a Shape> {
    data.properties().find(|(name, ..)| pointer(name) == at).map(|(_, shape, _)| shape)
}

/// A JSON pointer to a property.
pub(crate) fn pointer(property: &str) -> String {
    format!("/{}", property.replace('~', "~0").replace('/', "~1"))
}

/// `app.order.placed` and `customer` make `customer_order_placed`.
fn view_name(event_type: &str, entity: &str) -> String {
    let words: Vec<&str> = event_type.split('.').skip(1).collect();
    prefixed(&format!("{entity}_"), &name_of(&words.join("_")))
}

fn prefixed(prefix: &str, name: &str) -> String {
    format!("{prefix}{name}").chars().take(NAME_BYTES_MAX).collect()
}

/// A name that columns may have: lower case, with `_` for what else there was.
pub(crate) fn name_of(text: &str) -> String {
    let mut name = String::new();
    let mut before_lower = false;
    for letter in text.chars() {
        // `customerId` is `customer_id`.
        if letter.is_ascii_uppercase() && before_lower {
            name.push('_');
        }
        before_lower = letter.is_ascii_lowercase() || letter.is_ascii_digit();
        match letter {
            'a'..='z' | '0'..='9' | '_' => name.push(letter),
            'A'..='Z' => name.push(letter.to_ascii_lowercase()),
            _ => name.push('_'),
        }
    }
    match name.chars().next() {
        Some('a'..='z') => name,
        _ => format!("f_{name}"),
    }
}
