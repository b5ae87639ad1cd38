//! Reads the section `event_types`.

use std::collections::BTreeMap;

use headwater_event::upcast::Step;

use crate::{
    fields::{Fields, Given},
    names::check_event_type,
    problem::Problems,
    source::At,
    steps::read_upcasts,
    yaml::Entry,
};

const KEYS: [&str; 3] = ["description", "schema", "upcasts"];

/// An event type as it is declared.
#[derive(Debug)]
pub(crate) struct EventTypeDeclared<'a> {
    /// Its name.
    pub(crate) name: String,
    /// Where its name stands.
    pub(crate) at: At<'a>,
    /// What it means.
    pub(crate) description: String,
    /// The path of its first schema, relative to the file.
    pub(crate) schema: Given<'a, String>,
    /// The steps that lead to a version, and where the version is named.
    pub(crate) upcasts: BTreeMap<u32, (Vec<Step>, At<'a>)>,
}

/// Reads one entry of the section.
pub(crate) fn read_event_type<'a>(
    entry: &Entry<'a>,
    problems: &mut Problems,
) -> EventTypeDeclared<'a> {
    if let Err(complaint) = check_event_type(&entry.key) {
        problems.complain(entry.at, complaint);
    }
    let what = format!("event type `{}`", entry.key);
    let fields = Fields::read(what, entry.at, &entry.value, &KEYS, problems);
    let Some(fields) = fields else {
        return EventTypeDeclared {
            name: entry.key.clone(),
            at: entry.at,
            description: String::new(),
            schema: Given::Refused,
            upcasts: BTreeMap::new(),
        };
    };
    let help = "say in a sentence what such an event tells";
    EventTypeDeclared {
        name: entry.key.clone(),
        at: entry.at,
        description: fields.needed_text("description", help, problems).ok().unwrap_or_default(),
        schema: fields.text("schema", problems),
        upcasts: read_upcasts(&fields, problems),
    }
}
