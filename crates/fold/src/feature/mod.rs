//! Feature views: declared aggregates of events, or values written elsewhere.
//!
//! A row's stored values are `_event_time`, then `window_end` if the view has windows, then `closed_at` and
//! `corrections` if they close, then the state of each feature. Rows of one key in several partitions
//! merge at read into the same row.

mod aggregate;
mod closing;
mod due;
mod exact_sum;
mod fold;
mod late;
mod results;
mod session;
mod slide;
mod typed;
mod windows;

use std::collections::BTreeMap;

use headwater_event::upcast::Step;
use headwater_topology::{FeatureView, JoinKey, KeyType, Topology, ValueAt, ViewSource};

pub use aggregate::{DoesNotFit, Slot};
pub(crate) use closing::Closer;
pub use exact_sum::ExactSum;
pub(crate) use fold::{Views, fold_app_event, fold_written};
pub use slide::Slide;

use crate::{Column, ColumnType, FOLD_REVISION, KeyedBy, Row, Shown, Table, Value, codec::Damaged};

/// How the stored values of a feature view's row are merged and shown.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct FeatureColumns {
    windowed: bool,
    /// Windows close: two columns tell when they did, and what was mended since.
    closes: bool,
    /// Rows are panes of a window that ends at the read's time.
    slide: Option<Slide>,
    slots: Vec<Slot>,
    descriptions: Vec<String>,
}

impl FeatureColumns {
    /// The state of each feature, in the order of the stored values.
    pub fn slots(&self) -> &[Slot] {
        &self.slots
    }

    /// The shown columns besides the key's.
    pub fn columns(&self) -> Vec<Column> {
        let window_end = self.windowed.then(|| Column {
            name: "window_end".to_owned(),
            column_type: ColumnType::Timestamp,
            nullable: false,
            description: "The first moment after the window.".to_owned(),
        });
        let closed_at = self.closes.then(|| Column {
            name: "closed_at".to_owned(),
            column_type: ColumnType::Timestamp,
            nullable: true,
            description: "The log's time at which the window closed; null while it is open."
                .to_owned(),
        });
        let corrections = self.closes.then(|| Column {
            name: "corrections".to_owned(),
            column_type: ColumnType::Int64,
            nullable: false,
            description: "How many late events were folded into the window after it had closed."
                .to_owned(),
        });
        let features =
            self.slots.iter().zip(&self.descriptions).map(|(slot, description)| Column {
                name: slot.name.clone(),
                column_type: slot.shown_type(),
                nullable: true,
                description: description.clone(),
            });
        let event_time = Column {
            name: "_event_time".to_owned(),
            column_type: ColumnType::Timestamp,
            nullable: false,
            description: "The latest event time that the row has seen.".to_owned(),
        };
        let window = window_end.into_iter().chain(closed_at).chain(corrections);
        window.chain(features).chain([event_time]).collect()
    }

    /// The shown values of a row's stored ones, in the order of [`FeatureColumns::columns`].
    pub fn show(&self, stored: &[Value]) -> Result<Vec<Value>, ShowError> {
        let (head, mut states) =
            stored.split_at_checked(self.head()).ok_or(Damaged("feature row"))?;
        let mut shown = head.get(1..).unwrap_or_default().to_vec();
        for slot in &self.slots {
            let (state, rest) =
                states.split_at_checked(slot.width()).ok_or(Damaged("feature row"))?;
            shown.push(slot.finish(state)?);
            states = rest;
        }
        shown.extend(head.first().cloned());
        Ok(shown)
    }

    /// Merges two rows of one key. Their writer is the later one by event time, source and id.
    pub fn merge(&self, a: &Row, b: &Row) -> Result<Row, Damaged> {
        let writer = |row: &Row| {
            let time = match row.values.first() {
                Some(Value::Timestamp(time)) => *time,
                _ => i64::MIN,
            };
            (time, row.event_source.clone(), row.event_id.clone())
        };
        let later = if writer(b) > writer(a) { b } else { a };
        let values = self.merge_values(&a.values, &b.values)?;
        Ok(Row { values, ..later.clone() })
    }

    fn merge_values(&self, a: &[Value], b: &[Value]) -> Result<Vec<Value>, Damaged> {
        let damaged = || Damaged("feature row");
        let (head_a, mut states_a) = a.split_at_checked(self.head()).ok_or_else(damaged)?;
        let (head_b, mut states_b) = b.split_at_checked(self.head()).ok_or_else(damaged)?;
        let mut merged = Vec::with_capacity(a.len());
        let [event_time, window @ ..] = head_a else { return Err(damaged()) };
        let [other_time, other_window @ ..] = head_b else { return Err(damaged()) };
        merged.push(later(event_time, other_time).ok_or_else(damaged)?);
        merged.extend(windows::merge(window, other_window).ok_or_else(damaged)?);
        for slot in &self.slots {
            let (a, rest_a) = states_a.split_at_checked(slot.width()).ok_or_else(damaged)?;
            let (b, rest_b) = states_b.split_at_checked(slot.width()).ok_or_else(damaged)?;
            merged.extend(slot.merge(a, b)?);
            (states_a, states_b) = (rest_a, rest_b);
        }
        Ok(merged)
    }

    /// The number of stored values before the states.
    fn head(&self) -> usize {
        1 + usize::from(self.windowed) + 2 * usize::from(self.closes)
    }

    /// How panes are merged into the window that is read, if rows are panes.
    pub fn slide(&self) -> Option<&Slide> {
        self.slide.as_ref()
    }
}

fn later(a: &Value, b: &Value) -> Option<Value> {
    match (a, b) {
        (Value::Timestamp(a), Value::Timestamp(b)) => Some(Value::Timestamp(*a.max(b))),
        _ => None,
    }
}

