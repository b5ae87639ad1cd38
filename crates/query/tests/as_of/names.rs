//! Columns, stars, descriptions and plans of tables of the past.

use headwater_event::PartitionId;
use headwater_query::{AsOf, Limits, QueryOptions, Sql};

use crate::{
    model::{Step, Story},
    support::{batches_with, error, sql},
};

fn story() -> Story {
    let purchase = |customer| Step::Purchase { subject: 1, customer, cds: 2, hour: 5 };
    Story::of(&[purchase(1), Step::Tick { hours: 24 }, purchase(2), Step::Tick { hours: 24 }])
}

async fn columns(story: &Story, query: &str) -> Vec<String> {
    let options = QueryOptions::default();
    let answer = sql().query(std::sync::Arc::clone(&story.now), query, &options).await.unwrap();
    answer.schema.fields().iter().map(|field| field.name().clone()).collect()
}

#[tokio::test]
async fn columns_are_named_as_those_of_now() {
    let story = story();
    for query in [
        "select sum(total_cds), max(customer_stats.total_cds) + 1 from customer_stats PAST",
        "select * from customer_stats PAST",
        "select customer_stats.* from customer_stats PAST",
        "select c.*, c.total_cds as cds from customer_stats PAST as c",
        "select features.customer_stats.total_cds from features.customer_stats PAST",
        "select customer_stats.total_cds from features.customer_stats PAST",
        "select a, b from digests PAST as g (a, b, c, d, e, f)",
        "select * from runs PAST join params using (run_id)",
        "select headwater.tracking.runs.run_id from headwater.tracking.runs PAST",
        "select \"Runs\".run_id from runs PAST as \"Runs\"",
        "select count(*) over (partition by type) from log.events PAST",
        "select * from log.positions PAST",
    ] {
        let past = query.replace(" PAST", " for system_time as of '1997-01-02'");
        let now = query.replace(" PAST", "");
        assert_eq!(columns(&story, &past).await, columns(&story, &now).await, "{past}");
    }
}

#[tokio::test]
async fn a_plan_tells_the_moments_that_are_read() {
    let story = story();
    let past = "from customer_stats for system_time as of '1997-01-02'";
    let query =
        format!("explain select total_cds {past} union all select total_cds from customer_stats");
    let plan = format!("{:?}", story.rows(&query).await);
    assert!(plan.contains("features.customer_stats@1997-01-02T00:00:00Z, columns="), "{plan}");
    assert!(plan.contains("HeadwaterScan: features.customer_stats, columns="), "{plan}");
    let events = "explain select id from events for system_time as of position('control:0')";
    let plan = format!("{:?}", story.rows(events).await);
    assert!(plan.contains("log.events@control:0, columns=[id], ranges=[control: 0..1"), "{plan}");
    let run =
        format!("explain analyze select * {past} where customer_id = 1 and project = 'default'");
    let plan = format!("{:?}", story.rows(&run).await);
    assert!(plan.contains("seeks=1 by 1 key columns"), "keys are sought in the past, too: {plan}");
}

#[tokio::test]
async fn names_that_are_not_there_yet_are_told() {
    let story = story();
    let before = "select * from customer_stats for system_time as of position('control:0')";
    assert_eq!(
        error(&story.now, before).await.to_string(),
        "there is no table customer_stats as of control:0"
    );
    let near = error(&story.now, "select * from runz for system_time as of '1997-01-02'").await;
    assert_eq!(
        near.to_string(),
        "there is no table runz as of 1997-01-02T00:00:00Z (did you mean tracking.runs?)"
    );
    let options = QueryOptions { as_of: "control:0".parse().ok(), ..QueryOptions::default() };
    let names =
        "select count(*) from information_schema.tables where table_name = 'customer_stats'";
    assert_eq!(story.rows_with(names, &options).await, [["0"]]);
    assert_eq!(story.rows(names).await, [["1"]]);
    let listed = story.rows_with("show tables from log", &options).await;
    assert!(listed.iter().any(|row| row[1] == "positions"), "{listed:?}");
}

#[tokio::test]
async fn an_answer_tells_every_position_that_it_saw() {
    let story = story();
    let query = "select 1 from runs a, runs for system_time as of '1997-01-02' b, \
                 runs for system_time as of '1997-01-02 00:00' c, \
                 runs for system_time as of position('control:3,0:0,1:0') d";
    let options = QueryOptions { as_of: "1997-01-03".parse().ok(), ..QueryOptions::default() };
    let answer = sql().query(std::sync::Arc::clone(&story.now), query, &options).await.unwrap();
    assert_eq!(answer.as_of, options.as_of);
    let at = |text: &str| {
        let counts = story.history.counts(&text.parse().unwrap()).unwrap();
        crate::support::past::positions(&counts)
    };
    assert_eq!(answer.positions, at("1997-01-03"));
    let versions: Vec<(String, _)> =
        answer.versions.into_iter().map(|(as_of, at)| (as_of.to_string(), at)).collect();
    assert_eq!(
        versions,
        [
            ("1997-01-02T00:00:00Z".to_owned(), at("1997-01-02")),
            ("control:3,0:0,1:0".to_owned(), at("control:3,0:0,1:0")),
        ]
    );
    // The positions told are a moment that answers the same.
    let again = AsOf::Positions(at("1997-01-03"));
    let count = "select count(*) from events";
    let by_time = story.rows_with(count, &options).await;
    let options = QueryOptions { as_of: Some(again), ..QueryOptions::default() };
    assert_eq!(story.rows_with(count, &options).await, by_time);
    assert!(story.now.positions()[&PartitionId::Control] > at("1997-01-02")[&PartitionId::Control]);
}

#[tokio::test]
async fn the_moments_of_a_query_are_bounded() {
    let story = story();
    let limits = Limits { moments_max: 2, ..Limits::default() };
    let sql = Sql::new(limits).unwrap();
    let past = |hour: u32| {
        format!("(select count(*) from runs for system_time as of '1997-01-01 0{hour}:00')")
    };
    let two = format!("select {} as a, {} as b, {} as c", past(1), past(2), past(2));
    let options = QueryOptions::default();
    batches_with(&sql, &story.now, &two, &options).await.unwrap();
    let three = format!("select {} as a, {} as b, {} as c", past(1), past(2), past(3));
    let told = batches_with(&sql, &story.now, &three, &options).await.unwrap_err();
    assert_eq!(told.to_string(), "the query asks for 3 moments, the limit is 2: split it");
}
