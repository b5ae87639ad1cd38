//! `headwater topology check`: every problem with its place.

use std::fs;

use crate::{
    app::orders,
    run::{Place, on_every_log},
};

#[test]
fn a_sound_topology_is_told_as_a_table() {
    let place = Place::new(None);
    let told = place.run(&["topology", "check", "app/topology"]).ended(0);
    assert!(told.out.contains("customer_orders"), "{}", told.out);
    let json = place.run(&["topology", "check", "app/topology", "--json"]).ended(0).json();
    assert_eq!(json["ok"], true);
}

#[test]
fn all_problems_are_told_at_once() {
    let place = Place::new(None);
    let file = place.path("app/topology/app.yaml");
    let text = fs::read_to_string(&file).unwrap();
    let text = text.replace("sum: /total", "sum: /totl").replace("customer_orders:", "events:");
    fs::write(&file, &text).unwrap();
    let told = place.run(&["topology", "check", "app/topology", "--json"]).ended(1).json();
    let problems = told["problems"].as_array().unwrap();
    let messages: Vec<_> = problems.iter().map(|p| p["message"].as_str().unwrap()).collect();
    assert!(messages.iter().any(|message| message.contains("log.events")), "{messages:?}");
    for taken in ["positions", "digests", "storage"] {
        let named = text.replace("events:\n    description", &format!("{taken}:\n    description"));
        assert_ne!(named, text);
        fs::write(&file, named).unwrap();
        let told = place.run(&["topology", "check", "app/topology"]).ended(1).out;
        assert!(told.contains(&format!("log.{taken}")), "{taken}: {told}");
    }
    fs::write(&file, &text).unwrap();
    assert!(messages.iter().any(|message| message.contains("totl")), "{messages:?}");
    assert!(problems.iter().all(|problem| problem["file"] == "topology/app.yaml"));
    // A server does not start with it.
    let args = ["serve", "--data", "data", "--topology", "app/topology", "--http", "127.0.0.1:0"];
    let refused = place.run(&args).ended(1);
    assert!(refused.out.contains("topology/app.yaml:"), "{}", refused.out);
}

#[test]
fn sql_and_samples_are_checked_too() {
    let place = Place::new(None);
    let file = place.path("app/topology/app.yaml");
    let text = fs::read_to_string(&file).unwrap().replace("last_order_at)", "last_ordr_at)");
    fs::write(&file, &text).unwrap();
    let sample = place.path("app/schemas/app.order.placed/v1.sample.json");
    let event = fs::read_to_string(&sample).unwrap().replace("12.5", "-12.5");
    fs::write(&sample, event).unwrap();
    let told = place.run(&["topology", "check", "app/topology"]).ended(1).out;
    let line = 1 + text.lines().position(|line| line.contains("days_since")).unwrap();
    assert!(told.contains(&format!("topology/app.yaml:{line}:7: ")), "{told}");
    assert!(told.contains("last_ordr_at"), "{told}");
    assert!(told.contains("schemas/app.order.placed/v1.sample.json:1:1: "), "{told}");
}

on_every_log!(a_schema_that_was_applied_goes_on_taking_what_it_took, |place| {
    place.run(&["topology", "apply", "app/topology", "--data", "data"]).ended(0);
    place.run_with(&["produce", "--data", "data"], &orders(0..5)).ended(0);
    let check = ["topology", "check", "app/topology", "--data", "data"];
    place.run(&check).ended(0);
    // Every event so far is without it.
    let schema = place.path("app/schemas/app.order.placed/v1.json");
    let before = fs::read_to_string(&schema).unwrap();
    let needed = "\"required\": [\"customer\", \"total\", \"items\"],";
    let after = before.replace(needed, &needed.replace("\"items\"]", "\"items\", \"currency\"]"));
    assert_ne!(before, after);
    fs::write(&schema, after.replace("\"customer\": {", "\"currency\": {}, \"customer\": {"))
        .unwrap();
    let sample = place.path("app/schemas/app.order.placed/v1.sample.json");
    let event = fs::read_to_string(&sample).unwrap();
    let priced = event.replace("\"total\"", "\"currency\": \"EUR\", \"total\"");
    fs::write(&sample, priced).unwrap();
    let told = place.run(&check).ended(1).out;
    assert!(told.contains("currency") && told.contains("v1"), "{told}");
    // Nor does the log take it, whoever asks.
    let applied = place.run(&["topology", "apply", "app/topology", "--data", "data"]).ended(1);
    assert!(applied.out.contains("currency"), "{}{}", applied.out, applied.err);
    let held = ["sql", "select count(*) as n from topologies", "--data", "data", "--format", "csv"];
    assert_eq!(place.run(&held).ended(0).out, "n\n1\n");
});
