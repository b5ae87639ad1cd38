//! The history of views, folded in a scratch store beside the partition's own and moved over.
//!
//! Nobody reads the rows before the partition's fold has adopted their digests, so a crash on the way
//! only means to begin again: what was moved before is found, and not moved twice.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use headwater_event::{Offset, PartitionId, Record};
use headwater_fold::{CompiledView, Digest, Head, PartitionFold, Table};
use headwater_history::Piece;
use headwater_log::{EventLog, LogReader, ReadLimits};
use headwater_store::{
    Access, Commit, PartitionStore, SEAL_EVERY, Snapshot, StoreOptions, StoreSet, Version,
};

use crate::{Error, ErrorKind, Folder, Result};

/// Rows moved in one batch: it is written in milliseconds.
const MOVE_ROWS_MAX: usize = 1_000;
/// How long a read waits for records that should be there.
const READ_WAIT: Duration = Duration::from_secs(1);

/// Views whose history is being folded beside.
pub(crate) struct Beside {
    log: Arc<dyn EventLog>,
    id: PartitionId,
    limits: ReadLimits,
    dir: PathBuf,
    folder: Folder,
    scratch: Arc<PartitionStore>,
    main: Arc<PartitionStore>,
    tables: Vec<Moving>,
    reader: Option<Box<dyn LogReader>>,
    /// Records that were read, and are not to be folded yet.
    held: Vec<Record>,
    /// Last, so that the stores are closed before their shared memory goes.
    _stores: StoreSet,
}

/// A table on its way.
struct Moving {
    table: Table,
    /// Versions of earlier offsets are in the partition's own store already.
    from: u64,
    /// It was folded there before, up to some offset: till the handover, what is there is what its
    /// digest says.
    known: bool,
    /// Each batch goes over as soon as it is folded.
    following: bool,
}

/// Whether to go on.
pub(crate) type GoOn<'a> = &'a (dyn Fn() -> bool + Sync);

impl Beside {
    /// Begins with nothing folded. `head` is of the fold whose rows these are to be.
    pub(crate) fn open(
        log: Arc<dyn EventLog>,
        main: Arc<PartitionStore>,
        id: PartitionId,
        views: Vec<CompiledView>,
        head: &Head,
        scratch_dir: &Path,
    ) -> Result<Self> {
        let tables = views.iter().map(|view| Moving::new(&view.table, &main, head));
        let tables = tables.collect::<Result<_>>()?;
        let dir = scratch_dir.join(format!("backfill-{id}"));
        clear(&dir)?;
        let stores = StoreSet::open(&dir, Access::ReadWrite, StoreOptions::default())?;
        let scratch = stores.partition(&id.to_string())?;
        let fold = PartitionFold::for_backfill(id, views)?;
        let folder = Folder::beside(Arc::clone(&log), Arc::clone(&scratch), fold, dir.clone());
        let limits = ReadLimits::default();
        let (reader, held) = (None, Vec::new());
        Ok(Self {
            log,
            id,
            limits,
            dir,
            folder,
            scratch,
            main,
            tables,
            reader,
            held,
            _stores: stores,
        })
    }

    /// The first offset that is not folded yet.
    pub(crate) fn next(&self) -> Offset {
        self.folder.next()
    }

    /// How many records were folded.
    pub(crate) fn records(&self) -> u64 {
        self.folder.fold().head().counts.records
    }

    /// Folds up to `end` (exclusive); `false` if it was told to stop before.
    pub(crate) async fn fold_until(
        &mut self,
        end: Offset,
        go_on: GoOn<'_>,
        told: &(dyn Fn(u64) + Sync),
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
            self.follow(commit)?;
            told(self.records());
        }
        Ok(true)
    }

    async fn read(&mut self) -> Result<Vec<Record>> {
        let reader = match self.reader.as_mut() {
            Some(reader) => reader,
            None => self.reader.insert(self.log.reader(self.id, self.folder.next()).await?),
        };
        let read = reader.next_batch(self.limits, READ_WAIT).await;
        if read.is_err() {
            self.reader = None;
        }
        Ok(read?)
    }

    /// Moves what one batch changed in tables that follow.
    fn follow(&mut self, commit: Commit) -> Result<()> {
        for moving in self.tables.iter_mut().filter(|moving| moving.following) {
            let prefix = moving.table.prefix();
            let rows = commit.latest.iter().filter(|(key, _)| key.starts_with(&prefix));
            let rows: Vec<_> = rows.cloned().collect();
            for latest in rows.chunks(MOVE_ROWS_MAX) {
                let latest = latest.to_vec();
                self.main.commit(&Commit { latest, backfill: true, ..Commit::default() })?;
            }
            let mut blocks = Blocks::new(&self.main, moving.from);
            for version in commit.versions.iter().filter(|v| v.key.starts_with(&prefix)) {
                blocks.push(version.clone())?;
            }
            blocks.finish()?;
        }
        Ok(())
    }

    /// Moves over all that is folded so far of tables that may be moved early, and lets them follow;
    /// `false` if it was told to stop before.
    pub(crate) fn move_early(&mut self, go_on: GoOn<'_>) -> Result<bool> {
        self.move_tables(false, go_on)
    }

    /// Moves over what is not there yet, of every table.
    pub(crate) fn move_all(&mut self) -> Result<()> {
        self.move_tables(true, &|| true).map(|_| ())
    }

    fn move_tables(&mut self, known: bool, go_on: GoOn<'_>) -> Result<bool> {
        let snapshot = self.scratch.snapshot();
        let wanted = |moving: &&mut Moving| !moving.following && (known || !moving.known);
        let mut moving: Vec<_> = self.tables.iter_mut().filter(wanted).collect();
        if moving.is_empty() {
            return Ok(true);
        }
        for moving in &moving {
            if !move_rows(&snapshot, &self.main, &moving.table, go_on)? {
                return Ok(false);
            }
        }
        let mut blocks: Vec<_> = moving
            .iter()
            .map(|moving| (moving.table.prefix(), Blocks::new(&self.main, moving.from)))
            .collect();
        for version in snapshot.scan_versions() {
            let version = version?;
            let of = blocks.iter_mut().find(|(prefix, _)| version.key.starts_with(prefix));
            if let Some((_, blocks)) = of
                && blocks.push(version)?
                && !go_on()
            {
                return Ok(false);
            }
        }
        for (_, mut blocks) in blocks {
            blocks.finish()?;
        }
        for moving in &mut moving {
            moving.following = true;
        }
        Ok(true)
    }

    /// The digests of the views as folded so far, by version.
    pub(crate) fn digests(&self) -> BTreeMap<String, Digest> {
        let digests = &self.folder.fold().head().digests;
        let of = |moving: &Moving| {
            let version = moving.table.version_hex();
            let digest = digests.get(&version).copied().unwrap_or_default();
            (version, digest)
        };
        self.tables.iter().map(of).collect()
    }

    /// The scratch store's rows.
    pub(crate) fn rows(&self) -> Snapshot {
        self.scratch.snapshot()
    }

    /// Closes the scratch store and removes it.
    pub(crate) fn remove(self) -> Result<()> {
        let dir = self.dir.clone();
        drop(self);
        clear(&dir)
    }
}

