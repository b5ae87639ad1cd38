//! One partition of a source: read, map, append; then the place moves on.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use headwater_event::{
    Event, NewRecord, Offset, PartitionId, Record, Refusal, Timestamp, catalog::names,
    partition_for, payload::SourceRecordRefused,
};
use headwater_fold::Compiled;
use headwater_log::{AppendAck, ReadLimits, TopicAt, Topics};
use headwater_topology::{Mapping, SourceRecord};
use tokio::sync::{Semaphore, watch};

use super::{checkpoint::Places, reading::asked_to_stop};
use crate::{Ack, Engine, Error, ErrorKind, Result, Submitted, clock};

/// A batch: one sync of the log serves all of it.
const BATCH: ReadLimits = ReadLimits { records_max: 2_000, bytes_max: 1024 * 1024 };
/// How long a read waits for records: the time within which a stop is noticed.
const READ_WAIT: Duration = Duration::from_millis(200);
/// How long to rest before a batch is appended again that the log did not take.
const RETRY_AFTER: Duration = Duration::from_millis(500);
/// A timestamp that Kafka gives to records that have none.
const NO_TIMESTAMP_MS: i64 = 0;

/// Reads one partition.
pub(super) struct Worker<'a> {
    pub(super) engine: &'a Engine,
    pub(super) topics: &'a dyn Topics,
    pub(super) batches: &'a Semaphore,
    pub(super) mapping: &'a Mapping,
    pub(super) source: &'a str,
    pub(super) at: TopicAt,
    pub(super) partition: u32,
    pub(super) places: &'a Places,
    pub(super) stopping: watch::Receiver<bool>,
}

/// What a batch came to.
#[derive(Default)]
struct Taken {
    mapped: u64,
    passed_over: u64,
    refused: u64,
    /// What tells of them, by data partition.
    letters: BTreeMap<PartitionId, Vec<NewRecord>>,
}

impl Worker<'_> {
    pub(super) async fn run(self) -> Result<()> {
        let from = Offset(self.place(|place| place.next));
        let mut reader = self.topics.reader(self.at.clone(), self.partition, from).await?;
        let mut seen = self.engine.compiled();
        while !*self.stopping.borrow() {
            let records = reader.next_batch(BATCH, READ_WAIT).await?;
            let position = reader.position().0;
            if records.is_empty() && position <= self.place(|place| place.next) {
                continue;
            }
            let compiled = self.engine.compiled();
            if !Arc::ptr_eq(&seen, &compiled) && !self.holds(&compiled) {
                // Another mapping holds by now, and whoever maps by it reads these records again.
                return Ok(());
            }
            seen = compiled;
            let closed = |_| Error::new(ErrorKind::Closed, "the engine was shut down");
            let _turn = self.batches.acquire().await.map_err(closed)?;
            let Some(taken) = self.take(&records).await? else { return Ok(()) };
            if let Some(place) = self.places.now().get_mut(&self.partition) {
                place.next = position.max(place.next);
                place.mapped += taken.mapped;
                place.passed_over += taken.passed_over;
                place.refused += taken.refused;
            }
            self.engine.shared().sources.moved(self.source, self.partition, position);
        }
        Ok(())
    }

    /// Whether this mapping is the one that the topology declares.
    fn holds(&self, compiled: &Compiled) -> bool {
        let topology = &compiled.topology;
        let declared = topology.sources.get(self.source);
        declared.is_some_and(|it| Mapping::new(self.source, it, topology) == *self.mapping)
    }

    fn place(&self, of: impl Fn(&headwater_event::payload::SourcePartition) -> u64) -> u64 {
        self.places.now().get(&self.partition).map_or(0, of)
    }

    /// Puts a batch onto the log, again and again while the log is away; `None` if that was stopped.
    async fn take(&self, records: &[Record]) -> Result<Option<Taken>> {
        loop {
            let why = match self.try_take(records).await {
                Ok(taken) => return Ok(Some(taken)),
                Err(error) if error.kind() == ErrorKind::Retry => error,
                Err(error) => return Err(error),
            };
            tracing::warn!(source = self.source, partition = self.partition, error = %why, "a batch of the source is not on the log; trying again");
            let mut stopping = self.stopping.clone();
            if tokio::time::timeout(RETRY_AFTER, asked_to_stop(&mut stopping)).await.is_ok() {
                return Ok(None);
            }
        }
    }

    async fn try_take(&self, records: &[Record]) -> Result<Taken> {
        let mut taken = Taken::default();
        let (mut events, mut of): (Vec<Event>, Vec<&Record>) = (Vec::new(), Vec::new());
        for record in records {
            match self.mapping.map(&self.seen(record)) {
                Ok(Some(event)) => {
                    events.push(event);
                    of.push(record);
                }
                Ok(None) => taken.passed_over += 1,
                Err(refusal) => self.refuse(record, &refusal, &mut taken)?,
            }
        }
        // Durable: control must never hold a place that a loss of power took from the log.
        for (answer, record) in self.engine.submit(events, Ack::Durable).await.into_iter().zip(of) {
            match answer {
                Submitted::Appended(_) => taken.mapped += 1,
                Submitted::Refused(refusal) => self.refuse(record, &refusal, &mut taken)?,
                Submitted::Unavailable(why) => return Err(Error::new(ErrorKind::Retry, why)),
            }
        }
        let log = self.engine.log();
        for (to, letters) in std::mem::take(&mut taken.letters) {
            log.append(to, letters, AppendAck::Durable).await?;
        }
        Ok(taken)
    }

    fn seen<'r>(&'r self, record: &'r Record) -> SourceRecord<'r> {
        let at_ms = record.appended_at_ms;
        SourceRecord {
            topic: &self.at.topic,
            partition: self.partition,
            offset: record.offset.0,
            timestamp: (at_ms > NO_TIMESTAMP_MS).then(|| Timestamp::from_millis(at_ms)),
            key: record.body.key.as_deref(),
            headers: &record.body.headers,
            value: record.body.value.as_deref(),
        }
    }

    /// A record that is no event is on the log, too: nothing is lost, and the line goes on.
    fn refuse(&self, record: &Record, refusal: &Refusal, taken: &mut Taken) -> Result<()> {
        let (key, value) = (record.body.key.as_deref(), record.body.value.as_deref());
        let refused = SourceRecordRefused {
            source: self.source.to_owned(),
            topic: self.at.topic.clone(),
            partition: self.partition,
            offset: record.offset.0,
            event_type: self.mapping.declared().event_type.clone(),
            ..SourceRecordRefused::of(key, value, refusal)
        };
        let data = serde_json::to_value(refused)
            .map_err(|error| Error::new(ErrorKind::Bug, error.to_string()))?;
        let position = self.seen(record).position();
        let id = format!("refused:{position}");
        let to = partition_for(position.as_bytes(), self.engine.log().data_partitions());
        let to = PartitionId::Data(to);
        let kind = names::SOURCE_RECORD_REFUSED;
        let mut event = Event::new(id, self.mapping.uri(), kind, position, data);
        event.time = Some(clock::wall());
        let epoch = self.engine.shared().epoch();
        let record = event.in_newest_schema().to_record();
        let letter = self.engine.signer().sign(to, epoch, record);
        taken.letters.entry(to).or_default().push(letter);
        taken.refused += 1;
        Ok(())
    }
}
