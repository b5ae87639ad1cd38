//! Folds one partition of a log into a store: the one driver of live serving, rebuilds and replays.

use std::{path::PathBuf, sync::Arc, time::Duration};

use headwater_event::{Offset, PartitionId, Record, SIGNATURE_HEADER, catalog::names, decode};
use headwater_fold::{
    Commit, CompiledView, Outcome, PartitionFold, ReadFailed, Stored, StoredRows,
};
use headwater_log::{EventLog, ReadLimits};
use headwater_store::PartitionStore;

use crate::{Error, ErrorKind, Result, backfill};

/// How long the check of the last folded record waits for the log to give it.
const CHECK_WAIT: Duration = Duration::from_secs(10);

/// Folds one partition.
#[derive(Debug)]
pub struct Folder {
    log: Arc<dyn EventLog>,
    store: Arc<PartitionStore>,
    fold: PartitionFold,
    scratch_dir: PathBuf,
}

impl Folder {
    /// Takes up where the store left off, after checking that the log still holds what was folded.
    pub async fn resume(
        log: Arc<dyn EventLog>,
        store: Arc<PartitionStore>,
        id: PartitionId,
        scratch_dir: PathBuf,
    ) -> Result<Self> {
        let stored = Stored {
            head: store.get_meta("head")?,
            position: store.get_meta("position")?,
            topology: store.get_meta("topology")?,
        };
        let fold = PartitionFold::restore(id, &stored)?;
        let folder = Self { log, store, fold, scratch_dir };
        folder.check_position().await?;
        Ok(folder)
    }

    /// A folder for views whose history is folded beside the store.
    pub(crate) fn beside(
        log: Arc<dyn EventLog>,
        store: Arc<PartitionStore>,
        fold: PartitionFold,
        scratch_dir: PathBuf,
    ) -> Self {
        Self { log, store, fold, scratch_dir }
    }

    /// The fold's state.
    pub fn fold(&self) -> &PartitionFold {
        &self.fold
    }

    /// The first offset that is not folded yet.
    pub fn next(&self) -> Offset {
        self.fold.position().map_or(Offset(0), |position| position.last.next())
    }

    /// Folds records and commits what they change, rows and position in one batch.
    pub async fn take(&mut self, records: &[Record]) -> Result<Vec<(Offset, Outcome)>> {
        let mut outcomes = Vec::with_capacity(records.len());
        let mut rest = records;
        while !rest.is_empty() {
            // A copy of a topology may bring views whose history must be folded before it is.
            let cut = rest.iter().position(is_topology).unwrap_or(rest.len());
            let (before, from_topology) = rest.split_at_checked(cut).unwrap_or((rest, &[]));
            if !before.is_empty() {
                outcomes.extend(self.fold_and_commit(before)?);
            }
            let Some((topology, after)) = from_topology.split_first() else { break };
            let views = self.fold.views_to_backfill(topology);
            if !views.is_empty() {
                self.backfill(views, topology.offset).await?;
            }
            outcomes.extend(self.fold_and_commit(std::slice::from_ref(topology))?);
            rest = after;
        }
        Ok(outcomes)
    }

    /// Folds everything up to `end` (exclusive), telling `progress` the offsets reached.
    pub async fn take_until(
        &mut self,
        end: Offset,
        limits: ReadLimits,
        progress: &(dyn Fn(Offset) + Send + Sync),
    ) -> Result<()> {
        let mut reader = self.log.reader(self.fold.id(), self.next()).await?;
        while self.next() < end {
            let mut records = reader.next_batch(limits, CHECK_WAIT).await?;
            if records.is_empty() {
                // Only control records of the log's own lie before the end: nothing is missing.
                if self.log.end(self.fold.id()).await? >= end {
                    return Ok(());
                }
                continue;
            }
            records.retain(|record| record.offset < end);
            if records.is_empty() {
                return Ok(());
            }
            self.take(&records).await?;
            progress(self.next());
        }
        Ok(())
    }

    fn fold_and_commit(&mut self, records: &[Record]) -> Result<Vec<(Offset, Outcome)>> {
        let commit = self.fold.fold(&Rows(&self.store), records)?;
        let (batch, outcomes) = store_commit(commit);
        self.store.commit(&batch)?;
        Ok(outcomes)
    }

    async fn backfill(&mut self, views: Vec<CompiledView>, until: Offset) -> Result<()> {
        tracing::info!(partition = %self.fold.id(), %until, views = views.len(), "folding the history of new views");
        let digests = backfill::run(
            Arc::clone(&self.log),
            &self.store,
            self.fold.id(),
            views,
            until,
            &self.scratch_dir,
        )
        .await?;
        self.fold.adopt(digests);
        Ok(())
    }

    /// The last folded record must still be the one on the log: finds another log, one made anew,
    /// an offset reset, and damage of the stored position.
    async fn check_position(&self) -> Result<()> {
        let Some(position) = self.fold.position() else { return Ok(()) };
        let id = self.fold.id();
        let refuse = |what: String| {
            let hint = "the store belongs to another log, or the log was made anew or damaged; \
                        check --log and --data, or move the folder store/ away to fold it again";
            Error::new(ErrorKind::Corrupt, format!("partition {id}: {what}: {hint}"))
        };
        let end = self.log.end(id).await?;
        if end <= position.last {
            let what =
                format!("the store has folded offset {}, the log ends at {end}", position.last);
            return Err(refuse(what));
        }
        let mut reader = self.log.reader(id, position.last).await?;
        let limits = ReadLimits { records_max: 1, ..ReadLimits::default() };
        let records = reader.next_batch(limits, CHECK_WAIT).await?;
        match records.first() {
            Some(record) if record.offset == position.last && position.ends_with(&record.body) => {
                Ok(())
            }
            _ => {
                Err(refuse(format!("the record at offset {} is not the one folded", position.last)))
            }
        }
    }
}

/// Cheap first: only signed records can be copies of a topology.
fn is_topology(record: &Record) -> bool {
    record.body.header(SIGNATURE_HEADER).is_some()
        && decode(&record.body).is_ok_and(|event| event.event_type == names::TOPOLOGY_APPLIED)
}

/// A partition's store as the fold sees it.
struct Rows<'a>(&'a PartitionStore);

impl StoredRows for Rows<'_> {
    fn latest(&self, key: &[u8]) -> Result<Option<Vec<u8>>, ReadFailed> {
        self.0.get_latest(key).map_err(|error| ReadFailed(error.to_string()))
    }

    fn seen(&self, id: &[u8; 16]) -> Result<Option<Vec<u8>>, ReadFailed> {
        self.0.get_id(id).map_err(|error| ReadFailed(error.to_string()))
    }
}

fn store_commit(commit: Commit) -> (headwater_store::Commit, Vec<(Offset, Outcome)>) {
    let mut meta = vec![("head", commit.head), ("position", commit.position)];
    meta.extend(commit.topology.map(|topology| ("topology", topology)));
    let batch = headwater_store::Commit {
        latest: commit.latest,
        versions: commit
            .versions
            .into_iter()
            .map(|version| headwater_store::Version {
                key: version.key,
                offset: version.offset.0,
                row: version.row,
            })
            .collect(),
        ids: commit.seen,
        outbox: commit
            .outbox
            .into_iter()
            .map(|(to, outlet, event)| crate::outbox::entry(to, outlet, &event))
            .collect(),
        meta,
        ..headwater_store::Commit::default()
    };
    (batch, commit.outcomes)
}
