//! Reads the section `sources`.

use std::collections::BTreeMap;

use serde_json::Value;

use super::model::{RecordData, RecordPlace, RecordTime, Source, Start, TimeUnit};
use crate::{
    complaint::Complaint,
    fields::{Fields, Given, text},
    filters::read_when,
    model::ValueAt,
    names::{check_brokers, check_name, check_topic, suggest},
    pointers::parse_value_at,
    problem::Problems,
    source::At,
    yaml::{Entry, Kind},
};

const KEYS: [&str; 11] = [
    "description",
    "topic",
    "brokers",
    "event_type",
    "id",
    "subject",
    "time",
    "data",
    "when",
    "tombstones",
    "start",
];
const TIME_KEYS: [&str; 2] = ["at", "unit"];
/// The word for an id that is made of topic, partition and offset.
const POSITION: &str = "position";
/// The word for Kafka's own timestamp.
const RECORD: &str = "record";
/// The word for mapping records without a value alone.
const ONLY: &str = "only";
/// The word for passing over them.
const PASS_OVER: &str = "pass_over";

/// A source as it is declared.
#[derive(Debug)]
pub(crate) struct SourceDeclared<'a> {
    /// Its name.
    pub(crate) name: String,
    /// Where its name stands.
    pub(crate) at: At<'a>,
    /// The topic.
    pub(crate) topic: Given<'a, String>,
    /// Its brokers.
    pub(crate) brokers: Given<'a, String>,
    /// The type of its events.
    pub(crate) event_type: Given<'a, String>,
    /// What its payload is made of, and where that is said.
    pub(crate) data: Given<'a, RecordData>,
    /// Where each field of the payload is named.
    pub(crate) fields: Vec<(String, At<'a>)>,
    /// Every place that looks into the value, and where it is named.
    pub(crate) in_value: Vec<(String, At<'a>)>,
    /// Whether records without a value are mapped.
    pub(crate) tombstones: bool,
    description: Given<'a, String>,
    id: Given<'a, Option<RecordPlace>>,
    subject: Given<'a, RecordPlace>,
    time: Given<'a, RecordTime>,
    when: BTreeMap<String, Vec<Value>>,
    start: Given<'a, Start>,
}

impl SourceDeclared<'_> {
    /// The declaration; `None` if something is wrong with it, which is told.
    pub(crate) fn whole(&self) -> Option<Source> {
        let left_out = |data: &Given<'_, RecordData>| match data {
            Given::Absent => Some(RecordData::At(RecordPlace::Value(String::new()))),
            given => given.clone().ok(),
        };
        Some(Source {
            description: self.description.clone().ok()?,
            topic: self.topic.clone().ok()?,
            brokers: self.brokers.clone().ok(),
            event_type: self.event_type.clone().ok()?,
            id: self.id.clone().ok().flatten(),
            subject: self.subject.clone().ok()?,
            time: self.time.clone().ok().unwrap_or(RecordTime::Record),
            data: left_out(&self.data)?,
            when: self.when.clone(),
            tombstones: self.tombstones,
            start: self.start.clone().ok().unwrap_or(Start::Earliest),
        })
    }
}

/// Reads one entry of the section.
pub(crate) fn read_source<'a>(
    entry: &Entry<'a>,
    problems: &mut Problems,
) -> Option<SourceDeclared<'a>> {
    let what = format!("source `{}`", entry.key);
    if let Err(complaint) = check_name(&what, &entry.key) {
        problems.complain(entry.at, complaint);
    }
    let fields = Fields::read(what, entry.at, &entry.value, &KEYS, problems)?;
    let about = "say in a sentence whose topic it is, and what it tells";
    let topic = "name the Kafka topic that is read";
    let event_type = "name the event type that its records become";
    let subject = "say where the subject is found: a JSON pointer into the value, `key`, `key:/…` \
                   or `header:NAME`";
    let topic = fields.needed_text("topic", topic, problems);
    let id = fields.text("id", problems).parse(problems, |text| match text.as_str() {
        POSITION => Ok(None),
        text => parse_place(text, &[POSITION]).map(Some),
    });
    let subject = fields.needed_text("subject", subject, problems);
    let subject = subject.parse(problems, |text| parse_place(&text, &[]));
    let (data, named) = read_data(&fields, problems);
    let mut declared = SourceDeclared {
        name: entry.key.clone(),
        at: entry.at,
        topic: topic.parse(problems, check_topic),
        brokers: fields.text("brokers", problems).parse(problems, check_brokers),
        event_type: fields.needed_text("event_type", event_type, problems),
        data,
        fields: named,
        in_value: Vec::new(),
        tombstones: read_tombstones(&fields, problems),
        description: fields.needed_text("description", about, problems),
        id,
        subject,
        time: read_time(&fields, problems),
        when: read_when(&fields, problems),
        start: fields.text("start", problems).parse(problems, |text| parse_start(&text)),
    };
    declared.look_into_value(&fields);
    Some(declared)
}

impl<'a> SourceDeclared<'a> {
    /// Gathers the places that need a value.
    fn look_into_value(&mut self, fields: &Fields<'_, 'a>) {
        let mut found = Vec::new();
        let mut look = |place: &RecordPlace, at: At<'a>| {
            if let RecordPlace::Value(_) = place {
                found.push((place.to_string(), at));
            }
        };
        if let Given::Value(Some(place), at) = &self.id {
            look(place, *at);
        }
        if let Given::Value(place, at) = &self.subject {
            look(place, *at);
        }
        if let Given::Value(RecordTime::At { place, .. }, at) = &self.time {
            look(place, *at);
        }
        match &self.data {
            Given::Value(RecordData::At(place), at) => look(place, *at),
            Given::Value(RecordData::Fields(places), _) => {
                for (name, at) in &self.fields {
                    places.get(name).into_iter().for_each(|place| look(place, *at));
                }
            }
            Given::Absent => look(&RecordPlace::Value(String::new()), self.at),
            Given::Refused => {}
        }
        if let Some(when) = fields.entry("when") {
            found.push(("when".to_owned(), when.at));
        }
        self.in_value = found;
    }
}

