//! What a changed topology does to those who read events: producers' schemas and the views on them.
//!
//! Two questions, both answered from the topologies alone, so that control's fold asks them as well
//! (rules 2): what is answered here, words included, may change under a new rules number only.
//!
//! - [`compatible`]: a version of a schema that was applied is a promise. Whatever it let through must
//!   still be let through and be readable by the views; wider is fine. A property that is added to an
//!   open schema is taken as new, though an open schema let anything through in its place.
//! - [`unreadable`]: what a version lets through must be a payload of the next one after the declared
//!   steps. Only what is certain is told; the samples, and the fold itself, try the rest.

mod narrowing;
mod readers;
mod schema_steps;
mod values;

#[cfg(test)]
mod tests;

use std::fmt;

pub(crate) use narrowing::{Finding, narrowed};

use crate::{EventType, Topology};

/// One thing that a change breaks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Breaking {
    /// The event type.
    pub event_type: String,
    /// The version of its schema.
    pub version: u32,
    /// The place in that schema, as a JSON pointer.
    pub pointer: String,
    /// What breaks.
    pub message: String,
    /// What to do instead.
    pub help: String,
}

impl fmt::Display for Breaking {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { event_type, version, pointer, message, help: _ } = self;
        let pointer = if pointer.is_empty() { "/" } else { pointer };
        write!(f, "{event_type} v{version} at {pointer}: {message}")
    }
}

/// What the new topology takes back of schemas that the old one declared.
pub fn compatible(old: &Topology, new: &Topology) -> Vec<Breaking> {
    let mut broken = Vec::new();
    for (name, before) in &old.event_types {
        // A type that is gone is read by nobody; declared again later, it is another one.
        let Some(after) = new.event_types.get(name) else { continue };
        let next = after.schemas.keys().next_back().map_or(1, |newest| newest + 1);
        for (version, old_schema) in &before.schemas {
            let breaking = |finding: Finding, help: &str| Breaking {
                event_type: name.clone(),
                version: *version,
                pointer: finding.pointer,
                message: finding.what,
                help: help.to_owned(),
            };
            let Some(new_schema) = after.schemas.get(version) else {
                let what = format!("v{version} was applied and is gone");
                let help = "put its schema back: events of it are on the log";
                broken.push(breaking(Finding::certain("", what), help));
                continue;
            };
            let help = format!(
                "leave v{version} as it was applied; declare the change as v{next}, with the steps \
                 that lead to it under `upcasts`"
            );
            let findings = narrowed(old_schema, new_schema);
            broken.extend(findings.into_iter().map(|finding| breaking(finding, &help)));
            if after.schemas.keys().next_back() == Some(version) {
                let findings = readers::lost(name, old_schema, new_schema, new);
                let new_places = findings.into_iter().filter(|finding| {
                    !broken
                        .iter()
                        .any(|told| told.event_type == *name && told.pointer == finding.pointer)
                });
                let new_places: Vec<_> = new_places.collect();
                broken.extend(new_places.into_iter().map(|finding| breaking(finding, &help)));
            }
        }
        broken.extend(changed_steps(name, before, after));
    }
    broken
}

/// Steps that were applied have made rows: others would make other rows of the same events.
fn changed_steps(name: &str, before: &EventType, after: &EventType) -> Vec<Breaking> {
    let applied = |version: &u32| before.schemas.contains_key(version);
    let changed = before.schemas.keys().filter(|version| {
        let (old, new) = (before.upcasts.get(version), after.upcasts.get(version));
        // Steps that are added where payloads were taken as they are make no reader blind.
        after.schemas.contains_key(version) && applied(version) && old.is_some() && old != new
    });
    changed
        .map(|version| Breaking {
            event_type: name.to_owned(),
            version: *version,
            pointer: String::new(),
            message: format!("the steps to v{version} were applied and are others now"),
            help: "put the steps back; lead from here to a new version".to_owned(),
        })
        .collect()
}

/// What payloads of older versions do not become, for all that the steps do.
pub fn unreadable(topology: &Topology) -> Vec<Breaking> {
    topology
        .event_types
        .iter()
        .flat_map(|(name, event_type)| unreadable_versions(name, event_type))
        .collect()
}

/// The same for one type.
pub(crate) fn unreadable_versions(name: &str, event_type: &EventType) -> Vec<Breaking> {
    let mut broken = Vec::new();
    for (version, schema) in &event_type.schemas {
        let next = version + 1;
        let Some(next_schema) = event_type.schemas.get(&next) else { continue };
        let steps = event_type.upcasts.get(&next).map_or(&[][..], Vec::as_slice);
        if let Some(fault) = steps.iter().find_map(headwater_event::upcast::Step::fault) {
            broken.push(Breaking {
                event_type: name.to_owned(),
                version: next,
                pointer: String::new(),
                message: fault,
                help: "correct the step".to_owned(),
            });
            continue;
        }
        let Some(made) = schema_steps::apply(schema, steps) else { continue };
        let findings = narrowed(&made, next_schema).into_iter().filter(|found| found.certain);
        broken.extend(findings.map(|finding| Breaking {
            event_type: name.to_owned(),
            version: next,
            pointer: finding.pointer,
            message: format!("payloads of v{version} do not become this: {}", finding.what),
            help: format!(
                "add steps under `upcasts: v{next}` (default, move, rename, remove), or let v{next} \
                 take what v{version} took"
            ),
        }));
    }
    broken
}
