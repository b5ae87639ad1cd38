//! Values as a plan shows them: JSON that people and programs read.

use headwater_event::Timestamp;
use headwater_fold::{Column, ColumnType, Value};
use serde_json::json;

/// A value of this column.
pub(super) fn json(value: &Value, column: &Column) -> serde_json::Value {
    match (value, column.column_type) {
        (Value::Null, _) => serde_json::Value::Null,
        (Value::Bool(v), _) => json!(v),
        (Value::Int64(v), _) => json!(v),
        (Value::Float64(v), _) => json!(v),
        (Value::Decimal(v), ColumnType::Decimal { scale, .. }) => json!(decimal(*v, scale)),
        (Value::Decimal(v), _) => json!(v.to_string()),
        (Value::Timestamp(v), _) => json!(Timestamp::from_micros(*v).to_string()),
        (Value::Text(v), ColumnType::Json) => serde_json::from_str(v).unwrap_or(json!(v)),
        (Value::Text(v), _) => json!(v),
        (Value::Binary(v), _) => {
            json!(v.iter().map(|byte| format!("{byte:02x}")).collect::<String>())
        }
    }
}

/// `12.50`: as many digits after the point as the type has, so that nothing is lost.
fn decimal(unscaled: i128, scale: u8) -> String {
    let digits = unscaled.unsigned_abs().to_string();
    let scale = usize::from(scale);
    let padded = format!("{digits:0>width$}", width = scale + 1);
    let (whole, part) = padded.split_at_checked(padded.len() - scale).unwrap_or((&padded, ""));
    let sign = if unscaled < 0 { "-" } else { "" };
    if part.is_empty() { format!("{sign}{whole}") } else { format!("{sign}{whole}.{part}") }
}

#[cfg(test)]
mod tests {
    use super::decimal;

    #[test]
    fn decimals_keep_their_scale() {
        assert_eq!(decimal(1_250, 2), "12.50");
        assert_eq!(decimal(-5, 2), "-0.05");
        assert_eq!(decimal(7, 0), "7");
    }
}
