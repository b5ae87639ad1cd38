//! Every table of the past, at random moments, against a plain fold.

use std::collections::BTreeMap;

use headwater_query::QueryOptions;
use proptest::prelude::*;

use crate::model::{Fold, Pick, Step, Story, pick, steps};

const CASES: u32 = 16;
const DAY_MICROS: i64 = 86_400_000_000;

proptest! {
    #![proptest_config(ProptestConfig { cases: CASES, ..ProptestConfig::default() })]

    #[test]
    fn every_table_equals_a_plain_fold(steps in steps(), at in pick()) {
        run(&steps, &at);
    }
}

fn run(steps: &[Step], at: &Pick) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let story = Story::of(steps);
        let at = story.picked(at);
        let fold = story.fold(Some(&at.as_of));
        let options = QueryOptions { as_of: Some(at.as_of.clone()), ..QueryOptions::default() };
        for (query, wanted) in expected(&fold) {
            let past = query.replace(" PAST", &format!(" for system_time as of {}", at.text));
            assert_eq!(story.rows(&past).await, wanted, "{past}");
            let session = query.replace(" PAST", "");
            assert_eq!(story.rows_with(&session, &options).await, wanted, "{session}");
        }
    });
}

/// What each of these queries answers; `PAST` stands for the moment.
fn expected(fold: &Fold) -> Vec<(&'static str, Vec<Vec<String>>)> {
    let one = |count: usize| vec![vec![count.to_string()]];
    let named = |counts: &BTreeMap<_, usize>| -> Vec<Vec<String>> {
        let mut rows: Vec<_> = counts
            .iter()
            .map(|(id, count): (&headwater_event::PartitionId, _)| {
                vec![id.to_string(), count.to_string()]
            })
            .collect();
        rows.sort();
        rows
    };
    let lasts = fold.counts.iter().filter(|(_, count)| **count > 0);
    let lasts = lasts.map(|(id, count)| (*id, count - 1)).collect();
    let windows = fold.stats.iter().map(|(id, stats)| {
        vec![id.to_string(), stats.transactions.to_string(), stats.cds.to_string()]
    });
    let days = fold.stats.iter().map(|(id, stats)| {
        // As the feature is declared: whole seconds, then whole days, both toward zero.
        let days = (fold.read_time_micros - stats.last_micros) / DAY_MICROS;
        vec![id.to_string(), days.to_string()]
    });
    vec![
        (
            "select _partition, count(*) from events PAST group by _partition order by 1",
            named(&fold.events),
        ),
        (
            "select partition, position from log.positions PAST \
             where position is not null order by 1",
            named(&lasts),
        ),
        (
            "select rows from digests PAST where \"table\" = 'features.shopper_totals'",
            one(fold.subjects.len()),
        ),
        ("select count(*) from dead_letters PAST", one(fold.dead_letters)),
        ("select count(*) from rejections PAST", one(fold.rejections)),
        ("select count(*) from experiments PAST", one(fold.experiments.len())),
        ("select count(*) from shopper_totals PAST", one(fold.subjects.len())),
        (
            "select customer_id, sum(transactions_30d), sum(cds_30d) \
             from customer_purchases_30d PAST group by customer_id order by 1",
            windows.collect(),
        ),
        (
            "select customer_id, days_since_last_purchase from customer_stats PAST order by 1",
            days.collect(),
        ),
    ]
}

/// A moment of a table is read through its own clock, whatever the query's is.
#[tokio::test]
async fn derived_features_are_computed_at_their_own_moment() {
    let purchase = Step::Purchase { subject: 1, customer: 7, cds: 2, hour: 0 };
    let story = Story::of(&[purchase, Step::Tick { hours: 48 }, Step::Tick { hours: 48 }]);
    let days = |at: &str| format!("(select days_since_last_purchase from customer_stats {at})");
    let query = format!(
        "select {} as a, {} as b, {} as c, read_time()",
        days("for system_time as of '1997-01-02'"),
        days("for system_time as of '1997-01-04'"),
        days("")
    );
    // From 1996-06-01 on.
    let wanted = [["215", "217", "760", "1998-07-01T00:00:00Z"]];
    assert_eq!(story.rows(&query).await, wanted);
}
