//! Snapshots as people make them: beside a server and at rest, restored, killed half way, pruned.

use std::{fs, process::Stdio, time::Duration};

use headwater_objects::testing::TestS3;
use serde_json::{Value, json};

use crate::{
    app::orders,
    run::{Place, on_every_log},
};

const COUNTS: &str = "select count(*) as customers, sum(orders) as orders from customer_orders";

/// A second data folder of the same log: its log's folder, its key, and what it remembers.
fn copy_without_views(place: &Place, to: &str) {
    fs::create_dir(place.path(to)).unwrap();
    for name in ["log", "keys", "log.json"] {
        let from = place.path("data").join(name);
        if from.exists() {
            let status = std::process::Command::new("cp")
                .arg("-r")
                .args([&from, &place.path(to)])
                .status()
                .unwrap();
            assert!(status.success());
        }
    }
}

fn digests(place: &Place, data: &str) -> Value {
    place.run(&["digest", "--data", data, "--json"]).ended(0).json()
}

on_every_log!(a_snapshot_of_a_running_server_is_restored_and_served, |place| {
    let server = place.serve(&["--topology", "app/topology", "--partitions", "2"]);
    place.run(&["produce", "app/events.jsonl", "--data", "data"]).ended(0);
    let created = place.run(&["snapshot", "create", "snapshots", "--data", "data", "--json"]);
    let created = created.ended(0).json();
    assert!(created["bytes"].as_u64().unwrap() > 0, "{created}");
    // What comes after is the tail.
    place.run_with(&["produce", "--data", "data"], &orders(0..50)).ended(0);

    let listed = place.run(&["snapshot", "list", "snapshots", "--json"]).ended(0).json();
    assert_eq!(listed[0]["id"], created["id"]);
    assert_eq!(listed[0]["snapshot"]["positions"], created["positions"]);
    let at = place.path("snapshots");
    let by_server = ["snapshot", "list", at.to_str().unwrap(), "--url", &server.url, "--json"];
    assert_eq!(place.run(&by_server).ended(0).json(), listed);
    // The folder of a running server is not one to restore into.
    let refused = place.run(&["snapshot", "restore", "snapshots", "--data", "data", "--force"]);
    assert!(refused.ended(3).err.contains("is running already"));
    assert_eq!(server.terminate(), 0);
    place.run(&["replay", "verify", "--data", "data"]).ended(0);

    copy_without_views(place, "other");
    let restored = ["snapshot", "restore", "snapshots", "--data", "other", "--json"];
    let restored = place.run(&restored).ended(0).json();
    assert_eq!(restored["id"], created["id"]);
    // As of the snapshot; then the tail is folded by whoever opens the folder to write.
    let sql = place.run(&["sql", COUNTS, "--data", "other", "--format", "csv"]).ended(0);
    assert_eq!(sql.out, "customers,orders\n3,6\n");
    place.run(&["replay", "verify", "--data", "other"]).ended(0);
    place.run_with(&["produce", "--data", "other"], &orders(0..60)).ended(0);
    let sql = place.run(&["sql", COUNTS, "--data", "other", "--format", "csv"]).ended(0);
    assert_eq!(sql.out, "customers,orders\n10,66\n");
    place.run(&["replay", "verify", "--data", "other"]).ended(0);
});

on_every_log!(a_folder_at_rest_is_snapshotted_and_replaced, |place| {
    place.serve(&["--topology", "app/topology"]).terminate();
    place.run_with(&["produce", "--data", "data"], &orders(0..100)).ended(0);
    let before = digests(place, "data");
    let created = place.run(&["snapshot", "create", "snapshots", "--data", "data"]).ended(0);
    assert!(created.out.starts_with("snapshot "), "{}", created.out);
    let kept = place.run(&["snapshot", "restore", "snapshots", "--data", "data"]).ended(2);
    assert!(kept.err.contains("--force"), "{}", kept.err);
    place.run(&["snapshot", "restore", "snapshots", "--data", "data", "--force"]).ended(0);
    assert_eq!(digests(place, "data"), before);
    place.run(&["replay", "verify", "--data", "data"]).ended(0);
    // A log elsewhere needs nothing in the folder but its name, which is remembered.
    if let Some(log) = place.log() {
        let restored = ["snapshot", "restore", "snapshots", "--data", "fresh", "--log", log];
        let restored = place.run(&restored).ended(0);
        assert!(restored.err.contains("copy keys/"), "{}", restored.err);
        assert_eq!(digests(place, "fresh"), before);
        place.run(&["replay", "verify", "--data", "fresh"]).ended(0);
    }
});

