//! Any moment of the past is what it was then: rows, heads, topologies, whatever came after.

use std::{collections::BTreeMap, time::Duration};

use headwater_engine::Engine;
use headwater_event::{Offset, PartitionId};
use headwater_fold::{Head, Position, Table, codec::TABLE_PREFIX_BYTES, family::built_in_tables};
use headwater_query::{AsOf, Moment, PartitionRows};

use crate::place::{Kind, Place, click, create_experiment, query, refused, submit, topology};

/// A moment as it was seen when it was now.
struct Seen {
    positions: BTreeMap<PartitionId, Offset>,
    rows: BTreeMap<PartitionId, BTreeMap<Vec<u8>, Vec<u8>>>,
    states: BTreeMap<PartitionId, (Head, Option<Position>)>,
    views: Vec<String>,
    answer: Vec<String>,
}

const SUM: &str = "select visitor, clicks, seconds from visitor_clicks order by 1";

async fn see(engine: &Engine, declared: bool) -> Seen {
    let moment = engine.moment().await.unwrap();
    let mut seen = Seen {
        positions: moment.positions(),
        rows: BTreeMap::new(),
        states: BTreeMap::new(),
        views: views(&moment),
        answer: Vec::new(),
    };
    for rows in &moment.partitions {
        let all = rows.scan(Vec::new(), Vec::new()).map(Result::unwrap).collect();
        seen.rows.insert(rows.id(), all);
        let state = rows.state().await.unwrap();
        seen.states.insert(rows.id(), (state.head, state.position));
    }
    if declared {
        seen.answer = query(moment, SUM).await;
    }
    seen
}

fn views(moment: &Moment) -> Vec<String> {
    moment.compiled.views.iter().map(|view| view.table.version_hex()).collect()
}

/// All rows of a moment of the past, table by table.
fn rows_of(
    rows: &dyn PartitionRows,
    prefixes: &[[u8; TABLE_PREFIX_BYTES]],
) -> BTreeMap<Vec<u8>, Vec<u8>> {
    let of = |prefix: &[u8; TABLE_PREFIX_BYTES]| rows.scan(prefix.to_vec(), Table::after(prefix));
    prefixes.iter().flat_map(of).map(Result::unwrap).collect()
}

async fn check(engine: &Engine, seen: &Seen, as_of: &AsOf) {
    let now = engine.moment().await.unwrap();
    let past = now.at(as_of).await.unwrap();
    for (id, at) in past.positions() {
        // As of a time, control has the request of the tick that comes next, too.
        let request = u64::from(matches!(as_of, AsOf::Time(_)) && id == PartitionId::Control);
        assert_eq!(at.0, seen.positions[&id].0 + request, "{as_of}, {id}");
    }
    assert_eq!(views(&past), seen.views, "{as_of}");
    // A view that was declared later has a history there, too, and nobody could ask for it then.
    let declared = past.compiled.views.iter().map(|view| view.table.prefix());
    let prefixes: Vec<_> =
        built_in_tables().into_iter().map(Table::prefix).chain(declared).collect();
    for rows in &past.partitions {
        let found = rows_of(&**rows, &prefixes);
        let then = &seen.rows[&rows.id()];
        let differ = found.iter().find(|(key, row)| then.get(*key) != Some(row));
        let (id, counts) = (rows.id(), (found.len(), then.len()));
        assert!(differ.is_none() && counts.0 == counts.1, "{as_of}, {id}: {counts:?} {differ:?}");
        let state = rows.state().await.unwrap();
        let (head, position) = &seen.states[&rows.id()];
        if matches!(as_of, AsOf::Time(_)) && id == PartitionId::Control {
            continue;
        }
        assert_eq!(state.head.counts, head.counts, "{as_of}, {id}");
        assert_eq!(state.head.digests, head.digests, "{as_of}, {id}");
        assert!(state.head == *head && state.position == *position, "{as_of}, {id}");
        for (key, row) in found.iter().take(20) {
            assert_eq!(rows.get(key).unwrap().as_ref(), Some(row));
        }
    }
    if !seen.answer.is_empty() {
        assert_eq!(query(Moment::clone(&past), SUM).await, seen.answer, "{as_of}");
    }
}

