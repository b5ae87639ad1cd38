//! What a scan reads: seeks by key, limits, wanted columns only.

mod support;

use std::sync::Arc;

use headwater_event::PartitionId;
use headwater_query::{Moment, QueryOptions};
use serde_json::json;
use support::{Reads, World, cells, table};

/// Forty runs in each of two projects, and as many shoppers.
fn world() -> (Arc<Moment>, Arc<Reads>) {
    let mut world = World::shop(2);
    for project in ["default", "other"] {
        let mut event =
            world.event("headwater.experiment.create_requested", "cd", json!({"name": "cd"}));
        event.project = project.to_owned();
        world.control(&event);
        for n in 0..40 {
            let run = format!("r{n:02}");
            let data = json!({"run_id": run, "experiment": "cd"});
            let mut event = world.event("headwater.run.create_requested", &run, data);
            event.project = project.to_owned();
            world.control(&event);
            for key in ["depth", "trees"] {
                let data = json!({"run_id": run, "key": key, "value": "3"});
                let mut event = world.event("headwater.param.log_requested", &run, data);
                event.project = project.to_owned();
                world.control(&event);
            }
        }
    }
    for customer in 0..40 {
        let (a, b) = (format!("a{customer}"), format!("b{customer}"));
        world.purchase(&a, customer + 1, "1998-01-01T00:00:00Z", 1, 1.0);
        world.purchase(&b, customer + 1, "1998-01-01T00:00:00Z", 1, 1.0);
    }
    world.moment()
}

#[tokio::test]
async fn a_whole_key_is_got() {
    let (moment, reads) = world();
    let query = "select run_id from runs where project = 'default' and run_id = 'r07'";
    assert_eq!(cells(&moment, query).await, [["r07"]]);
    // One in each partition; which of them has the row only they know.
    assert_eq!(reads.counts(), (3, 0, 0));
}

#[tokio::test]
async fn a_partition_can_be_named() {
    let (moment, reads) = world();
    let query = "select run_id from runs where project = 'default' and run_id = 'r07' \
                 and _partition = 'control'";
    assert_eq!(cells(&moment, query).await, [["r07"]]);
    assert_eq!(reads.counts(), (1, 0, 0));
    assert!(cells(&moment, "select 1 from runs where _partition = '77'").await.is_empty());
}

#[tokio::test]
async fn projects_are_skipped_over() {
    let (moment, reads) = world();
    let query = "select project, run_id from runs where run_id in ('r07', 'r09', 'none') \
                 order by 1, 2";
    let found = [["default", "r07"], ["default", "r09"], ["other", "r07"], ["other", "r09"]];
    assert_eq!(cells(&moment, query).await, found);
    let (gets, scans, rows) = reads.counts();
    // Control looks for a project three times and finds two, in each it gets three keys.
    assert_eq!((gets, scans, rows), (6, 5, 2));
}

#[tokio::test]
async fn a_prefix_of_the_key_is_a_range() {
    let (moment, reads) = world();
    let query = "select key from params where project = 'other' and run_id = 'r07' order by key";
    assert_eq!(cells(&moment, query).await, [["depth"], ["trees"]]);
    assert_eq!(reads.counts(), (0, 3, 2));
    let plan = table(&moment, &format!("explain {query}")).await;
    assert!(plan.contains("seeks=1 by 1 key columns"), "{plan}");
}

#[tokio::test]
async fn seeks_go_through_derived_features_and_merging() {
    let (moment, reads) = world();
    let query = "select customer_id, total_cds, days_since_last_purchase from customer_stats \
                 where project = 'default' and customer_id = 7";
    assert_eq!(cells(&moment, query).await, [["7", "2", "181"]]);
    assert_eq!(reads.counts(), (3, 0, 0));
    let query = "select customer_id from customer_stats where customer_id in (1, 2, 3, 4, 5, 99) \
                 and project = 'default' order by 1";
    assert_eq!(cells(&moment, query).await, [["1"], ["2"], ["3"], ["4"], ["5"]]);
    assert_eq!(reads.counts(), (3 + 18, 0, 0));
}

#[tokio::test]
async fn a_limit_stops_the_scan() {
    let (moment, reads) = world();
    let rows = cells(&moment, "select run_id from runs limit 3").await;
    assert_eq!(rows.len(), 3);
    assert!(reads.counts().2 <= 4, "{:?}", reads.counts());
    assert_eq!(cells(&moment, "select customer_id from customer_stats limit 3").await.len(), 3);
}

#[tokio::test]
async fn keys_come_sorted() {
    let (moment, _) = world();
    let query = "select project, run_id from runs order by project, run_id limit 2";
    let plan = table(&moment, &format!("explain {query}")).await;
    assert!(!plan.contains("SortExec"), "{plan}");
    assert_eq!(cells(&moment, query).await, [["default", "r00"], ["default", "r01"]]);
}

#[tokio::test]
async fn only_wanted_columns_are_read() {
    let (moment, _) = world();
    let plan = table(&moment, "explain select status from runs where name is null").await;
    assert!(plan.contains("columns=[name, status]"), "{plan}");
    let plan = table(&moment, "explain select total_cds from customer_stats").await;
    assert!(plan.contains("columns=[total_cds], merged over 3 partitions"), "{plan}");
}

#[tokio::test]
async fn the_positions_are_told() {
    let (moment, _) = world();
    let options = QueryOptions::default();
    let answer = support::sql().query(Arc::clone(&moment), "select 1", &options).await.unwrap();
    assert_eq!(answer.positions.len(), 3);
    assert!(answer.positions[&PartitionId::Control].0 > 100);
}
