//! The check of a whole log, its partitions side by side.

use std::{
    num::NonZeroUsize,
    sync::Arc,
    time::{Duration, Instant},
};

use headwater_engine::{Error, ErrorKind, Result};
use headwater_event::{Offset, PartitionId, payload::LogOpened};
use headwater_log::{EventLog, ReadLimits};
use headwater_store::StoreSet;

use super::{
    Finding, FindingKind, KeptHead, LogReport,
    checkpoints::Checkpoint,
    known::{self, Known},
    walk::{Expected, Walk, Walked},
};
use crate::{
    Progress, Stop, Watch,
    work::{each, settled_end, threads_default},
};

/// How long a read waits for records that must be there.
const READ_WAIT: Duration = Duration::from_secs(10);
/// A broker that is away longer is told of.
const IDLE_READS_MAX: u32 = 3;

/// What a log is compared with, and how.
#[derive(Clone)]
pub struct VerifyLog {
    /// Heads that were kept elsewhere; empty if there are none.
    pub heads: Vec<KeptHead>,
    /// How many partitions are read at once.
    pub threads: NonZeroUsize,
    /// Who is told of progress.
    pub watch: Watch,
    /// Ends it before its time.
    pub stop: Stop,
}

impl VerifyLog {
    /// Without heads, with all cores.
    pub fn new() -> Self {
        Self {
            heads: Vec::new(),
            threads: threads_default(),
            watch: Arc::new(|_| {}),
            stop: Stop::new(),
        }
    }
}

impl Default for VerifyLog {
    fn default() -> Self {
        Self::new()
    }
}

/// Reads every partition from its start and compares its chain with what the stores, if they are
/// given, and the heads know of it.
pub async fn verify_log(
    log: Arc<dyn EventLog>,
    stores: Option<&StoreSet>,
    verify: VerifyLog,
) -> Result<LogReport> {
    let started = Instant::now();
    let mut report = LogReport::default();
    let mut expected = Vec::new();
    let data_partitions = log.data_partitions();
    for id in PartitionId::all(data_partitions) {
        let known = match stores {
            Some(stores) => known::ask(stores, id, &mut report.findings)?,
            None => None,
        };
        let end = settled_end(&log, id, known.as_ref().and_then(|it| it.position.as_ref())).await?;
        (verify.watch)(Progress::Planned { partition: id, end });
        if stores.is_some() {
            report.unproven.extend(store_unproven(id, known.as_ref()));
        }
        expected.push((expectation(id, data_partitions, known, &verify.heads), end));
    }
    let ids = expected.iter().map(|(expected, _)| expected.id).collect();
    let (expected, shared) = (Arc::new(expected), verify.clone());
    let walked = each(ids, verify.threads, &verify.stop, move |id| {
        let (log, shared, expected) = (Arc::clone(&log), shared.clone(), Arc::clone(&expected));
        async move {
            let found = expected.iter().find(|(expected, _)| expected.id == id).cloned();
            let missing = || Error::new(ErrorKind::Bug, format!("no partition {id}"));
            let (expected, end) = found.ok_or_else(missing)?;
            walk(&log, expected, end, &shared).await
        }
    });
    let walked = walked.await?;
    identities(&walked, &verify.heads, &mut report);
    unproven(&walked, stores.is_some(), &verify.heads, &mut report);
    for Walked { audit, findings, remarks, .. } in walked {
        report.partitions.push(audit);
        report.findings.extend(findings);
        report.remarks.extend(remarks);
    }
    report.findings.sort_by_key(|finding| finding.partition);
    report.seconds = started.elapsed().as_secs_f64();
    Ok(report)
}

fn expectation(
    id: PartitionId,
    data_partitions: u32,
    known: Option<Known>,
    heads: &[KeptHead],
) -> Expected {
    let (identity, origin, store) = match known {
        Some(known) => (known.identity, known.origin, Some(known.checkpoints)),
        None => (None, None, None),
    };
    let of_this: Vec<Checkpoint> = heads
        .iter()
        .filter(|head| head.partition == id)
        .map(|head| Checkpoint { offset: head.offset, chain: head.chain })
        .collect();
    let heads = (!of_this.is_empty()).then_some(of_this);
    Expected { id, data_partitions, identity, origin, store, heads }
}

