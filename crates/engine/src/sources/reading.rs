//! The task of one source: finds its topic, reads all partitions, tells control how far it is.

use std::{sync::Arc, time::Duration};

use futures::{StreamExt as _, stream::FuturesUnordered};
use headwater_event::payload::SourcePartition;
use headwater_log::{TopicAt, Topics};
use headwater_topology::{Mapping, Start};
use tokio::{
    sync::{Semaphore, watch},
    time::{Instant, MissedTickBehavior, interval_at},
};

use super::{
    checkpoint::{Places, held},
    status::SourceProgress,
    worker::Worker,
};
use crate::{Engine, Error, ErrorKind, Result};

/// Control is told at most so often.
const TELL_EVERY: Duration = Duration::from_secs(1);
/// The topic's ends are asked for so often: for the lag, and to notice that a broker is away.
const LOOK_EVERY: Duration = Duration::from_secs(5);
/// New partitions are looked for so often.
const COUNT_EVERY: Duration = Duration::from_secs(30);
/// Pauses between two tries double from the first to the last.
const PAUSE_MIN: Duration = Duration::from_millis(500);
const PAUSE_MAX: Duration = Duration::from_secs(15);
/// Each partition has a consumer and a thread; a topic of more is for several processes.
const PARTITIONS_MAX: u32 = 128;

/// The task of one source.
pub(super) struct Reading {
    pub(super) engine: Engine,
    pub(super) topics: Arc<dyn Topics>,
    pub(super) batches: Arc<Semaphore>,
    pub(super) name: String,
    pub(super) mapping: Mapping,
    pub(super) stopped: watch::Receiver<bool>,
}

/// Why reading ended without an error.
enum Ended {
    Stopped,
    /// The topic has more partitions than before.
    Grown,
}

impl Reading {
    /// Reads until it is stopped; whatever fails is told and tried again.
    pub(super) async fn run(self) {
        let statuses = &self.engine.shared().sources;
        statuses.begin(&self.name, self.topic());
        tracing::info!(source = %self.name, topic = self.topic(), "the source is read");
        let mut pause = PAUSE_MIN;
        loop {
            let started = Instant::now();
            match self.read().await {
                Ok(Ended::Stopped) => break,
                Ok(Ended::Grown) => continue,
                Err(error) => self.tell(&error.to_string()),
            }
            if started.elapsed() > PAUSE_MAX {
                pause = PAUSE_MIN;
            }
            let mut stopped = self.stopped.clone();
            if tokio::time::timeout(pause, asked_to_stop(&mut stopped)).await.is_ok() {
                break;
            }
            pause = (2 * pause).min(PAUSE_MAX);
        }
        tracing::info!(source = %self.name, topic = self.topic(), "the source is read no more");
    }

    fn topic(&self) -> &str {
        &self.mapping.declared().topic
    }

    fn at(&self) -> TopicAt {
        let declared = self.mapping.declared();
        TopicAt { brokers: declared.brokers.clone(), topic: declared.topic.clone() }
    }

    /// A problem, in the log once and where one can ask.
    fn tell(&self, problem: &str) {
        if self.engine.shared().sources.problem(&self.name, Some(problem.to_owned())) {
            tracing::warn!(source = %self.name, problem, "the source can't be read; it tries again");
        }
    }

    fn is_well(&self) {
        if self.engine.shared().sources.problem(&self.name, None) {
            tracing::info!(source = %self.name, "the source is read again");
        }
    }

    async fn read(&self) -> Result<Ended> {
        let count = self.topics.partitions(self.at()).await?;
        let topic = self.topic();
        if count == 0 {
            let what = format!("topic {topic} does not exist; it is waited for");
            return Err(Error::new(ErrorKind::Retry, what));
        }
        if count > PARTITIONS_MAX {
            let what =
                format!("topic {topic} has {count} partitions, at most {PARTITIONS_MAX} are read");
            return Err(Error::new(ErrorKind::Reject, what));
        }
        let places = Places::default();
        self.begin(&places, count).await?;
        // Where a source begins that starts with what is latest is known before anything is read.
        places.tell(&self.engine, &self.name, topic).await?;
        self.is_well();
        let (stop, stopping) = watch::channel(false);
        let workers: FuturesUnordered<_> =
            (0..count).map(|partition| self.worker(partition, &places, &stopping).run()).collect();
        let ended = self.follow(&places, count, workers, stop).await;
        // Also of what was done before something failed.
        let told = places.tell(&self.engine, &self.name, topic).await;
        let ended = ended?;
        told.map(|()| ended)
    }

