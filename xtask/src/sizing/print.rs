//! The tables of docs/sizing.md.

use super::{measure::Measured, server::Memory};

const MILLION: f64 = 1e6;
const MB: f64 = 1e6;

/// Prints them.
pub(crate) fn tables(all: &[Measured], idle: &[(u32, Memory)]) {
    disk(all);
    rows(all);
    process(all);
    for (partitions, memory) in idle {
        println!(
            "\nno events, {partitions} data partitions: {}",
            megabytes(memory.resident as f64 / MB)
        );
    }
}

fn disk(all: &[Measured]) {
    println!("| kind | JSON | log | repeats | tail | sealed | after retention | marks |");
    println!("|---|---|---|---|---|---|---|---|");
    for kind in all {
        let of = |name: &str| kind.per_million(kind.of(name));
        let cells = [
            kind.per_million(kind.json),
            of("log"),
            of("ids"),
            scaled(kind.tail.0, kind.tail.1 as f64),
            scaled(kind.sealed.0, kind.sealed.1),
            scaled(kind.retained, kind.sealed.1),
            of("marks"),
        ];
        println!("| {} | {} |", kind.name, cells.map(megabytes).join(" | "));
    }
}

/// What does not grow with the events, or not in step with them.
fn rows(all: &[Measured]) {
    println!("\n| kind | events | rows | bytes a row | tail left | outbox | WAL |");
    println!("|---|---|---|---|---|---|---|");
    for kind in all {
        let wal = kind.store_before_flush.saturating_sub(kind.store_after_flush);
        println!(
            "| {} | {} | {} | {:.0} | {} | {} | {} |",
            kind.name,
            thousands(kind.events),
            thousands(kind.rows),
            kind.of("latest") as f64 / kind.rows.max(1) as f64,
            megabytes(kind.of("tail") as f64 / MB),
            megabytes(kind.of("outbox") as f64 / MB),
            megabytes(wal as f64 / MB),
        );
    }
}

fn process(all: &[Measured]) {
    println!("\n| kind | CPU s | events/s | idle | after the first part | after all | peak |");
    println!("|---|---|---|---|---|---|---|");
    for kind in all {
        let memory = [
            kind.idle.resident,
            kind.first.resident,
            kind.all.resident,
            kind.first.peak.max(kind.all.peak),
        ];
        println!(
            "| {} | {:.0} | {:.0} | {} |",
            kind.name,
            kind.cpu_s / kind.events as f64 * MILLION,
            kind.events as f64 / kind.wall_s,
            memory.map(|bytes| megabytes(bytes as f64 / MB)).join(" | "),
        );
    }
}

impl Measured {
    fn of(&self, name: &str) -> u64 {
        self.bytes.get(name).copied().unwrap_or_default()
    }

    fn per_million(&self, bytes: u64) -> f64 {
        scaled(bytes, self.events as f64)
    }
}

/// Megabytes of a million events, from the bytes of so many.
fn scaled(bytes: u64, events: f64) -> f64 {
    bytes as f64 / events * MILLION / MB
}

fn megabytes(value: f64) -> String {
    if !value.is_finite() {
        return "–".to_owned();
    }
    if value < 10.0 { format!("{value:.1}") } else { format!("{value:.0}") }
}

fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}
