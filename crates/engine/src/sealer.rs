//! The sealer: moves history out of the stores' tails, stretch by stretch, beside the folding.
//!
//! One thread for all partitions: sealing is work for one core for a second or so per
//! [`SEAL_EVERY`](headwater_store::SEAL_EVERY) offsets, and must leave the others to folding and reading.
//! It reads snapshots and writes one small batch a stretch, so nothing waits for it.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use headwater_event::Schemas;
use headwater_fold::{Compiled, Table, family::built_in_tables};
use headwater_history::{Piece, SealReport};
use headwater_store::Snapshot;

use crate::{
    Error, ErrorKind, Result, marks,
    shared::{PartitionShared, Shared},
};

/// How often the sealer looks whether a partition has passed the end of a stretch.
const LOOK_EVERY: Duration = Duration::from_millis(250);
/// How long it rests after a failure: a full disk, most likely. History waits in the tail meanwhile.
const RETRY_AFTER: Duration = Duration::from_secs(10);

/// Starts the thread.
pub(crate) fn start(shared: Arc<Shared>) -> Result<std::thread::JoinHandle<()>> {
    let thread = std::thread::Builder::new().name("seal".to_owned());
    thread
        .spawn(move || run(&shared))
        .map_err(|error| Error::new(ErrorKind::Retry, format!("start a thread: {error}")))
}

fn run(shared: &Shared) {
    while !shared.is_stopping() {
        let mut rest = LOOK_EVERY;
        for (id, partition) in &shared.partitions {
            if let Err(error) = seal_all(shared, partition) {
                tracing::error!(partition = %id, %error, "history was not sealed; trying again");
                rest = RETRY_AFTER;
            }
        }
        while !shared.is_stopping() && !rest.is_zero() {
            std::thread::sleep(LOOK_EVERY.min(rest));
            rest = rest.saturating_sub(LOOK_EVERY);
        }
    }
}

/// Seals every stretch that a partition has passed, then removes files that nobody reads any more.
fn seal_all(shared: &Shared, partition: &PartitionShared) -> Result<()> {
    let next = partition.progress.borrow().next;
    let mut sealed = SealReport::default();
    while let Some(stretch) = partition.store.snapshot().unsealed(next.0)? {
        if shared.is_stopping() {
            return Ok(());
        }
        let tables = tables(&partition.store.snapshot())?;
        let table = |view: [u8; 8]| tables.get(&view).cloned();
        let report =
            headwater_history::seal(&partition.store, &partition.history, &stretch, &table)?;
        sealed.versions += report.versions;
        sealed.files += report.files;
        sealed.bytes += report.bytes;
    }
    if sealed.files == 0 {
        return Ok(());
    }
    let (versions, files, bytes) = (sealed.versions, sealed.files, sealed.bytes);
    tracing::info!(partition = %partition.id, versions, files, bytes, "history sealed");
    let named = partition.store.snapshot().all_sealed()?.into_iter();
    let named = named.map(|(_, piece)| Ok(Piece::from_bytes(&piece)?.file));
    let named: BTreeSet<String> = named.collect::<Result<_>>()?;
    partition.history.sweep(&named)?;
    Ok(())
}

/// The tables of all views that ever stood in a partition, as far as this program knows them.
pub(crate) fn tables(snapshot: &Snapshot) -> Result<BTreeMap<[u8; 8], Arc<Table>>> {
    let built_in =
        Schemas::built_in().map_err(|error| Error::new(ErrorKind::Bug, error.to_string()))?;
    let mut tables: BTreeMap<[u8; 8], Arc<Table>> = BTreeMap::new();
    for table in built_in_tables() {
        tables.insert(table.prefix(), Arc::new(table.clone()));
    }
    for stored in marks::topologies(snapshot)? {
        let compiled = Compiled::from_stored(&built_in, &stored)?;
        for view in compiled.views.iter().chain(&compiled.coming) {
            tables.insert(view.table.prefix(), Arc::new(view.table.clone()));
        }
    }
    Ok(tables)
}
