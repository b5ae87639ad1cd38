//! The thread that folds the history of new versions beside a partition that goes on.
//!
//! ```text
//! waiting ─▶ folding, after the partition ─▶ moving ─▶ handing over: view.built is on the log
//!                                                           │ the partition meets it at offset H
//!                                                           ▼
//!                                       folds exactly up to H, moves the rest, gives the digests
//! ```
//!
//! It never folds beyond what the partition itself has folded, so that H is always ahead of it. The
//! partition waits for it there, for a few thousand records at most.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
    sync::Arc,
    time::Duration,
};

use headwater_event::{
    Event, Offset, Signer,
    catalog::names,
    payload::{ViewBuilt, ViewVersion},
};
use headwater_fold::{CompiledView, Digest, FACT_SOURCE, Head};
use headwater_log::{AppendAck, EventLog};
use tokio::{runtime::Handle, sync::watch};

use crate::{
    Error, ErrorKind, Result,
    beginning::Beginning,
    beside::Beside,
    builds::{BuildStatus, BuildStep, Progress},
    clock,
    shared::{PartitionShared, Shared},
};

/// So near behind the partition the handover is asked for: it then waits some ten milliseconds.
const NEAR_RECORDS: u64 = 4_096;
/// Under steady load a builder may never come near. After so many rounds the partition waits longer.
const ROUNDS_MAX: u32 = 16;
/// How long a builder rests when it has nothing to do.
const REST: Duration = Duration::from_millis(20);

/// What a builder is given.
pub(crate) struct Job {
    pub(crate) log: Arc<dyn EventLog>,
    pub(crate) shared: Arc<Shared>,
    pub(crate) partition: Arc<PartitionShared>,
    pub(crate) signer: Arc<Signer>,
    pub(crate) views: Vec<CompiledView>,
    pub(crate) head: Head,
    pub(crate) scratch_dir: PathBuf,
}

/// What the partition wants of its builder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Order {
    /// Follow the partition.
    Follow,
    /// Come to exactly this offset, and end.
    Finish(Offset),
    /// Give up.
    Cancel,
}

type Digests = BTreeMap<String, Digest>;

/// A builder as its partition sees it; cancelled when dropped.
#[derive(Debug)]
pub(crate) struct Builder {
    versions: BTreeSet<String>,
    order: watch::Sender<Order>,
    thread: Option<std::thread::JoinHandle<Result<Option<Digests>>>>,
}

impl Builder {
    /// Starts the thread.
    pub(crate) fn start(job: Job, runtime: Handle) -> Result<Self> {
        let versions = job.views.iter().map(|view| view.table.version_hex()).collect();
        let (order, orders) = watch::channel(Order::Follow);
        let name = format!("build-{}", job.partition.id);
        let work = move || {
            let partition = Arc::clone(&job.partition);
            let built = Work { job, orders, runtime: runtime.clone() }.run();
            let failed = |status: BuildStatus| BuildStatus {
                step: BuildStep::Failed,
                error: built.as_ref().err().map(ToString::to_string),
                ..status
            };
            partition.set_build(partition.build().filter(|_| built.is_err()).map(failed));
            built
        };
        let thread = std::thread::Builder::new().name(name).spawn(work);
        let thread = thread
            .map_err(|error| Error::new(ErrorKind::Retry, format!("start a thread: {error}")))?;
        Ok(Self { versions, order, thread: Some(thread) })
    }

    /// Whether it builds all of these.
    pub(crate) fn covers(&self, views: &[CompiledView]) -> bool {
        views.iter().all(|view| self.versions.contains(&view.table.version_hex()))
    }

    /// Whether all that it builds is still wanted.
    pub(crate) fn is_wanted(&self, views: &[CompiledView]) -> bool {
        let wanted: BTreeSet<_> = views.iter().map(|view| view.table.version_hex()).collect();
        self.versions.is_subset(&wanted)
    }

    /// Whether it ended without being asked to.
    pub(crate) fn has_ended(&self) -> bool {
        self.thread.as_ref().is_none_or(std::thread::JoinHandle::is_finished)
    }

    /// Waits until all before `until` is folded and moved; the views' digests there.
    pub(crate) fn finish(mut self, until: Offset) -> Result<Option<Digests>> {
        self.order.send_replace(Order::Finish(until));
        self.join()
    }

    /// Why it ended, if it did without being asked to.
    pub(crate) fn why(mut self) -> Option<Error> {
        self.join().err()
    }

