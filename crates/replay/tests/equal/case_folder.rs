//! A failing case as a folder of `replay-tests`: what is left of it once it was made smaller.

use std::{fs, path::PathBuf};

use headwater_event::{NewRecord, decode};
use serde_json::{Value, json};

use crate::events::{Act, OPENED_AT};

/// Where case folders are written; the temporary folder unless told.
const DIR: &str = "HEADWATER_PROPERTY_DIR";

/// Writes a case that carries out these acts; tells where.
pub(crate) fn write(seed: u64, why: &str, acts: &[Act]) -> PathBuf {
    let parent = std::env::var_os(DIR).map_or_else(std::env::temp_dir, PathBuf::from);
    let dir = parent.join(format!("property_{seed}"));
    fs::create_dir_all(&dir).unwrap();
    let lines: Vec<String> = acts.iter().flat_map(lines_of).map(|line| line.to_string()).collect();
    fs::write(dir.join("events.jsonl"), lines.join("\n") + "\n").unwrap();
    let why = why.lines().next().unwrap_or_default();
    let script = format!(
        "# Found by random workloads, seed {seed}: {why}\nopened-at {OPENED_AT}\nplay all\ndigest\nverify\n"
    );
    fs::write(dir.join("script.txt"), script).unwrap();
    fs::write(dir.join("golden.txt"), "").unwrap();
    dir
}

/// An act as lines of `events.jsonl`.
fn lines_of(act: &Act) -> Vec<Value> {
    match act {
        Act::Submit(event) => vec![event.to_json()],
        Act::SubmitAll(events) => events.iter().map(headwater_event::Event::to_json).collect(),
        Act::Append { record, subject, by } => vec![match (decode(record), subject) {
            (Ok(event), Some(_)) => json!({"$astray": by, "event": event.to_json()}),
            _ => json!({"$raw": text(record), "key": key(record)}),
        }],
        Act::AppendToControl(record) => match decode(record) {
            Ok(event) => vec![json!({"$control": event.to_json()})],
            // No line says so; a broken record is as broken in a data partition.
            Err(_) => vec![json!({"$raw": text(record), "key": key(record)})],
        },
    }
}

fn text(record: &NewRecord) -> Option<String> {
    record.value.as_ref().map(|value| String::from_utf8_lossy(value).into_owned())
}

fn key(record: &NewRecord) -> String {
    record.key.as_ref().map(|key| String::from_utf8_lossy(key).into_owned()).unwrap_or_default()
}

#[test]
fn a_failing_case_becomes_a_folder_that_can_be_carried_out() {
    let acts = crate::events::acts(&crate::covered::sample());
    let dir = write(7, "a difference\nand more", &acts);
    let lines = fs::read_to_string(dir.join("events.jsonl")).unwrap();
    assert!(lines.lines().count() >= acts.len());
    for line in lines.lines() {
        let value: Value = serde_json::from_str(line).unwrap();
        let special = ["$raw", "$astray", "$control"].iter().any(|word| value.get(word).is_some());
        assert!(special || value["type"].is_string(), "{line}");
    }
    let script = fs::read_to_string(dir.join("script.txt")).unwrap();
    assert!(script.starts_with("# Found by random workloads, seed 7: a difference\n"), "{script}");
    fs::remove_dir_all(dir).unwrap();
}
