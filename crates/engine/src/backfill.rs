//! The history of a view that was declared after its events came.
//!
//! The partition is folded again from its start into a scratch store, with the new views active from
//! the first record; then their rows, versions and digests move over. Nobody reads them before the
//! topology that declares them is committed, so a crash on the way only means to begin again.

use std::{collections::BTreeMap, path::Path, sync::Arc};

use headwater_event::{Offset, PartitionId};
use headwater_fold::{CompiledView, Digest, PartitionFold};
use headwater_log::{EventLog, ReadLimits};
use headwater_store::{Access, Commit, PartitionStore, StoreOptions, StoreSet, Version};

use crate::{Error, ErrorKind, Folder, Result};

/// Rows moved in one batch.
const MOVE_ROWS_MAX: usize = 1_000;

/// Folds the views' history up to `until` (exclusive) into `store`; answers their digests.
pub(crate) async fn run(
    log: Arc<dyn EventLog>,
    store: &Arc<PartitionStore>,
    id: PartitionId,
    views: Vec<CompiledView>,
    until: Offset,
    scratch_dir: &Path,
) -> Result<BTreeMap<String, Digest>> {
    let tables: Vec<_> = views.iter().map(|view| view.table.clone()).collect();
    let dir = scratch_dir.join(format!("backfill-{id}"));
    clear(&dir)?;
    let scratch_set = StoreSet::open(&dir, Access::ReadWrite, StoreOptions::default())?;
    let scratch = scratch_set.partition(&id.to_string())?;
    let fold = PartitionFold::for_backfill(id, views)?;
    let mut folder = Folder::beside(log, Arc::clone(&scratch), fold, dir.clone());
    // Boxed: a backfill folds, and a fold may backfill.
    Box::pin(folder.take_until(until, ReadLimits::default(), &|_| {})).await?;
    for table in &tables {
        move_table(&scratch, store, &table.prefix())?;
    }
    let digests = tables
        .iter()
        .map(|table| {
            let version = table.version_hex();
            let digest = folder.fold().head().digests.get(&version).copied().unwrap_or_default();
            (version, digest)
        })
        .collect();
    drop(folder);
    drop(scratch);
    drop(scratch_set);
    clear(&dir)?;
    Ok(digests)
}

/// Moves one table's rows and versions. A second run, after a crash, writes the same batches.
fn move_table(from: &Arc<PartitionStore>, to: &PartitionStore, prefix: &[u8]) -> Result<()> {
    let snapshot = from.snapshot();
    let mut latest = Vec::new();
    for row in snapshot.scan_latest(prefix.to_vec(), end_of(prefix)) {
        let (key, value) = row?;
        latest.push((key, Some(value)));
        if latest.len() >= MOVE_ROWS_MAX {
            let latest = std::mem::take(&mut latest);
            to.commit(&Commit { latest, backfill: true, ..Commit::default() })?;
        }
    }
    to.commit(&Commit { latest, backfill: true, ..Commit::default() })?;
    let mut versions: Vec<Version> = Vec::new();
    for version in snapshot.scan_versions() {
        let version = version?;
        if !version.key.starts_with(prefix) {
            continue;
        }
        // A block is named by its first offset: versions of one offset stay together.
        let full = versions.len() >= MOVE_ROWS_MAX;
        if full && versions.last().is_some_and(|last| last.offset != version.offset) {
            let versions = std::mem::take(&mut versions);
            to.commit(&Commit { versions, backfill: true, ..Commit::default() })?;
        }
        versions.push(version);
    }
    to.commit(&Commit { versions, backfill: true, ..Commit::default() })?;
    Ok(())
}

/// The first key after all that begin with `prefix`; empty, for "to the last", if there is none.
fn end_of(prefix: &[u8]) -> Vec<u8> {
    let mut end = prefix.to_vec();
    while let Some(last) = end.pop() {
        if let Some(next) = last.checked_add(1) {
            end.push(next);
            break;
        }
    }
    end
}

fn clear(dir: &Path) -> Result<()> {
    match std::fs::remove_dir_all(dir) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(Error::new(ErrorKind::Retry, format!("{}: {error}", dir.display())))
        }
        _ => Ok(()),
    }
}
