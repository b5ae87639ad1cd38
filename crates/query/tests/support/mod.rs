//! A log in memory, folded for real, and the moment that it gives.
#![allow(dead_code, reason = "each test file uses its own part")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "helpers of tests fail as tests do"
)]

pub(crate) mod past;

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use arrow::{record_batch::RecordBatch, util::pretty::pretty_format_batches};
use async_trait::async_trait;
use futures::{StreamExt as _, stream::BoxStream};
use headwater_event::{
    Event, NewRecord, Offset, PartitionId, Record, Schemas, Signer, Timestamp, partition_for,
};
use headwater_fold::{
    Compiled, Head, KeyAndRow, KeysAndRows as FoldRows, LogIdentity, Outcome, PartitionFold,
    Position, ReadFailed, Stored, StoredRows,
};
use headwater_query::{
    Error, EventSource, KeysAndRows, Limits, Moment, PartitionRows, PartitionState, QueryOptions,
    ReadError, Sql, StorageItem,
};
use headwater_topology::{
    Aggregate, Entity, Feature, FeatureView, JoinKey, KeyType, SourceFile, Topology, ValueAt,
    ValueType, ViewSource, check,
};
use past::{History, PartPast, State};
use serde_json::{Value, json};

/// A partition: its records, its fold and what it stored.
pub(crate) struct Part {
    fold: PartitionFold,
    rows: Store,
    records: Vec<Record>,
    past: PartPast,
}

#[derive(Debug, Default, Clone)]
pub(crate) struct Store {
    pub(crate) latest: BTreeMap<Vec<u8>, Vec<u8>>,
    seen: BTreeMap<[u8; 16], Vec<u8>>,
}

impl StoredRows for Store {
    fn latest(&self, key: &[u8]) -> Result<Option<Vec<u8>>, ReadFailed> {
        Ok(self.latest.get(key).cloned())
    }

