//! Marks: what a partition writes down on its way, so that any moment of it can be found again.
//!
//! ```text
//! 0x01 │ offset u64 BE   a place: position 72 bytes │ head as JSON, as they were after that offset
//! 0x02 │ offset u64 BE   a topology: the stored form that holds from that offset on
//! 0x03 │ offset u64 BE   a tick: n u64 LE │ time i64 LE │ watermark i64 LE, in microseconds
//! ```
//!
//! Places stand at ends of batches, about [`PLACE_EVERY`] records apart, and at the end of each stretch of
//! history. What a partition knew between two of them is told by folding the few records from the earlier
//! one on, which needs the rows as of it: retention takes whole stretches, and the place at their end stays.

use headwater_event::{Offset, Timestamp};
use headwater_fold::{Clock, Commit, PartitionError, Position};
use headwater_store::{Mark, Snapshot};

use crate::{Error, ErrorKind, Result};

/// How many records lie between two places at least: what a look at a past head folds again at most,
/// but for one batch.
pub(crate) const PLACE_EVERY: u64 = 1_024;

const PLACE: u8 = 1;
const TOPOLOGY: u8 = 2;
const TICK: u8 = 3;

/// Where a partition was, and what it knew then.
#[derive(Debug, Clone)]
pub(crate) struct Place {
    pub(crate) position: Position,
    pub(crate) head: Vec<u8>,
}

fn key(kind: u8, offset: Offset) -> Vec<u8> {
    let mut key = vec![kind];
    key.extend_from_slice(&offset.0.to_be_bytes());
    key
}

fn offset_of(key: &[u8]) -> Result<Offset> {
    let offset = key.get(1..).and_then(|offset| offset.try_into().ok()).map(u64::from_be_bytes);
    offset.map(Offset).ok_or_else(|| damaged("its key is cut"))
}

fn damaged(what: &str) -> Error {
    Error::new(ErrorKind::Corrupt, format!("a mark of the store is damaged: {what}"))
}

/// What a commit leaves behind; a place too if the last one is far enough behind it.
pub(crate) fn of_commit(commit: &Commit, place: Option<&Position>) -> Vec<Mark> {
    let topologies = commit.topologies.iter();
    let topologies = topologies.map(|(at, stored)| (key(TOPOLOGY, *at), stored.clone()));
    let ticks = commit.ticks.iter().map(|(at, clock)| {
        let mut value = clock.n.to_le_bytes().to_vec();
        value.extend_from_slice(&clock.time.micros().to_le_bytes());
        value.extend_from_slice(&clock.watermark.micros().to_le_bytes());
        (key(TICK, *at), value)
    });
    let place = place.map(|position| of_place(position, &commit.head));
    topologies.chain(ticks).chain(place).collect()
}

/// A place: where a partition is, and its head's stored form there.
pub(crate) fn of_place(position: &Position, head: &[u8]) -> Mark {
    let mut value = position.to_bytes();
    value.extend_from_slice(head);
    (key(PLACE, position.last), value)
}

/// The last place at or before an offset.
pub(crate) fn place_before(snapshot: &Snapshot, at: Offset) -> Result<Option<Place>> {
    let found = snapshot.last_mark(&key(PLACE, Offset(0)), &key(PLACE, at))?;
    found.map(|(_, value)| read_place(&value)).transpose()
}

fn read_place(value: &[u8]) -> Result<Place> {
    let (position, head) =
        value.split_at_checked(Position::BYTES).ok_or_else(|| damaged("a place is cut"))?;
    Ok(Place {
        position: Position::from_bytes(position).map_err(PartitionError::from)?,
        head: head.to_vec(),
    })
}

/// The positions of all places that a store has marked, in order.
pub fn positions(snapshot: &Snapshot) -> Result<Vec<Position>> {
    let marks = snapshot.marks(&key(PLACE, Offset(0)), &key(PLACE, Offset(u64::MAX)))?;
    marks.iter().map(|(_, value)| Ok(read_place(value)?.position)).collect()
}

