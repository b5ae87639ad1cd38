//! One partition: folded again beside its store, then compared row by row.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
    sync::Arc,
};

use headwater_engine::{Error, Folder, Result};
use headwater_event::{Offset, PartitionId};
use headwater_fold::{Digest, Head};
use headwater_history::History;
use headwater_log::{EventLog, ReadLimits};
use headwater_store::PartitionStore;
use headwater_topology::Publication;

use crate::{
    Difference, From, LeftOut, PartitionReport, Progress, Stop, Watch,
    compare::{self, Kept},
    difference,
    scan::{Scanned, Sums, Which, scan},
    scratch::Scratch,
    stored::Stored,
    tables::Tables,
    work::hex,
};

/// The name of rows whose view nobody declares any more.
const UNDECLARED: &str = "a view that no topology on control declares";

/// A partition as it was opened, before anything is folded.
#[derive(Debug, Clone)]
pub(crate) struct Opened {
    pub(crate) id: PartitionId,
    pub(crate) store: Arc<PartitionStore>,
    pub(crate) kept: Kept,
    pub(crate) problems: Vec<String>,
    /// The first offset that is not folded again.
    pub(crate) end: Offset,
    /// The moment, if it is not that of the store.
    pub(crate) as_of: Option<Offset>,
}

/// What all partitions have in common.
#[derive(Clone)]
pub(crate) struct Shared {
    pub(crate) log: Arc<dyn EventLog>,
    pub(crate) from: From,
    pub(crate) scratch: PathBuf,
    pub(crate) tables: Arc<Tables>,
    pub(crate) watch: Watch,
    pub(crate) stop: Stop,
}

impl Shared {
    /// The data folder whose sealed files a replay's store may name: that which it began with.
    fn sealed_of_replay(&self) -> &Path {
        match &self.from {
            From::Start => &self.scratch,
            From::Store(dir) => dir,
        }
    }
}

/// What became of a partition.
#[derive(Debug)]
pub(crate) struct Part {
    pub(crate) id: PartitionId,
    pub(crate) head: Head,
    /// Whether the store had folded all of the log, and the outbox had nothing left.
    pub(crate) at_rest: bool,
    /// What is published, as control's topology has it.
    pub(crate) publications: BTreeMap<String, Publication>,
    /// Publications of which something is still to be delivered.
    pub(crate) undelivered: Vec<String>,
    pub(crate) views: BTreeMap<String, PartView>,
    pub(crate) problems: Vec<String>,
    pub(crate) left_out: Vec<LeftOut>,
    pub(crate) report: PartitionReport,
}

/// One view in one partition.
#[derive(Debug)]
pub(crate) struct PartView {
    pub(crate) table: String,
    pub(crate) kept: Option<Digest>,
    pub(crate) on_disk: Digest,
    pub(crate) replayed: Digest,
    pub(crate) equal: bool,
    pub(crate) difference: Option<Difference>,
}

/// Folds the partition again and compares; the scratch folder is gone when this answers.
pub(crate) async fn run(shared: Shared, opened: Opened) -> Result<Part> {
    let id = opened.id;
    let scratch = Scratch::new(&shared.scratch, id)?;
    let fresh = match &shared.from {
        From::Start => scratch.empty()?,
        From::Store(dir) => scratch.copy_of(dir)?,
    };
    let mut folder = resume(&shared, &opened, &scratch, &fresh).await?;
    let (began, before) = (folder.next(), folder.fold().head().counts.records);
    (shared.watch)(Progress::Begun { partition: id, from: began });
    let told = |next| (shared.watch)(Progress::Read { partition: id, next });
    let folding = folder.take_until(opened.end, ReadLimits::default(), &told);
    shared.stop.or(folding).await?;
    (shared.watch)(Progress::Comparing { partition: id });
    let at_rest = opened.as_of.is_none()
        && opened.end == shared.log.end(id).await?
        && headwater_engine::nothing_to_publish(&opened.store)?;
    let replay = Replay {
        stored: Stored::new(opened.store.snapshot(), History::of(&opened.store, &id.to_string())),
        replayed: Stored::new(
            fresh.snapshot(),
            History::new(shared.sealed_of_replay(), &id.to_string()),
        ),
        folder: &folder,
        opened: &opened,
    };
    let mut part = replay.compare(&shared)?;
    part.at_rest = at_rest;
    for name in part.head.published.keys() {
        if !headwater_engine::nothing_to_deliver(&opened.store, name)? {
            part.undelivered.push(name.clone());
        }
    }
    part.report.records = part.head.counts.records.saturating_sub(before);
    part.report.began_after = began.0.checked_sub(1);
    (shared.watch)(Progress::Done { partition: id });
    Ok(part)
}

