//! A log whose first records were taken away: a snapshot is its origin.

use crate::place::on_every_log_in_segments;

on_every_log_in_segments!(the_log_begins_with_a_snapshot);
on_every_log_in_segments!(a_view_that_is_declared_after_begins_there);
on_every_log_in_segments!(what_would_lose_history_is_refused);
on_every_log_in_segments!(a_trim_that_was_broken_off_is_made_good_at_the_next_start);

mod tests {
    use std::sync::Arc;

    use headwater_engine::{Engine, ErrorKind, LogTrim};
    use headwater_event::{Offset, PartitionId};
    use headwater_log::EventLog;
    use headwater_objects::Objects;
    use headwater_replay::{From, Report, Verify, log::FindingKind, log::VerifyLog};
    use headwater_store::{Access, StoreOptions, StoreSet};

    use crate::{
        altered_log::UntrimmedLog,
        place::{Place, in_folder, submit, topology_that_sums},
    };

    async fn trim(place: &Place, engine: &Engine, objects: &Objects) -> LogTrim {
        let maker = place.maker(engine);
        let origin = maker.find_whole(objects, None, &|_| {}).await.unwrap();
        engine.trim_log(&origin).await.unwrap()
    }

    fn stores(place: &Place) -> StoreSet {
        StoreSet::open(place.dir.path(), Access::ReadOnly, StoreOptions::default()).unwrap()
    }

    async fn verify(place: &Place, from: From) -> headwater_engine::Result<Report> {
        let scratch = tempfile::tempdir().unwrap();
        let verify = Verify { from, ..Verify::new(scratch.path()) };
        headwater_replay::verify(place.log().await, &stores(place), verify).await
    }

    /// The log begins at most at the snapshot, and some of it is gone.
    async fn check_begins(log: &Arc<dyn EventLog>, trim: &LogTrim, positions: &Positions) {
        for (id, at) in positions {
            let start = log.start(*id).await.unwrap();
            assert_eq!(trim.begins[id], start);
            assert!(start <= *at, "{id} begins at {start}, the snapshot ends at {at}");
        }
        assert!(trim.begins[&PartitionId::Data(0)] > Offset(0), "{trim:?}");
    }

    type Positions = std::collections::BTreeMap<PartitionId, Offset>;

    pub(super) async fn the_log_begins_with_a_snapshot(place: Place) {
        let engine = place.open_with(0..500).await;
        let objects = in_folder(&place.dir);
        let created = place.create(&engine, &objects).await;
        submit(&engine, 500..700).await;
        let trimmed = trim(&place, &engine, &objects).await;
        check_begins(engine.log(), &trimmed, &created.snapshot.positions).await;
        // Again takes nothing; events go on, and a repeat of one that is gone is known.
        assert_eq!(trim(&place, &engine, &objects).await.begins, trimmed.begins);
        submit(&engine, 400..800).await;
        engine.shutdown().await;

        let engine = place.open().await;
        engine.wait_ready().await.unwrap();
        submit(&engine, 800..810).await;
        engine.shutdown().await;

        let error = verify(&place, From::Start).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Reject);
        let told = error.to_string();
        assert!(told.contains(&created.snapshot.id.to_string()), "{told}");
        assert!(told.contains("--from"), "{told}");
        // The origin and the tail give all that the data folder has.
        let origin = place.copy_without_views();
        origin.restore(&objects, false).await.unwrap();
        let report = verify(&place, From::Store(origin.dir.path().to_owned())).await.unwrap();
        assert!(report.is_equal(), "{report:?}");
        let clicks = report.views.iter().find(|view| view.table.ends_with("visitor_clicks"));
        assert_eq!(clicks.unwrap().replayed.versions, 810);

