//! A fold of views' whole history in a store of its own, which is thrown away in the end.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use headwater_event::{Offset, PartitionId, Record};
use headwater_fold::{CompiledView, Head, PartitionFold};
use headwater_log::{EventLog, LogReader, ReadLimits};
use headwater_store::{Access, Commit, PartitionStore, Snapshot, StoreOptions, StoreSet};

use crate::{Error, ErrorKind, Folder, Result, beginning::Beginning};

/// How long a read waits for records that should be there.
const READ_WAIT: Duration = Duration::from_secs(1);

/// Whether to go on.
pub(crate) type GoOn<'a> = &'a (dyn Fn() -> bool + Sync);

/// Views whose history is folded from the log's start, or from its origin.
pub(crate) struct Scratch {
    log: Arc<dyn EventLog>,
    id: PartitionId,
    dir: PathBuf,
    folder: Folder,
    store: Arc<PartitionStore>,
    reader: Option<Box<dyn LogReader>>,
    /// Records that were read, and are not to be folded yet.
    held: Vec<Record>,
    /// Last, so that the store is closed before its shared memory goes.
    _stores: StoreSet,
}

impl Scratch {
    /// Begins with nothing folded, in a folder of its own.
    pub(crate) fn open(
        log: Arc<dyn EventLog>,
        id: PartitionId,
        views: Vec<CompiledView>,
        beginning: Beginning,
        dir: PathBuf,
    ) -> Result<Self> {
        clear(&dir)?;
        let stores = StoreSet::open(&dir, Access::ReadWrite, StoreOptions::default())?;
        let store = stores.partition(&id.to_string())?;
        let Beginning { stored, before } = beginning;
        let fold = PartitionFold::for_backfill(id, views, &stored)?;
        let (of, to) = (Arc::clone(&log), Arc::clone(&store));
        let folder = Folder::beside(of, to, fold, before, dir.clone());
        let (reader, held) = (None, Vec::new());
        Ok(Self { log, id, dir, folder, store, reader, held, _stores: stores })
    }

    /// The first offset that is not folded yet.
    pub(crate) fn next(&self) -> Offset {
        self.folder.next()
    }

    /// What the fold knows besides rows.
    pub(crate) fn head(&self) -> &Head {
        self.folder.fold().head()
    }

    /// The rows as folded so far.
    pub(crate) fn rows(&self) -> Snapshot {
        self.store.snapshot()
    }

    /// Folds up to `end` (exclusive), giving what each batch changed and how many records were folded
    /// in all; `false` if it was told to stop before.
    pub(crate) async fn fold_until(
        &mut self,
        end: Offset,
        go_on: GoOn<'_>,
        each: &mut (dyn FnMut(Commit, u64) -> Result<()> + Send),
    ) -> Result<bool> {
        while self.next() < end {
            if !go_on() {
                return Ok(false);
            }
            if self.held.is_empty() {
                self.held = self.read().await?;
            }
            let later = self.held.iter().position(|record| record.offset >= end);
            let rest = later.map(|place| self.held.split_off(place)).unwrap_or_default();
            let records = std::mem::replace(&mut self.held, rest);
            if records.is_empty() {
                // Only the log's own marks lie before the end: nothing is missing.
                if !self.held.is_empty() || self.log.end(self.id).await? >= end {
                    return Ok(true);
                }
                continue;
            }
            let commit = self.folder.fold_and_commit(&records)?.0;
            each(commit, self.head().counts.records)?;
        }
        Ok(true)
    }

    async fn read(&mut self) -> Result<Vec<Record>> {
        let reader = match self.reader.as_mut() {
            Some(reader) => reader,
            None => self.reader.insert(self.log.reader(self.id, self.folder.next()).await?),
        };
        let read = reader.next_batch(ReadLimits::default(), READ_WAIT).await;
        if read.is_err() {
            self.reader = None;
        }
        Ok(read?)
    }

    /// Closes the store and removes it.
    pub(crate) fn remove(self) -> Result<()> {
        let dir = self.dir.clone();
        drop(self);
        clear(&dir)
    }
}

pub(crate) fn clear(dir: &Path) -> Result<()> {
    match std::fs::remove_dir_all(dir) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(Error::new(ErrorKind::Retry, format!("{}: {error}", dir.display())))
        }
        _ => Ok(()),
    }
}

impl std::fmt::Debug for Scratch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Scratch")
            .field("id", &self.id)
            .field("dir", &self.dir)
            .finish_non_exhaustive()
    }
}