impl Moving {
    fn new(table: &Table, main: &Arc<PartitionStore>, head: &Head) -> Result<Self> {
        let known = head.digests.get(&table.version_hex()).is_some_and(|d| d.versions > 0);
        Ok(Self { from: moved_before(table, main)?, table: table.clone(), known, following: false })
    }
}

/// The first offset whose versions of this table are not in the store.
fn moved_before(table: &Table, main: &Arc<PartitionStore>) -> Result<u64> {
    let (snapshot, prefix) = (main.snapshot(), table.prefix());
    // Rows go over before versions do.
    match snapshot.scan_latest(prefix.to_vec(), Table::after(&prefix)).next() {
        None => return Ok(0),
        Some(row) => row?,
    };
    let mut from = 0;
    for (_, piece) in snapshot.sealed(prefix)? {
        from = from.max(Piece::from_bytes(&piece)?.last_offset.saturating_add(1));
    }
    for version in snapshot.scan_versions() {
        let version = version?;
        if version.key.starts_with(&prefix) {
            from = from.max(version.offset.saturating_add(1));
        }
    }
    Ok(from)
}

fn move_rows(from: &Snapshot, to: &PartitionStore, table: &Table, go_on: GoOn<'_>) -> Result<bool> {
    let prefix = table.prefix();
    let mut latest = Vec::new();
    for row in from.scan_latest(prefix.to_vec(), Table::after(&prefix)) {
        let (key, value) = row?;
        latest.push((key, Some(value)));
        if latest.len() >= MOVE_ROWS_MAX {
            let latest = std::mem::take(&mut latest);
            to.commit(&Commit { latest, backfill: true, ..Commit::default() })?;
            if !go_on() {
                return Ok(false);
            }
        }
    }
    to.commit(&Commit { latest, backfill: true, ..Commit::default() })?;
    Ok(true)
}

/// Versions of one table, written block by block in the order of their offsets.
struct Blocks<'a> {
    to: &'a PartitionStore,
    from: u64,
    versions: Vec<Version>,
}

impl<'a> Blocks<'a> {
    fn new(to: &'a PartitionStore, from: u64) -> Self {
        Self { to, from, versions: Vec::new() }
    }

    /// Takes the next version; whether a block was written.
    fn push(&mut self, version: Version) -> Result<bool> {
        if version.offset < self.from {
            return Ok(false);
        }
        // A block is named by its first offset: versions of one offset stay together.
        let cut = self.versions.last().is_some_and(|last| {
            let full = self.versions.len() >= MOVE_ROWS_MAX && last.offset != version.offset;
            full || last.offset / SEAL_EVERY != version.offset / SEAL_EVERY
        });
        if cut {
            self.finish()?;
        }
        self.versions.push(version);
        Ok(cut)
    }

    fn finish(&mut self) -> Result<()> {
        let versions = std::mem::take(&mut self.versions);
        Ok(self.to.commit(&Commit { versions, backfill: true, ..Commit::default() })?)
    }
}

fn clear(dir: &Path) -> Result<()> {
    match std::fs::remove_dir_all(dir) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(Error::new(ErrorKind::Retry, format!("{}: {error}", dir.display())))
        }
        _ => Ok(()),
    }
}

impl std::fmt::Debug for Beside {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Beside")
            .field("id", &self.id)
            .field("dir", &self.dir)
            .finish_non_exhaustive()
    }
}
