//! A log that is trimmed to a snapshot: by a server and at rest, on both logs.

use crate::{
    app::orders,
    run::{Place, on_every_log},
};

const COUNTS: &str = "select count(*) as customers, sum(orders) as orders from customer_orders";

on_every_log!(a_server_trims_its_log_to_a_snapshot, |place| {
    let server = place.serve(&["--topology", "app/topology", "--partitions", "2"]);
    place.run_with(&["produce", "--data", "data"], &orders(0..300)).ended(0);
    let created = ["snapshot", "create", "snapshots", "--data", "data", "--json"];
    let created = place.run(&created).ended(0).json();
    place.run_with(&["produce", "--data", "data"], &orders(300..320)).ended(0);
    let before = place.run(&["sql", COUNTS, "--data", "data", "--as-of", "0:20"]).ended(0).out;

    let asked = place.run(&["log", "trim", "snapshots", "--data", "data"]).ended(0);
    assert!(asked.out.contains("nothing was taken away; add --yes"), "{}", asked.out);
    let trimmed = ["log", "trim", "snapshots", "--data", "data", "--yes", "--json"];
    let trimmed = place.run(&trimmed).ended(0).json();
    assert_eq!(trimmed["snapshot"], created["id"]);
    for (partition, at) in created["positions"].as_object().unwrap() {
        let begins = trimmed["begins"][partition].as_u64().unwrap();
        // An embedded log keeps whole segments, and these are of one.
        let expected = place.log().map_or(0, |_| at.as_u64().unwrap());
        assert_eq!(begins, expected, "partition {partition}");
    }
    let origins = ["sql", "select snapshot from log.origins", "--data", "data", "--format", "csv"];
    let origins = place.run(&origins).ended(0).out;
    assert_eq!(origins, format!("snapshot\n{}\n", created["id"].as_str().unwrap()));
    // The past stays readable, and a repeat of what is gone is known.
    let after = place.run(&["sql", COUNTS, "--data", "data", "--as-of", "0:20"]).ended(0).out;
    assert_eq!(after, before);
    place.run_with(&["produce", "--data", "data"], &orders(0..330)).ended(0);
    assert_eq!(server.terminate(), 0);
    let sql = place.run(&["sql", COUNTS, "--data", "data", "--format", "csv"]).ended(0);
    assert_eq!(sql.out, "customers,orders\n7,330\n");
    verified(place, created["id"].as_str().unwrap());
});

/// From the origin, for the log on Kafka has no start; an embedded one still has.
fn verified(place: &Place, origin: &str) {
    let verify = place.run(&["replay", "verify", "--data", "data"]);
    let Some(log) = place.log() else { return drop(verify.ended(0)) };
    let told = verify.ended(2).err;
    assert!(told.contains(origin) && told.contains("--from"), "{told}");
    let restored = ["snapshot", "restore", "snapshots", "--data", "origin", "--log", log];
    place.run(&restored).ended(0);
    place.run(&["replay", "verify", "--data", "data", "--from", "origin"]).ended(0);
    let checked = place.run(&["log", "verify", "--data", "data"]).ended(0);
    assert!(checked.out.contains("the log was trimmed when snapshot"), "{}", checked.out);
}

#[test]
fn what_can_be_no_origin_is_refused_on_embedded() {
    let place = Place::new(None);
    place.run(&["topology", "apply", "app/topology", "--data", "data"]).ended(0);
    let none = place.run(&["log", "trim", "snapshots", "--data", "data", "--yes"]).ended(2);
    assert!(none.err.contains("there is no snapshot at"), "{}", none.err);
    place.run(&["snapshot", "create", "snapshots", "--data", "data"]).ended(0);
    // Of another log.
    place.run(&["topology", "apply", "app/topology", "--data", "other"]).ended(0);
    let other = place.run(&["log", "trim", "snapshots", "--data", "other", "--yes"]).ended(2);
    assert!(other.err.contains("trim the log"), "{}", other.err);
    place.run(&["replay", "verify", "--data", "other"]).ended(0);
}
