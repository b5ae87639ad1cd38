//! Checks what a source says of the rest of the topology.

use headwater_event::catalog::{self, BUILT_IN, Role};
use serde_json::Value;

use super::{model::Source, read::SourceDeclared};
use crate::{
    fields::Given,
    link::Known,
    link_features::Payload,
    model::{Publication, ValueAt},
    names::suggest,
    problem::Problems,
};

/// Checks one source; `None` if something is wrong with it, which is told.
pub(crate) fn link_source<'p>(
    declared: &SourceDeclared<'_>,
    known: &Known,
    publications: impl Iterator<Item = (&'p String, &'p Publication)>,
    problems: &mut Problems,
) -> Option<Source> {
    check_event_type(declared, known, problems);
    check_fields(declared, known, problems);
    if declared.tombstones {
        for (place, at) in &declared.in_value {
            let message = format!("`{place}` looks into the value, and a tombstone has none");
            let help = "take subject and data from `key`, `key:/…` or `header:NAME`";
            problems.add(*at, message, help);
        }
    }
    let source = declared.whole()?;
    for (name, publication) in publications {
        if publication.topic == source.topic && publication.brokers == source.brokers {
            let message = format!(
                "source `{}` reads topic `{}`, which publication `{name}` writes",
                declared.name, source.topic
            );
            let help = "what is published is on the log already; read another topic";
            problems.add(declared.at, message, help);
        }
    }
    Some(source)
}

fn check_event_type(declared: &SourceDeclared<'_>, known: &Known, problems: &mut Problems) {
    let Given::Value(name, at) = &declared.event_type else { return };
    match catalog::built_in(name).map(|built_in| built_in.role) {
        Some(Role::Observation) => {}
        Some(_) => {
            let message = format!("{name} is no observation, and can't come from a source");
            let observations = BUILT_IN.iter().filter(|it| it.role == Role::Observation);
            let help = suggest(name, observations.map(|it| it.name));
            problems.add(*at, message, help);
        }
        None if known.event_types.contains_key(name) || !known.complete => {}
        None => {
            let help = suggest(name, known.event_types.keys().map(String::as_str));
            problems.add(*at, format!("event type `{name}` is not declared"), help);
        }
    }
}

/// The payload's fields against the newest schema, which the events are of.
fn check_fields(declared: &SourceDeclared<'_>, known: &Known, problems: &mut Problems) {
    let Given::Value(name, at) = &declared.event_type else { return };
    let Some(Some(event_type)) = known.event_types.get(name) else { return };
    if declared.fields.is_empty() {
        return;
    }
    let payload = Payload::Schemas { event_type: name, versions: &event_type.schemas };
    let pointer = |field: &str| format!("/{}", field.replace('~', "~0").replace('/', "~1"));
    for (field, at) in &declared.fields {
        if let Err(complaint) = payload.check_place(&ValueAt::Data(pointer(field))) {
            problems.complain(*at, complaint);
        }
    }
    let newest = event_type.schemas.last_key_value();
    let required = newest.and_then(|(_, schema)| schema.get("required")).and_then(Value::as_array);
    for field in required.into_iter().flatten().filter_map(Value::as_str) {
        if !declared.fields.iter().any(|(named, _)| named == field) {
            let message = format!("{name} requires `{field}`, which `data` of the source lacks");
            problems.add(*at, message, format!("say where it is found: {field}: /…"));
        }
    }
}
