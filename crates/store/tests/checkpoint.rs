//! What a checkpoint promises: one moment, whole, while commits go on.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "helpers of tests")]

use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use headwater_store::{Access, Commit, ErrorKind, PartitionStore, StoreOptions, StoreSet, Version};

fn open(dir: &Path, access: Access) -> StoreSet {
    let options = StoreOptions {
        block_cache_bytes: 8 << 20,
        write_buffer_bytes: 8 << 20,
        ..StoreOptions::default()
    };
    StoreSet::open(dir, access, options).unwrap()
}

/// The commit of the event at `offset`: a row, its version and the position.
fn commit(offset: u64) -> Commit {
    let text = offset.to_string().into_bytes();
    let key = format!("view-001/{:05}", offset % 10_000).into_bytes();
    let row = [text.clone(), vec![b'.'; 200]].concat();
    Commit {
        latest: vec![(key.clone(), Some(row.clone()))],
        versions: vec![Version { key, offset, row: Some(row) }],
        meta: vec![("position", text)],
        ..Commit::default()
    }
}

/// Makes the folders that a set of partitions has, and the checkpoint of `0` among them.
fn checkpoint(store: &PartitionStore, dir: &Path) {
    std::fs::create_dir_all(dir.join("store")).unwrap();
    store.checkpoint(&dir.join("store/0")).unwrap();
}

fn position(store: &PartitionStore) -> u64 {
    String::from_utf8(store.get_meta("position").unwrap().unwrap()).unwrap().parse().unwrap()
}

#[test]
fn a_checkpoint_is_a_store_of_its_own() {
    let dir = tempfile::tempdir().unwrap();
    let set = open(&dir.path().join("a"), Access::ReadWrite);
    let store = set.partition("0").unwrap();
    (0..1_000).for_each(|offset| store.commit(&commit(offset)).unwrap());
    let copy = dir.path().join("b");
    checkpoint(&store, &copy);
    (1_000..2_000).for_each(|offset| store.commit(&commit(offset)).unwrap());

    // Read-only, then as a store that goes on by itself.
    assert_eq!(position(&open(&copy, Access::ReadOnly).partition("0").unwrap()), 999);
    let other = open(&copy, Access::ReadWrite).partition("0").unwrap();
    assert_eq!(other.snapshot().scan_versions().count(), 1_000);
    (1_000..1_500).for_each(|offset| other.commit(&commit(offset)).unwrap());
    assert_eq!((position(&other), position(&store)), (1_499, 1_999));
}

#[test]
fn table_files_are_shared_not_copied() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(&dir.path().join("a"), Access::ReadWrite).partition("0").unwrap();
    (0..1_000).for_each(|offset| store.commit(&commit(offset)).unwrap());
    let copy = dir.path().join("b");
    checkpoint(&store, &copy);
    let tables: Vec<_> = std::fs::read_dir(copy.join("store/0"))
        .unwrap()
        .map(Result::unwrap)
        .filter(|entry| entry.path().extension().is_some_and(|ext| ext == "sst"))
        .collect();
    assert!(!tables.is_empty());
    assert!(tables.iter().all(|table| table.metadata().unwrap().nlink() == 2));
}

#[test]
fn a_checkpoint_where_something_is_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(&dir.path().join("a"), Access::ReadWrite).partition("0").unwrap();
    store.commit(&commit(0)).unwrap();
    std::fs::create_dir_all(dir.path().join("there")).unwrap();
    assert!(store.checkpoint(&dir.path().join("there")).is_err());
    let nowhere = store.checkpoint(&dir.path().join("no/folder")).unwrap_err();
    assert_eq!(nowhere.kind(), ErrorKind::Bug);
}

/// Commits as fast as one thread can, and answers how long each took, in order.
fn load(store: &Arc<PartitionStore>, stop: &AtomicBool, next: &AtomicU64) -> Vec<Duration> {
    let mut took = Vec::new();
    while !stop.load(Ordering::Relaxed) {
        let offset = next.fetch_add(1, Ordering::Relaxed);
        let began = Instant::now();
        store.commit(&commit(offset)).unwrap();
        took.push(began.elapsed());
    }
    took
}

fn told(mut took: Vec<Duration>) -> String {
    took.sort_unstable();
    let at = |part: f64| took[((took.len() - 1) as f64 * part) as usize];
    format!("{} commits, p50 {:?}, p99 {:?}, most {:?}", took.len(), at(0.5), at(0.99), at(1.0))
}

#[test]
fn commits_go_on_while_checkpoints_are_made() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(&dir.path().join("a"), Access::ReadWrite).partition("0").unwrap();
    let next = AtomicU64::new(0);
    let run = |while_running: &dyn Fn()| {
        let stop = AtomicBool::new(false);
        std::thread::scope(|scope| {
            let loading = scope.spawn(|| load(&store, &stop, &next));
            while_running();
            stop.store(true, Ordering::Relaxed);
            loading.join().unwrap()
        })
    };
    let alone = run(&|| std::thread::sleep(Duration::from_secs(2)));
    let mut made = 0;
    let beside = run(&|| {
        let began = Instant::now();
        while began.elapsed() < Duration::from_secs(2) {
            let copy = dir.path().join(format!("copy-{}", next.load(Ordering::Relaxed)));
            checkpoint(&store, &copy);
            // A moment: the position is that of the last version that it holds.
            let of = open(&copy, Access::ReadOnly).partition("0").unwrap();
            let last = of.snapshot().scan_versions().last().unwrap().unwrap().offset;
            assert_eq!(position(&of), last);
        }
    });
    for entry in std::fs::read_dir(dir.path()).unwrap() {
        made += usize::from(entry.unwrap().file_name().to_string_lossy().starts_with("copy-"));
    }
    println!("commits alone: {}", told(alone));
    println!("commits beside {made} checkpoints: {}", told(beside.clone()));
    assert!(made > 0);
    // They are held up by a flush at most, never for as long as a checkpoint's upload takes.
    let most = beside.iter().max().unwrap();
    assert!(*most < Duration::from_secs(2), "a commit was held up for {most:?}");
}
