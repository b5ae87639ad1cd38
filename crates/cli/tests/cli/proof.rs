//! Proofs from the command line: heads kept elsewhere, replays of a moment and from a snapshot.

use std::{fs, process::Stdio, time::Duration};

use crate::{
    app::orders,
    run::{Place, on_every_log},
};

fn kinds(report: &serde_json::Value) -> Vec<&str> {
    let findings = report["findings"].as_array().unwrap();
    findings.iter().map(|finding| finding["kind"].as_str().unwrap()).collect()
}

on_every_log!(heads_kept_elsewhere_prove_the_log, |place| {
    let server = place.serve(&["--topology", "app/topology", "--partitions", "2"]);
    place.run(&["produce", "app/events.jsonl", "--data", "data"]).ended(0);
    let of_server = place.run(&["digest", "--log", "--url", &server.url]).ended(0).out;
    let lines: Vec<Vec<&str>> = of_server.lines().map(|line| line.split(' ').collect()).collect();
    let partitions: Vec<&str> = lines.iter().map(|line| line[1]).collect();
    assert_eq!(partitions, ["control", "0", "1"]);
    assert!(lines.iter().all(|line| line.len() == 4 && line[3].len() == 64), "{of_server}");
    place.run_with(&["produce", "--data", "data"], &orders(0..30)).ended(0);
    // Beside a running server.
    fs::write(place.path("heads.txt"), &of_server).unwrap();
    let verify = ["log", "verify", "--data", "data", "--heads", "heads.txt"];
    let told = place.run(&verify).ended(0).out;
    assert!(told.contains("not proven: partition"), "{told}");
    assert_eq!(server.terminate(), 0);

    let of_folder = place.run(&["digest", "--log", "--data", "data"]).ended(0).out;
    let json = place.run(&["digest", "--log", "--data", "data", "--json"]).ended(0).json();
    for (line, head) in of_folder.lines().zip(json.as_array().unwrap()) {
        let text = |name: &str| head[name].as_str().unwrap();
        let (log, partition, chain) = (text("log_id"), text("partition"), text("chain"));
        assert_eq!(line, format!("{log} {partition} {} {chain}", head["offset"]));
    }
    let both = format!("# Monday\n{of_server}\n# Tuesday\n{of_folder}");
    fs::write(place.path("heads.txt"), &both).unwrap();
    let report = place.run(&[&verify[..], &["--json"]].concat()).ended(0).json();
    assert_eq!(report["log_id"], lines[0][0]);
    assert_eq!(report["unproven"], serde_json::json!([]));
    for partition in report["partitions"].as_array().unwrap() {
        assert_eq!(partition["heads"]["agreed_up_to"], partition["last"], "{partition}");
        assert_eq!(partition["store"]["agreed_up_to"], partition["last"], "{partition}");
    }

    // Another chain at the same offset: as if the log had been changed since.
    let last = both.trim_end().chars().last().unwrap();
    let other = if last == '0' { '1' } else { '0' };
    let forged = format!("{}{other}\n", &both.trim_end()[..both.trim_end().len() - 1]);
    fs::write(place.path("heads.txt"), forged).unwrap();
    let report = place.run(&[&verify[..], &["--json"]].concat()).ended(1).json();
    assert_eq!(kinds(&report), ["chain_against_heads"]);
    let told = place.run(&verify).ended(1).out;
    assert!(told.contains("partition 1, after offset"), "{told}");
    assert!(told.contains("NOT AS IT WAS"), "{told}");
});

#[test]
fn a_log_is_checked_without_its_data_folder_on_kafka() {
    let place = Place::on_kafka();
    let server = place.serve(&["--topology", "app/topology"]);
    place.run(&["produce", "app/events.jsonl", "--data", "data"]).ended(0);
    assert_eq!(server.terminate(), 0);
    let heads = place.run(&["digest", "--log", "--data", "data"]).ended(0).out;
    fs::write(place.path("heads.txt"), heads).unwrap();
    let log = serde_json::from_slice::<serde_json::Value>(
        &fs::read(place.path("data/log.json")).unwrap(),
    );
    let log = log.unwrap()["log"].as_str().unwrap().to_owned();
    let verify = ["log", "verify", "--log", &log, "--heads", "heads.txt", "--json"];
    let report = place.run(&verify).ended(0).json();
    assert_eq!(report["partitions"].as_array().unwrap().len(), 5);
    let unproven = report["unproven"].to_string();
    assert!(unproven.contains("no store was asked"), "{unproven}");
    let absent = place.run(&["log", "verify", "--log", &format!("{log}-absent")]).ended(3);
    assert!(absent.err.contains("does not have both"), "{}", absent.err);
}

