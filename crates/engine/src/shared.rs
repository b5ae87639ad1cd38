//! What the threads of an engine share: each partition's progress, and whether to stop.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
};

use headwater_event::{Offset, PartitionId};
use headwater_fold::{Compiled, Head, Outcome};
use headwater_history::History;
use headwater_store::PartitionStore;
use tokio::sync::{Notify, Semaphore, watch};

use crate::{BuildStatus, Steps, publications::Deliveries, sources::Statuses};

/// How many outcomes a partition remembers for those who wait: more than one submission appends
/// before it starts to wait, with room for others beside it.
pub(crate) const RECENT_OUTCOMES_MAX: usize = 65_536;

/// What a partition tells of itself after each batch.
#[derive(Debug, Clone)]
pub(crate) struct Progress {
    /// The first offset that is not folded yet.
    pub(crate) next: Offset,
    /// The head as of then.
    pub(crate) head: Arc<Head>,
    /// Why the partition stopped, if it did.
    pub(crate) failed: Option<String>,
}

/// One partition as the rest of the engine sees it.
#[derive(Debug)]
pub(crate) struct PartitionShared {
    pub(crate) id: PartitionId,
    pub(crate) store: Arc<PartitionStore>,
    pub(crate) history: Arc<History>,
    pub(crate) progress: watch::Sender<Progress>,
    recent: Mutex<VecDeque<(Offset, Outcome)>>,
    build: Mutex<Option<BuildStatus>>,
}

impl PartitionShared {
    pub(crate) fn new(id: PartitionId, store: Arc<PartitionStore>, history: Arc<History>) -> Self {
        let progress = Progress { next: Offset(0), head: Arc::default(), failed: None };
        let progress = watch::Sender::new(progress);
        Self { id, store, history, progress, recent: Mutex::default(), build: Mutex::default() }
    }

    /// How far the builder of new versions is, if one is at work.
    pub(crate) fn build(&self) -> Option<BuildStatus> {
        self.build.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn set_build(&self, status: Option<BuildStatus>) {
        *self.build.lock().unwrap_or_else(PoisonError::into_inner) = status;
    }

    /// Remembers outcomes before the progress that covers them is told.
    pub(crate) fn remember(&self, outcomes: Vec<(Offset, Outcome)>) {
        let mut recent = self.recent.lock().unwrap_or_else(PoisonError::into_inner);
        recent.extend(outcomes);
        let surplus = recent.len().saturating_sub(RECENT_OUTCOMES_MAX);
        recent.drain(..surplus);
    }

    /// The outcome of a record folded not long ago.
    pub(crate) fn recall(&self, offset: Offset) -> Option<Outcome> {
        let recent = self.recent.lock().unwrap_or_else(PoisonError::into_inner);
        let index = recent.binary_search_by_key(&offset, |(offset, _)| *offset).ok()?;
        recent.get(index).map(|(_, outcome)| outcome.clone())
    }
}

/// What all threads of an engine share.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) partitions: BTreeMap<PartitionId, Arc<PartitionShared>>,
    pub(crate) compiled: watch::Sender<Arc<Compiled>>,
    /// Rung when a partition has something for the outbox.
    pub(crate) outbox: Notify,
    pub(crate) stopping: AtomicBool,
    pub(crate) stopped: Notify,
    /// This process's epoch, 0 before it has claimed one.
    pub(crate) epoch: AtomicU64,
    /// Requests and observations that went to control: a reason for the clock to tick.
    pub(crate) control_events: AtomicU64,
    /// Whether a plan is being made: its scratch folder is one.
    pub(crate) planning: AtomicBool,
    /// Who is told of the steps of writing and publishing.
    pub(crate) steps: Steps,
    /// How the publications are doing.
    pub(crate) publications: Deliveries,
    /// How the sources that are read are doing.
    pub(crate) sources: Statuses,
    /// One permit for each builder of new versions that may work at once.
    pub(crate) builders: Arc<Semaphore>,
}

impl Shared {
    pub(crate) fn partition(&self, id: PartitionId) -> Option<&Arc<PartitionShared>> {
        self.partitions.get(&id)
    }

    pub(crate) fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::Acquire)
    }

    pub(crate) fn stop(&self) {
        self.stopping.store(true, Ordering::Release);
        self.stopped.notify_waiters();
        self.outbox.notify_waiters();
    }

    pub(crate) fn epoch(&self) -> u64 {
        self.epoch.load(Ordering::Acquire)
    }
}
