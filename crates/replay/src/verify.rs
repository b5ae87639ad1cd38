//! The verification: the partitions again, each beside its store, then three digests a view.

use std::{collections::BTreeMap, num::NonZeroUsize, path::PathBuf, sync::Arc, time::Instant};

use headwater_engine::{Error, ErrorKind, Result};
use headwater_event::{Offset, PartitionId};
use headwater_fold::{Digest, Head, Table, family::built_in_tables};
use headwater_log::{EventLog, Topics};
use headwater_store::StoreSet;

use crate::{
    LeftOut, Progress, Report, Stop, ViewReport, Watch, compare,
    partition::{self, Opened, Part, PartView, Shared},
    published,
    tables::{Tables, read_by_name},
    work::{each, settled_end, threads_default},
};

/// What a replay begins with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum From {
    /// Nothing: every record is folded again.
    Start,
    /// The stores in this data folder, such as one that a snapshot was restored into. They are
    /// copied, never written; only the records after their positions are folded.
    Store(PathBuf),
}

/// What is to be verified, and how.
#[derive(Clone)]
pub struct Verify {
    /// What the replay begins with.
    pub from: From,
    /// The moment at which rows are compared: the last offset, itself included, by partition. Empty
    /// for that of the stores; else partitions that are left out are compared at the store's.
    pub as_of: BTreeMap<PartitionId, Offset>,
    /// An empty folder, which is empty again at the end.
    pub scratch: PathBuf,
    /// Where topics of publications are read, to compare what is there with what the replay would publish.
    pub topics: Option<Arc<dyn Topics>>,
    /// How many partitions are folded at once, each with a scratch store of its own.
    pub threads: NonZeroUsize,
    /// Who is told of progress.
    pub watch: Watch,
    /// Ends it before its time. Dropping the future instead leaves the threads to themselves.
    pub stop: Stop,
}

impl Verify {
    /// Everything from the start, at the stores' moment, with all cores.
    pub fn new(scratch: impl Into<PathBuf>) -> Self {
        Self {
            from: From::Start,
            as_of: BTreeMap::new(),
            scratch: scratch.into(),
            topics: None,
            threads: threads_default(),
            watch: Arc::new(|_| {}),
            stop: Stop::new(),
        }
    }
}

/// Folds the log again into the scratch folder and compares it with `stores`, view by view.
pub async fn verify(log: Arc<dyn EventLog>, stores: &StoreSet, verify: Verify) -> Result<Report> {
    let started = Instant::now();
    let opened = open(&log, stores, &verify).await?;
    let control = opened
        .get(&PartitionId::Control)
        .ok_or_else(|| Error::new(ErrorKind::Bug, "a log without the control partition"))?;
    // What is damaged is told by the comparison.
    let read = read_by_name(&control.store.snapshot()).ok();
    let shared = Shared {
        log,
        from: verify.from.clone(),
        scratch: verify.scratch.clone(),
        tables: Arc::new(Tables::declared(&control.store.snapshot())?),
        watch: Arc::clone(&verify.watch),
        stop: verify.stop.clone(),
    };
    let ids = opened.keys().copied().collect();
    let opened = Arc::new(opened);
    let parts = each(ids, verify.threads, &verify.stop, move |id| {
        let (shared, opened) = (shared.clone(), opened.get(&id).cloned());
        async move {
            let missing = || Error::new(ErrorKind::Bug, format!("no partition {id}"));
            partition::run(shared, opened.ok_or_else(missing)?).await
        }
    });
    let parts = parts.await?;
    let mut report = report(&parts, &verify.from);
    compare_publications(&parts, &verify, &mut report).await?;
    let other = |view: &&mut ViewReport| read.as_ref().is_some_and(|r| !r.contains(&view.version));
    for view in report.views.iter_mut().filter(other) {
        // As it is asked for in SQL.
        let digits: String = view.version.chars().take(8).collect();
        view.table = format!("{}@{digits}", view.table);
    }
    report.seconds = started.elapsed().as_secs_f64();
    Ok(report)
}

