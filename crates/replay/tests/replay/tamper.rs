//! A replay proves equal what is equal, and names what was changed: one byte of a latest row, of
//! where it comes from, of a history row, of the position, of the kept digest, of the log.

use headwater_replay::Report;
use headwater_store::faults;

use crate::place::{Kind, Place, on_every_log, view_prefix};

/// A data folder with readings of five sensors.
async fn folder() -> Place {
    Place::with_readings(Kind::embedded(1), 50).await
}

async fn verified(place: &Place) -> Report {
    place.verify(|_| {}).await
}

/// Flips the last byte before `keep` bytes of the first matching entry of a family.
fn flip(place: &Place, partition: &str, family: &str, key: impl Fn(&[u8]) -> bool, keep: usize) {
    let dir = place.path();
    let entries = faults::entries(dir, partition, family).unwrap();
    let (key, mut value) = entries.into_iter().find(|(found, _)| key(found)).unwrap();
    let at = value.len() - 1 - keep;
    value[at] ^= 1;
    faults::overwrite(dir, partition, family, &key, &value).unwrap();
}

on_every_log!(an_untouched_folder_is_equal, untouched);

async fn untouched(kind: Kind) {
    let place = Place::with_readings(kind, 50).await;
    let report = verified(&place).await;
    assert!(report.is_equal(), "{report:?}");
    let view = report.views.iter().find(|view| view.table == "features.sensor_stats").unwrap();
    assert_eq!((view.replayed.rows, view.replayed.versions), (5, 50));
    assert_eq!(view.kept, Some(view.replayed));
    assert!(report.views.iter().any(|view| view.table == "log.rejections"));
    assert!(report.compared.iter().any(|what| what.contains("derived for another")));
    assert!(report.left_out.is_empty(), "{:?}", report.left_out);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_byte_of_a_latest_row_is_named_with_its_event_on_embedded() {
    let dir = folder().await;
    flip(&dir, "0", "latest", |key| key.starts_with(&view_prefix()), 0);
    let report = verified(&dir).await;
    let unequal: Vec<_> = report.views.iter().filter(|view| !view.equal).collect();
    assert_eq!(unequal.len(), 1, "{report:?}");
    assert_eq!(unequal[0].table, "features.sensor_stats");
    assert_eq!(unequal[0].kept, Some(unequal[0].replayed));
    assert_ne!(unequal[0].on_disk, unequal[0].replayed);
    let difference = unequal[0].first_difference.as_ref().unwrap();
    assert_eq!(difference.family, "latest");
    assert!(difference.key.contains("sensor-0"), "{difference:?}");
    let (on_disk, replayed) = (difference.on_disk.as_ref(), difference.replayed.as_ref());
    assert_ne!(on_disk, replayed);
    assert_eq!(replayed.unwrap().event_id, "45", "the last event of sensor-0");
}

#[tokio::test(flavor = "multi_thread")]
async fn where_a_row_comes_from_is_compared_though_no_digest_is_over_it_on_embedded() {
    let place = folder().await;
    let is_row = |key: &[u8]| key.starts_with(&view_prefix());
    let row = faults::entries(place.path(), "0", "latest").unwrap();
    let (_, row) = row.into_iter().find(|(key, _)| is_row(key)).unwrap();
    // A row begins with the offset, then the time of appending.
    flip(&place, "0", "latest", is_row, row.len() - 1 - 8);
    let report = verified(&place).await;
    let unequal: Vec<_> = report.views.iter().filter(|view| !view.equal).collect();
    assert_eq!(unequal.len(), 1, "{report:?}");
    assert_eq!(unequal[0].on_disk, unequal[0].replayed, "the digests are the same");
    let difference = unequal[0].first_difference.as_ref().unwrap();
    let (on_disk, replayed) =
        (difference.on_disk.as_ref().unwrap(), difference.replayed.as_ref().unwrap());
    assert_ne!(on_disk.appended_at_ms, replayed.appended_at_ms);
    assert_eq!(on_disk.values, replayed.values);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_byte_of_a_history_row_is_named_on_embedded() {
    let dir = folder().await;
    flip(&dir, "0", "tail", |_| true, 20);
    let report = verified(&dir).await;
    assert!(!report.is_equal());
    assert!(report.problems.iter().any(|what| what.contains("history")), "{:?}", report.problems);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_byte_of_the_position_is_named_on_embedded() {
    let dir = folder().await;
    flip(&dir, "0", "meta", |key| key.starts_with(b"position"), 10);
    let report = verified(&dir).await;
    assert!(!report.is_equal());
    assert!(
        report
            .problems
            .iter()
            .any(|what| what.contains("partition 0") && what.contains("position")),
        "{:?}",
        report.problems
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn one_byte_of_the_kept_digest_is_named_on_embedded() {
    let dir = folder().await;
    flip(&dir, "0", "meta", |key| key.starts_with(b"head"), 10);
    let report = verified(&dir).await;
    assert!(!report.is_equal());
    assert!(
        report.problems.iter().any(|what| what.contains("kept digest")),
        "{:?}",
        report.problems
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_changed_on_the_log_is_found_by_the_chain_on_embedded() {
    let dir = folder().await;
    // Another log with the same number of records, as if someone had rewritten history.
    let other = folder().await;
    std::fs::remove_dir_all(dir.path().join("log")).unwrap();
    std::fs::rename(other.path().join("log"), dir.path().join("log")).unwrap();
    let report = verified(&dir).await;
    assert!(
        report.problems.iter().any(|what| what.contains("another chain")),
        "{:?}",
        report.problems
    );
}
