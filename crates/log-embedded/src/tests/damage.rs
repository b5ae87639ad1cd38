//! Stored bytes that changed are refused, with their place.

use std::fs;

use headwater_log::ErrorKind;
use tempfile::TempDir;

use super::*;

async fn written(numbers: std::ops::Range<usize>) -> TempDir {
    let dir = TempDir::new().unwrap();
    let log = open(dir.path()).unwrap();
    log.append(FIRST, records(numbers), AppendAck::Durable).await.unwrap();
    dir
}

fn assert_names_the_place(error: &Error, segment: &Path, byte: usize, offset: usize) {
    assert_eq!(error.kind(), ErrorKind::Corrupt, "{error}");
    let place = format!("{} at byte {byte}, offset {offset}:", segment.display());
    assert!(error.to_string().contains(&place), "{error}");
}

#[tokio::test]
async fn a_flipped_bit_in_any_synced_record_is_refused() {
    for damaged in 0..5 {
        let dir = written(0..5).await;
        let segment = segments(dir.path()).pop().unwrap();
        let places = frames(&segment);
        for within in [0, 3, 4, 9, 30, places[damaged + 1] - places[damaged] - 1] {
            flip(&segment, places[damaged] + within);
            assert_names_the_place(&refused(dir.path()), &segment, places[damaged], damaged);
            flip(&segment, places[damaged] + within);
        }
        open(dir.path()).unwrap();
    }
}

#[tokio::test]
async fn damage_in_an_earlier_segment_is_refused() {
    let dir = written(0..100).await;
    let segment = segments(dir.path()).swap_remove(2);
    let first: usize = segment.file_stem().unwrap().to_str().unwrap().parse().unwrap();
    let places = frames(&segment);
    flip(&segment, places[1] + 40);
    assert_names_the_place(&refused(dir.path()), &segment, places[1], first + 1);
    flip(&segment, places[1] + 40);
    let bytes = fs::read(&segment).unwrap();
    fs::write(&segment, &bytes[..places[2]]).unwrap();
    assert_names_the_place(&refused(dir.path()), &segment, places[2], first + 2);
}

#[tokio::test]
async fn a_missing_segment_is_refused() {
    let dir = written(0..100).await;
    fs::remove_file(&segments(dir.path())[3]).unwrap();
    let error = refused(dir.path());
    assert_eq!(error.kind(), ErrorKind::Corrupt, "{error}");
    assert!(error.to_string().contains("the next segment begins at offset"), "{error}");
}

#[tokio::test]
async fn a_lost_end_of_several_records_is_refused() {
    let dir = written(0..5).await;
    let segment = segments(dir.path()).pop().unwrap();
    let places = frames(&segment);
    let bytes = fs::read(&segment).unwrap();
    fs::write(&segment, &bytes[..places[3]]).unwrap();
    assert_names_the_place(&refused(dir.path()), &segment, places[3], 3);
}

#[tokio::test]
async fn a_segment_of_another_partition_is_refused() {
    let dir = written(0..3).await;
    let control = dir.path().join("control/00000000000000000000.log");
    fs::copy(segments(dir.path()).pop().unwrap(), &control).unwrap();
    assert_names_the_place(&refused(dir.path()), &control, 0, 0);
}

/// What is damaged while the log is open is found by whoever reads it.
#[tokio::test]
async fn a_reader_finds_damage() {
    let dir = written(0..100).await;
    let log = open(dir.path()).unwrap();
    let segment = segments(dir.path()).swap_remove(2);
    let first: usize = segment.file_stem().unwrap().to_str().unwrap().parse().unwrap();
    let places = frames(&segment);
    flip(&segment, places[1] + 40);
    assert_names_the_place(&read(&log, 0).await.unwrap_err(), &segment, places[1], first + 1);
    let error = EmbeddedLog::verify(dir.path()).unwrap_err();
    assert_names_the_place(&error, &segment, places[1], first + 1);
}

#[tokio::test]
async fn a_lost_meta_file_is_not_taken_for_a_new_log() {
    let dir = written(0..3).await;
    fs::remove_file(dir.path().join("meta")).unwrap();
    assert_eq!(refused(dir.path()).kind(), ErrorKind::Corrupt);
}
