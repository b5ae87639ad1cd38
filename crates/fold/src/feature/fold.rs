//! Folding an event into the rows of the views that take it.

use std::collections::BTreeMap;

use headwater_event::{Reason, Refusal, payload::FeatureWritten};
use headwater_topology::{KeyType, ValueAt, ValueType, ViewSource};

use super::{
    FeatureColumns,
    typed::{typed, value_at},
    window_of,
};
use crate::{
    ColumnType, CompiledView, Fold, FoldError, Row, Shown, StoredRow, StoredRows, Value, rows::Put,
};

/// Folds an app's event into every view declared from its type.
///
/// A view that can't take the event's values leaves the event to the others and is told of in a
/// dead letter.
pub(crate) fn fold_app_event<R: StoredRows>(
    fold: &mut Fold<'_, R>,
    views: &[CompiledView],
) -> Result<(), FoldError> {
    for view in views {
        let ViewSource::Events { event_type, keys } = &view.declared.source else { continue };
        if *event_type != fold.event.event_type {
            continue;
        }
        match row_of_event(fold, view, keys) {
            Ok((key, row)) => merge_into(fold, view, key, row)?,
            Err(what) => fold.view_mismatch(&view.table.name, &what),
        }
    }
    Ok(())
}

/// Folds values that were computed elsewhere.
pub(crate) fn fold_written<R: StoredRows>(
    fold: &mut Fold<'_, R>,
    views: &[CompiledView],
    written: &FeatureWritten,
) -> Result<(), FoldError> {
    let view = views
        .iter()
        .find(|view| view.table.name == written.feature_view)
        .filter(|view| view.declared.source == ViewSource::Written)
        .ok_or_else(|| {
            let detail = format!(
                "no feature view {:?} with `from: written` is declared",
                written.feature_view
            );
            Refusal::new(Reason::NotFound, detail)
        })?;
    let unknown: Vec<_> = written
        .values
        .keys()
        .filter(|name| !view.declared.features.iter().any(|feature| feature.name == **name))
        .map(String::as_str)
        .collect();
    if !unknown.is_empty() {
        let detail = format!("view {} has no feature {}", written.feature_view, unknown.join(", "));
        return Err(Refusal::new(Reason::ViewMismatch, detail).into());
    }
    let mismatch = |what: String| {
        FoldError::from(Refusal::new(
            Reason::ViewMismatch,
            format!("view {}: {what}", written.feature_view),
        ))
    };
    let key = written_key(view, &written.entity).map_err(mismatch)?;
    let row = state_of_event(fold, view, None).map_err(mismatch)?;
    merge_into(fold, view, key, row)
}

fn written_key(
    view: &CompiledView,
    entity: &BTreeMap<String, serde_json::Value>,
) -> Result<Vec<Value>, String> {
    if entity.len() != view.table.key.len() {
        let names: Vec<_> = view.table.key.iter().map(|column| column.name.as_str()).collect();
        return Err(format!("the entity must have exactly the keys {}", names.join(", ")));
    }
    view.table
        .key
        .iter()
        .map(|column| {
            let json = entity
                .get(&column.name)
                .filter(|json| !json.is_null())
                .ok_or_else(|| format!("entity key {} is missing", column.name))?;
            typed(json, key_value_type(column.column_type))
        })
        .collect()
}

fn key_value_type(column_type: ColumnType) -> ValueType {
    match column_type {
        ColumnType::Int64 => ValueType::Int64,
        _ => ValueType::String,
    }
}

fn row_of_event<R: StoredRows>(
    fold: &Fold<'_, R>,
    view: &CompiledView,
    keys: &[ValueAt],
) -> Result<(Vec<Value>, Row), String> {
    let mut key = Vec::with_capacity(keys.len() + 1);
    for ((at, join_key), column) in keys.iter().zip(&view.join_keys).zip(&view.table.key) {
        let value_type = match join_key.key_type {
            KeyType::Int64 => ValueType::Int64,
            KeyType::String => ValueType::String,
        };
        match value_at(fold.event, fold.event_time, at, value_type)? {
            Value::Null => return Err(format!("key {} is missing", column.name)),
            value => key.push(value),
        }
    }
    let mut window_end = None;
    if let Some(window) = &view.declared.window {
        let (start, end) = window_of(window, fold.event_time.micros());
        key.push(Value::Timestamp(start));
        window_end = Some(end);
    }
    Ok((key, state_of_event(fold, view, window_end)?))
}

fn state_of_event<R: StoredRows>(
    fold: &Fold<'_, R>,
    view: &CompiledView,
    window_end: Option<i64>,
) -> Result<Row, String> {
    let mut values = vec![Value::Timestamp(fold.event_time.micros())];
    values.extend(window_end.map(Value::Timestamp));
    for slot in &columns(view).slots {
        let state = slot.of_event(fold.event, fold.event_time);
        values.extend(state.map_err(|what| format!("feature {}: {what}", slot.name))?);
    }
    Ok(Row { event_source: fold.event.source.clone(), event_id: fold.event.id.clone(), values })
}

fn merge_into<R: StoredRows>(
    fold: &mut Fold<'_, R>,
    view: &CompiledView,
    key: Vec<Value>,
    of_event: Row,
) -> Result<(), FoldError> {
    let key = view.table.key_of(&fold.event.project, &key);
    let row = match fold.latest_bytes(&key)? {
        None => of_event,
        Some(stored) => {
            let before = StoredRow::decode(&stored)?.row;
            let values = columns(view).merge_values(&before.values, &of_event.values)?;
            Row { values, ..of_event }
        }
    };
    fold.push(Put::new(&view.table, key, Some(row)));
    Ok(())
}

fn columns(view: &CompiledView) -> &FeatureColumns {
    match &view.table.shown {
        Shown::Features(columns) => columns,
        Shown::AsStored => &view.no_columns,
    }
}
