//! A replay that starts from a snapshot's stores folds only what came after, and changes nothing
//! of them.

use headwater_engine::ErrorKind;
use headwater_event::{Offset, PartitionId};
use headwater_replay::{From, Verify};
use headwater_store::faults;

use crate::place::{Kind, Place, assert_empty, files, on_every_log, view_prefix};

on_every_log!(a_snapshot_and_the_tail_give_what_the_whole_log_gives, snapshot_and_tail);

async fn snapshot_and_tail(kind: Kind) {
    let place = Place::with_readings(kind, 60).await;
    let snapshot = place.copy_stores();
    let before = files(snapshot.path());
    let taken = place.heads().await;
    place.add(60..100).await;
    let whole = place.verify(|_| {}).await;
    let report =
        place.verify(|options| options.from = From::Store(snapshot.path().to_owned())).await;
    assert!(report.is_equal(), "{report:?}");
    for ((partition, all), head) in report.partitions.iter().zip(&whole.partitions).zip(&taken) {
        assert_eq!(partition.began_after, Some(head.offset.0));
        assert_eq!(partition.records + head.offset.0 + 1, all.records);
        assert_eq!(partition.chain, all.chain);
    }
    for (view, all) in report.views.iter().zip(&whole.views) {
        assert_eq!((&view.table, view.replayed), (&all.table, all.replayed));
    }
    assert!(report.left_out.iter().any(|left| left.what.starts_with("records up to control:")));
    assert_eq!(files(snapshot.path()), before, "the snapshot is left as it was");

    // An earlier moment can be reached only from an earlier snapshot.
    let scratch = tempfile::tempdir().unwrap();
    let mut options = Verify::new(scratch.path());
    options.from = From::Store(snapshot.path().to_owned());
    options.as_of.insert(PartitionId::Data(0), Offset(3));
    let error = place.try_verify(options).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Reject, "{error}");
    assert!(error.to_string().contains("start from an older one"), "{error}");
    assert_empty(scratch.path());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_snapshot_of_another_log_is_refused_on_embedded() {
    let place = Place::with_readings(Kind::embedded(1), 20).await;
    let other = Place::with_readings(Kind::embedded(1), 10).await;
    for (from, kind, told) in [
        (other.path(), ErrorKind::Corrupt, "belongs to another log"),
        (&*place.path().join("keys"), ErrorKind::Reject, "there is no store of partition"),
    ] {
        let scratch = tempfile::tempdir().unwrap();
        let mut options = Verify::new(scratch.path());
        options.from = From::Store(from.to_owned());
        let error = place.try_verify(options).await.unwrap_err();
        assert_eq!(error.kind(), kind, "{error}");
        assert!(error.to_string().contains(told), "{error}");
        assert_empty(scratch.path());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_changed_row_of_a_snapshot_is_found_on_embedded() {
    let place = Place::with_readings(Kind::embedded(1), 30).await;
    let snapshot = place.copy_stores();
    let dir = snapshot.path();
    let entries = faults::entries(dir, "0", "latest").unwrap();
    let of_view = |(key, _): &(Vec<u8>, Vec<u8>)| key.starts_with(&view_prefix());
    let (key, mut row) = entries.into_iter().find(of_view).unwrap();
    *row.last_mut().unwrap() ^= 1;
    faults::overwrite(dir, "0", "latest", &key, &row).unwrap();
    let report = place.verify(|options| options.from = From::Store(dir.to_owned())).await;
    let unequal: Vec<_> = report.views.iter().filter(|view| !view.equal).collect();
    assert_eq!(unequal.len(), 1, "{report:?}");
    assert_eq!(unequal[0].table, "features.sensor_stats");
}
