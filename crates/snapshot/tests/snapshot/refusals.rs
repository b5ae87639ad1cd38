//! What is not this log's, or not of this moment, is refused before anything is put in place.

use std::{fs, sync::Arc};

use headwater_event::{PartitionId, catalog::names, decode};
use headwater_log::ReadLimits;
use headwater_objects::Objects;
use headwater_snapshot::ErrorKind;

use crate::{
    altered_log::AlteredLog,
    place::{Kind, Place, in_folder, on_every_log, submit},
};

on_every_log!(a_snapshot_of_another_log_is_refused);
on_every_log!(views_that_are_there_are_kept_unless_forced);
on_every_log!(a_log_whose_topology_is_another_is_refused);

/// Refused, with this in the message, and nothing was put in place.
async fn refused(place: &Place, objects: &Objects, told: &[&str]) {
    let error = place.restore(objects, false).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Reject, "{error}");
    for part in told {
        assert!(error.to_string().contains(part), "{part:?} is not in: {error}");
    }
    for folder in ["store", "history", "store.restoring"] {
        assert!(!place.path(folder).exists(), "{folder} is there after: {error}");
    }
}

mod tests {
    use super::*;

    pub(super) async fn a_snapshot_of_another_log_is_refused(place: Place) {
        let engine = place.open_with(0..50).await;
        let objects = in_folder(&place.dir);
        let created = place.create(&engine, &objects).await;
        engine.shutdown().await;
        let other = Place::new(Kind::Embedded);
        other.open_with(0..500).await.shutdown().await;
        let other = other.copy_without_views();
        refused(&other, &objects, &[&created.snapshot.log_id, "--log"]).await;
    }

    pub(super) async fn views_that_are_there_are_kept_unless_forced(place: Place) {
        let engine = place.open_with(0..50).await;
        let objects = in_folder(&place.dir);
        place.create(&engine, &objects).await;
        submit(&engine, 50..100).await;
        engine.shutdown().await;
        let error = place.restore(&objects, false).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Reject);
        assert!(error.to_string().contains("--force"), "{error}");
        let before = place.fold_to_the_end().await;
        fs::create_dir_all(place.path("history/0")).unwrap();
        fs::write(place.path("history/0/older.parquet"), "of the views that go").unwrap();
        place.restore(&objects, true).await.unwrap();
        assert_eq!(place.fold_to_the_end().await, before);
        assert!(!place.path("history/0/older.parquet").exists());
        assert!(!place.path("store.replaced").exists());
    }

    pub(super) async fn a_log_whose_topology_is_another_is_refused(place: Place) {
        let engine = place.open_with(0..50).await;
        let objects = in_folder(&place.dir);
        place.create(&engine, &objects).await;
        engine.shutdown().await;
        // The request that was granted, with one word of the topology in another place.
        let log = place.log().await;
        let start = log.start(PartitionId::Control).await.unwrap();
        let mut reader = log.reader(PartitionId::Control, start).await.unwrap();
        let wait = std::time::Duration::from_secs(10);
        let records = reader.next_batch(ReadLimits::default(), wait).await.unwrap();
        let asked = records
            .iter()
            .find(|record| {
                let event = decode(&record.body).unwrap();
                event.event_type == names::TOPOLOGY_APPLY_REQUESTED
            })
            .unwrap();
        let mut body = asked.body.clone();
        let text = String::from_utf8(body.value.unwrap().to_vec()).unwrap();
        assert!(text.contains("Somebody clicked."));
        body.value = Some(text.replace("Somebody clicked.", "Nobody clicked.").into());
        let altered = AlteredLog { log, offset: asked.offset, body };
        let copy = place.copy_without_views();
        let error = copy.restore_on(&objects, Arc::new(altered), false).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Reject, "{error}");
        assert!(error.to_string().contains("has another topology there"), "{error}");
        assert!(!copy.path("store").exists());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_that_ends_before_the_snapshot_is_refused_on_embedded() {
    let place = Place::new(Kind::Embedded);
    place.open_with(0..50).await.shutdown().await;
    let earlier = place.copy_without_views();
    let engine = place.open_with(50..100).await;
    let objects = in_folder(&place.dir);
    place.create(&engine, &objects).await;
    engine.shutdown().await;
    refused(&earlier, &objects, &["the log ends at offset", "older snapshot"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_that_went_another_way_is_refused_on_embedded() {
    let place = Place::new(Kind::Embedded);
    place.open_with(0..50).await.shutdown().await;
    let other_way = place.copy_without_views();
    let engine = place.open_with(50..100).await;
    let objects = in_folder(&place.dir);
    place.create(&engine, &objects).await;
    engine.shutdown().await;
    other_way.open_with(500..900).await.shutdown().await;
    let other_way = other_way.copy_without_views();
    refused(&other_way, &objects, &["is not the one that the snapshot was folded to"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_place_without_snapshots_is_told() {
    let place = Place::new(Kind::Embedded);
    place.open_with(0..1).await.shutdown().await;
    let copy = place.copy_without_views();
    refused(&copy, &in_folder(&place.dir), &["there is none", "snapshot create"]).await;
}
