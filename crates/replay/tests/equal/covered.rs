//! That the workload leaves nothing out: every type that clients send, and every table.

use std::collections::BTreeSet;

use headwater_event::catalog::{BUILT_IN, Role};
use headwater_fold::family::built_in_tables;
use proptest::{
    strategy::{Strategy as _, ValueTree as _},
    test_runner::TestRunner,
};

use crate::{
    case::Moments,
    events::{Act, acts},
    ways::Plain,
    workload::{Step, steps},
};

/// Workloads that together do everything.
const WORKLOADS: usize = 20;

/// Always the same.
pub(crate) fn sample() -> Vec<Step> {
    let mut runner = TestRunner::deterministic();
    let steps = std::iter::repeat_with(|| steps().new_tree(&mut runner).unwrap().current());
    // What is long adds nothing here.
    let brief = |step: &Step| !matches!(step, Step::Burst { .. });
    steps.take(WORKLOADS).flatten().filter(brief).collect()
}

#[test]
fn every_type_that_clients_send_is_sent() {
    let sent: BTreeSet<String> = acts(&sample())
        .into_iter()
        .filter_map(|act| match act {
            Act::Submit(event) => Some(event.event_type),
            Act::SubmitAll(_) | Act::Append { .. } | Act::AppendToControl(_) => None,
        })
        .collect();
    for built_in in BUILT_IN {
        let by_clients = matches!(built_in.role, Role::Request | Role::Observation);
        assert_eq!(sent.contains(built_in.name), by_clients, "{}", built_in.name);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_table_has_rows_on_embedded() {
    let acts = acts(&sample());
    let looks = Moments { before: Vec::new(), times: Vec::new(), anywhere: Vec::new() }.of(&acts);
    let plain = Plain::carried_out(4, &acts, &looks).await;
    let seen = &plain.seen[&acts.len()];
    // Which snapshot the log begins with, and how far sources are, is told by no event of a client; they and
    // effects have their own tests. Late events stand with their views.
    let others = ["origins", "sources", "late_events"];
    let by_clients = built_in_tables()
        .into_iter()
        .filter(|t| !others.contains(&&*t.name) && !t.name.starts_with("effect"));
    for table in by_clients {
        assert!(seen.rows.contains_key(&table.version_hex()), "{}", table.full_name());
    }
    for view in [
        "order_totals",
        "orders_weekly",
        "orders_of_three_days",
        "order_days",
        "order_sessions",
        "closed_days",
        "channel_orders",
        "late_events",
        "scores",
    ] {
        let query = seen.answers.iter().find(|(query, _)| query.ends_with(&format!(".{view}")));
        assert!(query.is_some_and(|(_, rows)| !rows.is_empty()), "{view}");
    }
}