on_every_log!(a_replay_of_a_moment_and_from_a_snapshot, |place| {
    let server = place.serve(&["--topology", "app/topology", "--partitions", "2"]);
    place.run_with(&["produce", "--data", "data"], &orders(0..40)).ended(0);
    assert_eq!(server.terminate(), 0);
    let heads = place.run(&["digest", "--log", "--data", "data", "--json"]).ended(0).json();
    let offset = |partition: usize| heads[partition]["offset"].as_u64().unwrap();
    fs::create_dir_all(place.path("snapshot")).unwrap();
    let mut copy = std::process::Command::new("cp");
    copy.arg("-r").arg(place.path("data/store")).arg(place.path("snapshot"));
    assert!(copy.status().unwrap().success());
    place.run_with(&["produce", "--data", "data"], &orders(40..60)).ended(0);

    let verify = ["replay", "verify", "--data", "data"];
    let as_of = format!("0:{},control:{}", offset(1) / 2, offset(0));
    let at = place.run(&[&verify[..], &["--as-of", &as_of, "--json"]].concat()).ended(0).json();
    assert_eq!(at["partitions"][1]["position"], offset(1) / 2);
    assert!(at["views"].as_array().unwrap().iter().all(|view| view["kept"].is_null()));
    let from =
        place.run(&[&verify[..], &["--from", "snapshot", "--json"]].concat()).ended(0).json();
    assert_eq!(from["partitions"][0]["began_after"], offset(0));

    let table = place.run(&verify).ended(0).out;
    for told in ["features.customer_orders", "versions", "replayed", "compared: ", "records/s"] {
        assert!(table.contains(told), "{told}: {table}");
    }
    let table = place.run(&[&verify[..], &["--from", "snapshot"]].concat()).ended(0).out;
    assert!(table.contains("left out: records up to control:"), "{table}");

    let past = format!("0:{}", offset(1) + 10_000);
    for (args, told) in [
        (["--as-of", &past], "is past the end of partition 0"),
        (["--as-of", "9:1"], "there is no partition 9"),
        (["--from", "app"], "there is no store of partition"),
    ] {
        let refused = place.run(&[&verify[..], &args].concat()).ended(2);
        assert!(refused.err.contains(told), "{}", refused.err);
    }
});

#[test]
fn an_interrupted_replay_leaves_no_scratch_behind_on_embedded() {
    let place = Place::new(None);
    place.run(&["topology", "apply", "app/topology", "--data", "data"]).ended(0);
    fs::write(place.path("orders.jsonl"), orders(0..20_000)).unwrap();
    place.run(&["produce", "orders.jsonl", "--data", "data"]).ended(0);
    fs::create_dir(place.path("scratch")).unwrap();
    let args = ["replay", "verify", "--data", "data", "--scratch", "scratch", "--threads", "1"];
    let mut command = place.command(&args);
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let is_begun = || fs::read_dir(place.path("scratch")).unwrap().next().is_some();
    while !is_begun() {
        std::thread::sleep(Duration::from_millis(5));
    }
    // For some partition is under way by then.
    std::thread::sleep(Duration::from_millis(150));
    let id = child.id().to_string();
    assert!(std::process::Command::new("kill").args(["-INT", &id]).status().unwrap().success());
    let output = child.wait_with_output().unwrap();
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(3), "{told}");
    assert!(told.contains("stopped before the end"), "{told}");
    assert!(!is_begun(), "the scratch folder is empty");
}

#[test]
fn what_is_no_file_of_heads_is_misuse() {
    let place = Place::new(None);
    place.run(&["topology", "apply", "app/topology", "--data", "data"]).ended(0);
    fs::write(place.path("bad.txt"), "not a head\n").unwrap();
    fs::write(place.path("empty.txt"), "# nothing\n").unwrap();
    for (args, told) in [
        (&["log", "verify", "--data", "data", "--heads", "nowhere.txt"][..], "nowhere.txt"),
        (&["log", "verify", "--data", "data", "--heads", "bad.txt"], "line 1"),
        (&["log", "verify", "--data", "data", "--heads", "empty.txt"], "digest --log"),
        (&["log", "verify", "--log", "embedded"], "--data DIR"),
        (&["log", "verify", "--data", "nowhere"], "there is no log in nowhere"),
        (&["log", "verify", "--url", "http://127.0.0.1:1"], "--data"),
    ] {
        let answer = place.run(args).ended(2);
        assert!(answer.err.contains(told), "{args:?}: {}", answer.err);
    }
}