/// Opens all stores first, so that they are of nearly one moment; a replay takes its time.
async fn open(
    log: &Arc<dyn EventLog>,
    stores: &StoreSet,
    verify: &Verify,
) -> Result<BTreeMap<PartitionId, Opened>> {
    let mut all = BTreeMap::new();
    for id in PartitionId::all(log.data_partitions()) {
        let store = stores.partition(&id.to_string())?;
        let mut problems = Vec::new();
        let kept = compare::kept(id, &store, &mut problems)?;
        let end = Offset(0);
        all.insert(id, Opened { id, store, kept, problems, end, as_of: None });
    }
    if let Some(unknown) = verify.as_of.keys().find(|id| !all.contains_key(id)) {
        let (name, count) = (log.describe(), log.data_partitions());
        let what =
            format!("compare partition {unknown}: {name} has control and {count} data partitions");
        return Err(Error::new(ErrorKind::Reject, what));
    }
    if verify.from == From::Start {
        for (id, opened) in &all {
            refuse_trimmed(log, *id, opened).await?;
        }
    }
    for (id, opened) in &mut all {
        let position = opened.kept.position;
        let log_end = settled_end(log, *id, position.as_ref()).await?;
        // Where the position can't be trusted, everything that is on the log.
        let mut end = position.map_or(log_end, |position| position.last.next());
        if end > log_end {
            opened.problems.push(format!(
                "partition {id}: the position is offset {}, the log ends at {log_end}",
                end.0.saturating_sub(1)
            ));
            end = log_end;
        }
        if !verify.as_of.is_empty() {
            let at = verify.as_of.get(id).copied().or(end.0.checked_sub(1).map(Offset));
            let past = at.is_some_and(|at| at >= end);
            if let (Some(at), true) = (at, past) {
                let what = format!(
                    "compare partition {id} as of offset {at}: its store has folded up to {}",
                    end.0.checked_sub(1).map_or("nothing".to_owned(), |last| last.to_string())
                );
                return Err(Error::new(ErrorKind::Reject, what));
            }
            end = at.map_or(end, Offset::next);
            opened.as_of = at;
        }
        opened.end = end;
        (verify.watch)(Progress::Planned { partition: *id, end });
    }
    Ok(all)
}

/// What was taken away can't be folded again.
async fn refuse_trimmed(log: &Arc<dyn EventLog>, id: PartitionId, opened: &Opened) -> Result<()> {
    let start = log.start(id).await?;
    if start == Offset(0) {
        return Ok(());
    }
    let origin = opened.kept.head.as_ref().and_then(|head| head.origin.as_ref());
    let hint = match origin {
        Some(origin) => format!(
            "the log was trimmed when snapshot {0} at {1} had become its origin: restore it into another \
             folder (headwater snapshot restore {1} {0} --data ORIGIN, with this folder's log) and \
             begin there with --from ORIGIN",
            origin.snapshot, origin.place
        ),
        None => "and no snapshot is known to be its origin".to_owned(),
    };
    let what = format!("fold partition {id} from its start: it begins at offset {start}; {hint}");
    Err(Error::new(ErrorKind::Reject, what))
}

fn report(parts: &[Part], from: &From) -> Report {
    let mut report = Report::default();
    let mut views: BTreeMap<&str, ViewReport> = BTreeMap::new();
    for part in parts {
        report.problems.extend(part.problems.iter().cloned());
        report.left_out.extend(part.left_out.iter().cloned());
        report.partitions.push(part.report.clone());
        for (version, view) in &part.views {
            let sum = views.entry(version).or_insert_with(|| empty(version, view));
            add(sum, view);
        }
    }
    report.views = in_order(views.into_values());
    tell(&mut report, parts, from);
    report.left_out.sort();
    report.left_out.dedup();
    report
}

