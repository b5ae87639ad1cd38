//! One event's fold: what it may read, and the delta that it answers with.

use std::collections::BTreeMap;

use headwater_event::{Event, Offset, Reason, Refusal, Timestamp, catalog::names};
use serde::{Serialize, de::DeserializeOwned};

use crate::{
    FoldError, Head, KeyAndRow, KeysAndRows, ReadFailed, Row, RowKey, StoredRow, StoredRows,
    TableRow, Value,
    batch::{ApplyError, Batch},
    codec::Damaged,
    family::log::DeadLetter,
    rows::Put,
};

/// An event that follows from another, to be published by the outbox.
#[derive(Debug, Clone, PartialEq)]
pub struct Derived {
    /// Where it goes.
    pub to: headwater_event::PartitionId,
    /// The event, without what the outbox adds: id, source, cause, outlet.
    pub event: Event,
}

/// An event that goes to a topic of the users' own.
#[derive(Debug, Clone, PartialEq)]
pub struct Published {
    /// The publication that declares it.
    pub publication: String,
    /// The event, with its place in the sequence by which repeats are dropped.
    pub event: Event,
}

/// The fold of one event: read through it, push changes into it.
#[derive(Debug)]
pub struct Fold<'a, R> {
    /// The event, its payload in the newest version of its type.
    pub event: &'a Event,
    /// The event as it is on the log.
    pub(crate) written: &'a Event,
    /// The event's time, or the log's where it has none.
    pub event_time: Timestamp,
    /// The offset of its record: for keys of tables keyed by position.
    pub offset: Offset,
    /// What the partition knows besides rows.
    pub head: &'a Head,
    rows: &'a Batch<'a, R>,
    delta: Delta,
}

/// What one event changes.
#[derive(Debug, Default)]
pub struct Delta {
    pub(crate) puts: Vec<Put>,
    /// Rows of versions that their names do not read yet: written even if the event is refused.
    pub(crate) beside: Vec<Put>,
    pub(crate) derived: Vec<Derived>,
    pub(crate) counters: BTreeMap<String, u64>,
    pub(crate) assigned: serde_json::Value,
    pub(crate) mismatches: Vec<Refusal>,
    /// Windows that the event came too late for.
    pub(crate) late: u64,
    next_index: u32,
}

impl<'a, R: StoredRows> Fold<'a, R> {
    pub(crate) fn new(
        event: &'a Event,
        event_time: Timestamp,
        offset: Offset,
        head: &'a Head,
        rows: &'a Batch<'a, R>,
    ) -> Self {
        Self { event, written: event, event_time, offset, head, rows, delta: Delta::default() }
    }

    /// The same fold of an event that was written as `written`.
    pub(crate) fn written_as(self, written: &'a Event) -> Self {
        Self { written, ..self }
    }

    pub(crate) fn finish(self) -> Delta {
        self.delta
    }

    /// The payload as its Rust type. The schema was checked before, so this fails only for a bug.
    pub fn payload<T: DeserializeOwned>(&self) -> Result<T, Refusal> {
        T::deserialize(&self.event.data)
            .map_err(|error| Refusal::new(Reason::SchemaViolation, format!("payload: {error}")))
    }

    /// The row of a built-in table with these key values, in the event's project.
    pub fn get<T: TableRow>(&self, key: &[Value]) -> Result<Option<T>, FoldError> {
        Ok(self.read(key)?)
    }

    /// As [`Fold::get`], where there is nobody to refuse.
    pub(crate) fn read<T: TableRow>(&self, key: &[Value]) -> Result<Option<T>, ApplyError> {
        self.read_in(&self.event.project, key)
    }

    /// The same in another project.
    pub(crate) fn read_in<T: TableRow>(
        &self,
        project: &str,
        key: &[Value],
    ) -> Result<Option<T>, ApplyError> {
        let key = T::table().key_of(project, key);
        let Some(bytes) = self.latest_bytes(&key)? else { return Ok(None) };
        row_of(&key, &bytes).map(Some)
    }

    /// The first rows of a range, at most so many, as they were before this fold.
    pub(crate) fn first_in<T: TableRow>(
        &self,
        from: &[u8],
        until: &[u8],
        limit: usize,
    ) -> Result<Vec<T>, ApplyError> {
        let rows = self.rows.first(from, until, limit)?;
        rows.iter().map(|(key, bytes)| row_of(key, bytes)).collect()
    }

    /// The stored bytes under a key, with what this fold changed before.
    pub(crate) fn latest_bytes(&self, key: &[u8]) -> Result<Option<Vec<u8>>, ApplyError> {
        match self.delta.puts.iter().rev().find(|put| put.key == key) {
            Some(put) => Ok(put.row.as_ref().map(|row| row.encode(self.rows.provenance()))),
            None => Ok(self.rows.latest(key)?),
        }
    }

    /// The first stored rows of a range, without what this fold changed before.
    pub(crate) fn first_stored(
        &self,
        from: &[u8],
        until: &[u8],
        limit: usize,
    ) -> Result<KeysAndRows, ReadFailed> {
        self.rows.first(from, until, limit)
    }

