//! An engine: one log, folded by this process as the active one.

use std::{
    collections::BTreeMap,
    path::Path,
    sync::{
        Arc, Mutex, OnceLock, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use headwater_event::{
    Event, Offset, PartitionId, Schemas, Signer, Timestamp,
    catalog::names,
    payload::{ClockMode, ClockTickRequested, ClockTicked, RulesRaised, WriterClaimed},
};
use headwater_fold::{
    Compiled, FACT_SOURCE, Head, Outcome, RULES_KNOWN, family::effects::EffectTotals,
};
use headwater_history::History;
use headwater_log::{AppendAck, EventLog};
use headwater_query::Moment;
use headwater_store::{PartitionStore, StoreSet};
use headwater_topology::Topology;
use serde::Serialize;
use tokio::{
    runtime::Handle,
    sync::{Notify, Semaphore, watch},
    task::JoinHandle,
};

use crate::{
    Ack, EffectsConfig, EngineConfig, Error, ErrorKind, Folder, Receipt, Result, Submitted, clock,
    effects, moment, opening, outbox, partition_thread, publications, sealer,
    shared::{PartitionShared, Progress, Shared},
    sources::{Statuses, Supervisor},
    trim::finish_trimming,
    watermark::Watermarks,
};

/// How long a shutdown waits for a partition's thread.
const STOP_WAIT: Duration = Duration::from_secs(10);

/// An engine. Clones are the same engine.
#[derive(Debug, Clone)]
pub struct Engine(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    log: Arc<dyn EventLog>,
    shared: Arc<Shared>,
    signer: Arc<Signer>,
    config: EngineConfig,
    /// What was on the log when the engine was opened.
    at_start: BTreeMap<PartitionId, Offset>,
    threads: Mutex<Vec<std::thread::JoinHandle<()>>>,
    tasks: Mutex<Vec<JoinHandle<()>>>,
    sources: OnceLock<Supervisor>,
    /// Keeps the stores' shared memory, and the folder's lock.
    _stores: StoreSet,
}

/// How a partition is doing.
#[derive(Debug, Clone)]
pub struct PartitionStatus {
    /// Which partition.
    pub id: PartitionId,
    /// The last record that was folded.
    pub position: Option<Offset>,
    /// What the partition knows besides rows.
    pub head: Arc<Head>,
    /// Why it stopped, if it did.
    pub failed: Option<String>,
}

impl Engine {
    /// Makes a new log or continues one: folds what is there, then becomes the active process.
    pub async fn open(
        log: Arc<dyn EventLog>,
        stores: StoreSet,
        config: EngineConfig,
    ) -> Result<Self> {
        let opened = opening::open(&log, &stores, &config).await?;
        clear_scratch(&config)?;
        let mut partitions = BTreeMap::new();
        let mut at_start = BTreeMap::new();
        let mut folders = Vec::new();
        for id in PartitionId::all(opened.identity.partitions) {
            let store = stores.partition(&id.to_string())?;
            let scratch = config.scratch_dir.clone();
            folders.push(Folder::resume(Arc::clone(&log), Arc::clone(&store), id, scratch).await?);
            at_start.insert(id, log.end(id).await?);
            let history = Arc::new(History::of(&store, &id.to_string()));
            partitions.insert(id, Arc::new(PartitionShared::new(id, store, history)));
        }
        let built_in = Schemas::built_in()
            .and_then(|schemas| Compiled::new(&schemas, Topology::default()))
            .map_err(|error| Error::new(ErrorKind::Bug, error.to_string()))?;
        let shared = Arc::new(Shared {
            partitions,
            compiled: watch::Sender::new(Arc::new(built_in)),
            outbox: Notify::new(),
            stopping: AtomicBool::new(false),
            stopped: Notify::new(),
            epoch: AtomicU64::new(0),
            control_events: AtomicU64::new(0),
            planning: AtomicBool::new(false),
            steps: config.steps.clone(),
            publications: publications::Deliveries::default(),
            sources: Statuses::default(),
            builders: Arc::new(Semaphore::new(config.builders)),
        });
        let engine = Self(Arc::new(Inner {
            log,
            shared,
            signer: Arc::new(opened.signer),
            config,
            at_start,
            threads: Mutex::default(),
            tasks: Mutex::default(),
            sources: OnceLock::new(),
            _stores: stores,
        }));
        let started = engine.start(folders, opened.identity.clock).await;
        if started.is_err() {
            engine.stop().await;
        }
        started.map(|()| engine)
    }

    async fn start(&self, folders: Vec<Folder>, clock: ClockMode) -> Result<()> {
        for folder in folders {
            let id = folder.fold().id();
            let Some(partition) = self.shared().partition(id) else { continue };
            let job = partition_thread::Job {
                log: Arc::clone(self.log()),
                shared: Arc::clone(self.shared()),
                partition: Arc::clone(partition),
                folder,
                limits: self.0.config.fold_limits,
                signer: Arc::clone(&self.0.signer),
            };
            let thread = partition_thread::start(job, Handle::current())?;
            self.0.threads.lock().unwrap_or_else(PoisonError::into_inner).push(thread);
        }
        let sealer = sealer::start(Arc::clone(self.shared()))?;
        self.0.threads.lock().unwrap_or_else(PoisonError::into_inner).push(sealer);
        self.claim().await?;
        let outbox = outbox::run(
            Arc::clone(self.log()),
            Arc::clone(self.shared()),
            Arc::clone(&self.0.signer),
            self.0.at_start.clone(),
        );
        self.spawn(tokio::spawn(outbox));
        self.spawn(tokio::spawn(finish_trimming(self.clone())));
        if self.effects_config().run {
            self.spawn(tokio::spawn(effects::run(self.clone())));
        }
        if let Some(topics) = &self.0.config.topics {
            self.spawn(tokio::spawn(publications::run(self.clone(), Arc::clone(topics))));
            let supervisor = || Supervisor::start(self.clone(), Arc::clone(topics));
            self.0.sources.get_or_init(supervisor);
        }
        if clock == ClockMode::Live {
            let time = clock::wall().max(self.log_time().unwrap_or(Timestamp::from_micros(0)));
            let mut watermarks = Watermarks::new(self.0.config.idle_after);
            let watermark = clock::watermark(self, &mut watermarks, time);
            self.tick_with(time, Some(watermark)).await?;
            self.spawn(tokio::spawn(clock::run(self.clone(), watermarks)));
        }
        Ok(())
    }

    fn spawn(&self, task: JoinHandle<()>) {
        self.0.tasks.lock().unwrap_or_else(PoisonError::into_inner).push(task);
    }

    /// Becomes the active process: the fold decides which of two claims of one epoch came first.
    async fn claim(&self) -> Result<()> {
        self.wait_until(PartitionId::Control, self.end_at_start(PartitionId::Control)).await?;
        let head = self.head(PartitionId::Control)?;
        let epoch = head.epoch + 1;
        let claimed = WriterClaimed { epoch, process: self.0.config.process.clone() };
        let offset = self.append_system(names::WRITER_CLAIMED, "writer", epoch, &claimed).await?;
        self.wait_until(PartitionId::Control, offset.next()).await?;
        let outcome = self.shared().partition(PartitionId::Control).and_then(|p| p.recall(offset));
        if !outcome.is_some_and(|outcome| outcome.is_accepted()) {
            let what =
                format!("another process claimed epoch {epoch} of the log at the same moment");
            return Err(Error::new(ErrorKind::Reject, what));
        }
        self.shared().epoch.store(epoch, Ordering::Release);
        if head.rules < RULES_KNOWN {
            let raised = RulesRaised { rules: RULES_KNOWN };
            self.append_system(names::RULES_RAISED, "rules", epoch, &raised).await?;
        }
        Ok(())
    }

    pub(crate) async fn append_system(
        &self,
        event_type: &str,
        subject: &str,
        epoch: u64,
        payload: &impl Serialize,
    ) -> Result<Offset> {
        self.append_system_to(PartitionId::Control, event_type, subject, epoch, payload).await
    }

    /// Appends an event of the active process's own to a partition.
    pub(crate) async fn append_system_to(
        &self,
        to: PartitionId,
        event_type: &str,
        subject: &str,
        epoch: u64,
        payload: &impl Serialize,
    ) -> Result<Offset> {
        let data = serde_json::to_value(payload)
            .map_err(|error| Error::new(ErrorKind::Bug, error.to_string()))?;
        let id = uuid::Uuid::now_v7().to_string();
        let mut event = Event::new(id, FACT_SOURCE, event_type, subject, data);
        event.time = Some(clock::wall());
        let record = event.in_newest_schema().to_record();
        let record = self.signer().sign(to, epoch, record);
        let offsets = self.log().append(to, vec![record], AppendAck::Durable).await?;
        offsets.first().copied().ok_or_else(|| Error::new(ErrorKind::Bug, "the log gave no offset"))
    }

    /// Moves the log's clock to `time`, and waits until every partition has folded the tick. All events
    /// before that time are believed to have come.
    pub async fn tick(&self, time: Timestamp) -> Result<()> {
        self.tick_with(time, None).await
    }

    /// Moves the log's clock to `time` where all events before `watermark` are believed to have come.
    pub async fn tick_with(&self, time: Timestamp, watermark: Option<Timestamp>) -> Result<()> {
        let request = ClockTickRequested { time, watermark };
        let id = match watermark {
            None => format!("tick-{time}"),
            Some(watermark) => format!("tick-{time}-{watermark}"),
        };
        let (_, assigned) =
            self.request(id, names::CLOCK_TICK_REQUESTED, "clock", &request).await?;
        let ticked: ClockTicked = serde_json::from_value(assigned)
            .map_err(|error| Error::new(ErrorKind::Bug, error.to_string()))?;
        for partition in self.shared().partitions.values() {
            let reached =
                |progress: &Progress| progress.head.clock.is_some_and(|clock| clock.n >= ticked.n);
            self.wait_for(partition, reached).await?;
        }
        Ok(())
    }

    /// Submits one request of the engine's own; answers where it stands and what was assigned.
    pub(crate) async fn request(
        &self,
        id: String,
        event_type: &str,
        subject: &str,
        payload: &impl Serialize,
    ) -> Result<(Offset, serde_json::Value)> {
        let data = serde_json::to_value(payload)
            .map_err(|error| Error::new(ErrorKind::Bug, error.to_string()))?;
        let event = Event::new(id, FACT_SOURCE, event_type, subject, data).in_newest_schema();
        let is_tick = event_type == names::CLOCK_TICK_REQUESTED;
        let answer = self.submit(vec![event], Ack::Folded).await.into_iter().next();
        if is_tick {
            // The clock's own request is no reason for another tick.
            self.shared().control_events.fetch_sub(1, Ordering::Relaxed);
        }
        match answer {
            Some(Submitted::Appended(Receipt {
                outcome: Some(Outcome::Accepted { assigned }),
                offset,
                ..
            })) => Ok((offset, assigned)),
            Some(Submitted::Appended(Receipt {
                outcome: Some(Outcome::Rejected { refusal } | Outcome::DeadLetter { refusal }),
                ..
            }))
            | Some(Submitted::Refused(refusal)) => {
                Err(Error::new(ErrorKind::Reject, format!("{event_type}: {refusal}")))
            }
            Some(Submitted::Unavailable(why)) => Err(Error::new(ErrorKind::Retry, why)),
            _ => Err(Error::new(ErrorKind::Retry, format!("{event_type}: no outcome in time"))),
        }
    }

    /// One consistent vector of positions to query.
    pub async fn moment(&self) -> Result<Moment> {
        let partitions = self.shared().partitions.values();
        let stores = partitions.map(|p| (p.id, Arc::clone(&p.store), Arc::clone(&p.history)));
        moment::moment_of(Arc::clone(self.log()), stores.collect())
    }

    /// Every partition's store, control first: for snapshots, which need more than a moment's rows.
    pub fn stores(&self) -> Vec<(PartitionId, Arc<PartitionStore>)> {
        let partitions = self.shared().partitions.values();
        partitions.map(|partition| (partition.id, Arc::clone(&partition.store))).collect()
    }

    /// The topology that control holds.
    pub fn compiled(&self) -> Arc<Compiled> {
        Arc::clone(&self.shared().compiled.borrow())
    }

    /// The log.
    pub fn log(&self) -> &Arc<dyn EventLog> {
        &self.0.log
    }

    /// How each partition is doing, control first.
    pub fn status(&self) -> Vec<PartitionStatus> {
        let partitions = self.shared().partitions.values();
        partitions
            .map(|partition| {
                let progress = partition.progress.borrow();
                PartitionStatus {
                    id: partition.id,
                    position: progress.next.0.checked_sub(1).map(Offset),
                    head: Arc::clone(&progress.head),
                    failed: progress.failed.clone(),
                }
            })
            .collect()
    }

    /// Waits until each partition has folded the record at that offset.
    pub async fn wait_folded(&self, positions: &BTreeMap<PartitionId, Offset>) -> Result<()> {
        for (id, offset) in positions {
            self.wait_until(*id, offset.next()).await?;
        }
        Ok(())
    }

    /// Whether every partition works and has folded what was on the log at the start.
    pub fn is_ready(&self) -> bool {
        self.shared().partitions.values().all(|partition| {
            let progress = partition.progress.borrow();
            progress.failed.is_none() && progress.next >= self.end_at_start(partition.id)
        })
    }

    /// Waits until every partition has folded what was on the log at the start.
    pub async fn wait_ready(&self) -> Result<()> {
        for id in self.0.at_start.keys() {
            self.wait_until(*id, self.end_at_start(*id)).await?;
        }
        Ok(())
    }

    /// Stops cleanly: what was appended stays, what was not folded is folded next time.
    pub async fn shutdown(self) {
        self.stop().await;
    }

    async fn stop(&self) {
        // First, while the log still takes a last word on how far they are.
        if let Some(sources) = self.0.sources.get() {
            sources.stop().await;
        }
        self.shared().stop();
        let tasks =
            std::mem::take(&mut *self.0.tasks.lock().unwrap_or_else(PoisonError::into_inner));
        for task in tasks {
            task.abort();
            let _ = task.await;
        }
        let threads =
            std::mem::take(&mut *self.0.threads.lock().unwrap_or_else(PoisonError::into_inner));
        let joined = tokio::task::spawn_blocking(|| {
            for thread in threads {
                let _ = thread.join();
            }
        });
        let _ = tokio::time::timeout(STOP_WAIT, joined).await;
    }

    pub(crate) fn shared(&self) -> &Arc<Shared> {
        &self.0.shared
    }

    pub(crate) fn signer(&self) -> &Signer {
        &self.0.signer
    }

    pub(crate) fn effects_config(&self) -> &EffectsConfig {
        &self.0.config.effects
    }

    /// How many of each effect are in which state.
    pub fn effect_totals(&self) -> Result<Vec<EffectTotals>> {
        effects::totals(self)
    }

    /// Where history is folded beside the stores.
    pub(crate) fn scratch_dir(&self) -> &Path {
        &self.0.config.scratch_dir
    }

    pub(crate) fn outcome_timeout(&self) -> Duration {
        self.0.config.outcome_timeout
    }

    /// The time of control's last tick.
    pub fn log_time(&self) -> Option<Timestamp> {
        let head = self.head(PartitionId::Control).ok()?;
        head.accepted_tick.or(head.clock).map(|clock| clock.time)
    }

    pub(crate) fn failure_of(&self, id: PartitionId) -> Option<String> {
        let partition = self.shared().partition(id)?;
        let failed = partition.progress.borrow().failed.clone()?;
        Some(format!("partition {id} has stopped: {failed}"))
    }

    fn end_at_start(&self, id: PartitionId) -> Offset {
        self.0.at_start.get(&id).copied().unwrap_or_default()
    }

    pub(crate) fn head(&self, id: PartitionId) -> Result<Arc<Head>> {
        self.shared()
            .partition(id)
            .map(|partition| Arc::clone(&partition.progress.borrow().head))
            .ok_or_else(|| Error::new(ErrorKind::Bug, format!("no partition {id}")))
    }

    pub(crate) async fn wait_until(&self, id: PartitionId, next: Offset) -> Result<()> {
        let Some(partition) = self.shared().partition(id) else {
            return Err(Error::new(ErrorKind::Reject, format!("there is no partition {id}")));
        };
        self.wait_for(partition, |progress| progress.next >= next).await
    }

    pub(crate) async fn wait_for(
        &self,
        partition: &PartitionShared,
        reached: impl Fn(&Progress) -> bool,
    ) -> Result<()> {
        let closed = || Error::new(ErrorKind::Closed, "the engine was shut down");
        let stopped = self.shared().stopped.notified();
        if self.shared().is_stopping() {
            return Err(closed());
        }
        let mut progress = partition.progress.subscribe();
        let done = tokio::select! {
            done = progress.wait_for(|p| reached(p) || p.failed.is_some()) => done,
            () = stopped => return Err(closed()),
        };
        match done.map(|progress| progress.failed.clone().filter(|_| !reached(&progress))) {
            Ok(None) => Ok(()),
            Ok(Some(why)) => {
                let what = format!("partition {} has stopped: {why}", partition.id);
                Err(Error::new(ErrorKind::Retry, what))
            }
            Err(_) => Err(closed()),
        }
    }
}

fn clear_scratch(config: &EngineConfig) -> Result<()> {
    match std::fs::remove_dir_all(&config.scratch_dir) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            let what = format!("{}: {error}", config.scratch_dir.display());
            Err(Error::new(ErrorKind::Retry, what))
        }
        _ => Ok(()),
    }
}
