//! Reads the section `derived_events`: events that follow from events, by their type.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::{
    fields::{Fields, Given, text},
    filters::read_when,
    model::{DerivedEvent, ValueAt},
    pointers::parse_value_at,
    problem::Problems,
    source::At,
    yaml::{Entry, Kind},
};

const KEYS: [&str; 4] = ["from", "subject", "when", "data"];

/// A derived event as it is declared.
#[derive(Debug)]
pub(crate) struct DerivedEventDeclared<'a> {
    /// Its type.
    pub(crate) name: String,
    /// Where its type stands.
    pub(crate) at: At<'a>,
    /// The type that it follows from.
    pub(crate) from: Given<'a, String>,
    /// Where its subject is found.
    pub(crate) subject: Given<'a, ValueAt>,
    when: BTreeMap<String, Vec<Value>>,
    /// Where its payload's fields are found, as far as it is said.
    pub(crate) data: Option<Vec<(String, ValueAt, At<'a>)>>,
}

impl DerivedEventDeclared<'_> {
    /// The declaration; `None` if something is wrong with it, which is told.
    pub(crate) fn whole(&self) -> Option<DerivedEvent> {
        let fields = |fields: &Vec<(String, ValueAt, At<'_>)>| {
            fields.iter().map(|(name, place, _)| (name.clone(), place.clone())).collect()
        };
        Some(DerivedEvent {
            from: self.from.clone().ok()?,
            subject: self.subject.clone().ok()?,
            when: self.when.clone(),
            data: self.data.as_ref().map(fields),
        })
    }
}

/// Reads one entry of the section.
pub(crate) fn read_derived_event<'a>(
    entry: &Entry<'a>,
    problems: &mut Problems,
) -> Option<DerivedEventDeclared<'a>> {
    let what = format!("derived event `{}`", entry.key);
    let fields = Fields::read(what, entry.at, &entry.value, &KEYS, problems)?;
    let from = "name the event type that it follows from";
    let subject = "say where its subject is found: `subject`, or a JSON pointer into the data";
    Some(DerivedEventDeclared {
        name: entry.key.clone(),
        at: entry.at,
        from: fields.needed_text("from", from, problems),
        subject: fields
            .needed_text("subject", subject, problems)
            .parse(problems, |text| parse_value_at(&text)),
        when: read_when(&fields, problems),
        data: read_data(&fields, problems),
    })
}

fn read_data<'a>(
    fields: &Fields<'_, 'a>,
    problems: &mut Problems,
) -> Option<Vec<(String, ValueAt, At<'a>)>> {
    let entry = fields.entry("data")?;
    if !matches!(&entry.value.kind, Kind::Map(entries) if !entries.is_empty()) {
        let message = format!("`data` of {} must name its fields", fields.what);
        let help = "write { field: /place }, or leave it out to take the whole data";
        problems.add(entry.value.at, message, help);
        return None;
    }
    let mut data = Vec::new();
    for field in fields.entries("data", problems) {
        let what = format!("field `{}` of {}", field.key, fields.what);
        let Some(place) = text(&what, &field.value, problems) else { continue };
        match parse_value_at(&place) {
            Ok(place) => data.push((field.key.clone(), place, field.value.at)),
            Err(complaint) => problems.complain(field.value.at, complaint),
        }
    }
    Some(data)
}