    /// The last stored row of a range, without what this fold changed before.
    pub(crate) fn last_stored(
        &self,
        from: &[u8],
        until: &[u8],
    ) -> Result<Option<KeyAndRow>, ReadFailed> {
        self.rows.last(from, until)
    }

    /// Writes a row of a built-in table.
    pub fn put<T: TableRow>(&mut self, row: &T) {
        let event = self.event;
        self.put_in(&event.project, row);
    }

    /// The same in another project.
    pub(crate) fn put_in<T: TableRow>(&mut self, project: &str, row: &T) {
        let table = T::table();
        let mut key = table.key_of(project, &row.key_values());
        if table.keyed_by == crate::KeyedBy::Position {
            self.end_with_position(&mut key);
        }
        let row = Row {
            event_source: self.event.source.clone(),
            event_id: self.event.id.clone(),
            values: row.stored_values(),
        };
        self.delta.puts.push(Put::new(table, key, Some(row)));
    }

    /// Ends the key of a row that stands by its position.
    pub(crate) fn end_with_position(&mut self, key: &mut Vec<u8>) {
        crate::Table::add_position(key, self.offset, self.delta.next_index);
        self.delta.next_index += 1;
    }

    /// Removes a row of a built-in table.
    pub fn remove<T: TableRow>(&mut self, key: &[Value]) {
        let event = self.event;
        self.remove_in::<T>(&event.project, key);
    }

    /// The same in another project.
    pub(crate) fn remove_in<T: TableRow>(&mut self, project: &str, key: &[Value]) {
        let key = T::table().key_of(project, key);
        self.delta.puts.push(Put::new(T::table(), key, None));
    }

    /// Removes this row.
    pub(crate) fn remove_row<T: TableRow>(&mut self, project: &str, row: &T) {
        self.remove_in::<T>(project, &row.key_values());
    }

    pub(crate) fn push(&mut self, put: Put) {
        self.delta.puts.push(put);
    }

    pub(crate) fn push_beside(&mut self, put: Put) {
        self.delta.beside.push(put);
    }

    /// The next number of a counter, from 1.
    pub fn next_number(&mut self, counter: &str) -> u64 {
        let before = self.delta.counters.get(counter).or_else(|| self.head.counters.get(counter));
        let next = before.copied().unwrap_or(0) + 1;
        self.delta.counters.insert(counter.to_owned(), next);
        next
    }

    /// Publishes a fact to control and tells it to the caller as what was assigned.
    pub fn fact(&mut self, event_type: &str, payload: &impl Serialize) {
        let data = serde_json::to_value(payload).unwrap_or_default();
        self.assigned(data.clone());
        self.publish(headwater_event::PartitionId::Control, event_type, data);
    }

    /// What the caller is told besides that the event was accepted.
    pub fn assigned(&mut self, assigned: serde_json::Value) {
        self.delta.assigned = assigned;
    }

    /// Publishes an event to a partition.
    pub fn publish(
        &mut self,
        to: headwater_event::PartitionId,
        event_type: &str,
        data: serde_json::Value,
    ) {
        let mut event = Event::new("", "", event_type, self.event.subject.clone(), data);
        event.project = self.event.project.clone();
        self.delta.derived.push(Derived { to, event: event.in_newest_schema() });
    }

    /// Publishes an event that was made whole: with an id, a source and a time of its own.
    pub(crate) fn derive(&mut self, derived: Derived) {
        self.delta.derived.push(derived);
    }

    pub(crate) fn count_late(&mut self) {
        self.delta.late += 1;
    }

    /// Tells in a dead letter that a view could not take the event.
    pub(crate) fn view_mismatch(&mut self, view: &str, what: &str) {
        let refusal = Refusal::new(Reason::ViewMismatch, format!("view {view}: {what}"));
        let letter = DeadLetter::of_event(self.written, &refusal);
        self.put(&letter);
        self.delta.mismatches.push(refusal);
    }

    /// A refusal of this event's request.
    pub fn refuse<T>(&self, reason: Reason, detail: impl Into<String>) -> Result<T, FoldError> {
        Err(Refusal::new(reason, detail).into())
    }
}

/// A stored row of a built-in table.
fn row_of<T: TableRow>(key: &[u8], bytes: &[u8]) -> Result<T, ApplyError> {
    let stored = StoredRow::decode(bytes)?;
    let RowKey { values, .. } = T::table().read_key(key)?;
    T::from_values(values, stored.row.values)
        .ok_or_else(|| Damaged("row: a value of another type").into())
}

/// The fact that tells of a refused request.
pub(crate) fn rejection_fact(event: &Event, refusal: &Refusal) -> Derived {
    let payload = headwater_event::payload::RequestRejected {
        request_type: event.event_type.clone(),
        reason: refusal.reason.name().to_owned(),
        detail: refusal.detail.clone(),
    };
    let data = serde_json::to_value(payload).unwrap_or_default();
    let mut fact = Event::new("", "", names::REQUEST_REJECTED, event.subject.clone(), data);
    fact.project = event.project.clone();
    Derived { to: headwater_event::PartitionId::Control, event: fact.in_newest_schema() }
}
