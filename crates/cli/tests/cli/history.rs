//! Where sealed history is kept: remembered by the data folder, and of one folder alone.

use crate::{
    app::orders,
    run::{Place, on_every_log},
};

const COUNTS: &str = "select sum(orders) as orders from customer_orders";

on_every_log!(a_folder_remembers_where_its_history_is_kept, |place| {
    let serve = ["--topology", "app/topology", "--history", "kept", "--history-cache-bytes", "0"];
    let server = place.serve(&serve);
    place.run_with(&["produce", "--data", "data"], &orders(0..100)).ended(0);
    assert_eq!(server.terminate(), 0);
    assert!(place.path("kept/owner").is_file());
    // Who reads and who writes later need not name it again.
    let sql = ["sql", COUNTS, "--data", "data", "--as-of", "1:10", "--format", "csv"];
    place.run(&sql).ended(0);
    place.run(&["replay", "verify", "--data", "data"]).ended(0);
    place.run(&["snapshot", "create", "snapshots", "--data", "data"]).ended(0);
    let server = place.serve(&[]);
    assert_eq!(server.terminate(), 0);
    // Files may be there alone.
    let args = ["serve", "--data", "data", "--http", "127.0.0.1:0", "--history", "other"];
    let moved = place.run(&args).ended(2);
    assert!(moved.err.contains("files of it are there alone"), "{}", moved.err);
});

#[test]
fn a_place_is_of_one_folder_on_embedded() {
    let place = Place::new(None);
    let server = place.serve(&["--history", "kept"]);
    assert_eq!(server.terminate(), 0);
    let args = ["serve", "--data", "second", "--http", "127.0.0.1:0", "--history", "kept"];
    let refused = place.run(&args).ended(2);
    assert!(refused.err.contains("another data folder"), "{}", refused.err);
    let alone = ["serve", "--data", "second", "--history-cache-bytes", "1"];
    assert!(place.run(&alone).ended(2).err.contains("--history"));
}
