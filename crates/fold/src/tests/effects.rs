//! Effects as control's fold decides them: keys, leases, tries, deadlines, schedules.

use std::collections::BTreeMap;

use headwater_event::{Event, PartitionId, Reason, catalog::names};
use headwater_topology::{
    Effect as Declared, EffectInput, EffectKind, EffectLimits, EffectTrigger, HttpEffect, Topology,
};
use serde_json::{Value as Json, json};

use super::bench_log::{BenchLog, topology};
use crate::{
    Outcome,
    family::{
        effects::{Effect, EffectDue, EffectGiven, EffectSchedule, EffectTotals},
        log::DeadLetter,
    },
};

const MINUTE_MS: i64 = 60_000;

fn call(trigger: EffectTrigger) -> Declared {
    Declared {
        description: String::new(),
        trigger,
        kind: EffectKind::Http(HttpEffect {
            method: "POST".into(),
            url: "https://example.com/".into(),
            headers: BTreeMap::new(),
            body: Some(EffectInput::Data),
            allow_private: false,
        }),
        result: None,
        limits: EffectLimits {
            deadline_ms: 10 * MINUTE_MS,
            attempts_max: 2,
            backoff_first_ms: MINUTE_MS,
            ..EffectLimits::default()
        },
    }
}

fn on_orders(when: &[(&str, &str)]) -> Declared {
    let when = when.iter().map(|(at, value)| ((*at).to_owned(), vec![(*value).to_owned()]));
    call(EffectTrigger::On { event_type: "app.order.placed".into(), when: when.collect() })
}

fn with(effects: &[(&str, Declared)]) -> Topology {
    let effects = effects.iter().map(|(name, effect)| ((*name).to_owned(), effect.clone()));
    Topology { effects: effects.collect(), ..topology() }
}

fn log_with(partitions: u32, effects: &[(&str, Declared)]) -> BenchLog {
    let mut log = BenchLog::new(partitions);
    assert!(log.declare(&with(effects)).is_accepted());
    log.tick("1997-01-01T00:00:00Z");
    log
}

fn order(log: &mut BenchLog, id: &str, customer: i64, total: f64) {
    log.order(id, customer, "1997-01-01T00:00:00Z", json!({"order": {"total": total}}));
    log.settle();
}

/// Appends a record of the active process in an epoch.
fn tell(log: &mut BenchLog, epoch: u64, event_type: &str, data: Json) {
    let id = format!("{event_type}-{data}");
    let event = Event::new(&id[..id.len().min(200)], "headwater", event_type, "1", data);
    log.append_signed(PartitionId::Control, epoch, &event.in_newest_schema());
    log.settle();
}

fn start(log: &mut BenchLog, effect: &Effect, attempt: i64, epoch: u64) {
    let data = json!({
        "effect": effect.effect, "key": effect.key, "attempt": attempt, "epoch": epoch,
    });
    tell(log, epoch, names::EFFECT_STARTED, data);
}

fn finish(log: &mut BenchLog, effect: &Effect, attempt: i64, epoch: u64, outcome: &str) {
    let data = json!({
        "effect": effect.effect, "key": effect.key, "attempt": attempt, "epoch": epoch,
        "outcome": outcome, "output": {"n": attempt},
    });
    tell(log, epoch, names::EFFECT_FINISHED, data);
}

fn only(log: &BenchLog) -> Effect {
    let mut rows = log.rows::<Effect>();
    assert_eq!(rows.len(), 1);
    rows.remove(0)
}

fn refolds_to_the_same(log: &BenchLog) {
    for batch in [3, 1_000] {
        assert_eq!(log.refold(batch).digests(), log.digests(), "in batches of {batch}");
    }
}

#[test]
fn the_same_events_ask_for_the_same_effects_on_one_partition_and_on_four() {
    let asked = |partitions| {
        let effects = [("all", on_orders(&[])), ("some", on_orders(&[("/order/total", "2.5")]))];
        let mut log = log_with(partitions, &effects);
        for n in 0..20 {
            order(&mut log, &format!("o{n}"), n, 1.5 + (n % 2) as f64);
        }
        // The same event again asks for nothing more.
        order(&mut log, "o1", 1, 2.5);
        refolds_to_the_same(&log);
        log.rows::<Effect>()
    };
    let one = asked(1);
    assert_eq!(one, asked(4));
    assert_eq!(one.iter().filter(|row| row.effect == "all").count(), 20);
    assert_eq!(one.iter().filter(|row| row.effect == "some").count(), 10);
    let keys: std::collections::BTreeSet<_> = one.iter().map(|row| &row.key).collect();
    assert_eq!(keys.len(), 30, "each effect of each event has a key of its own");
}

