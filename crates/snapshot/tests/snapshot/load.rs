//! Events are taken and folded while a snapshot is made: how long one waits is printed.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use headwater_engine::Engine;

use crate::place::{Place, in_folder, on_every_log, submit};

const BATCH: u64 = 20;

on_every_log!(events_are_folded_while_a_snapshot_is_made);

/// Submits small batches one after another until told to stop; answers how long each took to be
/// folded.
async fn load(engine: Engine, next: Arc<AtomicU64>, stop: Arc<AtomicBool>) -> Vec<Duration> {
    let mut took = Vec::new();
    while !stop.load(Ordering::Relaxed) {
        let from = next.fetch_add(BATCH, Ordering::Relaxed);
        let began = Instant::now();
        submit(&engine, from..from + BATCH).await;
        took.push(began.elapsed());
    }
    took
}

fn told(took: &[Duration]) -> String {
    let mut sorted = took.to_vec();
    sorted.sort_unstable();
    let at = |part: f64| sorted[((sorted.len() - 1) as f64 * part) as usize];
    format!("{} batches, p50 {:?}, p99 {:?}, most {:?}", took.len(), at(0.5), at(0.99), at(1.0))
}

mod tests {
    use super::*;

    pub(super) async fn events_are_folded_while_a_snapshot_is_made(place: Place) {
        let engine = place.open_with(0..20_000).await;
        let objects = in_folder(&place.dir);
        let next = Arc::new(AtomicU64::new(20_000));
        let running = |stop: &Arc<AtomicBool>| {
            tokio::spawn(load(engine.clone(), Arc::clone(&next), Arc::clone(stop)))
        };
        let stop = Arc::new(AtomicBool::new(false));
        let loading = running(&stop);
        tokio::time::sleep(Duration::from_secs(2)).await;
        stop.store(true, Ordering::Relaxed);
        let alone = loading.await.unwrap();

        let stop = Arc::new(AtomicBool::new(false));
        let loading = running(&stop);
        let (began, mut staged_ms) = (Instant::now(), Vec::new());
        while began.elapsed() < Duration::from_secs(2) {
            staged_ms.push(place.create(&engine, &objects).await.staged_ms);
        }
        stop.store(true, Ordering::Relaxed);
        let beside = loading.await.unwrap();
        engine.shutdown().await;

        println!("folded alone: {}", told(&alone));
        println!("beside {} snapshots: {}", staged_ms.len(), told(&beside));
        println!("files put aside in, ms: {staged_ms:?}");
        assert!(beside.len() > 1, "nothing was folded while snapshots were made");
        let most = beside.iter().max().unwrap();
        assert!(*most < Duration::from_secs(5), "events waited {most:?}");
        // What was made under load is whole.
        place.copy_without_views().restore(&objects, false).await.unwrap();
    }
}