/// The topology's stored form that held after an offset.
pub(crate) fn topology_at(snapshot: &Snapshot, at: Offset) -> Result<Option<Vec<u8>>> {
    let found = snapshot.last_mark(&key(TOPOLOGY, Offset(0)), &key(TOPOLOGY, at))?;
    Ok(found.map(|(_, stored)| stored))
}

/// Every stored form of a topology that ever held here.
pub(crate) fn topologies(snapshot: &Snapshot) -> Result<Vec<Vec<u8>>> {
    let marks = snapshot.marks(&key(TOPOLOGY, Offset(0)), &key(TOPOLOGY, Offset(u64::MAX)))?;
    Ok(marks.into_iter().map(|(_, stored)| stored).collect())
}

/// The last tick at or before an offset, and where it stands.
pub(crate) fn tick_before(snapshot: &Snapshot, at: Offset) -> Result<Option<(Offset, Clock)>> {
    let found = snapshot.last_mark(&key(TICK, Offset(0)), &key(TICK, at))?;
    found.map(read_tick).transpose()
}

/// The first tick: when the log was opened.
pub(crate) fn first_tick(snapshot: &Snapshot) -> Result<Option<(Offset, Clock)>> {
    tick_from(snapshot, Offset(0))
}

/// The first tick at or after an offset.
pub(crate) fn tick_from(snapshot: &Snapshot, from: Offset) -> Result<Option<(Offset, Clock)>> {
    let found = snapshot.first_mark(&key(TICK, from), &key(TICK, Offset(u64::MAX)))?;
    found.map(read_tick).transpose()
}

/// Where the tick of this number stands.
pub(crate) fn tick_of(snapshot: &Snapshot, n: u64) -> Result<Option<Offset>> {
    let Some((last, clock)) = tick_before(snapshot, Offset(u64::MAX))? else { return Ok(None) };
    let Some((first, _)) = first_tick(snapshot)? else { return Ok(None) };
    if clock.n < n {
        return Ok(None);
    }
    // Numbers rise with offsets. Invariant: the tick stands from `low` on, and up to `high`.
    let (mut low, mut high) = (first.0, last.0);
    while low < high {
        let middle = low + (high - low) / 2;
        match tick_before(snapshot, Offset(middle))? {
            Some((at, clock)) if clock.n == n => return Ok(Some(at)),
            Some((_, clock)) if clock.n > n => high = middle,
            _ => low = middle + 1,
        }
    }
    let found = tick_before(snapshot, Offset(low))?;
    Ok(found.filter(|(_, clock)| clock.n == n).map(|(at, _)| at))
}

/// The last offset before the first tick that is later than `time`; `end` if there is none up to it.
/// `None` if the first tick of all is later.
pub(crate) fn last_offset_at(
    snapshot: &Snapshot,
    time: Timestamp,
    end: Offset,
) -> Result<Option<Offset>> {
    let is_at = |offset: u64| -> Result<bool> {
        let tick = tick_before(snapshot, Offset(offset))?;
        Ok(tick.is_some_and(|(_, clock)| clock.time <= time))
    };
    // Ticks stand in the order of their times. Invariant: `low` is at the time, `high` is after it.
    let Some((first, clock)) = first_tick(snapshot)? else { return Ok(None) };
    if clock.time > time {
        return Ok(None);
    }
    if is_at(end.0)? {
        return Ok(Some(end));
    }
    let (mut low, mut high) = (first.0, end.0);
    while low + 1 < high {
        let middle = low + (high - low) / 2;
        if is_at(middle)? { low = middle } else { high = middle }
    }
    Ok(Some(Offset(low)))
}

fn read_tick((key, value): Mark) -> Result<(Offset, Clock)> {
    let mut words = value.chunks_exact(8).map(|word| <[u8; 8]>::try_from(word).unwrap_or_default());
    let mut next = || words.next().ok_or_else(|| damaged("a tick is cut"));
    let n = u64::from_le_bytes(next()?);
    let time = Timestamp::from_micros(i64::from_le_bytes(next()?));
    let watermark = Timestamp::from_micros(i64::from_le_bytes(next()?));
    Ok((offset_of(&key)?, Clock { n, time, watermark }))
}
