//! Topics that are mapped: tried from a file, read by a server that is killed, drafted from a file.

use std::{
    fs,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use headwater_log_kafka::testing::TestBroker;
use serde_json::Value;

use crate::run::{Place, on_every_log};

/// A debug build on a busy machine is slow.
const TOLD_WAIT: Duration = Duration::from_secs(60);

fn example(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/sources").join(name)
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

#[test]
fn a_mapping_is_tried_from_a_file_on_embedded() {
    let place = Place::new(None);
    let (topology, file) =
        (example("flat").join("topology"), example("flat").join("payments.jsonl"));
    let produce = ["produce", "--source", "payments", text(&file)];
    let dry = [produce.as_slice(), &["--topology", text(&topology), "--dry-run"]].concat();
    // Two lines are no payments.
    let shown = place.run(&dry).ended(1);
    let events = shown.json_lines();
    assert_eq!(events.len(), 43);
    assert_eq!(events[0]["sourcetopic"], "payments.jsonl");
    assert_eq!(events[0]["sourceoffset"], "2");
    assert_eq!(events[0]["data"]["amount"], "24.50");
    assert!(shown.err.contains("\"passed_over\":18"), "{}", shown.err);
    assert!(!place.path("data").exists(), "nothing was sent");

    place.run(&["topology", "apply", text(&topology), "--data", "data"]).ended(0);
    let sent = [produce.as_slice(), &["--data", "data", "--json"]].concat();
    for _ in 0..2 {
        let told = place.run(&sent).ended(1).json();
        assert_eq!((&told["accepted"], &told["refused"]), (&Value::from(43), &Value::from(2)));
        let reasons: Vec<&str> = told["reasons"]
            .as_array()
            .unwrap()
            .iter()
            .map(|reason| reason["reason"].as_str().unwrap())
            .collect();
        assert_eq!(reasons, ["missing_subject", "not_json"]);
        let sql = "select sum(payments) n, sum(paid) paid from customer_payments";
        let paid = place.run(&["sql", sql, "--data", "data", "--format", "csv"]).ended(0);
        assert_eq!(paid.out, "n,paid\n42,2046.36\n", "a repeat counts once");
    }
    let misspelled = ["produce", "--source", "payment", text(&file), "--data", "data"];
    assert!(place.run(&misspelled).ended(2).err.contains("there are: payments"));
}

#[test]
fn the_change_feed_example_is_true_on_embedded() {
    let place = Place::new(None);
    let (topology, file) =
        (example("debezium").join("topology"), example("debezium").join("orders.jsonl"));
    place.run(&["topology", "apply", text(&topology), "--data", "data"]).ended(0);
    for source in ["order_changes", "order_deletions"] {
        place.run(&["produce", "--source", source, text(&file), "--data", "data"]).ended(0);
    }
    let sql = "select count(*) orders, sum(changes) changes from order_state";
    let told = place.run(&["sql", sql, "--data", "data", "--format", "csv"]).ended(0).out;
    assert_eq!(told, "orders,changes\n25,42\n");
    let sql = "select sum(deletions) deletions from order_end";
    let told = place.run(&["sql", sql, "--data", "data", "--format", "csv"]).ended(0).out;
    assert_eq!(told, "deletions\n3\n");
}

#[test]
fn a_draft_of_plain_json_goes_with_a_source_on_embedded() {
    let place = Place::new(None);
    let file = example("flat").join("payments.jsonl");
    let infer = [
        "schema",
        "infer",
        text(&file),
        "--type",
        "app.payment.seen",
        "--entity",
        "method=/method",
        "--out",
        "drafted",
    ];
    let told = place.run(&infer).ended(0).out;
    assert!(told.contains("app_payment_seen:"), "the section to add is told:\n{told}");
    // Just as it is told, but for the topic's name.
    let section: Vec<&str> = told.lines().skip_while(|line| *line != "sources:").collect();
    let section: Vec<&str> = section.into_iter().take_while(|line| !line.is_empty()).collect();
    fs::write(place.path("drafted/topology/sources.yaml"), section.join("\n")).unwrap();
    place.run(&["topology", "apply", "drafted/topology", "--data", "data"]).ended(0);
    let sent = ["produce", "--source", "app_payment_seen", text(&file), "--data", "data", "--json"];
    // One line is no JSON.
    let told = place.run(&sent).ended(1).json();
    assert_eq!((&told["accepted"], &told["refused"]), (&Value::from(62), &Value::from(1)));
}

on_every_log!(
    /// A server reads the topic, is killed twice in the middle, and every payment counts once.
    a_server_that_is_killed_reads_on,
    |place| {
        let broker = TestBroker::shared();
        let topic = format!("{}.payments", broker.log(1).name);
        let root = example("flat");
        copy(&root.join("schemas"), &place.path("flat/schemas"));
        let yaml = fs::read_to_string(root.join("topology/payments.yaml")).unwrap();
        let named = format!("topic: {topic}\n    brokers: {}\n", broker.address());
        fs::create_dir_all(place.path("flat/topology")).unwrap();
        fs::write(
            place.path("flat/topology/payments.yaml"),
            yaml.replace("topic: payments.v1\n", &named),
        )
        .unwrap();
        let lines = fs::read_to_string(root.join("payments.jsonl")).unwrap();
        let lines: Vec<String> = lines.lines().map(|line| format!("k\t{line}")).collect();
        let lines: Vec<&str> = lines.iter().map(String::as_str).collect();

        tokio::runtime::Runtime::new().unwrap().block_on(broker.make_topic(&topic, 1));
        broker.console_produce(&topic, &lines[..20], false);
        let server = place.serve(&["--topology", "flat/topology"]);
        wait_for(place, &server.url, "select count(*) > 0 n from customer_payments", "true");
        server.kill();
        broker.console_produce(&topic, &lines[20..40], false);
        let server = place.serve(&[]);
        wait_for(place, &server.url, "select next_offset n from log.sources", "40");
        broker.console_produce(&topic, &lines[40..], false);
        server.kill();
        let server = place.serve(&[]);
        wait_for(place, &server.url, "select next_offset n from log.sources", "63");
        let paid = "select sum(payments) || ' ' || sum(paid) n from customer_payments";
        wait_for(place, &server.url, paid, "42 2046.36");
        wait_for(place, &server.url, "select count(*) n from dead_letters", "2");
        let counts = "select mapped || ' ' || passed_over || ' ' || refused n from log.sources";
        wait_for(place, &server.url, counts, "43 18 2");
        let get = |path: &str| {
            reqwest::blocking::get(format!("{}/{path}", server.url)).unwrap().text().unwrap()
        };
        let status: Value = serde_json::from_str(&get("sources")).unwrap();
        assert_eq!(status["sources"][0]["source"], "payments");
        assert_eq!(status["sources"][0]["problem"], Value::Null);
        let metrics = get("metrics");
        assert!(metrics.contains("headwater_source_next_offset{source=\"payments\""), "{metrics}");
        assert!(metrics.contains("headwater_source_lag_records{source=\"payments\""), "{metrics}");
        assert_eq!(server.terminate(), 0);
        place.run(&["replay", "verify", "--data", "data"]).ended(0);
    }
);

fn wait_for(place: &Place, url: &str, sql: &str, expected: &str) {
    let started = Instant::now();
    loop {
        let told = place.run(&["sql", sql, "--url", url, "--format", "csv"]);
        if told.out == format!("n\n{expected}\n") {
            return;
        }
        let (out, err) = (told.out, told.err);
        let server = fs::read_to_string(place.path("server.err")).unwrap_or_default();
        assert!(started.elapsed() < TOLD_WAIT, "{sql}: {out}{err} is not {expected}\n{server}");
        std::thread::sleep(Duration::from_millis(200));
    }
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let to = to.join(path.file_name().unwrap());
        if path.is_dir() {
            copy(&path, &to);
        } else {
            fs::copy(&path, &to).unwrap();
        }
    }
}