#[test]
fn a_try_that_failed_comes_again_after_a_pause_and_the_last_one_decides() {
    let mut log = log_with(1, &[("tell", on_orders(&[]))]);
    order(&mut log, "a", 1, 2.0);
    let row = only(&log);
    assert_eq!((&*row.state, row.attempt, row.cause_id.as_str()), ("pending", 0, "a"));
    assert_eq!(
        log.rows::<EffectGiven>()[0].input.0,
        r#"{"data":{"customer":1,"order":{"total":2}}}"#
    );
    start(&mut log, &row, 2, 1);
    assert_eq!(only(&log).state, "pending", "the next try is the first");
    start(&mut log, &row, 1, 1);
    assert_eq!((&*only(&log).state, only(&log).epoch), ("running", Some(1)));
    finish(&mut log, &row, 1, 1, "failed");
    let pending = only(&log);
    assert_eq!(pending.state, "pending");
    let pause_us = pending.due_at.unwrap().micros() - pending.requested_at.micros();
    assert!((60_000_000..=90_000_000).contains(&pause_us), "{pause_us}");
    start(&mut log, &row, 2, 1);
    assert_eq!(only(&log).state, "pending", "it is not due yet");
    log.tick("1997-01-01T00:02:00Z");
    start(&mut log, &row, 2, 1);
    finish(&mut log, &row, 1, 1, "succeeded");
    assert_eq!(only(&log).state, "running", "the result of another try does not count");
    finish(&mut log, &row, 2, 1, "failed");
    let failed = only(&log);
    assert_eq!((&*failed.state, failed.attempt), ("failed", 2));
    assert!(log.rows::<EffectDue>().is_empty() && log.rows::<EffectGiven>().is_empty());
    let totals = &log.rows::<EffectTotals>()[0];
    assert_eq!((totals.pending, totals.running, totals.failed), (0, 0, 1));
    refolds_to_the_same(&log);
}

