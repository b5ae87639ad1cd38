//! What a tick does in a data partition besides moving the clock: windows that have ended close.
//!
//! A tick that finds more windows than are closed with one record is followed by
//! `headwater.tick.continued`, as often as it takes.

use headwater_event::{Event, PartitionId, catalog::names, payload::TickContinued};

use crate::{
    Derived, PartitionError, PartitionFold, StoredRow, StoredRows,
    batch::Batch,
    feature::{Closer, Views},
};

/// Windows that one record closes: a commit of some ten megabytes at most.
pub(crate) const WINDOWS_CLOSED_MAX: usize = 10_000;

/// How far ahead of the log's clock an event may be and still move the watermark: a clock that ticks hourly
/// when nothing comes is behind by an hour, and a sender's clock that is a day ahead is wrong.
const AHEAD_MAX_MICROS: i64 = 2 * 3_600_000_000;

impl PartitionFold {
    /// The clock has moved: windows that end by its watermark are to be closed.
    pub(crate) fn ticked<R: StoredRows>(
        &mut self,
        batch: &mut Batch<'_, R>,
    ) -> Result<Vec<Derived>, PartitionError> {
        if let (PartitionId::Data(_), Some(clock)) = (self.id, self.head.clock) {
            let last = self.head.closing.last().map(|tick| tick.watermark);
            let last = last.max(self.head.closed_until);
            if last.is_none_or(|last| clock.watermark > last) {
                self.head.closing.push(clock);
            }
        }
        self.close_windows(batch)
    }

    /// Closes windows of the ticks that are not done, the earliest tick first.
    pub(crate) fn close_windows<R: StoredRows>(
        &mut self,
        batch: &mut Batch<'_, R>,
    ) -> Result<Vec<Derived>, PartitionError> {
        // History that is folded beside has no records of its own to go on with.
        let mut left = if self.is_backfill() { usize::MAX } else { WINDOWS_CLOSED_MAX };
        let mut derived = Vec::new();
        while let Some(tick) = self.head.closing.first().copied() {
            let closed = self.close_at(batch, tick, left, &mut derived)?;
            left = left.saturating_sub(closed);
            if left == 0 {
                derived.extend(self.continued(tick.n));
                break;
            }
            self.head.closed_until = Some(tick.watermark);
            self.head.closing.remove(0);
        }
        Ok(derived)
    }

    /// Closes at most `limit` windows that a tick ends; tells how many.
    fn close_at<R: StoredRows>(
        &mut self,
        batch: &mut Batch<'_, R>,
        tick: crate::Clock,
        limit: usize,
        derived: &mut Vec<Derived>,
    ) -> Result<usize, PartitionError> {
        let backfills = self.is_backfill();
        let Self { compiled, backfill, head, .. } = self;
        let views = match backfills {
            true => Views { serving: backfill, coming: &[] },
            false => Views { serving: &compiled.views, coming: &compiled.coming },
        };
        let mut closed = 0;
        for view in views.live() {
            let Some(closer) = Closer::of(view, !backfills && views.decides(view)) else {
                continue;
            };
            let (from, until) = closer.due(head.closed_until, tick.watermark);
            let due = batch.first(&from, &until, limit.saturating_sub(closed))?;
            closed += due.len();
            for (index_key, _) in due {
                let (end, key) = closer.read_due(&index_key)?;
                let Some(stored) = batch.latest(&key)? else { continue };
                let row = StoredRow::decode(&stored)?.row;
                let change = closer.close(head, &key, row, end, tick)?;
                for put in change.puts {
                    batch.apply(head, put)?;
                }
                derived.extend(change.tells);
            }
        }
        Ok(closed)
    }

    /// Asks for another record to go on with.
    fn continued(&self, n: u64) -> Option<Derived> {
        let data = serde_json::to_value(TickContinued { n }).unwrap_or_default();
        let event = Event::new("", "", names::TICK_CONTINUED, "clock", data);
        (!self.is_backfill()).then_some(Derived { to: self.id, event })
    }

    /// Remembers the latest event time, as far as it is believed.
    pub(crate) fn saw(&mut self, event: &Event) {
        let Some(time) = event.time else { return };
        let ahead = time.micros().saturating_sub(self.now().micros());
        if ahead <= AHEAD_MAX_MICROS && self.head.latest_event.is_none_or(|latest| time > latest) {
            self.head.latest_event = Some(time);
        }
    }
}
