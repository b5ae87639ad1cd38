//! A whole log in memory: signs, places, folds and publishes as the engine does.

use std::collections::BTreeMap;

use headwater_event::{
    Event, NewRecord, Offset, Outlet, PartitionId, Record, Signer, Timestamp,
    catalog::names,
    partition_for,
    payload::{ClockMode, LogOpened},
};
use headwater_topology::{
    Aggregate, Entity, EventType, Feature, FeatureView, JoinKey, KeyType, Topology, ValueAt,
    ValueType, ViewSource, Window,
};
use serde_json::{Value as Json, json};

use crate::{
    Digest, KeyAndRow, KeysAndRows, Outcome, PartitionFold, ReadFailed, Row, RowVersion, Stored,
    StoredRow, StoredRows, Table, TableRow,
};

/// A store in memory.
#[derive(Debug, Default, Clone, PartialEq)]
pub(super) struct MemoryRows {
    pub(super) latest: BTreeMap<Vec<u8>, Vec<u8>>,
    pub(super) versions: Vec<RowVersion>,
    seen: BTreeMap<[u8; 16], Vec<u8>>,
}

impl MemoryRows {
    fn take(
        &mut self,
        latest: Vec<(Vec<u8>, Option<Vec<u8>>)>,
        versions: Vec<RowVersion>,
        seen: Vec<([u8; 16], Vec<u8>)>,
    ) {
        for (key, row) in latest {
            match row {
                Some(row) => self.latest.insert(key, row),
                None => self.latest.remove(&key),
            };
        }
        self.versions.extend(versions);
        self.seen.extend(seen);
    }
}

impl StoredRows for MemoryRows {
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

/// One partition: its records, its rows, its fold.
pub(super) struct Partition {
    pub(super) records: Vec<Record>,
    pub(super) rows: MemoryRows,
    pub(super) fold: PartitionFold,
    pub(super) outcomes: Vec<Outcome>,
    topology: Option<Vec<u8>>,
    pub(super) topologies: Vec<(Offset, Vec<u8>)>,
    pub(super) ticks: Vec<(Offset, crate::Clock)>,
}

impl Partition {
    /// Folds history beside, if this record needs it, and takes over rows and digests.
    fn backfill(&mut self, record: &Record) {
        let views = self.fold.views_to_backfill(record);
        if views.is_empty() {
            return;
        }
        let tables: Vec<_> = views.iter().flat_map(crate::CompiledView::tables).collect();
        let prefixes: Vec<_> = tables.iter().map(Table::prefix).collect();
        let ours = |key: &[u8]| prefixes.iter().any(|prefix| key.starts_with(prefix));
        let versions: Vec<_> = tables.iter().map(Table::version_hex).collect();
        let mut beside =
            PartitionFold::for_backfill(self.fold.id(), views, &Stored::default()).unwrap();
        let mut rows = MemoryRows::default();
        for record in &self.records[..record.offset.0 as usize] {
            let commit = beside.fold(&rows, std::slice::from_ref(record)).unwrap();
            rows.take(commit.latest, commit.versions, commit.seen);
        }
        self.rows.latest.extend(rows.latest.into_iter().filter(|(key, _)| ours(key)));
        // A version that was folded before keeps what it had.
        self.rows.versions.retain(|version| !ours(&version.key));
        self.rows.versions.extend(rows.versions.into_iter().filter(|version| ours(&version.key)));
        let mut digests = beside.head().digests.clone();
        digests.retain(|version, _| versions.contains(version));
        self.fold.adopt(digests);
    }
}

/// Batches of so many; what needs history begins one of its own.
fn cut(records: &[Record], batch: usize) -> Vec<Vec<Record>> {
    let mut batches: Vec<Vec<Record>> = Vec::new();
    for record in records {
        let signed = record.body.header(headwater_event::SIGNATURE_HEADER).is_some();
        let full = batches.last().is_none_or(|last| last.len() >= batch);
        match batches.last_mut() {
            Some(last) if !full && !signed => last.push(record.clone()),
            _ => batches.push(vec![record.clone()]),
        }
    }
    batches
}

pub(super) struct BenchLog {
    pub(super) partitions: BTreeMap<PartitionId, Partition>,
    pub(super) signer: Signer,
    epoch: u64,
    data_partitions: u32,
    next_id: u64,
}

impl BenchLog {
    /// A log of `data_partitions`, opened at 1997-01-01, with the test topology applied.
    pub(super) fn new(data_partitions: u32) -> Self {
        Self::with_rules(data_partitions, crate::RULES_KNOWN)
    }

