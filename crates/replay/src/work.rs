//! One job a partition, so many at a time as there are cores; how far they are, and how they stop.
//!
//! Each job runs on a thread that may block: folding, committing and scanning do.

use std::{
    num::NonZeroUsize,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use headwater_engine::{Error, ErrorKind, Result};
use headwater_event::{Offset, PartitionId};
use headwater_fold::Position;
use headwater_log::EventLog;
use tokio::{runtime::Handle, sync::Notify, task::JoinSet, time::Instant};

/// A reader in another process sees what was folded some milliseconds late.
const CATCH_UP_WAIT: Duration = Duration::from_secs(2);
/// Between looks at the log's end.
const CATCH_UP_POLL: Duration = Duration::from_millis(20);

/// How far a job on the log has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    /// What will be read of a partition; told of all partitions before any is begun.
    Planned {
        /// The partition.
        partition: PartitionId,
        /// The offset to reach.
        end: Offset,
    },
    /// The partition is begun.
    Begun {
        /// The partition.
        partition: PartitionId,
        /// The first offset to read.
        from: Offset,
    },
    /// All before an offset was read.
    Read {
        /// The partition.
        partition: PartitionId,
        /// That offset.
        next: Offset,
    },
    /// All was read; now rows are compared.
    Comparing {
        /// The partition.
        partition: PartitionId,
    },
    /// The partition is done.
    Done {
        /// The partition.
        partition: PartitionId,
    },
}

/// Who is told of progress, from any thread.
pub type Watch = Arc<dyn Fn(Progress) + Send + Sync>;

/// Asks a job to end before its time: it cleans up and answers an error. Clones are the same.
#[derive(Debug, Clone, Default)]
pub struct Stop(Arc<Asked>);

#[derive(Debug, Default)]
struct Asked {
    flag: AtomicBool,
    told: Notify,
}

impl Stop {
    /// Nobody has asked yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Asks.
    pub fn stop(&self) {
        self.0.flag.store(true, Ordering::Release);
        self.0.told.notify_waiters();
    }

    /// Whether somebody has asked.
    pub(crate) fn is_asked(&self) -> bool {
        self.0.flag.load(Ordering::Acquire)
    }

    /// Gives what `work` gives, or an error once somebody has asked.
    pub(crate) async fn or<T>(&self, work: impl Future<Output = Result<T>>) -> Result<T> {
        let asked = async {
            // First, so that whoever asks after the look wakes us.
            let told = self.0.told.notified();
            if !self.is_asked() {
                told.await;
            }
        };
        tokio::select! {
            biased;
            () = asked => Err(Self::error()),
            // What ended without ever waiting was not asked in between.
            done = work => if self.is_asked() { Err(Self::error()) } else { done },
        }
    }

    /// The error of who was asked.
    pub(crate) fn error() -> Error {
        Error::new(ErrorKind::Closed, "stopped before the end")
    }
}

/// As many as there are cores.
pub fn threads_default() -> NonZeroUsize {
    std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN)
}

/// Does a job for each partition, at most `threads` at once, and gives what they gave in order. The
/// first error stops the others, and is given once all have ended and cleaned up.
pub(crate) async fn each<T, F, W>(
    partitions: Vec<PartitionId>,
    threads: NonZeroUsize,
    stop: &Stop,
    job: F,
) -> Result<Vec<T>>
where
    T: Send + 'static,
    F: Fn(PartitionId) -> W + Clone + Send + 'static,
    W: Future<Output = Result<T>>,
{
    let mut waiting = partitions.into_iter();
    let mut running = JoinSet::new();
    let mut done: Vec<(PartitionId, T)> = Vec::new();
    let mut failed = None;
    loop {
        while failed.is_none() && running.len() < threads.get() {
            let Some(id) = waiting.next() else { break };
            let (job, runtime) = (job.clone(), Handle::current());
            running.spawn_blocking(move || runtime.block_on(job(id)).map(|given| (id, given)));
        }
        let error = match running.join_next().await {
            None => break,
            Some(Ok(Ok(given))) => {
                done.push(given);
                continue;
            }
            Some(Ok(Err(error))) => error,
            Some(Err(panic)) => Error::new(ErrorKind::Bug, format!("a job panicked: {panic}")),
        };
        stop.stop();
        failed.get_or_insert(error);
    }
    if let Some(error) = failed {
        return Err(error);
    }
    done.sort_by_key(|(id, _)| *id);
    Ok(done.into_iter().map(|(_, given)| given).collect())
}

/// The end of a partition's log, once it shows what a store has folded; a log that is shorter is
/// waited for in vain for a moment.
pub(crate) async fn settled_end(
    log: &Arc<dyn EventLog>,
    id: PartitionId,
    position: Option<&Position>,
) -> Result<Offset> {
    let wanted = position.map_or(Offset(0), |position| position.last.next());
    let deadline = Instant::now() + CATCH_UP_WAIT;
    loop {
        let end = log.end(id).await?;
        if end >= wanted || Instant::now() >= deadline {
            return Ok(end);
        }
        tokio::time::sleep(CATCH_UP_POLL).await;
    }
}

/// Bytes as hex digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
