//! Pruning: what is named stays whole, what is not named goes, what is under way is left alone.

use std::{
    collections::BTreeSet,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant, SystemTime},
};

use bytes::Bytes;
use headwater_objects::{Key, Objects, testing::TestS3};
use headwater_snapshot::{BLOB_AGE_MIN, ErrorKind, Keep, list, open, prune};

use crate::place::{Kind, Place, in_folder, submit};

const NOW: Keep = Keep { newest: 1, younger: None, blob_age_min: Duration::ZERO };

async fn blobs(objects: &Objects) -> BTreeSet<String> {
    let listed = objects.list(&Key::new("blobs").unwrap()).await.unwrap();
    listed.into_iter().map(|object| object.key.as_str().to_owned()).collect()
}

/// The blobs that the listed snapshots name.
async fn named(objects: &Objects) -> BTreeSet<String> {
    let mut named = BTreeSet::new();
    for one in list(objects).await.unwrap() {
        let manifest = open(objects, Some(&one.id)).await.unwrap();
        named.extend(manifest.files().map(|file| format!("blobs/{}", file.blake3)));
    }
    named
}

async fn keeps_the_newest(objects: Objects) {
    let place = Place::new(Kind::Embedded);
    let engine = place.open_with(0..100).await;
    let mut ids = Vec::new();
    for n in 1..5 {
        ids.push(place.create(&engine, &objects).await.snapshot.id);
        submit(&engine, n * 100..(n + 1) * 100).await;
    }
    engine.shutdown().await;
    let all = blobs(&objects).await;
    assert_eq!(all, named(&objects).await);

    let young = prune(&objects, Keep { newest: 2, blob_age_min: BLOB_AGE_MIN, ..NOW });
    let young = young.await.unwrap();
    assert_eq!((young.removed, young.kept), (ids[..2].to_vec(), ids[2..].to_vec()));
    assert_eq!(young.files_removed, 0);
    assert!(young.files_young > 0);
    assert_eq!(blobs(&objects).await, all, "files younger than an hour stay");

    let pruned = prune(&objects, Keep { newest: 2, ..NOW }).await.unwrap();
    assert_eq!((pruned.removed.len(), pruned.kept.len()), (0, 2));
    assert_eq!(pruned.files_removed, young.files_young);
    assert!(pruned.bytes_removed > 0);
    assert_eq!(blobs(&objects).await, named(&objects).await);
    for id in &ids[2..] {
        let copy = place.copy_without_views();
        let ask = headwater_snapshot::Restore {
            objects: &objects,
            id: Some(id.clone()),
            data_dir: copy.dir.path(),
            log: copy.log().await,
            force: false,
        };
        headwater_snapshot::restore(ask, &|_| {}).await.unwrap();
    }
    // All are younger than an hour, so that none goes, and then all but the newest.
    let younger = Some(Duration::from_secs(3_600));
    assert!(prune(&objects, Keep { younger, ..NOW }).await.unwrap().removed.is_empty());
    let younger = Some(Duration::ZERO);
    let pruned = prune(&objects, Keep { younger, ..NOW }).await.unwrap();
    assert_eq!(pruned.kept, ids[3..]);
    assert_eq!(blobs(&objects).await, named(&objects).await);
    assert!(objects.list(&Key::new("under-way").unwrap()).await.unwrap().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_newest_stay_whole_on_embedded() {
    let dir = tempfile::tempdir().unwrap();
    keeps_the_newest(in_folder(&dir)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_newest_stay_whole_on_s3() {
    keeps_the_newest(TestS3::shared().objects()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_snapshot_under_way_has_written_stays_on_embedded() {
    let place = Place::new(Kind::Embedded);
    let engine = place.open_with(0..100).await;
    let objects = in_folder(&place.dir);
    place.create(&engine, &objects).await;
    engine.shutdown().await;
    // Another process has begun a snapshot, and written a file that no manifest names yet.
    let mark = Key::new("under-way/create-0199e2c5-8f3a-7c1e-9b4d-2f6a7c8d9e0f").unwrap();
    objects.put_bytes(&mark, Bytes::from("{}")).await.unwrap();
    let written = Key::new(format!("blobs/{}", "ab".repeat(32))).unwrap();
    objects.put_bytes(&written, Bytes::from("new")).await.unwrap();
    let pruned = prune(&objects, NOW).await.unwrap();
    assert_eq!(pruned.files_removed, 0);
    assert!(pruned.files_kept_because.unwrap().contains("0199e2c5"));
    assert!(objects.find(&written).await.unwrap().is_some());

    // It has been silent for long: whoever made it is dead, and its mark goes with its files.
    let path = place.path("snapshots").join(mark.as_str());
    let file = std::fs::File::options().write(true).open(path).unwrap();
    file.set_modified(SystemTime::now() - Duration::from_secs(16 * 60)).unwrap();
    let pruned = prune(&objects, NOW).await.unwrap();
    assert_eq!((pruned.files_removed, pruned.files_kept_because), (1, None));
    assert_eq!(objects.find(&written).await.unwrap(), None);
    assert_eq!(objects.find(&mark).await.unwrap(), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_snapshot_gives_way_to_a_pruning_on_embedded() {
    let place = Place::new(Kind::Embedded);
    let engine = place.open_with(0..10).await;
    let objects = in_folder(&place.dir);
    let mark = Key::new("under-way/prune-0199e2c5-8f3a-7c1e-9b4d-2f6a7c8d9e0f").unwrap();
    objects.put_bytes(&mark, Bytes::from("{}")).await.unwrap();
    let error = place.maker(&engine).create(&objects, &|_| {}).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Retry, "{error}");
    assert!(list(&objects).await.unwrap().is_empty());
    objects.delete(&mark).await.unwrap();
    place.create(&engine, &objects).await;
    engine.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn files_of_a_damaged_snapshot_stay_on_embedded() {
    let place = Place::new(Kind::Embedded);
    let engine = place.open_with(0..10).await;
    let objects = in_folder(&place.dir);
    let created = place.create(&engine, &objects).await;
    engine.shutdown().await;
    let manifest = format!("snapshots/snapshots/{}/manifest.json", created.snapshot.id);
    std::fs::write(place.path(&manifest), "{}").unwrap();
    let before = blobs(&objects).await;
    let pruned = prune(&objects, NOW).await.unwrap();
    assert!(pruned.files_kept_because.unwrap().contains("is damaged"));
    assert_eq!(blobs(&objects).await, before);
}

/// Snapshots and prunings at once: whatever the order, a snapshot that is listed is whole.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn prunings_beside_snapshots_never_take_what_is_named_on_embedded() {
    let place = Place::new(Kind::Embedded);
    let engine = place.open_with(0..100).await;
    let objects = in_folder(&place.dir);
    // Both go on until each has done its part, however busy the machine is.
    let (removed, stop) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicBool::new(false)));
    let pruning = {
        let (objects, removed, stop) = (objects.clone(), Arc::clone(&removed), Arc::clone(&stop));
        tokio::spawn(async move {
            while !stop.load(Ordering::Relaxed) {
                let files = prune(&objects, NOW).await.unwrap().files_removed;
                removed.fetch_add(files, Ordering::Relaxed);
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        })
    };
    let maker = place.maker(&engine);
    let began = Instant::now();
    let (mut made, mut gave_way, mut next) = (0, 0, 100);
    while made < 5 || removed.load(Ordering::Relaxed) == 0 {
        assert!(began.elapsed() < Duration::from_secs(120), "{made} made, {gave_way} gave way");
        submit(&engine, next..next + 20).await;
        next += 20;
        match maker.create(&objects, &|_| {}).await {
            Ok(_) => made += 1,
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::Retry, "{error}");
                gave_way += 1;
            }
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    stop.store(true, Ordering::Relaxed);
    pruning.await.unwrap();
    engine.shutdown().await;
    let missing: Vec<_> = {
        let there = blobs(&objects).await;
        named(&objects).await.into_iter().filter(|blob| !there.contains(blob)).collect()
    };
    assert!(missing.is_empty(), "{missing:?}");
}
