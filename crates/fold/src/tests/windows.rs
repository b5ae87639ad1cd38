//! Windows that close: by ticks alone, with late events, corrections and results.

use std::collections::BTreeMap;

use headwater_event::{Event, PartitionId, decode};
use headwater_topology::{DerivedEvent, EventType, Topology, ValueAt, Window};
use proptest::prelude::*;
use serde_json::json;

use super::bench_log::{BenchLog, time, topology};
use crate::{TableRow as _, Value, family::log::LateEvent, late_events_of};

pub(super) const DAY_MS: i64 = 86_400_000;
const CLOSED: &str = "app.day.closed";
/// Each signs some hundred records, and folds them three times; the conformance run takes many more of the like.
const CASES: u32 = 12;

/// The test's topology with `orders_daily`, whose windows close.
pub(super) fn closing(window: Window, lateness_ms: i64) -> Topology {
    let mut declared = topology();
    let mut daily = declared.feature_views["orders_monthly"].clone();
    let headwater_topology::ViewSource::Events { keys, .. } = &mut daily.source else { panic!() };
    *keys = vec![ValueAt::Subject];
    daily.window = Some(window);
    daily.lateness_ms = Some(lateness_ms);
    daily.results = Some(CLOSED.to_owned());
    declared.feature_views.insert("orders_daily".to_owned(), daily);
    let open = EventType {
        description: String::new(),
        schemas: BTreeMap::from([(1, json!({"type": "object"}))]),
        upcasts: BTreeMap::new(),
    };
    declared.event_types.insert(CLOSED.to_owned(), open);
    declared
}

pub(super) fn daily() -> Window {
    Window::Tumbling { size_ms: DAY_MS, origin_ms: 0 }
}

pub(super) fn at(text: &str) -> Value {
    Value::Timestamp(time(text).micros())
}

/// Every event of the type of results, wherever it is, in the order of ids.
pub(super) fn results(log: &BenchLog) -> Vec<Event> {
    let mut found: Vec<Event> = Vec::new();
    for partition in log.partitions.values() {
        let events = partition.records.iter().filter_map(|record| decode(&record.body).ok());
        found.extend(events.filter(|event| event.event_type == CLOSED));
    }
    found.sort_by(|a, b| (&a.subject, &a.id).cmp(&(&b.subject, &b.id)));
    found
}

pub(super) fn late(log: &BenchLog) -> Vec<LateEvent> {
    let control = &log.partitions[&PartitionId::Control];
    let table = late_events_of(&control.fold.compiled().view("orders_daily").unwrap().table);
    let rows = log.stored(&table).into_iter();
    let mut rows: Vec<_> =
        rows.map(|(_, row)| LateEvent::from_values(Vec::new(), row.row.values).unwrap()).collect();
    rows.sort_by_key(|row| (row.event_time, row.subject.clone(), row.window_start));
    rows
}

#[test]
fn a_window_closes_by_a_tick_and_is_corrected_within_its_lateness() {
    let mut log = BenchLog::new(2);
    log.declare(&closing(daily(), DAY_MS));
    log.order("1", 7, "1997-01-02T09:00:00Z", json!({"order": {"total": 1}}));
    log.settle();
    let row = |log: &BenchLog| log.features("orders_daily")[0].clone();
    let (start, end) = (at("1997-01-02T00:00:00Z"), at("1997-01-03T00:00:00Z"));
    let open = [start, end, Value::Null, Value::Int64(0), Value::Int64(1)];
    assert_eq!(row(&log)[1..6], open, "no event closes a window, however late it is");

    log.tick("1997-01-02T23:59:59Z");
    assert_eq!(row(&log)[3], Value::Null, "nor a tick before its end");
    log.tick("1997-01-03T00:00:00Z");
    assert_eq!(row(&log)[3], at("1997-01-03T00:00:00Z"));
    let told = results(&log);
    assert_eq!(told.len(), 1);
    assert_eq!(told[0].subject, "7");
    assert_eq!(told[0].time, Some(time("1997-01-02T23:59:59.999999Z")));
    assert_eq!(
        told[0].data,
        json!({
            "customer": 7, "window_start": "1997-01-02T00:00:00Z", "window_end": "1997-01-03T00:00:00Z",
            "closed_at": "1997-01-03T00:00:00Z", "corrections": 0, "orders": 1,
        })
    );

    log.tick("1997-01-03T12:00:00Z");
    log.order("2", 7, "1997-01-02T10:00:00Z", json!({"order": {"total": 1}}));
    log.settle();
    let corrected = [at("1997-01-03T00:00:00Z"), Value::Int64(1), Value::Int64(2)];
    assert_eq!(row(&log)[3..6], corrected, "the correction is visible as such");
    let corrections: Vec<_> = results(&log).iter().map(|e| e.data["corrections"].clone()).collect();
    assert_eq!(corrections.len(), 2);
    assert!(corrections.contains(&json!(1)), "and told");
    assert!(late(&log).is_empty());

    log.tick("1997-01-04T00:00:00Z");
    log.order("3", 7, "1997-01-02T11:00:00Z", json!({"order": {"total": 1}}));
    log.settle();
    assert_eq!(row(&log)[5], Value::Int64(2), "the window takes no events any more");
    let late = late(&log);
    assert_eq!(late.len(), 1, "but the event is kept");
    assert_eq!((late[0].view.as_str(), late[0].subject.as_str()), ("orders_daily", "7"));
    assert_eq!(late[0].watermark, time("1997-01-04T00:00:00Z"));
    let counted: u64 = log.partitions.values().map(|p| p.fold.head().counts.late).sum();
    assert_eq!(counted, 1);
    // Views whose windows never close take it.
    assert_eq!(log.features("order_totals")[0][1], Value::Int64(3));
}

