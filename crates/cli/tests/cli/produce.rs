//! What producers are told of good and bad lines.

use serde_json::json;

use crate::{
    app::{order, orders},
    run::{Place, on_every_log},
};

fn bad_lines() -> String {
    [
        order(1),
        "not json".to_owned(),
        String::new(),
        order(2).replace("app.order.placed", "app.order.lost"),
        order(3).replace("\"total\":", "\"sum\":"),
        order(4),
        // The same id, another content.
        order(1).replace("pencil", "ruler"),
        order(4),
    ]
    .join("\n")
}

on_every_log!(each_reason_is_told_with_its_lines, |place| {
    let server = place.serve(&["--topology", "app/topology"]);
    let args = ["produce", "-", "--url", &server.url, "--json"];
    let summary = place.run_with(&args, &bad_lines()).ended(1).json();
    assert_eq!(summary["events"], 7);
    assert_eq!(summary["accepted"], 3);
    assert_eq!(summary["refused"], 3);
    assert_eq!(summary["rejected"], 1);
    let reasons: Vec<_> = summary["reasons"]
        .as_array()
        .unwrap()
        .iter()
        .map(|reason| {
            (reason["outcome"].clone(), reason["reason"].clone(), reason["lines"].clone())
        })
        .collect();
    let expected = [
        (json!("refused"), json!("not_json"), json!([2])),
        (json!("refused"), json!("schema_violation"), json!([5])),
        (json!("refused"), json!("unknown_type"), json!([4])),
        (json!("rejected"), json!("id_reused"), json!([7])),
    ];
    assert_eq!(reasons, expected);
});

#[test]
fn without_a_server_the_same_is_told() {
    let place = Place::new(None);
    place.run(&["topology", "apply", "app/topology", "--data", "data"]).ended(0);
    let told = place.run_with(&["produce", "--data", "data"], &bad_lines()).ended(1);
    assert!(told.out.contains("3 accepted, 1 rejected, 3 refused"), "{}", told.out);
    assert!(told.out.contains("unknown_type"), "{}", told.out);
    // The rejected one is on record.
    let query = "select reason, subject from rejections";
    let sql = place.run(&["sql", query, "--data", "data", "--format", "csv"]).ended(0);
    assert_eq!(sql.out, "reason,subject\nid_reused,customer-1\n");
}

#[test]
fn every_ack_is_taken() {
    let place = Place::new(None);
    let server = place.serve(&["--topology", "app/topology"]);
    for (n, ack) in (0..).zip(["written", "durable", "folded"]) {
        let args = ["produce", "--url", &server.url, "--ack", ack, "--json"];
        let summary = place.run_with(&args, &orders(n * 10..n * 10 + 10)).ended(0).json();
        assert_eq!((&summary["ack"], &summary["accepted"]), (&json!(ack), &json!(10)));
    }
}

#[test]
fn nothing_is_no_failure() {
    let place = Place::new(None);
    let summary = place.run(&["produce", "--data", "data", "--json"]).ended(0).json();
    assert_eq!(summary["events"], 0);
}
