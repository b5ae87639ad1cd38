//! What may be asked, and how refusals read.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "helpers of tests fail as tests do"
)]

mod support;

use std::sync::Arc;

use arrow::record_batch::RecordBatch;
use futures::StreamExt as _;
use headwater_event::PartitionId;
use headwater_fold::{Head, Provenance, Row, Table, Value};
use headwater_query::{ErrorKind, Limits, Moment, PartitionRows, QueryOptions, Sql, function_docs};
use headwater_topology::{DerivedFeature, ValueType};
use support::past::NoPast;
use support::{Reads, Snapshot, World, batches, cells, compiled, error, sql, table, topology};

#[tokio::test]
async fn show_tables_and_describe_tell_what_there_is() {
    let (moment, _) = World::shop(1).moment();
    let tables = cells(&moment, "SHOW TABLES").await;
    assert!(tables.is_sorted());
    assert!(tables.contains(&vec![
        "features".to_owned(),
        "customer_stats".to_owned(),
        "What each customer has bought so far.".to_owned(),
    ]));
    let of_schema = cells(&moment, "show tables from registry").await;
    assert!(of_schema.iter().all(|row| row[0] == "registry") && of_schema.len() >= 3);
    assert_eq!(
        table(&moment, "DESCRIBE experiments").await,
        table(&moment, "show columns from tracking.experiments").await
    );
    let columns = cells(&moment, "describe features.customer_stats").await;
    assert_eq!(
        columns[4],
        ["total_amount", "numeric(38,2)", "YES", "What the customer has spent, in dollars."]
    );
    assert_eq!(columns[8][1], "bigint");
    let names = "select table_schema from information_schema.tables where table_name = 'runs'";
    assert_eq!(cells(&moment, names).await, [["tracking"]]);
    assert!(!cells(&moment, "describe information_schema.tables").await.is_empty());
}

#[tokio::test]
async fn an_unknown_name_is_told_with_near_ones() {
    let (moment, _) = World::shop(1).moment();
    let told = error(&moment, "select * from runz").await;
    assert_eq!(told.kind(), ErrorKind::Invalid);
    assert_eq!(
        told.to_string(),
        "there is no table runz (did you mean tracking.runs?); SHOW TABLES lists all"
    );
    for query in ["select * from nope.runs", "describe runz", "select * from other.tracking.runs"] {
        let told = error(&moment, query).await;
        assert!(told.to_string().contains("SHOW TABLES"), "{query}: {told}");
    }
    let told = error(&moment, "select stats from runs").await;
    assert_eq!(told.kind(), ErrorKind::Invalid);
    assert!(told.to_string().contains("No field named stats"), "{told}");
    assert!(told.to_string().contains("status"), "{told}");
    let told = error(&moment, "show tables from nope").await;
    assert!(told.to_string().starts_with("there is no schema nope; there are"), "{told}");
}

#[tokio::test]
async fn nothing_but_queries_is_answered() {
    let (moment, _) = World::shop(1).moment();
    for query in [
        "create table t (a int)",
        "create view v as select 1",
        "create external table t stored as csv location '/etc/passwd'",
        "insert into runs select * from runs",
        "update runs set status = 'x'",
        "delete from runs",
        "drop table runs",
        "copy runs to '/tmp/runs.csv'",
        "copy (select 1) to '/tmp/x.csv'",
        "set datafusion.execution.batch_size = 1",
        "explain insert into runs select * from runs",
        "explain copy (select 1) to '/tmp/x.csv'",
        "select * into t from runs",
        "prepare p as select 1",
        "begin",
        "",
        "select 1; select 2",
        "select * from '/etc/passwd'",
        "select * from \"/etc/passwd\"",
        "selec 1",
        "select 1 +",
        "select * from runs tablesample system (10)",
        "select * from runs with ordinality",
    ] {
        let told = error(&moment, query).await;
        assert_eq!(told.kind(), ErrorKind::Invalid, "{query}: {told}");
    }
    let told = error(&moment, "drop table runs").await;
    assert!(told.to_string().contains("views are changed by events only"), "{told}");
    for query in [
        "values (1, 'a')",
        "with x as (select 1) select * from x",
        "show functions",
        "explain select 1",
        "explain analyze select count(*) from events",
        "show all",
    ] {
        batches(&sql(), &moment, query).await.unwrap();
    }
}

#[tokio::test]
async fn values_that_do_not_fit_are_the_querys_fault() {
    let (moment, _) = World::shop(1).moment();
    for query in [
        "select 1 / 0",
        "select cast('x' as bigint)",
        "select json_value('{', '/a')",
        "select json_value('{}', 'a')",
        "select 'x' + run_id from runs",
        "select nope(1)",
    ] {
        let told = error(&moment, query).await;
        assert_eq!(told.kind(), ErrorKind::Invalid, "{query}: {told}");
    }
    let deep = format!("select {}1{}", "(".repeat(5_000), ")".repeat(5_000));
    assert_eq!(error(&moment, &deep).await.kind(), ErrorKind::Invalid);
}

