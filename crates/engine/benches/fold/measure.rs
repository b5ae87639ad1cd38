//! What is measured: a fold into a fresh store, and the peer.

use std::{
    collections::BTreeMap,
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use headwater_engine::Folder;
use headwater_event::PartitionId;
use headwater_fold::Digest;
use headwater_log::{EventLog, ReadLimits};
use headwater_store::{Access, StoreOptions, StoreSet};
use rdkafka::{
    ClientConfig, Offset, TopicPartitionList,
    consumer::{BaseConsumer, Consumer as _},
};

/// A fold that was measured.
pub(crate) struct Folded {
    pub(crate) records: u64,
    pub(crate) wall_s: f64,
    pub(crate) cpu_s: f64,
    pub(crate) digests: BTreeMap<String, Digest>,
}

/// The peer's reading.
pub(crate) struct Consumed {
    pub(crate) events: u64,
    pub(crate) wall_s: f64,
    pub(crate) cpu_s: f64,
}

/// Folds every data partition from its start into a fresh store, a thread each.
pub(crate) async fn fold(log: &Arc<dyn EventLog>, dir: &Path) -> Folded {
    let stores = StoreSet::open(dir, Access::ReadWrite, StoreOptions::default()).unwrap();
    let (began, cpu) = (Instant::now(), process_cpu_s());
    let handle = tokio::runtime::Handle::current();
    let threads: Vec<_> = PartitionId::all(log.data_partitions())
        .filter(|id| *id != PartitionId::Control)
        .map(|id| {
            let (log, handle) = (Arc::clone(log), handle.clone());
            let store = stores.partition(&id.to_string()).unwrap();
            let scratch = dir.join("scratch");
            std::thread::spawn(move || {
                handle.block_on(async {
                    let end = log.end(id).await.unwrap();
                    let mut folder = Folder::resume(log, store, id, scratch).await.unwrap();
                    folder.take_until(end, ReadLimits::default(), &|_| {}).await.unwrap();
                    let head = folder.fold().head();
                    (head.counts.records, head.digests.clone())
                })
            })
        })
        .collect();
    let mut folded = Folded { records: 0, wall_s: 0.0, cpu_s: 0.0, digests: BTreeMap::new() };
    let results = tokio::task::spawn_blocking(|| {
        threads.into_iter().map(|thread| thread.join().unwrap()).collect::<Vec<_>>()
    });
    for (records, digests) in results.await.unwrap() {
        folded.records += records;
        for (version, digest) in digests {
            let sum = folded.digests.entry(version).or_default();
            *sum = sum.merge(digest);
        }
    }
    folded.wall_s = began.elapsed().as_secs_f64();
    folded.cpu_s = process_cpu_s() - cpu;
    folded
}

/// Reads the whole topic and does nothing with it. Settings as librdkafka's makers advise for
/// throughput, and `fetch.queue.backoff.ms` as the log's own reader has it: with the default of a
/// second the fetcher sleeps whenever the queue was full, and the peer would look three times slower.
pub(crate) fn bare_consumer(broker: &str, topic: &str, partitions: u32) -> Consumed {
    let consumer: BaseConsumer = ClientConfig::new()
        .set("bootstrap.servers", broker)
        .set("group.id", "bench")
        .set("enable.auto.commit", "false")
        .set("check.crcs", "true")
        .set("fetch.queue.backoff.ms", "5")
        .set("queued.min.messages", "1000000")
        .create()
        .unwrap();
    let mut expected = 0;
    let mut assignment = TopicPartitionList::new();
    for partition in 0..i32::try_from(partitions).unwrap() {
        let (low, high) =
            consumer.fetch_watermarks(topic, partition, Duration::from_secs(10)).unwrap();
        expected += u64::try_from(high - low).unwrap();
        assignment.add_partition_offset(topic, partition, Offset::Beginning).unwrap();
    }
    let (began, cpu) = (Instant::now(), process_cpu_s());
    consumer.assign(&assignment).unwrap();
    let mut events = 0;
    while events < expected {
        if let Some(message) = consumer.poll(Duration::from_secs(1)) {
            message.unwrap();
            events += 1;
        }
    }
    Consumed { events, wall_s: began.elapsed().as_secs_f64(), cpu_s: process_cpu_s() - cpu }
}

/// The CPU time of this process, so that the broker's is left out.
fn process_cpu_s() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let after_name = stat.rsplit(')').next().unwrap();
    let fields: Vec<&str> = after_name.split_whitespace().collect();
    let ticks: f64 = [11, 12].iter().map(|at| fields[*at].parse::<f64>().unwrap()).sum();
    // The kernel counts in hundredths of a second on every platform that Linux documents.
    ticks / 100.0
}
