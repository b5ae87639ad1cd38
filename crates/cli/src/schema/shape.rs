//! What values of one place have in common: kinds, properties, items. Pure; told as a JSON Schema.

use std::collections::{BTreeMap, BTreeSet};

use headwater_event::Timestamp;
use serde_json::{Map, Value, json};

/// An object with more names than that is a map, whose names are data.
const NAMES_MAX: usize = 200;

/// A kind of value, as JSON Schema names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    Null,
    Boolean,
    Integer,
    Number,
    String,
    Array,
    Object,
}

impl Kind {
    fn of(value: &Value) -> Self {
        match value {
            Value::Null => Self::Null,
            Value::Bool(_) => Self::Boolean,
            Value::Number(number) if number.is_i64() || number.is_u64() => Self::Integer,
            Value::Number(_) => Self::Number,
            Value::String(_) => Self::String,
            Value::Array(_) => Self::Array,
            Value::Object(_) => Self::Object,
        }
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Boolean => "boolean",
            Self::Integer => "integer",
            Self::Number => "number",
            Self::String => "string",
            Self::Array => "array",
            Self::Object => "object",
        }
    }
}

/// What was seen at one place.
#[derive(Debug, Clone, Default)]
pub(crate) struct Shape {
    /// How many values.
    pub(crate) seen: u64,
    kinds: BTreeSet<Kind>,
    objects: u64,
    properties: BTreeMap<String, Shape>,
    is_map: bool,
    items: Option<Box<Shape>>,
    /// Strings, and those of them that are times.
    strings: u64,
    times: u64,
    /// The first value, for people.
    pub(crate) example: Option<Value>,
}

impl Shape {
    /// One more value.
    pub(crate) fn add(&mut self, value: &Value) {
        self.seen += 1;
        self.kinds.insert(Kind::of(value));
        if self.example.as_ref().is_none_or(Value::is_null) {
            self.example = Some(value.clone());
        }
        match value {
            Value::String(text) => {
                self.strings += 1;
                self.times += u64::from(text.parse::<Timestamp>().is_ok());
            }
            Value::Array(items) => {
                let of_items = self.items.get_or_insert_default();
                items.iter().for_each(|item| of_items.add(item));
            }
            Value::Object(object) => self.add_object(object),
            _ => {}
        }
    }

    fn add_object(&mut self, object: &Map<String, Value>) {
        self.objects += 1;
        for (name, value) in object {
            if self.properties.len() >= NAMES_MAX && !self.properties.contains_key(name) {
                self.is_map = true;
                return;
            }
            self.properties.entry(name.clone()).or_default().add(value);
        }
    }

    /// The one kind that the values are of, `null` aside: a number if some are whole and some are not.
    pub(crate) fn kind(&self) -> Option<Kind> {
        let mut kinds = self.kinds.clone();
        kinds.remove(&Kind::Null);
        if kinds.contains(&Kind::Number) {
            kinds.remove(&Kind::Integer);
        }
        match kinds.len() {
            1 => kinds.pop_first(),
            _ => None,
        }
    }

    /// Whether every string is a time.
    pub(crate) fn is_time(&self) -> bool {
        self.kind() == Some(Kind::String) && self.times == self.strings
    }

    /// Whether some values are `null`.
    pub(crate) fn is_nullable(&self) -> bool {
        self.kinds.contains(&Kind::Null)
    }

    /// The properties of the objects, and whether each was in all of them.
    pub(crate) fn properties(&self) -> impl Iterator<Item = (&str, &Shape, bool)> {
        let all = self.objects;
        let named = self.properties.iter().filter(|_| !self.is_map);
        named.map(move |(name, shape)| (name.as_str(), shape, shape.seen == all))
    }

    /// A JSON Schema that takes every value that was seen, and no more than it must.
    pub(crate) fn schema(&self) -> Map<String, Value> {
        let mut kinds = self.kinds.clone();
        if kinds.contains(&Kind::Number) {
            kinds.remove(&Kind::Integer);
        }
        let names: Vec<&str> = kinds.iter().map(|kind| kind.name()).collect();
        let mut schema = Map::new();
        match names.as_slice() {
            [] => {}
            [one] => drop(schema.insert("type".to_owned(), json!(one))),
            several => drop(schema.insert("type".to_owned(), json!(several))),
        }
        if self.strings > 0 && self.times == self.strings {
            schema.insert("format".to_owned(), json!("date-time"));
        }
        if let Some(items) = &self.items {
            schema.insert("items".to_owned(), Value::Object(items.schema()));
        }
        if self.objects > 0 && !self.is_map {
            let required: Vec<&str> =
                self.properties().filter(|(_, _, all)| *all).map(|(name, ..)| name).collect();
            if !required.is_empty() {
                schema.insert("required".to_owned(), json!(required));
            }
            let each = |(name, shape, _): (&str, &Shape, bool)| {
                (name.to_owned(), Value::Object(shape.schema()))
            };
            let properties: Map<String, Value> = self.properties().map(each).collect();
            schema.insert("properties".to_owned(), Value::Object(properties));
        }
        schema
    }
}

#[cfg(test)]
#[path = "shape_tests.rs"]
mod tests;