#[test]
fn a_newer_process_takes_leases_over_and_the_older_ones_result_is_dropped() {
    let mut log = log_with(1, &[("tell", on_orders(&[]))]);
    order(&mut log, "a", 1, 2.0);
    let row = only(&log);
    start(&mut log, &row, 1, 1);
    tell(&mut log, 2, names::WRITER_CLAIMED, json!({"epoch": 2, "process": "other"}));
    let back = only(&log);
    assert_eq!((&*back.state, back.attempt, back.leases_lost), ("pending", 0, 1));
    finish(&mut log, &row, 1, 1, "succeeded");
    assert_eq!(only(&log).state, "pending");
    assert_eq!(log.rows::<DeadLetter>().last().unwrap().reason, "stale_epoch");
    start(&mut log, &row, 1, 2);
    finish(&mut log, &row, 1, 2, "succeeded");
    let done = only(&log);
    assert_eq!((&*done.state, done.epoch), ("succeeded", Some(2)));
    assert_eq!(done.output.unwrap().0, r#"{"n":1}"#);
    finish(&mut log, &row, 1, 2, "failed");
    assert_eq!(only(&log).state, "succeeded", "it ends once");
    refolds_to_the_same(&log);
}

#[test]
fn what_has_not_ended_by_its_deadline_is_given_up_at_a_tick() {
    let mut log = log_with(1, &[("tell", on_orders(&[]))]);
    order(&mut log, "a", 1, 2.0);
    order(&mut log, "b", 2, 2.0);
    let running = log.rows::<Effect>().remove(0);
    start(&mut log, &running, 1, 1);
    log.tick("1997-01-01T00:09:59Z");
    assert!(log.rows::<Effect>().iter().all(|row| row.state != "expired"));
    log.tick("1997-01-01T00:10:00Z");
    assert!(log.rows::<Effect>().iter().all(|row| row.state == "expired"));
    finish(&mut log, &running, 1, 1, "succeeded");
    assert!(log.rows::<Effect>().iter().all(|row| row.state == "expired"));
    assert_eq!(log.rows::<EffectTotals>()[0].expired, 2);
    refolds_to_the_same(&log);
}

#[test]
fn a_cancelled_effect_ends_and_its_late_result_does_not_count() {
    let mut log = log_with(1, &[("tell", on_orders(&[]))]);
    for (id, customer) in [("a", 1), ("b", 2)] {
        order(&mut log, id, customer, 2.0);
    }
    let rows = log.rows::<Effect>();
    start(&mut log, &rows[0], 1, 1);
    let cancel = |log: &mut BenchLog, effect: &Effect| {
        let data = json!({"effect": effect.effect, "key": effect.key});
        log.request(names::EFFECT_CANCEL_REQUESTED, "tell", data)
    };
    for row in &rows {
        let Outcome::Accepted { assigned } = cancel(&mut log, row) else { panic!() };
        assert_eq!(assigned["state"], "cancelled");
    }
    finish(&mut log, &rows[0], 1, 1, "succeeded");
    assert!(log.rows::<Effect>().iter().all(|row| row.state == "cancelled"));
    let refused = |outcome| match outcome {
        Outcome::Rejected { refusal } => refusal.reason,
        other => panic!("{other:?}"),
    };
    assert_eq!(refused(cancel(&mut log, &rows[0])), Reason::Conflict);
    let unknown = Effect { key: "x".into(), ..rows[0].clone() };
    assert_eq!(refused(cancel(&mut log, &unknown)), Reason::NotFound);
    refolds_to_the_same(&log);
}

#[test]
fn the_clock_asks_once_for_each_multiple_and_tells_what_it_passed_over() {
    let hourly = call(EffectTrigger::Every { every_ms: 60 * MINUTE_MS });
    let mut log = log_with(2, &[("hourly", hourly.clone())]);
    assert!(log.rows::<Effect>().is_empty(), "the first multiple is the next one");
    log.tick("1997-01-01T00:59:59Z");
    assert!(log.rows::<Effect>().is_empty());
    log.tick("1997-01-01T01:00:10Z");
    log.tick("1997-01-01T01:00:20Z");
    log.tick("1997-01-01T05:30:00Z");
    let mut rows = log.rows::<Effect>();
    rows.sort_by_key(|row| row.scheduled_for);
    let told: Vec<_> = rows
        .iter()
        .map(|row| (row.scheduled_for.unwrap().to_string(), row.passed_over, row.tick))
        .collect();
    assert_eq!(
        told,
        [("1997-01-01T01:00:00Z".to_owned(), 0, 3), ("1997-01-01T05:00:00Z".to_owned(), 3, 5),]
    );
    // A topology without it ends the schedule; what was asked for goes on.
    assert!(log.declare(&with(&[])).is_accepted());
    assert!(log.rows::<EffectSchedule>().is_empty());
    log.tick("1997-01-01T06:30:00Z");
    assert_eq!(log.rows::<Effect>().len(), 2);
    start(&mut log, &rows[1], 1, 1);
    assert!(
        log.rows::<Effect>().iter().any(|row| row.state == "running" || row.state == "expired")
    );
    refolds_to_the_same(&log);
}

#[test]
fn a_query_waits_for_the_tick_after_its_cause() {
    let mut effect = on_orders(&[]);
    effect.kind = EffectKind::Sql { sql: "select 1".into() };
    let mut log = log_with(2, &[("measure", effect)]);
    order(&mut log, "a", 1, 2.0);
    assert_eq!((only(&log).due_at, only(&log).tick), (None, 2));
    log.tick("1997-01-01T00:00:05Z");
    assert!(only(&log).due_at.is_some());
    refolds_to_the_same(&log);
}

#[test]
fn effects_need_the_rules_that_know_them() {
    let mut log = BenchLog::with_rules(1, 3);
    let told = log.declare(&with(&[("tell", on_orders(&[]))]));
    let Outcome::Rejected { refusal } = told else { panic!("{told:?}") };
    assert!(refusal.detail.contains("need rules 4"), "{refusal}");
}
