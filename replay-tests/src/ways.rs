//! The ways in which a case is carried out.

use std::fmt;

use crate::{
    case::Case,
    job::{Crash, When},
};

/// The seed where none is told: the same points every day, so that a failure is that of the change at hand.
pub const SEED_DEFAULT: u64 = 1;
/// Says another.
pub const SEED: &str = "HEADWATER_CASE_SEED";
/// Crash points of a case in the daily run.
const CRASHES: u64 = 3;
/// Layouts that every case is carried out on, unless it fixes one.
const LAYOUTS: [u32; 2] = [1, 4];

/// Which log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogKind {
    /// In the data folder.
    Embedded,
    /// On a broker.
    Kafka,
}

/// A way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Way {
    /// The log.
    pub log: LogKind,
    /// Data partitions.
    pub partitions: u32,
    /// In the order of acts.
    pub crashes: Vec<Crash>,
}

impl Way {
    fn straight(log: LogKind, partitions: u32) -> Self {
        Self { log, partitions, crashes: Vec::new() }
    }
}

impl fmt::Display for Way {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { log, partitions, crashes } = self;
        let log = match log {
            LogKind::Embedded => "embedded",
            LogKind::Kafka => "kafka",
        };
        write!(f, "{log}, {partitions} partition{}", if *partitions == 1 { "" } else { "s" })?;
        for crash in crashes.iter().take(5) {
            let when = match crash.when {
                When::Written => "written",
                When::Folded => "folded",
                When::Settled => "settled",
            };
            write!(f, ", crash when act {} was {when}", crash.after)?;
        }
        if crashes.len() > 5 {
            write!(f, " and so on, {} crashes", crashes.len())?;
        }
        Ok(())
    }
}

/// What a case's layout allows.
fn layouts(case: &Case) -> Vec<u32> {
    case.script.layout.map_or_else(|| LAYOUTS.to_vec(), |partitions| vec![partitions])
}

/// A crash makes control longer, so a case that tells where records lie is carried out without.
fn crashes(case: &Case) -> bool {
    case.script.layout.is_none()
}

/// The plain way, by which a golden is made.
pub fn plain(case: &Case) -> Way {
    let partitions = layouts(case).into_iter().next().unwrap_or(1);
    Way::straight(LogKind::Embedded, partitions)
}

/// What is run daily: straight, again from nothing, on each layout, and with crashes after three acts.
pub fn daily(case: &Case, seed: u64) -> Vec<Way> {
    let mut ways = vec![plain(case)];
    ways.extend(layouts(case).into_iter().map(|n| Way::straight(LogKind::Embedded, n)));
    if crashes(case) {
        let acts = case.acts() as u64;
        let mut at: Vec<Crash> = (0..CRASHES)
            .map(|n| {
                let after = 1 + drawn(seed, &case.name, 2 * n) % acts.max(1);
                let when = when(drawn(seed, &case.name, 2 * n + 1));
                Crash { after: usize::try_from(after).unwrap_or(1), when }
            })
            .collect();
        at.sort_by_key(|crash| crash.after);
        at.dedup_by_key(|crash| crash.after);
        let partitions = if drawn(seed, &case.name, 100).is_multiple_of(2) { 1 } else { 4 };
        ways.push(Way { log: LogKind::Embedded, partitions, crashes: at });
    }
    ways
}

/// What a case that was chosen for Kafka runs daily.
pub fn daily_on_kafka(case: &Case, seed: u64) -> Vec<Way> {
    let layouts = layouts(case);
    let chosen = usize::try_from(drawn(seed, &case.name, 101)).unwrap_or(0) % layouts.len();
    let partitions = layouts.get(chosen).copied().unwrap_or(1);
    let mut way = Way::straight(LogKind::Kafka, partitions);
    if crashes(case) {
        let after = 1 + drawn(seed, &case.name, 102) % (case.acts() as u64).max(1);
        let when = when(drawn(seed, &case.name, 103));
        way.crashes.push(Crash { after: usize::try_from(after).unwrap_or(1), when });
    }
    vec![way]
}

/// Every way: a crash after every act, one a run and all in one, on both logs and each layout.
pub fn every(case: &Case, log: LogKind) -> Vec<Way> {
    let mut ways = Vec::new();
    for partitions in layouts(case) {
        ways.push(Way::straight(log, partitions));
        ways.push(Way::straight(log, partitions));
    }
    if !crashes(case) {
        return ways;
    }
    for (index, partitions) in layouts(case).into_iter().enumerate() {
        let after_each = (1..=case.acts())
            .map(|after| Crash { after, when: when((after + index) as u64) })
            .collect();
        ways.push(Way { log, partitions, crashes: after_each });
    }
    if log == LogKind::Embedded {
        for after in 1..=case.acts() {
            for (when, partitions) in [(When::Written, 4), (When::Folded, 1)] {
                ways.push(Way { log, partitions, crashes: vec![Crash { after, when }] });
            }
        }
    }
    ways
}

/// So many of these names, chosen by a seed.
pub fn chosen(names: &[String], count: usize, seed: u64) -> Vec<String> {
    let mut names = names.to_vec();
    names.sort_by_key(|name| drawn(seed, name, 200));
    names.truncate(count);
    names
}

/// The seed that the environment tells.
pub fn seed() -> anyhow::Result<u64> {
    match std::env::var(SEED) {
        Ok(text) => {
            text.parse().map_err(|_| anyhow::anyhow!("{SEED} is no whole number: {text:?}"))
        }
        Err(_) => Ok(SEED_DEFAULT),
    }
}

fn when(drawn: u64) -> When {
    match drawn % 5 {
        0 | 1 => When::Written,
        2 | 3 => When::Folded,
        _ => When::Settled,
    }
}

/// A number that follows from seed, name and place alone.
fn drawn(seed: u64, name: &str, place: u64) -> u64 {
    let mut hasher = blake3::Hasher::new();
    hasher.update(&seed.to_le_bytes()).update(&place.to_le_bytes()).update(name.as_bytes());
    let mut bytes = [0; 8];
    hasher.finalize_xof().fill(&mut bytes);
    u64::from_le_bytes(bytes)
}
