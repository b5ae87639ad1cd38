//! What a window tells as it closes, and again with each correction: an event of a declared type.
//!
//! Its id is made of what the window is and how often it was corrected, not of where the log has it: so it is
//! the same however many partitions there are.

use headwater_event::{Event, PartitionId, Timestamp, partition_for};
use serde_json::{Map, Value as JsonValue, json};

use crate::{
    ColumnType, CompiledView, Damaged, Derived, Head, Row, RowKey, Shown, Value, feature::ShowError,
};

/// Whether the window stands as it is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Standing {
    /// It does.
    Holds,
    /// A late event made one session of two: what was told of the second no longer holds.
    Retracted,
}

/// The event that tells a window's row; none if the view does not tell results, or a value does not fit
/// its declared type, of which a read tells.
pub(crate) fn result(
    view: &CompiledView,
    head: &Head,
    key: &[u8],
    row: &Row,
    standing: Standing,
) -> Result<Option<Derived>, Damaged> {
    let Some(event_type) = &view.declared.results else { return Ok(None) };
    let RowKey { project, values } = view.table.read_key(key)?;
    let Some(data) = payload(view, &values, row, standing)? else { return Ok(None) };
    let Some(subject) = values.first().map(as_subject) else { return Ok(None) };
    let partitions = head.log.as_ref().map_or(1, |log| log.partitions);
    let to = PartitionId::Data(partition_for(subject.as_bytes(), partitions));
    let id = id(view, key, row, standing);
    let source = format!("headwater/feature_views/{}", view.table.name);
    let mut event = Event::new(id, source, event_type.clone(), subject, JsonValue::Object(data));
    event.project = project;
    // The last moment of the window: a view of longer windows takes it where it belongs.
    event.time = match row.values.get(1) {
        Some(Value::Timestamp(end)) => Some(Timestamp::from_micros(end.saturating_sub(1))),
        _ => None,
    };
    Ok(Some(Derived { to, event }))
}

fn payload(
    view: &CompiledView,
    key: &[Value],
    row: &Row,
    standing: Standing,
) -> Result<Option<Map<String, JsonValue>>, Damaged> {
    let Shown::Features(columns) = &view.table.shown else { return Ok(None) };
    let shown = match columns.show(&row.values) {
        Ok(shown) => shown,
        Err(ShowError::Damaged(damaged)) => return Err(damaged),
        Err(ShowError::DoesNotFit(_)) => return Ok(None),
    };
    let mut data = Map::new();
    let columns = view.table.shown_columns();
    for (column, value) in columns.iter().zip(key.iter().chain(&shown)) {
        let of_log = column.name.starts_with('_');
        if let Some(value) = as_json(value, column.column_type).filter(|_| !of_log) {
            data.insert(column.name.clone(), value);
        }
    }
    if standing == Standing::Retracted {
        data.insert("retracted".to_owned(), json!(true));
    }
    Ok(Some(data))
}

fn id(view: &CompiledView, key: &[u8], row: &Row, standing: Standing) -> String {
    let corrections = match row.values.get(3) {
        Some(Value::Int64(corrections)) => *corrections,
        _ => 0,
    };
    let mut hasher = blake3::Hasher::new_derive_key("headwater window result id v1");
    hasher.update(&view.table.version);
    hasher.update(&corrections.to_le_bytes());
    hasher.update(&[u8::from(standing == Standing::Retracted)]);
    hasher.update(key);
    hasher.finalize().to_hex().chars().take(32).collect()
}

fn as_subject(key: &Value) -> String {
    match key {
        Value::Int64(v) => v.to_string(),
        Value::Text(v) => v.clone(),
        _ => String::new(),
    }
}

/// A value as payloads have it; nothing for null. Decimals are text, which keeps every digit.
fn as_json(value: &Value, column_type: ColumnType) -> Option<JsonValue> {
    Some(match value {
        Value::Null | Value::Binary(_) => return None,
        Value::Bool(v) => json!(v),
        Value::Int64(v) => json!(v),
        Value::Float64(v) => json!(v),
        Value::Decimal(v) => json!(decimal_text(*v, column_type)),
        Value::Timestamp(v) => json!(Timestamp::from_micros(*v).to_string()),
        Value::Text(v) if column_type == ColumnType::Json => serde_json::from_str(v).ok()?,
        Value::Text(v) => json!(v),
    })
}

fn decimal_text(unscaled: i128, column_type: ColumnType) -> String {
    let scale = match column_type {
        ColumnType::Decimal { scale, .. } => usize::from(scale),
        _ => 0,
    };
    let digits = format!("{:0>width$}", unscaled.unsigned_abs(), width = scale + 1);
    let (whole, fraction) = digits.split_at(digits.len() - scale);
    let sign = if unscaled < 0 { "-" } else { "" };
    if fraction.is_empty() { format!("{sign}{whole}") } else { format!("{sign}{whole}.{fraction}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals_keep_every_digit() {
        let decimal = |v, scale| decimal_text(v, ColumnType::Decimal { precision: 38, scale });
        assert_eq!(decimal(2_933, 2), "29.33");
        assert_eq!(decimal(-5, 2), "-0.05");
        assert_eq!(decimal(0, 2), "0.00");
        assert_eq!(decimal(7, 0), "7");
    }
}