/// Reads one partition up to the end that it had at first.
async fn walk(
    log: &Arc<dyn EventLog>,
    expected: Expected,
    end: Offset,
    shared: &VerifyLog,
) -> Result<Walked> {
    let id = expected.id;
    let start = log.start(id).await?;
    let mut walk = Walk::new(expected, start);
    (shared.watch)(Progress::Begun { partition: id, from: start });
    let read = read(log, id, start, end, &mut walk, shared);
    let walked = match shared.stop.or(read).await {
        Ok(()) => walk.finish(end),
        // Damage is an answer, not a failure: the other partitions are still to be read.
        Err(error) if error.kind() == ErrorKind::Corrupt => walk.damaged(error.to_string()),
        Err(error) => return Err(error),
    };
    (shared.watch)(Progress::Done { partition: id });
    Ok(walked)
}

async fn read(
    log: &Arc<dyn EventLog>,
    id: PartitionId,
    start: Offset,
    end: Offset,
    walk: &mut Walk,
    shared: &VerifyLog,
) -> Result<()> {
    if start >= end {
        return Ok(());
    }
    let mut reader = log.reader(id, start).await?;
    let mut idle = 0;
    while reader.position() < end {
        let records = reader.next_batch(ReadLimits::default(), READ_WAIT).await?;
        idle = if records.is_empty() { idle + 1 } else { 0 };
        if idle >= IDLE_READS_MAX {
            // A log that does not answer must not pass for one that ends early.
            let what = format!(
                "read partition {id} of {}: nothing came after offset {}, though it ends at {end}",
                log.describe(),
                reader.position()
            );
            return Err(Error::new(ErrorKind::Retry, what));
        }
        records.iter().filter(|record| record.offset < end).for_each(|record| walk.take(record));
        (shared.watch)(Progress::Read { partition: id, next: reader.position().min(end) });
    }
    Ok(())
}

/// All partitions, and the heads, must be of one log: control's.
fn identities(walked: &[Walked], heads: &[KeptHead], report: &mut LogReport) {
    let control = walked.first().and_then(|walked| walked.opened.as_ref());
    report.log_id = control.map(|opened| opened.log_id.clone());
    let mut another = |partition, expected: String, found: String| {
        report.findings.push(Finding {
            partition,
            kind: FindingKind::AnotherLog,
            after: None,
            up_to: Some(0),
            expected,
            found,
        });
    };
    let named = |opened: &LogOpened| (opened.log_id.clone(), opened.verifying_key.clone());
    for walked in walked.iter().skip(1) {
        if let (Some(control), Some(opened)) = (control, walked.opened.as_ref())
            && named(control) != named(opened)
        {
            let expected = format!("log {}, as control says", control.log_id);
            another(walked.audit.partition, expected, format!("log {}", opened.log_id));
        }
    }
    // A head of the same log for a partition that it does not have can only be another log's.
    let mut told = Vec::new();
    for head in heads {
        let partition = walked.iter().find(|walked| walked.audit.partition == head.partition);
        let opened = partition.map(|walked| walked.opened.as_ref());
        let found = match (opened, control) {
            (None, _) => "no such partition".to_owned(),
            (Some(Some(opened)), _) | (_, Some(opened)) if opened.log_id != head.log_id => {
                format!("log {}", opened.log_id)
            }
            _ => continue,
        };
        let key = (head.partition, head.log_id.clone());
        if !told.contains(&key) {
            told.push(key);
            another(head.partition, format!("log {}, which the heads are of", head.log_id), found);
        }
    }
}

fn store_unproven(id: PartitionId, known: Option<&Known>) -> Option<String> {
    match known {
        Some(known) if known.position.is_some() => None,
        Some(_) => Some(format!("partition {id}: its store tells no position to compare with")),
        None => Some(format!("partition {id}: there is no store to compare with")),
    }
}

/// Says what nobody could have found out.
fn unproven(walked: &[Walked], with_stores: bool, heads: &[KeptHead], report: &mut LogReport) {
    let told = &mut report.unproven;
    if !with_stores {
        told.push("no store was asked: only signatures and heads were compared".to_owned());
    }
    if heads.is_empty() {
        let what = "without --heads: a log and a store that were rewritten together look the same, \
                    but for control's signatures; keep what `headwater digest --log` prints \
                    elsewhere, and give it with --heads FILE";
        told.push(what.to_owned());
        return;
    }
    for walked in walked {
        let id = walked.audit.partition;
        match &walked.audit.heads {
            None => told.push(format!("partition {id}: no head of it was given")),
            Some(agreement) if agreement.records_after > 0 => told.push(format!(
                "partition {id}: {} records after the last head; heads kept from now on will tell \
                 of them",
                agreement.records_after
            )),
            Some(_) => {}
        }
    }
}
