//! A process that is killed between any two steps of a source loses nothing and doubles nothing.

use std::{sync::Arc, time::Duration};

use headwater_log::{EventLog, MemoryTopics, Topics};

use super::{
    cut_log::{Cut, CutLog},
    feed::{TOPIC, expected, open, records, told, topology, wait_told},
};
use crate::place::{Kind, Place};

/// More appends than a batch has: of events to two partitions, of refused records, of a checkpoint.
const APPENDS: i64 = 8;
/// Records in the topic, half of them before the crash was armed.
const RECORDS: u64 = 40;

/// Kills the process at its append of this number, and looks at what a new one makes of it.
async fn killed_at(kind: Kind, appends: i64, cut: Cut) {
    let place = Place::new(kind);
    let memory = MemoryTopics::default();
    memory.make(TOPIC, 1);
    let topics: Arc<dyn Topics> = Arc::new(memory.clone());
    let cut_log = CutLog::new(place.log(false).await, cut);
    let first = open(&place, Arc::clone(&cut_log) as Arc<dyn EventLog>, &topics).await;
    first.apply_topology(&topology("")).await.unwrap();
    memory.put(TOPIC, 0, records(0..RECORDS / 2)).await.unwrap();
    wait_told(&first, &expected(RECORDS / 2)).await;
    cut_log.arm(appends);
    memory.put(TOPIC, 0, records(RECORDS / 2..RECORDS)).await.unwrap();
    for _ in 0..200 {
        if cut_log.is_cut() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    first.shutdown().await;
    drop(cut_log);

    let second = open(&place, place.log(false).await, &topics).await;
    wait_told(&second, &expected(RECORDS)).await;
    second.shutdown().await;
    // Nothing more comes of it, and a replay of the log, which has no topics, says the same.
    let before = place.digests().await;
    let third = place.open().await;
    third.wait_ready().await.unwrap();
    assert_eq!(told(&third).await, expected(RECORDS), "killed at append {appends}, {cut:?}");
    third.shutdown().await;
    std::fs::remove_dir_all(place.dir.path().join("store")).unwrap();
    let anew = place.open().await;
    anew.wait_ready().await.unwrap();
    assert_eq!(told(&anew).await, expected(RECORDS), "folded anew");
    anew.shutdown().await;
    assert_eq!(place.digests().await, before, "folded anew");
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_lost_or_doubled_in_memory() {
    for cut in [Cut::Before, Cut::After] {
        for appends in 0..APPENDS {
            killed_at(Kind::memory(2), appends, cut).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_lost_or_doubled_on_embedded() {
    for cut in [Cut::Before, Cut::After] {
        for appends in [0, 1, 2, 3, 5, APPENDS - 1] {
            killed_at(Kind::Embedded(2), appends, cut).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn kafka_nothing_is_lost_or_doubled() {
    for (appends, cut) in [(0, Cut::After), (1, Cut::Before), (2, Cut::After), (6, Cut::Before)] {
        killed_at(Kind::kafka(2), appends, cut).await;
    }
}
