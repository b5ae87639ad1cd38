//! `--as-of`: what a moment showed when it was now, it shows ever after, through a server and without.

use std::time::{Duration, Instant};

use serde_json::Value;

use crate::{
    app::orders,
    run::{Place, on_every_log},
};

const ORDERS: &str = "select customer, orders, total from customer_orders order by customer";
/// After this long without a record no tick is due, so that the log stands still.
const STILL_WAIT: Duration = Duration::from_secs(30);

/// What a moment showed when it was now.
struct Seen {
    positions: String,
    orders: Value,
    digests: Value,
    events: Vec<Value>,
}

impl Seen {
    /// What is there now, at one vector of positions.
    fn now(place: &Place) -> Self {
        let started = Instant::now();
        loop {
            let before = positions(place);
            let orders = place.run(&["sql", "--json", ORDERS, "--data", "data"]).ended(0).json();
            let digests = place.run(&["digest", "--json", "--data", "data"]).ended(0).json();
            let events = place.run(&["events", "--json", "--data", "data"]).ended(0).json_lines();
            if before == positions(place) {
                return Self { positions: before, orders, digests, events };
            }
            assert!(started.elapsed() < STILL_WAIT, "the log does not stand still");
        }
    }

    /// Reads the same as of this moment.
    fn check(&self, place: &Place, target: &[&str], as_of: &str) {
        let run = |args: &[&str]| place.run(&[args, target].concat()).ended(0);
        let orders = run(&["sql", "--json", "--as-of", as_of, ORDERS]).json();
        assert_eq!(orders, self.orders, "{target:?}");
        let digests = run(&["digest", "--json", "--as-of", as_of]).json();
        assert_eq!(digests, self.digests, "{target:?}");
        let events = run(&["events", "--json", "--as-of", as_of]).json_lines();
        assert_eq!(events, self.events, "{target:?}");
        let query =
            ORDERS.replace(" order by", &format!(" for system_time as of '{as_of}' order by"));
        assert_eq!(run(&["sql", "--json", &query]).json(), self.orders, "{target:?}");
        let query = format!("set headwater.as_of = '{as_of}'; {ORDERS}");
        assert_eq!(run(&["sql", "--json", &query]).json(), self.orders, "{target:?}");
    }
}

/// `control:7,0:123,1:88`
fn positions(place: &Place) -> String {
    let query =
        "select partition, position from positions order by partition = 'control' desc, partition";
    let rows = place.run(&["sql", "--json", query, "--data", "data"]).ended(0).json();
    let row =
        |row: &Value| Some(format!("{}:{}", row["partition"].as_str()?, row["position"].as_u64()?));
    rows.as_array().unwrap().iter().filter_map(row).collect::<Vec<_>>().join(",")
}

on_every_log!(what_a_moment_showed_it_shows_ever_after, |place| {
    let server = place.serve(&["--topology", "app/topology", "--partitions", "2"]);
    let url = server.url.clone();
    place.run_with(&["produce", "--data", "data"], &orders(0..20)).ended(0);
    let first = Seen::now(place);
    place.run_with(&["produce", "--data", "data"], &orders(20..50)).ended(0);
    let second = Seen::now(place);
    assert_ne!(first.orders, second.orders);
    place.run_with(&["produce", "--data", "data"], &orders(50..60)).ended(0);
    for target in [["--data", "data"], ["--url", &url]] {
        first.check(place, &target, &first.positions);
        second.check(place, &target, &second.positions);
        let between = format!(
            "select sum(b.orders) - sum(a.orders) as more \
             from customer_orders for system_time as of position('{}') a \
             join customer_orders for system_time as of position('{}') b using (customer)",
            first.positions, second.positions
        );
        let told = place.run(&[&["sql", &between], &target[..]].concat()).ended(0);
        assert!(told.out.contains("30"), "{}", told.out);
        for positions in [&first.positions, &second.positions] {
            let line = format!("as of {positions}: {positions}\n");
            assert!(told.err.contains(&line), "{}", told.err);
        }
    }
    assert_eq!(server.terminate(), 0);
    first.check(place, &["--data", "data"], &first.positions);
});

on_every_log!(a_time_is_everything_before_the_first_tick_later_than_it, |place| {
    let server = place.serve(&["--topology", "app/topology", "--partitions", "2"]);
    let produce = |numbers| {
        place.run_with(&["produce", "--data", "data"], &orders(numbers)).ended(0);
    };
    let counted = |as_of: &str, query: &str| {
        let args = ["sql", "--json", "--as-of", as_of, query, "--data", "data"];
        place.run(&args).ended(0).json()[0]["n"].clone()
    };
    produce(0..20);
    let first = ticked_after(place, "");
    // The log's time is still that of the tick.
    produce(20..30);
    let second = ticked_after(place, &first);
    produce(30..40);
    let count = "select sum(orders) as n from customer_orders";
    assert_eq!(counted(&first, count), 30);
    let until = format!("select count(*) as n from positions where clock_time > '{first}'");
    assert_eq!(counted(&first, &until), 0);
    // Where that was, is told: a position, which answers the same.
    let told = place.run(&["sql", "--as-of", &first, count, "--data", "data"]).ended(0).err;
    let positions = told.split(&format!("as of {first}: ")).nth(1).unwrap().trim().to_owned();
    assert_eq!(counted(&positions, count), 30);
    let from_server = place.run(&["sql", "--as-of", &first, count, "--url", &server.url]).ended(0);
    assert!(from_server.err.contains(&format!("as of {first}: {positions}\n")), "{told}");
    let third = ticked_after(place, &second);
    assert_eq!(counted(&third, count), 40);
    assert_eq!(counted(&first, count), 30);
});

/// The log's time in every partition, once it is later than this.
fn ticked_after(place: &Place, time: &str) -> String {
    let query = "select max(clock_time) as t, min(clock_n) as least, max(clock_n) as most \
                 from positions";
    let started = Instant::now();
    loop {
        let rows = place.run(&["sql", "--json", query, "--data", "data"]).ended(0).json();
        let all = rows[0]["least"] == rows[0]["most"] && rows[0]["least"] != 0;
        match rows[0]["t"].as_str() {
            Some(found) if found > time && all => return found.to_owned(),
            _ => assert!(started.elapsed() < STILL_WAIT, "no tick came: {rows}"),
        }
    }
}

on_every_log!(a_moment_that_is_none_is_misuse, |place| {
    let server = place.serve(&["--topology", "app/topology", "--partitions", "2"]);
    for target in [["--data", "data"], ["--url", &server.url]] {
        for (as_of, told) in [
            ("noon", "\"noon\" is no moment: write a time as in"),
            ("2999-01-01", "is in the future: valid is"),
            ("1970-01-01", "is before this log's start: valid is"),
            ("0:999999", "is past the end of partition 0"),
            ("7:0", "there is no partition 7; there are control, 0, 1"),
        ] {
            for command in [&["sql", "select 1"][..], &["digest"], &["events"]] {
                let args = [command, &["--as-of", as_of], &target].concat();
                let refused = place.run(&args).ended(2);
                assert!(refused.err.contains(told), "{args:?}: {}", refused.err);
            }
        }
        let args = [&["events", "--as-of", "control:0", "--follow"], &target[..]].concat();
        place.run(&args).ended(2);
        let none = "select * from customer_orders for system_time as of position('control:0')";
        let refused = place.run(&[&["sql", none], &target[..]].concat()).ended(2);
        let told = "there is no table customer_orders as of control:0";
        assert!(refused.err.contains(told), "{}", refused.err);
    }
});
