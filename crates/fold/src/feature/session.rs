//! Sessions: events of one entity of which each is near the one before.
//!
//! The sessions of an entity are disjoint and stand in the order of their beginnings, so those that an event
//! joins are next to it: the last that begins by its time, and those that begin within a gap after it. Joining
//! is a union of intervals, and the states are a monoid: no order of the events gives other sessions. A
//! session that takes no events any more stays as it is.

use headwater_event::Timestamp;

use super::{
    closing::{self, Closer, closing_of, closing_time, columns, set_closing, watermark},
    due, late,
    results::Standing,
};
use crate::{
    CompiledView, Damaged, Fold, FoldError, Row, StoredRow, StoredRows, Value, codec, rows::Put,
};

/// Sessions that one event can join: two that take events, and some that are final in between.
const NEAR_MAX: usize = 8;

/// A session that an event joins.
struct Near {
    key: Vec<u8>,
    row: Row,
    start: i64,
    end: i64,
}

/// Folds the row that an event makes of its own into the session that it belongs to.
pub(crate) fn fold<R: StoredRows>(
    fold: &mut Fold<'_, R>,
    view: &CompiledView,
    closer: Option<Closer<'_>>,
    entity: &[Value],
    gap_micros: i64,
    of_event: Row,
) -> Result<(), FoldError> {
    let time = fold.event_time.micros();
    let watermark = watermark(fold.head);
    let prefix = view.table.key_of(&fold.event.project, entity);
    let mut near = near(fold, view, &prefix, time, gap_micros)?;
    if let Some(closer) = closer {
        near.retain(|session| !closer.is_final(session.end, watermark));
        let own_end = time.saturating_add(gap_micros);
        if near.is_empty() && closer.is_final(own_end, watermark) {
            late::keep(fold, view, (time, own_end), watermark);
            return Ok(());
        }
        for session in near.iter_mut().filter(|session| session.end <= watermark) {
            if !closing::is_closed(&session.row) {
                let row = session.row.clone();
                session.row = closer.close_overdue(fold, &session.key, row, session.end)?;
            }
        }
    }
    let start = near.iter().map(|session| session.start).min().unwrap_or(time).min(time);
    let mut key = prefix;
    codec::write_key_value(&Value::Timestamp(start), &mut key);
    let row = joined(view, &near, of_event, gap_micros)?;
    match closer {
        None => {
            for session in near.iter().filter(|session| session.key != key) {
                fold.push(Put::new(&view.table, session.key.clone(), None));
            }
        }
        Some(closer) => return keep_closing(fold, closer, &near, key, row, watermark),
    }
    fold.push(Put::new(&view.table, key, Some(row)));
    Ok(())
}

/// The sessions of an entity that an event at this time joins.
fn near<R: StoredRows>(
    fold: &Fold<'_, R>,
    view: &CompiledView,
    prefix: &[u8],
    time: i64,
    gap_micros: i64,
) -> Result<Vec<Near>, FoldError> {
    let at = |time: i64| {
        let mut key = prefix.to_vec();
        codec::write_key_value(&Value::Timestamp(time), &mut key);
        key
    };
    let after = time.saturating_add(1);
    let mut found: Vec<(Vec<u8>, Vec<u8>)> =
        fold.last_stored(&at(i64::MIN), &at(after))?.into_iter().collect();
    let until = time.saturating_add(gap_micros).saturating_add(1);
    found.extend(fold.first_stored(&at(after), &at(until), NEAR_MAX)?);
    let mut near = Vec::with_capacity(found.len());
    for (key, stored) in found {
        let row = StoredRow::decode(&stored)?.row;
        let start = match view.table.read_key(&key)?.values.last() {
            Some(Value::Timestamp(start)) => *start,
            _ => return Err(Damaged("session").into()),
        };
        let Some(Value::Timestamp(end)) = row.values.get(1).cloned() else {
            return Err(Damaged("session").into());
        };
        // Two events a gap apart are of one session.
        if end >= time {
            near.push(Near { key, row, start, end });
        }
    }
    Ok(near)
}

/// One row of all: it ends a gap after its last event.
fn joined(
    view: &CompiledView,
    near: &[Near],
    of_event: Row,
    gap_micros: i64,
) -> Result<Row, Damaged> {
    let mut row = of_event;
    for session in near {
        row = columns(view).merge(&session.row, &row)?;
    }
    if let [Value::Timestamp(last), end, ..] = row.values.as_mut_slice() {
        *end = Value::Timestamp(last.saturating_add(gap_micros));
    }
    Ok(row)
}

/// Writes a session of a view whose windows close, and tells what became of those that it took over.
fn keep_closing<R: StoredRows>(
    fold: &mut Fold<'_, R>,
    closer: Closer<'_>,
    near: &[Near],
    key: Vec<u8>,
    mut row: Row,
    watermark: i64,
) -> Result<(), FoldError> {
    let table = &closer.view.table;
    let Some(Value::Timestamp(end)) = row.values.get(1).cloned() else {
        return Err(Damaged("session").into());
    };
    let corrects = end <= watermark || near.iter().any(|session| closing::is_closed(&session.row));
    let (closed_at, corrections) = closing_of(&row);
    let closed_at = match (end <= watermark, closed_at) {
        (true, Value::Null) => Value::Timestamp(Timestamp::micros(closing_time(fold.head))),
        (true, closed_at) => closed_at,
        // It goes on: what closed it was too early.
        (false, _) => Value::Null,
    };
    set_closing(&mut row, end, closed_at, corrections + i64::from(corrects))?;
    for session in near {
        let closed = closing::is_closed(&session.row);
        if !closed && (session.key != key || session.end != end) {
            fold.push(due::done(table, session.end, &session.key));
        }
        if session.key != key {
            fold.push(Put::new(table, session.key.clone(), None));
            if closed {
                closer.tell(fold, &session.key, &session.row, Standing::Retracted)?;
            }
        }
    }
    let open_before = near.iter().any(|session| {
        session.key == key && session.end == end && !closing::is_closed(&session.row)
    });
    if end > watermark && !open_before {
        fold.push(due::open(table, end, &key));
    }
    if end <= watermark {
        closer.tell(fold, &key, &row, Standing::Holds)?;
    }
    fold.push(Put::new(table, key, Some(row)));
    Ok(())
}
