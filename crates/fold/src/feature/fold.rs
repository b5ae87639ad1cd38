//! Folding an event into the rows of the views that take it.

use std::collections::BTreeMap;

use headwater_event::{Event, Reason, Refusal, payload::FeatureWritten};
use headwater_topology::{KeyType, ValueAt, ValueType, ViewSource, Window};

use super::{
    closing::{Closer, columns},
    session,
    typed::{typed, value_at},
    windows::windows_of,
};
use crate::{
    ColumnType, CompiledView, Fold, FoldError, Row, StoredRow, StoredRows, Value, rows::Put,
};

/// The versions of views that an event may change.
///
/// Each version is a fold of the log by itself: what one of them makes of an event does not depend on
/// which others there are. What the event's outcome is, is decided by the version that its view's
/// name reads, or by the declared one if there is none yet.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Views<'a> {
    /// Of each view the version that its name reads.
    pub(crate) serving: &'a [CompiledView],
    /// The versions that are not read yet; those that are not live are folded beside.
    pub(crate) coming: &'a [CompiledView],
}

impl<'a> Views<'a> {
    fn serving(self, name: &str) -> Option<&'a CompiledView> {
        self.serving.iter().find(|view| view.table.name == name)
    }

    fn coming(self, name: &str) -> Option<&'a CompiledView> {
        self.coming.iter().find(|view| view.table.name == name)
    }

    /// Whether this version speaks for its view: it is the one that the name reads, or the declared one if
    /// there is none yet.
    pub(crate) fn decides(self, view: &CompiledView) -> bool {
        self.serving(&view.table.name).is_none_or(|serving| std::ptr::eq(serving, view))
    }

    /// The versions that are kept up to date.
    pub(crate) fn live(self) -> impl Iterator<Item = &'a CompiledView> {
        self.serving.iter().chain(self.coming.iter().filter(|view| view.live))
    }
}

/// Folds an app's event into every view declared from its type.
///
/// A view that can't take the event's values leaves the event to the others and is told of in a
/// dead letter.
pub(crate) fn fold_app_event<R: StoredRows>(
    fold: &mut Fold<'_, R>,
    views: Views<'_>,
) -> Result<(), FoldError> {
    for view in views.live() {
        let ViewSource::Events { event_type, keys } = &view.declared.source else { continue };
        if *event_type != fold.event.event_type {
            continue;
        }
        // The version before reads events as was declared with it, not as the next one will.
        let kept = views.coming(&view.table.name).is_some_and(|next| !std::ptr::eq(next, view));
        let rows = if kept {
            view.chain.upcast(fold.written).map_err(|refusal| refusal.detail).and_then(|older| {
                rows_of_event(fold, older.as_ref().unwrap_or(fold.written), view, keys)
            })
        } else {
            rows_of_event(fold, fold.event, view, keys)
        };
        match rows {
            Ok(rows) => fold_rows(fold, views, view, rows)?,
            // Told once: of the version that is read, not of the one after it.
            Err(what) => {
                if views.decides(view) {
                    fold.view_mismatch(&view.table.name, &what);
                }
            }
        }
    }
    Ok(())
}

/// Folds values that were computed elsewhere.
pub(crate) fn fold_written<R: StoredRows>(
    fold: &mut Fold<'_, R>,
    views: Views<'_>,
    written: &FeatureWritten,
) -> Result<(), FoldError> {
    let name = &written.feature_view;
    let (serving, coming) = (views.serving(name), views.coming(name));
    if let (Some(_), Some(beside)) = (serving, coming.filter(|view| view.live))
        && let Ok((key, row)) = row_of_written(fold, beside, written)
    {
        let put = merged(fold, beside, key, row)?;
        fold.push_beside(put);
    }
    let view = serving.or(coming).ok_or_else(|| undeclared(name))?;
    let (key, row) = row_of_written(fold, view, written)?;
    // A version whose history is folded beside takes the event from there.
    if view.live {
        let put = merged(fold, view, key, row)?;
        fold.push(put);
    }
    Ok(())
}

fn undeclared(name: &str) -> Refusal {
    let detail = format!("no feature view {name:?} with `from: written` is declared");
    Refusal::new(Reason::NotFound, detail)
}

