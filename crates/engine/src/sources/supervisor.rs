//! One task for each source of the topology that holds: started, stopped and started anew as it changes.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use headwater_event::PartitionId;
use headwater_fold::Compiled;
use headwater_log::Topics;
use headwater_topology::Mapping;
use tokio::{
    sync::{Semaphore, watch},
    task::JoinHandle,
};

use super::reading::{Reading, asked_to_stop};
use crate::Engine;

/// Batches that are mapped and appended at once, of all sources: what bounds the memory that they take.
const BATCHES_AT_ONCE: usize = 8;
/// How long a stop waits for batches under way; what they leave is read again.
const STOP_WAIT: Duration = Duration::from_secs(5);

/// The task that sees to all sources.
#[derive(Debug)]
pub(crate) struct Supervisor {
    stop: watch::Sender<bool>,
    task: Mutex<Option<JoinHandle<()>>>,
}

impl Supervisor {
    /// Reads sources until it is stopped, or another process becomes the active one.
    pub(crate) fn start(engine: Engine, topics: Arc<dyn Topics>) -> Self {
        let (stop, stopped) = watch::channel(false);
        let work = Work {
            engine,
            topics,
            batches: Arc::new(Semaphore::new(BATCHES_AT_ONCE)),
            running: BTreeMap::new(),
        };
        Self { stop, task: Mutex::new(Some(tokio::spawn(work.run(stopped)))) }
    }

    /// Stops all sources, each with a last word on how far it is.
    pub(crate) async fn stop(&self) {
        self.stop.send_replace(true);
        let task = self.task.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(mut task) = task
            && tokio::time::timeout(2 * STOP_WAIT, &mut task).await.is_err()
        {
            task.abort();
        }
    }
}

/// A source that is read.
struct Running {
    mapping: Mapping,
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
}

struct Work {
    engine: Engine,
    topics: Arc<dyn Topics>,
    batches: Arc<Semaphore>,
    running: BTreeMap<String, Running>,
}

impl Work {
    async fn run(mut self, mut stopped: watch::Receiver<bool>) {
        let mut compiled = self.engine.shared().compiled.subscribe();
        let engine = self.engine.clone();
        let mut failed = std::pin::pin!(control_failed(&engine));
        loop {
            let wanted = wanted(&compiled.borrow_and_update());
            self.stop_unwanted(&wanted).await;
            tokio::select! {
                () = self.held_everywhere() => {}
                () = asked_to_stop(&mut stopped) => break,
                () = &mut failed => break,
            }
            // Another topology may have come to hold while the first one was waited for.
            if !compiled.has_changed().unwrap_or(false) {
                self.start_missing(wanted);
            }
            tokio::select! {
                changed = compiled.changed() => if changed.is_err() { break },
                () = asked_to_stop(&mut stopped) => break,
                () = &mut failed => break,
            }
        }
        self.stop_unwanted(&BTreeMap::new()).await;
    }

    async fn stop_unwanted(&mut self, wanted: &BTreeMap<String, Mapping>) {
        let unwanted: BTreeSet<String> = self
            .running
            .iter()
            .filter(|(name, running)| wanted.get(*name) != Some(&running.mapping))
            .map(|(name, _)| name.clone())
            .collect();
        let stopping = unwanted.iter().filter_map(|name| self.running.remove(name));
        let ends = stopping.map(|running| async move {
            running.stop.send_replace(true);
            let mut task = running.task;
            if tokio::time::timeout(STOP_WAIT, &mut task).await.is_err() {
                task.abort();
                let _ = task.await;
            }
        });
        futures::future::join_all(ends).await;
        for name in &unwanted {
            self.engine.shared().sources.end(name);
        }
    }

    /// Waits until every data partition has the topology that control holds: before, it would refuse
    /// events of a type that is new.
    async fn held_everywhere(&self) {
        let engine = &self.engine;
        for partition in engine.shared().partitions.values() {
            if partition.id == PartitionId::Control {
                continue;
            }
            let holds = |topology: &Option<String>| {
                engine.head(PartitionId::Control).is_ok_and(|control| control.topology == *topology)
            };
            let reached = |progress: &crate::shared::Progress| holds(&progress.head.topology);
            // One that has stopped takes nothing anyway.
            let _ = engine.wait_for(partition, reached).await;
        }
    }

    fn start_missing(&mut self, wanted: BTreeMap<String, Mapping>) {
        for (name, mapping) in wanted {
            if self.running.contains_key(&name) {
                continue;
            }
            let (stop, stopped) = watch::channel(false);
            let reading = Reading {
                engine: self.engine.clone(),
                topics: Arc::clone(&self.topics),
                batches: Arc::clone(&self.batches),
                name: name.clone(),
                mapping: mapping.clone(),
                stopped,
            };
            let task = tokio::spawn(reading.run());
            self.running.insert(name, Running { mapping, stop, task });
        }
    }
}

fn wanted(compiled: &Compiled) -> BTreeMap<String, Mapping> {
    let topology = &compiled.topology;
    let each = topology
        .sources
        .iter()
        .map(|(name, source)| (name.clone(), Mapping::new(name, source, topology)));
    each.collect()
}

/// Comes once control's partition stops: with it this process is no longer the active one.
async fn control_failed(engine: &Engine) {
    if let Some(control) = engine.shared().partition(PartitionId::Control) {
        let mut progress = control.progress.subscribe();
        let _ = progress.wait_for(|progress| progress.failed.is_some()).await;
    }
}
