//! What a partition promises: commits, reads, snapshots, history, readers beside a writer.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "helpers of tests")]

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use headwater_store::{
    Access, Commit, ErrorKind, PartitionStore, Snapshot, StoreOptions, StoreSet, Version,
};

fn open(dir: &Path, access: Access) -> StoreSet {
    let options = StoreOptions {
        block_cache_bytes: 8 << 20,
        write_buffer_bytes: 8 << 20,
        ..StoreOptions::default()
    };
    StoreSet::open(dir, access, options).unwrap()
}

/// The commit that folding the event at `offset` makes: a bit of everything.
fn commit(offset: u64) -> Commit {
    let text = offset.to_string().into_bytes();
    let key = format!("view-001/{:03}", offset % 100).into_bytes();
    Commit {
        latest: vec![(key.clone(), Some(text.clone()))],
        versions: vec![version(offset, key, Some(&text))],
        ids: vec![(u128::from(offset).to_be_bytes(), text.clone())],
        outbox: vec![(offset.to_be_bytes().to_vec(), text.clone())],
        meta: vec![("position", text)],
        marks: Vec::new(),
        backfill: false,
    }
}

fn version(offset: u64, key: impl Into<Vec<u8>>, row: Option<&[u8]>) -> Version {
    Version { key: key.into(), offset, row: row.map(Into::into) }
}

fn versions(snapshot: &Snapshot) -> Vec<Version> {
    snapshot.scan_versions().map(Result::unwrap).collect()
}

fn keys(snapshot: &Snapshot, start: &str, end: &str) -> Vec<String> {
    let rows = snapshot.scan_latest(start.into(), end.into());
    rows.map(|row| String::from_utf8(row.unwrap().0).unwrap()).collect()
}

/// The last position, after a check that every family says the same.
fn agreed_position(store: &Arc<PartitionStore>) -> Option<u64> {
    let snapshot = store.snapshot();
    let history = versions(&snapshot);
    let outbox = store.outbox(b"", usize::MAX).unwrap();
    let position = store.get_meta("position").unwrap();
    let position: Option<u64> = position.map(|p| String::from_utf8(p).unwrap().parse().unwrap());
    let count = position.map_or(0, |p| p + 1);
    assert_eq!(history.len() as u64, count);
    assert_eq!(outbox.len() as u64, count);
    for offset in 0..count {
        assert_eq!(history[offset as usize], commit(offset).versions[0]);
        assert_eq!(
            store.get_id(&commit(offset).ids[0].0).unwrap(),
            Some(outbox[offset as usize].1.clone())
        );
    }
    assert_eq!(store.get_id(&u128::from(count).to_be_bytes()).unwrap(), None);
    if let Some(last) = position {
        let (key, row) = &commit(last).latest[0];
        assert_eq!(&store.get_latest(key).unwrap(), row);
    }
    assert_eq!(keys(&snapshot, "", "").len() as u64, count.min(100));
    position
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap().map(Result::unwrap) {
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).unwrap();
        }
    }
}

#[test]
fn a_commit_is_there_after_reopening() {
    let dir = tempfile::tempdir().unwrap();
    for start in [0_u64, 250] {
        let set = open(dir.path(), Access::ReadWrite);
        let store = set.partition("0").unwrap();
        assert_eq!(agreed_position(&store), start.checked_sub(1));
        for offset in start..start + 250 {
            store.commit(&commit(offset)).unwrap();
        }
        assert_eq!(agreed_position(&store), Some(start + 249));
        assert!(set.partition("control").unwrap().get_meta("position").unwrap().is_none());
    }
}

#[test]
fn a_kill_keeps_commits() {
    let (dir, image) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let set = open(dir.path(), Access::ReadWrite);
    let store = set.partition("0").unwrap();
    for offset in 0..50 {
        store.commit(&commit(offset)).unwrap();
    }
    copy(dir.path(), image.path()); // what the kernel has when the process is killed
    let revived = open(image.path(), Access::ReadWrite);
    assert_eq!(agreed_position(&revived.partition("0").unwrap()), Some(49));
}

