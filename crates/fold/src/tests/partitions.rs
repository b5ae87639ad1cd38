//! However the log is cut, into batches or into partitions, the rows are the same.

use headwater_event::{Event, PartitionId, partition_for};
use serde_json::json;

use super::bench_log::{BenchLog, time};
use crate::Value;

fn fill(log: &mut BenchLog) {
    log.tick("1997-01-02T00:00:00Z");
    for n in 0..200_i64 {
        let total = f64::from(i32::try_from(n % 17).unwrap()) + 0.25;
        let at = format!("1997-{:02}-05T00:00:00Z", n % 12 + 1);
        log.order(&n.to_string(), n % 23, &at, json!({"order": {"total": total, "weight": total}}));
    }
    log.settle();
}

#[test]
fn batches_of_any_size_give_the_same_bytes() {
    let mut log = BenchLog::new(2);
    fill(&mut log);
    for batch in [1, 3, 64, usize::MAX] {
        let again = log.refold(batch);
        assert_eq!(again.digests(), log.digests(), "batches of {batch}");
        for (id, partition) in &log.partitions {
            assert_eq!(again.partitions[id].rows, partition.rows, "batches of {batch}");
            assert_eq!(again.partitions[id].fold.position(), partition.fold.position());
        }
    }
}

#[test]
fn one_partition_and_four_give_the_same_digests() {
    let (mut one, mut four) = (BenchLog::new(1), BenchLog::new(4));
    fill(&mut one);
    fill(&mut four);
    let features = |log: &BenchLog| {
        let views = &log.partitions[&PartitionId::Data(0)].fold.compiled().views;
        let versions = views.iter().map(|view| view.table.version_hex());
        versions.map(|version| log.digests()[&version]).collect::<Vec<_>>()
    };
    assert_eq!(features(&one), features(&four));
    assert_eq!(one.features("order_totals"), four.features("order_totals"));
}

#[test]
fn an_event_in_the_wrong_partition_is_folded_once_where_it_belongs() {
    let mut log = BenchLog::new(2);
    let data = json!({"customer": 7, "order": {"total": 1}});
    let mut event = Event::new("1", "https://app", "app.order.placed", "7", data);
    event.time = Some(time("1997-01-05T00:00:00Z"));
    let right = partition_for(b"7", 2);
    let wrong = PartitionId::Data(1 - right);
    log.append(wrong, event.to_record());
    log.settle();
    // The outbox may publish again after a crash: the target knows the repeat.
    let published = log.partitions[&PartitionId::Data(right)].records.last().unwrap().body.clone();
    log.append(PartitionId::Data(right), published);
    log.settle();
    assert_eq!(log.partitions[&wrong].fold.head().counts.misrouted, 1);
    assert_eq!(log.features("order_totals")[0][1], Value::Int64(1));
    let right = &log.partitions[&PartitionId::Data(right)];
    assert_eq!(right.fold.head().received[&wrong].events, 1);
    assert_eq!(
        right.fold.head().received[&wrong],
        log.partitions[&wrong].fold.head().emitted[&right.fold.id()]
    );
}

#[test]
fn what_the_outbox_brings_is_counted_whatever_becomes_of_it() {
    let mut log = BenchLog::new(2);
    let right = partition_for(b"7", 2);
    let (wrong, right) = (PartitionId::Data(1 - right), PartitionId::Data(right));
    let data = json!({"customer": 7, "order": {"total": 1}});
    let event = Event::new("1", "https://app", "app.order.placed", "7", data);
    log.append(right, event.to_record());
    log.append(wrong, event.to_record());
    log.settle();
    assert_eq!(log.features("order_totals")[0][1], Value::Int64(1), "it is a repeat");
    let head = |log: &BenchLog, id| log.partitions[&id].fold.head().clone();
    assert_eq!(head(&log, right).counts.repeats, 1);
    assert_eq!(head(&log, right).received[&wrong], head(&log, wrong).emitted[&right]);
}