    fn worker<'a>(
        &'a self,
        partition: u32,
        places: &'a Places,
        stopping: &watch::Receiver<bool>,
    ) -> Worker<'a> {
        Worker {
            engine: &self.engine,
            topics: &*self.topics,
            batches: &self.batches,
            mapping: &self.mapping,
            source: &self.name,
            at: self.at(),
            partition,
            places,
            stopping: stopping.clone(),
        }
    }

    /// Where each partition is read from: where control holds it, else where the source starts.
    async fn begin(&self, places: &Places, count: u32) -> Result<()> {
        let mut all = Vec::new();
        for partition in 0..count {
            let (start, end) = self.topics.bounds(self.at(), partition).await?;
            let held = held(&self.engine, &self.name, self.topic(), partition)?;
            all.push((partition, held, start.0, end.0));
        }
        // A partition that came after the first start has nothing from before it.
        let is_first = all.iter().all(|(_, held, ..)| held.is_none());
        for (partition, held, start, end) in all {
            let from = match held {
                None if is_first && self.mapping.declared().start == Start::Latest => end,
                None => start,
                Some(held) if held.next > end => return Err(self.cut(held, end)),
                Some(held) => held.next.max(start),
            };
            let before =
                held.unwrap_or(SourcePartition { partition, ..SourcePartition::default() });
            let lost = held.map_or(0, |held| from - held.next.min(from));
            if lost > 0 {
                tracing::warn!(source = %self.name, topic = self.topic(), partition, lost, "the topic's retention took records before they were read");
            }
            places.begin(held, SourcePartition { next: from, lost: before.lost + lost, ..before });
        }
        Ok(())
    }

    fn cut(&self, held: SourcePartition, end: u64) -> Error {
        let what = format!(
            "partition {} of topic {} ends at {end}, and was read up to {}: it was made anew or cut; \
             declare the source under another name to read it from its start",
            held.partition,
            self.topic(),
            held.next
        );
        Error::new(ErrorKind::Reject, what)
    }

    /// Sees to the workers until they are stopped or one fails.
    async fn follow(
        &self,
        places: &Places,
        count: u32,
        mut workers: FuturesUnordered<impl Future<Output = Result<()>>>,
        stop: watch::Sender<bool>,
    ) -> Result<Ended> {
        let every = |period| {
            let mut ticks = interval_at(Instant::now() + period, period);
            ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
            ticks
        };
        let (mut tell, mut recount) = (every(TELL_EVERY), every(COUNT_EVERY));
        let mut stopped = self.stopped.clone();
        let mut watched = std::pin::pin!(self.watch(places));
        let mut ended = Ended::Stopped;
        loop {
            let stopping = *stop.borrow();
            tokio::select! {
                next = workers.next() => match next {
                    Some(done) => done?,
                    None => return Ok(ended),
                },
                () = asked_to_stop(&mut stopped), if !stopping => drop(stop.send_replace(true)),
                _ = tell.tick() => places.tell(&self.engine, &self.name, self.topic()).await?,
                _ = recount.tick(), if !stopping => {
                    if self.topics.partitions(self.at()).await.is_ok_and(|now| now > count) {
                        ended = Ended::Grown;
                        stop.send_replace(true);
                    }
                }
                () = &mut watched => {}
            }
        }
    }

    /// Looks after the topic's ends, for ever.
    async fn watch(&self, places: &Places) {
        loop {
            let now: Vec<SourcePartition> = places.now().values().copied().collect();
            let mut told = Vec::new();
            let mut problem = None;
            for SourcePartition { partition, .. } in now {
                let end = match self.topics.bounds(self.at(), partition).await {
                    Ok((_, end)) => Some(end.0),
                    Err(error) => {
                        problem = Some(Error::from(error).to_string());
                        None
                    }
                };
                let next = places.now().get(&partition).map_or(0, |place| place.next);
                told.push(SourceProgress { partition, next, end: end.map(|end| end.max(next)) });
            }
            self.engine.shared().sources.progress(&self.name, told);
            match problem {
                Some(problem) => self.tell(&problem),
                None => self.is_well(),
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }
}

/// Comes once somebody says so, or is gone.
pub(super) async fn asked_to_stop(stopped: &mut watch::Receiver<bool>) {
    let _ = stopped.wait_for(|stop| *stop).await;
}
