//! Every shape of query, at random moments of random logs, against a plain fold.

use headwater_query::QueryOptions;
use proptest::prelude::*;
use serde_json::json;

use crate::model::{Fold, Pick, Picked, Step, Story, pick, steps};

/// So many random logs: each is asked some twenty queries.
const CASES: u32 = 24;

proptest! {
    #![proptest_config(ProptestConfig { cases: CASES, ..ProptestConfig::default() })]

    #[test]
    fn every_shape_equals_a_plain_fold(steps in steps(), a in pick(), b in pick()) {
        run(&steps, &a, &b);
    }
}

/// Moments at the edges, which random ones seldom hit.
#[test]
fn the_first_and_the_last_moment_equal_a_plain_fold() {
    let purchase = |customer| Step::Purchase { subject: 1, customer, cds: 2, hour: 5 };
    let steps = [purchase(1), Step::Tick { hours: 5 }, purchase(2), Step::Tick { hours: 5 }];
    let edge = |share| Pick::Time { share, form: 0 };
    run(&steps, &edge(0.0), &edge(1.0));
    let places = |share| Pick::Positions { shares: [share; 3], named: [true; 2], quoted: false };
    run(&steps, &places(0.0), &places(1.0));
    // A moment compared with itself.
    run(&steps, &edge(0.5), &edge(0.5));
}

fn run(steps: &[Step], a: &Pick, b: &Pick) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let story = Story::of(steps);
        let (a, b) = (story.picked(a), story.picked(b));
        let folds = Folds {
            a: story.fold(Some(&a.as_of)),
            b: story.fold(Some(&b.as_of)),
            now: story.fold(None),
        };
        single(&story, &a, &folds).await;
        joins(&story, &a, &b, &folds).await;
        subqueries(&story, &a, &b, &folds).await;
        sets(&story, &a, &b, &folds).await;
        sessions(&story, &a, &b, &folds).await;
    });
}

/// What is there at the one moment, at the other one, and now.
struct Folds {
    a: Fold,
    b: Fold,
    now: Fold,
}

async fn single(story: &Story, a: &Picked, folds: &Folds) {
    let (at, cds) = (&a.text, folds.a.cds());
    for query in [
        format!(
            "select customer_id, total_cds from customer_stats for system_time as of {at} order by 1"
        ),
        format!(
            "select c.customer_id, c.total_cds from features.customer_stats for system_time as of {at} \
             as c where c.total_cds > 0 order by 1"
        ),
        format!(
            "with past as (select * from customer_stats for system_time as of {at}) \
             select customer_id, total_cds from past order by 1"
        ),
        format!(
            "with customer_stats as (select * from customer_stats for system_time as of {at}) \
             select customer_id, total_cds from customer_stats order by 1"
        ),
        format!(
            "select customer_id, cds from (select customer_id, total_cds from customer_stats \
             for system_time as of {at}) as past (customer_id, cds) order by 1"
        ),
    ] {
        assert_eq!(story.rows(&query).await, cds, "{query}");
    }
    let query = format!(
        "select customer_id, total_cds from customer_stats for system_time as of {at} \
         where customer_id >= $1 order by 1"
    );
    let options = QueryOptions { parameters: vec![json!(3)], ..QueryOptions::default() };
    let wanted: Vec<_> =
        cds.into_iter().filter(|row| row[0].parse::<i64>().unwrap() >= 3).collect();
    assert_eq!(story.rows_with(&query, &options).await, wanted, "{query}");
}

async fn joins(story: &Story, a: &Picked, b: &Picked, folds: &Folds) {
    let (at, other) = (&a.text, &b.text);
    let query = format!(
        "select x.customer_id, x.total_cds, y.total_cds, z.total_cds \
         from customer_stats x \
         left join customer_stats for system_time as of {at} y using (customer_id) \
         left join customer_stats for system_time as of {other} as z on z.customer_id = x.customer_id \
         order by 1"
    );
    let wanted = folds.now.stats.keys().map(|id| {
        vec![id.to_string(), folds.now.cds_of(*id), folds.a.cds_of(*id), folds.b.cds_of(*id)]
    });
    assert_eq!(story.rows(&query).await, wanted.collect::<Vec<_>>(), "{query}");
    let query = format!(
        "select count(*) from customer_stats for system_time as of {at} x \
         join customer_stats for system_time as of {at} y on x.customer_id < y.customer_id"
    );
    let customers = folds.a.stats.len();
    let pairs = customers * customers.saturating_sub(1) / 2;
    assert_eq!(story.rows(&query).await, [[pairs.to_string()]], "{query}");
}