    /// The same, under these rules; 0 if none were ever raised.
    pub(super) fn with_rules(data_partitions: u32, rules: u32) -> Self {
        let mut log = Self::unopened(data_partitions);
        for id in PartitionId::all(data_partitions) {
            let opened = LogOpened {
                log_id: "log".into(),
                partition: id.to_string(),
                partitions: data_partitions,
                clock: ClockMode::Given,
                time: "1997-01-01T00:00:00Z".parse().unwrap(),
                verifying_key: log.signer.verifying_key(),
                dedup_horizon_days: 30,
            };
            let event = Event::new("opened", "headwater", names::LOG_OPENED, "log", json!(opened));
            log.append_signed(id, 0, &event);
        }
        log.fold(1);
        log.epoch = 1;
        let claim = Event::new(
            "claim",
            "headwater",
            names::WRITER_CLAIMED,
            "writer",
            json!({"epoch": 1, "process": "test"}),
        );
        log.append_signed(PartitionId::Control, 1, &claim);
        log.raise(rules);
        log.declare(&topology());
        log
    }

    pub(super) fn raise(&mut self, rules: u32) {
        if rules > 0 {
            let data = json!({"rules": rules});
            let raised = Event::new("rules", "headwater", names::RULES_RAISED, "rules", data);
            self.append_signed(PartitionId::Control, self.epoch, &raised);
        }
    }

    /// Applies a topology.
    pub(super) fn declare(&mut self, topology: &Topology) -> Outcome {
        let topology = serde_json::to_value(topology).unwrap();
        let data = json!({"topology": topology});
        self.request(names::TOPOLOGY_APPLY_REQUESTED, "topology", data)
    }

    /// Asks this partition to take over what it must have folded beside, as a builder would.
    pub(super) fn built(&mut self, id: PartitionId) {
        let building = self.partitions[&id].fold.building();
        let each = building
            .iter()
            .map(|view| json!({"view": view.table.name, "version": view.table.version_hex()}));
        let data = json!({"built": each.collect::<Vec<_>>()});
        self.next_id += 1;
        let id_of = format!("b{}", self.next_id);
        let event = Event::new(id_of, "headwater", names::VIEW_BUILT, "views", data);
        self.append_signed(id, self.epoch, &event);
        self.settle();
    }

    /// The same in every data partition.
    pub(super) fn build(&mut self) {
        for id in PartitionId::all(self.data_partitions).skip(1) {
            self.built(id);
        }
    }

    fn unopened(data_partitions: u32) -> Self {
        let partition = |id| Partition {
            records: Vec::new(),
            rows: MemoryRows::default(),
            fold: PartitionFold::restore(id, &Stored::default()).unwrap(),
            outcomes: Vec::new(),
            topology: None,
            topologies: Vec::new(),
            ticks: Vec::new(),
        };
        Self {
            partitions: PartitionId::all(data_partitions).map(|id| (id, partition(id))).collect(),
            signer: Signer::new(&[7; 32], "log"),
            epoch: 0,
            data_partitions,
            next_id: 0,
        }
    }

    pub(super) fn append(&mut self, id: PartitionId, body: NewRecord) -> Offset {
        let records = &mut self.partitions.get_mut(&id).unwrap().records;
        let offset = Offset(records.len() as u64);
        records.push(Record { partition: id, offset, appended_at_ms: 0, body });
        offset
    }

    pub(super) fn append_signed(&mut self, id: PartitionId, epoch: u64, event: &Event) {
        let record = self.signer.sign(id, epoch, event.to_record());
        self.append(id, record);
    }

    /// Appends a control event and folds everything; answers its outcome.
    pub(super) fn request(&mut self, event_type: &str, subject: &str, data: Json) -> Outcome {
        self.next_id += 1;
        let mut event = Event::new(format!("c{}", self.next_id), "test", event_type, subject, data);
        event.time = Some("1997-01-02T00:00:00Z".parse().unwrap());
        let record = self.signer.sign(PartitionId::Control, self.epoch, event.to_record());
        let offset = self.append(PartitionId::Control, record);
        self.settle();
        self.partitions[&PartitionId::Control].outcomes[offset.0 as usize].clone()
    }

