//! Rows as they were at earlier offsets, against a replay that goes no further.

use std::collections::BTreeMap;

use headwater_engine::ErrorKind;
use headwater_event::{Offset, PartitionId};
use headwater_replay::Verify;
use headwater_store::{Access, Commit, Version};

use crate::place::{Kind, Place, assert_empty, on_every_log, topology_with, view_prefix};

on_every_log!(rows_at_any_moment_are_those_of_a_replay_up_to_it, random_moments);

async fn random_moments(kind: Kind) {
    let place = Place::with_readings(kind, 120).await;
    let heads = place.heads().await;
    // A fixed sequence that looks random: each run compares the same moments.
    let mut seed = 0x9e37_79b9_7f4a_7c15_u64;
    let mut next = |below: u64| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (seed >> 33) % below
    };
    let mut rows_seen = Vec::new();
    for _ in 0..6 {
        let as_of: BTreeMap<PartitionId, Offset> =
            heads.iter().map(|head| (head.partition, Offset(next(head.offset.0 + 1)))).collect();
        let report = place.verify(|options| options.as_of = as_of.clone()).await;
        assert!(report.is_equal(), "{as_of:?}: {report:?}");
        for partition in &report.partitions {
            let id: PartitionId = partition.partition.parse().unwrap();
            assert_eq!(partition.position, Some(as_of[&id].0));
            assert_eq!(partition.records, as_of[&id].0 + 1, "no record after the moment is folded");
        }
        assert!(report.views.iter().all(|view| view.kept.is_none()));
        assert!(report.left_out.iter().any(|left| left.what.contains("stores keep")));
        rows_seen.push(report.views.iter().map(|view| view.replayed.versions).sum::<u64>());
    }
    rows_seen.dedup();
    assert!(rows_seen.len() > 1, "the moments differ: {rows_seen:?}");
}

on_every_log!(history_that_was_folded_later_is_told_and_not_compared, folded_later);

/// A view is changed and changed back: its second version has a history from the log's start, its first
/// one what it missed meanwhile. As of before, no replay can have either.
async fn folded_later(kind: Kind) {
    let place = Place::with_readings(kind, 30).await;
    let before = place.heads().await;
    place.add_with(topology_with("max"), 30..60).await;
    let between = place.heads().await;
    place.add(60..90).await;
    let after = place.heads().await;
    for (heads, left_out) in [(before, 1), (between, 1), (after, 0)] {
        let as_of = heads.iter().map(|head| (head.partition, head.offset)).collect();
        let report = place.verify(|options| options.as_of = as_of).await;
        assert!(report.is_equal(), "{report:?}");
        let views = report.views.iter().filter(|view| view.table.contains("sensor_stats"));
        assert!(views.clone().all(|view| view.replayed.versions > 0), "{report:?}");
        assert!(views.count() > 0, "what was read then is compared");
        let later = report.left_out.iter().filter(|left| left.reason.contains("folded later"));
        assert_eq!(later.count(), left_out * 2, "in each data partition: {report:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_version_added_to_history_is_found_from_its_offset_on_on_embedded() {
    let place = Place::with_readings(Kind::embedded(1), 50).await;
    let id = PartitionId::Data(0);
    let offset = {
        let stores = place.stores(Access::ReadWrite);
        let store = stores.partition("0").unwrap();
        let of_view = |version: &Version| version.key.starts_with(&view_prefix());
        let versions = store.snapshot().scan_versions().map(Result::unwrap);
        let mut version = versions.filter(of_view).nth(30).unwrap();
        let row = version.row.as_mut().unwrap();
        *row.last_mut().unwrap() ^= 1;
        let offset = version.offset;
        let commit = Commit { versions: vec![version], backfill: true, ..Commit::default() };
        store.commit(&commit).unwrap();
        offset
    };
    let at = async |offset: u64| {
        let as_of = BTreeMap::from([(id, Offset(offset))]);
        place.verify(|options| options.as_of = as_of).await
    };
    assert!(at(offset - 1).await.is_equal(), "before it nothing is wrong");
    let report = at(offset).await;
    let unequal: Vec<_> = report.views.iter().filter(|view| !view.equal).collect();
    assert_eq!(unequal.len(), 1, "{report:?}");
    assert_eq!(unequal[0].table, "features.sensor_stats");
    let difference = unequal[0].first_difference.as_ref().unwrap();
    let side = difference.on_disk.as_ref().or(difference.replayed.as_ref()).unwrap();
    assert_eq!(side.offset, offset, "{difference:?}");
    assert!(!place.verify(|_| {}).await.is_equal());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_moment_that_is_not_there_is_refused_on_embedded() {
    let place = Place::with_readings(Kind::embedded(1), 10).await;
    let last = place.heads().await[1].offset;
    for (id, offset, told) in [
        (PartitionId::Data(0), last.next(), format!("has folded up to {last}")),
        (PartitionId::Data(1), Offset(0), "1 data partitions".to_owned()),
    ] {
        let scratch = tempfile::tempdir().unwrap();
        let mut options = Verify::new(scratch.path());
        options.as_of = BTreeMap::from([(id, offset)]);
        let error = place.try_verify(options).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Reject, "{error}");
        assert!(error.to_string().contains(&told), "{error}");
        assert_empty(scratch.path());
    }
    // The last offset itself is one that there is.
    let as_of = BTreeMap::from([(PartitionId::Data(0), last)]);
    assert!(place.verify(|options| options.as_of = as_of).await.is_equal());
}