/// Says what was compared, and compares what needs all partitions.
fn tell(report: &mut Report, parts: &[Part], from: &From) {
    let as_of = report.views.iter().any(|view| view.kept.is_none());
    let rows = "every row and version on disk with the replay's, byte for byte, and their digests";
    report.compared.push(rows.to_owned());
    if !as_of {
        let kept = "the digests, clocks, counters, counts and positions that the stores keep";
        report.compared.push(kept.to_owned());
    }
    if let From::Store(dir) = from {
        let began = report.partitions.iter().map(|part| match part.began_after {
            Some(last) => format!("{}:{last}", part.partition),
            None => format!("{}:none", part.partition),
        });
        report.left_out.push(LeftOut::new(
            format!("records up to {}", began.collect::<Vec<_>>().join(",")),
            format!("what they gave is taken from the stores in {}", dir.display()),
        ));
    }
    let outbox = "events that one partition derived for another, against those that came there";
    if as_of {
        let reason = "the partitions' moments need not be ones at which nothing is on its way";
        report.left_out.push(LeftOut::new(outbox, reason));
    } else if parts.iter().all(|part| part.at_rest) {
        let heads: BTreeMap<PartitionId, &Head> =
            parts.iter().map(|part| (part.id, &part.head)).collect();
        compare::outbox(&heads, &mut report.problems);
        report.compared.push(outbox.to_owned());
    } else {
        // The partitions are of slightly different moments: what one gave to the outbox may or may
        // not have come to the other.
        let reason = "records are still to be folded or events to be delivered: verify again when \
                      nothing is written";
        report.left_out.push(LeftOut::new(outbox, reason));
    }
}

/// What would be published to topics of the users' own, against what is there.
async fn compare_publications(parts: &[Part], verify: &Verify, report: &mut Report) -> Result<()> {
    let control = parts.iter().find(|part| part.id == PartitionId::Control);
    let Some(control) = control else { return Ok(()) };
    for (name, declared) in &control.publications {
        let what = || format!("publication {name} against topic {}", declared.topic);
        let Some(topics) = &verify.topics else {
            report.left_out.push(LeftOut::new(what(), "topics are read with --topics"));
            continue;
        };
        let delivered = parts.iter().all(|part| {
            part.at_rest && !part.undelivered.iter().any(|undelivered| undelivered == name)
        });
        if !delivered {
            let reason = "events are still to be delivered: verify again when nothing is written";
            report.left_out.push(LeftOut::new(what(), reason));
            continue;
        }
        let heads = parts.iter().map(|part| (part.id, &part.head)).collect();
        published::compare(&**topics, name, declared, &heads, report).await?;
    }
    Ok(())
}

fn empty(version: &str, view: &PartView) -> ViewReport {
    ViewReport {
        table: view.table.clone(),
        version: version.to_owned(),
        kept: view.kept.map(|_| Digest::default()),
        on_disk: Digest::default(),
        replayed: Digest::default(),
        equal: true,
        first_difference: None,
    }
}

fn add(sum: &mut ViewReport, view: &PartView) {
    sum.kept = sum.kept.zip(view.kept).map(|(sum, kept)| sum.merge(kept));
    sum.on_disk = sum.on_disk.merge(view.on_disk);
    sum.replayed = sum.replayed.merge(view.replayed);
    sum.equal &= view.equal;
    if sum.first_difference.is_none() {
        sum.first_difference.clone_from(&view.difference);
    }
}

/// Built-in tables first, as they are listed, then feature views by name; empty ones are left out.
fn in_order(views: impl Iterator<Item = ViewReport>) -> Vec<ViewReport> {
    let listed: Vec<String> = built_in_tables().into_iter().map(Table::version_hex).collect();
    let mut views: Vec<_> =
        views.filter(|view| !view.equal || view.replayed != Digest::default()).collect();
    let place = |view: &ViewReport| listed.iter().position(|version| *version == view.version);
    views.sort_by_key(|view| (place(view).unwrap_or(usize::MAX), view.table.clone()));
    views
}
