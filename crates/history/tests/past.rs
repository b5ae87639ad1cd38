//! What was folded is read back as of any position: before sealing and after, and after retention.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "helpers of tests")]

use std::{collections::BTreeMap, sync::Arc};

use headwater_event::Offset;
use headwater_fold::{
    Provenance, Row, StoredRow, Table, Value,
    family::{log::DeadLetter, registry::ModelAlias, tracking::LatestMetric},
    row_hash,
};
use headwater_fold::{TableRow, codec};
use headwater_history::{ErrorKind, History, PastRows, Piece, rewrite, seal};
use headwater_store::{
    Access, Commit, PartitionStore, SEAL_EVERY, StoreOptions, StoreSet, Version,
};
use proptest::prelude::*;

/// Offsets of neighbouring events: a history of some dozens crosses several stretches.
const STEP: u64 = 11_003;

/// Tables keyed by text and number, by text alone, by position, and one that no program knows.
fn tables() -> Vec<Table> {
    let mut unknown = ModelAlias::table().clone();
    unknown.version = [7; 16];
    unknown.name = "of_an_older_release".to_owned();
    vec![
        LatestMetric::table().clone(),
        ModelAlias::table().clone(),
        DeadLetter::table().clone(),
        unknown,
    ]
}

fn known(view: [u8; 8]) -> Option<Arc<Table>> {
    tables().into_iter().take(3).find(|table| table.prefix() == view).map(Arc::new)
}

/// One write: which table, which of a few keys, with what.
#[derive(Debug, Clone)]
struct Write {
    table: usize,
    key: u8,
    value: u8,
}

fn write() -> impl Strategy<Value = Write> {
    (0..4_usize, 0..6_u8, any::<u8>()).prop_map(|(table, key, value)| Write { table, key, value })
}

fn value_of(column: headwater_fold::ColumnType, n: u8, nullable: bool) -> Value {
    use headwater_fold::ColumnType as T;
    if nullable && n.is_multiple_of(5) {
        return Value::Null;
    }
    match column {
        T::Bool => Value::Bool(n.is_multiple_of(2)),
        T::Int64 => Value::Int64(i64::from(n) - 100),
        T::Float64 if n.is_multiple_of(7) => Value::Float64(f64::NAN),
        T::Float64 => Value::Float64(f64::from(n) / 3.0),
        T::Decimal { .. } => Value::Decimal(i128::from(n) << 100),
        T::Text => Value::Text(format!("text \0 {n}")),
        T::Json => Value::Text(format!("{{\"n\":{n}}}")),
        T::Timestamp => Value::Timestamp(i64::from(n) * 1_000_003),
        T::Binary => Value::Binary(vec![n; usize::from(n % 4)]),
    }
}

fn version(table: &Table, offset: u64, write: &Write) -> Version {
    let values: Vec<_> =
        table.key.iter().map(|column| value_of(column.column_type, write.key, false)).collect();
    let mut key =
        table.key_of(if write.key.is_multiple_of(2) { "default" } else { "other" }, &values);
    if table.key.is_empty() {
        key.extend_from_slice(&offset.to_be_bytes());
        key.extend_from_slice(&0_u32.to_be_bytes());
    }
    let row = (!write.value.is_multiple_of(6) || table.key.is_empty()).then(|| {
        let values = table.stored.iter();
        let row = Row {
            event_source: "test".to_owned(),
            event_id: format!("event-{offset}"),
            values: values
                .map(|column| value_of(column.column_type, write.value, column.nullable))
                .collect(),
        };
        row.encode(Provenance { offset: Offset(offset), appended_at_ms: i64::from(write.value) })
    });
    Version { key, offset, row }
}

struct Case {
    dir: tempfile::TempDir,
    store: Arc<PartitionStore>,
    history: Arc<History>,
    versions: Vec<Version>,
}

