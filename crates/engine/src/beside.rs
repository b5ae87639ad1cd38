//! The history of views, folded in a scratch store beside the partition's own and moved over.
//!
//! Nobody reads the rows before the partition's fold has adopted their digests, so a crash on the way
//! only means to begin again: what was moved before is found, and not moved twice.

use std::{collections::BTreeMap, path::Path, sync::Arc};

use headwater_event::{Offset, PartitionId};
use headwater_fold::{CompiledView, Digest, Head, Table};
use headwater_history::Piece;
use headwater_log::EventLog;
use headwater_store::{Commit, PartitionStore, Snapshot, Version};

use crate::{
    Error, ErrorKind, Result,
    beginning::Beginning,
    scratch::{GoOn, Scratch},
};

/// Rows moved in one batch: it is written in milliseconds.
const MOVE_ROWS_MAX: usize = 1_000;
/// Views whose history is being folded beside.
#[derive(Debug)]
pub(crate) struct Beside {
    scratch: Scratch,
    main: Arc<PartitionStore>,
    tables: Vec<Moving>,
}

/// A table on its way.
#[derive(Debug)]
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

impl Beside {
    /// Begins with nothing folded. `head` is of the fold whose rows these are to be.
    pub(crate) fn open(
        log: Arc<dyn EventLog>,
        main: Arc<PartitionStore>,
        id: PartitionId,
        views: Vec<CompiledView>,
        head: &Head,
        beginning: Beginning,
        scratch_dir: &Path,
    ) -> Result<Self> {
        let tables = views.iter().flat_map(CompiledView::tables);
        let tables = tables.map(|table| Moving::new(&table, &main, head));
        let tables: Vec<Moving> = tables.collect::<Result<_>>()?;
        let cut = head.origin.as_ref().zip(tables.iter().find(|moving| moving.known));
        if let Some((origin, Moving { table, .. })) = cut {
            // It was folded up to where it was retired; what came between there and the origin is gone.
            let what = format!(
                "feature view {} can't be folded as it was declared once before: the log was trimmed up \
                 to offset {} since; declare it with a difference, and it begins there",
                table.name, origin.offset
            );
            return Err(Error::new(ErrorKind::Reject, what));
        }
        let dir = scratch_dir.join(format!("backfill-{id}"));
        Ok(Self { scratch: Scratch::open(log, id, views, beginning, dir)?, main, tables })
    }

    /// Folds up to `end` (exclusive); `false` if it was told to stop before.
    pub(crate) async fn fold_until(
        &mut self,
        end: Offset,
        go_on: GoOn<'_>,
        told: &(dyn Fn(u64) + Sync),
    ) -> Result<bool> {
        let (main, tables) = (&self.main, &self.tables);
        let each = &mut |commit: Commit, records| {
            told(records);
            follow(main, tables, &commit)
        };
        self.scratch.fold_until(end, go_on, each).await
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
        let snapshot = self.scratch.rows();
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
        let digests = &self.scratch.head().digests;
        let of = |moving: &Moving| {
            let version = moving.table.version_hex();
            let digest = digests.get(&version).copied().unwrap_or_default();
            (version, digest)
        };
        self.tables.iter().map(of).collect()
    }

    /// Closes the scratch store and removes it.
    pub(crate) fn remove(self) -> Result<()> {
        self.scratch.remove()
    }
}

/// Moves what one batch changed in tables that follow.
fn follow(main: &PartitionStore, tables: &[Moving], commit: &Commit) -> Result<()> {
    for moving in tables.iter().filter(|moving| moving.following) {
        let prefix = moving.table.prefix();
        let rows = commit.latest.iter().filter(|(key, _)| key.starts_with(&prefix));
        let rows: Vec<_> = rows.cloned().collect();
        for latest in rows.chunks(MOVE_ROWS_MAX) {
            let latest = latest.to_vec();
            main.commit(&Commit { latest, backfill: true, ..Commit::default() })?;
        }
        let mut blocks = Blocks::new(main, moving.from);
        for version in commit.versions.iter().filter(|v| v.key.starts_with(&prefix)) {
            blocks.push(version.clone())?;
        }
        blocks.finish()?;
    }
    Ok(())
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
            let length = self.to.seal_every();
            full || last.offset / length != version.offset / length
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
