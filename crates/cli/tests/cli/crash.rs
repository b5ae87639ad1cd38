//! `kill -9` in the midst of work: what was told as accepted is there, and nothing is there twice.

use std::time::Duration;

use crate::{app::orders, run::on_every_log};

const EVENTS: u64 = 40_000;

on_every_log!(a_killed_server_loses_nothing, |place| {
    std::fs::write(place.path("orders.jsonl"), orders(0..EVENTS)).unwrap();
    let server = place.serve(&["--topology", "app/topology", "--partitions", "2"]);
    let producing = place
        .command(&["produce", "orders.jsonl", "--url", &server.url, "--json"])
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    std::thread::sleep(Duration::from_millis(1_200));
    let address = server.url.trim_start_matches("http://").to_owned();
    server.kill();

    // Back at the same address, the server takes what the producer sends again meanwhile.
    let server = place.serve_at(&address, &[]);
    let output = producing.wait_with_output().unwrap();
    let summary: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert!(output.status.success(), "{summary}");
    assert_eq!(summary["accepted"], EVENTS);

    // Again from the start: events that are on the log are known.
    let again = place.run(&["produce", "orders.jsonl", "--data", "data", "--json"]).ended(0);
    assert_eq!(again.json()["accepted"], EVENTS);
    let sums = "select sum(orders), sum(total) from customer_orders";
    let sql = place.run(&["sql", sums, "--data", "data", "--format", "csv"]).ended(0);
    let total = (0..EVENTS).sum::<u64>();
    let expected = format!("{EVENTS},{}.{:02}", total / 100, total % 100);
    assert_eq!(sql.out.lines().nth(1), Some(expected.as_str()));
    assert_eq!(server.terminate(), 0);
    place.run(&["replay", "verify", "--data", "data"]).ended(0);
});