impl Case {
    /// Folds the writes, so many at a time; one event makes each pair of them.
    fn new(writes: &[Write], batch: usize) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let set = StoreSet::open(dir.path(), Access::ReadWrite, StoreOptions::default()).unwrap();
        let store = set.partition("0").unwrap();
        let history = Arc::new(History::new(dir.path(), "0"));
        let tables = tables();
        let versions: Vec<Version> = (0_u64..)
            .zip(writes)
            .map(|(n, write)| version(&tables[write.table], n / 2 * STEP, write))
            .collect();
        for batch in cut(&versions, batch) {
            let mut latest: BTreeMap<Vec<u8>, Option<Vec<u8>>> = BTreeMap::new();
            latest.extend(batch.iter().map(|v| (v.key.clone(), v.row.clone())));
            let commit = Commit {
                latest: latest.into_iter().collect(),
                versions: batch.to_vec(),
                ..Commit::default()
            };
            store.commit(&commit).unwrap();
        }
        Self { dir, store, history, versions }
    }

    fn end(&self) -> u64 {
        self.versions.last().map_or(0, |version| version.offset)
    }

    fn seal(&self) -> usize {
        let mut stretches = 0;
        while let Some(stretch) = self.store.snapshot().unsealed(self.end() + 1).unwrap() {
            seal(&self.store, &self.history, &stretch, &known).unwrap();
            stretches += 1;
        }
        stretches
    }

    fn past(&self, at: u64) -> PastRows {
        PastRows::new(self.store.snapshot(), Arc::clone(&self.history), at).unwrap()
    }

    /// Every row as of an offset, by the simplest fold.
    fn expected(&self, at: u64) -> BTreeMap<Vec<u8>, Vec<u8>> {
        let mut rows = BTreeMap::new();
        for version in self.versions.iter().filter(|version| version.offset <= at) {
            match &version.row {
                Some(row) => rows.insert(version.key.clone(), row.clone()),
                None => rows.remove(&version.key),
            };
        }
        rows
    }

    fn check(&self, at: u64) {
        let (past, expected) = (self.past(at), self.expected(at));
        let mut found = BTreeMap::new();
        for table in tables() {
            let prefix = table.prefix();
            let mut end = prefix.to_vec();
            end.extend([0xff; 80]);
            let rows: Vec<_> = past.scan(&prefix, &end).unwrap().map(Result::unwrap).collect();
            assert!(rows.is_sorted_by(|a, b| a.0 < b.0));
            found.extend(rows);
        }
        assert_eq!(found, expected, "as of {at}");
        for version in &self.versions {
            assert_eq!(past.get(&version.key).unwrap().as_ref(), expected.get(&version.key));
        }
        // A range within a view.
        if let (Some(first), Some(last)) = (expected.keys().nth(1), expected.keys().last())
            && first[..8] == last[..8]
        {
            let rows = past.scan(first, last).unwrap().map(Result::unwrap);
            let within = expected.range(first.clone()..last.clone());
            assert!(rows.eq(within.map(|(key, row)| (key.clone(), row.clone()))));
        }
    }

    /// The history digest of each known table: what is on disk, and what retention took.
    fn digests(&self) -> BTreeMap<[u8; 8], (u64, u128)> {
        let mut sums: BTreeMap<[u8; 8], (u64, u128)> = BTreeMap::new();
        let snapshot = self.store.snapshot();
        for version in snapshot.scan_versions().map(Result::unwrap) {
            add(&mut sums, &version.key, version.row.as_deref());
        }
        for (range, bytes) in snapshot.all_sealed().unwrap() {
            let piece = Piece::from_bytes(&bytes).unwrap();
            for entry in self.history.versions(&range, &piece).unwrap().map(Result::unwrap) {
                add(&mut sums, &entry.key, entry.row.as_deref());
            }
            let sum = sums.entry(range.view).or_default();
            sum.0 += piece.dropped.versions;
            sum.1 = sum.1.wrapping_add(piece.dropped.sum);
        }
        sums.retain(|_, sum| sum.0 > 0);
        sums
    }
}

fn add(sums: &mut BTreeMap<[u8; 8], (u64, u128)>, key: &[u8], row: Option<&[u8]>) {
    let view = *key.first_chunk::<8>().unwrap();
    let Some(table) = known(view) else { return };
    let content = row.map(StoredRow::content).unwrap_or_default();
    let sum = sums.entry(view).or_default();
    sum.0 += 1;
    sum.1 = sum.1.wrapping_add(row_hash(&table.version, table.content_key(key), content));
}

/// Batches of about this many versions, never across an event or the end of a stretch.
fn cut(versions: &[Version], batch: usize) -> Vec<&[Version]> {
    let mut batches = Vec::new();
    let mut rest = versions;
    while !rest.is_empty() {
        let mut end = batch.min(rest.len());
        let stretch = |v: &Version| v.offset / SEAL_EVERY;
        end = rest[..end].iter().take_while(|v| stretch(v) == stretch(&rest[0])).count();
        while end < rest.len() && rest[end].offset == rest[end - 1].offset {
            end += 1;
        }
        let (head, tail) = rest.split_at(end);
        batches.push(head);
        rest = tail;
    }
    batches
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn any_moment_reads_as_a_plain_fold(
        writes in prop::collection::vec(write(), 1..120),
        batch in 1..40_usize,
        moments in prop::collection::vec(0..700_000_u64, 3),
    ) {
        let case = Case::new(&writes, batch);
        let digests = case.digests();
        let moments: Vec<u64> = moments.into_iter().map(|at| at % (case.end() + 1)).collect();
        for at in moments.iter().copied().chain([0, case.end()]) {
            case.check(at);
        }
        case.seal();
        prop_assert!(case.store.snapshot().unsealed(case.end() + 1).unwrap().is_none());
        for at in moments.iter().copied().chain([0, case.end()]) {
            case.check(at);
        }
        prop_assert_eq!(&case.digests(), &digests);
        // Retention: from the horizon on nothing is different, and nothing is unaccounted for.
        let horizon = case.end() / 2 / SEAL_EVERY * SEAL_EVERY;
        rewrite(&case.store, &case.store.snapshot(), &case.history, horizon, &known).unwrap();
        for at in moments.iter().copied().chain([horizon.saturating_sub(1), case.end()]) {
            if at + 1 >= horizon {
                case.check(at);
            }
        }
        prop_assert_eq!(&case.digests(), &digests);
    }
}

