//! What history costs: our store beside a plain RocksDB family and beside user-defined timestamps.
//!
//! Two million upserts of rows of about 100 bytes over 200,000 keys, in batches of 1,000, once with every
//! key as likely as another and once skewed (zipf 1.0): ten versions a key. One thread writes and reads;
//! ours seals beside it, as a server does. All three get the same keys and rows, compress and filter
//! alike, and must give the same answers before a figure is printed.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a benchmark"
)]

mod load;
mod ours;
mod peers;

use std::time::Instant;

use load::{KEYS, Load, UPSERTS};

/// What one store took.
#[derive(Debug, Default)]
pub(crate) struct Figures {
    write_k_per_s: f64,
    commit_ms_max: f64,
    get_k_per_s: f64,
    latest_m_per_s: f64,
    decoded_m_per_s: f64,
    past_m_per_s: f64,
    past_decoded_m_per_s: f64,
    disk_mb: f64,
    latest_sum: u64,
    past_sum: u64,
    stalls: Stalls,
}

/// The longest waits while stretches are sealed beside writes and reads.
#[derive(Debug, Default)]
pub(crate) struct Stalls {
    commit_ms: f64,
    get_p99_ms: f64,
    get_ms: f64,
    seal_ms: f64,
}

fn main() {
    println!("{UPSERTS} upserts over {KEYS} keys, batches of {}", load::BATCH);
    for skewed in [false, true] {
        let load = Load::new(skewed);
        let payload_mb = load.payload_bytes() as f64 / 1e6;
        let name = if skewed { "skewed" } else { "uniform" };
        println!("\n{name}: {} keys touched, {payload_mb:.0} MB of keys and rows", load.touched());
        println!(
            "{:<26}{:>9}{:>10}{:>9}{:>10}{:>10}{:>10}{:>10}{:>9}",
            "", "write", "longest", "get", "scan", "decoded", "as of", "decoded", "disk"
        );
        println!(
            "{:<26}{:>9}{:>10}{:>9}{:>10}{:>10}{:>10}{:>10}{:>9}",
            "", "k/s", "commit ms", "k/s", "M/s", "M/s", "M/s", "M/s", "MB"
        );
        let plain = peers::plain(&load);
        print("plain, no history", &plain);
        let stamped = peers::timestamps(&load);
        print("user-defined timestamps", &stamped);
        let ours = ours::measure(&load);
        print("latest, tail and sealed", &ours);
        assert_eq!(ours.latest_sum, plain.latest_sum, "the latest rows differ");
        assert_eq!(ours.latest_sum, stamped.latest_sum, "the latest rows differ");
        assert_eq!(ours.past_sum, stamped.past_sum, "the rows as of the middle differ");
        println!(
            "ours to plain: write {:.2}, get {:.2}, scan {:.2}; \
             as of to latest: {:.1}x, decoded {:.1}x; disk to payload {:.2}",
            ours.write_k_per_s / plain.write_k_per_s,
            ours.get_k_per_s / plain.get_k_per_s,
            ours.latest_m_per_s / plain.latest_m_per_s,
            ours.latest_m_per_s / ours.past_m_per_s,
            ours.decoded_m_per_s / ours.past_decoded_m_per_s,
            ours.disk_mb / payload_mb,
        );
        let Stalls { commit_ms, get_p99_ms, get_ms, seal_ms } = ours.stalls;
        println!(
            "while sealing: longest commit {commit_ms:.1} ms, get p99 {get_p99_ms:.3} and longest {get_ms:.1} ms; \
             the longest seal took {seal_ms:.0} ms"
        );
    }
}

fn print(name: &str, f: &Figures) {
    println!(
        "{name:<26}{:>9.0}{:>10.1}{:>9.0}{:>10.2}{:>10.2}{:>10.2}{:>10.2}{:>9.0}",
        f.write_k_per_s,
        f.commit_ms_max,
        f.get_k_per_s,
        f.latest_m_per_s,
        f.decoded_m_per_s,
        f.past_m_per_s,
        f.past_decoded_m_per_s,
        f.disk_mb,
    );
}

/// Seconds that something took, and what it answered.
pub(crate) fn timed<T>(work: impl FnOnce() -> T) -> (f64, T) {
    let began = Instant::now();
    let answer = work();
    (began.elapsed().as_secs_f64(), answer)
}

/// The faster of two runs: the first also warms the cache.
pub(crate) fn warm<T>(mut work: impl FnMut() -> T) -> (f64, T) {
    let first = timed(&mut work);
    let second = timed(&mut work);
    if second.0 < first.0 { second } else { first }
}

/// Millions a second.
pub(crate) fn m_per_s(count: usize, seconds: f64) -> f64 {
    count as f64 / seconds / 1e6
}
