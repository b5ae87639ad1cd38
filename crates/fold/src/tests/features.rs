//! Feature views: aggregates, windows, values written elsewhere.

use headwater_event::{Event, Reason};
use headwater_topology::Window;
use serde_json::json;

use super::bench_log::{BenchLog, time, topology};
use crate::{
    Outcome, Value,
    family::log::{DeadLetter, Rejection},
};

#[test]
fn events_fold_into_exact_aggregates() {
    let mut log = BenchLog::new(1);
    log.order("1", 7, "1997-01-05T00:00:00Z", json!({"order": {"total": 0.1, "weight": 0.1}}));
    log.order("2", 7, "1997-01-03T00:00:00Z", json!({"order": {"total": 0.2, "tags": ["a"]}}));
    log.order("3", 7, "1997-02-09T00:00:00Z", json!({"order": {"total": 29.33, "weight": null}}));
    log.settle();
    let micros = |text| Value::Timestamp(time(text).micros());
    assert_eq!(
        log.features("order_totals"),
        [[
            Value::Int64(7),
            Value::Int64(3),
            Value::Decimal(2_963),
            Value::Float64(29.63 / 3.0),
            Value::Int64(1),
            Value::Float64(0.1),
            Value::Text("[\"a\"]".into()),
            micros("1997-01-03T00:00:00Z"),
            micros("1997-02-09T00:00:00Z"),
            micros("1997-02-09T00:00:00Z"),
        ]]
    );
    let windows = log.features("orders_monthly");
    assert_eq!(windows.len(), 2);
    assert!(windows.iter().any(|row| row[1] == micros("1997-01-01T00:00:00Z")
        && row[2] == micros("1997-01-31T00:00:00Z")
        && row[3] == Value::Int64(2)));
}

#[test]
fn an_event_counts_in_every_window_that_it_lies_in() {
    let mut log = BenchLog::new(1);
    let day_ms = 86_400_000;
    let mut declared = topology();
    let mut by_week = declared.feature_views["orders_monthly"].clone();
    by_week.window =
        Some(Window::Hopping { size_ms: 7 * day_ms, every_ms: day_ms, origin_ms: 5 * day_ms });
    declared.feature_views.insert("orders_by_week".to_owned(), by_week);
    log.declare(&declared);
    let at = ["1997-01-05T00:00:00Z", "1997-01-08T12:00:00Z", "1997-01-20T23:59:59.999999Z"];
    for (id, at) in ["1", "2", "3"].into_iter().zip(at) {
        log.order(id, 7, at, json!({"order": {"total": 1}}));
    }
    log.settle();
    let rows = log.features("orders_by_week");
    // By brute force: each day that could begin a window.
    let day = 86_400_000_000;
    let first = time("1996-12-01T00:00:00Z").micros();
    let mut expected = Vec::new();
    for start in (0..90).map(|days| first + days * day) {
        let end = start + 7 * day;
        let inside = |at: &&&str| (start..end).contains(&time(at).micros());
        let count = at.iter().filter(inside).count() as i64;
        if count > 0 {
            let row = [Value::Timestamp(start), Value::Timestamp(end), Value::Int64(count)];
            expected.push(row);
        }
    }
    let found: Vec<_> = rows.iter().map(|row| row[1..4].to_vec()).collect();
    assert_eq!(found, expected);
    assert_eq!(expected.iter().filter(|row| row[2] == Value::Int64(2)).count(), 4);
}

#[test]
fn equal_events_with_other_ids_all_count() {
    let mut log = BenchLog::new(1);
    for id in ["1", "2"] {
        log.order(id, 7, "1997-01-05T00:00:00Z", json!({"order": {"total": 12.0}}));
    }
    log.settle();
    assert_eq!(log.features("order_totals")[0][1], Value::Int64(2));
}

fn written(id: &str, at: &str, data: serde_json::Value) -> Event {
    let mut event = Event::new(id, "job", "headwater.feature.written", "7", data);
    event.time = Some(time(at));
    event
}

#[test]
fn the_latest_value_written_counts_whatever_the_order() {
    let mut log = BenchLog::new(1);
    let score = |score| json!({"feature_view": "scores", "entity": {"customer": 7}, "values": {"score": score}});
    log.produce(&written("1", "1997-01-05T00:00:00Z", score(0.5)));
    log.produce(&written("2", "1997-01-03T00:00:00Z", score(0.1)));
    log.settle();
    assert_eq!(log.features("scores")[0][1], Value::Float64(0.5));
}

#[test]
fn written_values_must_be_declared() {
    let mut log = BenchLog::new(1);
    let data = |view: &str, key: &str, feature: &str| json!({"feature_view": view, "entity": {key: 7}, "values": {feature: 1}});
    log.produce(&written("1", "1997-01-05T00:00:00Z", data("order_totals", "customer", "orders")));
    log.produce(&written("2", "1997-01-05T00:00:00Z", data("scores", "client", "score")));
    log.produce(&written("3", "1997-01-05T00:00:00Z", data("scores", "customer", "socre")));
    log.settle();
    let reasons: Vec<_> = log.rows::<Rejection>().into_iter().map(|row| row.reason).collect();
    assert_eq!(reasons, ["not_found", "view_mismatch", "view_mismatch"]);
}

#[test]
fn a_view_that_cannot_take_a_value_leaves_the_event_to_the_others() {
    let mut log = BenchLog::new(1);
    // Valid by its schema, but three digits after the point do not fit decimal(18,2).
    log.order("1", 7, "1997-01-05T00:00:00Z", json!({"order": {"total": 0.125}}));
    log.settle();
    assert!(log.features("order_totals").is_empty());
    assert_eq!(log.features("orders_monthly").len(), 1);
    let letters = log.rows::<DeadLetter>();
    assert_eq!(letters[0].reason, Reason::ViewMismatch.name());
    assert!(letters[0].detail.contains("order_totals") && letters[0].detail.contains("0.125"));
}

#[test]
fn a_tick_moves_the_clock_of_every_partition_with_one_number() {
    let mut log = BenchLog::new(3);
    let outcome = log.tick("1997-01-02T00:00:00Z");
    assert!(outcome.is_accepted());
    for partition in log.partitions.values() {
        let clock = partition.fold.head().clock.unwrap();
        assert_eq!((clock.n, clock.time), (1, time("1997-01-02T00:00:00Z")));
    }
    let Outcome::Rejected { refusal } = log.tick("1997-01-01T12:00:00Z") else { panic!() };
    assert_eq!(refusal.reason, Reason::Conflict);
}