    fn join(&mut self) -> Result<Option<Digests>> {
        let Some(thread) = self.thread.take() else { return Ok(None) };
        let panicked = |_| Error::new(ErrorKind::Bug, "the builder's thread panicked");
        thread.join().map_err(panicked).flatten()
    }
}

impl Drop for Builder {
    fn drop(&mut self) {
        self.order.send_replace(Order::Cancel);
        // So that the next one finds the scratch folder free.
        let _ = self.join();
    }
}

struct Work {
    job: Job,
    orders: watch::Receiver<Order>,
    runtime: Handle,
}

impl Work {
    fn run(self) -> Result<Option<Digests>> {
        let progress = Progress::new(&self.job.partition, &self.job.views);
        let _permit = loop {
            match self.order() {
                Order::Cancel => return Ok(None),
                // The partition waits already: whoever else builds must not hold it up.
                Order::Finish(_) => break None,
                Order::Follow => {}
            }
            match Arc::clone(&self.job.shared.builders).try_acquire_owned() {
                Ok(permit) => break Some(permit),
                Err(_) => std::thread::sleep(REST),
            }
        };
        let job = &self.job;
        let (store, id) = (&job.partition.store, job.partition.id);
        let beginning = Beginning::of(&*job.log, store, id, &job.head);
        let beginning = self.runtime.block_on(beginning)?;
        let mut beside = Beside::open(
            Arc::clone(&job.log),
            Arc::clone(store),
            id,
            job.views.clone(),
            &job.head,
            beginning,
            &job.scratch_dir,
        )?;
        let built = self.build(&mut beside, &progress);
        beside.remove()?;
        built
    }

    fn build(&self, beside: &mut Beside, progress: &Progress) -> Result<Option<Digests>> {
        let go_on = || self.order() == Order::Follow;
        let told = |records: u64| progress.folded(records);
        let (mut rounds, mut moved, mut asked) = (0, false, false);
        progress.step(BuildStep::Folding);
        loop {
            match self.order() {
                Order::Cancel => return Ok(None),
                Order::Finish(until) => return self.finish(beside, until, progress),
                Order::Follow => {}
            }
            let target = self.job.partition.progress.borrow().next;
            if !self.runtime.block_on(beside.fold_until(target, &go_on, &told))? {
                continue;
            }
            rounds += 1;
            let behind = self.job.partition.progress.borrow().next.0 - target.0;
            if behind > NEAR_RECORDS && rounds < ROUNDS_MAX {
                continue;
            }
            if !moved {
                progress.step(BuildStep::Moving);
                moved = beside.move_early(&go_on)?;
                rounds = 0;
                continue;
            }
            if !asked {
                progress.step(BuildStep::HandingOver);
                asked = self.ask()?;
            }
            std::thread::sleep(REST);
        }
    }

    fn finish(
        &self,
        beside: &mut Beside,
        until: Offset,
        progress: &Progress,
    ) -> Result<Option<Digests>> {
        let told = |records: u64| progress.folded(records);
        let stopping = || !self.job.shared.is_stopping();
        if !self.runtime.block_on(beside.fold_until(until, &stopping, &told))? {
            return Err(Error::new(ErrorKind::Closed, "the engine was shut down"));
        }
        beside.move_all()?;
        progress.done();
        Ok(Some(beside.digests()))
    }

    /// Writes that the handover is due; `false` as long as this process is not the active one.
    fn ask(&self) -> Result<bool> {
        let epoch = self.job.shared.epoch();
        if epoch == 0 {
            return Ok(false);
        }
        let named = |view: &CompiledView| ViewVersion {
            view: view.table.name.clone(),
            version: view.table.version_hex(),
        };
        let payload = ViewBuilt { built: self.job.views.iter().map(named).collect() };
        let data = serde_json::to_value(payload)
            .map_err(|error| Error::new(ErrorKind::Bug, error.to_string()))?;
        let subject = self.job.views.first().map(|v| v.table.name.clone()).unwrap_or_default();
        let id = uuid::Uuid::now_v7().to_string();
        let mut event = Event::new(id, FACT_SOURCE, names::VIEW_BUILT, subject, data);
        event.time = Some(clock::wall());
        let to = self.job.partition.id;
        let record = self.job.signer.sign(to, epoch, event.to_record());
        let append = self.job.log.append(to, vec![record], AppendAck::Durable);
        self.runtime.block_on(append)?;
        Ok(true)
    }

    /// What is wanted now; an engine that stops wants nothing, unless a partition waits.
    fn order(&self) -> Order {
        match *self.orders.borrow() {
            Order::Follow if self.job.shared.is_stopping() => Order::Cancel,
            order => order,
        }
    }
}