#[tokio::test]
async fn json_values_are_taken_by_pointer() {
    let (moment, _) = World::shop(1).moment();
    let query = r#"select json_value(j, '/a'), json_value(j, '/b'), json_value(j, '/c/0'),
        json_value(j, '/none'), json_value(j, '/d'), json_int(j, '/b'), json_int(j, '/c/1'),
        json_number(j, '/c/1'), json_int(null, '/a')
        from (values ('{"a": "x", "b": {"y": 1}, "c": [3, 2.5], "d": null}')) t (j)"#;
    let found = [[r#"x"#, r#"{"y":1}"#, "3", "", "", "", "", "2.5", ""]];
    assert_eq!(cells(&moment, query).await, found);
    assert_eq!(cells(&moment, "select json_int('[3.0]', '/0')").await, [["3"]]);
    let names: Vec<String> = function_docs().into_iter().map(|doc| doc.name).collect();
    assert_eq!(names, ["json_int", "json_number", "json_value", "read_time"]);
}

#[test]
fn derived_features_are_checked() {
    let compiled = compiled(topology());
    let stats = &compiled.view("customer_stats").unwrap().table;
    sql().check_derived(stats).unwrap();
    let with = |text: &str| {
        let derived = vec![DerivedFeature {
            name: "broken".to_owned(),
            description: String::new(),
            value_type: ValueType::Int64,
            sql: text.to_owned(),
        }];
        sql().check_derived(&Table { derived, ..stats.clone() })
    };
    with("total_cds + 1").unwrap();
    with("total_cds / nullif(total_transactions, 0)").unwrap();
    for (text, told) in [
        ("total_cd + 1", "total_cd"),
        ("total_cds +", "broken"),
        ("random() * 2", "random() changes by itself"),
        ("date_part('epoch', now())", "now() changes by itself"),
        ("sum(total_cds)", "aggregate"),
        ("row_number() over ()", "window"),
        ("(select 1)", "broken"),
        ("total_cds + 'x' + interval '1 day'", "broken"),
        ("make_array(total_cds)", "broken"),
    ] {
        let problem = with(text).expect_err(text);
        assert!(problem.contains(told), "{text}: {problem}");
        assert!(problem.contains("broken"), "{text}: {problem}");
    }
}

/// A moment with many labels in its one data partition.
fn large(rows: u32) -> (Arc<Moment>, Arc<Reads>) {
    let (small, _) = World::shop(1).moment();
    let labels =
        headwater_fold::family::built_in_tables().into_iter().find(|t| t.name == "labels").unwrap();
    let row = |n: u32| {
        let id = Value::Text(format!("prediction-{n:09}"));
        let row = Row {
            event_source: "/test".to_owned(),
            event_id: n.to_string(),
            values: vec![Value::Text("{\"bought\":true}".to_owned()), Value::Timestamp(n.into())],
        };
        let provenance =
            Provenance { offset: headwater_event::Offset(n.into()), appended_at_ms: 0 };
        (labels.key_of("default", [&id]), row.encode(provenance))
    };
    let reads = Arc::new(Reads::default());
    let snapshot = Snapshot {
        id: PartitionId::Data(0),
        head: Head::default(),
        position: None,
        rows: Arc::new((0..rows).map(row).collect()),
        reads: Arc::clone(&reads),
    };
    let moment = Moment {
        partitions: vec![Arc::new(snapshot) as Arc<dyn PartitionRows>],
        events: Arc::clone(&small.events),
        compiled: Arc::clone(&small.compiled),
        read_time: small.read_time,
        past: Arc::new(NoPast),
    };
    (Arc::new(moment), reads)
}

#[tokio::test]
async fn memory_is_bounded() {
    let (moment, _) = large(50_000);
    let sql = Sql::new(Limits { memory_bytes_max: 1 << 20, ..Limits::default() }).unwrap();
    let query = "select label, prediction_id from labels order by observed_at desc";
    let told = batches(&sql, &moment, query).await.unwrap_err();
    assert_eq!(told.kind(), ErrorKind::Resources, "{told}");
    assert!(told.to_string().starts_with("the query needs more memory"), "{told}");
    // What streams needs none.
    let rows = batches(&sql, &moment, "select prediction_id from labels").await.unwrap();
    assert_eq!(rows.iter().map(RecordBatch::num_rows).sum::<usize>(), 50_000);
}

#[tokio::test]
async fn dropping_the_answer_stops_the_scan() {
    let (moment, reads) = large(200_000);
    let options = QueryOptions::default();
    let answer = sql().query(Arc::clone(&moment), "select * from labels", &options).await;
    let mut answer = answer.unwrap();
    let first = answer.batches.next().await.unwrap().unwrap();
    assert_eq!(first.num_rows(), 8_192);
    drop(answer);
    tokio::time::sleep(std::time::Duration::from_millis(300)).await;
    let read = reads.counts().2;
    tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    assert_eq!(reads.counts().2, read);
    assert!(read < 100_000, "{read}");
}

#[tokio::test]
async fn a_damaged_row_ends_the_answer_with_an_error() {
    let (moment, _) = large(1);
    let labels =
        headwater_fold::family::built_in_tables().into_iter().find(|t| t.name == "labels").unwrap();
    let key = labels.key_of("default", [&Value::Text("x".to_owned())]);
    let snapshot = Snapshot {
        id: PartitionId::Data(0),
        head: Head::default(),
        position: None,
        rows: Arc::new([(key, vec![1, 2, 3])].into()),
        reads: Arc::default(),
    };
    let moment = Arc::new(Moment {
        partitions: vec![Arc::new(snapshot) as Arc<dyn PartitionRows>],
        events: Arc::clone(&moment.events),
        compiled: Arc::clone(&moment.compiled),
        read_time: moment.read_time,
        past: Arc::new(NoPast),
    });
    let told = error(&moment, "select count(label) from labels").await;
    assert_eq!(told.kind(), ErrorKind::Failed);
    assert_eq!(told.to_string(), "table serving.labels, partition 0: damaged row");
}
