//! Reads the section `feature_views`.

use std::collections::BTreeMap;

use crate::{
    complaint::Complaint,
    features::{DerivedDeclared, FeatureDeclared, Origin, read_derived, read_feature},
    fields::{Fields, Given, text},
    limits::FEATURES_MAX,
    model::ValueAt,
    names::check_name,
    pointers::parse_value_at,
    problem::Problems,
    source::At,
    windows::{WindowDeclared, read_window},
    yaml::{Entry, Kind},
};

const KEYS: [&str; 10] = [
    "description",
    "owner",
    "tags",
    "entity",
    "from",
    "keys",
    "window",
    "features",
    "derived",
    "results",
];

/// The word for values that are computed elsewhere.
const WRITTEN: &str = "written";

/// A feature view as it is declared.
#[derive(Debug)]
pub(crate) struct ViewDeclared<'a> {
    /// Its name.
    pub(crate) name: String,
    /// Where its name stands.
    pub(crate) at: At<'a>,
    /// What stands below the name, unless it is no mapping.
    pub(crate) body: Option<ViewBody<'a>>,
}

/// What a feature view says of itself.
#[derive(Debug)]
pub(crate) struct ViewBody<'a> {
    /// What the view tells.
    pub(crate) description: String,
    /// Who answers for it.
    pub(crate) owner: String,
    /// Free labels.
    pub(crate) tags: BTreeMap<String, String>,
    /// The entity's name.
    pub(crate) entity: Given<'a, String>,
    /// Where its values come from.
    pub(crate) origin: Origin,
    /// The event type's name, if they come from events.
    pub(crate) from: Given<'a, String>,
    /// Where join keys are found, as far as it is said.
    pub(crate) keys: Vec<KeyDeclared<'a>>,
    /// Its windows.
    pub(crate) window: Option<WindowDeclared<'a>>,
    /// The event type that tells their results.
    pub(crate) results: Given<'a, String>,
    /// Its stored features.
    pub(crate) features: Vec<FeatureDeclared<'a>>,
    /// Its derived features.
    pub(crate) derived: Vec<DerivedDeclared<'a>>,
}

/// Where a join key is found.
#[derive(Debug)]
pub(crate) struct KeyDeclared<'a> {
    /// The join key's name.
    pub(crate) name: String,
    /// Where the name stands.
    pub(crate) at: At<'a>,
    /// The place in the event.
    pub(crate) value: Given<'a, ValueAt>,
}

/// Reads one entry of the section.
pub(crate) fn read_view<'a>(entry: &Entry<'a>, problems: &mut Problems) -> ViewDeclared<'a> {
    let what = format!("feature view `{}`", entry.key);
    if let Err(complaint) = check_name(&what, &entry.key) {
        problems.complain(entry.at, complaint);
    }
    let fields = Fields::read(what, entry.at, &entry.value, &KEYS, problems);
    let body = fields.map(|fields| read_body(&fields, problems));
    ViewDeclared { name: entry.key.clone(), at: entry.at, body }
}

fn read_body<'a>(fields: &Fields<'_, 'a>, problems: &mut Problems) -> ViewBody<'a> {
    let about = "say in a sentence what the view tells";
    let entity = "name an entity; its join keys are the view's key";
    let from = "name the event type that is folded, or write `written`";
    let description = fields.needed_text("description", about, problems);
    let entity = fields.needed_text("entity", entity, problems);
    let from = fields.needed_text("from", from, problems);
    let origin = match &from {
        Given::Value(word, _) if word == WRITTEN => Origin::Written,
        Given::Value(..) => Origin::Events,
        Given::Absent | Given::Refused => Origin::Untold,
    };
    if origin == Origin::Written {
        refuse_in_written(fields, problems);
    }
    let (features, derived) = read_columns(fields, origin, problems);
    ViewBody {
        description: description.ok().unwrap_or_default(),
        owner: fields.text("owner", problems).ok().unwrap_or_default(),
        tags: read_tags(fields, problems),
        entity,
        origin,
        from,
        keys: read_keys(fields, problems),
        window: read_window(fields, problems),
        results: fields.text("results", problems),
        features,
        derived,
    }
}

fn refuse_in_written(fields: &Fields<'_, '_>, problems: &mut Problems) {
    for key in ["keys", "window", "results"] {
        if let Some(entry) = fields.entry(key) {
            let message = format!("{} is written elsewhere and takes no `{key}`", fields.what);
            problems.add(entry.at, message, "leave it out, or name an event type in `from`");
        }
    }
}

fn read_columns<'a>(
    fields: &Fields<'_, 'a>,
    origin: Origin,
    problems: &mut Problems,
) -> (Vec<FeatureDeclared<'a>>, Vec<DerivedDeclared<'a>>) {
    let stored = fields.entries("features", problems);
    let derived = fields.entries("derived", problems);
    let count = stored.len() + derived.len();
    if fields.entry("features").is_none() {
        fields.missing("features", "a view without features tells nothing", problems);
    } else if let Some(entry) = fields.entry("features").filter(|_| stored.is_empty()) {
        if matches!(&entry.value.kind, Kind::Map(_)) {
            let help = "a view without features tells nothing";
            problems.add(entry.at, format!("{} has no features", fields.what), help);
        }
    } else if count > FEATURES_MAX {
        let message = format!("{} has {count} features; {FEATURES_MAX} are allowed", fields.what);
        problems.add(fields.at, message, "make two views of it");
        return (Vec::new(), Vec::new());
    }
    (
        stored.iter().map(|entry| read_feature(entry, origin, problems)).collect(),
        derived.iter().map(|entry| read_derived(entry, problems)).collect(),
    )
}

fn read_tags(fields: &Fields<'_, '_>, problems: &mut Problems) -> BTreeMap<String, String> {
    let mut tags = BTreeMap::new();
    for entry in fields.entries("tags", problems) {
        let what = format!("tag `{}` of {}", entry.key, fields.what);
        if let Some(value) = text(&what, &entry.value, problems) {
            tags.insert(entry.key.clone(), value);
        }
    }
    tags
}

fn read_keys<'a>(fields: &Fields<'_, 'a>, problems: &mut Problems) -> Vec<KeyDeclared<'a>> {
    let mut keys = Vec::new();
    for entry in fields.entries("keys", problems) {
        let what = format!("key `{}` of {}", entry.key, fields.what);
        let value = match text(&what, &entry.value, problems) {
            Some(place) => Given::Value(place, entry.value.at),
            None => Given::Refused,
        };
        let value = value.parse(problems, |place| match parse_value_at(&place)? {
            ValueAt::Time => {
                let help = "write `subject` or a JSON pointer into the data";
                Err(Complaint::new("a time cannot be a key", help))
            }
            value => Ok(value),
        });
        keys.push(KeyDeclared { name: entry.key.clone(), at: entry.at, value });
    }
    keys
}
