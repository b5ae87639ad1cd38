//! Ours: latest rows, the tail, and sealed files, sealed on a thread of its own as a server does.

use std::{
    collections::BTreeMap,
    ops::Range,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use headwater_fold::Table;
use headwater_history::{History, PastRows, seal};
use headwater_store::{Access, Commit, PartitionStore, StoreOptions, StoreSet, Version};

use crate::{
    Figures, Stalls,
    load::{BATCH, Load, UPSERTS, checksum, decoded},
    m_per_s, timed, warm,
};

pub(crate) fn measure(load: &Load) -> Figures {
    let dir = tempfile::tempdir().unwrap();
    let options = StoreOptions::default();
    let set = StoreSet::open(dir.path(), Access::ReadWrite, options).unwrap();
    let store = set.partition("0").unwrap();
    let history = Arc::new(History::new(dir.path(), "0"));
    let mut figures = Figures::default();
    let folded = AtomicU64::new(0);
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !done.load(Ordering::Acquire) {
                seal_all(&store, &history, folded.load(Ordering::Acquire), &load.table);
                std::thread::sleep(Duration::from_millis(20));
            }
        });
        let (seconds, longest) = timed(|| write(load, &store, &folded, 0..UPSERTS));
        figures.write_k_per_s = UPSERTS as f64 / seconds / 1e3;
        figures.commit_ms_max = longest.as_secs_f64() * 1e3;
        done.store(true, Ordering::Release);
    });
    seal_all(&store, &history, UPSERTS as u64, &load.table);
    read(load, &store, &history, &mut figures);
    drop((store, set));
    // Opening again flushes what is in memory, as in the peers' measure.
    drop(StoreSet::open(dir.path(), Access::ReadWrite, options).unwrap().partition("0").unwrap());
    figures.disk_mb = folder_bytes(dir.path()) as f64 / 1e6;
    figures.stalls = stalls(load, dir.path());
    figures
}

/// Four stretches more, sealed beside while another thread reads: the longest that anybody waited.
fn stalls(load: &Load, dir: &Path) -> Stalls {
    let set = StoreSet::open(dir, Access::ReadWrite, StoreOptions::default()).unwrap();
    let store = set.partition("0").unwrap();
    let history = Arc::new(History::new(dir, "0"));
    let (folded, done) = (AtomicU64::new(UPSERTS as u64), AtomicBool::new(false));
    let lookups = load.lookups();
    let mut stalls = Stalls::default();
    std::thread::scope(|scope| {
        let sealer = scope.spawn(|| {
            let mut longest = Duration::ZERO;
            while !done.load(Ordering::Acquire) {
                let began = Instant::now();
                seal_all(&store, &history, folded.load(Ordering::Acquire), &load.table);
                longest = longest.max(began.elapsed());
                std::thread::sleep(Duration::from_millis(20));
            }
            longest
        });
        let reader = scope.spawn(|| {
            let mut took = Vec::new();
            for key in lookups.iter().cycle() {
                if done.load(Ordering::Acquire) {
                    break;
                }
                let began = Instant::now();
                assert!(store.get_latest(key).unwrap().is_some());
                took.push(began.elapsed());
            }
            took.sort_unstable();
            took
        });
        let end = UPSERTS + 4 * headwater_store::SEAL_EVERY as usize;
        stalls.commit_ms = write(load, &store, &folded, UPSERTS..end).as_secs_f64() * 1e3;
        done.store(true, Ordering::Release);
        let took = reader.join().unwrap();
        let at = |part: f64| took[((took.len() - 1) as f64 * part) as usize].as_secs_f64() * 1e3;
        (stalls.get_p99_ms, stalls.get_ms) = (at(0.99), at(1.0));
        stalls.seal_ms = sealer.join().unwrap().as_secs_f64() * 1e3;
    });
    stalls
}

fn write(load: &Load, store: &PartitionStore, folded: &AtomicU64, all: Range<usize>) -> Duration {
    let mut longest = Duration::ZERO;
    let mut at = all.start;
    while at < all.end {
        // Batches end where a stretch does, as the engine's do.
        let stretch = headwater_store::SEAL_EVERY as usize;
        let end = (at + BATCH).min(all.end).min((at / stretch + 1) * stretch);
        let versions: Vec<Version> = (at..end)
            .map(|n| Version { key: load.key(n), offset: n as u64, row: Some(load.row(n)) })
            .collect();
        let latest: BTreeMap<_, _> =
            versions.iter().map(|v| (v.key.clone(), v.row.clone())).collect();
        let commit = Commit { latest: latest.into_iter().collect(), versions, ..Commit::default() };
        let began = Instant::now();
        store.commit(&commit).unwrap();
        longest = longest.max(began.elapsed());
        folded.store(end as u64, Ordering::Release);
        at = end;
    }
    longest
}

fn seal_all(store: &Arc<PartitionStore>, history: &History, folded: u64, table: &Table) {
    let table = Arc::new(table.clone());
    while let Some(stretch) = store.snapshot().unsealed(folded).unwrap() {
        seal(store, history, &stretch, &|_| Some(Arc::clone(&table))).unwrap();
    }
}

fn read(load: &Load, store: &Arc<PartitionStore>, history: &Arc<History>, figures: &mut Figures) {
    let lookups = load.lookups();
    let (seconds, _) = warm(|| {
        lookups.iter().for_each(|key| assert!(store.get_latest(key).unwrap().is_some()));
    });
    figures.get_k_per_s = lookups.len() as f64 / seconds / 1e3;
    let prefix = load.table.prefix();
    let mut end = prefix.to_vec();
    end.extend([0xff; 16]);
    let latest = || {
        let rows = store.snapshot().scan_latest(prefix.to_vec(), end.clone());
        rows.map(Result::unwrap)
    };
    let (seconds, (count, sum)) = warm(|| {
        latest().fold((0, 0), |(count, sum), (key, row)| (count + 1, checksum(sum, &key, &row)))
    });
    figures.latest_sum = sum;
    figures.latest_m_per_s = m_per_s(count, seconds);
    let (seconds, _) = warm(|| latest().fold(0, |sum, (_, row)| decoded(sum, &row)));
    figures.decoded_m_per_s = m_per_s(count, seconds);
    let past = || {
        let at = UPSERTS as u64 / 2 - 1;
        let past = PastRows::new(store.snapshot(), Arc::clone(history), at).unwrap();
        past.scan(&prefix, &end).unwrap().map(Result::unwrap)
    };
    let (seconds, (count, sum)) = warm(|| {
        past().fold((0, 0), |(count, sum), (key, row)| (count + 1, checksum(sum, &key, &row)))
    });
    figures.past_sum = sum;
    figures.past_m_per_s = m_per_s(count, seconds);
    let (seconds, _) = warm(|| past().fold(0, |sum, (_, row)| decoded(sum, &row)));
    figures.past_decoded_m_per_s = m_per_s(count, seconds);
}

pub(crate) fn folder_bytes(dir: &Path) -> u64 {
    let mut bytes = 0;
    for entry in std::fs::read_dir(dir).unwrap().map(Result::unwrap) {
        let of = entry.metadata().unwrap();
        bytes += if of.is_dir() { folder_bytes(&entry.path()) } else { of.len() };
    }
    bytes
}
