//! Windows that close: by the watermark of the log's ticks, and by nothing else.
//!
//! ```text
//!       the window                 watermark ≥ its end       watermark ≥ its end + lateness
//! ├── open: events are folded ──▶ closed: closed_at is set, ──▶ late: events are kept in
//!                                 the result is told;            log.late_events
//!                                 events are corrections
//! ```
//!
//! A tick that finds more windows than are closed with one record leaves the rest to records that follow;
//! a window that an event meets before is closed first, as that tick would have. So what a row tells does not
//! depend on how many windows were closed at once.

use headwater_event::Timestamp;

use super::{
    FeatureColumns, due, late,
    results::{Standing, result},
};
use crate::{
    Clock, CompiledView, Damaged, Derived, Fold, FoldError, Head, Row, Shown, StoredRow,
    StoredRows, Value, rows::Put,
};

/// Where a closing row tells when its window closed.
const CLOSED_AT: usize = 2;
/// Where it tells how often it was corrected.
const CORRECTIONS: usize = 3;

/// Closes windows of one view, and folds events into closed ones.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Closer<'a> {
    pub(crate) view: &'a CompiledView,
    /// Whether it is the version that its name reads, which tells its results.
    pub(crate) tells: bool,
    lateness_micros: i64,
}

impl<'a> Closer<'a> {
    /// Of a view whose windows close.
    pub(crate) fn of(view: &'a CompiledView, tells: bool) -> Option<Self> {
        let lateness_micros = view.declared.lateness_ms?.saturating_mul(1_000);
        Some(Self { view, tells, lateness_micros })
    }

    /// Whether a window that ends then takes no events any more.
    pub(crate) fn is_final(self, end: i64, watermark: i64) -> bool {
        end.saturating_add(self.lateness_micros) <= watermark
    }

    /// Folds the row that an event makes of its own into its window.
    pub(crate) fn fold<R: StoredRows>(
        self,
        fold: &mut Fold<'_, R>,
        key: &[Value],
        window: (i64, i64),
        of_event: Row,
    ) -> Result<(), FoldError> {
        let (_, end) = window;
        let watermark = watermark(fold.head);
        if self.is_final(end, watermark) {
            late::keep(fold, self.view, window, watermark);
            return Ok(());
        }
        let key = self.view.table.key_of(&fold.event.project, key);
        let stored = fold.latest_bytes(&key)?;
        let before = stored.map(|stored| StoredRow::decode(&stored)).transpose()?;
        let before = before.map(|stored| stored.row);
        if end > watermark {
            if before.is_none() {
                fold.push(due::open(&self.view.table, end, &key));
            }
            let row = self.merged(before.as_ref(), of_event, None)?;
            fold.push(Put::new(&self.view.table, key, Some(row)));
            return Ok(());
        }
        let before = match before {
            Some(row) if !is_closed(&row) => Some(self.close_overdue(fold, &key, row, end)?),
            before => before,
        };
        let row = self.merged(before.as_ref(), of_event, Some(closing_time(fold.head)))?;
        self.tell(fold, &key, &row, Standing::Holds)?;
        fold.push(Put::new(&self.view.table, key, Some(row)));
        Ok(())
    }

    /// Closes a window that a tick has not come to yet, as that tick would.
    pub(crate) fn close_overdue<R: StoredRows>(
        self,
        fold: &mut Fold<'_, R>,
        key: &[u8],
        row: Row,
        end: i64,
    ) -> Result<Row, FoldError> {
        let overdue = |tick: &&Clock| tick.watermark.micros() >= end;
        let tick = fold.head.closing.iter().find(overdue).map(|tick| tick.time);
        let row = closed(row, tick.unwrap_or(closing_time(fold.head)))?;
        fold.push(due::done(&self.view.table, end, key));
        self.tell(fold, key, &row, Standing::Holds)?;
        fold.push(Put::new(&self.view.table, key.to_vec(), Some(row.clone())));
        Ok(row)
    }

    /// Tells a row as the view's result, if it tells results.
    pub(crate) fn tell<R: StoredRows>(
        self,
        fold: &mut Fold<'_, R>,
        key: &[u8],
        row: &Row,
        standing: Standing,
    ) -> Result<(), Damaged> {
        if self.tells
            && let Some(derived) = result(self.view, fold.head, key, row, standing)?
        {
            fold.derive(derived);
        }
        Ok(())
    }

