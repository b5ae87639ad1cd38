//! Golden logs: each is decided as it was decided then, by the rules that held then.
//!
//! `outcomes.txt` of a sample tells what became of each record of its log. It was written by the
//! program that made the sample; today's must come to the same, whatever rules it knows besides.

use std::{collections::BTreeMap, fmt::Write as _, sync::Arc, time::Duration};

use headwater_event::{Offset, PartitionId, Record, decode};
use headwater_fold::{KeyAndRow, KeysAndRows, PartitionFold, ReadFailed, Stored, StoredRows};
use headwater_log::{AppendAck, EventLog, ReadLimits};
use headwater_log_embedded::EmbeddedLog;
use headwater_log_kafka::{KafkaLog, testing::TestBroker};

use crate::sample::{Sample, leave};

const READ_WAIT: Duration = Duration::from_secs(10);

/// Rows in memory: what a fold needs, and no store's format.
#[derive(Default)]
struct Rows {
    latest: BTreeMap<Vec<u8>, Vec<u8>>,
    seen: BTreeMap<[u8; 16], Vec<u8>>,
}

impl StoredRows for Rows {
    fn latest(&self, key: &[u8]) -> Result<Option<Vec<u8>>, ReadFailed> {
        Ok(self.latest.get(key).cloned())
    }

    fn first(&self, from: &[u8], until: &[u8], limit: usize) -> Result<KeysAndRows, ReadFailed> {
        let rows = self.latest.range(from.to_vec()..until.to_vec()).take(limit);
        Ok(rows.map(|(key, row)| (key.clone(), row.clone())).collect())
    }

    fn last(&self, from: &[u8], until: &[u8]) -> Result<Option<KeyAndRow>, ReadFailed> {
        let row = self.latest.range(from.to_vec()..until.to_vec()).next_back();
        Ok(row.map(|(key, row)| (key.clone(), row.clone())))
    }

    fn seen(&self, id: &[u8; 16]) -> Result<Option<Vec<u8>>, ReadFailed> {
        Ok(self.seen.get(id).cloned())
    }
}

async fn records(log: &dyn EventLog, id: PartitionId) -> Vec<Record> {
    let end = log.end(id).await.unwrap();
    let mut reader = log.reader(id, Offset(0)).await.unwrap();
    let mut records = Vec::new();
    while reader.position() < end {
        records.extend(reader.next_batch(ReadLimits::default(), READ_WAIT).await.unwrap());
    }
    records
}

/// What becomes of each record, folded one by one, a line each.
async fn outcomes(log: &dyn EventLog) -> String {
    let mut text = String::new();
    for id in PartitionId::all(log.data_partitions()) {
        let mut fold = PartitionFold::restore(id, &Stored::default()).unwrap();
        let mut rows = Rows::default();
        for record in records(log, id).await {
            let commit = fold.fold(&rows, std::slice::from_ref(&record)).unwrap();
            for (key, row) in commit.latest {
                match row {
                    Some(row) => rows.latest.insert(key, row),
                    None => rows.latest.remove(&key),
                };
            }
            rows.seen.extend(commit.seen);
            let event = decode(&record.body).unwrap();
            let (offset, outcome) = &commit.outcomes[0];
            let outcome = serde_json::to_value(outcome).unwrap();
            writeln!(text, "{id} {offset} {} {} {outcome}", event.event_type, event.id).unwrap();
        }
        writeln!(text, "{id} ends under rules {}", fold.head().rules).unwrap();
    }
    // What is made anew with each sample: the ids of the log's own records.
    text.lines().map(without_random_ids).collect()
}

/// The log's own records have random ids.
fn without_random_ids(line: &str) -> String {
    let own = ["headwater.writer.claimed ", "headwater.rules.raised ", "headwater.log.trimmed "];
    let words: Vec<&str> = line.splitn(5, ' ').collect();
    match own.iter().any(|name| line.contains(name)) {
        true => format!("{} {} {} - {}\n", words[0], words[1], words[2], words[4]),
        false => format!("{line}\n"),
    }
}

#[track_caller]
fn check(sample: &Sample, now: &str) {
    let kept = sample.golden("outcomes.txt");
    if kept != now {
        let left = leave(&format!("{}.outcomes.txt", sample.name), now);
        panic!("{}: outcomes differ from what was kept; compare {}", sample.name, left.display());
    }
}

mod a_golden_log_is_decided_as_it_was {
    use super::*;

    #[tokio::test]
    async fn on_embedded() {
        for sample in Sample::all() {
            let log = EmbeddedLog::open_read_only(sample.data().join("log")).unwrap();
            check(&sample, &outcomes(&log).await);
        }
    }

    /// The same records, brought to Kafka byte by byte.
    #[tokio::test]
    async fn on_kafka() {
        for sample in Sample::all() {
            let kept = EmbeddedLog::open_read_only(sample.data().join("log")).unwrap();
            let config = TestBroker::shared().log(kept.data_partitions());
            let log: Arc<dyn EventLog> = Arc::new(KafkaLog::open(config).await.unwrap());
            for id in PartitionId::all(kept.data_partitions()) {
                let bodies =
                    records(&kept, id).await.into_iter().map(|record| record.body).collect();
                log.append(id, bodies, AppendAck::Durable).await.unwrap();
            }
            check(&sample, &outcomes(&*log).await);
        }
    }
}
