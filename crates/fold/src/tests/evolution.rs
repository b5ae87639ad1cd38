//! Older payloads fold as newer ones, and a change that breaks readers is refused under rules 2.

use headwater_event::{Event, PartitionId, Reason, catalog::names};
use headwater_topology::Topology;
use serde_json::{Value as Json, json};

use super::bench_log::{BenchLog, topology};
use crate::{
    Outcome, Value,
    family::{log::DeadLetter, tracking::MetricPoint},
};

fn raise(log: &mut BenchLog, rules: u32) {
    let data = json!({"rules": rules});
    let raised = Event::new("raise", "headwater", names::RULES_RAISED, "rules", data);
    log.append_signed(PartitionId::Control, 1, &raised);
    log.settle();
}

fn apply(log: &mut BenchLog, topology: &Topology) -> Outcome {
    let data = json!({"topology": serde_json::to_value(topology).unwrap()});
    let outcome = log.request(names::TOPOLOGY_APPLY_REQUESTED, "topology", data);
    log.settle();
    outcome
}

/// The test's topology with orders' total renamed to `amount` in v2.
fn second() -> Topology {
    let mut next = topology();
    let orders = next.event_types.get_mut("app.order.placed").unwrap();
    let mut v2 = orders.schemas[&1].clone();
    let order = &mut v2["properties"]["order"];
    order["properties"]["amount"] = order["properties"]["total"].take();
    order["properties"].as_object_mut().unwrap().remove("total");
    order["required"] = json!(["amount", "currency"]);
    order["properties"]["currency"] = json!({"type": "string"});
    orders.schemas.insert(2, v2);
    let steps = json!([
        {"rename": {"at": "/order/total", "to": "amount"}},
        {"default": {"at": "/order/currency", "value": "USD"}},
    ]);
    orders.upcasts.insert(2, serde_json::from_value(steps).unwrap());
    let text = serde_json::to_string(&next.feature_views).unwrap();
    let text = text.replace("/order/total", "/order/amount");
    next.feature_views = serde_json::from_str(&text).unwrap();
    next
}

fn refused(outcome: Outcome) -> (Reason, String) {
    match outcome {
        Outcome::Rejected { refusal } => (refusal.reason, refusal.detail),
        other => panic!("{other:?}"),
    }
}

#[test]
fn views_see_the_newest_version_and_the_log_keeps_what_came() {
    let mut log = BenchLog::new(1);
    raise(&mut log, 2);
    assert!(apply(&mut log, &second()).is_accepted());
    log.order("1", 1, "1997-01-05T00:00:00Z", json!({"order": {"total": 2.5}}));
    let data = json!({"customer": 1, "order": {"amount": 1.25, "currency": "EUR"}});
    let mut newer = Event::new("2", "https://app", "app.order.placed", "1", data).in_schema(2);
    newer.time = Some("1997-01-06T00:00:00Z".parse().unwrap());
    log.produce(&newer);
    log.settle();
    assert_eq!(log.features("order_totals")[0][2], Value::Decimal(375));
    assert_eq!(log.rows::<DeadLetter>(), []);
    let data = &log.partitions[&PartitionId::Data(0)];
    let written = data.records.iter().filter_map(|r| headwater_event::decode(&r.body).ok());
    let first = written.into_iter().find(|event| event.id == "1").unwrap();
    assert_eq!(first.data["order"], json!({"total": 2.5}));
    assert_eq!(log.refold(3).digests(), log.digests());
}

#[test]
fn the_same_event_sent_again_is_a_repeat_whatever_was_declared_since() {
    let mut log = BenchLog::new(1);
    raise(&mut log, 2);
    log.order("1", 1, "1997-01-05T00:00:00Z", json!({"order": {"total": 2.5}}));
    log.settle();
    assert!(apply(&mut log, &second()).is_accepted());
    log.order("1", 1, "1997-01-05T00:00:00Z", json!({"order": {"total": 2.5}}));
    log.settle();
    let counts = log.partitions[&PartitionId::Data(0)].fold.head().counts;
    assert_eq!((counts.repeats, counts.rejections), (1, 0));
}

