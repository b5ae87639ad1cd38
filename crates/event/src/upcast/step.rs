//! The steps by which an app says how a payload of one version becomes one of the next.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::place::{Missing, Place};

/// One step. Places are JSON pointers into the payload; in `default`, `rename` and `remove` a `*`
/// stands for each element of an array.
///
/// Steps are total: where there is nothing to rename, move or remove, nothing happens.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Step {
    /// Puts a value where there is none, or null; objects on the way are made.
    Default {
        /// The place.
        at: String,
        /// The value.
        value: Value,
    },
    /// Takes what is at one place to another; objects on the way are made.
    Move {
        /// The place that it leaves.
        from: String,
        /// The place that it goes to, where nothing may be.
        to: String,
    },
    /// Gives a property another name in the same object.
    Rename {
        /// The place.
        at: String,
        /// The new name, no pointer.
        to: String,
    },
    /// Takes a property away.
    Remove {
        /// The place.
        at: String,
    },
}

impl Step {
    /// What is wrong with the step itself, whatever payload it is tried on.
    pub fn fault(&self) -> Option<String> {
        match self {
            Self::Default { at, .. } | Self::Remove { at } => Place::parse(at).err(),
            Self::Rename { at, to } => Place::parse(at)
                .and_then(|place| match to.is_empty() || place.last() == to {
                    true => Err(format!("`{at}` can't be renamed to `{to}`")),
                    false => Ok(()),
                })
                .err(),
            Self::Move { from, to } => Place::parse(from)
                .and_then(|place| Ok((place, Place::parse(to)?)))
                .and_then(|(one, other)| {
                    if one.is_many() || other.is_many() {
                        return Err("`move` takes one value; it has no `*`".to_owned());
                    }
                    match to == from || to.starts_with(&format!("{from}/")) {
                        true => Err(format!("`{from}` can't be moved into itself")),
                        false => Ok(()),
                    }
                })
                .err(),
        }
    }

    /// Changes a payload; the text says why it could not.
    pub fn apply(&self, data: &mut Value) -> Result<(), String> {
        match self {
            Self::Default { at, value } => {
                let place = Place::parse(at)?;
                place.visit(data, Missing::Make, &mut |fields| {
                    if fields.get(place.last()).is_none_or(Value::is_null) {
                        fields.insert(place.last().to_owned(), value.clone());
                    }
                    Ok(())
                })
            }
            Self::Remove { at } => {
                let place = Place::parse(at)?;
                place.visit(data, Missing::Skip, &mut |fields| {
                    fields.remove(place.last());
                    Ok(())
                })
            }
            Self::Rename { at, to } => {
                let place = Place::parse(at)?;
                place.visit(data, Missing::Skip, &mut |fields| {
                    let Some(value) = fields.remove(place.last()) else { return Ok(()) };
                    match fields.insert(to.clone(), value) {
                        None => Ok(()),
                        Some(_) => Err(format!("`{at}` can't become `{to}`, which is there too")),
                    }
                })
            }
            Self::Move { from, to } => relocate(data, from, to),
        }
    }
}

fn relocate(data: &mut Value, from: &str, to: &str) -> Result<(), String> {
    let (leaves, goes) = (Place::parse(from)?, Place::parse(to)?);
    let mut taken = None;
    leaves.visit(data, Missing::Skip, &mut |fields| {
        taken = fields.remove(leaves.last());
        Ok(())
    })?;
    let Some(value) = taken else { return Ok(()) };
    let mut value = Some(value);
    goes.visit(data, Missing::Make, &mut |fields| {
        if fields.contains_key(goes.last()) {
            return Err(format!("`{from}` can't go to `{to}`, where something is already"));
        }
        fields.extend(value.take().map(|value| (goes.last().to_owned(), value)));
        Ok(())
    })?;
    match value {
        None => Ok(()),
        Some(_) => Err(format!("`{from}` can't go to `{to}`: what is above that is no object")),
    }
}