#[test]
fn a_power_cut_takes_whole_commits_from_the_end() {
    let dir = tempfile::tempdir().unwrap();
    let set = open(dir.path(), Access::ReadWrite);
    let store = set.partition("0").unwrap();
    for offset in 0..20 {
        store.commit(&commit(offset)).unwrap();
    }
    let wal = std::fs::read_dir(dir.path().join("store/0")).unwrap().map(Result::unwrap);
    let wal = wal.map(|e| e.path()).find(|p| p.extension().is_some_and(|e| e == "log")).unwrap();
    let whole = std::fs::metadata(&wal).unwrap().len();
    let mut seen = std::collections::BTreeSet::new();
    for cut in (0..whole).step_by(whole as usize / 40) {
        let image = tempfile::tempdir().unwrap();
        copy(dir.path(), image.path());
        let torn = image.path().join("store/0").join(wal.file_name().unwrap());
        std::fs::File::options().write(true).open(torn).unwrap().set_len(whole - cut).unwrap();
        seen.insert(agreed_position(
            &open(image.path(), Access::ReadWrite).partition("0").unwrap(),
        ));
    }
    assert!(seen.len() > 10 && seen.contains(&Some(19)), "{seen:?}");
}

#[test]
fn a_reader_beside_the_writer_sees_the_moment_of_opening() {
    let dir = tempfile::tempdir().unwrap();
    let readers = open(dir.path(), Access::ReadOnly);
    let absent = readers.partition("0").err().unwrap();
    assert_eq!(absent.kind(), ErrorKind::NotFound);
    assert!(absent.to_string().contains("store/0"), "{absent}");

    let set = open(dir.path(), Access::ReadWrite);
    let store = set.partition("0").unwrap();
    store.commit(&commit(0)).unwrap();
    let early = readers.partition("0").unwrap();
    store.commit(&commit(1)).unwrap();
    assert_eq!(agreed_position(&early), Some(0));
    assert_eq!(agreed_position(&readers.partition("0").unwrap()), Some(1));
    assert_eq!(early.commit(&commit(2)).unwrap_err().kind(), ErrorKind::Bug);
    store.commit(&commit(2)).unwrap();
    assert_eq!(agreed_position(&store), Some(2));
}

#[test]
fn readers_open_consistently_while_the_writer_flushes() {
    let dir = tempfile::tempdir().unwrap();
    let set = open(dir.path(), Access::ReadWrite);
    let store = set.partition("0").unwrap();
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let ballast = vec![7; 50_000]; // so that flushes come often
            // Bounded, and no faster than readers can follow: a check that fails must end the test.
            for offset in 0..2_000 {
                let mut commit = commit(offset);
                commit.ids.push((u128::MAX.to_be_bytes(), ballast.clone()));
                store.commit(&commit).unwrap();
                if stop.load(Ordering::Relaxed) {
                    break;
                }
                std::thread::sleep(std::time::Duration::from_millis(2));
            }
        });
        let readers = open(dir.path(), Access::ReadOnly);
        let mut last = None;
        for _ in 0..40 {
            std::thread::sleep(std::time::Duration::from_millis(10));
            let opened = readers.partition("0");
            match opened {
                Ok(reader) => {
                    let now = agreed_position(&reader);
                    assert!(now >= last);
                    last = now;
                }
                Err(error) => assert_eq!(error.kind(), ErrorKind::Retry, "{error:?}"),
            }
        }
        stop.store(true, Ordering::Relaxed);
        assert!(last > Some(0));
    });
}

#[test]
fn a_second_writer_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let first = open(dir.path(), Access::ReadWrite);
    let _store = first.partition("0").unwrap();
    let error = open(dir.path(), Access::ReadWrite).partition("0").err().unwrap();
    assert_eq!(error.kind(), ErrorKind::Locked);
    let place = dir.path().join("store/0");
    let told = format!("another process has {} open for writing", place.display());
    assert_eq!(error.to_string(), told);
}

#[test]
fn a_snapshot_stays_while_commits_go_on() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path(), Access::ReadWrite).partition("0").unwrap();
    for offset in 0..100 {
        store.commit(&commit(offset)).unwrap();
    }
    let snapshot = store.snapshot();
    let reader = std::thread::spawn({
        let snapshot = snapshot.clone(); // Send, 'static
        move || {
            let mut last = Vec::new();
            for _ in 0..20 {
                let rows = snapshot.scan_latest(Vec::new(), Vec::new());
                last = rows.map(Result::unwrap).collect();
                assert_eq!(snapshot.get_meta("position").unwrap().unwrap(), b"99");
            }
            last
        }
    });
    let scan = snapshot.scan_latest(b"view-001/010".to_vec(), Vec::new());
    for offset in 100..2_000 {
        store.commit(&commit(offset)).unwrap();
    }
    drop(store); // the snapshot holds it
    let rows = reader.join().unwrap();
    let expected: Vec<_> = (0..100).map(|o| (commit(o).latest[0].0.clone(), o)).collect();
    for ((key, row), (expected_key, offset)) in rows.iter().zip(&expected) {
        assert_eq!((key, row), (expected_key, &offset.to_string().into_bytes()));
    }
    assert_eq!(scan.count(), 90);
    assert_eq!(versions(&snapshot).len(), 100);
    assert_eq!(snapshot.get_latest(b"view-001/000").unwrap().unwrap(), b"0");
}