#[test]
fn a_history_that_is_folded_late_is_read_as_todays_events_are() {
    let mut log = BenchLog::new(1);
    raise(&mut log, 2);
    log.order("1", 1, "1997-01-05T00:00:00Z", json!({"order": {"total": 2.5}}));
    log.settle();
    let data = &log.partitions[&PartitionId::Data(0)];
    let compiled = crate::Compiled::new(&headwater_event::Schemas::built_in().unwrap(), second());
    let views = compiled.unwrap().views;
    let mut beside = crate::PartitionFold::for_backfill(
        PartitionId::Data(0),
        views.clone(),
        &crate::Stored::default(),
    )
    .unwrap();
    let commit = beside.fold(&super::bench_log::MemoryRows::default(), &data.records).unwrap();
    let table = &views.iter().find(|view| view.table.name == "order_totals").unwrap().table;
    let (_, row) = commit.latest.iter().find(|(key, _)| key.starts_with(&table.prefix())).unwrap();
    let row = crate::StoredRow::decode(row.as_ref().unwrap()).unwrap();
    let crate::Shown::Features(columns) = &table.shown else { panic!() };
    assert_eq!(columns.show(&row.row.values).unwrap()[1], Value::Decimal(250));
    // The steps are part of the view's version: it is another table.
    let before = &log.partitions[&PartitionId::Data(0)]
        .fold
        .compiled()
        .view("orders_monthly")
        .unwrap()
        .table;
    let after = &views.iter().find(|view| view.table.name == "orders_monthly").unwrap().table;
    assert_ne!(before.version, after.version);
}

#[test]
fn a_payload_that_the_steps_do_not_mend_is_a_dead_letter() {
    let mut log = BenchLog::new(1);
    raise(&mut log, 2);
    assert!(apply(&mut log, &second()).is_accepted());
    let both = json!({"order": {"total": 2.5, "amount": 1.0}});
    log.order("1", 1, "1997-01-05T00:00:00Z", both);
    log.order("2", 1, "1997-01-05T00:00:00Z", json!({"order": {"total": 1.0}}));
    log.settle();
    let letters = log.rows::<DeadLetter>();
    assert_eq!(letters.len(), 1);
    assert!(letters[0].detail.contains("can't be read as v2"), "{}", letters[0].detail);
    assert!(letters[0].detail.contains("can't become `amount`"), "{}", letters[0].detail);
    assert_eq!(log.features("order_totals")[0][1], Value::Int64(1));
}

/// v1 lets less through than it did.
fn narrower() -> Topology {
    let mut next = topology();
    let orders = next.event_types.get_mut("app.order.placed").unwrap();
    orders.schemas.get_mut(&1).unwrap()["properties"]["order"]["required"] =
        json!(["total", "weight"]);
    next
}

#[test]
fn rules_1_take_what_rules_2_refuse() {
    for (rules, taken) in [(0, true), (1, true), (2, false)] {
        let mut log = BenchLog::with_rules(1, rules);
        let outcome = apply(&mut log, &narrower());
        assert_eq!(outcome.is_accepted(), taken, "rules {rules}: {outcome:?}");
        if !taken {
            let (reason, detail) = refused(outcome);
            assert_eq!(reason, Reason::Conflict);
            let told = "app.order.placed v1 at /properties/order/required: `weight` is required now and was not";
            assert!(detail.starts_with(told), "{detail}");
            assert!(detail.contains("declare the change as v2"), "{detail}");
        }
        // Raising the rules later leaves what was decided as it was.
        if rules == 1 {
            raise(&mut log, 2);
        }
        assert_eq!(log.refold(usize::MAX).digests(), log.digests());
        let control = |log: &BenchLog| log.partitions[&PartitionId::Control].outcomes.clone();
        assert_eq!(control(&log.refold(1)), control(&log));
    }
}

#[test]
fn steps_that_lead_nowhere_are_refused_under_rules_2() {
    let mut log = BenchLog::new(1);
    raise(&mut log, 2);
    let mut next = second();
    next.event_types.get_mut("app.order.placed").unwrap().upcasts.clear();
    let (reason, detail) = refused(apply(&mut log, &next));
    assert_eq!(reason, Reason::Invalid);
    assert!(detail.contains("app.order.placed v2 at /properties/order/required"), "{detail}");
}

