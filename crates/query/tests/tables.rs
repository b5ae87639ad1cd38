//! What the tables show: built-in tables, feature views, the log's own.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "helpers of tests fail as tests do"
)]

mod support;

use serde_json::json;
use support::{World, cells, table, time};

fn tracked() -> World {
    let mut world = World::shop(2);
    world.request("experiment.create_requested", "cd", json!({"name": "cd"}));
    for (run, name) in [("r1", json!("first")), ("r2", json!(null))] {
        let mut data = json!({"run_id": run, "experiment": "cd"});
        if !name.is_null() {
            data["name"] = name;
        }
        world.request("run.create_requested", run, data);
        for (key, value) in [("depth", "3"), ("trees", "100")] {
            let data = json!({"run_id": run, "key": key, "value": value});
            world.request("param.log_requested", run, data);
        }
        for step in 0..3 {
            let data = json!({"run_id": run, "key": "loss", "value": 0.5, "step": step});
            world.request("metric.logged", run, data);
        }
    }
    world
}

#[tokio::test]
async fn built_in_tables_are_found_without_a_schema() {
    let (moment, _) = tracked().moment();
    let query = "select run_id, name, status, started_at, ended_at, _partition from runs \
                 order by run_id";
    assert_eq!(
        cells(&moment, query).await,
        [
            ["r1", "first", "RUNNING", "1998-01-01T00:00:00Z", "", "control"],
            ["r2", "", "RUNNING", "1998-01-01T00:00:00Z", "", "control"],
        ]
    );
    let query = "select count(*) from headwater.tracking.metric_history";
    assert_eq!(cells(&moment, query).await, [["6"]]);
}

#[tokio::test]
async fn every_table_can_be_read_whole() {
    let mut world = tracked();
    world.purchase("17", 17, "1997-03-04T10:00:00Z", 2, 20.5);
    let (moment, _) = world.moment();
    let tables = cells(&moment, "show tables").await;
    table(&moment, "select * from information_schema.columns").await;
    assert!(tables.len() > 20, "{tables:?}");
    for row in tables {
        let name = format!("{}.{}", row[0], row[1]);
        table(&moment, &format!("select * from {name}")).await;
        table(&moment, &format!("select count(*) from {name}")).await;
        assert!(!row[2].is_empty(), "{name} has no description");
        for column in cells(&moment, &format!("describe {name}")).await {
            assert!(!column[3].is_empty(), "{name}.{} has no description", column[0]);
        }
    }
}

#[tokio::test]
async fn tables_join() {
    let (moment, _) = tracked().moment();
    let query = "select r.run_id, p.value as depth, m.value as loss, m.step \
                 from runs r join params p using (run_id) \
                 join latest_metrics m on m.run_id = r.run_id \
                 join experiments e on e.name = r.experiment \
                 where p.key = 'depth' and m.key = 'loss' order by 1";
    assert_eq!(cells(&moment, query).await, [["r1", "3", "0.5", "2"], ["r2", "3", "0.5", "2"]]);
    let query = "select key from params union select key from latest_metrics order by 1";
    assert_eq!(cells(&moment, query).await, [["depth"], ["loss"], ["trees"]]);
    let query = "select (select max(step) from metric_history m where m.run_id = r.run_id) \
                 from runs r order by run_id";
    assert_eq!(cells(&moment, query).await, [["2"], ["2"]]);
}

fn shop(partitions: u32) -> World {
    let mut world = World::shop(partitions);
    // One customer's purchases under several subjects, so in several partitions.
    world.purchase("a", 17, "1997-01-02T00:00:00Z", 1, 10.10);
    world.purchase("b", 17, "1997-03-04T00:00:00Z", 2, 20.20);
    world.purchase("c", 17, "1998-06-01T00:00:00Z", 3, 30.30);
    world.purchase("d", 17, "1997-01-05T00:00:00Z", 4, 0.05);
    world.purchase("a", 5, "1998-06-30T12:00:00Z", 1, 7.00);
    world
}

#[tokio::test]
async fn a_feature_view_shows_aggregates_and_derived_features() {
    for partitions in [1, 2, 4] {
        let (moment, _) = shop(partitions).moment();
        let query = "select customer_id, total_transactions, total_cds, total_amount, \
                     avg_transaction_amount, first_purchase_at, last_purchase_at, \
                     days_since_last_purchase from customer_stats order by customer_id";
        assert_eq!(
            cells(&moment, query).await,
            [
                ["5", "1", "1", "7.00", "7.0", "1998-06-30T12:00:00Z", "1998-06-30T12:00:00Z", "0"],
                [
                    "17",
                    "4",
                    "10",
                    "60.65",
                    "15.1625",
                    "1997-01-02T00:00:00Z",
                    "1998-06-01T00:00:00Z",
                    "30"
                ],
            ],
            "{partitions} partitions"
        );
    }
}

