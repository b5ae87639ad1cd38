//! One column of a batch under way.

use std::sync::Arc;

use arrow::{
    array::{
        ArrayRef, BinaryBuilder, BooleanBuilder, Decimal128Builder, Float64Builder, Int64Builder,
        StringBuilder, TimestampMicrosecondBuilder,
    },
    datatypes::{DataType, TimeUnit},
};
use headwater_fold::{Damaged, Value};

/// Builds an array of one of the types that tables have.
#[derive(Debug)]
pub(crate) enum ColumnBuilder {
    Bool(BooleanBuilder),
    Int64(Int64Builder),
    Float64(Float64Builder),
    Decimal(Decimal128Builder),
    Text(StringBuilder),
    Timestamp(TimestampMicrosecondBuilder),
    Binary(BinaryBuilder),
}

impl ColumnBuilder {
    /// A builder for a type of [`data_type`](super::schema::data_type).
    pub(crate) fn new(data_type: &DataType) -> Self {
        match data_type {
            DataType::Boolean => Self::Bool(BooleanBuilder::new()),
            DataType::Int64 => Self::Int64(Int64Builder::new()),
            DataType::Float64 => Self::Float64(Float64Builder::new()),
            DataType::Decimal128(..) => {
                Self::Decimal(Decimal128Builder::new().with_data_type(data_type.clone()))
            }
            DataType::Timestamp(TimeUnit::Microsecond, _) => Self::Timestamp(
                TimestampMicrosecondBuilder::new().with_data_type(data_type.clone()),
            ),
            DataType::Binary => Self::Binary(BinaryBuilder::new()),
            _ => Self::Text(StringBuilder::new()),
        }
    }

    /// Appends a value of the column's type, or null.
    pub(crate) fn push(&mut self, value: &Value) -> Result<(), Damaged> {
        match (self, value) {
            (builder, Value::Null) => builder.push_null(),
            (Self::Bool(builder), Value::Bool(v)) => builder.append_value(*v),
            (Self::Int64(builder), Value::Int64(v)) => builder.append_value(*v),
            (Self::Float64(builder), Value::Float64(v)) => builder.append_value(*v),
            (Self::Decimal(builder), Value::Decimal(v)) => builder.append_value(*v),
            (Self::Text(builder), Value::Text(v)) => builder.append_value(v),
            (Self::Timestamp(builder), Value::Timestamp(v)) => builder.append_value(*v),
            (Self::Binary(builder), Value::Binary(v)) => builder.append_value(v),
            _ => return Err(Damaged("row: a value of another type")),
        }
        Ok(())
    }

    /// Appends text; nothing if the column holds none, which its schema excludes.
    pub(crate) fn push_text(&mut self, text: &str) {
        if let Self::Text(builder) = self {
            builder.append_value(text);
        }
    }

    /// Appends text, or null.
    pub(crate) fn push_optional_text(&mut self, text: Option<&str>) {
        if let Self::Text(builder) = self {
            builder.append_option(text);
        }
    }

    /// Appends an integer or a timestamp, or null.
    pub(crate) fn push_integer(&mut self, integer: Option<i64>) {
        match self {
            Self::Int64(builder) => builder.append_option(integer),
            Self::Timestamp(builder) => builder.append_option(integer),
            _ => {}
        }
    }

    fn push_null(&mut self) {
        match self {
            Self::Bool(builder) => builder.append_null(),
            Self::Int64(builder) => builder.append_null(),
            Self::Float64(builder) => builder.append_null(),
            Self::Decimal(builder) => builder.append_null(),
            Self::Text(builder) => builder.append_null(),
            Self::Timestamp(builder) => builder.append_null(),
            Self::Binary(builder) => builder.append_null(),
        }
    }

    /// The array; the builder begins anew.
    pub(crate) fn finish(&mut self) -> ArrayRef {
        match self {
            Self::Bool(builder) => Arc::new(builder.finish()),
            Self::Int64(builder) => Arc::new(builder.finish()),
            Self::Float64(builder) => Arc::new(builder.finish()),
            Self::Decimal(builder) => Arc::new(builder.finish()),
            Self::Text(builder) => Arc::new(builder.finish()),
            Self::Timestamp(builder) => Arc::new(builder.finish()),
            Self::Binary(builder) => Arc::new(builder.finish()),
        }
    }
}
