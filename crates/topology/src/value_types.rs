//! Reading and writing the types of features and keys.

use crate::{
    complaint::Complaint,
    limits::DECIMAL_PRECISION_MAX,
    model::{KeyType, ValueType},
};

/// Reads a feature's type.
pub(crate) fn parse_value_type(text: &str) -> Result<ValueType, Complaint> {
    Ok(match text {
        "bool" => ValueType::Bool,
        "int64" => ValueType::Int64,
        "float64" => ValueType::Float64,
        "string" => ValueType::String,
        "timestamp" => ValueType::Timestamp,
        "json" => ValueType::Json,
        _ => return parse_decimal(text),
    })
}

fn parse_decimal(text: &str) -> Result<ValueType, Complaint> {
    let digits = text
        .strip_prefix("decimal(")
        .and_then(|rest| rest.strip_suffix(')'))
        .and_then(|pair| pair.split_once(','))
        .and_then(|(precision, scale)| {
            Some((precision.trim().parse::<u8>().ok()?, scale.trim().parse::<u8>().ok()?))
        });
    let Some((precision, scale)) = digits else {
        if text.starts_with("decimal(") && !text.contains(')') {
            let help =
                "put it in quotes, as in \"decimal(18,2)\": YAML ends the value at its comma";
            return Err(Complaint::new(format!("`{text}` is not a type"), help));
        }
        let help = "types: bool, int64, float64, \"decimal(18,2)\", string, timestamp, json";
        return Err(Complaint::new(format!("`{text}` is not a type"), help));
    };
    if precision == 0 || precision > DECIMAL_PRECISION_MAX {
        let message = format!("a decimal cannot have {precision} digits");
        return Err(Complaint::new(message, format!("from 1 to {DECIMAL_PRECISION_MAX}")));
    }
    if scale > precision {
        let message =
            format!("a decimal of {precision} digits cannot have {scale} after the point");
        return Err(Complaint::new(message, format!("at most {precision}")));
    }
    Ok(ValueType::Decimal { precision, scale })
}

/// Reads a join key's type.
pub(crate) fn parse_key_type(text: &str) -> Result<KeyType, Complaint> {
    match text {
        "int64" => Ok(KeyType::Int64),
        "string" => Ok(KeyType::String),
        _ => {
            let message = format!("`{text}` is not a type of a join key");
            Err(Complaint::new(message, "types of join keys: int64, string"))
        }
    }
}

/// The type as it is written in YAML.
pub(crate) fn value_type_text(value_type: ValueType) -> String {
    match value_type {
        ValueType::Bool => "bool".to_owned(),
        ValueType::Int64 => "int64".to_owned(),
        ValueType::Float64 => "float64".to_owned(),
        ValueType::Decimal { precision, scale } => format!("decimal({precision},{scale})"),
        ValueType::String => "string".to_owned(),
        ValueType::Timestamp => "timestamp".to_owned(),
        ValueType::Json => "json".to_owned(),
    }
}

/// Whether values of the type can be added.
pub(crate) fn is_number(value_type: ValueType) -> bool {
    matches!(value_type, ValueType::Int64 | ValueType::Float64 | ValueType::Decimal { .. })
}

/// Whether of two values of the type one is the greater.
pub(crate) fn is_ordered(value_type: ValueType) -> bool {
    !matches!(value_type, ValueType::Bool | ValueType::Json)
}
