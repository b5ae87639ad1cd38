//! One column of a sealed file: built from stored values, and written back as they were stored.

use std::sync::Arc;

use arrow::{
    array::{
        Array, ArrayRef, BinaryBuilder, BinaryViewArray, BooleanArray, BooleanBuilder,
        Decimal128Array, Decimal128Builder, Float64Array, Float64Builder, Int64Array, Int64Builder,
        StringBuilder, StringViewArray, TimestampMicrosecondArray, TimestampMicrosecondBuilder,
    },
    datatypes::DataType,
};
use headwater_fold::{Damaged, Value, codec};

const OTHER_TYPE: Damaged = Damaged("row: a value of another type than its column's");

/// A column being built.
pub(crate) enum Builder {
    Bool(BooleanBuilder),
    Int64(Int64Builder),
    Float64(Float64Builder),
    Decimal(Decimal128Builder),
    Text(StringBuilder),
    Timestamp(TimestampMicrosecondBuilder),
    Binary(BinaryBuilder),
}

impl Builder {
    pub(crate) fn new(data_type: &DataType) -> Self {
        match data_type {
            DataType::Boolean => Self::Bool(BooleanBuilder::new()),
            DataType::Int64 => Self::Int64(Int64Builder::new()),
            DataType::Float64 => Self::Float64(Float64Builder::new()),
            DataType::Decimal128(..) => {
                Self::Decimal(Decimal128Builder::new().with_data_type(data_type.clone()))
            }
            DataType::Timestamp(..) => Self::Timestamp(
                TimestampMicrosecondBuilder::new().with_data_type(data_type.clone()),
            ),
            DataType::Binary => Self::Binary(BinaryBuilder::new()),
            _ => Self::Text(StringBuilder::new()),
        }
    }

    /// Appends a stored value.
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
            _ => return Err(OTHER_TYPE),
        }
        Ok(())
    }

    pub(crate) fn push_null(&mut self) {
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

/// A column being read.
#[derive(Debug, Clone)]
pub(crate) enum Reader {
    Bool(BooleanArray),
    Int64(Int64Array),
    Float64(Float64Array),
    Decimal(Decimal128Array),
    Text(StringViewArray),
    Timestamp(TimestampMicrosecondArray),
    Binary(BinaryViewArray),
}

impl Reader {
    /// The array as one of the types that a sealed file has.
    pub(crate) fn new(array: &ArrayRef) -> Result<Self, Damaged> {
        let any = array.as_any();
        let found = match array.data_type() {
            DataType::Boolean => any.downcast_ref().cloned().map(Self::Bool),
            DataType::Int64 => any.downcast_ref().cloned().map(Self::Int64),
            DataType::Float64 => any.downcast_ref().cloned().map(Self::Float64),
            DataType::Decimal128(..) => any.downcast_ref().cloned().map(Self::Decimal),
            DataType::Utf8View => any.downcast_ref().cloned().map(Self::Text),
            DataType::Timestamp(..) => any.downcast_ref().cloned().map(Self::Timestamp),
            DataType::BinaryView => any.downcast_ref().cloned().map(Self::Binary),
            _ => None,
        };
        found.ok_or(Damaged("sealed column: a type that no sealed file has"))
    }

    /// Appends the value at `row` in its stored form.
    pub(crate) fn write(&self, row: usize, out: &mut Vec<u8>) {
        if self.array().is_null(row) {
            return codec::write_value(&Value::Null, out);
        }
        match self {
            Self::Bool(array) => codec::write_value(&Value::Bool(array.value(row)), out),
            Self::Int64(array) => codec::write_value(&Value::Int64(array.value(row)), out),
            Self::Float64(array) => codec::write_value(&Value::Float64(array.value(row)), out),
            Self::Decimal(array) => codec::write_value(&Value::Decimal(array.value(row)), out),
            Self::Timestamp(array) => codec::write_value(&Value::Timestamp(array.value(row)), out),
            Self::Text(array) => codec::write_text(array.value(row), out),
            Self::Binary(array) => codec::write_binary(array.value(row), out),
        }
    }

    fn array(&self) -> &dyn Array {
        match self {
            Self::Bool(array) => array,
            Self::Int64(array) => array,
            Self::Float64(array) => array,
            Self::Decimal(array) => array,
            Self::Text(array) => array,
            Self::Timestamp(array) => array,
            Self::Binary(array) => array,
        }
    }
}