#[test]
fn an_event_can_be_late_for_some_of_its_windows() {
    let mut log = BenchLog::new(1);
    let hopping = Window::Hopping { size_ms: 3 * DAY_MS, every_ms: DAY_MS, origin_ms: 0 };
    log.declare(&closing(hopping, 0));
    log.tick("1997-01-07T00:00:00Z");
    log.order("1", 7, "1997-01-05T09:00:00Z", json!({"order": {"total": 1}}));
    log.settle();
    let starts: Vec<_> = log.features("orders_daily").iter().map(|row| row[1].clone()).collect();
    assert_eq!(starts, [at("1997-01-05T00:00:00Z")]);
    let late: Vec<_> = late(&log).iter().map(|late| late.window_start).collect();
    assert_eq!(late, [time("1997-01-03T00:00:00Z"), time("1997-01-04T00:00:00Z")]);
}

#[test]
fn the_opening_of_a_log_believes_nothing() {
    let mut log = BenchLog::new(1);
    log.declare(&closing(daily(), 0));
    log.order("1", 7, "1990-01-02T09:00:00Z", json!({"order": {"total": 1}}));
    log.settle();
    assert_eq!(log.features("orders_daily").len(), 1);
    assert!(late(&log).is_empty());
}

#[test]
fn more_windows_than_one_record_closes_are_closed_by_the_records_that_follow() {
    let mut log = BenchLog::new(1);
    log.declare(&closing(daily(), DAY_MS));
    let many = crate::ticks::WINDOWS_CLOSED_MAX + 5;
    for customer in 0..many as i64 {
        log.order(
            &format!("{customer}"),
            customer,
            "1997-01-02T09:00:00Z",
            json!({"order": {"total": 1}}),
        );
    }
    log.settle();
    log.tick("1997-01-03T00:00:00Z");
    let closed = log.features("orders_daily");
    assert_eq!(closed.len(), many);
    assert!(closed.iter().all(|row| row[3] == at("1997-01-03T00:00:00Z")));
    let head = log.partitions[&PartitionId::Data(0)].fold.head();
    assert!(head.closing.is_empty());
    assert_eq!(head.closed_until, Some(time("1997-01-03T00:00:00Z")));
    assert_eq!(results(&log).len(), many);
}

#[test]
fn a_view_declared_late_has_what_it_would_have_had() {
    let told = |declare_first: bool| {
        let mut log = BenchLog::new(2);
        let declared = closing(daily(), DAY_MS);
        if declare_first {
            log.declare(&declared);
        }
        // Years of history in as many ticks; some events are out of order by more than the lateness.
        for day in 0..200_i64 {
            let when = |back: i64| {
                let at = time("1997-01-02T06:00:00Z").micros() + (day * 9 - back) * DAY_MS * 1_000;
                headwater_event::Timestamp::from_micros(at).to_string()
            };
            let data = json!({"order": {"total": 1}});
            log.order(&format!("a{day}"), day % 5, &when(0), data.clone());
            log.order(&format!("b{day}"), day % 7, &when(day % 12), data);
            log.settle();
            log.tick(&when(-1));
        }
        if !declare_first {
            log.declare(&declared);
            log.build();
        }
        log.order("last", 3, "2001-12-01T00:00:00Z", json!({"order": {"total": 1}}));
        log.settle();
        log.tick("2002-12-03T00:00:00Z");
        log
    };
    let (live, backfilled) = (told(true), told(false));
    assert_eq!(live.features("orders_daily"), backfilled.features("orders_daily"));
    assert_eq!(late(&live), late(&backfilled));
    assert!(late(&live).len() > 30, "{}", late(&live).len());
    let closed = |log: &BenchLog| {
        log.features("orders_daily").iter().filter(|row| row[3] != Value::Null).count()
    };
    assert_eq!(closed(&live), live.features("orders_daily").len());
    let view = live.partitions[&PartitionId::Control].fold.compiled().view("orders_daily").cloned();
    for table in view.unwrap().tables() {
        let of = |log: &BenchLog| log.digests().get(&table.version_hex()).copied();
        assert_eq!(of(&live), of(&backfilled), "{}", table.name);
    }
    // A history that is folded tells nothing again.
    assert!(results(&backfilled).len() < 10 && results(&live).len() > 200);
}

