//! Reads the section `publications`: events that go to topics of the users' own.

use crate::{
    fields::{Fields, Given, text},
    model::Publication,
    names::{check_name, check_topic},
    problem::Problems,
    source::At,
    yaml::{Entry, Kind},
};

const KEYS: [&str; 4] = ["description", "events", "topic", "brokers"];

/// A publication as it is declared.
#[derive(Debug)]
pub(crate) struct PublicationDeclared<'a> {
    /// Its name.
    pub(crate) name: String,
    /// Where its name stands.
    pub(crate) at: At<'a>,
    /// The types that are published, and where each is named.
    pub(crate) events: Vec<(String, At<'a>)>,
    description: Given<'a, String>,
    /// The topic.
    pub(crate) topic: Given<'a, String>,
    brokers: Given<'a, String>,
}

impl PublicationDeclared<'_> {
    /// The declaration; `None` if something is wrong with it, which is told.
    pub(crate) fn whole(&self) -> Option<Publication> {
        Some(Publication {
            description: self.description.clone().ok()?,
            events: self.events.iter().map(|(name, _)| name.clone()).collect(),
            topic: self.topic.clone().ok()?,
            brokers: self.brokers.clone().ok(),
        })
    }
}

/// Reads one entry of the section.
pub(crate) fn read_publication<'a>(
    entry: &Entry<'a>,
    problems: &mut Problems,
) -> Option<PublicationDeclared<'a>> {
    let what = format!("publication `{}`", entry.key);
    if let Err(complaint) = check_name(&what, &entry.key) {
        problems.complain(entry.at, complaint);
    }
    let fields = Fields::read(what, entry.at, &entry.value, &KEYS, problems)?;
    let about = "say in a sentence who reads it, and for what";
    let topic = "name the Kafka topic that it goes to";
    let topic = fields.needed_text("topic", topic, problems).parse(problems, check_topic);
    Some(PublicationDeclared {
        name: entry.key.clone(),
        at: entry.at,
        events: read_events(&fields, problems),
        description: fields.needed_text("description", about, problems),
        topic,
        brokers: fields.text("brokers", problems),
    })
}

/// One type, or a list of them.
fn read_events<'a>(fields: &Fields<'_, 'a>, problems: &mut Problems) -> Vec<(String, At<'a>)> {
    let Some(entry) = fields.entry("events") else {
        fields.missing("events", "name the event types that are published", problems);
        return Vec::new();
    };
    let what = format!("`events` of {}", fields.what);
    let nodes = match &entry.value.kind {
        Kind::List(nodes) => nodes.iter().collect(),
        _ => vec![&entry.value],
    };
    if nodes.is_empty() {
        problems.add(entry.at, format!("{what} names no type"), "name at least one event type");
    }
    let named = nodes.into_iter().filter_map(|node| Some((text(&what, node, problems)?, node.at)));
    named.collect()
}
