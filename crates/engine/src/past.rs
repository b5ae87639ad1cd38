//! Moments of the past: one store's snapshots, read as of earlier positions.
//!
//! All moments of one query come from the same snapshots, so they agree with each other and with the
//! query's present, whatever is folded meanwhile.

use std::{collections::BTreeMap, fmt, sync::Arc};

use async_trait::async_trait;
use headwater_event::{Offset, PartitionId, Schemas, Timestamp};
use headwater_fold::{
    Compiled, Head, KeyAndRow, KeysAndRows as FoldRows, LogIdentity, PartitionFold, ReadFailed,
    Stored, StoredRows,
};
use headwater_history::{History, PastRows};
use headwater_log::{EventLog, ReadLimits};
use headwater_query::{
    AsOf, Error as QueryError, EventSource, KeysAndRows, Moment, PartitionRows, PartitionState,
    Past, ReadError,
};
use headwater_store::Snapshot;
use headwater_topology::Topology;

use crate::{
    Error, ErrorKind, Result, marks,
    moment::{READ_WAIT, kept_from},
};

/// One partition as the base of moments: its snapshot, and how far that is folded.
#[derive(Debug, Clone)]
pub(crate) struct Base {
    pub(crate) id: PartitionId,
    pub(crate) snapshot: Snapshot,
    pub(crate) history: Arc<History>,
    pub(crate) last: Option<Offset>,
    pub(crate) identity: Option<LogIdentity>,
    /// The first offset as of which rows can be read: retention took what was before.
    pub(crate) kept_from: Offset,
}

/// The past of one moment.
pub(crate) struct LogPast {
    pub(crate) log: Arc<dyn EventLog>,
    pub(crate) events: Arc<dyn EventSource>,
    pub(crate) bases: Vec<Base>,
    /// The present's time: what is later has not been.
    pub(crate) read_time: Timestamp,
}

impl fmt::Debug for LogPast {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LogPast").field("read_time", &self.read_time).finish_non_exhaustive()
    }
}

#[async_trait]
impl Past for LogPast {
    async fn at(&self, as_of: &AsOf) -> Result<Arc<Moment>, QueryError> {
        let past = Self {
            log: Arc::clone(&self.log),
            events: Arc::clone(&self.events),
            bases: self.bases.clone(),
            read_time: self.read_time,
        };
        let as_of = as_of.clone();
        // The marks are read from the store, which blocks.
        let found = tokio::task::spawn_blocking(move || Arc::new(past).moment_at(&as_of)).await;
        found.map_err(|error| QueryError::failed(error.to_string()))?
    }
}

impl LogPast {
    fn moment_at(self: Arc<Self>, as_of: &AsOf) -> Result<Arc<Moment>, QueryError> {
        let failed = |error: Error| QueryError::failed(error.to_string());
        let positions = match as_of {
            AsOf::Time(time) => self.positions_at(*time)?,
            AsOf::Positions(positions) => self.filled_up(as_of, positions)?,
        };
        let mut partitions: Vec<Arc<dyn PartitionRows>> = Vec::with_capacity(self.bases.len());
        for base in &self.bases {
            let at = positions.get(&base.id).copied();
            if at.is_some_and(|at| at < base.kept_from) {
                return Err(QueryError::invalid(format!(
                    "as of {as_of} is before what retention kept of partition {}: {}",
                    base.id,
                    self.range()?
                )));
            }
            let rows = PastPartition::new(base.clone(), at, Arc::clone(&self.log));
            partitions.push(Arc::new(rows.map_err(failed)?));
        }
        let control = self.base(PartitionId::Control)?;
        let at = positions.get(&PartitionId::Control).copied();
        let compiled = compiled_at(&control.snapshot, at).map_err(failed)?;
        let read_time = match as_of {
            AsOf::Time(time) => *time,
            AsOf::Positions(_) => self.time_of(&positions)?.unwrap_or(self.read_time),
        };
        Ok(Arc::new(Moment {
            partitions,
            events: Arc::clone(&self.events),
            compiled: Arc::new(compiled),
            read_time,
            past: self,
        }))
    }

    fn base(&self, id: PartitionId) -> Result<&Base, QueryError> {
        let found = self.bases.iter().find(|base| base.id == id);
        found.ok_or_else(|| QueryError::failed(format!("a moment without partition {id}")))
    }

    /// In each partition, everything before the first tick that is later than the time.
    fn positions_at(&self, time: Timestamp) -> Result<BTreeMap<PartitionId, Offset>, QueryError> {
        if time > self.read_time {
            return Err(QueryError::invalid(format!(
                "as of {time} is in the future: {}",
                self.range()?
            )));
        }
        let mut positions = BTreeMap::new();
        for base in &self.bases {
            let Some(last) = base.last else { continue };
            let found = marks::last_offset_at(&base.snapshot, time, last);
            match found.map_err(|error| QueryError::failed(error.to_string()))? {
                Some(at) => {
                    positions.insert(base.id, at);
                }
                None if base.id == PartitionId::Control => {
                    return Err(QueryError::invalid(format!(
                        "as of {time} is before this log's start: {}",
                        self.range()?
                    )));
                }
                None => {}
            }
        }
        Ok(positions)
    }

