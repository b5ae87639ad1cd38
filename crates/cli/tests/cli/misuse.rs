//! Exit code 2: each message says what to write instead.

use crate::run::Place;

const SAME_NAMES: &str = "select a.reason, b.reason from rejections a, dead_letters b";

#[test]
fn misuse_is_told_with_what_to_do() {
    let place = Place::new(None);
    place.run(&["topology", "apply", "app/topology", "--data", "data"]).ended(0);
    for (args, told) in [
        (&["sql", "select 1"][..], "headwater serve"),
        (&["sql", "select 1", "--data", "nowhere"], "there is no log in nowhere"),
        (&["sql", "selec 1", "--data", "data"], "expected"),
        (&["sql", "select * from evnts", "--data", "data"], "did you mean"),
        (&["sql", SAME_NAMES, "--data", "data", "--json"], "apart with AS"),
        (&["sql", "select 1", "--url", "https://127.0.0.1:1"], "only http"),
        (&["serve", "--http", "0.0.0.0:0"], "loopback"),
        (&["serve", "--opened-at", "1997-01-01T00:00:00Z"], "--clock given"),
        (&["serve", "--log", "postgres://x"], "kafka://HOST:PORT"),
        (&["serve", "--data", "data", "--log-config", "none"], "--log-config"),
        (&["produce", "nowhere.jsonl", "--data", "data"], "nowhere.jsonl"),
        (&["events", "--from", "5", "--data", "data"], "control:5,0:123"),
        (&["events", "--partition", "9", "--data", "data"], "4 data partitions"),
        (&["topology", "check", "nowhere"], "nowhere"),
        (&["replay", "verify", "--url", "http://127.0.0.1:1"], "--data"),
    ] {
        let answer = place.run(args).ended(2);
        let err = answer.err.to_lowercase();
        assert!(err.contains(&told.to_lowercase()), "{args:?}: {}", answer.err);
        assert!(err.starts_with("error: "), "{}", answer.err);
    }
}

#[test]
fn a_server_that_is_not_there_is_a_failure() {
    let place = Place::new(None);
    let failed = place.run(&["sql", "select 1", "--url", "http://127.0.0.1:1"]).ended(3);
    assert!(failed.err.contains("is it running?"), "{}", failed.err);
}

#[test]
fn every_command_has_examples_and_json() {
    let place = Place::new(None);
    for command in [
        &["demo"][..],
        &["serve"],
        &["produce"],
        &["sql"],
        &["events"],
        &["topology", "check"],
        &["topology", "apply"],
        &["replay", "verify"],
        &["log", "verify"],
        &["digest"],
        &["snapshot", "create"],
        &["snapshot", "list"],
        &["snapshot", "restore"],
        &["snapshot", "prune"],
        &["init"],
    ] {
        let help = place.run(&[command, &["--help"]].concat()).ended(0).out;
        assert!(help.to_uppercase().contains("EXAMPLES:"), "{command:?}: {help}");
        assert!(help.contains("--json"), "{command:?}: {help}");
    }
}
