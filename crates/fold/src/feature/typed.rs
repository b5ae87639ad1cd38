//! A place in an event to a value of a declared type.

use headwater_event::{Event, Timestamp};
use headwater_topology::{ValueAt, ValueType};
use serde_json::Value as JsonValue;

use crate::Value;

/// The value at a place of an event; [`Value::Null`] if it is null or absent.
pub(crate) fn value_at(
    event: &Event,
    event_time: Timestamp,
    at: &ValueAt,
    value_type: ValueType,
) -> Result<Value, String> {
    match at {
        ValueAt::Time => Ok(Value::Timestamp(event_time.micros())),
        ValueAt::Subject => typed(&subject_as_json(&event.subject, value_type), value_type)
            .map_err(|what| format!("subject: {what}")),
        ValueAt::Data(pointer) => match event.data.pointer(pointer) {
            None => Ok(Value::Null),
            Some(json) => typed(json, value_type).map_err(|what| format!("{pointer}: {what}")),
        },
    }
}

/// A subject is text; where a number is declared, its digits are meant.
fn subject_as_json(subject: &str, value_type: ValueType) -> JsonValue {
    let text = JsonValue::String(subject.to_owned());
    match value_type {
        ValueType::Int64 => subject.parse::<i64>().map_or(text, JsonValue::from),
        _ => text,
    }
}

/// A JSON value as a value of this type.
pub(crate) fn typed(json: &JsonValue, value_type: ValueType) -> Result<Value, String> {
    let wrong = || format!("{} is not {}", shortened(json), describe(value_type));
    if json.is_null() {
        return Ok(Value::Null);
    }
    match value_type {
        ValueType::Bool => json.as_bool().map(Value::Bool).ok_or_else(wrong),
        ValueType::Int64 => integer(json).map(Value::Int64).ok_or_else(wrong),
        ValueType::Float64 => json.as_f64().map(Value::Float64).ok_or_else(wrong),
        ValueType::Decimal { precision, scale } => {
            let text = match json {
                JsonValue::Number(number) => number.to_string(),
                JsonValue::String(text) => text.clone(),
                _ => return Err(wrong()),
            };
            decimal(&text, precision, scale).map(Value::Decimal).ok_or_else(wrong)
        }
        ValueType::String => json.as_str().map(|s| Value::Text(s.to_owned())).ok_or_else(wrong),
        ValueType::Timestamp => json
            .as_str()
            .and_then(|text| text.parse::<Timestamp>().ok())
            .map(|time| Value::Timestamp(time.micros()))
            .ok_or_else(wrong),
        ValueType::Json => Ok(Value::Text(headwater_event::canonical_text(json))),
    }
}

fn integer(json: &JsonValue) -> Option<i64> {
    json.as_i64().or_else(|| {
        let float =
            json.as_f64().filter(|v| v.trunc() == *v && v.abs() < 9_007_199_254_740_992.0)?;
        #[expect(clippy::cast_possible_truncation, reason = "checked to be a small integer")]
        let integer = float as i64;
        Some(integer)
    })
}

/// Decimal digits, with or without a point and an exponent, as an unscaled integer; exact or nothing.
fn decimal(text: &str, precision: u8, scale: u8) -> Option<i128> {
    let (digits, exponent) = match text.split_once(['e', 'E']) {
        None => (text, 0_i32),
        Some((digits, exponent)) => (digits, exponent.parse().ok()?),
    };
    let (negative, digits) = match digits.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, digits),
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    if whole.is_empty() || !whole.bytes().chain(fraction.bytes()).all(|b| b.is_ascii_digit()) {
        return None;
    }
    let all = format!("{whole}{fraction}");
    let mut unscaled: i128 =
        all.trim_start_matches('0').parse().ok().or(Some(0)).filter(|_| all.len() <= 400)?;
    if unscaled == 0 && all.bytes().any(|b| b != b'0') {
        return None;
    }
    let mut shift = i32::from(scale) + exponent - i32::try_from(fraction.len()).ok()?;
    while shift < 0 && unscaled != 0 {
        if unscaled % 10 != 0 {
            return None;
        }
        unscaled /= 10;
        shift += 1;
    }
    while shift > 0 && unscaled != 0 {
        unscaled = unscaled.checked_mul(10)?;
        shift -= 1;
    }
    let limit = 10_i128.checked_pow(u32::from(precision))?;
    (unscaled < limit).then_some(if negative { -unscaled } else { unscaled })
}

fn describe(value_type: ValueType) -> String {
    match value_type {
        ValueType::Bool => "a boolean".to_owned(),
        ValueType::Int64 => "a 64-bit integer".to_owned(),
        ValueType::Float64 => "a number".to_owned(),
        ValueType::Decimal { precision, scale } => format!(
            "a decimal({precision},{scale}): at most {scale} digits after the point, given as a \
             number of up to 15 digits or as a string"
        ),
        ValueType::String => "a string".to_owned(),
        ValueType::Timestamp => "an RFC 3339 time".to_owned(),
        ValueType::Json => "JSON".to_owned(),
    }
}

fn shortened(json: &JsonValue) -> String {
    let text = json.to_string();
    match text.char_indices().nth(60) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals_are_exact_or_refused() {
        assert_eq!(decimal("29.33", 18, 2), Some(2933));
        assert_eq!(decimal("-0.5", 18, 2), Some(-50));
        assert_eq!(decimal("29.330", 18, 2), Some(2933));
        assert_eq!(decimal("29.335", 18, 2), None);
        assert_eq!(decimal("1e2", 18, 2), Some(10_000));
        assert_eq!(decimal("1.5e-1", 18, 2), Some(15));
        assert_eq!(decimal("0", 18, 2), Some(0));
        assert_eq!(decimal("99999", 4, 0), None);
        assert_eq!(decimal("12345678901234567890.12", 38, 2), Some(1_234_567_890_123_456_789_012));
        for bad in ["", ".", "1.", "x", "1e", "--1", "+1"] {
            assert_eq!(decimal(bad, 18, 2), if bad == "1." { Some(100) } else { None }, "{bad}");
        }
    }
}
