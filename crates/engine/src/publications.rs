//! Publications: what goes from the outbox to topics of the users' own.
//!
//! Each has a task of its own, so that a broker that is down holds up no other. A batch is appended to the topic,
//! then taken out of the outbox; at most once a second the log is told how far the topic is, so that a store that
//! is folded anew does not publish its whole history again. What was published twice all the same has the same
//! place in the sequence (`derivedfrom`), which rises for each partition: a receiver keeps the last of each.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use headwater_event::{
    Event, Outlet, PartitionId, catalog::names, decode_structured, payload::PublicationDelivered,
};
use headwater_fold::Delivered;
use headwater_log::{TopicAt, Topics};
use headwater_topology::Publication;
use tokio::task::JoinHandle;

use crate::{
    Engine, Error, ErrorKind, Result, Step, outbox::publication_prefix, shared::PartitionShared,
};

/// Events of one partition that are under way to a topic at once.
const EVENTS_MAX: usize = 1_000;
/// How often it is looked for events: a publication follows its cause by no more than this.
const LOOK_EVERY: Duration = Duration::from_millis(50);
/// The log is told how far a topic is at most this often.
const TELL_EVERY: Duration = Duration::from_secs(1);
/// How long a publication rests after its topic refused it: doubled each time, up to the second.
const RETRY_AFTER: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(30));

/// How a publication is doing.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct DeliveryStatus {
    /// How many events this process has put into the topic.
    pub delivered: u64,
    /// Why the last attempt failed, if it did.
    pub failed: Option<String>,
}

/// How all publications are doing, by name.
#[derive(Debug, Default)]
pub(crate) struct Deliveries(Mutex<BTreeMap<String, DeliveryStatus>>);

impl Deliveries {
    fn set(&self, name: &str, change: impl FnOnce(&mut DeliveryStatus)) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        change(all.entry(name.to_owned()).or_default());
    }

    fn retain(&self, names: &BTreeSet<String>) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.retain(|name, _| names.contains(name));
    }

    /// A copy of it.
    pub(crate) fn all(&self) -> BTreeMap<String, DeliveryStatus> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Engine {
    /// How each publication is doing, by name.
    pub fn publications(&self) -> BTreeMap<String, DeliveryStatus> {
        self.shared().publications.all()
    }
}

/// Keeps a task for each publication that is declared, until the engine stops.
pub(crate) async fn run(engine: Engine, topics: Arc<dyn Topics>) {
    if engine.wait_ready().await.is_err() {
        return;
    }
    let mut compiled = engine.shared().compiled.subscribe();
    let mut running: BTreeMap<String, (Publication, AbortOnDrop)> = BTreeMap::new();
    loop {
        let wanted = compiled.borrow_and_update().topology.publications.clone();
        running.retain(|name, (declared, _)| wanted.get(name) == Some(declared));
        engine.shared().publications.retain(&wanted.keys().cloned().collect());
        for (name, declared) in wanted {
            let started = || {
                let work = Work {
                    engine: engine.clone(),
                    topics: Arc::clone(&topics),
                    at: TopicAt {
                        brokers: declared.brokers.clone(),
                        topic: declared.topic.clone(),
                    },
                    name: name.clone(),
                    told: BTreeMap::new(),
                };
                (declared.clone(), AbortOnDrop(tokio::spawn(work.run())))
            };
            running.entry(name.clone()).or_insert_with(started);
        }
        if compiled.changed().await.is_err() {
            return;
        }
    }
}

/// A task that ends with what holds it.
struct AbortOnDrop(JoinHandle<()>);

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// One publication.
struct Work {
    engine: Engine,
    topics: Arc<dyn Topics>,
    name: String,
    at: TopicAt,
    /// By partition, what is in the topic and the log was not told yet; and when it was told last.
    told: BTreeMap<PartitionId, (Option<Delivered>, Instant)>,
}

