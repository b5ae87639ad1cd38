//! Reads the section `entities`.

use crate::{
    fields::{Fields, text},
    limits::JOIN_KEYS_MAX,
    model::{Entity, JoinKey},
    names::{check_column, check_name},
    problem::Problems,
    source::At,
    value_types::parse_key_type,
    yaml::{Entry, Kind},
};

const KEYS: [&str; 2] = ["description", "join_keys"];

/// An entity as it is declared.
#[derive(Debug)]
pub(crate) struct EntityDeclared<'a> {
    /// Its name.
    pub(crate) name: String,
    /// Where its name stands.
    pub(crate) at: At<'a>,
    /// The entity, unless something is wrong with its keys, which is then told.
    pub(crate) entity: Option<Entity>,
}

/// Reads one entry of the section.
pub(crate) fn read_entity<'a>(entry: &Entry<'a>, problems: &mut Problems) -> EntityDeclared<'a> {
    let what = format!("entity `{}`", entry.key);
    if let Err(complaint) = check_name(&what, &entry.key) {
        problems.complain(entry.at, complaint);
    }
    let entity = Fields::read(what, entry.at, &entry.value, &KEYS, problems).and_then(|fields| {
        let help = "say in a sentence what it is";
        let description = fields.needed_text("description", help, problems);
        let join_keys = read_join_keys(&fields, problems)?;
        Some(Entity { description: description.ok().unwrap_or_default(), join_keys })
    });
    EntityDeclared { name: entry.key.clone(), at: entry.at, entity }
}

fn read_join_keys(fields: &Fields<'_, '_>, problems: &mut Problems) -> Option<Vec<JoinKey>> {
    let help = "name the columns that tell one from another, as in { customer_id: int64 }";
    let Some(declared) = fields.entry("join_keys") else {
        fields.missing("join_keys", help, problems);
        return None;
    };
    let entries = fields.entries("join_keys", problems);
    if entries.is_empty() {
        if matches!(&declared.value.kind, Kind::Map(_)) {
            problems.add(declared.at, format!("{} has no join keys", fields.what), help);
        }
        return None;
    }
    if entries.len() > JOIN_KEYS_MAX {
        let message = format!("{} has {} join keys", fields.what, entries.len());
        problems.add(declared.at, message, format!("{JOIN_KEYS_MAX} are allowed"));
        return None;
    }
    let keys: Vec<Option<JoinKey>> =
        entries.iter().map(|entry| read_join_key(entry, problems)).collect();
    keys.into_iter().collect()
}

fn read_join_key(entry: &Entry<'_>, problems: &mut Problems) -> Option<JoinKey> {
    let what = format!("join key `{}`", entry.key);
    let named =
        check_column(&what, &entry.key).map_err(|complaint| problems.complain(entry.at, complaint));
    let type_text = text(&what, &entry.value, problems)?;
    match parse_key_type(&type_text) {
        Ok(key_type) => named.ok().map(|()| JoinKey { name: entry.key.clone(), key_type }),
        Err(complaint) => {
            problems.complain(entry.value.at, complaint);
            None
        }
    }
}