#[test]
fn removed_rows_are_gone_and_remembered() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path(), Access::ReadWrite).partition("0").unwrap();
    store.commit(&commit(0)).unwrap();
    let key = commit(0).latest[0].0.clone();
    let removal = Commit {
        latest: vec![(key.clone(), None)],
        versions: vec![version(1, key.clone(), None)],
        ..Commit::default()
    };
    store.commit(&removal).unwrap();
    assert_eq!(store.get_latest(&key).unwrap(), None);
    assert_eq!(versions(&store.snapshot())[1], version(1, key, None));
}

#[test]
fn scans_keep_to_their_bounds() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path(), Access::ReadWrite).partition("0").unwrap();
    let all = ["short", "view-001/a", "view-001/b", "view-002", "view-002/a", "view-003/z"];
    let latest = all.iter().map(|k| (k.as_bytes().to_vec(), Some(vec![1]))).collect();
    store.commit(&Commit { latest, ..Commit::default() }).unwrap();
    let snapshot = store.snapshot();
    assert_eq!(keys(&snapshot, "", ""), all);
    assert_eq!(keys(&snapshot, "view-001", "view-002"), all[1..3]);
    assert_eq!(keys(&snapshot, "view-001/b", "view-002/a"), all[2..4]);
    assert_eq!(keys(&snapshot, "view-001/a", "view-001/b"), all[1..2]);
    assert_eq!(keys(&snapshot, "view-002", "view-003"), all[3..5]);
    assert_eq!(keys(&snapshot, "s", "view-001/b"), all[..2]);
    assert!(keys(&snapshot, "view-004", "").is_empty());
    assert!(keys(&snapshot, "view-003", "view-001").is_empty());
    assert!(keys(&snapshot, "view-001/a", "view-001/a").is_empty());
}

#[test]
fn history_is_in_order_of_offsets_with_backfills() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path(), Access::ReadWrite).partition("0").unwrap();
    let mut expected = Vec::new();
    let mut put = |view: &str, offsets: &[u64], backfill: bool| {
        let rows = offsets.iter().flat_map(|o| ["y", "x"].map(|k| (*o, format!("{view}/{k}"))));
        let versions: Vec<_> = rows.map(|(o, k)| version(o, k, Some(b"row"))).collect();
        expected.extend(versions.iter().cloned());
        store.commit(&Commit { versions, backfill, ..Commit::default() }).unwrap();
    };
    put("view-00m", &[0, 1, 2], false);
    put("view-00m", &[5, 9], false);
    put("view-00a", &[0, 2, 5, 7, 11], true); // across all blocks, and beyond
    put("view-00b", &[5], true);
    put("view-00m", &[12, 300], false);
    put("view-00b", &[9, 301], true);
    let given = versions(&store.snapshot());
    let mut by_offset = given.clone();
    by_offset.sort_by_key(|v| v.offset);
    assert_eq!(given, by_offset);
    // Of one offset: the main fold, then the views, each in the order of its commit.
    let at_5: Vec<_> = given.iter().filter(|v| v.offset == 5).map(|v| &v.key[5..]).collect();
    assert_eq!(at_5, ["00m/y", "00m/x", "00a/y", "00a/x", "00b/y", "00b/x"].map(str::as_bytes));
    let sorted = |mut v: Vec<Version>| {
        v.sort_by(|a, b| (a.offset, &a.key).cmp(&(b.offset, &b.key)));
        v
    };
    assert_eq!(sorted(given), sorted(expected));
}

#[test]
fn history_cannot_be_written_over() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path(), Access::ReadWrite).partition("0").unwrap();
    store.commit(&commit(7)).unwrap();
    store.commit(&commit(7)).unwrap(); // the same again is harmless
    let other = Commit { versions: vec![version(7, "other", None)], ..Commit::default() };
    assert_eq!(store.commit(&other).unwrap_err().kind(), ErrorKind::Bug);
    store.commit(&Commit { backfill: true, ..other }).unwrap();
    assert_eq!(versions(&store.snapshot()).len(), 2);
}

