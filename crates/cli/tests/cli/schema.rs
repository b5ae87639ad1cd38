//! Schemas and views drafted from events that there are, which then take these events.

use std::fs;

use serde_json::Value;

use crate::{app::orders, run::Place};

#[test]
fn a_draft_of_cloud_events_takes_them_on_embedded() {
    let place = Place::new(None);
    fs::write(place.path("events.jsonl"), orders(0..50)).unwrap();
    let infer = ["schema", "infer", "events.jsonl", "--out", "drafted"];
    let told = place.run(&infer).ended(0).out;
    assert!(told.contains("wrote topology/") && told.contains("50 events"), "{told}");
    place.run(&["topology", "check", "drafted/topology"]).ended(0);
    place.run(&["topology", "apply", "drafted/topology", "--data", "data"]).ended(0);
    place.run(&["produce", "events.jsonl", "--data", "data"]).ended(0);
    let views = ["sql", "select name from feature_views", "--data", "data", "--format", "csv"];
    let view = place.run(&views).ended(0).out.lines().nth(1).unwrap().to_owned();
    let count = format!("select sum(events) as events from {view}");
    let events = place.run(&["sql", &count, "--data", "data", "--format", "csv"]).ended(0);
    assert_eq!(events.out, "events\n50\n");
    // What is there is kept.
    let again = place.run(&[infer.as_slice(), &["--json"]].concat()).ended(0).json();
    assert_eq!(again["written"], Value::Array(Vec::new()));
    assert_eq!(again["kept"].as_array().unwrap().len(), 3);
}

#[test]
fn plain_objects_are_drafted_as_events_of_a_type_on_embedded() {
    let place = Place::new(None);
    let lines = "{\"customerId\": 7, \"price\": 2.5, \"paid\": true, \"at\": \"2026-01-01T00:00:00Z\"}\n\
                 not json\n\
                 {\"customerId\": 8, \"price\": 3, \"paid\": false, \"at\": \"2026-01-02T00:00:00Z\", \
                 \"note\": null, \"lines\": [{\"sku\": \"a\"}]}\n";
    fs::write(place.path("orders.jsonl"), lines).unwrap();
    let unsaid = place.run(&["schema", "infer", "orders.jsonl"]).ended(2);
    assert!(unsaid.err.contains("--type app.order.placed"), "{}", unsaid.err);
    let infer = ["schema", "infer", "orders.jsonl", "--type", "app.order.placed", "--json"];
    let told = place.run(&infer).ended(0).json();
    assert_eq!((&told["read"], &told["passed_over"]), (&Value::from(3), &Value::from(1)));
    let yaml = fs::read_to_string(place.path("topology/app_order_placed.yaml")).unwrap();
    for part in [
        "join_keys: { customer: int64 }",
        "keys: { customer: /customerId }",
        "sum_price: { sum: \"/price\" }",
        "last_paid: { last: \"/paid\" }",
        "last_at: { max: time }",
    ] {
        assert!(yaml.contains(part), "{part} is not in\n{yaml}");
    }
    let schema = fs::read(place.path("schemas/app.order.placed/v1.json")).unwrap();
    let schema: Value = serde_json::from_slice(&schema).unwrap();
    assert_eq!(schema["required"], serde_json::json!(["at", "customerId", "paid", "price"]));
    place.run(&["topology", "check", "topology"]).ended(0);
    let misused = ["schema", "infer", "orders.jsonl", "--type", "a.b", "--entity", "Customer=id"];
    assert!(place.run(&misused).ended(2).err.contains("NAME=/POINTER"));
}
