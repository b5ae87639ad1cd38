//! The thread of one partition: read, fold, commit, tell.
//!
//! A thread of its own, because folding and committing block; async code waits beside it.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use headwater_event::{Offset, PartitionId, Signer};
use headwater_log::{EventLog, ReadLimits};
use tokio::runtime::Handle;

use crate::{
    Error, ErrorKind, Folder, Result,
    builder::{self, Builder},
    shared::{PartitionShared, Progress, Shared},
};

/// How long a read waits for records: the time within which a stop is noticed.
const READ_WAIT: Duration = Duration::from_millis(100);
/// How long a partition rests before it reads again after the log failed it.
const RETRY_AFTER: Duration = Duration::from_millis(500);

/// How long to rest before history is folded again after it failed: a full disk may have been cleared.
const BUILD_RETRY_AFTER: Duration = Duration::from_secs(5);

/// What a partition's thread is given.
pub(crate) struct Job {
    pub(crate) log: Arc<dyn EventLog>,
    pub(crate) shared: Arc<Shared>,
    pub(crate) partition: Arc<PartitionShared>,
    pub(crate) folder: Folder,
    pub(crate) limits: ReadLimits,
    pub(crate) signer: Arc<Signer>,
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
    job.folder.belongs_to(&job.shared);
    let mut told = None;
    tell(&job, &mut told);
    let mut reader = None;
    let mut builds = Builds::default();
    while !job.shared.is_stopping() {
        builds.look(&mut job, runtime);
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
        let outcomes = match runtime.block_on(job.folder.take(&records)) {
            Err(error) if error.kind() == ErrorKind::Closed => return Ok(()),
            outcomes => outcomes?,
        };
        job.partition.remember(outcomes);
        tell(&job, &mut told);
        if fenced(&job) {
            let detail = "another process has become the active one; this one stops writing";
            return Err(Error::new(ErrorKind::Reject, detail));
        }
    }
    Ok(())
}

/// Keeps a builder at work as long as there are versions to build.
#[derive(Default)]
struct Builds {
    /// After a failure, not before.
    not_before: Option<Instant>,
}

impl Builds {
    fn look(&mut self, job: &mut Job, runtime: &Handle) {
        let coming = job.folder.fold().compiled().coming.iter().any(|view| !view.live);
        if job.partition.id == PartitionId::Control || !coming && job.folder.builder().is_none() {
            if self.not_before.take().is_some() {
                job.partition.set_build(None);
            }
            return;
        }
        let wanted = job.folder.fold().building();
        let ended = job.folder.builder().take_if(|builder| builder.has_ended());
        if let Some(error) = ended.and_then(Builder::why) {
            self.failed(job, &error);
        }
        // Another topology gave up what is being built.
        drop(job.folder.builder().take_if(|builder| !builder.is_wanted(&wanted)));
        let rests = self.not_before.is_some_and(|time| Instant::now() < time);
        let active = job.shared.epoch() > 0;
        if wanted.is_empty() || !active || rests || job.folder.builder().is_some() {
            return;
        }
        let work = builder::Job {
            log: Arc::clone(&job.log),
            shared: Arc::clone(&job.shared),
            partition: Arc::clone(&job.partition),
            signer: Arc::clone(&job.signer),
            views: wanted,
            head: job.folder.fold().head().clone(),
            scratch_dir: job.folder.scratch_dir().to_owned(),
        };
        match Builder::start(work, runtime.clone()) {
            Ok(started) => *job.folder.builder() = Some(started),
            Err(error) => self.failed(job, &error),
        }
    }

    fn failed(&mut self, job: &Job, error: &Error) {
        tracing::warn!(partition = %job.partition.id, %error, "the history of new versions could not be folded; trying again");
        self.not_before = Some(Instant::now() + BUILD_RETRY_AFTER);
    }
}

/// Whether a later epoch than this process's own was claimed.
fn fenced(job: &Job) -> bool {
    let own = job.shared.epoch();
    job.partition.id == PartitionId::Control && own > 0 && job.folder.fold().head().epoch > own
}

/// What told others of the topology last: its hash, and the versions that are to come.
type Told = Option<(Option<String>, Vec<String>)>;

fn tell(job: &Job, told: &mut Told) {
    let fold = job.folder.fold();
    let next = fold.position().map_or(Offset(0), |position| position.last.next());
    if job.partition.id == PartitionId::Control {
        let head = fold.head();
        let holds = (head.topology.clone(), head.coming.keys().cloned().collect());
        if told.as_ref() != Some(&holds) {
            if holds.0.is_some() {
                job.shared.compiled.send_replace(Arc::new(fold.compiled().clone()));
            }
            *told = Some(holds);
        }
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