#[test]
fn the_outbox_is_read_in_order_and_removed() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path(), Access::ReadWrite).partition("0").unwrap();
    let outbox = (0..10_u8).rev().map(|n| (vec![n], vec![n, n])).collect();
    store.commit(&Commit { outbox, ..Commit::default() }).unwrap();
    assert_eq!(store.outbox(&[3], 2).unwrap(), [(vec![3], vec![3, 3]), (vec![4], vec![4, 4])]);
    store.outbox_remove(&[vec![3], vec![5]]).unwrap();
    let left: Vec<_> = store.outbox(&[3], 3).unwrap().into_iter().map(|(k, _)| k[0]).collect();
    assert_eq!(left, [4, 6, 7]);
    assert!(store.outbox(&[10], 5).unwrap().is_empty());
}

#[test]
fn misuse_is_told() {
    let dir = tempfile::tempdir().unwrap();
    let set = open(dir.path(), Access::ReadWrite);
    for name in ["", "..", "a/b", "0 "] {
        assert_eq!(set.partition(name).err().unwrap().kind(), ErrorKind::Bug, "{name}");
    }
    let mut own = commit(0);
    own.meta.push(("format", vec![2]));
    let store = set.partition("0").unwrap();
    assert_eq!(store.commit(&own).unwrap_err().kind(), ErrorKind::Bug);
    assert_eq!(agreed_position(&store), None);
}

#[test]
fn sizes_are_told_by_family() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path(), Access::ReadWrite).partition("0").unwrap();
    let before = store.sizes().unwrap();
    let rows = (0..2_000_u32).map(|n| (n.to_be_bytes().to_vec(), Some(vec![1; 500])));
    store.commit(&Commit { latest: rows.collect(), ..Commit::default() }).unwrap();
    let after = store.sizes().unwrap();
    let names: Vec<_> = after.iter().map(|(name, _)| *name).collect();
    assert_eq!(names, ["latest", "tail", "ids", "outbox", "meta", "sealed", "marks"]);
    assert!(after[0].1 > before[0].1 + 1_000_000, "{before:?} {after:?}");
}

#[test]
fn a_tail_is_found_by_key_as_of_any_offset() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path(), Access::ReadWrite).partition("0").unwrap();
    let mut history: Vec<Version> = Vec::new();
    for offset in 0..600_u64 {
        let key = format!("view-001/{:02}", offset * 7 % 50);
        let row = (offset % 11 != 0).then(|| offset.to_string().into_bytes());
        let both = [version(offset, key.clone(), Some(b"before")), version(offset, key, None)];
        let [mut first, mut last] = both;
        last.row = row;
        first.offset = offset;
        history.extend([first, last]); // one event can write a row twice
        if offset % 3 == 0 || offset % 100 == 99 {
            let from = history.iter().filter(|v| v.offset <= offset).count();
            assert_eq!(from, history.len());
        }
        let versions = history[history.len() - 2..].to_vec();
        store.commit(&Commit { versions, ..Commit::default() }).unwrap();
        if offset % 37 != 0 {
            continue; // so that the index is extended by runs of many sizes
        }
        let tail = store.snapshot().tail().unwrap();
        assert_eq!(tail.versions(), history.len());
        for at in [0, offset / 2, offset] {
            let expected = as_of(&history, at);
            let found: Vec<_> = tail.scan(b"", at).map(|e| (e.key.to_vec(), e.row)).collect();
            let found: Vec<_> =
                found.into_iter().map(|(key, row)| (key, row.map(|row| row.to_vec()))).collect();
            assert_eq!(found, expected);
            for (key, row) in &expected {
                let entry = tail.get(key, at).unwrap();
                assert_eq!(&entry.row.map(|row| row.to_vec()), row);
            }
            assert!(tail.get(b"view-001/zz", at).is_none());
        }
    }
}

/// The newest version of each key at or before an offset, by the simplest fold.
fn as_of(history: &[Version], at: u64) -> Vec<(Vec<u8>, Option<Vec<u8>>)> {
    let mut rows = std::collections::BTreeMap::new();
    for version in history.iter().filter(|version| version.offset <= at) {
        rows.insert(version.key.clone(), version.row.clone());
    }
    rows.into_iter().collect()
}

