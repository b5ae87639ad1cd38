//! One kind: what must be there, then events that stay in the tail, then those that are sealed.

use std::{
    collections::BTreeMap,
    fs::File,
    io::{BufWriter, Write as _},
    ops::Range,
    path::Path,
};

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;

use super::{
    kinds::Kind,
    server::{Memory, Server},
};

/// The length of a stretch, of which only whole ones are sealed: `SEAL_EVERY` of the store.
const STRETCH: u64 = 131_072;
/// Records that stay in the first stretch, with room for what was there before and for the clock.
const FIRST_RECORDS: u64 = 120_000;
/// Stretches of a data partition that are sealed for each unit of `--scale`.
const DATA_STRETCHES: u64 = 2;
/// Stretches of control: each request waits for its decision.
const CONTROL_STRETCHES: u64 = 1;

const VIEW: &str = "  scores:
    description: What a model says of each customer.
    entity: customer
    from: written
    features:
      probability: { description: To buy again., type: float64 }
      churn: { description: To leave., type: float64 }
      visits: { description: How many., type: int64 }
";
const RETENTION: &str = "retention:\n  versions: 1s\n";

/// What a kind came to. Bytes and seconds are those of all events unless told otherwise.
#[derive(Debug)]
pub(crate) struct Measured {
    pub(crate) name: &'static str,
    pub(crate) events: u64,
    pub(crate) json: u64,
    pub(crate) rows: u64,
    /// By kind, as `log.storage` tells them.
    pub(crate) bytes: BTreeMap<String, u64>,
    /// The tail while nothing was sealed, and of how many events.
    pub(crate) tail: (u64, u64),
    /// Sealed history, and of about how many events.
    pub(crate) sealed: (u64, f64),
    /// What a retention left of it.
    pub(crate) retained: u64,
    /// The store's folder before what was in memory went to files: RocksDB's own log is in it.
    pub(crate) store_before_flush: u64,
    pub(crate) store_after_flush: u64,
    pub(crate) cpu_s: f64,
    pub(crate) wall_s: f64,
    pub(crate) idle: Memory,
    pub(crate) first: Memory,
    pub(crate) all: Memory,
}

/// What lies in one partition.
struct Sample {
    bytes: BTreeMap<String, u64>,
    /// The first offset that is not folded.
    next: u64,
}

/// What sending some events took.
struct Sent {
    json: u64,
    cpu_s: f64,
    wall_s: f64,
    memory: Memory,
}

/// Measures one kind in an empty folder.
pub(crate) fn measure(binary: &Path, work: &Path, kind: &Kind, scale: u64) -> Result<Measured> {
    let server = Server::start(binary, work, VIEW, 1)?;
    server.wait_quiet()?;
    let idle = server.memory()?;
    let before = (kind.before)();
    if !before.is_empty() {
        send(&server, work, before.into_iter())?;
    }
    let empty = sample(&server, kind)?;
    let first = FIRST_RECORDS / kind.records;
    let stretches =
        if kind.partition == "control" { CONTROL_STRETCHES } else { DATA_STRETCHES } * scale;
    let events = (stretches * STRETCH + FIRST_RECORDS) / kind.records;
    let little = send_range(&server, work, kind, 0..first)?;
    let unsealed = sample(&server, kind)?;
    ensure!(unsealed.next <= STRETCH, "the first events don't fit one stretch: {}", unsealed.next);
    let rest = send_range(&server, work, kind, first..events)?;
    let store = work.join("data/store").join(kind.partition);
    let store_before_flush = blocks(&store)?;
    let full = sample(&server, kind)?;
    let store_after_flush = blocks(&store)?;
    let rows = count(&server, kind)?;
    server.apply(RETENTION)?;
    server.wait_quiet()?;
    let retained = sample(&server, kind)?;
    let records = (full.next - empty.next) as f64 / events as f64;
    let sealed_records = (full.next - full.next % STRETCH).saturating_sub(empty.next) as f64;
    let taken =
        full.bytes.iter().map(|(name, bytes)| (name.clone(), bytes.saturating_sub(empty.of(name))));
    Ok(Measured {
        name: kind.name,
        events,
        json: little.json + rest.json,
        rows,
        bytes: taken.collect(),
        tail: (unsealed.of("tail").saturating_sub(empty.of("tail")), first),
        sealed: (full.of("sealed"), sealed_records / records),
        retained: retained.of("sealed"),
        store_before_flush,
        store_after_flush,
        cpu_s: little.cpu_s + rest.cpu_s,
        wall_s: little.wall_s + rest.wall_s,
        idle,
        first: little.memory,
        all: rest.memory,
    })
}

