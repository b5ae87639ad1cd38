//! `headwater demo` from beginning to end, as a person runs it, on one partition and on four.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test's own functions")]

use std::{path::Path, process::Command};

use serde_json::Value;

fn demo(dir: &Path, args: &[&str]) -> (Option<i32>, String, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_headwater"))
        .arg("demo")
        .arg("--data")
        .arg(dir)
        .args(args)
        .output()
        .unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code(), text(output.stdout), text(output.stderr))
}

fn figures(dir: &Path, args: &[&str]) -> Value {
    let (code, out, err) = demo(dir, args);
    assert_eq!(code, Some(0), "{out}\n{err}");
    serde_json::from_str(&out).unwrap()
}

#[test]
fn the_story_holds_and_is_the_same_on_any_number_of_partitions() {
    let dir = tempfile::tempdir().unwrap();
    let (one, four) = (dir.path().join("one"), dir.path().join("four"));
    let figures_of_one = figures(&one, &["--json", "--partitions", "1"]);
    let figures_of_four = figures(&four, &["--json", "--partitions", "4"]);
    for figures in [&figures_of_one, &figures_of_four] {
        check_figures(figures);
    }
    check_digests(&figures_of_one["digests"], &figures_of_four["digests"]);

    // A finished demo is verified again, in words this time, and nothing in it changes.
    let (code, out, err) = demo(&one, &[]);
    assert_eq!(code, Some(0), "{out}\n{err}");
    assert!(out.contains("holds a finished demo"), "{out}");
    assert!(out.contains("headwater replay verify --data"), "{out}");
    assert!(
        out.lines().all(|line| line.chars().count() <= 100 || line.contains("--data")),
        "{out}"
    );
}

fn check_figures(figures: &Value) {
    assert_eq!(figures["ok"], true);
    assert_eq!(figures["customer_stats"]["rows"], 23_570);
    assert_eq!(figures["customer_stats"]["purchases"], 69_659);
    assert_eq!(figures["customer_stats"]["cds"], 167_881);
    assert_eq!(figures["customer_stats"]["cents"], 250_031_563);
    assert_eq!(figures["customer_purchases_30d"]["windows"], 19);
    // Counted in Python on the raw file: who was active, and who of them bought again.
    assert_eq!(figures["training"]["rows"], 5_349);
    assert_eq!(figures["training"]["validation_rows"], 4_202);
    assert_eq!(figures["predictions"]["count"], 4_210);
    assert_eq!(figures["judged"]["rows"], 4_210);
    assert!((figures["judged"]["base_rate"].as_f64().unwrap() - 1_918.0 / 4_210.0).abs() < 1e-12);
    let of = |who: &str, what: &str| figures["judged"][who][what].as_f64().unwrap();
    assert!(of("model", "auc") > 0.68 && of("constant", "auc") == 0.5);
    assert!(of("model", "brier") < of("constant", "brier") - 0.02);
    assert_eq!(figures["verify"]["equal"], true);
    assert!(figures["checks"].as_array().unwrap().iter().all(|check| check["holds"] == true));
}

/// All but the predictions, which carry the latency that was measured.
fn check_digests(one: &Value, four: &Value) {
    let (one, four) = (one.as_object().unwrap(), four.as_object().unwrap());
    for view in ["customer_stats", "customer_purchases_30d", "customer_scores"] {
        assert!(one.contains_key(&format!("features.{view}")), "{one:?}");
    }
    for (table, digest) in one.iter().filter(|(table, _)| *table != "serving.predictions") {
        assert_eq!(Some(digest), four.get(table), "{table}");
    }
    assert_eq!(one.len(), four.len());
}

#[test]
fn a_folder_that_is_not_a_demos_is_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("thesis.txt");
    std::fs::write(&file, "years of work").unwrap();
    for args in [&[][..], &["--fresh"][..]] {
        let (code, out, err) = demo(dir.path(), args);
        assert_eq!((code, out.as_str()), (Some(2), ""));
        assert!(err.contains("is not empty, and not a demo's; name a new folder"), "{err}");
    }
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "years of work");
}

#[test]
fn a_demo_that_broke_off_is_begun_anew_only_when_asked() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("demo.json"), r#"{"demo": "cdnow", "figures": null}"#).unwrap();
    let (code, _, err) = demo(dir.path(), &[]);
    assert_eq!(code, Some(2));
    assert!(err.contains("did not come to its end; begin anew with --fresh"), "{err}");
}