#[test]
fn stretches_are_sealed_one_by_one_and_snapshots_keep_theirs() {
    use headwater_store::{SEAL_EVERY, SealedRange};
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path(), Access::ReadWrite).partition("0").unwrap();
    let offsets = [0, 5, SEAL_EVERY - 1, SEAL_EVERY, 3 * SEAL_EVERY + 1];
    for offset in offsets {
        let versions = vec![version(offset, "view-00m/k", Some(b"row"))];
        store.commit(&Commit { versions, ..Commit::default() }).unwrap();
    }
    let versions = vec![version(3, "view-00b/k", Some(b"row"))];
    store.commit(&Commit { versions, backfill: true, ..Commit::default() }).unwrap();
    assert!(store.snapshot().unsealed(SEAL_EVERY - 1).unwrap().is_none());
    let before = store.snapshot();
    let whole = before.tail().unwrap().versions();
    let mut sealed = Vec::new();
    while let Some(stretch) = store.snapshot().unsealed(3 * SEAL_EVERY + 2).unwrap() {
        let view = *stretch.versions[0].key.first_chunk::<8>().unwrap();
        let range = SealedRange { view, from: stretch.from, to: stretch.to };
        sealed.push((
            String::from_utf8_lossy(&view).into_owned(),
            stretch.from,
            stretch.versions.len(),
        ));
        store.seal(&stretch, &[(range, b"a file".to_vec())]).unwrap();
    }
    let m = "view-00m".to_owned();
    assert_eq!(sealed, [(m.clone(), 0, 3), (m, SEAL_EVERY, 1), ("view-00b".to_owned(), 0, 1)]);
    let after = store.snapshot();
    assert_eq!(versions_left(&after), [3 * SEAL_EVERY + 1]);
    assert_eq!(after.tail().unwrap().versions(), 1);
    assert_eq!(after.all_sealed().unwrap().len(), 3);
    assert_eq!(after.sealed(*b"view-00m").unwrap().len(), 2);
    // The snapshot of before sees the tail as it was, and no manifest.
    assert_eq!(before.tail().unwrap().versions(), whole);
    assert!(before.all_sealed().unwrap().is_empty());
    // Rewriting swaps manifest entries in one batch.
    let (range, _) = after.sealed(*b"view-00m").unwrap().swap_remove(0);
    let merged = SealedRange { to: 2 * SEAL_EVERY, ..range };
    let gone: Vec<_> = after.sealed(*b"view-00m").unwrap().into_iter().map(|(r, _)| r).collect();
    store.reseal(&gone, &[(merged, b"one file".to_vec())]).unwrap();
    let now = store.snapshot().sealed(*b"view-00m").unwrap();
    assert_eq!(now, [(merged, b"one file".to_vec())]);
}

fn versions_left(snapshot: &Snapshot) -> Vec<u64> {
    versions(snapshot).into_iter().map(|version| version.offset).collect()
}

#[test]
fn marks_are_found_by_the_nearest_key() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path(), Access::ReadWrite).partition("0").unwrap();
    let marks = [10, 20, 30].map(|n: u8| (vec![1, n], vec![n])).to_vec();
    let other = [(vec![0, 99], vec![99]), (vec![2, 0], vec![0])];
    let marks: Vec<_> = marks.into_iter().chain(other).collect();
    store.commit(&Commit { marks, ..Commit::default() }).unwrap();
    let snapshot = store.snapshot();
    let last = |n: u8| snapshot.last_mark(&[1], &[1, n]).unwrap().map(|(_, v)| v[0]);
    assert_eq!([9, 10, 15, 30, 255].map(last), [None, Some(10), Some(10), Some(30), Some(30)]);
    let first = |n: u8| snapshot.first_mark(&[1, n], &[1, 255]).unwrap().map(|(_, v)| v[0]);
    assert_eq!([0, 10, 11, 31].map(first), [Some(10), Some(10), Some(20), None]);
    assert_eq!(snapshot.marks(&[1], &[1, 25]).unwrap().len(), 2);
}

#[test]
fn handles_go_anywhere() {
    fn anywhere<T: Send + Sync + 'static>() {}
    fn to_another_thread<T: Send + 'static>() {}
    anywhere::<StoreSet>();
    anywhere::<Arc<PartitionStore>>();
    anywhere::<Snapshot>();
    to_another_thread::<headwater_store::LatestRows>();
    to_another_thread::<headwater_store::Versions>();
}