fn some_writes(count: u8) -> Vec<Write> {
    (0..count).map(|n| Write { table: usize::from(n % 4), key: n % 6, value: n }).collect()
}

#[test]
fn a_sealed_file_that_changed_is_told_and_never_read() {
    let case = Case::new(&some_writes(100), 10);
    assert!(case.seal() > 2);
    let (range, bytes) = case.store.snapshot().all_sealed().unwrap().swap_remove(0);
    let piece = Piece::from_bytes(&bytes).unwrap();
    let path = case.history.dir().join(&piece.file);
    let whole = std::fs::read(&path).unwrap();
    let mut flipped = whole.clone();
    flipped[whole.len() / 2] ^= 1;
    for (damage, words) in [
        (flipped, "is not what was written"),
        (whole[..whole.len() - 1].to_vec(), "bytes instead of"),
    ] {
        std::fs::write(&path, damage).unwrap();
        let again = History::new(case.dir.path(), "0");
        let error = again.versions(&range, &piece).err().unwrap();
        assert_eq!(error.kind(), ErrorKind::Corrupt);
        assert!(error.to_string().contains(words) && error.to_string().contains(&piece.file));
    }
    std::fs::remove_file(&path).unwrap();
    let error = History::new(case.dir.path(), "0").open(&range, &piece).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Corrupt);
}

#[test]
fn files_without_a_manifest_are_swept_once_they_are_old() {
    let case = Case::new(&some_writes(100), 10);
    case.seal();
    let dir = case.history.dir();
    let named = case.store.snapshot().all_sealed().unwrap().into_iter();
    let named: std::collections::BTreeSet<String> =
        named.map(|(_, bytes)| Piece::from_bytes(&bytes).unwrap().file).collect();
    let (old, new) = (dir.join("left-over.parquet"), dir.join(".half-written"));
    for path in [&old, &new] {
        std::fs::write(path, b"x").unwrap();
    }
    let long_ago = std::time::SystemTime::now() - 2 * headwater_history::SWEEP_AFTER;
    std::fs::File::options().write(true).open(&old).unwrap().set_modified(long_ago).unwrap();
    assert_eq!(case.history.sweep(&named).unwrap(), 1);
    assert!(!old.exists() && new.exists());
    assert_eq!(std::fs::read_dir(dir).unwrap().count(), named.len() + 1);
}

#[test]
fn a_file_stays_as_drawn() {
    let case = Case::new(&some_writes(60), 10);
    case.seal();
    let snapshot = case.store.snapshot();
    let of_metrics = snapshot.sealed(LatestMetric::table().prefix()).unwrap();
    let (range, bytes) = &of_metrics[0];
    let piece = Piece::from_bytes(bytes).unwrap();
    let file = std::fs::File::open(case.history.dir().join(&piece.file)).unwrap();
    let reader = parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder::try_new(file);
    let reader = reader.unwrap();
    let names: Vec<_> = reader.schema().fields().iter().map(|f| f.name().clone()).collect();
    assert_eq!(names[..4], ["_key", "_offset", "_appended_at_ms", "_removed"]);
    let keys: Vec<_> = LatestMetric::table().key.iter().map(|c| c.name.clone()).collect();
    assert_eq!(names[4], "project");
    assert_eq!(names[5..5 + keys.len()], keys);
    assert_eq!(names[5 + keys.len()..7 + keys.len()], ["_event_source", "_event_id"]);
    assert_eq!(reader.schema().metadata()["headwater.layout"], "1");
    assert_eq!((range.from, range.to), (0, SEAL_EVERY));
    // The key columns are the key's own values.
    let batch = reader.build().unwrap().next().unwrap().unwrap();
    let projects = batch.column_by_name("project").unwrap();
    let projects = projects.as_any().downcast_ref::<arrow::array::StringArray>().unwrap();
    let stored = batch.column_by_name("_key").unwrap();
    let stored = stored.as_any().downcast_ref::<arrow::array::BinaryArray>().unwrap();
    for row in 0..batch.num_rows() {
        let mut rest = stored.value(row);
        assert_eq!(codec::read_key_text(&mut rest).unwrap(), projects.value(row));
    }
}
