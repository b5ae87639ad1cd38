//! Requests: the log decides, the loser is told why, a repeat gets the first outcome.

use headwater_event::{Reason, catalog::names};
use serde_json::{Value as Json, json};

use super::bench_log::BenchLog;
use crate::{
    Outcome,
    family::{
        log::Rejection,
        registry::{ModelAlias, ModelVersion},
        serving::Rollout,
        tracking::*,
    },
};

fn assigned(outcome: Outcome) -> Json {
    match outcome {
        Outcome::Accepted { assigned } => assigned,
        other => panic!("{other:?}"),
    }
}

fn refused(outcome: Outcome) -> Reason {
    match outcome {
        Outcome::Rejected { refusal } => refusal.reason,
        other => panic!("{other:?}"),
    }
}

fn log_with_run() -> BenchLog {
    let mut log = BenchLog::new(1);
    log.request(names::EXPERIMENT_CREATE_REQUESTED, "e", json!({"name": "e"}));
    log.request(names::RUN_CREATE_REQUESTED, "r", json!({"run_id": "r", "experiment": "e"}));
    log
}

#[test]
fn of_two_equal_requests_the_second_loses() {
    let mut log = BenchLog::new(1);
    let create = |log: &mut BenchLog| {
        log.request(names::EXPERIMENT_CREATE_REQUESTED, "e", json!({"name": "e"}))
    };
    assert_eq!(assigned(create(&mut log))["experiment_id"], "1");
    assert_eq!(refused(create(&mut log)), Reason::Conflict);
    assert_eq!(log.rows::<Experiment>().len(), 1);
    assert_eq!(log.rows::<Rejection>().len(), 1);
    // The refusal is a fact on the log too.
    let told = log.partitions[&headwater_event::PartitionId::Control].records.iter().any(|r| {
        headwater_event::decode(&r.body).is_ok_and(|e| e.event_type == names::REQUEST_REJECTED)
    });
    assert!(told);
}

#[test]
fn a_run_keeps_its_parameters_and_every_metric() {
    let mut log = log_with_run();
    let param = |value: &str| json!({"run_id": "r", "key": "alpha", "value": value});
    assert!(log.request(names::PARAM_LOG_REQUESTED, "r", param("1")).is_accepted());
    assert!(log.request(names::PARAM_LOG_REQUESTED, "r", param("1")).is_accepted());
    assert_eq!(refused(log.request(names::PARAM_LOG_REQUESTED, "r", param("2"))), Reason::Conflict);
    for (value, step) in [(json!("NaN"), 3), (json!(0.5), 1), (json!("-Infinity"), -2)] {
        let metric = json!({"run_id": "r", "key": "auc", "value": value, "step": step});
        assert!(log.request(names::METRIC_LOGGED, "r", metric).is_accepted());
    }
    let latest = &log.rows::<LatestMetric>()[0];
    assert!(latest.value.is_nan() && latest.step == 3);
    assert_eq!(log.rows::<MetricPoint>().len(), 3);
    let finish = json!({"run_id": "r", "status": "FINISHED"});
    assert!(log.request(names::RUN_FINISH_REQUESTED, "r", finish.clone()).is_accepted());
    assert_eq!(refused(log.request(names::RUN_FINISH_REQUESTED, "r", finish)), Reason::Conflict);
    assert_eq!(log.rows::<Run>()[0].status, "FINISHED");
    let unknown = json!({"run_id": "x", "key": "auc", "value": 1});
    assert_eq!(refused(log.request(names::METRIC_LOGGED, "x", unknown)), Reason::NotFound);
}

fn with_model(log: &mut BenchLog) {
    let sha256 = "0".repeat(64);
    log.request(names::REGISTERED_MODEL_CREATE_REQUESTED, "m", json!({"name": "m"}));
    for version in 1..=2 {
        let request =
            json!({"name": "m", "artifact": {"path": "m", "sha256": sha256, "size_bytes": 1}});
        let outcome = log.request(names::MODEL_VERSION_CREATE_REQUESTED, "m", request);
        assert_eq!(assigned(outcome)["version"], version);
    }
}

#[test]
fn the_fold_numbers_versions_and_moves_aliases() {
    let mut log = BenchLog::new(1);
    with_model(&mut log);
    assert_eq!(log.rows::<ModelVersion>().len(), 2);
    let mut set = |version: i64, expected: Option<i64>| {
        let mut request = json!({"name": "m", "alias": "champion", "version": version});
        if let Some(expected) = expected {
            request["expected_version"] = json!(expected);
        }
        log.request(names::MODEL_ALIAS_SET_REQUESTED, "m", request)
    };
    assert!(set(1, Some(0)).is_accepted());
    assert_eq!(refused(set(2, Some(2))), Reason::Conflict);
    assert_eq!(assigned(set(2, Some(1)))["previous_version"], 1);
    assert_eq!(refused(set(3, None)), Reason::NotFound);
    assert_eq!(log.rows::<ModelAlias>()[0].version, 2);
    let remove = json!({"name": "m", "alias": "champion"});
    assert!(log.request(names::MODEL_ALIAS_REMOVE_REQUESTED, "m", remove.clone()).is_accepted());
    assert!(log.rows::<ModelAlias>().is_empty());
    assert_eq!(
        refused(log.request(names::MODEL_ALIAS_REMOVE_REQUESTED, "m", remove)),
        Reason::NotFound
    );
}

#[test]
fn a_rollout_is_applied_or_rejected_with_the_reason() {
    let mut log = BenchLog::new(1);
    with_model(&mut log);
    let mut change = |one: f64, two: f64, expected: i64| {
        let shares = json!([{"version": 1, "percent": one}, {"version": 2, "percent": two}]);
        let request =
            json!({"rollout": "c", "model": "m", "shares": shares, "expected_revision": expected});
        log.request(names::ROLLOUT_CHANGE_REQUESTED, "c", request)
    };
    assert_eq!(assigned(change(90.0, 10.0, 0))["revision"], 1);
    assert_eq!(refused(change(90.0, 0.0, 1)), Reason::Invalid);
    assert_eq!(refused(change(80.0, 20.0, 0)), Reason::Conflict);
    // A canary can be turned off.
    assert_eq!(assigned(change(100.0, 0.0, 1))["revision"], 2);
    assert_eq!(log.rows::<Rollout>()[0].revision, 2);
}