    /// Appends a data event where its subject belongs, as any producer would.
    pub(super) fn produce(&mut self, event: &Event) {
        let place = partition_for(event.subject.as_bytes(), self.data_partitions);
        self.append(PartitionId::Data(place), event.to_record());
    }

    /// Appends an order of the test's app.
    pub(super) fn order(&mut self, id: &str, customer: i64, time: &str, data: Json) {
        let mut data = data;
        data["customer"] = json!(customer);
        let mut event =
            Event::new(id, "https://app", "app.order.placed", customer.to_string(), data);
        event.time = Some(time.parse().unwrap());
        self.produce(&event);
    }

    pub(super) fn tick(&mut self, time: &str) -> Outcome {
        self.request(names::CLOCK_TICK_REQUESTED, "clock", json!({"time": time}))
    }

    /// Folds and publishes until nothing follows any more.
    pub(super) fn settle(&mut self) {
        while self.fold(usize::MAX) > 0 {}
    }

    /// Folds what is new, in batches of so many records, and publishes what follows; answers how
    /// many events followed.
    pub(super) fn fold(&mut self, batch: usize) -> usize {
        let mut outbox: Vec<(PartitionId, Outlet, Event)> = Vec::new();
        for partition in self.partitions.values_mut() {
            let done = partition.outcomes.len();
            let records = partition.records[done..].to_vec();
            for records in cut(&records, batch.min(1_000_000)) {
                partition.backfill(&records[0]);
                let records = &records[..];
                let commit = partition.fold.fold(&partition.rows, records).unwrap();
                partition.rows.take(commit.latest, commit.versions, commit.seen);
                partition.outcomes.extend(commit.outcomes.into_iter().map(|(_, o)| o));
                outbox.extend(commit.outbox);
                partition.topology =
                    commit.topologies.last().map(|(_, t)| t.clone()).or(partition.topology.take());
                partition.topologies.extend(commit.topologies);
                partition.ticks.extend(commit.ticks);
                // What the store keeps must be enough to go on with.
                let stored = Stored {
                    head: Some(commit.head),
                    position: Some(commit.position),
                    topology: partition.topology.clone(),
                };
                partition.fold = PartitionFold::restore(partition.fold.id(), &stored).unwrap();
            }
        }
        let count = outbox.len();
        for (to, _, event) in outbox {
            self.append_signed(to, self.epoch, &event);
        }
        count
    }

    /// Folds the same records again from nothing, in batches of so many.
    pub(super) fn refold(&self, batch: usize) -> Self {
        let mut again = Self::unopened(self.data_partitions);
        for (id, partition) in &self.partitions {
            again.partitions.get_mut(id).unwrap().records = partition.records.clone();
        }
        again.fold(batch);
        again
    }

    /// Every table's digest, all partitions together.
    pub(super) fn digests(&self) -> BTreeMap<String, Digest> {
        let mut digests: BTreeMap<String, Digest> = BTreeMap::new();
        for partition in self.partitions.values() {
            for (version, digest) in &partition.fold.head().digests {
                let sum = digests.entry(version.clone()).or_default();
                *sum = sum.merge(*digest);
            }
        }
        digests
    }

    /// The rows of a built-in table, in the order of their keys, control first.
    pub(super) fn rows<T: TableRow>(&self) -> Vec<T> {
        let read = |(key, row): (Vec<u8>, StoredRow)| {
            T::from_values(T::table().read_key(&key).unwrap().values, row.row.values).unwrap()
        };
        self.stored(T::table()).into_iter().map(read).collect()
    }

    /// The shown rows of a feature view: key values, then shown values.
    pub(super) fn features(&self, view: &str) -> Vec<Vec<crate::Value>> {
        let control = &self.partitions[&PartitionId::Control];
        self.of_table(&control.fold.compiled().view(view).unwrap().table)
    }