/// `kill -9` at many moments of a create: each leaves a whole snapshot or none, and nothing in the way.
#[test]
fn a_killed_create_leaves_a_whole_snapshot_or_none_on_embedded() {
    let place = Place::new(None);
    place.run(&["topology", "apply", "app/topology", "--data", "data"]).ended(0);
    place.run_with(&["produce", "--data", "data"], &orders(0..2_000)).ended(0);
    let count = || {
        let listed = place.run(&["snapshot", "list", "snapshots", "--json"]).ended(0).json();
        let listed = listed.as_array().unwrap().clone();
        assert!(listed.iter().all(|one| one.get("damaged").is_none()), "{listed:?}");
        listed.len()
    };
    let mut made = 0;
    for step in 0..12 {
        let mut command = place.command(&["snapshot", "create", "snapshots", "--data", "data"]);
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        std::thread::sleep(Duration::from_millis(15 * step));
        child.kill().unwrap();
        child.wait().unwrap();
        let now = count();
        assert!(now == made || now == made + 1, "{made} became {now}");
        made = now;
    }
    let created = ["snapshot", "create", "snapshots", "--data", "data", "--json"];
    let created = place.run(&created).ended(0).json();
    assert_eq!(count(), made + 1);
    // What the killed ones put aside goes with the next start.
    place.run_with(&["produce", "--data", "data"], &orders(2_000..2_010)).ended(0);
    assert!(!place.path("data/scratch").exists());
    copy_without_views(&place, "other");
    let restored = place.run(&["snapshot", "restore", "snapshots", "--data", "other", "--json"]);
    assert_eq!(restored.ended(0).json()["id"], created["id"]);
    place.run(&["replay", "verify", "--data", "other"]).ended(0);
}

#[test]
fn a_server_writes_to_object_storage_on_s3() {
    let place = Place::new(None);
    let s3 = TestS3::shared();
    let url = s3.url();
    // The server reaches it by a file of properties whose secret is a reference.
    fs::write(place.path("secret"), &s3.properties()["aws_secret_access_key"]).unwrap();
    let properties = s3.properties().into_iter().map(|(name, value)| match &*name {
        "aws_secret_access_key" | "aws_access_key_id" => {
            fs::write(place.path(&name), value).unwrap();
            format!("{name}=${{file:{}}}\n", place.path(&name).display())
        }
        _ => format!("{name}={value}\n"),
    });
    let properties: String = properties.collect();
    fs::write(place.path("s3.properties"), properties).unwrap();
    let server = place.serve(&["--topology", "app/topology", "--objects-config", "s3.properties"]);
    place.run(&["produce", "app/events.jsonl", "--data", "data"]).ended(0);
    for _ in 0..3 {
        place.run(&["snapshot", "create", &url, "--data", "data"]).ended(0);
    }
    let by_server = ["snapshot", "list", &url, "--url", &server.url, "--json"];
    let listed = place.run(&by_server).ended(0).json();
    assert_eq!(listed.as_array().unwrap().len(), 3);
    assert_eq!(server.terminate(), 0);

    // A command by itself reaches it by variables.
    let run = |args: &[&str]| {
        let mut command = place.command(args);
        command.envs(s3.environment());
        let output = command.output().unwrap();
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{args:?}: {told}");
        String::from_utf8_lossy(&output.stdout).into_owned()
    };
    let pruned = run(&["snapshot", "prune", &url, "--keep", "1", "--file-age", "0s", "--json"]);
    let pruned: Value = serde_json::from_str(&pruned).unwrap();
    assert_eq!(pruned["removed"].as_array().unwrap().len(), 2);
    assert_eq!(pruned["kept"], json!([listed[2]["id"]]));
    copy_without_views(&place, "other");
    run(&["snapshot", "restore", &url, "--data", "other"]);
    place.run(&["replay", "verify", "--data", "other"]).ended(0);
    assert_eq!(digests(&place, "other"), digests(&place, "data"));

    // Without them: told what to set, and no secret.
    let refused = place.command(&["snapshot", "list", &url]).output().unwrap();
    assert_eq!(refused.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&refused.stderr).contains("AWS_ACCESS_KEY_ID"));
}

#[test]
fn what_a_snapshot_needs_is_told() {
    let place = Place::new(None);
    place.run(&["topology", "apply", "app/topology", "--data", "data"]).ended(0);
    place.run(&["snapshot", "create", "snapshots", "--data", "data"]).ended(0);
    fs::write(place.path("s3.properties"), "aws_secret_access_key=s3cret-in-a-file\n").unwrap();
    let restore = ["snapshot", "restore", "snapshots", "--data", "new"];
    for (args, told) in [
        (&restore[..], "put the folder log/"),
        (&["snapshot", "create", "snapshots", "--data", "nowhere"], "there are no views"),
        (&["snapshot", "create", "gs://bucket/x", "--data", "data"], "s3://"),
        (&["snapshot", "list", "s3://bucket/x", "--objects-config", "s3.properties"], "${env:"),
        (&["snapshot", "restore", "snapshots", "7", "--data", "data"], "snapshot list"),
        (&["snapshot", "prune", "snapshots"], "--keep"),
        (&["snapshot", "restore", "empty", "--data", "data", "--force"], "there is none"),
    ] {
        let answer = place.run(args).ended(2);
        assert!(answer.err.contains(told), "{args:?}: {}", answer.err);
        assert!(!answer.err.contains("s3cret"), "{}", answer.err);
    }
    // Without the log's key the views can be read, and it is told what serving needs.
    copy_without_views(&place, "other");
    fs::remove_dir_all(place.path("other/keys")).unwrap();
    let restored = place.run(&["snapshot", "restore", "snapshots", "--data", "other"]).ended(0);
    assert!(restored.err.contains("copy keys/"), "{}", restored.err);
    place.run(&["sql", "show tables", "--data", "other"]).ended(0);
}
