//! The past of a log in memory: every version of every row, and what each partition knew when.

use std::{collections::BTreeMap, fmt, sync::Arc};

use async_trait::async_trait;
use headwater_event::{Offset, PartitionId, Timestamp};
use headwater_fold::{Compiled, Head, LogIdentity, Position};
use headwater_query::{
    AsOf, Error, KeysAndRows, Moment, PartitionRows, PartitionState, Past, ReadError,
};

use super::{Log, Part};

/// A version of a row: how many records there were with its own, and the row, unless it was removed.
pub(crate) type Version = (usize, Option<Vec<u8>>);

/// What a partition knew after a record.
#[derive(Debug, Clone)]
pub(crate) struct State {
    pub(crate) head: Head,
    pub(crate) position: Position,
    pub(crate) compiled: Arc<Compiled>,
}

/// A partition's past.
#[derive(Debug, Clone)]
pub(crate) struct PartPast {
    /// One for each record.
    pub(crate) states: Vec<State>,
    pub(crate) versions: BTreeMap<Vec<u8>, Vec<Version>>,
}

/// The past of a log up to now.
#[derive(Clone)]
pub(crate) struct History(Arc<Inner>);

struct Inner {
    parts: BTreeMap<PartitionId, Arc<PartPast>>,
    log: Arc<Log>,
}

impl fmt::Debug for History {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("History")
    }
}

impl History {
    pub(super) fn of(parts: &BTreeMap<PartitionId, Part>, log: &Arc<Log>) -> Self {
        let parts = parts.iter().map(|(id, part)| (*id, Arc::new(part.past.clone()))).collect();
        Self(Arc::new(Inner { parts, log: Arc::clone(log) }))
    }

    /// How many records each partition had.
    pub(crate) fn counts(&self, as_of: &AsOf) -> Result<BTreeMap<PartitionId, usize>, Error> {
        let count = |id: &PartitionId, part: &PartPast| match as_of {
            AsOf::Time(time) => {
                let later = |state: &State| state.head.clock.is_some_and(|c| c.time > *time);
                part.states.iter().position(later).unwrap_or(part.states.len())
            }
            AsOf::Positions(positions) => positions.get(id).map_or(part.states.len(), |last| {
                usize::try_from(last.0).unwrap().saturating_add(1)
            }),
        };
        let counts = self.0.parts.iter().map(|(id, part)| (*id, count(id, part)));
        let counts: BTreeMap<_, _> = counts.collect();
        match as_of {
            AsOf::Time(time) => self.check_time(*time)?,
            AsOf::Positions(_) => {
                for (id, part) in &self.0.parts {
                    let last = part.states.len() - 1;
                    if counts[id] > last + 1 {
                        return Err(Error::invalid(format!(
                            "as of {as_of} is past the end of partition {id}; valid: 0 to {last}"
                        )));
                    }
                }
            }
        }
        Ok(counts)
    }

    /// The log's time at its start and now.
    pub(crate) fn times(&self) -> (Timestamp, Timestamp) {
        let records = self.0.parts[&PartitionId::Control].states.len();
        (self.clock(1), self.clock(records))
    }

    /// The log's time after so many records of control.
    pub(crate) fn clock(&self, records: usize) -> Timestamp {
        self.0.parts[&PartitionId::Control].states[records - 1].head.clock.unwrap().time
    }

    fn check_time(&self, time: Timestamp) -> Result<(), Error> {
        let (first, last) = self.times();
        if (first..=last).contains(&time) {
            return Ok(());
        }
        let side = if time < first { "before this log's start" } else { "past this log's end" };
        Err(Error::invalid(format!("as of {time} is {side}; valid: {first} to {last}")))
    }
}

#[async_trait]
impl Past for History {
    async fn at(&self, as_of: &AsOf) -> Result<Arc<Moment>, Error> {
        let counts = self.counts(as_of)?;
        let control = &self.0.parts[&PartitionId::Control];
        let state = &control.states[counts[&PartitionId::Control] - 1];
        let partitions = self.0.parts.iter().map(|(id, part)| {
            let state = counts[id].checked_sub(1).map(|last| part.states[last].clone());
            Arc::new(PastRows {
                id: *id,
                count: counts[id],
                head: state.as_ref().map(|state| state.head.clone()).unwrap_or_default(),
                position: state.map(|state| state.position),
                past: Arc::clone(part),
            }) as Arc<dyn PartitionRows>
        });
        Ok(Arc::new(Moment {
            partitions: partitions.collect(),
            events: Arc::clone(&self.0.log) as _,
            compiled: Arc::clone(&state.compiled),
            read_time: match as_of {
                AsOf::Time(time) => *time,
                AsOf::Positions(_) => state.head.clock.unwrap().time,
            },
            past: Arc::new(self.clone()),
        }))
    }
}

/// A partition's rows after its first records.
#[derive(Debug)]
struct PastRows {
    id: PartitionId,
    count: usize,
    head: Head,
    position: Option<Position>,
    past: Arc<PartPast>,
}

fn at(versions: &[Version], count: usize) -> Option<Vec<u8>> {
    versions.iter().rev().find(|(written, _)| *written <= count).and_then(|(_, row)| row.clone())
}

#[async_trait]
impl PartitionRows for PastRows {
    fn id(&self) -> PartitionId {
        self.id
    }

    fn log(&self) -> Option<&LogIdentity> {
        self.head.log.as_ref()
    }

    fn last(&self) -> Option<Offset> {
        self.position.map(|position| position.last)
    }

    fn rows_about(&self, version_hex: &str) -> Option<u64> {
        Some(self.head.digests.get(version_hex).map_or(0, |digest| digest.rows))
    }

    async fn state(&self) -> Result<PartitionState, ReadError> {
        Ok(PartitionState { head: self.head.clone(), position: self.position })
    }

    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, ReadError> {
        Ok(self.past.versions.get(key).and_then(|versions| at(versions, self.count)))
    }

    fn scan(&self, start: Vec<u8>, end: Vec<u8>) -> KeysAndRows {
        let range = self.past.versions.range(start..end);
        let rows: Vec<_> = range
            .filter_map(|(key, versions)| Some(Ok((key.clone(), at(versions, self.count)?))))
            .collect();
        Box::new(rows.into_iter())
    }
}

/// No past, for moments that are made by hand.
#[derive(Debug)]
pub(crate) struct NoPast;

#[async_trait]
impl Past for NoPast {
    async fn at(&self, as_of: &AsOf) -> Result<Arc<Moment>, Error> {
        Err(Error::invalid(format!("as of {as_of}: there is no past")))
    }
}

/// The last offset of each partition that has as many records.
pub(crate) fn positions(counts: &BTreeMap<PartitionId, usize>) -> BTreeMap<PartitionId, Offset> {
    let last = |(id, count): (&PartitionId, &usize)| Some((*id, count.checked_sub(1)?));
    counts.iter().filter_map(last).map(|(id, last)| (id, Offset(last as u64))).collect()
}