#[tokio::test]
async fn a_merged_row_is_its_last_writers() {
    let (moment, _) = shop(4).moment();
    let merged = "select _event_id, _event_time, _partition, _offset from customer_stats \
                  where customer_id = 17";
    let written = "select id, time, _partition, _offset from events where subject = 'c'";
    assert_eq!(cells(&moment, merged).await, cells(&moment, written).await);
}

#[tokio::test]
async fn windows_stand_between_keys_and_features() {
    let (moment, _) = shop(2).moment();
    let query = "select window_start, window_end, transactions_30d, cds_30d, amount_30d \
                 from customer_purchases_30d where customer_id = 17 \
                 and window_start < timestamp '1997-02-01' order by 1";
    assert_eq!(
        cells(&moment, query).await,
        [["1997-01-01T00:00:00Z", "1997-01-31T00:00:00Z", "2", "5", "10.15"]]
    );
    let names: Vec<String> = cells(&moment, "describe customer_stats")
        .await
        .into_iter()
        .map(|column| column[0].clone())
        .collect();
    assert_eq!(
        names,
        [
            "project",
            "customer_id",
            "total_transactions",
            "total_cds",
            "total_amount",
            "avg_transaction_amount",
            "first_purchase_at",
            "last_purchase_at",
            "days_since_last_purchase",
            "_event_time",
            "_event_source",
            "_event_id",
            "_partition",
            "_offset",
            "_appended_at"
        ]
    );
}

#[tokio::test]
async fn a_view_keyed_by_its_subject_needs_no_merging() {
    let (moment, _) = shop(2).moment();
    let query = "select shopper, spent, mean_spent, most_cds from shopper_totals order by shopper";
    assert_eq!(
        cells(&moment, query).await,
        [
            ["a", "17.1", "8.55", "1"],
            ["b", "20.2", "20.2", "2"],
            ["c", "30.3", "30.3", "3"],
            ["d", "0.05", "0.05", "4"],
        ]
    );
}

#[tokio::test]
async fn events_are_read_up_to_the_position() {
    let mut world = shop(2);
    let broken = headwater_event::NewRecord {
        value: Some("no event".into()),
        ..headwater_event::NewRecord::default()
    };
    world.append_record(headwater_event::PartitionId::Data(0), broken);
    let (moment, _) = world.moment();
    let query = "select id, source, subject, time, project, actor, claimed_actor, \
                 json_int(data, '/number_of_cds'), json_number(data, '/dollar_value'), \
                 json_value(data, '/customer_id') \
                 from events where type = 'shop.purchase.made' and subject = 'b'";
    assert_eq!(
        cells(&moment, query).await.first().map(|row| row[1..].to_vec()).unwrap(),
        ["/test", "b", "1997-03-04T00:00:00Z", "default", "anonymous", "alice", "2", "20.2", "17"]
    );
    let records = "select sum(records) - sum(dead_letters) from positions";
    assert_eq!(cells(&moment, records).await, cells(&moment, "select count(*) from events").await);
    let place = "select count(*) from events where _partition = 'control' and _offset between 1 \
                 and 2";
    assert_eq!(cells(&moment, place).await, [["2"]]);
    assert_eq!(cells(&moment, "select 1 from events limit 4").await.len(), 4);
    let plan = table(&moment, &format!("explain {place}")).await;
    assert!(plan.contains("ranges=[control: 1..3]"), "{plan}");
}

#[tokio::test]
async fn positions_and_digests_tell_of_the_log() {
    let (moment, _) = shop(2).moment();
    let query = "select partition, position + 1 = records, length(chain), epoch, clock_time, \
                 length(topology) from positions order by partition desc";
    let rows = cells(&moment, query).await;
    assert_eq!(rows[0], ["control", "true", "64", "1", "1997-01-01T00:00:00Z", "64"]);
    assert_eq!(rows.len(), 3);
    let sum = |text: &str| {
        format!("select {text} from digests where \"table\" = 'features.shopper_totals'")
    };
    assert_eq!(cells(&moment, &sum("rows, versions, length(latest)")).await, [["4", "5", "32"]]);
    let (other, _) = shop(4).moment();
    assert_eq!(
        cells(&moment, &sum("latest, history")).await,
        cells(&other, &sum("latest, history")).await
    );
}

#[tokio::test]
async fn read_time_is_one_moment() {
    let (moment, _) = shop(1).moment();
    let query = "select read_time(), read_time() = timestamp '1998-07-01T00:00:00Z'";
    assert_eq!(cells(&moment, query).await, [["1998-07-01T00:00:00Z", "true"]]);
    assert_eq!(moment.read_time, time("1998-07-01T00:00:00Z"));
}
