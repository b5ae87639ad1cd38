//! Folds one partition of a log into a store: the one driver of live serving, rebuilds and replays.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant},
};

use headwater_event::{Offset, PartitionId, Record, SIGNATURE_HEADER, catalog::names, decode};
use headwater_fold::{
    Commit, CompiledView, Digest, KeyAndRow, KeysAndRows, Outcome, PartitionFold, Position,
    ReadFailed, Stored, StoredRows, seen_at,
};
use headwater_log::{EventLog, ReadLimits};
use headwater_store::{Mark, PartitionStore, Snapshot};

use crate::{
    Error, ErrorKind, Result, Step, beginning::Beginning, beside::Beside, builder::Builder, marks,
    opening::begins_late, shared::Shared,
};

/// How long the check of the last folded record waits for the log to give it.
const CHECK_WAIT: Duration = Duration::from_secs(10);

/// Folds one partition.
#[derive(Debug)]
pub struct Folder {
    log: Arc<dyn EventLog>,
    store: Arc<PartitionStore>,
    fold: PartitionFold,
    /// Where the ids of events before the first that is folded are known from.
    before: Option<(Snapshot, Offset)>,
    scratch_dir: PathBuf,
    /// The last place that was marked; `None` if no marks are made.
    last_place: Option<Offset>,
    /// Digests were adopted since: folding records again from before would not find them.
    adopted: bool,
    /// Folds the history of new versions beside; a replay has none, and folds it when it must.
    builder: Option<Builder>,
    /// Those who may stop it in the midst of folding history; a replay is stopped by none.
    shared: Option<Arc<Shared>>,
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
        let place = marks::place_before(&store.snapshot(), Offset(u64::MAX))?;
        let last_place = Some(place.map_or(Offset(0), |place| place.position.last));
        let folder = Self {
            log,
            store,
            fold,
            before: None,
            scratch_dir,
            last_place,
            adopted: false,
            builder: None,
            shared: None,
        };
        folder.check_position().await?;
        folder.mark_place()?;
        Ok(folder)
    }

    /// A store that was restored begins with a place, from which history can be folded once the records
    /// before are gone.
    fn mark_place(&self) -> Result<()> {
        let Some(position) = self.fold.position() else { return Ok(()) };
        let snapshot = self.store.snapshot();
        let marked = marks::place_before(&snapshot, position.last)?;
        if marked.is_some_and(|place| place.position.last == position.last) {
            return Ok(());
        }
        let Some(head) = snapshot.get_meta("head")? else { return Ok(()) };
        let marks = vec![marks::of_place(position, &head)];
        Ok(self.store.commit(&headwater_store::Commit { marks, ..Default::default() })?)
    }

    /// A folder for views whose history is folded beside the store.
    pub(crate) fn beside(
        log: Arc<dyn EventLog>,
        store: Arc<PartitionStore>,
        fold: PartitionFold,
        before: Option<(Snapshot, Offset)>,
        scratch_dir: PathBuf,
    ) -> Self {
        Self {
            log,
            store,
            fold,
            before,
            scratch_dir,
            last_place: None,
            adopted: false,
            builder: None,
            shared: None,
        }
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
            // A topology of the first rules and a handover need history that is folded beside.
            let cut = rest.iter().position(needs_history).unwrap_or(rest.len());
            let (before, from_cut) = rest.split_at_checked(cut).unwrap_or((rest, &[]));
            if !before.is_empty() {
                // No block of history crosses the end of a stretch.
                let length = self.store.seal_every();
                let stretch_of = |record: &Record| record.offset.0 / length;
                for stretch in before.chunk_by(|a, b| stretch_of(a) == stretch_of(b)) {
                    outcomes.extend(self.fold_and_commit(stretch)?.1);
                }
            }
            let Some((record, after)) = from_cut.split_first() else { break };
            let views = self.fold.views_to_backfill(record);
            if !views.is_empty() {
                self.backfill(views, record.offset).await?;
            }
            outcomes.extend(self.fold_and_commit(std::slice::from_ref(record))?.1);
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

    /// Folds records that need no history; answers what was committed.
    pub(crate) fn fold_and_commit(
        &mut self,
        records: &[Record],
    ) -> Result<(headwater_store::Commit, Vec<(Offset, Outcome)>)> {
        let before = self.end_of_stretch(records)?;
        let rows = Rows { store: &self.store, before: self.before.as_ref() };
        let commit = self.fold.fold(&rows, records)?;
        let mut marks = self.marks(&commit);
        marks.extend(before);
        let (batch, outcomes) = store_commit(commit, marks);
        self.reached(Step::Folded);
        self.store.commit(&batch)?;
        self.reached(Step::Committed);
        Ok((batch, outcomes))
    }

    fn reached(&self, step: Step) {
        if let Some(shared) = &self.shared {
            shared.steps.reached(step);
        }
    }

    /// What the past will be found by; of a store that is read as of now only there is none.
    fn marks(&mut self, commit: &Commit) -> Vec<Mark> {
        let Some(last) = self.last_place else { return Vec::new() };
        let far = |position: &&Position| position.last.0 >= last.0 + marks::PLACE_EVERY;
        let adopted = std::mem::take(&mut self.adopted);
        let length = self.store.seal_every();
        let ends = |position: &&Position| position.last.next().0.is_multiple_of(length);
        let place = self.fold.position().filter(|at| adopted || far(at) || ends(at));
        if let Some(place) = place {
            self.last_place = Some(place.last);
        }
        marks::of_commit(commit, place)
    }

    /// The place behind which another stretch begins, where a gap in the offsets hid the end of the one
    /// before.
    fn end_of_stretch(&self, records: &[Record]) -> Result<Option<Mark>> {
        let stretch_of = |offset: Offset| offset.0 / self.store.seal_every();
        let (Some(place), Some(position)) = (self.last_place, self.fold.position()) else {
            return Ok(None);
        };
        let hidden = |record: &&Record| stretch_of(record.offset) > stretch_of(position.last);
        if records.first().filter(hidden).is_none() || position.last <= place {
            return Ok(None);
        }
        let head = self.fold.head().to_bytes()?;
        Ok(Some(marks::of_place(position, &head)))
    }

    /// Sees to it that the history of views is there up to `until` (exclusive).
    async fn backfill(&mut self, views: Vec<CompiledView>, until: Offset) -> Result<()> {
        let (id, started) = (self.fold.id(), Instant::now());
        let digests = match self.builder.take().filter(|builder| builder.covers(&views)) {
            Some(builder) => match builder.finish(until) {
                Ok(digests) => digests,
                Err(error) if error.kind() == ErrorKind::Closed => return Err(error),
                Err(error) => {
                    tracing::warn!(partition = %id, %error, "the builder failed; the partition folds the history itself");
                    None
                }
            },
            None => None,
        };
        let mut digests = match digests {
            Some(digests) => digests,
            None => self.backfill_now(views.clone(), until).await?,
        };
        let tables: Vec<_> = views.iter().flat_map(CompiledView::tables).collect();
        digests.retain(|version, _| tables.iter().any(|table| table.version_hex() == *version));
        self.fold.adopt(digests);
        self.adopted = true;
        let waited_ms = started.elapsed().as_millis();
        tracing::info!(partition = %id, %until, views = views.len(), waited_ms, "the partition goes on with the new versions");
        Ok(())
    }

    async fn backfill_now(
        &self,
        views: Vec<CompiledView>,
        until: Offset,
    ) -> Result<BTreeMap<String, Digest>> {
        tracing::info!(partition = %self.fold.id(), %until, views = views.len(), "folding the history of new views");
        let head = self.fold.head();
        let beginning = Beginning::of(&*self.log, &self.store, self.fold.id(), head).await?;
        let mut beside = Beside::open(
            Arc::clone(&self.log),
            Arc::clone(&self.store),
            self.fold.id(),
            views,
            head,
            beginning,
            &self.scratch_dir,
        )?;
        let go_on = || self.shared.as_ref().is_none_or(|shared| !shared.is_stopping());
        if !beside.fold_until(until, &go_on, &|_| {}).await? {
            return Err(Error::new(ErrorKind::Closed, "the engine was shut down"));
        }
        beside.move_all()?;
        let digests = beside.digests();
        beside.remove()?;
        Ok(digests)
    }

    /// Lets it be stopped with all others.
    pub(crate) fn belongs_to(&mut self, shared: &Arc<Shared>) {
        self.shared = Some(Arc::clone(shared));
    }

    /// The builder of new versions, if there is one.
    pub(crate) fn builder(&mut self) -> &mut Option<Builder> {
        &mut self.builder
    }

    /// Where history is folded beside.
    pub(crate) fn scratch_dir(&self) -> &Path {
        &self.scratch_dir
    }

    /// The last folded record must still be the one on the log: finds another log, one made anew,
    /// an offset reset, and damage of the stored position.
    async fn check_position(&self) -> Result<()> {
        let id = self.fold.id();
        let start = self.log.start(id).await?;
        let Some(position) = self.fold.position() else {
            return if start == Offset(0) { Ok(()) } else { Err(begins_late(id, start)) };
        };
        if start > position.last {
            return Err(begins_late(id, start));
        }
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

/// Cheap first: only signed records can be copies of a topology or handovers.
fn needs_history(record: &Record) -> bool {
    record.body.header(SIGNATURE_HEADER).is_some()
        && decode(&record.body).is_ok_and(|event| {
            matches!(event.event_type.as_str(), names::TOPOLOGY_APPLIED | names::VIEW_BUILT)
        })
}

/// A partition's store as the fold sees it.
pub(crate) struct Rows<'a> {
    pub(crate) store: &'a PartitionStore,
    pub(crate) before: Option<&'a (Snapshot, Offset)>,
}

impl StoredRows for Rows<'_> {
    fn latest(&self, key: &[u8]) -> Result<Option<Vec<u8>>, ReadFailed> {
        self.store.get_latest(key).map_err(|error| ReadFailed(error.to_string()))
    }

    fn first(&self, from: &[u8], until: &[u8], limit: usize) -> Result<KeysAndRows, ReadFailed> {
        let rows = self.store.first_latest(from, until, limit);
        rows.map_err(|error| ReadFailed(error.to_string()))
    }

    fn last(&self, from: &[u8], until: &[u8]) -> Result<Option<KeyAndRow>, ReadFailed> {
        self.store.last_latest(from, until).map_err(|error| ReadFailed(error.to_string()))
    }

    fn seen(&self, id: &[u8; 16]) -> Result<Option<Vec<u8>>, ReadFailed> {
        let failed = |error: headwater_store::Error| ReadFailed(error.to_string());
        let seen = self.store.get_id(id).map_err(failed)?;
        let (None, Some((snapshot, until))) = (&seen, self.before) else { return Ok(seen) };
        let before = snapshot.get_id(id).map_err(failed)?;
        Ok(before.filter(|seen| seen_at(seen).is_some_and(|at| at <= *until)))
    }
}

fn store_commit(
    commit: Commit,
    marks: Vec<Mark>,
) -> (headwater_store::Commit, Vec<(Offset, Outcome)>) {
    let mut meta = vec![("head", commit.head), ("position", commit.position)];
    let topology = commit.topologies.into_iter().next_back();
    meta.extend(topology.map(|(_, topology)| ("topology", topology)));
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
            .chain(commit.published.iter().map(crate::outbox::publication_entry))
            .collect(),
        meta,
        marks,
        ..headwater_store::Commit::default()
    };
    (batch, commit.outcomes)
}