        let stores = stores(&place);
        let checked =
            headwater_replay::log::verify_log(place.log().await, Some(&stores), VerifyLog::new());
        let checked = checked.await.unwrap();
        assert!(checked.is_equal(), "{checked:?}");
        assert!(checked.remarks.iter().any(|told| told.contains("was trimmed")), "{checked:?}");
        // Without the store nobody knows that it was lawful.
        let alone = headwater_replay::log::verify_log(place.log().await, None, VerifyLog::new());
        let alone = alone.await.unwrap();
        assert!(alone.findings.iter().any(|found| found.kind == FindingKind::BeginsLate));
        // A folder without views can't begin anywhere else.
        let bare = place.copy_without_views();
        let log = bare.log().await;
        let fresh = StoreSet::open(bare.dir.path(), Access::ReadWrite, StoreOptions::default());
        let store = fresh.unwrap().partition("0").unwrap();
        let id = PartitionId::Data(0);
        let resumed = headwater_engine::Folder::resume(log, store, id, bare.path("scratch")).await;
        assert!(resumed.unwrap_err().to_string().contains("snapshot restore"));
    }

    pub(super) async fn a_view_that_is_declared_after_begins_there(place: Place) {
        let engine = place.open_with(0..500).await;
        let objects = in_folder(&place.dir);
        let created = place.create(&engine, &objects).await;
        submit(&engine, 500..600).await;
        trim(&place, &engine, &objects).await;
        let other = topology_that_sums("clicks: { count: all }\n      most: { max: /seconds }");
        engine.apply_topology(&other).await.unwrap();
        engine.wait_activated(&other).await.unwrap();
        // What the snapshot has is known to it as repeats, and not as history.
        submit(&engine, 450..700).await;
        engine.shutdown().await;
        let origin = place.copy_without_views();
        origin.restore(&objects, false).await.unwrap();
        let report = verify(&place, From::Store(origin.dir.path().to_owned())).await.unwrap();
        assert!(report.is_equal(), "{report:?}");
        let clicks = report.views.iter().find(|view| view.table == "features.visitor_clicks");
        assert_eq!(clicks.unwrap().replayed.versions, 200, "{:?}", created.snapshot.positions);
    }

    pub(super) async fn a_trim_that_was_broken_off_is_made_good_at_the_next_start(place: Place) {
        place.open_with(0..400).await.shutdown().await;
        let engine = place.open_on(Arc::new(UntrimmedLog(place.log_to_write().await))).await;
        engine.wait_ready().await.unwrap();
        let objects = in_folder(&place.dir);
        let created = place.create(&engine, &objects).await;
        submit(&engine, 400..500).await;
        let origin = place.maker(&engine).find_whole(&objects, None, &|_| {}).await.unwrap();
        // The record is on the log, and then the process dies before anything is taken away.
        engine.trim_log(&origin).await.unwrap_err();
        engine.shutdown().await;
        let first = PartitionId::Data(0);
        assert_eq!(place.log().await.start(first).await.unwrap(), Offset(0));

        let engine = place.open().await;
        let began = std::time::Instant::now();
        while engine.log().start(first).await.unwrap() == Offset(0) {
            assert!(began.elapsed() < std::time::Duration::from_secs(60), "nothing was taken away");
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
        let at = created.snapshot.positions[&first];
        assert!(engine.log().start(first).await.unwrap() <= at);
        submit(&engine, 500..510).await;
        engine.shutdown().await;
    }

    pub(super) async fn what_would_lose_history_is_refused(place: Place) {
        let engine = place.open_with(0..100).await;
        let objects = in_folder(&place.dir);
        place.create(&engine, &objects).await;
        submit(&engine, 100..300).await;
        let maker = place.maker(&engine);
        let older = maker.find_whole(&objects, None, &|_| {}).await.unwrap();
        let newer = place.create(&engine, &objects).await;
        submit(&engine, 300..400).await;
        let newest = maker.find_whole(&objects, Some(&newer.snapshot.id), &|_| {}).await.unwrap();
        let mut other = newest.clone();
        other.positions[1].chain = "0".repeat(64);
        let error = engine.trim_log(&other).await.unwrap_err();
        assert!(error.to_string().contains("is not of this log"), "{error}");
        engine.trim_log(&newest).await.unwrap();
        let error = engine.trim_log(&older).await.unwrap_err();
        assert!(error.to_string().contains("name a newer one"), "{error}");
        let mut ahead = newest.clone();
        ahead.positions[1].offset = 1_000_000;
        let error = engine.trim_log(&ahead).await.unwrap_err();
        assert!(error.to_string().contains("is folded up to"), "{error}");
        // A snapshot that is damaged is no origin.
        let blobs = place.path("snapshots/blobs");
        for blob in std::fs::read_dir(blobs).unwrap() {
            let path = blob.unwrap().path();
            let mut bytes = std::fs::read(&path).unwrap();
            if let Some(byte) = bytes.last_mut() {
                *byte ^= 1;
                std::fs::write(&path, bytes).unwrap();
            }
        }
        let error = maker.find_whole(&objects, None, &|_| {}).await.unwrap_err();
        assert!(error.to_string().contains("is damaged"), "{error}");
        engine.shutdown().await;
    }
}