#[test]
fn metrics_of_both_versions_make_the_same_rows() {
    let metric =
        |key: &str, value: Json, step: i64| json!({"key": key, "value": value, "step": step});
    let rows = |as_v2: bool| {
        let mut log = BenchLog::new(1);
        log.request(names::EXPERIMENT_CREATE_REQUESTED, "e", json!({"name": "e"}));
        log.request(names::RUN_CREATE_REQUESTED, "r", json!({"run_id": "r", "experiment": "e"}));
        let metrics = [
            metric("auc", json!(0.5), 1),
            metric("loss", json!("NaN"), 2),
            metric("auc", json!(0.75), 2),
        ];
        if as_v2 {
            let data = json!({"run_id": "r", "metrics": metrics});
            let mut event =
                Event::new("m", "test", names::METRIC_LOGGED, "r", data).in_newest_schema();
            event.time = Some("1997-01-02T00:00:00Z".parse().unwrap());
            assert_eq!(event.schema_version(), Some(2));
            log.append_signed(PartitionId::Control, 1, &event);
            log.settle();
        } else {
            for metric in metrics {
                let mut data = metric;
                data["run_id"] = json!("r");
                assert!(log.request(names::METRIC_LOGGED, "r", data).is_accepted());
            }
        }
        let points: Vec<_> = log.rows::<MetricPoint>().iter().map(|p| format!("{p:?}")).collect();
        let latest: Vec<_> = log
            .rows::<crate::family::tracking::LatestMetric>()
            .iter()
            .map(|p| format!("{p:?}"))
            .collect();
        (points, latest)
    };
    let (points, latest) = rows(true);
    assert_eq!((points.len(), latest.len()), (3, 2));
    assert_eq!((points, latest), rows(false));
}

#[test]
fn a_newer_head_is_refused_and_an_older_one_read() {
    let log = BenchLog::new(1);
    let head = log.partitions[&PartitionId::Control].fold.head();
    let restore = |change: Json| {
        let mut json = serde_json::to_value(head).unwrap();
        for (key, value) in change.as_object().unwrap() {
            json[key] = value.clone();
        }
        let stored =
            crate::Stored { head: Some(json.to_string().into()), ..crate::Stored::default() };
        crate::PartitionFold::restore(PartitionId::Control, &stored).map(|fold| fold.head().format)
    };
    assert_eq!(restore(json!({})).unwrap(), crate::HEAD_FORMAT);
    assert_eq!(restore(json!({"format": 0})).unwrap(), crate::HEAD_FORMAT);
    let newer = restore(json!({"format": 2, "epoch": "of another type"})).unwrap_err().to_string();
    assert!(
        newer.starts_with("the store's head is of format 2, this program knows up to 1;"),
        "{newer}"
    );
    let known = crate::RULES_KNOWN;
    let rules = restore(json!({"rules": known + 1})).unwrap_err().to_string();
    let told = format!("the log asks for rules {}, this program knows up to {known};", known + 1);
    assert!(rules.starts_with(&told), "{rules}");
}

#[test]
fn a_kept_version_is_the_same_after_a_restart() {
    let schemas = headwater_event::Schemas::built_in().unwrap();
    let mut third = second();
    // The view changes again, while its type has steps.
    let view = third.feature_views.get_mut("order_totals").unwrap();
    view.features.pop();
    let before = crate::Compiled::new(&schemas, second()).unwrap();
    let held = before.succeeded_by(&schemas, third).unwrap();
    let again = crate::Compiled::from_stored(&schemas, &held.to_stored().unwrap()).unwrap();
    let version =
        |compiled: &crate::Compiled| compiled.view("order_totals").unwrap().table.version_hex();
    assert_eq!(version(&held), version(&before));
    assert_eq!(version(&again), version(&held));
}

#[test]
fn the_version_before_is_kept_up_to_date_while_the_next_is_built() {
    let mut log = BenchLog::new(1);
    raise(&mut log, 2);
    log.order("1", 1, "1997-01-05T00:00:00Z", json!({"order": {"total": 2.5}}));
    log.settle();
    let data = json!({"topology": serde_json::to_value(second()).unwrap()});
    assert!(log.request(names::TOPOLOGY_APPLY_REQUESTED, "topology", data).is_accepted());
    log.order("2", 1, "1997-01-06T00:00:00Z", json!({"order": {"total": 1.0}}));
    log.settle();
    assert_eq!(log.rows::<DeadLetter>(), []);
    assert_eq!(log.features("order_totals")[0][2], Value::Decimal(350));
}
