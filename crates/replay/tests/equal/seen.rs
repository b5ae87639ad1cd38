//! What is seen at a moment, and in what two moments differ: the one comparison of all tests here.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, LazyLock},
};

use arrow::util::display::array_value_to_string;
use headwater_event::{Offset, PartitionId};
use headwater_fold::{CompiledView, Digest, StoredRow, Table, family::built_in_tables};
use headwater_query::{Limits, Moment, QueryOptions, Sql};

use crate::app::view_tables;

/// How many differing rows of a table are told.
const TOLD_MAX: usize = 3;

/// How much two moments have in common.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kin {
    /// The same records: rows come from the same offsets.
    Records,
    /// The same number of partitions.
    Partitions,
    /// The same events: a view whose keys span partitions has other partial rows, and is compared as
    /// it is shown.
    Events,
}

/// A row: where it comes from, and its content by its key.
type SeenRow = (Vec<u8>, Vec<u8>, PartitionId, Offset);

/// What is seen at a moment.
#[derive(Debug, Clone, Default)]
pub(crate) struct Seen {
    /// All versions' digests, all partitions together.
    pub(crate) digests: BTreeMap<String, Digest>,
    /// The rows of the tables that there are, by version.
    pub(crate) rows: BTreeMap<String, Vec<SeenRow>>,
    /// What SQL answers, by query.
    pub(crate) answers: BTreeMap<String, Vec<String>>,
}

/// Sees all there is at a moment: digests, rows and what SQL makes of them.
pub(crate) async fn see(moment: &Moment) -> Seen {
    let mut seen = Seen { digests: digests(moment).await, ..Seen::default() };
    let tables = tables(moment);
    for rows in &moment.partitions {
        for table in &tables {
            seen.add_rows(&**rows, table);
        }
    }
    seen.sort();
    let moment = Arc::new(moment.clone());
    for query in queries(&moment) {
        let answer = ask(&moment, &query).await;
        seen.answers.insert(query, answer);
    }
    seen
}

/// The digests of a moment, all partitions together.
pub(crate) async fn digests(moment: &Moment) -> BTreeMap<String, Digest> {
    let mut sums: BTreeMap<String, Digest> = BTreeMap::new();
    for partition in &moment.partitions {
        for (version, digest) in partition.state().await.unwrap().head.digests {
            let sum = sums.entry(version).or_default();
            *sum = sum.merge(digest);
        }
    }
    sums.retain(|_, digest| *digest != Digest::default());
    sums
}

/// The tables that can be asked for at a moment.
fn tables(moment: &Moment) -> Vec<Table> {
    let views = moment.compiled.views.iter().flat_map(CompiledView::tables);
    built_in_tables().into_iter().cloned().chain(views).collect()
}

impl Seen {
    /// Adds what a partition has of a table.
    pub(crate) fn add_rows(&mut self, rows: &dyn headwater_query::PartitionRows, table: &Table) {
        let (start, end) = table.range();
        let found = rows.scan(start, end).map(|row| {
            let (key, row) = row.unwrap();
            let offset = StoredRow::provenance(&row).unwrap().offset;
            let key = table.content_key(&key).to_vec();
            (key, StoredRow::content(&row).to_vec(), rows.id(), offset)
        });
        let found: Vec<_> = found.collect();
        if !found.is_empty() {
            self.rows.entry(table.version_hex()).or_default().extend(found);
        }
    }

    pub(crate) fn sort(&mut self) {
        self.rows.values_mut().for_each(|rows| rows.sort());
    }
}

