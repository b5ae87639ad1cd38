//! The values of a row's columns, and how a Rust type is one.

use headwater_event::Timestamp;

/// The type of a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ColumnType {
    /// True or false.
    Bool,
    /// A 64-bit integer.
    Int64,
    /// A 64-bit float.
    Float64,
    /// An exact decimal: an integer times ten to the power of minus `scale`.
    Decimal {
        /// Digits in all.
        precision: u8,
        /// Digits after the point.
        scale: u8,
    },
    /// UTF-8 text.
    Text,
    /// A moment, in microseconds since 1970.
    Timestamp,
    /// Canonical JSON text.
    Json,
    /// Bytes.
    Binary,
}

/// A value of a column.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// No value.
    Null,
    /// Of a [`ColumnType::Bool`].
    Bool(bool),
    /// Of a [`ColumnType::Int64`].
    Int64(i64),
    /// Of a [`ColumnType::Float64`].
    Float64(f64),
    /// Of a [`ColumnType::Decimal`], unscaled.
    Decimal(i128),
    /// Of a [`ColumnType::Text`] or [`ColumnType::Json`].
    Text(String),
    /// Of a [`ColumnType::Timestamp`], in microseconds.
    Timestamp(i64),
    /// Of a [`ColumnType::Binary`].
    Binary(Vec<u8>),
}

/// JSON text in canonical form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Json(pub String);

impl Json {
    /// The canonical text of a value.
    pub fn of(value: &serde_json::Value) -> Self {
        Self(headwater_event::canonical_text(value))
    }
}

/// A Rust type that can stand in a column.
pub trait Cell: Sized {
    /// The column's type.
    const TYPE: ColumnType;
    /// Whether the column may be null.
    const NULLABLE: bool = false;
    /// The value to store.
    fn to_value(&self) -> Value;
    /// Reads a stored value; `None` if it is of another type.
    fn from_value(value: Value) -> Option<Self>;
}

macro_rules! cell {
    ($type:ty, $column:expr, $value:ident => $to:expr, $pattern:pat => $from:expr) => {
        impl Cell for $type {
            const TYPE: ColumnType = $column;
            fn to_value(&self) -> Value {
                let $value = self;
                $to
            }
            fn from_value(value: Value) -> Option<Self> {
                match value {
                    $pattern => Some($from),
                    _ => None,
                }
            }
        }
    };
}

cell!(bool, ColumnType::Bool, v => Value::Bool(*v), Value::Bool(v) => v);
cell!(i64, ColumnType::Int64, v => Value::Int64(*v), Value::Int64(v) => v);
cell!(f64, ColumnType::Float64, v => Value::Float64(*v), Value::Float64(v) => v);
cell!(String, ColumnType::Text, v => Value::Text(v.clone()), Value::Text(v) => v);
cell!(Json, ColumnType::Json, v => Value::Text(v.0.clone()), Value::Text(v) => Json(v));
cell!(Vec<u8>, ColumnType::Binary, v => Value::Binary(v.clone()), Value::Binary(v) => v);
cell!(Timestamp, ColumnType::Timestamp, v => Value::Timestamp(v.micros()),
    Value::Timestamp(v) => Timestamp::from_micros(v));

impl<T: Cell> Cell for Option<T> {
    const TYPE: ColumnType = T::TYPE;
    const NULLABLE: bool = true;

    fn to_value(&self) -> Value {
        self.as_ref().map_or(Value::Null, Cell::to_value)
    }

    fn from_value(value: Value) -> Option<Self> {
        match value {
            Value::Null => Some(None),
            other => T::from_value(other).map(Some),
        }
    }
}