    /// The positions with those of the partitions that were not named: where the clock of the named
    /// ones stood last.
    fn filled_up(
        &self,
        as_of: &AsOf,
        named: &BTreeMap<PartitionId, Offset>,
    ) -> Result<BTreeMap<PartitionId, Offset>, QueryError> {
        for (id, at) in named {
            let base = self.base(*id)?;
            if base.last.is_none_or(|last| *at > last) {
                let ends = match base.last {
                    Some(last) => format!("it is folded up to {last}"),
                    None => "nothing of it is folded".to_owned(),
                };
                return Err(QueryError::invalid(format!(
                    "as of {as_of} is past the end of partition {id}: {ends}; {}",
                    self.range()?
                )));
            }
        }
        let mut positions = named.clone();
        if self.bases.iter().any(|base| !named.contains_key(&base.id)) {
            let time = self.time_of(named)?.unwrap_or(self.read_time);
            for (id, at) in self.positions_at(time)? {
                positions.entry(id).or_insert(at);
            }
        }
        Ok(positions)
    }

    /// The log's time at these positions: the latest tick among them.
    fn time_of(
        &self,
        positions: &BTreeMap<PartitionId, Offset>,
    ) -> Result<Option<Timestamp>, QueryError> {
        let mut latest = None;
        for (id, at) in positions {
            let tick = marks::tick_before(&self.base(*id)?.snapshot, *at);
            let tick = tick.map_err(|error| QueryError::failed(error.to_string()))?;
            latest = latest.max(tick.map(|(_, clock)| clock.time));
        }
        Ok(latest)
    }

    /// The moments that can be read, in words.
    fn range(&self) -> Result<String, QueryError> {
        let failed = |error: Error| QueryError::failed(error.to_string());
        let mut first = None;
        for base in &self.bases {
            // As of a time the first tick at or after what was kept is safe.
            let tick = match base.kept_from {
                Offset(0) => marks::first_tick(&base.snapshot).map_err(failed)?,
                kept => marks::tick_from(&base.snapshot, kept).map_err(failed)?,
            };
            first = first.max(tick.map(|(_, clock)| clock.time));
        }
        let ends = self.bases.iter().filter_map(|base| {
            let from = match base.kept_from {
                Offset(0) => String::new(),
                kept => format!("{kept}.."),
            };
            Some(format!("{}:{from}{}", base.id, base.last?))
        });
        let ends: Vec<String> = ends.collect();
        let first = first.map(|time| time.to_string()).unwrap_or_else(|| "nothing".to_owned());
        Ok(format!("valid is {first} to {}, or positions up to {}", self.read_time, ends.join(",")))
    }
}

/// What control held after an offset: which views there are, and which version each name reads.
fn compiled_at(snapshot: &Snapshot, at: Option<Offset>) -> Result<Compiled> {
    let bug = |error: headwater_event::BadSchema| Error::new(ErrorKind::Bug, error.to_string());
    let built_in = Schemas::built_in().map_err(bug)?;
    let stored = match at {
        Some(at) => marks::topology_at(snapshot, at)?,
        None => None,
    };
    match stored {
        Some(stored) => Ok(Compiled::from_stored(&built_in, &stored)?),
        None => Compiled::new(&built_in, Topology::default()).map_err(bug),
    }
}

/// A partition as it stood after an offset.
#[derive(Debug)]
struct PastPartition {
    base: Base,
    at: Option<Offset>,
    rows: Option<PastRows>,
    log: LogHandle,
}

/// A log, for its name only where it is shown.
#[derive(Clone)]
struct LogHandle(Arc<dyn EventLog>);

impl fmt::Debug for LogHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.describe())
    }
}

impl PastPartition {
    fn new(base: Base, at: Option<Offset>, log: Arc<dyn EventLog>) -> Result<Self> {
        let rows = match at {
            Some(at) => {
                Some(PastRows::new(base.snapshot.clone(), Arc::clone(&base.history), at.0)?)
            }
            None => None,
        };
        Ok(Self { base, at, rows, log: LogHandle(log) })
    }
}

