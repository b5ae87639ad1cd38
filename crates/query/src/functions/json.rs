//! `json_value`, `json_number`, `json_int`: one value out of a JSON text, by JSON pointer.

use std::sync::Arc;

use arrow::{
    array::{Array, ArrayRef, Float64Builder, Int64Builder, StringArray, StringBuilder},
    datatypes::DataType,
};
use datafusion::{
    common::{Result, ScalarValue, cast::as_string_array},
    logical_expr::{
        ColumnarValue, Documentation, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature,
        Volatility, scalar_doc_sections::DOC_SECTION_STRING,
    },
};
use serde_json::Value;

use crate::Error;

/// The functions.
pub(crate) fn json_functions() -> Vec<ScalarUDF> {
    [Wanted::Text, Wanted::Number, Wanted::Int].map(JsonFunction::new).map(Into::into).into()
}

/// What is wanted of the value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Wanted {
    Text,
    Number,
    Int,
}

#[derive(Debug)]
struct JsonFunction {
    wanted: Wanted,
    signature: Signature,
    documentation: Documentation,
}

impl PartialEq for JsonFunction {
    fn eq(&self, other: &Self) -> bool {
        self.wanted == other.wanted
    }
}

impl Eq for JsonFunction {}

impl std::hash::Hash for JsonFunction {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.wanted.hash(state);
    }
}

impl JsonFunction {
    fn new(wanted: Wanted) -> Self {
        let (description, syntax, example) = match wanted {
            Wanted::Text => (
                "The value at a JSON pointer as text: a string's content, else its JSON; null if \
                 there is none, or JSON's null.",
                "json_value(json, pointer)",
                "select json_value(data, '/customer_id') from events",
            ),
            Wanted::Number => (
                "The number at a JSON pointer; null if there is none.",
                "json_number(json, pointer)",
                "select sum(json_number(data, '/dollar_value')) from events",
            ),
            Wanted::Int => (
                "The whole number at a JSON pointer, if it fits 64 bits; null if there is none.",
                "json_int(json, pointer)",
                "select json_int(data, '/number_of_cds') from events",
            ),
        };
        let documentation = Documentation::builder(DOC_SECTION_STRING, description, syntax)
            .with_sql_example(example)
            .with_argument("json", "A JSON text, such as `events.data`.")
            .with_argument("pointer", "A JSON pointer (RFC 6901), such as '/a/0'.")
            .build();
        let signature =
            Signature::exact(vec![DataType::Utf8, DataType::Utf8], Volatility::Immutable);
        Self { wanted, signature, documentation }
    }
}

impl ScalarUDFImpl for JsonFunction {
    fn name(&self) -> &str {
        match self.wanted {
            Wanted::Text => "json_value",
            Wanted::Number => "json_number",
            Wanted::Int => "json_int",
        }
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(match self.wanted {
            Wanted::Text => DataType::Utf8,
            Wanted::Number => DataType::Float64,
            Wanted::Int => DataType::Int64,
        })
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let all_scalars = args.args.iter().all(|value| matches!(value, ColumnarValue::Scalar(_)));
        let rows = if all_scalars { 1 } else { args.number_rows };
        let arrays: Vec<ArrayRef> =
            args.args.iter().map(|value| value.to_array(rows)).collect::<Result<_>>()?;
        let [json, pointer] = arrays.as_slice() else {
            return Err(Error::invalid(format!("{} takes two arguments", self.name())).into());
        };
        let values = self.values(as_string_array(json)?, as_string_array(pointer)?)?;
        Ok(match all_scalars {
            true => ColumnarValue::Scalar(ScalarValue::try_from_array(&values, 0)?),
            false => ColumnarValue::Array(values),
        })
    }

    fn documentation(&self) -> Option<&Documentation> {
        Some(&self.documentation)
    }
}

impl JsonFunction {
    fn values(&self, json: &StringArray, pointers: &StringArray) -> Result<ArrayRef, Error> {
        let rows = json.len();
        let found = json.iter().zip(pointers).map(|(json, pointer)| found(json, pointer));
        Ok(match self.wanted {
            Wanted::Text => {
                let mut values = StringBuilder::with_capacity(rows, rows * 8);
                for value in found {
                    values.append_option(value?.and_then(text));
                }
                Arc::new(values.finish())
            }
            Wanted::Number => {
                let mut values = Float64Builder::with_capacity(rows);
                for value in found {
                    values.append_option(value?.and_then(|value| value.as_f64()));
                }
                Arc::new(values.finish())
            }
            Wanted::Int => {
                let mut values = Int64Builder::with_capacity(rows);
                for value in found {
                    values.append_option(value?.and_then(|value| whole(&value)));
                }
                Arc::new(values.finish())
            }
        })
    }
}

/// The value at the pointer; an error if the text is no JSON or the pointer none.
fn found(json: Option<&str>, pointer: Option<&str>) -> Result<Option<Value>, Error> {
    let (Some(json), Some(pointer)) = (json, pointer) else { return Ok(None) };
    if !pointer.is_empty() && !pointer.starts_with('/') {
        let advice = "it begins with `/`, such as '/a/0'";
        return Err(Error::invalid(format!("{pointer:?} is not a JSON pointer: {advice}")));
    }
    let mut value: Value = serde_json::from_str(json).map_err(|error| {
        let start: String = json.chars().take(64).collect();
        Error::invalid(format!("not a JSON text: {error}: {start:?}"))
    })?;
    Ok(value.pointer_mut(pointer).map(Value::take))
}

fn text(value: Value) -> Option<String> {
    match value {
        Value::Null => None,
        Value::String(text) => Some(text),
        other => Some(other.to_string()),
    }
}

/// A whole number, however it is spelled: 3, 3.0, 3e0.
fn whole(value: &Value) -> Option<i64> {
    const BEYOND: f64 = 9_223_372_036_854_775_808.0;
    value.as_i64().or_else(|| {
        let number = value.as_f64()?;
        let fits = number.fract() == 0.0 && (-BEYOND..BEYOND).contains(&number);
        #[expect(clippy::cast_possible_truncation, reason = "whole and within range")]
        fits.then_some(number as i64)
    })
}
