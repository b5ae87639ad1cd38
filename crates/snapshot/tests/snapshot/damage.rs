//! A damaged snapshot is refused, by the name of what is damaged; a create that dies leaves none.

use std::{fs, path::PathBuf};

use headwater_objects::{Key, Objects, testing::TestS3};
use headwater_snapshot::{ErrorKind, Manifest, Step, list, open};
use serde_json::{Value, json};
use tokio::sync::mpsc;

use crate::place::{Kind, Place, in_folder, submit};

/// A place with one snapshot, and what it is.
async fn with_snapshot() -> (Place, Objects, Manifest) {
    let place = Place::new(Kind::Embedded);
    let engine = place.open_with(0..300).await;
    let objects = in_folder(&place.dir);
    place.create(&engine, &objects).await;
    engine.shutdown().await;
    let manifest = open(&objects, None).await.unwrap();
    (place, objects, manifest)
}

fn manifest_path(place: &Place, manifest: &Manifest) -> PathBuf {
    place.path(&format!("snapshots/snapshots/{}/manifest.json", manifest.id))
}

/// Refused as damaged, with this in the message, and nothing was put in place.
async fn refused(place: &Place, objects: &Objects, told: &str) {
    let copy = place.copy_without_views();
    let error = copy.restore(objects, false).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Corrupt, "{error}");
    assert!(error.to_string().contains(told), "{told:?} is not in: {error}");
    for folder in ["store", "history", "store.restoring"] {
        assert!(!copy.path(folder).exists(), "{folder} is there after: {error}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_flipped_byte_in_any_file_is_told_by_its_name_on_embedded() {
    let (place, objects, manifest) = with_snapshot().await;
    let mut flipped = 0;
    for file in manifest.files().filter(|file| file.bytes > 0) {
        let path = place.path("snapshots/blobs").join(&file.blake3);
        let sound = fs::read(&path).unwrap();
        let mut bytes = sound.clone();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        fs::write(&path, &bytes).unwrap();
        refused(&place, &objects, "its bytes are not those that were written").await;
        let error = place.copy_without_views().restore(&objects, false).await.unwrap_err();
        let same = manifest.files().filter(|other| other.blake3 == file.blake3);
        let mut named = same.map(|other| other.path.as_str());
        assert!(named.any(|path| error.to_string().contains(path)), "{error}");
        fs::write(&path, &sound).unwrap();
        flipped += 1;
        if flipped == 6 {
            break;
        }
    }
    assert_eq!(flipped, 6);
    place.copy_without_views().restore(&objects, false).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_and_a_short_file_are_told_on_embedded() {
    let (place, objects, manifest) = with_snapshot().await;
    let file = manifest.files().find(|file| file.path.ends_with(".sst")).unwrap();
    let path = place.path("snapshots/blobs").join(&file.blake3);
    let sound = fs::read(&path).unwrap();
    fs::write(&path, &sound[..sound.len() - 1]).unwrap();
    refused(&place, &objects, "bytes instead of").await;
    fs::remove_file(&path).unwrap();
    refused(&place, &objects, "is missing").await;
    refused(&place, &objects, &file.path).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flipped_byte_in_a_bucket_is_told_on_s3() {
    let s3 = TestS3::start();
    let url = s3.url();
    let objects = Objects::open(&url, &s3.properties()).unwrap();
    let place = Place::new(Kind::Embedded);
    let engine = place.open_with(0..300).await;
    place.create(&engine, &objects).await;
    engine.shutdown().await;
    let manifest = open(&objects, None).await.unwrap();
    let file = manifest.files().find(|file| file.path.ends_with(".sst")).unwrap();
    let path = s3.file(&url, &format!("blobs/{}", file.blake3));
    let mut bytes = fs::read(&path).unwrap();
    bytes[10] ^= 0x20;
    fs::write(&path, bytes).unwrap();
    refused(&place, &objects, &file.path).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_manifest_of_other_bytes_is_listed_as_damaged_and_refused_on_embedded() {
    let (place, objects, manifest) = with_snapshot().await;
    let path = manifest_path(&place, &manifest);
    let sound = fs::read_to_string(&path).unwrap();
    fs::write(&path, sound.replacen("\"offset\":", "\"offset\":1", 1)).unwrap();
    refused(&place, &objects, "the manifest is damaged").await;
    let listed = list(&objects).await.unwrap();
    assert_eq!(listed[0].id, manifest.id);
    assert!(listed[0].damaged.as_ref().unwrap().contains("does not match its hash"));
    assert!(listed[0].snapshot.is_none());
}

/// A manifest made up so that its own hash is right: the stores tell that it lies.
#[tokio::test(flavor = "multi_thread")]
async fn a_manifest_that_lies_is_found_by_the_stores_on_embedded() {
    let (place, objects, manifest) = with_snapshot().await;
    let path = manifest_path(&place, &manifest);
    let sound = fs::read_to_string(&path).unwrap();
    let lie = |change: &dyn Fn(&mut Value)| {
        let mut sealed: Value = serde_json::from_str(&sound).unwrap();
        change(&mut sealed["snapshot"]);
        let text = sealed["snapshot"].to_string();
        let hash = blake3::hash(text.as_bytes()).to_hex().to_string();
        fs::write(&path, format!("{{\"blake3\":\"{hash}\",\"snapshot\":{text}}}")).unwrap();
    };
    let other = "7".repeat(64);
    lie(&|snapshot| snapshot["topology"] = json!(other));
    refused(&place, &objects, "the topology in the store of partition control").await;
    lie(&|snapshot| snapshot["partitions"][1]["digests"] = json!({}));
    refused(&place, &objects, "the list of digests in the store of partition 0").await;
    lie(&|snapshot| snapshot["fold_revision"] = json!(99));
    let error = place.copy_without_views().restore(&objects, false).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Reject, "{error}");
    assert!(error.to_string().contains("fold revision 99"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_create_that_is_cut_off_leaves_no_snapshot_on_embedded() {
    let place = Place::new(Kind::Embedded);
    let engine = place.open_with(0..500).await;
    let objects = in_folder(&place.dir);
    let (told, mut uploading) = mpsc::unbounded_channel();
    let (maker, to) = (place.maker(&engine), objects.clone());
    let cut_off = tokio::spawn(async move {
        let tell = |progress: headwater_snapshot::Progress| {
            if progress.step == Step::Uploading && progress.bytes > 0 {
                let _ = told.send(());
                // The upload does not get further than its first files.
                std::thread::sleep(std::time::Duration::from_millis(200));
            }
        };
        maker.create(&to, &tell).await
    });
    uploading.recv().await.unwrap();
    cut_off.abort();
    assert!(cut_off.await.unwrap_err().is_cancelled());
    assert!(list(&objects).await.unwrap().is_empty());
    let blobs = objects.list(&Key::new("blobs").unwrap()).await.unwrap();
    assert!(!blobs.is_empty(), "it was cut off before it wrote anything");
    // Nothing is left in the data folder either, and the next one works.
    submit(&engine, 500..600).await;
    let created = place.create(&engine, &objects).await;
    assert!(created.uploaded_bytes < created.snapshot.bytes, "{created:?}");
    assert_eq!(fs::read_dir(place.path("scratch")).unwrap().count(), 0);
    engine.shutdown().await;
    place.copy_without_views().restore(&objects, false).await.unwrap();
}