/// What a partition knew after an offset: the last place before it, and the few records after that folded
/// again.
pub(crate) async fn known_at(
    log: &dyn EventLog,
    id: PartitionId,
    snapshot: &Snapshot,
    history: &Arc<History>,
    at: Offset,
) -> Result<PartitionState> {
    let place = marks::place_before(snapshot, at)?;
    let (stored, next) = match &place {
        None => (Stored::default(), Offset(0)),
        Some(place) => {
            let topology = marks::topology_at(snapshot, place.position.last)?;
            let stored = Stored {
                head: Some(place.head.clone()),
                position: Some(place.position.to_bytes()),
                topology,
            };
            (stored, place.position.last.next())
        }
    };
    let mut fold = PartitionFold::restore(id, &stored)?;
    let mut records = Vec::new();
    if next <= at {
        let start = log.start(id).await?;
        if start > next {
            let what = format!(
                "what partition {id} knew at offset {at} can't be told any more: it takes the records \
                 from offset {next} on, and the log was trimmed up to offset {start}; rows can be read"
            );
            return Err(Error::new(ErrorKind::Reject, what));
        }
        let mut reader = log.reader(id, next).await?;
        while records.last().is_none_or(|last: &headwater_event::Record| last.offset < at) {
            let batch = reader.next_batch(ReadLimits::default(), READ_WAIT).await?;
            if batch.is_empty() {
                break;
            }
            records.extend(batch.into_iter().filter(|record| record.offset <= at));
        }
        let taken = kept_from(snapshot)?;
        let first = records.first().map(|record| record.offset);
        if let Some(place) = &place
            && place.position.last < taken
            && first.is_some_and(|first| first <= taken)
        {
            // Places at the ends of stretches were not marked always.
            let what = format!(
                "what partition {id} knew after offset {at} can't be told: retention took rows from which \
                 it is folded; ask for a moment some {} records later",
                marks::PLACE_EVERY
            );
            return Err(Error::new(ErrorKind::Reject, what));
        }
    }
    let before = match &place {
        Some(place) => {
            let last = place.position.last;
            Some((PastRows::new(snapshot.clone(), Arc::clone(history), last.0)?, last))
        }
        None => None,
    };
    fold.fold(&RowsBefore { snapshot, before }, &records)?;
    Ok(PartitionState { head: fold.head().clone(), position: fold.position().copied() })
}

/// What the records after a place find: rows and ids as they were there.
struct RowsBefore<'a> {
    snapshot: &'a Snapshot,
    before: Option<(PastRows, Offset)>,
}

/// Rows of the past as they come.
type RowsRead<'a> = Box<dyn Iterator<Item = Result<(Vec<u8>, Vec<u8>), ReadFailed>> + 'a>;

impl RowsBefore<'_> {
    fn range(&self, from: &[u8], until: &[u8]) -> Result<RowsRead<'_>, ReadFailed> {
        let Some((rows, _)) = &self.before else { return Ok(Box::new(std::iter::empty())) };
        let scan = rows.scan(from, until).map_err(|error| ReadFailed(error.to_string()))?;
        Ok(Box::new(scan.map(|row| row.map_err(|error| ReadFailed(error.to_string())))))
    }
}

impl StoredRows for RowsBefore<'_> {
    fn latest(&self, key: &[u8]) -> Result<Option<Vec<u8>>, ReadFailed> {
        let Some((rows, _)) = &self.before else { return Ok(None) };
        rows.get(key).map_err(|error| ReadFailed(error.to_string()))
    }

    fn first(&self, from: &[u8], until: &[u8], limit: usize) -> Result<FoldRows, ReadFailed> {
        self.range(from, until)?.take(limit).collect()
    }

    fn last(&self, from: &[u8], until: &[u8]) -> Result<Option<KeyAndRow>, ReadFailed> {
        // The past is read forwards only, and asked for a row or two of one entity.
        self.range(from, until)?.last().transpose()
    }

    fn seen(&self, id: &[u8; 16]) -> Result<Option<Vec<u8>>, ReadFailed> {
        let Some((_, place)) = &self.before else { return Ok(None) };
        let seen = self.snapshot.get_id(id).map_err(|error| ReadFailed(error.to_string()))?;
        Ok(seen.filter(|seen| headwater_fold::seen_at(seen).is_some_and(|at| at <= *place)))
    }
}

#[async_trait]
impl PartitionRows for PastPartition {
    fn id(&self) -> PartitionId {
        self.base.id
    }

    fn log(&self) -> Option<&LogIdentity> {
        self.base.identity.as_ref()
    }

    fn last(&self) -> Option<Offset> {
        self.at
    }

    fn rows_about(&self, _: &str) -> Option<u64> {
        None
    }

    async fn state(&self) -> Result<PartitionState, ReadError> {
        match self.at {
            None => Ok(PartitionState { head: Head::default(), position: None }),
            Some(at) => {
                let Base { id, snapshot, history, .. } = &self.base;
                let known = known_at(&*self.log.0, *id, snapshot, history, at).await;
                known.map_err(|error| ReadError(error.to_string()))
            }
        }
    }

    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, ReadError> {
        let Some(rows) = &self.rows else { return Ok(None) };
        rows.get(key).map_err(|error| ReadError(error.to_string()))
    }

    fn scan(&self, start: Vec<u8>, end: Vec<u8>) -> KeysAndRows {
        let Some(rows) = &self.rows else { return Box::new(std::iter::empty()) };
        match rows.scan(&start, &end) {
            Ok(rows) => Box::new(rows.map(|row| row.map_err(|e| ReadError(e.to_string())))),
            Err(error) => Box::new(std::iter::once(Err(ReadError(error.to_string())))),
        }
    }
}