/// Waits until every partition has folded all that was published.
async fn settle(engine: &Engine) {
    let mut before = engine.moment().await.unwrap().positions();
    loop {
        tokio::time::sleep(Duration::from_millis(300)).await;
        let now = engine.moment().await.unwrap().positions();
        if now == before {
            return;
        }
        before = now;
    }
}

async fn any_moment_is_what_it_was(kind: Kind) {
    let place = Place::new(kind);
    let mut engine = place.open().await;
    settle(&engine).await;
    let mut seen = vec![(None, see(&engine, false).await)];
    engine.apply_topology(&topology(false)).await.unwrap();
    for round in 0..4_u64 {
        let time = format!("1997-01-{:02}T00:00:00Z", round + 2).parse().unwrap();
        engine.tick(time).await.unwrap();
        // More than lie between two places, in batches of many sizes, some events twice.
        for start in (0..1_300).step_by(130 + 100 * usize::try_from(round).unwrap()) {
            let ids = round * 1_000 + start..round * 1_000 + start + 150;
            submit(&engine, ids.map(click).collect()).await;
        }
        let name = format!("experiment-{round}");
        submit(&engine, vec![create_experiment(&name), create_experiment(&name)]).await;
        if round == 2 {
            engine.apply_topology(&topology(true)).await.unwrap();
            engine.shutdown().await;
            engine = place.open().await;
        }
        settle(&engine).await;
        seen.push((Some(AsOf::Time(time)), see(&engine, true).await));
    }
    engine.tick("1997-02-01T00:00:00Z".parse().unwrap()).await.unwrap();
    for (time, seen) in &seen {
        check(&engine, seen, &AsOf::Positions(seen.positions.clone())).await;
        if let Some(time) = time {
            check(&engine, seen, time).await;
        }
    }
    let moment = || async { engine.moment().await.unwrap() };
    let at = |text: &str| format!("select * from runs for system_time as of {text}");
    for (text, words) in [
        ("'1996-12-31'", "before this log's start"),
        ("'1998-01-01'", "in the future"),
        ("position('0:99999999')", "past the end of partition 0"),
        ("position('7:1')", "no partition 7"),
    ] {
        let told = refused(moment().await, &at(text)).await;
        assert!(told.contains(words), "{text}: {told}");
    }
    let told = refused(moment().await, &at("'1996-12-31'")).await;
    assert!(told.contains("valid is 1997-01-01T00:00:00Z to 1997-02-01T00:00:00Z"), "{told}");
    engine.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn any_moment_is_what_it_was_in_memory() {
    any_moment_is_what_it_was(Kind::memory(3)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn any_moment_is_what_it_was_on_embedded() {
    any_moment_is_what_it_was(Kind::Embedded(2)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn any_moment_is_what_it_was_on_kafka() {
    any_moment_is_what_it_was(Kind::kafka(2)).await;
}

/// A stretch for tests: some events fill several.
const STRETCH: u64 = 1_500;

/// One that ends where no batch does.
const ODD_STRETCH: u64 = 1_300;

async fn sealed_history_reads_as_before(kind: Kind) {
    let place = Place::sealing(kind, STRETCH);
    let engine = place.open().await;
    engine.apply_topology(&topology(false)).await.unwrap();
    let mut seen = Vec::new();
    let count = 3 * STRETCH + STRETCH / 8;
    for start in (0..count).step_by(400) {
        submit(&engine, (start..(start + 400).min(count)).map(click).collect()).await;
        if start % 1_200 == 0 {
            seen.push(see(&engine, true).await);
        }
    }
    // A view that is declared late has history in stretches that are sealed, too.
    engine.apply_topology(&topology(true)).await.unwrap();
    settle(&engine).await;
    submit(&engine, (count..count + STRETCH).map(click).collect()).await;
    seen.push(see(&engine, true).await);
    let stores = place.stores(headwater_store::Access::ReadOnly);
    let next = engine.moment().await.unwrap().positions()[&PartitionId::Data(0)].0 + 1;
    for _ in 0..600 {
        let snapshot = stores.partition("0").unwrap().snapshot();
        if snapshot.unsealed(next).unwrap().is_none() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let sealed = stores.partition("0").unwrap().snapshot().all_sealed().unwrap();
    assert!(sealed.iter().all(|(range, _)| range.to - range.from == STRETCH));
    assert!(sealed.len() >= 8, "clicks of visitors and of pages: {sealed:?}");
    for seen in &seen {
        check(&engine, seen, &AsOf::Positions(seen.positions.clone())).await;
    }
    engine.shutdown().await;
    // And again by another process.
    let engine = place.open().await;
    check(&engine, &seen[0], &AsOf::Positions(seen[0].positions.clone())).await;
    engine.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sealed_history_reads_as_before_on_embedded() {
    sealed_history_reads_as_before(Kind::Embedded(1)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sealed_history_reads_as_before_on_kafka() {
    sealed_history_reads_as_before(Kind::kafka(1)).await;
}

async fn retention_takes_old_versions_and_tells(kind: Kind) {
    let place = Place::sealing(kind, ODD_STRETCH);
    let engine = place.open().await;
    let mut declared = topology(false);
    engine.apply_topology(&declared).await.unwrap();
    let mut seen = Vec::new();
    for day in 1..=6_u64 {
        let time = format!("1997-03-{day:02}T00:00:00Z").parse().unwrap();
        engine.tick(time).await.unwrap();
        for start in (0..STRETCH).step_by(500) {
            let ids = day * 10_000 + start..day * 10_000 + start + 500;
            submit(&engine, ids.map(click).collect()).await;
        }
        settle(&engine).await;
        seen.push(see(&engine, true).await);
    }
    declared.retention.versions_ms = Some(3 * 86_400_000);
    engine.apply_topology(&declared).await.unwrap();
    engine.tick("1997-03-07T00:00:00Z".parse().unwrap()).await.unwrap();
    let first = AsOf::Positions(seen[0].positions.clone());
    let mut told = String::new();
    for _ in 0..300 {
        match engine.moment().await.unwrap().at(&first).await {
            Ok(_) => tokio::time::sleep(Duration::from_millis(100)).await,
            Err(error) => {
                told = error.to_string();
                break;
            }
        }
    }
    assert!(told.contains("before what retention kept of partition 0"), "{told}");
    assert!(told.contains("valid is 1997-03-0"), "{told}");
    // What is older than the span is gone but for the newest of each key; what is younger is as it was.
    tokio::time::sleep(Duration::from_secs(1)).await;
    let dropped: u64 = sealed_pieces(&place).iter().map(|piece| piece.dropped.versions).sum();
    assert!(dropped > STRETCH, "{dropped}");
    for seen in &seen[4..] {
        check(&engine, seen, &AsOf::Positions(seen.positions.clone())).await;
    }
    heads_agree_with_rows_from_the_first_that_is_kept(&engine).await;
    engine.shutdown().await;
}

/// What a partition knew is folded from a place before it, by rows that retention must have left.
async fn heads_agree_with_rows_from_the_first_that_is_kept(engine: &Engine) {
    let now = engine.moment().await.unwrap();
    let control = now.positions()[&PartitionId::Control];
    let mut checked = 0;
    for at in
        (1..=6).flat_map(|stretch| [-1, 0, 7].map(|by| stretch * ODD_STRETCH.cast_signed() + by))
    {
        let data = (PartitionId::Data(0), Offset(at.cast_unsigned()));
        let as_of = AsOf::Positions([(PartitionId::Control, control), data].into());
        let Ok(past) = now.at(&as_of).await else { continue };
        let table = past.compiled.view("visitor_clicks").unwrap().table.clone();
        let rows = past.partitions.iter().find(|rows| rows.id() == data.0).unwrap();
        let (start, end) = table.range();
        let digest = rows.state().await.unwrap().head.digests[&table.version_hex()];
        assert_eq!(digest.rows, rows.scan(start, end).count() as u64, "{as_of}");
        checked += 1;
    }
    assert!(checked >= 3, "{checked}");
}

fn sealed_pieces(place: &Place) -> Vec<headwater_history::Piece> {
    let stores = place.stores(headwater_store::Access::ReadOnly);
    let sealed = stores.partition("0").unwrap().snapshot().all_sealed().unwrap();
    sealed.iter().map(|(_, bytes)| headwater_history::Piece::from_bytes(bytes).unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn retention_takes_old_versions_and_tells_on_embedded() {
    retention_takes_old_versions_and_tells(Kind::Embedded(1)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn retention_takes_old_versions_and_tells_on_kafka() {
    retention_takes_old_versions_and_tells(Kind::kafka(1)).await;
}
