//! History that was sealed is compared as all other, and what retention took is told.

use std::{fs, path::PathBuf};

use headwater_event::{Offset, PartitionId};

use crate::place::{Kind, Place, on_every_log};

/// A stretch that some readings fill.
const STRETCH: u64 = 16;
const MINUTE_MS: i64 = 60_000;

on_every_log!(sealed_history_is_compared, sealed_history);

async fn sealed_history(kind: Kind) {
    let place = Place::sealing(kind, STRETCH);
    for from in (0..120).step_by(40) {
        place.add(from..from + 40).await;
    }
    place.seal().await;
    assert!(files(&place).len() >= 4, "{:?}", files(&place));
    let report = place.verify(|_| {}).await;
    assert!(report.is_equal(), "{report:?}");
    let id = PartitionId::Data(0);
    for at in [5, STRETCH - 1, STRETCH, 2 * STRETCH + 3] {
        let report = place.verify(|options| options.as_of = [(id, Offset(at))].into()).await;
        assert!(report.is_equal(), "as of {at}: {report:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sealed_file_that_was_changed_is_named_on_embedded() {
    let place = Place::sealing(Kind::embedded(1), STRETCH);
    place.add(0..60).await;
    place.seal().await;
    let file = files(&place).remove(0);
    let mut bytes = fs::read(&file).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&file, bytes).unwrap();
    let report = place.verify(|_| {}).await;
    assert!(!report.is_equal());
    let name = file.file_name().unwrap().to_string_lossy().into_owned();
    assert!(report.problems.iter().any(|problem| problem.contains(&name)), "{report:?}");
}

on_every_log!(what_retention_took_is_told, retention);

async fn retention(kind: Kind) {
    let mut place = Place::sealing(kind, STRETCH);
    place.keeps_ms = Some(30 * MINUTE_MS);
    for from in (0..200).step_by(20) {
        place.add(from..from + 20).await;
    }
    place.seal().await;
    let report = place.verify(|_| {}).await;
    assert!(report.is_equal(), "{report:?}");
    let told = report.left_out.iter().any(|left| left.reason.contains("retention took them"));
    assert!(told, "{:?}", report.left_out);
}

/// The sealed files of partition 0.
fn files(place: &Place) -> Vec<PathBuf> {
    let folder = fs::read_dir(place.path().join("history/0")).unwrap();
    let mut files: Vec<_> = folder.map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}
