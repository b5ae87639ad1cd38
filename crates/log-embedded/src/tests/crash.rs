//! What a crash or a full disk leaves behind.

use std::fs;

use headwater_log::ErrorKind;
use tempfile::TempDir;

use super::*;

/// Whatever part of the last record the disk has, the rest of the log is there, and goes on.
#[tokio::test]
async fn a_record_torn_at_any_byte_is_cut_off() {
    let whole = TempDir::new().unwrap();
    let log = open(whole.path()).unwrap();
    append(&log, 0..5).await;
    drop(log);
    let segment = segments(whole.path()).pop().unwrap();
    let places = frames(&segment);
    for cut in places[4]..places[5] {
        let torn = TempDir::new().unwrap();
        copy_dir(whole.path(), torn.path());
        let bytes = fs::read(&segment).unwrap();
        fs::write(segments(torn.path()).pop().unwrap(), &bytes[..cut]).unwrap();
        let log = open(torn.path()).unwrap();
        assert_eq!(read(&log, 0).await.unwrap(), records(0..4), "cut at byte {cut}");
        append(&log, 4..7).await;
        drop(log);
        assert_eq!(read(&open(torn.path()).unwrap(), 0).await.unwrap(), records(0..7));
    }
}

/// A write that never finished may leave any bytes where zeros were, in any order.
#[tokio::test]
async fn what_was_never_synced_is_cut_off() {
    let before = TempDir::new().unwrap();
    let log = open(before.path()).unwrap();
    append(&log, 0..3).await;
    let mark = fs::read(before.path().join("0/synced")).unwrap();
    append(&log, 3..6).await;
    drop(log);
    // As if the power went before the last three were synced, and the first of them was damaged.
    fs::write(before.path().join("0/synced"), mark).unwrap();
    let segment = segments(before.path()).pop().unwrap();
    flip(&segment, frames(&segment)[3] + 20);
    let log = open(before.path()).unwrap();
    assert_eq!(read(&log, 0).await.unwrap(), records(0..3));
    append(&log, 3..20).await;
    drop(log);
    assert_eq!(read(&open(before.path()).unwrap(), 0).await.unwrap(), records(0..20));
}

/// A segment whose header was never written holds nothing, and is begun again.
#[tokio::test]
async fn a_segment_may_be_torn_while_it_is_made() {
    let dir = TempDir::new().unwrap();
    let log = open(dir.path()).unwrap();
    append(&log, 0..3).await;
    drop(log);
    for leftover in [vec![], vec![0; 10], vec![0; 1_000]] {
        fs::write(dir.path().join("0/00000000000000000003.log"), leftover).unwrap();
        let log = open(dir.path()).unwrap();
        assert_eq!(read(&log, 0).await.unwrap(), records(0..3));
    }
    append(&open(dir.path()).unwrap(), 3..6).await;
    assert_eq!(read(&open(dir.path()).unwrap(), 0).await.unwrap(), records(0..6));
}

#[tokio::test]
async fn a_full_disk_is_told_and_later_appends_go_on() {
    let dir = TempDir::new().unwrap();
    let log = open(dir.path()).unwrap();
    append(&log, 0..5).await;
    FULL.lock().unwrap().insert(dir.path().join("0"));
    let error = log.append(FIRST, records(5..40), AppendAck::Durable).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Retry);
    assert_eq!(read(&log, 0).await.unwrap(), records(0..5));
    FULL.lock().unwrap().clear();
    append(&log, 5..40).await;
    assert_eq!(read(&log, 0).await.unwrap(), records(0..40));
    assert_eq!(read(&log, 23).await.unwrap(), records(23..40));
    drop(log);
    assert_eq!(read(&open(dir.path()).unwrap(), 0).await.unwrap(), records(0..40));
}

/// `Written` is told before the sync, and readers see the record only after it.
#[tokio::test]
async fn written_records_are_synced_within_moments() {
    let dir = TempDir::new().unwrap();
    let log = open(dir.path()).unwrap();
    log.append(FIRST, records(0..1), AppendAck::Written).await.unwrap();
    let mut reader = log.reader(FIRST, Offset(0)).await.unwrap();
    let batch = reader.next_batch(ReadLimits::default(), Duration::from_secs(10)).await.unwrap();
    assert_eq!(batch.len(), 1);
    assert_eq!(crate::mark::read(&dir.path().join("0")).unwrap().end, 1);
}

#[tokio::test]
async fn segments_roll_at_their_size() {
    let dir = TempDir::new().unwrap();
    let log = open(dir.path()).unwrap();
    log.append(FIRST, records(0..100), AppendAck::Durable).await.unwrap();
    append(&log, 100..150).await;
    drop(log);
    let segments = segments(dir.path());
    assert!(segments.len() > 10);
    assert!(segments.iter().all(|path| path.metadata().unwrap().len() <= SMALL.segment_bytes));
    let log = open(dir.path()).unwrap();
    for from in 0..150 {
        assert_eq!(read(&log, from as u64).await.unwrap(), records(from..150));
    }
}