fn parse_place(text: &str, words: &[&str]) -> Result<RecordPlace, Complaint> {
    match text {
        "key" => return Ok(RecordPlace::Key),
        "" | "/" => {}
        _ if text.starts_with('/') => return pointer(text).map(RecordPlace::Value),
        _ => {}
    }
    if let Some(place) = text.strip_prefix("key:") {
        return pointer(place).map(RecordPlace::KeyAt);
    }
    if let Some(name) = text.strip_prefix("header:").filter(|name| !name.is_empty()) {
        return Ok(RecordPlace::Header(name.to_owned()));
    }
    let known = words.iter().copied().chain(["key"]);
    let near = suggest(text, known);
    let near = if near.starts_with("did you mean") { format!("{near} ") } else { String::new() };
    let help = format!(
        "{near}write a JSON pointer into the value, as in /customer/id, or `key`, `key:/id`, `header:NAME`"
    );
    Err(Complaint::new(format!("`{text}` is not a place in a record"), help))
}

fn pointer(text: &str) -> Result<String, Complaint> {
    match parse_value_at(text)? {
        ValueAt::Data(pointer) => Ok(pointer),
        ValueAt::Subject | ValueAt::Time => {
            let help = "write a JSON pointer, as in /id";
            Err(Complaint::new(format!("`{text}` is not a JSON pointer"), help))
        }
    }
}

fn parse_start(text: &str) -> Result<Start, Complaint> {
    match text {
        "earliest" => Ok(Start::Earliest),
        "latest" => Ok(Start::Latest),
        _ => {
            let help = suggest(text, ["earliest", "latest"].into_iter());
            Err(Complaint::new(format!("`{text}` is not where a source can start"), help))
        }
    }
}

fn read_tombstones(fields: &Fields<'_, '_>, problems: &mut Problems) -> bool {
    let given = fields.text("tombstones", problems).parse(problems, |text| match text.as_str() {
        ONLY => Ok(true),
        PASS_OVER => Ok(false),
        _ => {
            let help = suggest(&text, [ONLY, PASS_OVER].into_iter());
            Err(Complaint::new(format!("`{text}` is nothing to do about tombstones"), help))
        }
    });
    given.ok().unwrap_or(false)
}

/// `record`, a place, or `{ at: place, unit: ms }`.
fn read_time<'a>(fields: &Fields<'_, 'a>, problems: &mut Problems) -> Given<'a, RecordTime> {
    let Some(entry) = fields.entry("time") else { return Given::Absent };
    if !matches!(entry.value.kind, Kind::Map(_)) {
        return fields.text("time", problems).parse(problems, |text| match text.as_str() {
            RECORD => Ok(RecordTime::Record),
            text => Ok(RecordTime::At { place: parse_place(text, &[RECORD])?, unit: None }),
        });
    }
    let what = format!("`time` of {}", fields.what);
    let Some(time) = Fields::read(what, entry.at, &entry.value, &TIME_KEYS, problems) else {
        return Given::Refused;
    };
    let help = "say where the time is found, as in { at: /ts_ms, unit: ms }";
    let place = time.needed_text("at", help, problems);
    let place = place.parse(problems, |text| parse_place(&text, &[]));
    let unit = time.text("unit", problems).parse(problems, |text| {
        let found = TimeUnit::ALL.iter().find(|(name, _)| *name == text);
        found.map(|(_, unit)| *unit).ok_or_else(|| {
            let help = "write d, s, ms, us or ns: what a number there counts since 1970";
            Complaint::new(format!("`{text}` is not a unit of time"), help)
        })
    });
    match (place, unit) {
        (_, Given::Refused) | (Given::Refused | Given::Absent, _) => Given::Refused,
        (Given::Value(place, at), unit) => {
            Given::Value(RecordTime::At { place, unit: unit.ok() }, at)
        }
    }
}

/// One place, or fields with a place each, and where they are named.
fn read_data<'a>(
    fields: &Fields<'_, 'a>,
    problems: &mut Problems,
) -> (Given<'a, RecordData>, Vec<(String, At<'a>)>) {
    let Some(entry) = fields.entry("data") else { return (Given::Absent, Vec::new()) };
    let entries = match &entry.value.kind {
        Kind::Map(entries) => entries,
        _ => {
            let place = fields
                .text("data", problems)
                .parse(problems, |text| parse_place(&text, &[]).map(RecordData::At));
            return (place, Vec::new());
        }
    };
    if entries.is_empty() {
        let message = format!("`data` of {} names no field", fields.what);
        let help = "write { field: /place }, or leave it out to take the whole value";
        problems.add(entry.value.at, message, help);
        return (Given::Refused, Vec::new());
    }
    let (mut places, mut named) = (BTreeMap::new(), Vec::new());
    for field in entries {
        named.push((field.key.clone(), field.at));
        let what = format!("field `{}` of {}", field.key, fields.what);
        let Some(place) = text(&what, &field.value, problems) else { continue };
        match parse_place(&place, &[]) {
            Ok(place) => drop(places.insert(field.key.clone(), place)),
            Err(complaint) => problems.complain(field.value.at, complaint),
        }
    }
    let data = match places.len() == named.len() {
        true => Given::Value(RecordData::Fields(places), entry.value.at),
        false => Given::Refused,
    };
    (data, named)
}
