//! The verification: every partition again from its start, then three digests a view.

use std::{collections::BTreeMap, path::Path, sync::Arc};

use headwater_engine::{Error, ErrorKind, Folder};
use headwater_event::{Offset, PartitionId};
use headwater_fold::{Digest, Head};
use headwater_log::{EventLog, ReadLimits};
use headwater_store::{Access, PartitionStore, Snapshot, StoreOptions, StoreSet};

use crate::{PartitionReport, Report, ViewReport, compare, difference, disk, tables};

/// How far a verification has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// The partition being folded.
    pub partition: PartitionId,
    /// The offset reached.
    pub folded: Offset,
    /// The offset to reach.
    pub end: Offset,
}

/// One partition, as it is stored and as it was folded again.
struct Pair {
    id: PartitionId,
    kept: compare::Kept,
    stored: Snapshot,
    replayed: Snapshot,
    head: Head,
    /// Whether the store had folded all of the log, and the outbox had nothing left.
    at_rest: bool,
    problems: Vec<String>,
    report: PartitionReport,
}

/// Folds the log from its start into `scratch` and compares it with `stores`, view by view.
///
/// `scratch` must be an empty folder; the caller removes it.
pub async fn verify(
    log: Arc<dyn EventLog>,
    stores: &StoreSet,
    scratch: &Path,
    progress: &(dyn Fn(Progress) + Send + Sync),
) -> Result<Report, Error> {
    let scratch_stores = StoreSet::open(scratch, Access::ReadWrite, StoreOptions::default())?;
    // All stores first, so that they are of nearly one moment; a replay takes its time.
    let mut opened = Vec::new();
    for id in PartitionId::all(log.data_partitions()) {
        opened.push((id, stores.partition(&id.to_string())?));
    }
    let mut pairs = Vec::new();
    for (id, stored) in opened {
        let fresh = scratch_stores.partition(&id.to_string())?;
        let beside = scratch.join("beside");
        pairs.push(replay(&log, id, &stored, fresh, &beside, progress).await?);
    }
    report(pairs)
}

async fn replay(
    log: &Arc<dyn EventLog>,
    id: PartitionId,
    store: &Arc<PartitionStore>,
    fresh: Arc<PartitionStore>,
    beside: &Path,
    progress: &(dyn Fn(Progress) + Send + Sync),
) -> Result<Pair, Error> {
    let mut problems = Vec::new();
    let kept = compare::kept(id, store, &mut problems);
    let log_end = log.end(id).await?;
    // Where the position can't be trusted, everything that is on the log.
    let mut end = kept.position.map_or(log_end, |position| position.last.next());
    if end > log_end {
        problems.push(format!(
            "partition {id}: the position is offset {}, the log ends at {log_end}",
            end.0.saturating_sub(1)
        ));
        end = log_end;
    }
    let mut folder =
        Folder::resume(Arc::clone(log), Arc::clone(&fresh), id, beside.to_owned()).await?;
    let told = |folded| progress(Progress { partition: id, folded, end });
    folder.take_until(end, ReadLimits::default(), &told).await?;
    let fold = folder.fold();
    compare::heads(id, &kept, fold.head(), fold.position(), &mut problems);
    let report = PartitionReport {
        partition: id.to_string(),
        records: fold.head().counts.records,
        position: kept.position.map(|position| position.last.0),
        chain: fold.position().map(|p| hex(&p.chain)).unwrap_or_default(),
    };
    let head = fold.head().clone();
    Ok(Pair {
        id,
        kept,
        stored: store.snapshot(),
        replayed: fresh.snapshot(),
        head,
        at_rest: end == log.end(id).await? && store.outbox(&[], 1)?.is_empty(),
        problems,
        report,
    })
}

fn report(pairs: Vec<Pair>) -> Result<Report, Error> {
    let control = pairs
        .first()
        .ok_or_else(|| Error::new(ErrorKind::Bug, "a log without the control partition"))?;
    let tables = tables::all(&control.replayed)?;
    let read = tables::read_by_name(&control.replayed)?;
    let mut report = Report::default();
    let mut views: BTreeMap<String, ViewReport> = BTreeMap::new();
    for pair in &pairs {
        let (on_disk, problems) = disk::digests(&pair.stored, &tables);
        let named = problems.into_iter().map(|what| format!("partition {}: {what}", pair.id));
        report.problems.extend(named);
        report.problems.extend(pair.problems.iter().cloned());
        report.partitions.push(pair.report.clone());
        for table in tables.values() {
            let version = table.version_hex();
            if is_unfinished(pair, &version) {
                continue;
            }
            let of = |digests: Option<&BTreeMap<String, Digest>>| {
                digests.and_then(|digests| digests.get(&version)).copied().unwrap_or_default()
            };
            let kept = of(pair.kept.head.as_ref().map(|head| &head.digests));
            let (disk, replayed) = (of(Some(&on_disk)), of(Some(&pair.head.digests)));
            let view = views.entry(version.clone()).or_insert_with(|| ViewReport {
                table: match read.contains(&version) {
                    true => table.full_name(),
                    false => format!("{}@{}", table.full_name(), short(&version)),
                },
                version: version.clone(),
                kept: Digest::default(),
                on_disk: Digest::default(),
                replayed: Digest::default(),
                equal: true,
                first_difference: None,
            });
            view.kept = view.kept.merge(kept);
            view.on_disk = view.on_disk.merge(disk);
            view.replayed = view.replayed.merge(replayed);
            if kept != disk || disk != replayed {
                view.equal = false;
                if view.first_difference.is_none() {
                    let id = pair.id.to_string();
                    view.first_difference =
                        difference::first(&id, table, &pair.stored, &pair.replayed);
                }
            }
        }
    }
    report.views = in_order(views);
    let heads = pairs.iter().map(|pair| (pair.id, pair.head.clone())).collect();
    // While a server writes, the partitions are of slightly different moments, and what one gave to
    // the outbox may or may not have come to the other.
    if pairs.iter().all(|pair| pair.at_rest) {
        compare::outbox(&heads, &mut report.problems);
    }
    Ok(report)
}

/// Whether this partition holds rows of a version that nobody can read: its history is being folded
/// beside, or was given up before it was whole. It is compared once it is.
fn is_unfinished(pair: &Pair, version: &str) -> bool {
    let head = pair.kept.head.as_ref().unwrap_or(&pair.head);
    let building = head.coming.get(version).is_some_and(|coming| coming.built.is_empty());
    let adopted = [head, &pair.head].iter().any(|head| head.digests.contains_key(version));
    let built_in = headwater_fold::family::built_in_tables();
    let is_view = !built_in.iter().any(|table| table.version_hex() == version);
    pair.id != PartitionId::Control && is_view && (building || !adopted)
}

/// Built-in tables first, as they are listed, then feature views by name; empty ones are left out.
fn in_order(views: BTreeMap<String, ViewReport>) -> Vec<ViewReport> {
    let listed: Vec<String> = headwater_fold::family::built_in_tables()
        .into_iter()
        .map(headwater_fold::Table::version_hex)
        .collect();
    let mut views: Vec<_> = views
        .into_values()
        .filter(|view| !view.equal || view.replayed != Digest::default())
        .collect();
    let place = |view: &ViewReport| listed.iter().position(|version| *version == view.version);
    views.sort_by_key(|view| (place(view).unwrap_or(usize::MAX), view.table.clone()));
    views
}

/// Enough digits to ask for a version by.
fn short(version: &str) -> String {
    version.chars().take(8).collect()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
