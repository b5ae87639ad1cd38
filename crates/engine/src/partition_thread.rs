//! The thread of one partition: read, fold, commit, tell.
//!
//! A thread of its own, because folding and committing block; async code waits beside it.

use std::{sync::Arc, time::Duration};

use headwater_event::{Offset, PartitionId};
use headwater_log::{EventLog, ReadLimits};
use tokio::runtime::Handle;

use crate::{
    Error, ErrorKind, Folder, Result,
    shared::{PartitionShared, Progress, Shared},
};

/// How long a read waits for records: the time within which a stop is noticed.
const READ_WAIT: Duration = Duration::from_millis(100);
/// How long a partition rests before it reads again after the log failed it.
const RETRY_AFTER: Duration = Duration::from_millis(500);

/// What a partition's thread is given.
pub(crate) struct Job {
    pub(crate) log: Arc<dyn EventLog>,
    pub(crate) shared: Arc<Shared>,
    pub(crate) partition: Arc<PartitionShared>,
    pub(crate) folder: Folder,
    pub(crate) limits: ReadLimits,
}

/// Starts the thread.
pub(crate) fn start(job: Job, runtime: Handle) -> Result<std::thread::JoinHandle<()>> {
    let name = format!("fold-{}", job.partition.id);
    std::thread::Builder::new()
        .name(name)
        .spawn(move || {
            let partition = Arc::clone(&job.partition);
            let work = std::panic::AssertUnwindSafe(|| run(job, &runtime));
            let failed = match std::panic::catch_unwind(work) {
                Ok(Ok(())) => return,
                Ok(Err(error)) => error.to_string(),
                Err(_) => "the fold's thread panicked; this is a bug".to_owned(),
            };
            tracing::error!(partition = %partition.id, error = %failed, "the partition stopped");
            partition.progress.send_modify(|progress| progress.failed = Some(failed));
        })
        .map_err(|error| Error::new(ErrorKind::Retry, format!("start a thread: {error}")))
}

fn run(mut job: Job, runtime: &Handle) -> Result<()> {
    tell(&job);
    let mut reader = None;
    while !job.shared.is_stopping() {
        let open = match reader.as_mut() {
            Some(open) => open,
            None => {
                let opened = runtime.block_on(job.log.reader(job.partition.id, job.folder.next()));
                match opened {
                    Ok(opened) => reader.insert(opened),
                    Err(error) => {
                        rest_or_fail(&job, error)?;
                        continue;
                    }
                }
            }
        };
        let records = match runtime.block_on(open.next_batch(job.limits, READ_WAIT)) {
            Ok(records) => records,
            Err(error) => {
                reader = None;
                rest_or_fail(&job, error)?;
                continue;
            }
        };
        if records.is_empty() {
            continue;
        }
        let outcomes = runtime.block_on(job.folder.take(&records))?;
        job.partition.remember(outcomes);
        tell(&job);
        if fenced(&job) {
            let detail = "another process has become the active one; this one stops writing";
            return Err(Error::new(ErrorKind::Reject, detail));
        }
    }
    Ok(())
}

/// Whether a later epoch than this process's own was claimed.
fn fenced(job: &Job) -> bool {
    let own = job.shared.epoch();
    job.partition.id == PartitionId::Control && own > 0 && job.folder.fold().head().epoch > own
}

fn tell(job: &Job) {
    let fold = job.folder.fold();
    let next = fold.position().map_or(Offset(0), |position| position.last.next());
    if job.partition.id == PartitionId::Control {
        let holds = fold.head().topology.clone();
        job.shared.compiled.send_if_modified(|compiled| {
            let changed = holds.is_some_and(|hash| hash != compiled.topology.hash());
            if changed {
                *compiled = Arc::new(fold.compiled().clone());
            }
            changed
        });
    }
    job.partition.progress.send_replace(Progress {
        next,
        head: Arc::new(fold.head().clone()),
        failed: None,
    });
    job.shared.outbox.notify_one();
}

fn rest_or_fail(job: &Job, error: headwater_log::Error) -> Result<()> {
    if error.kind() != headwater_log::ErrorKind::Retry {
        return Err(error.into());
    }
    tracing::warn!(partition = %job.partition.id, %error, "the log can't be read; trying again");
    std::thread::sleep(RETRY_AFTER);
    Ok(())
}