    /// The same of any version.
    pub(super) fn of_table(&self, table: &Table) -> Vec<Vec<crate::Value>> {
        let view = &table.name;
        let crate::Shown::Features(columns) = &table.shown else { panic!("{view}") };
        let show = |(key, row): (Vec<u8>, StoredRow)| {
            let mut values = table.read_key(&key).unwrap().values;
            values.extend(columns.show(&row.row.values).unwrap());
            values
        };
        let mut rows: Vec<_> = self.stored(table).into_iter().map(show).collect();
        rows.sort_by_key(|row| format!("{row:?}"));
        rows
    }

    pub(super) fn stored(&self, table: &Table) -> Vec<(Vec<u8>, StoredRow)> {
        self.partitions
            .values()
            .flat_map(|partition| &partition.rows.latest)
            .filter(|(key, _)| key.starts_with(&table.prefix()))
            .map(|(key, row)| (key.clone(), StoredRow::decode(row).unwrap()))
            .collect()
    }
}

/// The row that a state would be, for tests of merging.
pub(super) fn row(event: &Event, values: Vec<crate::Value>) -> Row {
    Row { event_source: event.source.clone(), event_id: event.id.clone(), values }
}

pub(super) fn time(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn feature(name: &str, value_type: ValueType, aggregate: Aggregate) -> Feature {
    Feature { name: name.into(), description: String::new(), value_type, aggregate }
}

/// An app with orders: nested, decimal, array, nullable.
pub(super) fn topology() -> Topology {
    let data = |pointer: &str| ValueAt::Data(pointer.into());
    let decimal = ValueType::Decimal { precision: 18, scale: 2 };
    let schema = json!({
        "type": "object",
        "required": ["customer", "order"],
        "additionalProperties": false,
        "properties": {
            "customer": {"type": "integer"},
            "order": {
                "type": "object",
                "required": ["total"],
                "properties": {
                    "total": {"type": "number"},
                    "weight": {"type": ["number", "null"]},
                    "tags": {"type": "array", "items": {"type": "string"}},
                },
            },
        },
    });
    let view = |features, window| FeatureView {
        description: String::new(),
        owner: String::new(),
        tags: BTreeMap::new(),
        entity: "customer".into(),
        source: ViewSource::Events {
            event_type: "app.order.placed".into(),
            keys: vec![data("/customer")],
        },
        window,
        lateness_ms: None,
        results: None,
        features,
        derived: Vec::new(),
    };
    let totals = view(
        vec![
            feature("orders", ValueType::Int64, Aggregate::CountAll),
            feature("total", decimal, Aggregate::Sum(data("/order/total"))),
            feature("mean_total", decimal, Aggregate::Mean(data("/order/total"))),
            feature("weighed", ValueType::Int64, Aggregate::Count(data("/order/weight"))),
            feature("weight", ValueType::Float64, Aggregate::Sum(data("/order/weight"))),
            feature("last_tags", ValueType::Json, Aggregate::Last(data("/order/tags"))),
            feature("first_at", ValueType::Timestamp, Aggregate::Min(ValueAt::Time)),
            feature("last_at", ValueType::Timestamp, Aggregate::Max(ValueAt::Time)),
        ],
        None,
    );
    let day_ms = 86_400_000;
    let monthly = view(
        vec![feature("orders", ValueType::Int64, Aggregate::CountAll)],
        Some(Window::Tumbling { size_ms: 30 * day_ms, origin_ms: 9_862 * day_ms }),
    );
    let mut scores = view(vec![feature("score", ValueType::Float64, Aggregate::Written)], None);
    scores.source = ViewSource::Written;
    Topology {
        event_types: BTreeMap::from([(
            "app.order.placed".to_owned(),
            EventType {
                description: String::new(),
                schemas: BTreeMap::from([(1, schema)]),
                upcasts: BTreeMap::new(),
            },
        )]),
        entities: BTreeMap::from([(
            "customer".to_owned(),
            Entity {
                description: String::new(),
                join_keys: vec![JoinKey { name: "customer".into(), key_type: KeyType::Int64 }],
            },
        )]),
        feature_views: BTreeMap::from([
            ("order_totals".to_owned(), totals),
            ("orders_monthly".to_owned(), monthly),
            ("scores".to_owned(), scores),
        ]),
        ..Topology::default()
    }
}