async fn subqueries(story: &Story, a: &Picked, b: &Picked, folds: &Folds) {
    let (at, other) = (&a.text, &b.text);
    let sum = |version: &str| {
        format!("(select coalesce(sum(total_cds), 0) from customer_stats {version})")
    };
    let past = sum(&format!("for system_time as of {at}"));
    let between = sum(&format!("for system_time as of {other}"));
    let query =
        format!("select {past} - {} as a, {past} - {between} as b, {past} - {past} as c", sum(""));
    let (was, is, then) = (folds.a.total(), folds.now.total(), folds.b.total());
    let wanted = [[(was - is).to_string(), (was - then).to_string(), "0".to_owned()]];
    assert_eq!(story.rows(&query).await, wanted, "{query}");

    let query = format!(
        "select c.customer_id, (select max(p.total_cds) from customer_stats for system_time as of {at} p \
         where p.customer_id = c.customer_id) from customer_stats c order by 1"
    );
    let wanted = folds.now.stats.keys().map(|id| vec![id.to_string(), folds.a.cds_of(*id)]);
    assert_eq!(story.rows(&query).await, wanted.collect::<Vec<_>>(), "{query}");

    let query = format!(
        "select customer_id from customer_stats for system_time as of {at} c \
         where not exists (select 1 from customer_stats for system_time as of {other} p \
         where p.customer_id = c.customer_id) \
         and customer_id in (select customer_id from customer_stats) order by 1"
    );
    let fresh = folds.a.stats.keys().filter(|id| !folds.b.stats.contains_key(id));
    let wanted: Vec<_> = fresh.map(|id| vec![id.to_string()]).collect();
    assert_eq!(story.rows(&query).await, wanted, "{query}");
}

async fn sets(story: &Story, a: &Picked, b: &Picked, folds: &Folds) {
    let past = |at: &str| {
        format!("select customer_id, total_cds from customer_stats for system_time as of {at}")
    };
    let (first, second) = (past(&a.text), past(&b.text));
    let (in_a, in_b) = (folds.a.cds(), folds.b.cds());
    let mut all: Vec<_> = in_a.iter().chain(&in_b).cloned().collect();
    all.sort();
    let mut each = all.clone();
    each.dedup();
    let without: Vec<_> = in_a.iter().filter(|row| !in_b.contains(row)).cloned().collect();
    let both: Vec<_> = in_a.iter().filter(|row| in_b.contains(row)).cloned().collect();
    for (set, wanted) in
        [("union all", all), ("union", each), ("except", without), ("intersect", both)]
    {
        let query = format!("{first} {set} {second}");
        let mut found = story.rows(&query).await;
        found.sort();
        assert_eq!(found, wanted, "{query}");
    }
    let present = "select customer_id, total_cds from customer_stats";
    let query = format!("{present} except {first}");
    let mut found = story.rows(&query).await;
    found.sort();
    let changed = folds.now.cds().into_iter().filter(|row| !in_a.contains(row));
    assert_eq!(found, changed.collect::<Vec<_>>(), "{query}");
}

async fn sessions(story: &Story, a: &Picked, b: &Picked, folds: &Folds) {
    let query = "select customer_id, total_cds from customer_stats order by 1";
    let options = QueryOptions { as_of: Some(a.as_of.clone()), ..QueryOptions::default() };
    assert_eq!(story.rows_with(query, &options).await, folds.a.cds());
    let set = format!("set headwater.as_of = {}; {query}", a.text);
    assert_eq!(story.rows(&set).await, folds.a.cds(), "{set}");
    // A table's own moment goes before the session's.
    let own = format!(
        "select x.customer_id, x.total_cds from customer_stats for system_time as of '{}' x order by 1",
        b.as_of
    );
    assert_eq!(story.rows_with(&own, &options).await, folds.b.cds(), "{own}");
}
