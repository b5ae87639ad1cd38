//! A server's life: from `init` to SIGTERM, with readers beside it and no second writer.

use serde_json::json;

use crate::{
    app::orders,
    run::{Place, on_every_log},
};

const COUNTS: &str = "select count(*) as customers, sum(orders) as orders from customer_orders";

on_every_log!(the_whole_way, |place| {
    let server = place.serve(&["--topology", "app/topology"]);
    let url = ["--url", server.url.as_str()];

    // The folder's server is found through server.json.
    let produced = place.run(&["produce", "app/events.jsonl", "--data", "data", "--json"]);
    let summary = produced.ended(0).json();
    assert_eq!((&summary["events"], &summary["accepted"]), (&json!(6), &json!(6)));

    // By way of the server, and read-only beside it.
    for target in [url, ["--data", "data"]] {
        let sql = place.run(&[&["sql", COUNTS, "--format", "csv"], &target[..]].concat());
        assert_eq!(sql.ended(0).out, "customers,orders\n3,6\n");
        let events = [&["events", "--type", "app.order.placed", "--json"], &target[..]].concat();
        let events = place.run(&events).ended(0).json_lines();
        assert_eq!(events.len(), 6);
        assert!(events.iter().all(|line| line["event"]["data"]["customer"].is_string()));
        let two = [&["events", "--limit", "2", "--json"], &target[..]].concat();
        assert_eq!(place.run(&two).ended(0).json_lines().len(), 2);
    }

    let of_server = place.run(&[&["digest", "--json"], &url[..]].concat()).ended(0).json();
    let of_folder = place.run(&["digest", "--data", "data", "--json"]).ended(0).json();
    let view = |digests: &serde_json::Value| {
        let views = digests.as_array().unwrap();
        views.iter().find(|view| view["view"] == "features.customer_orders").unwrap().clone()
    };
    assert_eq!(view(&of_server), view(&of_folder));
    assert_eq!(view(&of_folder)["rows"], "3");

    // Beside a server the views can be verified; what is on its way is compared once it has ended.
    let verified = place.run(&["replay", "verify", "--data", "data", "--json"]).json();
    let views = verified["views"].as_array().unwrap();
    assert!(views.iter().all(|view| view["equal"] == true), "{verified}");

    assert_eq!(server.terminate(), 0);
    assert!(!place.path("data/server.json").exists());
    place.run(&["replay", "verify", "--data", "data"]).ended(0);
    let sql = place.run(&["sql", COUNTS, "--data", "data", "--json"]).ended(0);
    assert_eq!(sql.json(), json!([{ "customers": 3, "orders": 6 }]));
});

on_every_log!(a_second_writer_is_refused, |place| {
    let server = place.serve(&[]);
    let second = place.run(&["serve", "--data", "data", "--http", "127.0.0.1:0"]).ended(3);
    assert!(second.err.contains(&server.url), "{}", second.err);
    assert!(second.err.contains("is running already"), "{}", second.err);
    place.run(&["sql", "show tables", "--data", "data"]).ended(0);
    // The first one was not disturbed.
    place.run(&["sql", "show tables", "--url", &server.url]).ended(0);
    assert_eq!(server.terminate(), 0);
});

on_every_log!(a_topology_is_applied_to_a_running_server, |place| {
    let server = place.serve(&[]);
    let refused = place.run(&["produce", "app/events.jsonl", "--data", "data", "--json"]);
    assert_eq!(refused.ended(1).json()["refused"], 6);
    place.run(&["topology", "apply", "app/topology", "--url", &server.url]).ended(0);
    place.run(&["produce", "app/events.jsonl", "--url", &server.url]).ended(0);
    // Without a topology, what was applied last holds.
    assert_eq!(server.terminate(), 0);
    let server = place.serve(&[]);
    let sql = place.run(&["sql", COUNTS, "--url", &server.url, "--format", "csv"]).ended(0);
    assert_eq!(sql.out, "customers,orders\n3,6\n");
});

on_every_log!(the_log_that_a_folder_belongs_to_is_remembered, |place| {
    let server = place.serve(&["--topology", "app/topology"]);
    place.run(&["produce", "app/events.jsonl", "--url", &server.url]).ended(0);
    assert_eq!(server.terminate(), 0);
    let other =
        ["serve", "--data", "data", "--http", "127.0.0.1:0", "--log", "kafka://127.0.0.1:1/x"];
    let refused = place.run(&other).ended(2);
    assert!(refused.err.contains("belongs to the log"), "{}", refused.err);
    // Without --log, a command without a server opens the remembered one.
    let more = place.run_with(&["produce", "--data", "data", "--json"], &orders(0..20));
    assert_eq!(more.ended(0).json()["accepted"], 20);
    let sql = place.run(&["sql", COUNTS, "--data", "data", "--format", "csv"]).ended(0);
    assert_eq!(sql.out, "customers,orders\n10,26\n");
});

on_every_log!(following_shows_what_comes, |place| {
    let server = place.serve(&["--topology", "app/topology"]);
    let follow = |target: &[&str]| {
        let args = [&["events", "--from", "end", "--follow", "--limit", "1", "--json"], target];
        let mut command =
            place.command(&[&args.concat()[..], &["--type", "app.order.placed"]].concat());
        command.stdout(std::process::Stdio::piped()).spawn().unwrap()
    };
    let of_server = follow(&["--url", &server.url]);
    let of_folder = follow(&["--data", "data"]);
    // Until both have found the log's end.
    std::thread::sleep(std::time::Duration::from_secs(5));
    place.run(&["produce", "app/events.jsonl", "--data", "data"]).ended(0);
    for child in [of_server, of_folder] {
        let out = child.wait_with_output().unwrap();
        assert!(out.status.success());
        let line: serde_json::Value = serde_json::from_slice(&out.stdout).unwrap();
        assert_eq!(line["event"]["type"], "app.order.placed");
    }
});

#[test]
fn a_free_port_and_addresses_are_told_as_json() {
    let place = Place::new(None);
    let server = place.serve(&["--clock", "given", "--opened-at", "1997-01-01T00:00:00Z"]);
    assert!(!server.url.ends_with(":0"), "{}", server.url);
    let query = "select distinct clock_time from positions where clock_time is not null";
    let sql = place.run(&["sql", query, "--data", "data", "--format", "csv"]).ended(0);
    assert_eq!(sql.out, "clock_time\n1997-01-01T00:00:00Z\n");
}
