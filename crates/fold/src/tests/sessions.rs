//! Sessions: whatever the order of events, and how they close.

use headwater_topology::Window;
use proptest::prelude::*;
use serde_json::json;

use super::{
    bench_log::{BenchLog, time, topology},
    windows::{at, closing, late, results},
};
use crate::Value;

const MINUTE: i64 = 60_000_000;

fn session() -> Window {
    Window::Session { gap_ms: 30 * 60_000 }
}

fn order(log: &mut BenchLog, id: &str, at: &str) {
    log.order(id, 7, at, json!({"order": {"total": 1}}));
    log.settle();
}

#[test]
fn an_event_joins_two_sessions() {
    let mut log = BenchLog::new(2);
    log.declare(&closing(session(), 3_600_000));
    order(&mut log, "1", "1997-01-02T09:00:00Z");
    order(&mut log, "2", "1997-01-02T10:00:00Z");
    assert_eq!(log.features("orders_daily").len(), 2);
    order(&mut log, "3", "1997-01-02T09:30:00Z");
    let rows = log.features("orders_daily");
    assert_eq!(rows.len(), 1, "a gap apart is the same session");
    let (start, end) = (at("1997-01-02T09:00:00Z"), at("1997-01-02T10:30:00Z"));
    assert_eq!(rows[0][1..6], [start, end, Value::Null, Value::Int64(0), Value::Int64(3)]);
    log.tick("1997-01-02T10:30:00Z");
    assert_eq!(log.features("orders_daily")[0][3], at("1997-01-02T10:30:00Z"));
    assert_eq!(results(&log).len(), 1);
}

#[test]
fn a_late_event_makes_one_session_of_two_that_were_told() {
    let mut log = BenchLog::new(2);
    log.declare(&closing(session(), 24 * 3_600_000));
    order(&mut log, "1", "1997-01-02T09:00:00Z");
    order(&mut log, "2", "1997-01-02T09:50:00Z");
    log.tick("1997-01-02T12:00:00Z");
    assert_eq!(results(&log).len(), 2);
    order(&mut log, "3", "1997-01-02T09:25:00Z");
    let rows = log.features("orders_daily");
    assert_eq!(rows.len(), 1);
    assert_eq!(rows[0][3..6], [at("1997-01-02T12:00:00Z"), Value::Int64(1), Value::Int64(3)]);
    let told: Vec<_> = results(&log).into_iter().map(|event| event.data).collect();
    let retracted: Vec<_> = told.iter().filter(|data| data["retracted"] == json!(true)).collect();
    assert_eq!(told.len(), 4);
    assert_eq!(retracted.len(), 1);
    assert_eq!(retracted[0]["window_start"], "1997-01-02T09:50:00Z");
}

#[test]
fn a_session_that_closed_goes_on_with_a_late_event() {
    let mut log = BenchLog::new(1);
    log.declare(&closing(session(), 24 * 3_600_000));
    order(&mut log, "1", "1997-01-02T09:00:00Z");
    log.tick("1997-01-02T09:31:00Z");
    order(&mut log, "2", "1997-01-02T09:20:00Z");
    let rows = log.features("orders_daily");
    assert_eq!(
        rows[0][2..6],
        [at("1997-01-02T09:50:00Z"), Value::Null, Value::Int64(1), Value::Int64(2)]
    );
    log.tick("1997-01-02T09:50:00Z");
    assert_eq!(log.features("orders_daily")[0][3], at("1997-01-02T09:50:00Z"));
    let corrections: Vec<_> =
        results(&log).into_iter().map(|event| event.data["corrections"].clone()).collect();
    assert_eq!(corrections.len(), 2);
    log.tick("1997-01-04T00:00:00Z");
    order(&mut log, "3", "1997-01-02T09:40:00Z");
    assert_eq!(late(&log).len(), 1, "what takes no events any more is left alone");
    assert_eq!(log.features("orders_daily")[0][5], Value::Int64(2));
}

/// The sessions of these minutes by brute force: first, last and how many.
fn expected(mut minutes: Vec<i64>) -> Vec<(i64, i64, i64)> {
    minutes.sort_unstable();
    let mut sessions: Vec<(i64, i64, i64)> = Vec::new();
    for minute in minutes {
        match sessions.last_mut() {
            Some((_, last, count)) if minute - *last <= 30 => {
                (*last, *count) = (minute, *count + 1)
            }
            _ => sessions.push((minute, minute, 1)),
        }
    }
    sessions
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn any_order_gives_the_same_sessions(minutes in proptest::collection::vec(0..400_i64, 1..25)) {
        let mut log = BenchLog::new(1);
        let mut declared = topology();
        let mut sessions = closing(session(), 0).feature_views["orders_daily"].clone();
        (sessions.lateness_ms, sessions.results) = (None, None);
        declared.feature_views.insert("orders_daily".into(), sessions);
        log.declare(&declared);
        let begin = time("1997-01-02T00:00:00Z").micros();
        for (id, minute) in minutes.iter().enumerate() {
            let at = headwater_event::Timestamp::from_micros(begin + minute * MINUTE).to_string();
            log.order(&id.to_string(), 7, &at, json!({"order": {"total": 1}}));
        }
        log.settle();
        let mut found: Vec<_> = log.features("orders_daily").iter().map(|row| {
            let Value::Timestamp(start) = row[1] else { panic!() };
            let Value::Timestamp(end) = row[2] else { panic!() };
            let Value::Int64(count) = row[3] else { panic!() };
            ((start - begin) / MINUTE, (end - begin) / MINUTE - 30, count)
        }).collect();
        found.sort_unstable();
        prop_assert_eq!(found, expected(minutes));
    }
}
