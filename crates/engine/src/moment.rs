//! The moment that a query reads: a snapshot of every partition's store, and the log behind it.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use futures::stream::{self, BoxStream, StreamExt as _};
use headwater_event::{Offset, PartitionId, Record, Timestamp, payload::ClockMode};
use headwater_fold::{Head, LogIdentity, PartitionFold, Position, Stored};
use headwater_history::History;
use headwater_log::{EventLog, ReadLimits};
use headwater_query::{EventSource, Moment, PartitionRows, PartitionState, ReadError, StorageItem};
use headwater_store::{PartitionStore, Snapshot, StoreSet};

use crate::{
    Error, ErrorKind, Result,
    clock::wall,
    marks,
    past::{Base, LogPast},
    storage,
};

/// How long a scan of the log waits for records that must be there.
pub(crate) const READ_WAIT: Duration = Duration::from_secs(10);

/// The name under which a store keeps the first offset as of which rows can be read.
pub(crate) const KEPT_FROM: &str = "kept_from";

/// A moment of a data folder, whether or not a server is running on it.
pub async fn open_moment(log: Arc<dyn EventLog>, stores: &StoreSet) -> Result<Moment> {
    let open = |id: PartitionId| {
        let name = id.to_string();
        let store = stores.partition(&name)?;
        let history = Arc::new(History::of(&store, &name));
        Ok((id, store, history))
    };
    let partitions: Vec<_> =
        PartitionId::all(log.data_partitions()).map(open).collect::<Result<_>>()?;
    moment_of(log, partitions)
}

/// One partition's rows as of now, for those who read a store without SQL.
pub fn stored_rows(id: PartitionId, store: &Arc<PartitionStore>) -> Result<Arc<dyn PartitionRows>> {
    Ok(Arc::new(SnapshotRows::new(id, store)?.0))
}

pub(crate) fn moment_of(
    log: Arc<dyn EventLog>,
    stores: Vec<(PartitionId, Arc<PartitionStore>, Arc<History>)>,
) -> Result<Moment> {
    let mut partitions: Vec<Arc<dyn PartitionRows>> = Vec::with_capacity(stores.len());
    let mut control = None;
    let mut bases = Vec::with_capacity(stores.len());
    for (id, store, history) in stores {
        let (mut rows, fold) = SnapshotRows::new(id, &store)?;
        rows.history = Some(Arc::clone(&history));
        bases.push(rows.base(history)?);
        partitions.push(Arc::new(rows));
        if id == PartitionId::Control {
            control = Some(fold);
        }
    }
    let control = control
        .ok_or_else(|| Error::new(ErrorKind::Bug, "a moment without the control partition"))?;
    let given = control.head().log.as_ref().is_some_and(|log| log.clock == ClockMode::Given);
    let events: Arc<dyn EventSource> = Arc::new(LogEvents(Arc::clone(&log)));
    // A log whose time is given has no other "now" than its last tick.
    let read_time = if given { control.now() } else { wall() };
    Ok(Moment {
        partitions,
        events: Arc::clone(&events),
        compiled: Arc::new(control.compiled().clone()),
        read_time,
        past: Arc::new(LogPast { log, events, bases, read_time }),
    })
}

/// The first offset as of which rows can be read.
pub(crate) fn kept_from(snapshot: &Snapshot) -> Result<Offset> {
    let kept = snapshot.get_meta(KEPT_FROM)?.and_then(|bytes| bytes.try_into().ok());
    Ok(kept.map_or(Offset(0), |bytes| Offset(u64::from_le_bytes(bytes))))
}

#[derive(Debug)]
struct SnapshotRows {
    id: PartitionId,
    snapshot: Snapshot,
    head: Head,
    position: Option<Position>,
    /// Where what is sealed lies; those who read without SQL need not tell.
    history: Option<Arc<History>>,
}

impl SnapshotRows {
    fn new(id: PartitionId, store: &Arc<PartitionStore>) -> Result<(Self, PartitionFold)> {
        let snapshot = store.snapshot();
        let stored = Stored {
            head: snapshot.get_meta("head")?,
            position: snapshot.get_meta("position")?,
            // Only control's topology decides what tables there are.
            topology: match id {
                PartitionId::Control => snapshot.get_meta("topology")?,
                PartitionId::Data(_) => None,
            },
        };
        let fold = PartitionFold::restore(id, &stored)?;
        let (head, position) = (fold.head().clone(), fold.position().copied());
        Ok((Self { id, snapshot, head, position, history: None }, fold))
    }

    /// What moments of the past are read from.
    fn base(&self, history: Arc<History>) -> Result<Base> {
        Ok(Base {
            id: self.id,
            snapshot: self.snapshot.clone(),
            history,
            last: self.position.map(|position| position.last),
            identity: self.head.log.clone(),
            kept_from: kept_from(&self.snapshot)?,
        })
    }
}

#[async_trait]
impl PartitionRows for SnapshotRows {
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

    fn opened_at(&self) -> Option<Timestamp> {
        let first = marks::first_tick(&self.snapshot).ok().flatten();
        first.map(|(_, clock)| clock.time)
    }

    async fn storage(&self) -> Result<Option<Vec<StorageItem>>, ReadError> {
        let Some(history) = self.history.clone() else { return Ok(Some(Vec::new())) };
        let (id, snapshot) = (self.id, self.snapshot.clone());
        let measured =
            tokio::task::spawn_blocking(move || storage::measure(id, &snapshot, &history)).await;
        let measured = measured.map_err(|error| ReadError(error.to_string()))?;
        measured.map(Some).map_err(|error| ReadError(error.to_string()))
    }

    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, ReadError> {
        self.snapshot.get_latest(key).map_err(|error| ReadError(error.to_string()))
    }

    fn scan(
        &self,
        start: Vec<u8>,
        end: Vec<u8>,
    ) -> Box<dyn Iterator<Item = Result<(Vec<u8>, Vec<u8>), ReadError>> + Send> {
        let rows = self.snapshot.scan_latest(start, end);
        Box::new(rows.map(|row| row.map_err(|error| ReadError(error.to_string()))))
    }
}

#[derive(Debug)]
struct LogEvents(Arc<dyn EventLog>);

impl EventSource for LogEvents {
    fn events(
        &self,
        partition: PartitionId,
        from: Offset,
        to: Offset,
    ) -> BoxStream<'static, Result<Vec<Record>, ReadError>> {
        let log = Arc::clone(&self.0);
        let start = (None, from);
        stream::try_unfold(
            start,
            move |(reader, next): (Option<Box<dyn headwater_log::LogReader>>, Offset)| {
                let log = Arc::clone(&log);
                async move {
                    if next >= to {
                        return Ok(None);
                    }
                    let failed = |error: headwater_log::Error| ReadError(error.to_string());
                    let mut reader = match reader {
                        Some(reader) => reader,
                        None => log.reader(partition, next).await.map_err(failed)?,
                    };
                    let mut records = reader
                        .next_batch(ReadLimits::default(), READ_WAIT)
                        .await
                        .map_err(failed)?;
                    records.retain(|record| record.offset < to);
                    let Some(last) = records.last() else { return Ok(None) };
                    let next = last.offset.next();
                    Ok(Some((records, (Some(reader), next))))
                }
            },
        )
        .boxed()
    }
}
