//! What no moment is, and what has none, is refused and never answered as of another one.

use std::sync::Arc;

use headwater_query::{ErrorKind, QueryOptions};

use crate::{
    model::{Step, Story},
    support::{cells_of, error, sql},
};

fn story() -> Story {
    let purchase = |customer| Step::Purchase { subject: 1, customer, cds: 2, hour: 5 };
    Story::of(&[purchase(1), Step::Tick { hours: 24 }, purchase(2), Step::Tick { hours: 24 }])
}

async fn refused(queries: &[(&str, &str)]) {
    let story = story();
    for (query, told) in queries {
        let found = error(&story.now, query).await;
        assert_eq!(found.kind(), ErrorKind::Invalid, "{query}: {found}");
        assert!(found.to_string().contains(told), "{query}: {found}");
    }
}

#[tokio::test]
async fn what_names_no_moment() {
    refused(&[
        ("select * from runs for system_time as of 'noon'", "\"noon\" is no moment: write a time"),
        ("select * from runs for system_time as of ''", "is no moment"),
        ("select * from runs for system_time as of 5", "this is Int64"),
        ("select * from runs for system_time as of null", "this is null"),
        ("select * from runs for system_time as of interval '1 day'", "this is Interval"),
        ("select * from runs for system_time as of timestamp 'noon'", "AS OF"),
        ("select * from runs for system_time as of position(5)", "position() takes one text"),
        ("select * from runs for system_time as of position('1997-01-01')", "is no moment"),
        ("select * from runs for system_time as of position('0:1,0:2')", "is no moment"),
        ("select * from runs for system_time as of position('0:1', '1:1')", "AS OF"),
        ("select * from runs for system_time as of position('1' in '123')", "this is Int"),
        ("select * from runs for system_time as of nope(1)", "nope"),
    ])
    .await;
}

#[tokio::test]
async fn what_differs_from_row_to_row() {
    refused(&[
        ("select * from runs for system_time as of started_at", "this has the column started_at"),
        (
            "select * from runs r, events for system_time as of r.started_at e",
            "this has the column r.started_at",
        ),
        ("select * from runs for system_time as of (select max(time) from events)", "a subquery"),
        (
            "select * from runs r where exists (select 1 from params for system_time as of \
             r.started_at p where p.run_id = r.run_id)",
            "this has the column r.started_at",
        ),
        ("select * from runs for system_time as of now() - random() * interval '1 day'", "AS OF"),
        ("select * from runs for system_time as of $1", "no value before the query runs"),
        ("select * from runs for system_time as of max(now())", "AS OF"),
    ])
    .await;
}

#[tokio::test]
async fn what_is_outside_the_log() {
    refused(&[
        (
            "select * from runs for system_time as of '1990-01-01'",
            "as of 1990-01-01T00:00:00Z is before this log's start; valid: 1997-01-01T00:00:00Z to \
             1997-01-03T00:00:00Z",
        ),
        (
            "select * from runs for system_time as of now() + interval '100 years'",
            "as of 2098-07-01T00:00:00Z is past this log's end; valid: 1997-01-01T00:00:00Z to",
        ),
        ("set headwater.as_of = '2098-01-01'; select 1", "is past this log's end"),
        (
            "select * from runs for system_time as of position('control:999999')",
            "as of control:999999 is past the end of partition control; valid: 0 to",
        ),
        (
            "select * from runs for system_time as of position('control:1,7:0')",
            "there is no partition 7; there are control, 0, 1",
        ),
        (
            "select * from runs for system_time as of arrow_cast(400000000000, 'Timestamp(Second, None)')",
            "outside the years 0 to 9999",
        ),
    ])
    .await;
    let told = "12345-01-01".parse::<headwater_query::AsOf>();
    assert!(told.is_err());
}

