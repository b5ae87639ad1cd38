//! Damage is told with its place, and never read as if it were true.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use std::path::Path;

use headwater_store::{Access, Commit, Error, ErrorKind, StoreOptions, StoreSet, Version, faults};

fn open(dir: &Path, access: Access) -> StoreSet {
    StoreSet::open(dir, access, StoreOptions::default()).unwrap()
}

/// A closed store of three commits.
fn store() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path(), Access::ReadWrite).partition("0").unwrap();
    for offset in 10..13 {
        let versions = vec![Version { key: b"key".into(), offset, row: Some(b"row".into()) }];
        let meta = vec![("position", offset.to_be_bytes().to_vec())];
        let latest = vec![(b"key".to_vec(), Some(b"row".to_vec()))];
        store.commit(&Commit { latest, versions, meta, ..Commit::default() }).unwrap();
    }
    dir
}

fn told(error: &Error, words: &[&str]) {
    assert_eq!(error.kind(), ErrorKind::Corrupt);
    let text = error.to_string();
    assert!(words.iter().all(|word| text.contains(word)), "{text}");
}

#[test]
fn a_damaged_history_block_is_named_and_ends_the_scan() {
    let dir = store();
    let (key, mut value) = faults::entries(dir.path(), "0", "tail").unwrap().swap_remove(1);
    *value.last_mut().unwrap() ^= 1;
    faults::overwrite(dir.path(), "0", "tail", &key, &value).unwrap();
    let store = open(dir.path(), Access::ReadOnly).partition("0").unwrap();
    let mut scan = store.snapshot().scan_versions();
    assert_eq!(scan.next().unwrap().unwrap().offset, 10);
    told(&scan.next().unwrap().unwrap_err(), &["history block 11", "store/0", "checksum"]);
    assert!(scan.next().is_none());
}

#[test]
fn a_damaged_meta_value_is_named() {
    let dir = store();
    let entries = faults::entries(dir.path(), "0", "meta").unwrap();
    let format = &entries.iter().find(|(key, _)| key == b"format").unwrap().1;
    // Another name's valid value is damage too.
    for value in [&b"short"[..], b"long enough, but wrong", format] {
        faults::overwrite(dir.path(), "0", "meta", b"position", value).unwrap();
        let store = open(dir.path(), Access::ReadWrite).partition("0").unwrap();
        told(&store.get_meta("position").unwrap_err(), &["\"position\"", "store/0"]);
        told(&store.snapshot().get_meta("position").unwrap_err(), &["\"position\"", "store/0"]);
    }
}

#[test]
fn a_newer_format_is_refused_and_an_older_one_is_set_aside() {
    let dir = store();
    write_format(&dir, 3);
    for access in [Access::ReadWrite, Access::ReadOnly] {
        let error = open(dir.path(), access).partition("0").err().unwrap();
        told(&error, &["store format 3", "up to 2", "store/0"]);
    }
    write_format(&dir, 1);
    let error = open(dir.path(), Access::ReadOnly).partition("0").err().unwrap();
    assert_eq!(error.kind(), ErrorKind::Outdated);
    let text = error.to_string();
    assert!(text.contains("store format 1") && text.contains("from the log"), "{text}");
    // A writer begins a new one, and what was there is kept.
    let fresh = open(dir.path(), Access::ReadWrite).partition("0").unwrap();
    assert_eq!(fresh.get_meta("position").unwrap(), None);
    assert!(dir.path().join("store.outdated/0/CURRENT").exists());
}

fn write_format(dir: &tempfile::TempDir, format: u32) {
    let mut value = format.to_le_bytes().to_vec();
    let sum = blake3::hash(&[b"format\0", value.as_slice()].concat());
    value.extend_from_slice(&sum.as_bytes()[..8]);
    faults::overwrite(dir.path(), "0", "meta", b"format", &value).unwrap();
}

#[test]
fn a_lost_file_is_corruption() {
    let dir = store();
    // Opening with a WAL flushes it into files.
    drop(open(dir.path(), Access::ReadWrite).partition("0").unwrap());
    let files = std::fs::read_dir(dir.path().join("store/0")).unwrap().map(|e| e.unwrap().path());
    let files: Vec<_> = files.filter(|p| p.extension().is_some_and(|e| e == "sst")).collect();
    assert!(!files.is_empty());
    files.iter().for_each(|file| std::fs::remove_file(file).unwrap());
    let error = open(dir.path(), Access::ReadWrite).partition("0").err().unwrap();
    told(&error, &["cannot open", "store/0"]);
}

#[test]
fn faults_show_and_change_rows() {
    let dir = store();
    faults::overwrite(dir.path(), "0", "latest", b"key", b"forged").unwrap();
    let rows = faults::entries(dir.path(), "0", "latest").unwrap();
    assert_eq!(rows, [(b"key".to_vec(), b"forged".to_vec())]);
    let store = open(dir.path(), Access::ReadOnly).partition("0").unwrap();
    assert_eq!(store.get_latest(b"key").unwrap().unwrap(), b"forged");
    assert_eq!(faults::entries(dir.path(), "0", "rows").unwrap_err().kind(), ErrorKind::Bug);
}
