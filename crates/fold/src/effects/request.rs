//! An accepted event asks for the effects that wait for its type.

use std::collections::BTreeMap;

use headwater_event::{
    DEFAULT_PROJECT, Event, PartitionId, Timestamp, canonical_json,
    catalog::names,
    payload::{EffectCause, EffectRequested},
};
use headwater_topology::{Effect, EffectInput, EffectTrigger, causes_effects};
use serde_json::{Map, Value};

use crate::{Derived, FACT_SOURCE, Fold, StoredRows};

/// What an effect is given of an event: with it the request must fit an event of its own.
const INPUT_BYTES_MAX: usize = 256 * 1024;
/// How deep what it is given may nest: in the request it lies a few levels deeper.
const INPUT_DEPTH_MAX: usize = 96;

/// Publishes a request to control for each effect that waits for this event.
pub(crate) fn ask<R: StoredRows>(fold: &mut Fold<'_, R>, effects: &BTreeMap<String, Effect>) {
    if effects.is_empty() || !causes_effects(&fold.event.event_type) {
        return;
    }
    for (name, effect) in effects {
        let EffectTrigger::On { event_type, when } = &effect.trigger else { continue };
        if *event_type != fold.event.event_type || !matches(when, &fold.event.data) {
            continue;
        }
        let event = fold.event;
        let (input, refused) = match given(effect, event) {
            Ok(input) => (input, None),
            Err(why) => (Value::Null, Some(why)),
        };
        let request = EffectRequested {
            effect: name.clone(),
            key: key_of(name, event),
            declaration: effect.hash(),
            cause: EffectCause {
                event_type: event.event_type.clone(),
                source: event.source.clone(),
                id: event.id.clone(),
            },
            input,
            tick: fold.head.clock.map_or(0, |clock| clock.n) + 1,
            scheduled_for: None,
            passed_over: 0,
            refused,
        };
        let (subject, project) = (event.subject.clone(), event.project.clone());
        publish(fold, &request, subject, project);
    }
}

/// The clock asks for an effect, for one multiple of its span.
pub(crate) fn ask_by_clock<R: StoredRows>(
    fold: &mut Fold<'_, R>,
    name: &str,
    effect: &Effect,
    (scheduled_for, passed_over): (Timestamp, u64),
) {
    let id = format!("{name}@{scheduled_for}");
    let cause = EffectCause {
        event_type: names::CLOCK_TICKED.to_owned(),
        source: FACT_SOURCE.to_owned(),
        id: id.clone(),
    };
    let data = serde_json::json!({"scheduled_for": scheduled_for, "passed_over": passed_over});
    let event = Event::new(id, FACT_SOURCE, names::CLOCK_TICKED, name, data);
    let request = EffectRequested {
        effect: name.to_owned(),
        key: key_of(name, &event),
        declaration: effect.hash(),
        cause,
        input: given(effect, &event).unwrap_or_default(),
        tick: fold.head.clock.map_or(0, |clock| clock.n),
        scheduled_for: Some(scheduled_for),
        passed_over,
        refused: None,
    };
    publish(fold, &request, name.to_owned(), DEFAULT_PROJECT.to_owned());
}

/// Named by the key, so that it is the same event wherever its cause stood.
fn publish<R: StoredRows>(
    fold: &mut Fold<'_, R>,
    request: &EffectRequested,
    subject: String,
    project: String,
) {
    let id = format!("effect-{}-requested", request.key);
    let data = serde_json::to_value(request).unwrap_or_default();
    let mut event = Event::new(id, FACT_SOURCE, names::EFFECT_REQUESTED, subject, data);
    event.project = project;
    event.time = fold.head.clock.map(|clock| clock.time);
    event.cause_id = Some(request.cause.id.clone());
    event.correlation_id.clone_from(&fold.event.correlation_id);
    event.traceparent.clone_from(&fold.event.traceparent);
    fold.derive(Derived { to: PartitionId::Control, event: event.in_newest_schema() });
}

/// The idempotency key: by what the cause is.
fn key_of(effect: &str, event: &Event) -> String {
    let mut hasher = blake3::Hasher::new_derive_key("headwater effect key v1");
    let mut part = |bytes: &[u8]| {
        hasher.update(&(bytes.len() as u64).to_le_bytes());
        hasher.update(bytes);
    };
    part(effect.as_bytes());
    part(event.project.as_bytes());
    let placed = event.derived_from.is_some_and(|outlet| outlet.to_string() == event.id);
    if placed {
        // A fact's id says where its cause stands; what it is, its own cause and content say.
        part(event.event_type.as_bytes());
        part(event.subject.as_bytes());
        part(event.cause_id.as_deref().unwrap_or_default().as_bytes());
        part(&canonical_json(&event.data));
    } else {
        part(event.source.as_bytes());
        part(event.id.as_bytes());
    }
    hasher.finalize().to_hex().chars().take(32).collect()
}

fn matches(when: &BTreeMap<String, Vec<String>>, data: &Value) -> bool {
    when.iter().all(|(pointer, wanted)| {
        let found = data.pointer(pointer).unwrap_or(&Value::Null);
        let found = match found {
            Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        wanted.contains(&found)
    })
}

fn given(effect: &Effect, event: &Event) -> Result<Value, String> {
    let mut input = Map::new();
    for part in effect.inputs() {
        let value = match part {
            EffectInput::Event => event.to_json(),
            EffectInput::Data => event.data.clone(),
            EffectInput::At(at) => event.data.pointer(at).cloned().unwrap_or_default(),
        };
        input.insert(part.name().to_owned(), value);
    }
    let input = Value::Object(input);
    let bytes = serde_json::to_string(&input).map_or(usize::MAX, |text| text.len());
    if bytes > INPUT_BYTES_MAX {
        return Err(format!(
            "what it is given of the event has {bytes} bytes, the limit is {INPUT_BYTES_MAX}; give it \
             a part of the data"
        ));
    }
    if is_deeper(&input, INPUT_DEPTH_MAX) {
        return Err(format!("what it is given nests deeper than {INPUT_DEPTH_MAX} levels"));
    }
    Ok(input)
}

fn is_deeper(value: &Value, levels: usize) -> bool {
    let Some(below) = levels.checked_sub(1) else { return true };
    match value {
        Value::Object(fields) => fields.values().any(|value| is_deeper(value, below)),
        Value::Array(items) => items.iter().any(|value| is_deeper(value, below)),
        _ => false,
    }
}