#[tokio::test]
async fn what_has_no_versions() {
    refused(&[
        (
            "with x as (select 1) select * from x for system_time as of '1997-01-02'",
            "AS OF is for tables, and x is a subquery named by WITH",
        ),
        (
            "with runs as (select 1 as a) select * from runs for system_time as of '1997-01-02'",
            "runs is a subquery named by WITH",
        ),
        (
            "with runs as (select * from runs) select * from (select * from runs for system_time as of \
             '1997-01-02') y",
            "runs is a subquery named by WITH",
        ),
        (
            "with customer_stats as (select * from customer_stats) \
             select * from customer_stats for system_time as of '1997-01-02'",
            "customer_stats is a subquery named by WITH",
        ),
        (
            "with recursive runs as (select * from tracking.runs union all \
             select * from runs for system_time as of '1997-01-02') select * from runs",
            "runs is a subquery named by WITH",
        ),
        (
            "select * from information_schema.tables for system_time as of '1997-01-02'",
            "AS OF is for tables that events write, information_schema.tables is not",
        ),
        (
            "select * from log.storage for system_time as of '1997-01-02'",
            "log.storage is measured when it is read: leave AS OF out",
        ),
        (
            "select * from generate_series for system_time as of '1997-01-02' (1, 2)",
            "generate_series is a function",
        ),
        (
            "select * from generate_series(1, 2) for system_time as of '1997-01-02'",
            "FOR SYSTEM_TIME AS OF stands right behind a table's name",
        ),
        (
            "select * from (select 1) for system_time as of '1997-01-02'",
            "FOR SYSTEM_TIME AS OF stands right behind a table's name",
        ),
        (
            "select * from runs r for system_time as of '1997-01-02'",
            "FOR SYSTEM_TIME AS OF stands right behind a table's name, before its alias",
        ),
        (
            "select * from unnest([1]) for system_time as of '1997-01-02'",
            "FOR SYSTEM_TIME AS OF stands right behind a table's name",
        ),
        ("select * from runs version as of 3", "write runs FOR SYSTEM_TIME AS OF"),
        ("select * from runs timestamp as of '1997-01-02'", "write runs FOR SYSTEM_TIME AS OF"),
        ("select * from runs at(timestamp => '1997-01-02')", "write runs FOR SYSTEM_TIME AS OF"),
        ("describe runs for system_time as of '1997-01-02'", "Expected: end of statement"),
        ("select * from runs for system_time between '1997-01-01' and '1997-01-02'", "SYSTEM_TIME"),
    ])
    .await;
}

/// Wherever a version may stand in a statement, it is answered as the same query is whose whole session
/// is at that moment; what has no answer there has none here.
#[tokio::test]
async fn no_version_is_passed_over() {
    let story = story();
    let one = "(select count(*) from PAST)";
    let mut answered = 0;
    for query in [
        "select ONE",
        "values (ONE)",
        "select 1 where ONE = 1",
        "select 1 having ONE = 1",
        "select 1 order by ONE",
        "select case when ONE = 1 then 1 else ONE end",
        "select sum(ONE) over ()",
        "select coalesce(ONE, 0) from experiments group by ONE",
        "select count(*) filter (where customer_id <= ONE) from PAST",
        "select 1 from customer_scores right join PAST on ONE = 1",
        "select 1 from (values (1), (2)) as v limit ONE",
        "with a as (select ONE as n), b as (select * from PAST) select n, total_cds from a, b",
        "with unused as (select * from PAST) select 1",
        "with recursive r as (select 1 as n union all select n + 1 from r where n < 1 + ONE) \
         select * from r order by n",
        "select distinct on (ONE) 1",
        "select array(select customer_id from PAST)",
        "select 1 in (select customer_id from PAST)",
        "select 2 = any (select customer_id from PAST)",
        "select exists (select 1 from PAST where customer_id = 2)",
        "select * from (values (ONE)) v",
        "select * from PAST pivot (sum(total_cds) for customer_id in (1)) p",
        "select count(*) from (experiments right join PAST on true)",
        "select * from (values (1)) as v, lateral (select count(*) from PAST) x",
        "select * from unnest([ONE])",
        "select * from generate_series(1, ONE)",
        "show columns from runs like ONE",
        "table PAST",
        "select count(*) from PAST union all select count(*) from PAST",
        "select (select ONE)",
        "select count(*) from PAST where customer_id in (select customer_id from PAST)",
        "select max(n) from (select row_number() over (order by customer_id) as n from PAST)",
    ] {
        let query = query.replace("ONE", one);
        let past = query.replace("PAST", "customer_stats for system_time as of '1997-01-01'");
        let session = QueryOptions { as_of: "1997-01-01".parse().ok(), ..QueryOptions::default() };
        let session = rows(&story, &query.replace("PAST", "customer_stats"), &session).await;
        let found = rows(&story, &past, &QueryOptions::default()).await;
        answered += usize::from(found.is_some());
        assert_eq!(found, session, "{past}");
        for explain in ["explain", "explain analyze verbose"] {
            let _ = rows(&story, &format!("{explain} {past}"), &QueryOptions::default()).await;
        }
    }
    assert!(answered >= 19, "most shapes are answered: {answered}");
}

/// The answer, if there is one; then it must tell the one moment, unless all tables are at it.
async fn rows(story: &Story, query: &str, options: &QueryOptions) -> Option<Vec<Vec<String>>> {
    let answer = sql().query(Arc::clone(&story.now), query, options).await.ok()?;
    assert_eq!(answer.versions.len(), usize::from(options.as_of.is_none()), "{query}");
    Some(cells_of(&answer.collect().await.ok()?))
}