/// A stored feature row that can't be shown.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ShowError {
    /// The bytes are not a row of this view.
    #[error(transparent)]
    Damaged(#[from] Damaged),
    /// A value exceeds its declared type.
    #[error(transparent)]
    DoesNotFit(#[from] DoesNotFit),
}

/// The table of a declared view.
pub(crate) fn table(name: &str, view: &FeatureView, topology: &Topology) -> Table {
    let join_keys = topology.entities.get(&view.entity).map(|entity| entity.join_keys.as_slice());
    let entity = topology.entities.get(&view.entity).map(|entity| entity.description.clone());
    let mut key: Vec<Column> = join_keys
        .unwrap_or_default()
        .iter()
        .map(|join_key| Column {
            name: join_key.name.clone(),
            column_type: match join_key.key_type {
                KeyType::Int64 => ColumnType::Int64,
                KeyType::String => ColumnType::Text,
            },
            nullable: false,
            description: entity.clone().unwrap_or_default(),
        })
        .collect();
    if view.window.is_some() {
        key.push(Column {
            name: "window_start".to_owned(),
            column_type: ColumnType::Timestamp,
            nullable: false,
            description: "The first moment of the window, by event time.".to_owned(),
        });
    }
    let slots: Vec<Slot> = view
        .features
        .iter()
        .map(|feature| Slot {
            name: feature.name.clone(),
            aggregate: feature.aggregate.clone(),
            value_type: feature.value_type,
        })
        .collect();
    let stored = stored_columns(&slots, view);
    let mut table = Table {
        schema: "features".to_owned(),
        name: name.to_owned(),
        description: view.description.clone(),
        version: [0; 16],
        keyed_by: KeyedBy::Key,
        key,
        stored,
        shown: Shown::Features(FeatureColumns {
            windowed: view.window.is_some(),
            closes: view.lateness_ms.is_some(),
            slide: view.window.as_ref().and_then(Slide::of),
            descriptions: view.features.iter().map(|f| f.description.clone()).collect(),
            slots,
        }),
        merged_at_read: !keyed_by_subject(view),
        derived: view.derived.clone(),
    };
    let upcasts = match &view.source {
        ViewSource::Events { event_type, .. } => topology.event_types.get(event_type),
        ViewSource::Written => None,
    }
    .map(|event_type| &event_type.upcasts)
    .filter(|upcasts| !upcasts.is_empty());
    table.version = version(name, view, join_keys.unwrap_or_default(), upcasts);
    table
}

/// The tables that go with the table of a view whose windows close.
pub(crate) fn companions(view: &Table) -> [Table; 2] {
    [due::table(view), late::table(view)]
}

/// The table of a view's late events.
pub fn late_events_of(view: &Table) -> Table {
    late::table(view)
}

/// Where all keys come from the subject, one key's events are all in one partition.
fn keyed_by_subject(view: &FeatureView) -> bool {
    match &view.source {
        ViewSource::Events { keys, .. } => keys.iter().all(|key| *key == ValueAt::Subject),
        ViewSource::Written => false,
    }
}

fn stored_columns(slots: &[Slot], view: &FeatureView) -> Vec<Column> {
    let internal = |name: String, column_type| Column {
        name,
        column_type,
        nullable: true,
        description: String::new(),
    };
    let window_end = view.window.is_some().then_some(("window_end", ColumnType::Timestamp));
    let closing = [("closed_at", ColumnType::Timestamp), ("corrections", ColumnType::Int64)];
    let closing = closing.into_iter().filter(|_| view.lateness_ms.is_some());
    let window = window_end.into_iter().chain(closing);
    let states = slots.iter().flat_map(|slot| {
        let name = slot.name.clone();
        slot.stored_types().into_iter().map(move |(end, column_type)| Column {
            name: format!("{name}{end}"),
            column_type,
            nullable: true,
            description: String::new(),
        })
    });
    [internal("_event_time".to_owned(), ColumnType::Timestamp)]
        .into_iter()
        .chain(window.map(|(name, column_type)| internal(name.to_owned(), column_type)))
        .chain(states)
        .collect()
}

/// A view's version: the hash of what is stored and how it is folded, and of the fold's revision.
///
/// Descriptions, owners, tags, derived features and how results are told are not part of it: they change
/// no stored row. The
/// steps that older events of its source go through are: they may change any.
fn version(
    name: &str,
    view: &FeatureView,
    join_keys: &[JoinKey],
    upcasts: Option<&BTreeMap<u32, Vec<Step>>>,
) -> [u8; 16] {
    let features: Vec<_> =
        view.features.iter().map(|f| (&f.name, &f.value_type, &f.aggregate)).collect();
    let mut declaration = serde_json::json!({
        "name": name,
        "join_keys": join_keys,
        "source": view.source,
        "window": view.window,
        "features": features,
        "fold_revision": FOLD_REVISION,
    });
    if let Some(fields) = declaration.as_object_mut() {
        // Only where they are: else the versions of all other views would be other ones.
        fields.extend(upcasts.map(|u| ("upcasts".to_owned(), serde_json::json!(u))));
        let lateness = view.lateness_ms.map(|ms| ("lateness_ms".to_owned(), ms.into()));
        fields.extend(lateness);
    }
    let mut hasher = blake3::Hasher::new_derive_key("headwater feature view version v1");
    hasher.update(&headwater_event::canonical_json(&declaration));
    let mut version = [0; 16];
    for (to, from) in version.iter_mut().zip(hasher.finalize().as_bytes()) {
        *to = *from;
    }
    version
}
