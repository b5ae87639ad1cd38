//! Places in a payload: JSON pointers in which `*` stands for each element of an array.

use serde_json::{Map, Value};

use crate::limits::NESTING_MAX;

/// A place, taken apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Place {
    /// The keys on the way.
    above: Vec<String>,
    /// The last key, a property of an object.
    last: String,
}

/// What to do where a place's way ends early.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Missing {
    /// Nothing is there; go on.
    Skip,
    /// Make the objects that are missing.
    Make,
}

/// What is done with each object that was found.
pub(super) type Change<'a> = &'a mut dyn FnMut(&mut Map<String, Value>) -> Result<(), String>;

impl Place {
    /// Reads a pointer; the text says what is wrong with it.
    pub(super) fn parse(pointer: &str) -> Result<Self, String> {
        if !pointer.starts_with('/') {
            return Err(format!("`{pointer}` is not a place in the data, such as /address/city"));
        }
        let lawful =
            pointer.split('~').skip(1).all(|rest| rest.starts_with('0') || rest.starts_with('1'));
        if !lawful {
            return Err(format!("`{pointer}` has a `~` that is not written ~0"));
        }
        let mut keys: Vec<String> = pointer
            .split('/')
            .skip(1)
            .map(|token| token.replace("~1", "/").replace("~0", "~"))
            .collect();
        if keys.len() > NESTING_MAX {
            return Err(format!("`{pointer}` has more than {NESTING_MAX} keys"));
        }
        let last = keys.pop().filter(|last| last != "*");
        let last = last.ok_or_else(|| format!("`{pointer}` does not end in a property's name"))?;
        Ok(Self { above: keys, last })
    }

    /// Whether it names each element of an array on its way.
    pub(super) fn is_many(&self) -> bool {
        self.above.iter().any(|key| key == "*")
    }

    /// The last key.
    pub(super) fn last(&self) -> &str {
        &self.last
    }

    /// Calls `change` with each object that has, or could have, the last key.
    pub(super) fn visit(
        &self,
        data: &mut Value,
        missing: Missing,
        change: Change<'_>,
    ) -> Result<(), String> {
        walk(data, &self.above, missing, change)
    }
}

fn walk(
    node: &mut Value,
    keys: &[String],
    missing: Missing,
    change: Change<'_>,
) -> Result<(), String> {
    let Some((key, rest)) = keys.split_first() else {
        return match node {
            Value::Object(fields) => change(fields),
            _ => Ok(()),
        };
    };
    match node {
        Value::Object(fields) => {
            if missing == Missing::Make && !fields.contains_key(key) {
                fields.insert(key.clone(), Value::Object(Map::new()));
            }
            match fields.get_mut(key) {
                Some(next) => walk(next, rest, missing, change),
                None => Ok(()),
            }
        }
        Value::Array(items) if key == "*" => {
            items.iter_mut().try_for_each(|item| walk(item, rest, missing, change))
        }
        Value::Array(items) => match key.parse::<usize>().ok().and_then(|n| items.get_mut(n)) {
            Some(next) => walk(next, rest, missing, change),
            None => Ok(()),
        },
        _ => Ok(()),
    }
}
