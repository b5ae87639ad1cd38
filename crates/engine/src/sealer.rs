//! The sealer: moves history out of the stores' tails, stretch by stretch, beside the folding.
//!
//! One thread for all partitions: sealing is work for one core for a second or so per
//! [`SEAL_EVERY`](headwater_store::SEAL_EVERY) offsets, and must leave the others to folding and reading.
//! It reads snapshots and writes one small batch a stretch, so nothing waits for it.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::{Duration, Instant},
};

use headwater_event::{Offset, PartitionId, Schemas, Timestamp};
use headwater_fold::{Compiled, Table, family::built_in_tables};
use headwater_history::{Piece, SealReport};
use headwater_store::{Commit, Snapshot};
use headwater_topology::Retention;

use crate::{
    Error, ErrorKind, Result, marks,
    moment::{KEPT_FROM, kept_from},
    shared::{PartitionShared, Shared},
};

/// How often the sealer looks whether a partition has passed the end of a stretch.
const LOOK_EVERY: Duration = Duration::from_millis(250);
/// How often the folder of files that are kept elsewhere is held to its bound.
const ROOM_EVERY: Duration = Duration::from_secs(60);
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
    let mut kept = BTreeMap::new();
    while !shared.is_stopping() {
        let mut rest = LOOK_EVERY;
        for (id, partition) in &shared.partitions {
            if let Err(error) = look_after(shared, partition, &mut kept) {
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

/// Does what is due in a partition. `kept` tells when its folder was last held to its bound, and that all
/// that was sealed before this process is kept where it is to be.
fn look_after(
    shared: &Shared,
    partition: &PartitionShared,
    kept: &mut BTreeMap<PartitionId, Instant>,
) -> Result<()> {
    match kept.get(&partition.id) {
        None => keep_all(partition)?,
        // Reading brings files back.
        Some(last) if last.elapsed() >= ROOM_EVERY => make_room(partition)?,
        Some(_) => {
            seal_all(shared, partition)?;
            return retain(partition);
        }
    }
    kept.insert(partition.id, Instant::now());
    seal_all(shared, partition)?;
    retain(partition)
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
    let named = named(partition)?;
    partition.history.sweep(&named)?;
    partition.history.make_room(&named)?;
    Ok(())
}

/// Before anything is taken from the folder, what was sealed before is where it is to be kept.
fn keep_all(partition: &PartitionShared) -> Result<()> {
    let named = named(partition)?;
    let put = partition.history.keep_all(&named)?;
    if put > 0 {
        let place = partition.history.kept_elsewhere().unwrap_or_default();
        tracing::info!(partition = %partition.id, files = put, place, "sealed history is kept there, too");
    }
    partition.history.make_room(&named)?;
    Ok(())
}

fn make_room(partition: &PartitionShared) -> Result<()> {
    if partition.history.kept_elsewhere().is_some() {
        partition.history.make_room(&named(partition)?)?;
    }
    Ok(())
}

/// The files that the manifest names.
fn named(partition: &PartitionShared) -> Result<BTreeSet<String>> {
    let sealed = partition.store.snapshot().all_sealed()?.into_iter();
    sealed.map(|(_, piece)| Ok(Piece::from_bytes(&piece)?.file)).collect()
}

/// Takes away the versions that the topology in force keeps no longer.
///
/// What can't be read any more is told to readers before it is taken: a crash in between takes it the
/// next time.
fn retain(partition: &PartitionShared) -> Result<()> {
    let progress = partition.progress.borrow().clone();
    let (Some(clock), Some(last)) = (progress.head.clock, progress.next.0.checked_sub(1)) else {
        return Ok(());
    };
    let snapshot = partition.store.snapshot();
    let Some(span_ms) = retention(&snapshot)?.versions_ms else { return Ok(()) };
    let span_micros = span_ms.saturating_mul(1_000);
    let since = Timestamp::from_micros(clock.time.micros().saturating_sub(span_micros));
    let Some(at) = marks::last_offset_at(&snapshot, since, Offset(last))? else { return Ok(()) };
    let horizon = at.next().0 - at.next().0 % partition.store.seal_every();
    if horizon <= kept_from(&snapshot)?.0.saturating_add(1) {
        return Ok(());
    }
    let told = vec![(KEPT_FROM, (horizon - 1).to_le_bytes().to_vec())];
    partition.store.commit(&Commit { meta: told, ..Commit::default() })?;
    let tables = tables(&snapshot)?;
    let table = |view: [u8; 8]| tables.get(&view).cloned();
    let (store, history) = (&partition.store, &partition.history);
    let dropped = headwater_history::rewrite(store, &store.snapshot(), history, horizon, &table)?;
    let versions = dropped.versions;
    tracing::info!(partition = %partition.id, horizon, versions, "dropped history past retention");
    Ok(())
}

/// What the topology that holds says of the past.
fn retention(snapshot: &Snapshot) -> Result<Retention> {
    let Some(stored) = snapshot.get_meta("topology")? else { return Ok(Retention::default()) };
    Ok(Compiled::from_stored(&built_in()?, &stored)?.topology.retention)
}

fn built_in() -> Result<Schemas> {
    Schemas::built_in().map_err(|error| Error::new(ErrorKind::Bug, error.to_string()))
}

/// The tables of all views that ever stood in a partition, as far as this program knows them.
pub(crate) fn tables(snapshot: &Snapshot) -> Result<BTreeMap<[u8; 8], Arc<Table>>> {
    let built_in = built_in()?;
    let mut tables: BTreeMap<[u8; 8], Arc<Table>> = BTreeMap::new();
    for table in built_in_tables() {
        tables.insert(table.prefix(), Arc::new(table.clone()));
    }
    for stored in marks::topologies(snapshot)? {
        let compiled = Compiled::from_stored(&built_in, &stored)?;
        for view in compiled.views.iter().chain(&compiled.coming) {
            let own = view.tables().into_iter().map(|table| (table.prefix(), Arc::new(table)));
            tables.extend(own);
        }
    }
    Ok(tables)
}
