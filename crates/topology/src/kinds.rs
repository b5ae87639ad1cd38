//! Which kinds of JSON value a schema lets through at a place, as far as it says so plainly.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::{limits::SCHEMA_STEPS_MAX, model::ValueType};

/// The kinds of JSON value, without null: nulls are passed over by every aggregate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum JsonKind {
    /// True or false.
    Boolean,
    /// A number without a fraction.
    Integer,
    /// Any number.
    Number,
    /// Text.
    String,
    /// An array.
    Array,
    /// An object.
    Object,
}

/// What a schema says of a value.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Kinds {
    /// The kinds that it lets through.
    pub(crate) kinds: BTreeSet<JsonKind>,
    /// Whether text is a date and time.
    pub(crate) date_time: bool,
}

impl Kinds {
    /// Reads them from a schema; `None` if it does not tell.
    pub(crate) fn of(root: &Value, schema: &Value) -> Option<Self> {
        let mut steps_left = SCHEMA_STEPS_MAX;
        Self::read(root, schema, &mut steps_left)
    }

    fn read(root: &Value, schema: &Value, steps_left: &mut usize) -> Option<Self> {
        *steps_left = steps_left.checked_sub(1)?;
        let date_time = schema.get("format").and_then(Value::as_str) == Some("date-time");
        if let Some(types) = schema.get("type") {
            let names: Vec<&str> = match types {
                Value::Array(names) => names.iter().filter_map(Value::as_str).collect(),
                other => other.as_str().into_iter().collect(),
            };
            return Some(Self { kinds: names.into_iter().filter_map(named).collect(), date_time });
        }
        if let Some(value) = schema.get("const") {
            return Some(Self { kinds: kind_of(value).into_iter().collect(), date_time });
        }
        if let Some(values) = schema.get("enum").and_then(Value::as_array) {
            return Some(Self { kinds: values.iter().filter_map(kind_of).collect(), date_time });
        }
        if let Some(target) = referred(root, schema) {
            return Self::read(root, target, steps_left);
        }
        let choices = schema.get("anyOf").or_else(|| schema.get("oneOf"))?.as_array()?;
        let mut union = Self { date_time: true, ..Self::default() };
        for choice in choices {
            let read = Self::read(root, choice, steps_left)?;
            union.date_time &= read.date_time || !read.kinds.contains(&JsonKind::String);
            union.kinds.extend(read.kinds);
        }
        Some(union)
    }

    /// The type that a feature of these values has, if it is plain.
    pub(crate) fn plain_type(&self) -> Option<ValueType> {
        use JsonKind::{Array, Boolean, Integer, Number, Object, String};
        let kinds: Vec<JsonKind> = self.kinds.iter().copied().collect();
        match kinds.as_slice() {
            [Boolean] => Some(ValueType::Bool),
            [Integer] => Some(ValueType::Int64),
            [Number] | [Integer, Number] => Some(ValueType::Float64),
            [String] if self.date_time => Some(ValueType::Timestamp),
            [String] => Some(ValueType::String),
            [Array] | [Object] | [Array, Object] => Some(ValueType::Json),
            _ => None,
        }
    }

    /// Whether some of these values can be of the type.
    pub(crate) fn can_be(&self, value_type: ValueType) -> bool {
        use JsonKind::{Boolean, Integer, Number, String};
        let any = |wanted: &[JsonKind]| wanted.iter().any(|kind| self.kinds.contains(kind));
        match value_type {
            ValueType::Bool => any(&[Boolean]),
            ValueType::Int64 | ValueType::Float64 => any(&[Integer, Number]),
            // Exact amounts often travel as text.
            ValueType::Decimal { .. } => any(&[Integer, Number, String]),
            ValueType::String | ValueType::Timestamp => any(&[String]),
            ValueType::Json => !self.kinds.is_empty(),
        }
    }

    /// The kinds in words: "of type integer or string".
    pub(crate) fn words(&self) -> String {
        if self.kinds.is_empty() {
            return "always null".to_owned();
        }
        let names: Vec<&str> = self.kinds.iter().map(|kind| kind.name()).collect();
        format!("of type {}", names.join(" or "))
    }
}

impl JsonKind {
    fn name(self) -> &'static str {
        match self {
            Self::Boolean => "boolean",
            Self::Integer => "integer",
            Self::Number => "number",
            Self::String => "string",
            Self::Array => "array",
            Self::Object => "object",
        }
    }
}

/// What a schema's `$ref` points at, if that is in the same file.
pub(crate) fn referred<'s>(root: &'s Value, schema: &Value) -> Option<&'s Value> {
    root.pointer(schema.get("$ref")?.as_str()?.strip_prefix('#')?)
}

fn named(name: &str) -> Option<JsonKind> {
    match name {
        "boolean" => Some(JsonKind::Boolean),
        "integer" => Some(JsonKind::Integer),
        "number" => Some(JsonKind::Number),
        "string" => Some(JsonKind::String),
        "array" => Some(JsonKind::Array),
        "object" => Some(JsonKind::Object),
        _ => None,
    }
}

fn kind_of(value: &Value) -> Option<JsonKind> {
    match value {
        Value::Null => None,
        Value::Bool(_) => Some(JsonKind::Boolean),
        Value::Number(number) if number.is_f64() => Some(JsonKind::Number),
        Value::Number(_) => Some(JsonKind::Integer),
        Value::String(_) => Some(JsonKind::String),
        Value::Array(_) => Some(JsonKind::Array),
        Value::Object(_) => Some(JsonKind::Object),
    }
}
