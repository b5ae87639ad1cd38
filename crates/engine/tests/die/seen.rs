//! What is there at the end of a life: digests, and what a receiver of the topic has.

use std::{collections::BTreeMap, fs, path::Path, time::Duration};

use headwater_engine::Engine;
use headwater_event::{Offset, decode};
use headwater_fold::{Digest, TableRow as _, family::log::AppliedTopology};
use headwater_log::{ReadLimits, TopicAt, Topics as _};
use headwater_log_kafka::KafkaTopics;
use serde::{Deserialize, Serialize};

const READ_WAIT: Duration = Duration::from_secs(10);
const FILE: &str = "seen.json";

/// What was seen.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Seen {
    /// By version.
    digests: BTreeMap<String, Digest>,
    /// The events of the topic as a receiver has them that drops repeats, sorted.
    received: Vec<String>,
}

impl Seen {
    pub(crate) async fn look(engine: &Engine, broker: &str, topic: &str) -> Self {
        let mut digests: BTreeMap<String, Digest> = BTreeMap::new();
        for status in engine.status() {
            for (version, digest) in &status.head.digests {
                let sum = digests.entry(version.clone()).or_default();
                *sum = sum.merge(*digest);
            }
        }
        Self { digests, received: received(broker, topic).await }
    }

    pub(crate) fn write(&self, dir: &Path) {
        fs::write(dir.join(FILE), serde_json::to_vec(self).unwrap()).unwrap();
    }

    pub(crate) fn read(dir: &Path) -> Self {
        serde_json::from_slice(&fs::read(dir.join(FILE)).unwrap()).unwrap()
    }

    /// The same as that of a life that was not cut.
    pub(crate) fn is_as(&self, whole: &Self) -> Result<(), String> {
        // Each life has a topic of its own, and its topology names it.
        let topologies = AppliedTopology::table().version_hex();
        for (version, digest) in whole.digests.iter().filter(|(version, _)| **version != topologies)
        {
            if self.digests.get(version) != Some(digest) {
                return Err(format!(
                    "table {version} is {:?}, expected {digest:?}",
                    self.digests.get(version)
                ));
            }
        }
        if self.received != whole.received {
            return Err(format!("received {:#?}, expected {:#?}", self.received, whole.received));
        }
        if whole.received.len() != 24 {
            return Err(format!(
                "18 days and 6 models were to be received, not {:#?}",
                whole.received
            ));
        }
        Ok(())
    }
}

/// Reads the topic as a receiver does: what is not beyond the last place of its partition is a repeat.
async fn received(broker: &str, topic: &str) -> Vec<String> {
    let topics = KafkaTopics::new(None, Default::default());
    let at = TopicAt { brokers: Some(broker.to_owned()), topic: topic.to_owned() };
    let mut received = Vec::new();
    for partition in 0..topics.partitions(at.clone()).await.unwrap() {
        let (_, end) = topics.bounds(at.clone(), partition).await.unwrap();
        let mut reader = topics.reader(at.clone(), partition, Offset(0)).await.unwrap();
        let mut last = BTreeMap::new();
        while reader.position() < end {
            for record in reader.next_batch(ReadLimits::default(), READ_WAIT).await.unwrap() {
                let event = decode(&record.body).unwrap();
                let place = event.derived_from.unwrap();
                if last.get(&place.partition).is_none_or(|last| place > *last) {
                    last.insert(place.partition, place);
                    // Without what depends on where the log has it.
                    received.push(format!("{} {} {}", event.event_type, event.subject, event.data));
                }
            }
        }
    }
    received.sort();
    received
}