fn row_of_written<R: StoredRows>(
    fold: &Fold<'_, R>,
    view: &CompiledView,
    written: &FeatureWritten,
) -> Result<(Vec<Value>, Row), Refusal> {
    let name = &written.feature_view;
    if view.declared.source != ViewSource::Written {
        return Err(undeclared(name));
    }
    let unknown: Vec<_> = written
        .values
        .keys()
        .filter(|name| !view.declared.features.iter().any(|feature| feature.name == **name))
        .map(String::as_str)
        .collect();
    if !unknown.is_empty() {
        let detail = format!("view {name} has no feature {}", unknown.join(", "));
        return Err(Refusal::new(Reason::ViewMismatch, detail));
    }
    let mismatch =
        |what: String| Refusal::new(Reason::ViewMismatch, format!("view {name}: {what}"));
    let key = written_key(view, &written.entity).map_err(mismatch)?;
    let row = state_of_event(fold, fold.event, view, None).map_err(mismatch)?;
    Ok((key, row))
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

/// What an event makes of its own: one row, or one for each window that it lies in.
struct OfEvent {
    /// The entity's key, without the window.
    entity: Vec<Value>,
    /// Each row with its window, if the view has windows.
    rows: Vec<(Option<(i64, i64)>, Row)>,
}

fn rows_of_event<R: StoredRows>(
    fold: &Fold<'_, R>,
    event: &Event,
    view: &CompiledView,
    keys: &[ValueAt],
) -> Result<OfEvent, String> {
    let mut entity = Vec::with_capacity(keys.len() + 1);
    for ((at, join_key), column) in keys.iter().zip(&view.join_keys).zip(&view.table.key) {
        let value_type = match join_key.key_type {
            KeyType::Int64 => ValueType::Int64,
            KeyType::String => ValueType::String,
        };
        match value_at(event, fold.event_time, at, value_type)? {
            Value::Null => return Err(format!("key {} is missing", column.name)),
            value => entity.push(value),
        }
    }
    let Some(window) = &view.declared.window else {
        return Ok(OfEvent {
            entity,
            rows: vec![(None, state_of_event(fold, event, view, None)?)],
        });
    };
    let windows = windows_of(window, fold.event_time.micros()).into_iter();
    let rows = windows
        .map(|window| Ok((Some(window), state_of_event(fold, event, view, Some(window.1))?)));
    Ok(OfEvent { entity, rows: rows.collect::<Result<_, String>>()? })
}

/// Folds what an event makes of its own into the rows of a view.
fn fold_rows<R: StoredRows>(
    fold: &mut Fold<'_, R>,
    views: Views<'_>,
    view: &CompiledView,
    OfEvent { entity, rows }: OfEvent,
) -> Result<(), FoldError> {
    let closer = Closer::of(view, views.decides(view));
    for (window, row) in rows {
        if let Some(Window::Session { gap_ms }) = view.declared.window {
            let gap_micros = gap_ms.saturating_mul(1_000);
            session::fold(fold, view, closer, &entity, gap_micros, row)?;
            continue;
        }
        let mut key = entity.clone();
        key.extend(window.map(|(start, _)| Value::Timestamp(start)));
        if let (Some(closer), Some(window)) = (closer, window) {
            closer.fold(fold, &key, window, row)?;
            continue;
        }
        let put = merged(fold, view, key, row)?;
        fold.push(put);
    }
    Ok(())
}

fn state_of_event<R: StoredRows>(
    fold: &Fold<'_, R>,
    event: &Event,
    view: &CompiledView,
    window_end: Option<i64>,
) -> Result<Row, String> {
    let mut values = vec![Value::Timestamp(fold.event_time.micros())];
    values.extend(window_end.map(Value::Timestamp));
    if view.declared.lateness_ms.is_some() {
        values.extend([Value::Null, Value::Int64(0)]);
    }
    for slot in &columns(view).slots {
        let state = slot.of_event(event, fold.event_time);
        values.extend(state.map_err(|what| format!("feature {}: {what}", slot.name))?);
    }
    Ok(Row { event_source: fold.event.source.clone(), event_id: fold.event.id.clone(), values })
}

/// The change that an event's row makes.
fn merged<R: StoredRows>(
    fold: &Fold<'_, R>,
    view: &CompiledView,
    key: Vec<Value>,
    of_event: Row,
) -> Result<Put, FoldError> {
    let key = view.table.key_of(&fold.event.project, &key);
    let row = match fold.latest_bytes(&key)? {
        None => of_event,
        Some(stored) => {
            let before = StoredRow::decode(&stored)?.row;
            let values = columns(view).merge_values(&before.values, &of_event.values)?;
            Row { values, ..of_event }
        }
    };
    Ok(Put::new(&view.table, key, Some(row)))
}
