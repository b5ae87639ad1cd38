//! Checks a view's windows: what their kind asks of its keys, and what their results are told as.

use serde_json::Value;

use crate::{
    feature_views::ViewBody,
    fields::Given,
    link::{Known, find},
    model::{Entity, ValueAt, Window},
    problem::Problems,
    source::At,
};

/// Columns that windows that close have besides those that all windows have.
const CLOSING_COLUMNS: [&str; 2] = ["closed_at", "corrections"];
/// What a result tells of its window; `retracted` of one that another took over.
const RESULT_FIELDS: [&str; 5] =
    ["window_start", "window_end", "closed_at", "corrections", "retracted"];

/// Windows that were checked.
pub(crate) struct Linked {
    pub(crate) window: Option<Window>,
    pub(crate) lateness_ms: Option<i64>,
    pub(crate) results: Option<String>,
}

/// Checks them; `None` if something is wrong, which is told.
pub(crate) fn link_windows(
    body: &ViewBody<'_>,
    entity: Option<&Entity>,
    keys: &[ValueAt],
    known: &Known,
    problems: &mut Problems,
) -> Option<Linked> {
    let by_subject = keys.iter().all(|key| *key == ValueAt::Subject);
    let window = match &body.window {
        None => None,
        Some(declared) => {
            let window = declared.window.clone()?;
            if matches!(window, Window::Session { .. }) && !by_subject {
                tell_repartition("sessions need", declared.at, problems);
                return None;
            }
            Some(window)
        }
    };
    let lateness_ms = body.window.as_ref().and_then(|declared| declared.lateness_ms);
    if lateness_ms.is_some() {
        check_columns(body, problems);
    }
    let results = match &body.results {
        Given::Absent => None,
        Given::Refused => return None,
        Given::Value(name, at) => {
            if lateness_ms.is_none() {
                let message = "results are told as windows close, and these never do";
                let help =
                    "say how long late events are waited for, as in { tumbling: 1h, lateness: 5m }";
                problems.add(*at, message, help);
                return None;
            }
            if matches!(window, Some(Window::Sliding { .. })) {
                let message = "a sliding window ends at each read's time, so that none closes";
                problems.add(*at, message, "let windows hop, or read the view in an effect's SQL");
                return None;
            }
            if !by_subject {
                tell_repartition("results need", *at, problems);
                return None;
            }
            let event_type =
                find(&body.results, "event type", &known.event_types, known.complete, problems)?;
            let schema = event_type.schemas.last_key_value().map(|(_, schema)| schema);
            if let Some(schema) = schema {
                check_schema(body, entity, schema, name, *at, problems);
            }
            Some(name.clone())
        }
    };
    Some(Linked { window, lateness_ms, results })
}

fn tell_repartition(what: &str, at: At<'_>, problems: &mut Problems) {
    let message =
        format!("{what} all events of a key in one partition, and the keys are in the data");
    let help =
        "derive an event whose subject is the key (`derived_events`), and fold that with `subject`";
    problems.add(at, message, help);
}

fn check_columns(body: &ViewBody<'_>, problems: &mut Problems) {
    let stored = body.features.iter().map(|feature| (feature.name.as_str(), feature.at));
    let derived = body.derived.iter().map(|derived| (derived.name.as_str(), derived.at));
    for (name, at) in stored.chain(derived).filter(|(name, _)| CLOSING_COLUMNS.contains(name)) {
        let message = format!("feature `{name}` has the name of a column of windows that close");
        problems.add(at, message, "choose another name: both are columns of one table");
    }
}

/// A result is refused by its own schema if that asks for more, or lets less through.
fn check_schema(
    body: &ViewBody<'_>,
    entity: Option<&Entity>,
    schema: &Value,
    event_type: &str,
    at: At<'_>,
    problems: &mut Problems,
) {
    let keys =
        entity.iter().flat_map(|entity| entity.join_keys.iter().map(|key| key.name.as_str()));
    let features = body.features.iter().map(|feature| feature.name.as_str());
    let told: Vec<&str> = RESULT_FIELDS.into_iter().chain(keys).chain(features).collect();
    let required = schema.get("required").and_then(Value::as_array);
    let required = required.into_iter().flatten().filter_map(Value::as_str);
    for field in required.filter(|field| !told.contains(field)) {
        let message = format!("{event_type} requires `{field}`, which results do not tell");
        problems.add(at, message, format!("they tell {}", told.join(", ")));
    }
    if schema.get("additionalProperties") != Some(&Value::Bool(false)) {
        return;
    }
    let lets_through = |field: &&str| schema.pointer(&format!("/properties/{field}")).is_some();
    for field in told.iter().filter(|field| !lets_through(field)) {
        let message = format!("{event_type} has no property `{field}`, which results tell");
        problems.add(at, message, "add it to the schema, or let other properties through");
    }
}
