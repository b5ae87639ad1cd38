//! One writer, any number of readers.

use headwater_log::ErrorKind;
use tempfile::TempDir;

use super::*;

#[tokio::test]
async fn a_second_writer_is_refused() {
    let dir = TempDir::new().unwrap();
    let log = open(dir.path()).unwrap();
    let error = refused(dir.path());
    assert_eq!(error.kind(), ErrorKind::Reject);
    assert!(error.to_string().contains(&dir.path().display().to_string()), "{error}");
    drop(log);
    open(dir.path()).unwrap();
}

#[tokio::test]
async fn the_number_of_partitions_is_fixed() {
    let dir = TempDir::new().unwrap();
    let any = Options { data_partitions: None, ..SMALL };
    assert_eq!(EmbeddedLog::create_or_open(dir.path(), &any).unwrap().data_partitions(), 4);
    let error = refused(dir.path());
    assert!(error.to_string().contains("has 4 data partitions, not 1"), "{error}");
    assert_eq!(EmbeddedLog::create_or_open(dir.path(), &any).unwrap().data_partitions(), 4);
    let none = Options { data_partitions: Some(0), ..SMALL };
    assert!(EmbeddedLog::create_or_open(dir.path(), &none).is_err());
}

/// A reader in another place follows the writer over many segments.
#[tokio::test]
async fn a_read_only_log_follows_its_writer() {
    let dir = TempDir::new().unwrap();
    assert_eq!(EmbeddedLog::open_read_only(dir.path()).unwrap_err().kind(), ErrorKind::Reject);
    let log = open(dir.path()).unwrap();
    append(&log, 0..3).await;
    let follower = EmbeddedLog::open_read_only(dir.path()).unwrap();
    assert_eq!(read(&follower, 0).await.unwrap(), records(0..3));
    let mut reader = follower.reader(FIRST, Offset(2)).await.unwrap();
    append(&log, 3..60).await;
    let mut seen = Vec::new();
    while seen.len() < 58 {
        let wait = Duration::from_secs(10);
        let batch = reader.next_batch(ReadLimits::default(), wait).await.unwrap();
        assert!(!batch.is_empty(), "only {} records came", seen.len());
        seen.extend(batch.into_iter().map(|record| record.body));
    }
    assert_eq!(seen, records(2..60));
    let refused = follower.append(FIRST, records(0..1), AppendAck::Written).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Reject);
}

#[tokio::test]
async fn verify_tells_what_is_there() {
    let dir = TempDir::new().unwrap();
    let log = open(dir.path()).unwrap();
    append(&log, 0..60).await;
    drop(log);
    let verified = EmbeddedLog::verify(dir.path()).unwrap();
    let ends: Vec<_> = verified.iter().map(|found| (found.start, found.end)).collect();
    assert_eq!(ends, [(Offset(0), Offset(0)), (Offset(0), Offset(60))]);
    assert!(verified[1].bytes > 60 * 34);
}

/// What was read before stays readable; what waits is told.
#[tokio::test]
async fn a_reader_that_outlives_the_log_is_told() {
    let dir = TempDir::new().unwrap();
    let log = open(dir.path()).unwrap();
    append(&log, 0..3).await;
    let mut reader = log.reader(FIRST, Offset(0)).await.unwrap();
    drop(log);
    let batch = reader.next_batch(ReadLimits::default(), Duration::from_secs(5)).await.unwrap();
    assert_eq!(batch.len(), 3);
    let error = reader.next_batch(ReadLimits::default(), Duration::from_secs(5)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Closed);
}

#[tokio::test]
async fn a_record_that_fits_no_frame_is_refused() {
    let dir = TempDir::new().unwrap();
    let log = open(dir.path()).unwrap();
    let huge = NewRecord { value: Some(vec![0; 17 * 1024 * 1024].into()), ..record(0) };
    let error = log.append(FIRST, vec![huge], AppendAck::Written).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Reject);
}