/// What a server takes that has not been sent anything, with so many data partitions.
pub(crate) fn idle(binary: &Path, work: &Path, partitions: u32) -> Result<Memory> {
    let server = Server::start(binary, work, VIEW, partitions)?;
    server.wait_quiet()?;
    server.memory()
}

impl Sample {
    fn of(&self, name: &str) -> u64 {
        self.bytes.get(name).copied().unwrap_or_default()
    }
}

fn send_range(server: &Server, work: &Path, kind: &Kind, numbers: Range<u64>) -> Result<Sent> {
    send(server, work, numbers.map(kind.event))
}

/// Sends events, and waits until nothing is left to do for them.
fn send(server: &Server, work: &Path, events: impl Iterator<Item = Value>) -> Result<Sent> {
    let path = work.join("events.jsonl");
    let mut file = BufWriter::new(File::create(&path)?);
    for event in events {
        writeln!(file, "{event}")?;
    }
    file.flush()?;
    let json = path.metadata()?.len();
    server.forget_peak()?;
    let before_s = server.cpu_s()?;
    let wall_s = server.produce(&path)?;
    server.wait_quiet()?;
    Ok(Sent { json, cpu_s: server.cpu_s()? - before_s, wall_s, memory: server.memory()? })
}

fn sample(server: &Server, kind: &Kind) -> Result<Sample> {
    server.flush()?;
    let partition = kind.partition;
    let query = format!(
        "select kind, sum(bytes) as bytes from log.storage where partition = '{partition}' group by kind"
    );
    let mut bytes = BTreeMap::new();
    for row in server.sql(&query)? {
        let name = row.get("kind").and_then(Value::as_str);
        let name = name.with_context(|| format!("no kind in {row}"))?.to_owned();
        bytes.insert(name, number(&row, "bytes")?);
    }
    let query = format!("select position from positions where partition = '{partition}'");
    let row = server.sql(&query)?.into_iter().next().context("the partition has a position")?;
    Ok(Sample { bytes, next: number(&row, "position")? + 1 })
}

fn count(server: &Server, kind: &Kind) -> Result<u64> {
    let mut rows = 0;
    for table in kind.tables {
        let answer = server.sql(&format!("select count(*) as rows from {table}"))?;
        let row = answer.first().context("a count is one row")?;
        rows += number(row, "rows")?;
    }
    Ok(rows)
}

/// A number, which may be null or, where it is large, a text.
fn number(row: &Value, column: &str) -> Result<u64> {
    match row.get(column) {
        Some(Value::String(text)) => Ok(text.parse()?),
        Some(Value::Null) => Ok(0),
        other => other.and_then(Value::as_u64).with_context(|| format!("no {column} in {row}")),
    }
}

/// The blocks that a folder's files take.
fn blocks(dir: &Path) -> Result<u64> {
    use std::os::unix::fs::MetadataExt as _;
    let mut bytes = 0;
    for entry in std::fs::read_dir(dir)? {
        // RocksDB removes files at any time.
        let Ok(metadata) = entry?.metadata() else { continue };
        bytes += metadata.blocks() * 512;
    }
    Ok(bytes)
}