#[test]
fn events_derive_from_events_under_another_subject() {
    let told = |partitions| {
        let mut log = BenchLog::new(partitions);
        let mut declared = closing(daily(), 0);
        declared
            .event_types
            .insert("app.weight.seen".to_owned(), declared.event_types[CLOSED].clone());
        let fields = [("total", ValueAt::Data("/order/total".into())), ("of", ValueAt::Subject)];
        declared.derived_events.insert(
            "app.weight.seen".to_owned(),
            DerivedEvent {
                from: "app.order.placed".into(),
                subject: ValueAt::Data("/order/weight".into()),
                when: BTreeMap::from([("/order/total".into(), vec![json!(1), json!(2)])]),
                data: Some(fields.into_iter().map(|(name, at)| (name.to_owned(), at)).collect()),
            },
        );
        log.declare(&declared);
        for (id, total, weight) in [("1", 1, 5), ("2", 2, 5), ("3", 3, 6)] {
            let data = json!({"order": {"total": total, "weight": weight}});
            log.order(id, total, "1997-01-02T09:00:00Z", data);
        }
        log.settle();
        let mut found = Vec::new();
        for partition in log.partitions.values() {
            let events = partition.records.iter().filter_map(|record| decode(&record.body).ok());
            found.extend(events.filter(|event| event.event_type == "app.weight.seen"));
        }
        found.sort_by(|a, b| a.id.cmp(&b.id));
        found.iter_mut().for_each(|event| event.derived_from = None);
        found
    };
    let one = told(1);
    assert_eq!(one, told(3), "whatever the partitions");
    let said: Vec<_> = one.iter().map(|event| (&*event.subject, event.data.clone())).collect();
    assert_eq!(said.len(), 2);
    assert!(said.contains(&("5", json!({"total": 1, "of": "1"}))));
    assert!(one.iter().all(|event| event.time == Some(time("1997-01-02T09:00:00Z"))));
}

/// Some orders between ticks: of each the customer, and the hours that it is behind its tick.
fn days() -> impl Strategy<Value = Vec<Vec<(i64, i64)>>> {
    proptest::collection::vec(proptest::collection::vec((0..4_i64, -30..60_i64), 0..6), 1..8)
}

fn told(days: &[Vec<(i64, i64)>], partitions: u32, batch: usize, window: &Window) -> BenchLog {
    let mut log = BenchLog::new(partitions);
    log.declare(&closing(window.clone(), 12 * 3_600_000));
    let mut id = 0;
    for (day, orders) in (0_i64..).zip(days) {
        let tick = time("1997-01-03T00:00:00Z").micros() + day * DAY_MS * 1_000;
        for (customer, behind) in orders {
            id += 1;
            let at = headwater_event::Timestamp::from_micros(tick - behind * 3_600_000_000);
            log.order(&format!("{id}"), *customer, &at.to_string(), json!({"order": {"total": 1}}));
        }
        while log.fold(batch) > 0 {}
        log.tick(&headwater_event::Timestamp::from_micros(tick).to_string());
    }
    log
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(CASES))]
    #[test]
    fn whatever_the_partitions_and_batches_windows_close_the_same(
        days in days(), kind in 0..3, batch in 1_usize..9,
    ) {
        let window = match kind {
            0 => daily(),
            1 => Window::Hopping { size_ms: 2 * DAY_MS, every_ms: DAY_MS / 2, origin_ms: 0 },
            _ => Window::Session { gap_ms: 10 * 3_600_000 },
        };
        let one = told(&days, 1, usize::MAX, &window);
        let many = told(&days, 3, batch, &window);
        prop_assert_eq!(one.features("orders_daily"), many.features("orders_daily"));
        prop_assert_eq!(late(&one), late(&many));
        let ids = |log: &BenchLog| results(log).into_iter().map(|e| (e.id, e.data)).collect::<Vec<_>>();
        prop_assert_eq!(ids(&one), ids(&many));
        let view = one.partitions[&PartitionId::Control].fold.compiled().view("orders_daily").cloned();
        for table in view.unwrap().tables() {
            let of = |log: &BenchLog| log.digests().get(&table.version_hex()).copied();
            prop_assert_eq!(of(&one), of(&many), "{}", table.name);
        }
        prop_assert_eq!(many.digests(), many.refold(1).digests());
    }
}
