//! Sliding windows merged at the read's time, and the late events of windows that close.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "helpers of tests fail as tests do"
)]

mod support;

use headwater_topology::{Aggregate, ValueAt, ViewSource, Window};
use support::{World, cells, table, time, topology};

const DAY_MS: i64 = 86_400_000;

/// The shop with `recent`, by customer, whatever the subject, and `hourly`, by subject, which closes.
fn shop(data_partitions: u32) -> World {
    let mut declared = topology();
    let mut recent = declared.feature_views["shopper_totals"].clone();
    recent.entity = "customer".to_owned();
    let keys = vec![ValueAt::Data("/customer_id".to_owned())];
    recent.source = ViewSource::Events { event_type: "shop.purchase.made".to_owned(), keys };
    recent.window = Some(Window::Sliding { size_ms: 7 * DAY_MS, pane_ms: DAY_MS, origin_ms: 0 });
    recent.features[0].aggregate = Aggregate::CountAll;
    recent.features.truncate(1);
    recent.features[0].name = "purchases".to_owned();
    recent.features[0].value_type = headwater_topology::ValueType::Int64;
    declared.feature_views.insert("recent".to_owned(), recent);
    let mut hourly = declared.feature_views["shopper_totals"].clone();
    hourly.window = Some(Window::Tumbling { size_ms: DAY_MS / 24, origin_ms: 0 });
    hourly.lateness_ms = Some(0);
    declared.feature_views.insert("hourly".to_owned(), hourly);
    let mut world = World::new(data_partitions);
    world.raise_rules(4);
    world.declare(&declared);
    world
}

const ALL: &str = "select customer_id, window_start, window_end, purchases from recent order by 1";

#[tokio::test]
async fn a_sliding_window_ends_with_the_pane_of_the_reads_time() {
    for partitions in [1, 3] {
        let mut world = shop(partitions);
        // Of one customer from several subjects: in several partitions, if there are some.
        for (subject, day) in [("a", 23), ("b", 24), ("c", 25), ("d", 30), ("e", 30)] {
            world.purchase(subject, 7, &format!("1998-06-{day}T10:00:00Z"), 1, 1.0);
        }
        world.purchase("f", 7, "1998-07-02T00:00:00Z", 1, 1.0);
        world.purchase("g", 8, "1998-06-20T00:00:00Z", 1, 1.0);
        world.purchase("h", 9, "1998-07-01T23:00:00Z", 1, 1.0);
        let (moment, reads) = world.moment();
        assert_eq!(moment.read_time, time("1998-07-01T00:00:00Z"));
        let window = ["1998-06-25T00:00:00Z", "1998-07-02T00:00:00Z"];
        let rows = |all: &[(&str, &str)]| -> Vec<Vec<String>> {
            let row = |(customer, purchases): &(&str, &str)| {
                [*customer, window[0], window[1], *purchases].map(str::to_owned).to_vec()
            };
            all.iter().map(row).collect()
        };
        assert_eq!(cells(&moment, ALL).await, rows(&[("7", "3"), ("9", "1")]));
        // One entity is sought, and only panes of its window are read.
        let before = reads.counts().2;
        let one = "select customer_id, window_start, window_end, purchases from recent where customer_id = 7";
        assert_eq!(cells(&moment, one).await, rows(&[("7", "3")]));
        // One more in each partition finds the project.
        let read = reads.counts().2 - before;
        assert!(read <= 3 + partitions as usize, "{read} of {before}");
        let by_window = format!(
            "select count(*) from recent where customer_id = 7 and window_start = timestamp '{}'",
            window[0]
        );
        assert_eq!(cells(&moment, &by_window).await, [["1"]]);
        assert!(table(&moment, &format!("explain {ALL}")).await.contains("panes merged"));
    }
}

#[tokio::test]
async fn a_sliding_window_of_the_past_ends_then() {
    let mut world = shop(2);
    for (subject, day) in [("a", 1), ("b", 5), ("c", 9)] {
        world.purchase(subject, 7, &format!("1998-01-{day:02}T10:00:00Z"), 1, 1.0);
        world.tick(time(&format!("1998-01-{day:02}T12:00:00Z")));
    }
    let (moment, _) = world.moment();
    let at = |day: u32| {
        format!(
            "select purchases, window_end from recent for system_time as of timestamp '1998-01-{day:02}T18:00:00Z'"
        )
    };
    assert_eq!(cells(&moment, &at(5)).await, [["2", "1998-01-06T00:00:00Z"]]);
    world.tick(time("1998-01-10T00:00:00Z"));
    let (moment, _) = world.moment();
    assert_eq!(cells(&moment, &at(9)).await, [["2", "1998-01-10T00:00:00Z"]]);
    assert_eq!(cells(&moment, ALL).await, Vec::<Vec<String>>::new(), "half a year later");
}

#[tokio::test]
async fn late_events_of_all_views_are_one_table() {
    let mut world = shop(2);
    world.purchase("a", 7, "1998-01-01T10:00:00Z", 1, 1.0);
    world.tick(time("1998-01-01T12:00:00Z"));
    world.purchase("a", 7, "1998-01-01T10:30:00Z", 1, 2.0);
    world.purchase("b", 8, "1998-01-01T11:59:00Z", 1, 2.0);
    world.purchase("b", 8, "1998-01-01T12:00:00Z", 1, 2.0);
    let (moment, _) = world.moment();
    let query = "select view, subject, window_start, watermark, _event_id is not null from late_events order by subject";
    assert_eq!(
        cells(&moment, query).await,
        [
            ["hourly", "a", "1998-01-01T10:00:00Z", "1998-01-01T12:00:00Z", "true"],
            ["hourly", "b", "1998-01-01T11:00:00Z", "1998-01-01T12:00:00Z", "true"],
        ]
    );
    assert_eq!(
        cells(&moment, "select count(*) from log.late_events where project = 'x'").await,
        [["0"]]
    );
    let closed = "select shopper, closed_at, corrections, spent from hourly order by shopper";
    assert_eq!(
        cells(&moment, closed).await,
        [["a", "1998-01-01T12:00:00Z", "0", "1.0"], ["b", "", "0", "2.0"]]
    );
    let digests = "select \"table\", rows from digests where \"table\" like '%hourly#%' order by 1";
    assert_eq!(
        cells(&moment, digests).await,
        [["features.hourly#open", "1"], ["log.hourly#late", "2"]]
    );
}
