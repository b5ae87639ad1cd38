//! Sealed history: in snapshots, and kept in object storage besides the data folder.

use std::{path::Path, sync::Arc, time::Duration};

use headwater_engine::HistoryPlace;
use headwater_objects::{Key, Objects, testing::TestS3};
use headwater_replay::{Report, Verify};
use headwater_store::Access;

use crate::place::{Kind, Place, in_folder, on_every_log, submit};

/// So many offsets are sealed at once.
const STRETCH: u64 = 64;
const PATIENCE: Duration = Duration::from_secs(60);

on_every_log!(sealed_history_comes_back);

/// The sealed files in a data folder, by name.
fn sealed(data_dir: &Path) -> Vec<String> {
    let mut files = Vec::new();
    for partition in ["control", "0", "1"] {
        let folder = data_dir.join("history").join(partition);
        let entries = std::fs::read_dir(folder).into_iter().flatten().map(Result::unwrap);
        let names = entries.map(|entry| entry.file_name().into_string().unwrap());
        files.extend(names.map(|name| format!("{partition}/{name}")));
    }
    files.sort();
    files
}

async fn wait_until(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let began = std::time::Instant::now();
    while !holds().await {
        assert!(began.elapsed() < PATIENCE, "not in time: {what}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

async fn verify(place: &Place) -> Report {
    let scratch = tempfile::tempdir().unwrap();
    let stores = place.stores(Access::ReadOnly);
    let verify = Verify::new(scratch.path());
    headwater_replay::verify(place.log().await, &stores, verify).await.unwrap()
}

async fn kept(objects: &Objects) -> Vec<String> {
    let listed = objects.list(&Key::new("history").unwrap()).await.unwrap();
    let name = |key: &str| key.strip_prefix("history/").unwrap().to_owned();
    listed.iter().map(|object| name(object.key.as_str())).collect()
}

mod tests {
    use super::*;

    pub(super) async fn sealed_history_comes_back(place: Place) {
        let place = place.sealing(STRETCH);
        let engine = place.open_with(0..600).await;
        wait_until("files are sealed", async || sealed(place.dir.path()).len() > 6).await;
        // What no manifest names does not belong to it.
        std::fs::write(place.path("history/0/nobodys.parquet"), "half").unwrap();
        let objects = in_folder(&place.dir);
        place.create(&engine, &objects).await;
        submit(&engine, 600..700).await;
        engine.shutdown().await;
        let copy = place.copy_without_views();
        copy.restore(&objects, false).await.unwrap();
        let files = sealed(copy.dir.path());
        assert!(files.len() > 6 && !files.contains(&"0/nobodys.parquet".to_owned()), "{files:?}");
        copy.fold_to_the_end().await;
        let report = verify(&copy).await;
        assert!(report.is_equal(), "{report:?}");
    }
}

async fn place_of(objects: &Objects, data_dir: &Path, bytes: u64) -> Arc<HistoryPlace> {
    Arc::new(HistoryPlace::open(objects.clone(), data_dir, bytes).await.unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn history_goes_to_object_storage_and_is_read_from_there_on_s3() {
    let objects = TestS3::shared().objects();
    let place = Place::new(Kind::Embedded).sealing(STRETCH);
    // Sealed before there was such a place.
    let engine = place.open_with(0..400).await;
    wait_until("files are sealed", async || sealed(place.dir.path()).len() > 4).await;
    engine.shutdown().await;
    let place = {
        let elsewhere = place_of(&objects, place.dir.path(), 0).await;
        place.keeping(elsewhere)
    };
    let before = sealed(place.dir.path());
    let engine = place.open().await;
    engine.wait_ready().await.unwrap();
    wait_until("all is kept and nothing stays", async || {
        let kept = kept(&objects).await;
        before.iter().all(|file| kept.contains(file)) && sealed(place.dir.path()).is_empty()
    })
    .await;
    submit(&engine, 400..700).await;
    wait_until("more is sealed", async || {
        kept(&objects).await.len() > before.len() && sealed(place.dir.path()).is_empty()
    })
    .await;
    // A snapshot has all of it.
    let snapshots = in_folder(&place.dir);
    place.create(&engine, &snapshots).await;
    engine.shutdown().await;
    let copy = place.copy_without_views();
    copy.restore(&snapshots, false).await.unwrap();
    assert!(sealed(copy.dir.path()).len() > before.len());
    // Every row and version is compared: read from where it is kept.
    let report = verify(&place).await;
    assert!(report.is_equal(), "{report:?}");
    let clicks = report.views.iter().find(|view| view.table.ends_with("visitor_clicks"));
    assert_eq!(clicks.unwrap().on_disk.versions, 700);
    // A damaged file in the folder is brought again.
    let local = sealed(place.dir.path());
    let damaged = place.path("history").join(local.first().unwrap());
    let whole = std::fs::read(&damaged).unwrap();
    std::fs::write(&damaged, "damaged").unwrap();
    assert!(verify(&place).await.is_equal());
    assert_eq!(std::fs::read(&damaged).unwrap(), whole);
    // One that is damaged where it is kept is told, with its place.
    let key = Key::new(format!("history/{}", local[0])).unwrap();
    objects.put_bytes(&key, "damaged".into()).await.unwrap();
    std::fs::remove_file(&damaged).unwrap();
    let report = verify(&place).await;
    let told = format!("{:?}", report.problems);
    assert!(!report.is_equal() && told.contains("sealed history"), "{told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_place_keeps_the_history_of_one_folder_on_s3() {
    let objects = TestS3::shared().objects();
    let (one, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    place_of(&objects, one.path(), 0).await;
    place_of(&objects, one.path(), 0).await;
    let error = HistoryPlace::open(objects, other.path(), 0).await.unwrap_err();
    assert!(error.to_string().contains("another data folder"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_folder_holds_what_was_used_last_on_embedded() {
    let home = tempfile::tempdir().unwrap();
    let objects = Objects::open(home.path().to_str().unwrap(), &Default::default()).unwrap();
    let place = Place::new(Kind::Embedded).sealing(STRETCH);
    let bound = 20_000;
    let elsewhere = place_of(&objects, place.dir.path(), bound).await;
    let place = place.keeping(elsewhere);
    let engine = place.open_with(0..2_000).await;
    wait_until("files are kept", async || kept(&objects).await.len() > 20).await;
    let bytes = |partition: &str| -> u64 {
        let folder = place.path("history").join(partition);
        let entries = std::fs::read_dir(folder).unwrap().map(Result::unwrap);
        entries.map(|entry| entry.metadata().map_or(0, |of| of.len())).sum()
    };
    wait_until("the folder is within its bound", async || bytes("0") <= bound).await;
    assert!(bytes("0") > 0);
    engine.shutdown().await;
}
