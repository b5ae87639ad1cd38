//! One JSON object: `{"columns": […], "positions": {…}, "rows": […]}`, and the moments asked for.
//!
//! The rows come last, so that they can stream and a broken-off answer is no JSON.

use arrow::{
    datatypes::{DataType, SchemaRef},
    error::ArrowError,
    record_batch::RecordBatch,
};
use serde_json::{Map, Value, json};

use super::{
    Encoder,
    rows::{CommaSeparated, Rows},
};

pub(super) struct JsonEncoder {
    head: Vec<u8>,
    rows: Rows<CommaSeparated>,
}

impl JsonEncoder {
    pub(super) fn new(schema: &SchemaRef, seen: &Map<String, Value>) -> Self {
        let column = |field: &std::sync::Arc<arrow::datatypes::Field>| {
            let name = field.name();
            json!({"name": name, "type": sql_type(field.data_type()), "nullable": field.is_nullable()})
        };
        let columns: Vec<Value> = schema.fields().iter().map(column).collect();
        let columns = Value::Array(columns);
        let seen = seen.iter().map(|(name, value)| format!("\"{name}\":{value},\n"));
        let seen: String = seen.collect();
        let head = format!("{{\"columns\":{columns},\n{seen}\"rows\":[\n");
        Self { head: head.into_bytes(), rows: Rows::new() }
    }
}

impl Encoder for JsonEncoder {
    fn head(&mut self) -> Result<Vec<u8>, ArrowError> {
        Ok(std::mem::take(&mut self.head))
    }

    fn batch(&mut self, batch: &RecordBatch) -> Result<Vec<u8>, ArrowError> {
        self.rows.write(batch)
    }

    fn tail(&mut self) -> Result<Vec<u8>, ArrowError> {
        Ok(b"\n]}\n".to_vec())
    }
}

/// A column's type by the name that SQL has for it.
fn sql_type(data_type: &DataType) -> String {
    match data_type {
        DataType::Boolean => "boolean".to_owned(),
        DataType::Int16 => "smallint".to_owned(),
        DataType::Int32 => "integer".to_owned(),
        DataType::Int64 => "bigint".to_owned(),
        DataType::UInt64 => "bigint unsigned".to_owned(),
        DataType::Float32 => "real".to_owned(),
        DataType::Float64 => "double precision".to_owned(),
        DataType::Decimal128(precision, scale) | DataType::Decimal256(precision, scale) => {
            format!("numeric({precision},{scale})")
        }
        DataType::Utf8 | DataType::Utf8View | DataType::LargeUtf8 => "text".to_owned(),
        DataType::Date32 | DataType::Date64 => "date".to_owned(),
        DataType::Timestamp(_, Some(_)) => "timestamp with time zone".to_owned(),
        DataType::Timestamp(_, None) => "timestamp".to_owned(),
        DataType::Binary | DataType::BinaryView | DataType::LargeBinary => "bytea".to_owned(),
        other => other.to_string(),
    }
}