async fn resume(
    shared: &Shared,
    opened: &Opened,
    scratch: &Scratch,
    fresh: &Arc<PartitionStore>,
) -> Result<Folder> {
    let log = Arc::clone(&shared.log);
    let resumed = Folder::resume(log, Arc::clone(fresh), opened.id, scratch.backfill_dir()).await;
    let From::Store(dir) = &shared.from else { return resumed };
    let within = |what: String| format!("start from the store in {}: {what}", dir.display());
    let folder = resumed.map_err(|error| Error::new(error.kind(), within(error.to_string())))?;
    if folder.next() > opened.end {
        let what = format!(
            "partition {} is folded to offset {} there, past the offset to compare at, {}: start \
             from an older one, or without",
            opened.id,
            folder.next().0.saturating_sub(1),
            opened.end.0.saturating_sub(1)
        );
        return Err(Error::new(headwater_engine::ErrorKind::Reject, within(what)));
    }
    Ok(folder)
}

/// Both sides.
struct Replay<'a> {
    stored: Stored,
    replayed: Stored,
    folder: &'a Folder,
    opened: &'a Opened,
}

impl Replay<'_> {
    fn compare(&self, shared: &Shared) -> Result<Part> {
        let Opened { id, kept, as_of, .. } = self.opened;
        let fold = self.folder.fold();
        let mut tables = Tables::clone(&shared.tables);
        // A store that was opened a moment later than control's may know a newer topology.
        tables.add_views(fold.compiled());
        let mut problems = self.opened.problems.clone();
        let mut left_out = Vec::new();
        let rows = as_of.map(|at| Ok::<_, Error>((self.stored.rows_at(at)?, at))).transpose()?;
        let which = match &rows {
            None => Which::Now,
            Some((rows, at)) => Which::AsOf(rows, *at),
        };
        let on_disk = scan(&self.stored, &which, &tables, &shared.stop)?;
        let replayed = scan(&self.replayed, &Which::Now, &tables, &shared.stop)?;
        let named = |what: &String| format!("partition {id}: {what}");
        problems.extend(on_disk.problems.iter().map(named));
        problems.extend(replayed.problems.iter().map(|what| format!("replay of {id}: {what}")));
        match which {
            Which::Now => {
                compare::heads(*id, kept, fold.head(), fold.position(), &mut problems);
            }
            Which::AsOf(..) => left_out.push(LeftOut::new(
                "digests, counters and positions that the stores keep",
                "they are kept of now only; rows and versions as of then were compared",
            )),
        }
        for version in on_disk.sums.keys().filter(|version| self.is_folded_later(version)) {
            let table = tables.iter().find(|table| table.version_hex() == *version);
            let table = table.map_or(UNDECLARED.to_owned(), headwater_fold::Table::full_name);
            left_out.push(LeftOut::new(
                format!("version {version} of {table} in partition {id}"),
                "its history was folded later than that, when it came to be read: compare at a \
                 moment from there on",
            ));
        }
        for (prefix, dropped) in &on_disk.dropped {
            let table = tables.of(prefix).map_or(UNDECLARED.to_owned(), |t| t.full_name());
            left_out.push(LeftOut::new(
                format!("{} versions of {table} in partition {id}", dropped.versions),
                "retention took them; the sum of their hashes is kept, and was counted",
            ));
        }
        Ok(Part {
            id: *id,
            head: fold.head().clone(),
            at_rest: false,
            publications: fold.compiled().topology.publications.clone(),
            undelivered: Vec::new(),
            views: self.views(&tables, &which, &on_disk, &replayed, &mut problems),
            problems,
            left_out,
            report: PartitionReport {
                partition: id.to_string(),
                records: 0,
                began_after: None,
                position: match as_of {
                    Some(at) => Some(at.0),
                    None => kept.position.map(|position| position.last.0),
                },
                chain: fold.position().map(|position| hex(&position.chain)).unwrap_or_default(),
            },
        })
    }

    fn views(
        &self,
        tables: &Tables,
        which: &Which<'_>,
        on_disk: &Scanned,
        replayed: &Scanned,
        problems: &mut Vec<String>,
    ) -> BTreeMap<String, PartView> {
        let id = self.opened.id;
        let head = self.folder.fold().head();
        let kept_head = self.opened.kept.head.as_ref();
        let by_version: BTreeMap<String, _> =
            tables.iter().map(|table| (table.version_hex(), table)).collect();
        let kept_versions = kept_head.into_iter().flat_map(|head| head.digests.keys());
        let versions: BTreeSet<&String> =
            by_version.keys().chain(kept_versions).chain(head.digests.keys()).collect();
        let mut views = BTreeMap::new();
        for version in versions {
            if self.is_unfinished(version) || self.is_folded_later(version) {
                continue;
            }
            let table = by_version.get(version).copied();
            let of = |head: &Head| head.digests.get(version).copied().unwrap_or_default();
            let sums = |scanned: &Scanned| scanned.sums.get(version).copied().unwrap_or_default();
            let (mut stored, folded): (Sums, Sums) = (sums(on_disk), sums(replayed));
            let dropped = table.and_then(|table| on_disk.dropped.get(&table.prefix())).copied();
            if let Some(dropped) = dropped {
                stored.digest.versions += dropped.versions;
                stored.digest.history = stored.digest.history.wrapping_add(dropped.sum);
            }
            let digest = of(head);
            if folded.digest != digest {
                problems.push(format!(
                    "replay of {id}: the fold keeps another digest of version {version} than its \
                     own rows have: this is a mistake in the program"
                ));
            }
            let kept = match which {
                Which::Now => Some(kept_head.map(of).unwrap_or_default()),
                Which::AsOf(..) => None,
            };
            let equal = kept.is_none_or(|kept| kept == stored.digest)
                && stored.digest == digest
                // Of what retention took there is the sum of the contents, no more.
                && (dropped.is_some() || stored.whole == folded.whole);
            let difference = match table {
                Some(table) if !equal => {
                    difference::first(id, table, (&self.stored, which), &self.replayed)
                }
                _ => None,
            };
            let table = table.map_or(UNDECLARED.to_owned(), headwater_fold::Table::full_name);
            let view = PartView {
                table,
                kept,
                on_disk: stored.digest,
                replayed: digest,
                equal,
                difference,
            };
            views.insert(version.clone(), view);
        }
        views
    }

    /// Whether rows of a version were added below the moment after it: the version was not read there,
    /// and its history, or what it had missed, was folded when it was declared later.
    fn is_folded_later(&self, version: &str) -> bool {
        let Opened { id, as_of: Some(_), kept, .. } = self.opened else { return false };
        let fold = self.folder.fold();
        let compiled = fold.compiled();
        let coming = compiled.coming.iter().filter(|view| view.live);
        let mut folded = compiled.views.iter().chain(coming);
        let versions = |head: &Head| head.digests.get(version).map_or(0, |digest| digest.versions);
        *id != PartitionId::Control
            && !folded.any(|view| view.tables().iter().any(|table| table.version_hex() == version))
            && kept.head.as_ref().map_or(0, versions) > versions(fold.head())
    }

    /// Whether this partition holds rows of a version that nobody can read: its history is being
    /// folded beside, or was given up before it was whole. It is compared once it is.
    fn is_unfinished(&self, version: &str) -> bool {
        let replayed = self.folder.fold().head();
        let head = self.opened.kept.head.as_ref().unwrap_or(replayed);
        let building = head.coming.get(version).is_some_and(|coming| coming.built.is_empty());
        let adopted = [head, replayed].iter().any(|head| head.digests.contains_key(version));
        let built_in = headwater_fold::family::built_in_tables();
        let is_view = !built_in.iter().any(|table| table.version_hex() == version);
        self.opened.id != PartitionId::Control && is_view && (building || !adopted)
    }
}