    fn first(&self, from: &[u8], until: &[u8], limit: usize) -> Result<FoldRows, ReadFailed> {
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

/// A log of control and some data partitions.
pub(crate) struct World {
    parts: BTreeMap<PartitionId, Part>,
    signer: Signer,
    data_partitions: u32,
    events: usize,
}

impl World {
    /// A new log on which the shop's topology holds.
    pub(crate) fn shop(data_partitions: u32) -> Self {
        let mut world = Self::new(data_partitions);
        world.declare(&topology());
        world
    }

    pub(crate) fn new(data_partitions: u32) -> Self {
        let part = |id| {
            let fold = PartitionFold::restore(id, &Stored::default()).unwrap();
            let past = PartPast { states: Vec::new(), versions: BTreeMap::new() };
            (id, Part { fold, rows: Store::default(), records: Vec::new(), past })
        };
        let mut world = Self {
            parts: PartitionId::all(data_partitions).map(part).collect(),
            signer: Signer::new(&[7; 32], "log"),
            data_partitions,
            events: 0,
        };
        for id in PartitionId::all(data_partitions) {
            let opened = json!({
                "log_id": "log", "partition": id.to_string(), "partitions": data_partitions,
                "clock": "given", "time": "1997-01-01T00:00:00Z",
                "verifying_key": world.signer.verifying_key(), "dedup_horizon_days": 30,
            });
            let event = Event::new("opened", "/test", "headwater.log.opened", "log", opened);
            world.append(id, 1, &event);
        }
        let claimed = json!({"epoch": 1, "process": "test"});
        let event = world.event("headwater.writer.claimed", "log", claimed);
        world.append(PartitionId::Control, 1, &event);
        world
    }

    /// From here on, control decides by these rules.
    pub(crate) fn raise_rules(&mut self, rules: u32) {
        let event = self.event("headwater.rules.raised", "rules", json!({"rules": rules}));
        self.append(PartitionId::Control, 1, &event);
    }

    /// Declares a topology.
    pub(crate) fn declare(&mut self, topology: &Topology) {
        let topology = serde_json::to_value(topology).unwrap();
        self.request("topology.apply_requested", "topology", json!({"topology": topology}));
    }

    pub(crate) fn event(&mut self, event_type: &str, subject: &str, data: Value) -> Event {
        self.events += 1;
        Event::new(format!("e{}", self.events), "/test", event_type, subject, data)
    }

    /// Sends a request to control; it must be accepted.
    pub(crate) fn request(&mut self, name: &str, subject: &str, data: Value) {
        let mut event = self.event(&format!("headwater.{name}"), subject, data);
        event.time = Some(time("1998-01-01T00:00:00Z"));
        self.control(&event);
    }

    pub(crate) fn control(&mut self, event: &Event) {
        let outcome = self.asked(event);
        assert!(matches!(outcome, Outcome::Accepted { .. }), "{outcome:?}");
    }

    /// Sends a request to control, which may refuse it.
    pub(crate) fn asked(&mut self, event: &Event) -> Outcome {
        self.append(PartitionId::Control, 1, event)
    }

    /// Moves the log's clock, in all partitions.
    pub(crate) fn tick(&mut self, at: Timestamp) {
        self.request("clock.tick_requested", "clock", json!({"time": at}));
    }

    /// A purchase, placed by a subject that need not be the customer.
    pub(crate) fn purchase(
        &mut self,
        subject: &str,
        customer: i64,
        at: &str,
        cds: i64,
        dollars: f64,
    ) {
        let data = json!({"customer_id": customer, "number_of_cds": cds, "dollar_value": dollars});
        let mut event = self.event("shop.purchase.made", subject, data);
        event.time = Some(time(at));
        event.actor = Some("alice".to_owned());
        self.data(&event);
    }

    /// Sends an event to the data partition of its subject, unsigned, as any producer may.
    pub(crate) fn data(&mut self, event: &Event) {
        let partition = partition_for(event.subject.as_bytes(), self.data_partitions);
        let outcome = self.append_record(PartitionId::Data(partition), event.to_record());
        assert!(matches!(outcome, Outcome::Accepted { .. }), "{outcome:?}");
    }

    fn append(&mut self, partition: PartitionId, epoch: u64, event: &Event) -> Outcome {
        let record = self.signer.sign(partition, epoch, event.to_record());
        self.append_record(partition, record)
    }

    /// Appends, folds and stores a record, then what the outbox makes of it.
    pub(crate) fn append_record(&mut self, partition: PartitionId, body: NewRecord) -> Outcome {
        let part = self.parts.get_mut(&partition).unwrap();
        let offset = Offset(part.records.len() as u64);
        let appended_at_ms = 883_612_800_000 + i64::try_from(offset.0).unwrap();
        let record = Record { partition, offset, appended_at_ms, body };
        part.records.push(record.clone());
        let commit = part.fold.fold(&part.rows, &[record]).unwrap();
        part.remember();
        for (key, row) in commit.latest {
            let versions = part.past.versions.entry(key.clone()).or_default();
            versions.push((part.records.len(), row.clone()));
            match row {
                Some(row) => part.rows.latest.insert(key, row),
                None => part.rows.latest.remove(&key),
            };
        }
        part.rows.seen.extend(commit.seen);
        for (to, _, event) in commit.outbox {
            self.append(to, 1, &event);
        }
        commit.outcomes.into_iter().next().unwrap().1
    }

    /// What is on the log.
    pub(crate) fn records(&self) -> BTreeMap<PartitionId, Vec<Record>> {
        self.parts.iter().map(|(id, part)| (*id, part.records.clone())).collect()
    }

    /// Its past, as its moments know it.
    pub(crate) fn history(&self) -> History {
        History::of(&self.parts, &Arc::new(Log(self.records())))
    }

    /// What is readable now, with a count of the reads.
    pub(crate) fn moment(&self) -> (Arc<Moment>, Arc<Reads>) {
        let reads = Arc::new(Reads::default());
        let partitions = self.parts.values().map(|part| {
            Arc::new(Snapshot {
                id: part.fold.id(),
                head: part.fold.head().clone(),
                position: part.fold.position().copied(),
                rows: Arc::new(part.rows.latest.clone()),
                reads: Arc::clone(&reads),
            }) as Arc<dyn PartitionRows>
        });
        let log = Arc::new(Log(self.records()));
        let moment = Moment {
            partitions: partitions.collect(),
            past: Arc::new(History::of(&self.parts, &log)),
            events: log,
            compiled: Arc::new(self.parts[&PartitionId::Control].fold.compiled().clone()),
            read_time: time("1998-07-01T00:00:00Z"),
        };
        (Arc::new(moment), reads)
    }
}

impl Part {
    /// Keeps what the partition knows after a record.
    fn remember(&mut self) {
        let head = self.fold.head().clone();
        let compiled = match self.past.states.last() {
            Some(last)
                if last.head.topology == head.topology && last.head.coming == head.coming =>
            {
                Arc::clone(&last.compiled)
            }
            _ => Arc::new(self.fold.compiled().clone()),
        };
        let position = *self.fold.position().unwrap();
        self.past.states.push(State { head, position, compiled });
    }
}

/// How often a snapshot was read.
#[derive(Debug, Default)]
pub(crate) struct Reads {
    pub(crate) gets: AtomicUsize,
    pub(crate) scans: AtomicUsize,
    pub(crate) rows: Arc<AtomicUsize>,
}

impl Reads {
    /// Gets, scans and rows that scans gave.
    pub(crate) fn counts(&self) -> (usize, usize, usize) {
        let of = |count: &AtomicUsize| count.load(Ordering::SeqCst);
        (of(&self.gets), of(&self.scans), of(&self.rows))
    }
}

#[derive(Debug)]
pub(crate) struct Snapshot {
    pub(crate) id: PartitionId,
    pub(crate) head: Head,
    pub(crate) position: Option<Position>,
    pub(crate) rows: Arc<BTreeMap<Vec<u8>, Vec<u8>>>,
    pub(crate) reads: Arc<Reads>,
}

#[async_trait]
impl PartitionRows for Snapshot {
    fn id(&self) -> PartitionId {
        self.id
    }

    fn log(&self) -> Option<&LogIdentity> {
        self.head.log.as_ref()
    }

    fn last(&self) -> Option<Offset> {
        self.position.map(|position| position.last)
    }

    fn rows_about(&self, version_hex: &str) -> Option<u64> {
        Some(self.head.digests.get(version_hex).map_or(0, |digest| digest.rows))
    }

    async fn state(&self) -> Result<PartitionState, ReadError> {
        Ok(PartitionState { head: self.head.clone(), position: self.position })
    }

    async fn storage(&self) -> Result<Option<Vec<StorageItem>>, ReadError> {
        let bytes = self.rows.iter().map(|(key, row)| key.len() + row.len()).sum::<usize>();
        let items = u64::try_from(self.rows.len()).ok();
        Ok(Some(vec![StorageItem { kind: "rows", name: None, bytes: Some(bytes as u64), items }]))
    }

    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, ReadError> {
        self.reads.gets.fetch_add(1, Ordering::SeqCst);
        Ok(self.rows.get(key).cloned())
    }

    fn scan(&self, start: Vec<u8>, end: Vec<u8>) -> KeysAndRows {
        self.reads.scans.fetch_add(1, Ordering::SeqCst);
        let (rows, counted) = (Arc::clone(&self.rows), Arc::clone(&self.reads.rows));
        let mut next = Some(start);
        Box::new(std::iter::from_fn(move || {
            use std::ops::Bound::{Excluded, Included};
            let from = next.take()?;
            let mut found = rows.range::<Vec<u8>, _>((Included(&from), Excluded(&end)));
            let (key, row) = found.next()?;
            let mut after = key.clone();
            after.push(0);
            next = Some(after).filter(|after| *after < end);
            counted.fetch_add(1, Ordering::SeqCst);
            Some(Ok((key.clone(), row.clone())))
        }))
    }
}

#[derive(Debug)]
pub(crate) struct Log(BTreeMap<PartitionId, Vec<Record>>);

impl EventSource for Log {
    fn events(
        &self,
        partition: PartitionId,
        from: Offset,
        to: Offset,
    ) -> BoxStream<'static, Result<Vec<Record>, ReadError>> {
        let wanted = |record: &&Record| (from..to).contains(&record.offset);
        let records: Vec<Record> = self.0[&partition].iter().filter(wanted).cloned().collect();
        let chunks: Vec<_> = records.chunks(3).map(|chunk| Ok(chunk.to_vec())).collect();
        futures::stream::iter(chunks).boxed()
    }
}

/// The shipped topology, and a view whose key is the subject, so that nothing is merged.
pub(crate) fn topology() -> Topology {
    let file = |path: &str, text: &str| SourceFile { path: path.into(), text: text.into() };
    let files = [
        file("topology/shop.yaml", include_str!("../../../../topology/shop.yaml")),
        file(
            "schemas/shop.purchase.made/v1.json",
            include_str!("../../../../schemas/shop.purchase.made/v1.json"),
        ),
        file(
            "schemas/shop.purchase.made/v1.sample.json",
            include_str!("../../../../schemas/shop.purchase.made/v1.sample.json"),
        ),
    ];
    let mut topology = check(&files, &|_| None).unwrap();
    topology.entities.insert(
        "shopper".to_owned(),
        Entity {
            description: "Whoever is the subject.".to_owned(),
            join_keys: vec![JoinKey { name: "shopper".to_owned(), key_type: KeyType::String }],
        },
    );
    let feature = |name: &str, value_type, aggregate| Feature {
        name: name.to_owned(),
        description: format!("The {name}."),
        value_type,
        aggregate,
    };
    let dollars = || ValueAt::Data("/dollar_value".to_owned());
    topology.feature_views.insert(
        "shopper_totals".to_owned(),
        FeatureView {
            description: "Per subject.".to_owned(),
            owner: String::new(),
            tags: BTreeMap::new(),
            entity: "shopper".to_owned(),
            source: ViewSource::Events {
                event_type: "shop.purchase.made".to_owned(),
                keys: vec![ValueAt::Subject],
            },
            window: None,
            lateness_ms: None,
            results: None,
            features: vec![
                feature("spent", ValueType::Float64, Aggregate::Sum(dollars())),
                feature("mean_spent", ValueType::Float64, Aggregate::Mean(dollars())),
                feature(
                    "most_cds",
                    ValueType::Int64,
                    Aggregate::Max(ValueAt::Data("/number_of_cds".to_owned())),
                ),
            ],
            derived: Vec::new(),
        },
    );
    topology
}

/// The compiled form of a topology, without a log.
pub(crate) fn compiled(topology: Topology) -> Compiled {
    Compiled::new(&Schemas::built_in().unwrap(), topology).unwrap()
}

pub(crate) fn time(text: &str) -> Timestamp {
    text.parse().unwrap()
}

pub(crate) fn sql() -> Sql {
    Sql::new(Limits { parallelism: Some(2), ..Limits::default() }).unwrap()
}

/// The answer as a table of text; one line a row, sorted by the query.
pub(crate) async fn table(moment: &Arc<Moment>, query: &str) -> String {
    let batches = batches(&sql(), moment, query).await.unwrap();
    pretty_format_batches(&batches).unwrap().to_string()
}

pub(crate) async fn batches(
    sql: &Sql,
    moment: &Arc<Moment>,
    query: &str,
) -> Result<Vec<RecordBatch>, Error> {
    batches_with(sql, moment, query, &QueryOptions::default()).await
}

pub(crate) async fn batches_with(
    sql: &Sql,
    moment: &Arc<Moment>,
    query: &str,
    options: &QueryOptions,
) -> Result<Vec<RecordBatch>, Error> {
    sql.query(Arc::clone(moment), query, options).await?.collect().await
}

/// The cells of an answer, row by row.
pub(crate) async fn cells(moment: &Arc<Moment>, query: &str) -> Vec<Vec<String>> {
    cells_of(&batches(&sql(), moment, query).await.unwrap())
}

/// The cells of an answer, row by row.
pub(crate) fn cells_of(batches: &[RecordBatch]) -> Vec<Vec<String>> {
    let text = pretty_format_batches(batches).unwrap().to_string();
    let lines = text.lines().filter(|line| line.starts_with('|')).skip(1);
    lines
        .map(|line| line.trim_matches('|').split('|').map(|cell| cell.trim().to_owned()).collect())
        .collect()
}

pub(crate) async fn error(moment: &Arc<Moment>, query: &str) -> Error {
    batches(&sql(), moment, query).await.expect_err(query)
}
