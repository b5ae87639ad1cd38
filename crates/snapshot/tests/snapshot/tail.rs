//! Snapshot and tail give what the whole log gives.

use crate::place::on_every_log;

on_every_log!(a_restored_folder_ends_as_a_full_replay_does);
on_every_log!(restored_views_are_served_and_verified);

mod tests {
    use std::sync::Arc;

    use headwater_objects::testing::TestS3;
    use headwater_snapshot::list;
    use headwater_store::{Access, StoreOptions, StoreSet};

    use crate::place::{Place, in_folder, submit};

    pub(super) async fn a_restored_folder_ends_as_a_full_replay_does(place: Place) {
        let engine = place.open_with(0..500).await;
        let (folder, bucket) = (in_folder(&place.dir), TestS3::shared().objects());
        let first = place.create(&engine, &folder).await;
        place.create(&engine, &bucket).await;
        let at_snapshot = Place::positions(&engine);
        assert_eq!(first.snapshot.positions, at_snapshot);
        submit(&engine, 250..900).await;
        engine.shutdown().await;

        let whole = place.copy_without_views();
        let replayed = whole.fold_to_the_end().await;
        assert_eq!(place.fold_to_the_end().await, replayed);
        for objects in [folder, bucket] {
            let copy = place.copy_without_views();
            let restored = copy.restore(&objects, false).await.unwrap();
            assert_eq!(restored.snapshot.positions, at_snapshot);
            assert_eq!(copy.fold_to_the_end().await, replayed, "{}", objects.url());
            assert!(!copy.path("store.restoring").exists());
            assert!(!copy.path("store.replaced").exists());
        }
    }

    pub(super) async fn restored_views_are_served_and_verified(place: Place) {
        let engine = place.open_with(0..200).await;
        let objects = in_folder(&place.dir);
        place.create(&engine, &objects).await;
        submit(&engine, 200..300).await;
        place.create(&engine, &objects).await;
        let listed = list(&objects).await.unwrap();
        assert_eq!(listed.len(), 2);
        assert!(listed.iter().all(|one| one.damaged.is_none() && one.shared_bytes > 0));
        submit(&engine, 300..400).await;
        engine.shutdown().await;

        let copy = place.copy_without_views();
        copy.restore(&objects, false).await.unwrap();
        // What the log has already is not taken twice by whoever goes on.
        let engine = copy.open().await;
        submit(&engine, 350..450).await;
        engine.shutdown().await;
        let scratch = tempfile::tempdir().unwrap();
        let stores =
            StoreSet::open(copy.dir.path(), Access::ReadOnly, StoreOptions::default()).unwrap();
        let log = copy.log().await;
        let report = headwater_replay::verify(
            Arc::clone(&log),
            &stores,
            headwater_replay::Verify::new(scratch.path()),
        )
        .await;
        let report = report.unwrap();
        assert!(report.is_equal(), "{report:?}");
        let clicks = report.views.iter().find(|view| view.table.ends_with("visitor_clicks"));
        assert_eq!(clicks.unwrap().replayed.rows, 31);
        assert_eq!(clicks.unwrap().replayed.versions, 450);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_snapshot_writes_only_what_is_new_on_s3() {
    let place = crate::place::Place::new(crate::place::Kind::Embedded);
    let engine = place.open_with(0..8_000).await;
    let objects = headwater_objects::testing::TestS3::shared().objects();
    let first = place.create(&engine, &objects).await;
    crate::place::submit(&engine, 8_000..8_010).await;
    let second = place.create(&engine, &objects).await;
    assert!(first.uploaded_bytes * 2 > first.snapshot.bytes, "{first:?}");
    // Compaction may have rewritten tables meanwhile: most of so small a store is new then.
    assert!(second.uploaded_bytes < second.snapshot.bytes, "{second:?}");
    assert!(second.uploaded_files < second.snapshot.files, "{second:?}");
    engine.shutdown().await;
}