    /// The row with an event's own merged in; a correction if the window had closed.
    fn merged(
        self,
        before: Option<&Row>,
        of_event: Row,
        corrects_at: Option<Timestamp>,
    ) -> Result<Row, Damaged> {
        let mut row = of_event;
        if let Some(at) = corrects_at {
            set(&mut row, CLOSED_AT, Value::Timestamp(at.micros()))?;
            set(&mut row, CORRECTIONS, Value::Int64(1))?;
        }
        match before {
            None => Ok(row),
            // Their writer is the later by event time: what a row says does not depend on the order in which
            // its events came, which repartitioned ones have no fixed one of.
            Some(before) => columns(self.view).merge(before, &row),
        }
    }

    /// Where the windows stand in the index that end after one watermark and by another.
    pub(crate) fn due(self, after: Option<Timestamp>, until: Timestamp) -> (Vec<u8>, Vec<u8>) {
        due::range(&self.view.table, after, until)
    }

    /// The end of a window of the index, and its row's key.
    pub(crate) fn read_due(self, key: &[u8]) -> Result<(i64, Vec<u8>), Damaged> {
        due::read(&self.view.table, key)
    }

    /// What a tick changes that closes the window of this row, and what it tells.
    pub(crate) fn close(
        self,
        head: &Head,
        key: &[u8],
        row: Row,
        end: i64,
        tick: Clock,
    ) -> Result<Closed, Damaged> {
        let done = due::done(&self.view.table, end, key);
        if is_closed(&row) {
            return Ok(Closed { puts: vec![done], tells: None });
        }
        let row = closed(row, tick.time)?;
        let tells = match self.tells {
            true => result(self.view, head, key, &row, Standing::Holds)?,
            false => None,
        };
        let put = Put::new(&self.view.table, key.to_vec(), Some(row));
        Ok(Closed { puts: vec![put, done], tells })
    }
}

/// What closing a window changes.
pub(crate) struct Closed {
    pub(crate) puts: Vec<Put>,
    pub(crate) tells: Option<Derived>,
}

/// Events before this time are believed to have come. The log's opening believes nothing.
pub(crate) fn watermark(head: &Head) -> i64 {
    head.clock.filter(|clock| clock.n > 0).map_or(i64::MIN, |clock| clock.watermark.micros())
}

/// The log's time, as that at which a window is found closed.
pub(crate) fn closing_time(head: &Head) -> Timestamp {
    head.clock.map_or(Timestamp::from_micros(0), |clock| clock.time)
}

pub(crate) fn is_closed(row: &Row) -> bool {
    matches!(row.values.get(CLOSED_AT), Some(Value::Timestamp(_)))
}

fn closed(mut row: Row, at: Timestamp) -> Result<Row, Damaged> {
    set(&mut row, CLOSED_AT, Value::Timestamp(at.micros()))?;
    Ok(row)
}

/// Sets what a closing row tells of its window.
pub(crate) fn set_closing(
    row: &mut Row,
    end: i64,
    closed_at: Value,
    corrections: i64,
) -> Result<(), Damaged> {
    set(row, CLOSED_AT - 1, Value::Timestamp(end))?;
    set(row, CLOSED_AT, closed_at)?;
    set(row, CORRECTIONS, Value::Int64(corrections))
}

/// When the window of a row closed, and how often it was corrected.
pub(crate) fn closing_of(row: &Row) -> (Value, i64) {
    let closed_at = row.values.get(CLOSED_AT).cloned().unwrap_or(Value::Null);
    match row.values.get(CORRECTIONS) {
        Some(Value::Int64(corrections)) => (closed_at, *corrections),
        _ => (closed_at, 0),
    }
}

fn set(row: &mut Row, place: usize, value: Value) -> Result<(), Damaged> {
    *row.values.get_mut(place).ok_or(Damaged("feature row"))? = value;
    Ok(())
}

pub(crate) fn columns(view: &CompiledView) -> &FeatureColumns {
    match &view.table.shown {
        Shown::Features(columns) => columns,
        Shown::AsStored => &view.no_columns,
    }
}