/// In what two moments differ, in words; nothing if they are equal.
pub(crate) fn differences(a: &Seen, b: &Seen, kin: Kin) -> Vec<String> {
    let mut told = Vec::new();
    let spans = |version: &&String| {
        kin == Kin::Events && view_tables().get(*version).is_some_and(|table| table.merged_at_read)
    };
    let versions: BTreeSet<&String> = a.digests.keys().chain(b.digests.keys()).collect();
    for version in versions.into_iter().filter(|version| !spans(version)) {
        let (mut left, mut right) =
            (a.digests.get(version).copied(), b.digests.get(version).copied());
        if kin != Kin::Records && is_of_derived(version) {
            // Events of several partitions come to one in no fixed order: the rows between differ.
            for digest in [&mut left, &mut right].into_iter().flatten() {
                (digest.versions, digest.history) = (0, 0);
            }
        }
        if left != right {
            told.push(format!("digests of {}: {left:?} and {right:?}", name(version)));
        }
    }
    let versions: BTreeSet<&String> = a.rows.keys().chain(b.rows.keys()).collect();
    for version in versions.into_iter().filter(|version| !spans(version)) {
        let (left, right) = (part(a, version, kin), part(b, version, kin));
        if left != right {
            told.push(format!("rows of {}: {}", name(version), unlike(&left, &right)));
        }
    }
    let queries: BTreeSet<&String> = a.answers.keys().chain(b.answers.keys()).collect();
    for query in queries {
        let (left, right) = (a.answers.get(query), b.answers.get(query));
        if left != right {
            told.push(format!("{query}: {left:?} and {right:?}"));
        }
    }
    told
}

/// Whether a view folds events that were derived under another subject.
fn is_of_derived(version: &str) -> bool {
    view_tables().get(version).is_some_and(|table| table.name == "channel_orders")
}

/// The rows of a table, as far as they must be the same.
fn part(seen: &Seen, version: &str, kin: Kin) -> Vec<SeenRow> {
    let rows = seen.rows.get(version).cloned().unwrap_or_default();
    let mut rows: Vec<SeenRow> = rows
        .into_iter()
        .map(|(key, row, id, offset)| match kin {
            Kin::Records => (key, row, id, offset),
            Kin::Partitions => (key, row, id, Offset(0)),
            Kin::Events => (key, row, PartitionId::Control, Offset(0)),
        })
        .collect();
    rows.sort();
    rows
}

fn unlike(left: &[SeenRow], right: &[SeenRow]) -> String {
    let only = |of: &[SeenRow], other: &[SeenRow]| -> Vec<String> {
        let others: BTreeSet<&SeenRow> = other.iter().collect();
        let missing = of.iter().filter(|row| !others.contains(row));
        let told = missing.take(TOLD_MAX).map(|(key, row, id, offset)| {
            let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
            format!("{id}:{offset} {:?} {:?}", text(key), text(row))
        });
        told.collect()
    };
    format!(
        "{} and {}; only there {:#?}; only here {:#?}",
        left.len(),
        right.len(),
        only(left, right),
        only(right, left)
    )
}

fn name(version: &str) -> String {
    let built_in = built_in_tables().into_iter().find(|table| table.version_hex() == version);
    let table = built_in.or_else(|| view_tables().get(version));
    let known = table.map_or_else(|| "a table".to_owned(), Table::full_name);
    format!("{known}@{}", &version[..8])
}

/// All shown columns of each view, and of some tables that are built in.
fn queries(moment: &Moment) -> Vec<String> {
    let views = moment.compiled.views.iter().map(|view| &view.table);
    let built_in = built_in_tables();
    let built_in = built_in.into_iter().filter(|table| {
        ["tracking.metric_history", "serving.predictions", "log.late_events"]
            .contains(&&*table.full_name())
    });
    let query = |table: &Table| {
        let shown = table.shown_columns().into_iter().map(|column| column.name);
        let derived = table.derived.iter().map(|feature| feature.name.clone());
        let columns: Vec<_> = shown.chain(derived).map(|name| format!("\"{name}\"")).collect();
        format!("select {} from {}", columns.join(", "), table.full_name())
    };
    built_in.chain(views).map(query).collect()
}

/// The rows of a query, sorted, a line each.
async fn ask(moment: &Arc<Moment>, query: &str) -> Vec<String> {
    static SQL: LazyLock<Sql> = LazyLock::new(|| Sql::new(Limits::default()).unwrap());
    let answer = SQL.query(Arc::clone(moment), query, &QueryOptions::default()).await;
    let batches = answer.unwrap_or_else(|error| panic!("{query}: {error}")).collect().await;
    let mut lines = Vec::new();
    for batch in batches.unwrap_or_else(|error| panic!("{query}: {error}")) {
        for row in 0..batch.num_rows() {
            let cells: Vec<String> = batch
                .columns()
                .iter()
                .map(|column| array_value_to_string(column, row).unwrap())
                .collect();
            lines.push(cells.join("|"));
        }
    }
    lines.sort();
    lines
}
