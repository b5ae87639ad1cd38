//! What a newer program wrote is refused in words, never guessed at.

use std::fs;

use headwater_store::{Access, Commit, StoreOptions, StoreSet, faults};
use serde_json::{Value, json};

use crate::sample::Sample;

/// A folder whose store opens today.
fn sample() -> Sample {
    let opens = |sample: &Sample| sample.about()["store_opens"] == json!(true);
    Sample::all().into_iter().rfind(opens).unwrap()
}

/// Reading and writing are refused alike, with code 3 and these words.
#[track_caller]
fn refused(sample: &Sample, words: &[&str]) {
    for args in [&["digest"][..], &["sql", "select 1"], &["produce", "-"], &["replay", "verify"]] {
        let told = sample.run(args).ended(3).err;
        for word in words {
            assert!(told.contains(word), "{args:?}: {told}");
        }
    }
}

fn change_head(sample: &Sample, change: impl Fn(&mut Value)) {
    let stores =
        StoreSet::open(&sample.data(), Access::ReadWrite, StoreOptions::default()).unwrap();
    let store = stores.partition("control").unwrap();
    let mut head: Value =
        serde_json::from_slice(&store.get_meta("head").unwrap().unwrap()).unwrap();
    change(&mut head);
    let meta = vec![("head", head.to_string().into_bytes())];
    store.commit(&Commit { meta, ..Commit::default() }).unwrap();
}

#[test]
fn a_newer_log_is_refused() {
    let sample = sample();
    let meta = sample.data().join("log/meta");
    let text = fs::read_to_string(&meta).unwrap();
    let format = text.lines().find_map(|line| line.strip_prefix("format ")).unwrap();
    let newer = format.parse::<u32>().unwrap() + 1;
    fs::write(&meta, text.replace(&format!("format {format}"), &format!("format {newer}")))
        .unwrap();
    refused(&sample, &[&format!("its format is {newer}, and this program knows {format}")]);
}

#[test]
fn a_newer_store_is_refused() {
    let sample = sample();
    // As the store writes it: the number, and a checksum that binds it to its name.
    let mut value = 99_u32.to_le_bytes().to_vec();
    let sum = blake3::hash(&[b"format\0", value.as_slice()].concat());
    value.extend_from_slice(&sum.as_bytes()[..8]);
    faults::overwrite(&sample.data(), "control", "meta", b"format", &value).unwrap();
    refused(
        &sample,
        &["has store format 99", "use the build that wrote it, or fold it anew from the log"],
    );
}

#[test]
fn a_newer_head_is_refused() {
    let sample = sample();
    let newer = headwater_fold::HEAD_FORMAT + 1;
    change_head(&sample, |head| head["format"] = json!(newer));
    let told =
        format!("the store's head is of format {newer}, this program knows up to {}", newer - 1);
    refused(
        &sample,
        &[&told, "use the headwater that wrote it, or fold the store anew from the log"],
    );
}

#[test]
fn newer_rules_are_refused() {
    let sample = sample();
    let newer = headwater_fold::RULES_KNOWN + 1;
    change_head(&sample, |head| head["rules"] = json!(newer));
    let told = format!("the log asks for rules {newer}, this program knows up to {}", newer - 1);
    refused(&sample, &[&told, "use a newer headwater"]);
}
