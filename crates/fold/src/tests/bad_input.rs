//! Bad input: a dead letter or a rejection with its reason, and the partition goes on.

use bytes::Bytes;
use headwater_event::{Event, NewRecord, PartitionId, Signer, catalog::names};
use serde_json::json;

use super::bench_log::{BenchLog, time};
use crate::{
    Outcome, Value,
    family::log::{DeadLetter, Rejection},
};

const DATA: PartitionId = PartitionId::Data(0);

fn raw(value: &[u8]) -> NewRecord {
    NewRecord { value: Some(Bytes::copy_from_slice(value)), ..NewRecord::default() }
}

fn order(id: &str) -> Event {
    let data = json!({"customer": 7, "order": {"total": 1}});
    let mut event = Event::new(id, "https://app", "app.order.placed", "7", data);
    event.time = Some(time("1997-01-05T00:00:00Z"));
    event
}

/// Appends the record between two good ones; the good ones count, and the bad one has its reason.
fn reason_of(record: NewRecord) -> DeadLetter {
    let mut log = BenchLog::new(1);
    log.produce(&order("before"));
    log.append(DATA, record);
    log.produce(&order("after"));
    log.settle();
    assert_eq!(log.features("order_totals")[0][1], Value::Int64(2));
    log.rows::<DeadLetter>().remove(0)
}

#[test]
fn each_bad_record_becomes_a_dead_letter_with_its_reason() {
    assert_eq!(reason_of(raw(b"hello")).reason, "not_json");
    assert_eq!(reason_of(raw(b"{}")).reason, "not_an_envelope");
    assert_eq!(reason_of(NewRecord::default()).reason, "empty_record");
    let mut bad_key = order("k").to_record();
    bad_key.key = Some(Bytes::from_static(b"\xff\xfe"));
    assert_eq!(reason_of(bad_key).reason, "bad_key");
    assert_eq!(reason_of(raw(&vec![b'x'; 2 << 20])).reason, "too_large");
    let with = |change: &dyn Fn(&mut Event)| {
        let mut event = order("x");
        change(&mut event);
        reason_of(event.to_record()).reason
    };
    assert_eq!(with(&|e| e.event_type = "app.unknown".into()), "unknown_type");
    assert_eq!(with(&|e| e.subject = String::new()), "missing_subject");
    assert_eq!(with(&|e| e.time = Some(time("9999-01-01T00:00:00Z"))), "bad_time");
    assert_eq!(with(&|e| e.dataschema = Some("s/v9".into())), "unknown_schema_version");
    assert_eq!(with(&|e| e.event_type = names::RUN_CREATE_REQUESTED.into()), "wrong_partition");
    assert_eq!(with(&|e| e.event_type = names::CLOCK_TICKED.into()), "forged");
    assert_eq!(with(&|e| e.derived_from = Some("control:1:0".parse().unwrap())), "forged");
    let bare_nan = String::from_utf8(order("x").to_record().value.unwrap().to_vec()).unwrap();
    assert_eq!(reason_of(raw(bare_nan.replace("1}", "NaN}").as_bytes())).reason, "bad_number");
}

#[test]
fn all_violations_of_a_schema_are_told_and_the_raw_bytes_kept() {
    let mut event = order("x");
    event.data = json!({"customer": "seven", "order": {}, "extra": 1});
    let record = event.to_record();
    let letter = reason_of(record.clone());
    assert_eq!(letter.reason, "schema_violation");
    assert!(letter.detail.contains("3 places"), "{}", letter.detail);
    assert_eq!(letter.raw.as_deref(), record.value.as_deref());
}

#[test]
fn control_takes_only_what_its_writer_signed() {
    let mut log = BenchLog::new(1);
    let event =
        Event::new("f", "evil", names::EXPERIMENT_CREATE_REQUESTED, "e", json!({"name": "e"}));
    log.append(PartitionId::Control, event.to_record());
    let stranger = Signer::new(&[8; 32], "log");
    log.append(PartitionId::Control, stranger.sign(PartitionId::Control, 1, event.to_record()));
    log.append_signed(PartitionId::Control, 0, &event);
    log.append_signed(PartitionId::Control, 1, &event);
    log.settle();
    let reasons: Vec<_> =
        log.rows::<DeadLetter>().into_iter().map(|letter| letter.reason).collect();
    assert_eq!(reasons, ["forged", "forged", "stale_epoch"]);
    assert_eq!(log.rows::<crate::family::tracking::Experiment>().len(), 1);
}

#[test]
fn a_repeat_gets_the_first_outcome_and_other_content_is_refused() {
    let mut log = BenchLog::new(1);
    log.produce(&order("1"));
    log.produce(&order("1"));
    let mut other = order("1");
    other.data["order"]["total"] = json!(2);
    log.produce(&other);
    log.settle();
    assert_eq!(log.features("order_totals")[0][1], Value::Int64(1));
    let outcomes = &log.partitions[&DATA].outcomes;
    let [.., first, repeat, reused] = outcomes.as_slice() else { panic!() };
    assert!(first.is_accepted() && repeat == first);
    assert!(matches!(reused, Outcome::Rejected { .. }), "{reused:?}");
    assert_eq!(log.rows::<Rejection>()[0].reason, "id_reused");
    let create =
        Event::new("c", "s", names::EXPERIMENT_CREATE_REQUESTED, "e", json!({"name": "e"}));
    log.append_signed(PartitionId::Control, 1, &create);
    log.append_signed(PartitionId::Control, 1, &create);
    log.settle();
    let control = &log.partitions[&PartitionId::Control].outcomes;
    let told: Vec<_> =
        control.iter().filter(|o| format!("{o:?}").contains("experiment_id")).collect();
    assert_eq!(told.len(), 2, "the repeat is told the number that was assigned");
}

#[test]
fn a_repeat_is_known_for_the_horizon_and_no_longer() {
    let mut log = BenchLog::new(1);
    log.produce(&order("1"));
    log.settle();
    log.tick("1997-01-31T00:00:00Z");
    log.produce(&order("1"));
    log.settle();
    assert_eq!(log.features("order_totals")[0][1], Value::Int64(1));
    log.tick("1997-02-02T00:00:00Z");
    log.produce(&order("1"));
    log.settle();
    assert_eq!(log.features("order_totals")[0][1], Value::Int64(2));
}
