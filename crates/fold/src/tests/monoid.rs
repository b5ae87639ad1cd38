//! The states of aggregates form a commutative monoid, exactly: equal bytes in any order.

use headwater_event::{Event, PartitionId};
use proptest::prelude::*;
use serde_json::{Value as Json, json};

use super::bench_log::{BenchLog, row, time};
use crate::{FeatureColumns, Provenance, Row, Shown, Value};

fn columns() -> FeatureColumns {
    let log = BenchLog::new(1);
    let compiled = log.partitions[&PartitionId::Data(0)].fold.compiled().clone();
    match &compiled.view("order_totals").unwrap().table.shown {
        Shown::Features(columns) => columns.clone(),
        Shown::AsStored => panic!(),
    }
}

/// One event's row.
fn lift(columns: &FeatureColumns, n: usize, (total, weight, day): (i64, Option<f64>, i64)) -> Row {
    let weight = weight.map_or(Json::Null, |weight| json!(weight));
    #[expect(clippy::cast_precision_loss, reason = "small numbers")]
    let total = total as f64 / 4.0;
    let data = json!({"customer": 1, "order": {"total": total, "weight": weight, "tags": [n.to_string()]}});
    let event = Event::new(n.to_string(), "s", "app.order.placed", "1", data);
    let at = time(&format!("1997-01-{:02}T00:00:00Z", day));
    let mut values = vec![Value::Timestamp(at.micros())];
    for slot in columns.slots() {
        values.extend(slot.of_event(&event, at).unwrap());
    }
    row(&event, values)
}

proptest! {
    #[test]
    fn random_splits_in_random_order_give_equal_bytes(
        events in prop::collection::vec((-40_i64..40, prop::option::of(-1e9_f64..1e9), 1_i64..28), 1..24),
        seed in any::<u64>(),
    ) {
        let columns = columns();
        let rows: Vec<Row> = events.into_iter().enumerate().map(|(n, e)| lift(&columns, n, e)).collect();
        let in_order = rows.iter().skip(1).fold(rows[0].clone(), |sum, row| columns.merge(&sum, row).unwrap());
        // Merge random pairs until one is left: any order, any grouping.
        let mut left = rows;
        let mut state = seed;
        let mut next = |below: usize| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            usize::try_from(state >> 33).unwrap() % below
        };
        while left.len() > 1 {
            let a = left.swap_remove(next(left.len()));
            let b = left.swap_remove(next(left.len()));
            left.push(columns.merge(&a, &b).unwrap());
        }
        let nowhere = Provenance { offset: headwater_event::Offset(0), appended_at_ms: 0 };
        prop_assert_eq!(left[0].encode(nowhere), in_order.encode(nowhere));
    }
}
