//! Partitions side by side: the same report however many at once, progress to the end, a clean end.

use std::{
    collections::{BTreeMap, BTreeSet},
    num::NonZeroUsize,
    sync::{Arc, Mutex},
};

use headwater_engine::ErrorKind;
use headwater_event::{Offset, PartitionId};
use headwater_replay::{Progress, Stop, Verify};

use crate::place::{Kind, Place, assert_empty};

fn threads(count: usize) -> NonZeroUsize {
    NonZeroUsize::new(count).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_report_does_not_depend_on_how_many_are_folded_at_once_on_embedded() {
    let place = Place::with_readings(Kind::embedded(4), 100).await;
    let mut told = BTreeSet::new();
    for count in [1, 2, 8] {
        let mut report = place.verify(|options| options.threads = threads(count)).await;
        assert!(report.is_equal(), "{report:?}");
        assert_eq!(report.partitions.len(), 5);
        report.seconds = 0.0;
        told.insert(format!("{report:?}"));
    }
    assert_eq!(told.len(), 1, "{told:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn progress_goes_to_the_end_with_as_many_at_once_as_asked_on_embedded() {
    let place = Place::with_readings(Kind::embedded(4), 100).await;
    let heads = place.heads().await;
    let told: Arc<Mutex<Vec<Progress>>> = Arc::default();
    let heard = Arc::clone(&told);
    let report = place
        .verify(|options| {
            options.threads = threads(2);
            options.watch = Arc::new(move |progress| heard.lock().unwrap().push(progress));
        })
        .await;
    assert!(report.is_equal());
    let told = told.lock().unwrap();
    assert!(told[..5].iter().all(|told| matches!(told, Progress::Planned { .. })), "{told:?}");
    let (mut running, mut reached) = (BTreeSet::new(), BTreeMap::new());
    let mut most = 0;
    for progress in &told[5..] {
        match *progress {
            Progress::Planned { .. } => panic!("all is planned first"),
            Progress::Begun { partition, from } => {
                assert!(running.insert(partition));
                assert_eq!(from, Offset(0));
            }
            Progress::Read { partition, next } => {
                assert!(running.contains(&partition));
                assert!(reached.insert(partition, next).is_none_or(|before| before < next));
            }
            Progress::Comparing { partition } => assert!(running.contains(&partition)),
            Progress::Done { partition } => assert!(running.remove(&partition)),
        }
        most = most.max(running.len());
    }
    assert!(running.is_empty());
    assert!((1..=2).contains(&most), "{most} at once");
    let expected: BTreeMap<PartitionId, Offset> =
        heads.iter().map(|head| (head.partition, head.offset.next())).collect();
    assert_eq!(reached, expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stopped_verification_leaves_nothing_behind_on_embedded() {
    let place = Place::with_readings(Kind::embedded(2), 3_000).await;
    let scratch = tempfile::tempdir().unwrap();
    let stop = Stop::new();
    let mut options = Verify::new(scratch.path());
    options.stop = stop.clone();
    // In the midst: once a batch was folded and others are still to come.
    options.watch = Arc::new(move |progress| {
        if matches!(progress, Progress::Read { .. }) {
            stop.stop();
        }
    });
    let error = place.try_verify(options).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Closed, "{error}");
    assert_empty(scratch.path());
}