impl Work {
    async fn run(mut self) {
        let mut rest = RETRY_AFTER.0;
        let shared = Arc::clone(self.engine.shared());
        // With control's partition this process stops being the active one.
        while !shared.is_stopping() && self.engine.failure_of(PartitionId::Control).is_none() {
            let mut published = 0;
            for partition in shared.partitions.values() {
                match self.publish(partition).await {
                    Ok(count) => {
                        published += count;
                        rest = RETRY_AFTER.0;
                    }
                    Err(error) => {
                        tracing::warn!(publication = self.name, partition = %partition.id, %error, "could not publish; trying again");
                        let failed = Some(error.to_string());
                        shared.publications.set(&self.name, |status| status.failed = failed);
                        tokio::time::sleep(rest).await;
                        rest = (2 * rest).min(RETRY_AFTER.1);
                    }
                }
            }
            if published == 0 {
                tokio::time::sleep(LOOK_EVERY).await;
            }
        }
    }

    /// Publishes the next events of a partition; tells how many.
    async fn publish(&mut self, partition: &PartitionShared) -> Result<usize> {
        let prefix = publication_prefix(&self.name);
        let mut entries = partition.store.outbox(&prefix, EVENTS_MAX)?;
        entries.retain(|(key, _)| key.starts_with(&prefix));
        if entries.is_empty() {
            self.tell(partition).await?;
            return Ok(0);
        }
        let delivered = partition.progress.borrow().head.delivered.get(&self.name).copied();
        let (mut records, mut last) = (Vec::with_capacity(entries.len()), None);
        for (_, value) in &entries {
            let (event, place) = read(value)?;
            last = Some(place);
            // A store that was folded anew has entries that were published long ago.
            if delivered.is_none_or(|delivered| place > delivered) {
                records.push(event.to_record());
            }
        }
        let shared = Arc::clone(self.engine.shared());
        let count = records.len();
        if count > 0 {
            self.topics.append(self.at.clone(), records).await?;
            shared.steps.reached(Step::TopicPublished);
        }
        let keys: Vec<_> = entries.into_iter().map(|(key, _)| key).collect();
        partition.store.outbox_remove(&keys)?;
        shared.steps.reached(Step::TopicCleared);
        shared.publications.set(&self.name, |status| {
            status.delivered += count as u64;
            status.failed = None;
        });
        if count > 0 {
            let long_ago = Instant::now().checked_sub(TELL_EVERY).unwrap_or_else(Instant::now);
            let untold = self.told.entry(partition.id).or_insert((None, long_ago));
            untold.0 = last.or(untold.0);
        }
        self.tell(partition).await?;
        Ok(keys.len())
    }

    /// Tells the log how far the topic is, if it is time.
    async fn tell(&mut self, partition: &PartitionShared) -> Result<()> {
        let Some((untold, at)) = self.told.get_mut(&partition.id) else { return Ok(()) };
        let epoch = self.engine.shared().epoch();
        let Some(place) = untold.filter(|_| at.elapsed() >= TELL_EVERY && epoch > 0) else {
            return Ok(());
        };
        let (offset, index) = (place.offset.0, place.index);
        let payload = PublicationDelivered { publication: self.name.clone(), offset, index };
        let kind = names::PUBLICATION_DELIVERED;
        self.engine.append_system_to(partition.id, kind, &self.name, epoch, &payload).await?;
        (*untold, *at) = (None, Instant::now());
        self.engine.shared().steps.reached(Step::TopicTold);
        Ok(())
    }
}

/// An entry's event, and its place in the sequence.
fn read(value: &[u8]) -> Result<(Event, Delivered)> {
    let damaged = |what: &str| {
        Error::new(ErrorKind::Corrupt, format!("damaged outbox entry of a publication: {what}"))
    };
    let event = decode_structured(value).map_err(|refusal| damaged(&refusal.to_string()))?;
    let Some(Outlet { offset, index, .. }) = event.derived_from else {
        return Err(damaged("it has no place"));
    };
    Ok((event, Delivered { offset, index }))
}
