//! A random log, and what a plain fold of its first records says.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use headwater_event::{Event, NewRecord, Offset, PartitionId, Record, Timestamp, decode};
use headwater_query::{AsOf, Moment, QueryOptions};
use proptest::prelude::*;
use serde_json::json;

use crate::support::{World, batches_with, cells_of, past::History, sql, time};

/// The data partitions of the log.
pub(crate) const PARTITIONS: u32 = 2;
const HOUR_MICROS: i64 = 3_600_000_000;

/// What happens next.
#[derive(Debug, Clone)]
pub(crate) enum Step {
    Purchase { subject: u8, customer: i64, cds: i64, hour: u16 },
    Tick { hours: u8 },
    Broken { partition: u32 },
    Experiment { name: u8 },
}

pub(crate) fn steps() -> impl Strategy<Value = Vec<Step>> {
    let purchase = (0..6_u8, 1..7_i64, 1..9_i64, 0..20_000_u16)
        .prop_map(|(subject, customer, cds, hour)| Step::Purchase { subject, customer, cds, hour });
    let step = prop_oneof![
        6 => purchase,
        2 => (0..60_u8).prop_map(|hours| Step::Tick { hours }),
        1 => (0..PARTITIONS).prop_map(|partition| Step::Broken { partition }),
        1 => (0..3_u8).prop_map(|name| Step::Experiment { name }),
    ];
    prop::collection::vec(step, 1..40)
}

/// Which moment of a log is asked for, whatever its length, and how it is written.
#[derive(Debug, Clone)]
pub(crate) enum Pick {
    Time { share: f64, form: u8 },
    Positions { shares: [f64; 3], named: [bool; 2], quoted: bool },
}

pub(crate) fn pick() -> impl Strategy<Value = Pick> {
    let share = || 0.0..=1.0;
    prop_oneof![
        (share(), 0..4_u8).prop_map(|(share, form)| Pick::Time { share, form }),
        ([share(), share(), share()], any::<[bool; 2]>(), any::<bool>())
            .prop_map(|(shares, named, quoted)| Pick::Positions { shares, named, quoted }),
    ]
}

/// A moment, as the log knows it and as a query writes it.
#[derive(Debug, Clone)]
pub(crate) struct Picked {
    pub(crate) as_of: AsOf,
    pub(crate) text: String,
}

/// A log with its present.
pub(crate) struct Story {
    pub(crate) now: Arc<Moment>,
    pub(crate) history: History,
    records: BTreeMap<PartitionId, Vec<Record>>,
    /// The records of control with which the views were declared: there are none before.
    declared: usize,
}

impl Story {
    pub(crate) fn of(steps: &[Step]) -> Self {
        let mut world = World::shop(PARTITIONS);
        let declared = world.records()[&PartitionId::Control].len();
        let mut clock = time("1997-01-01T00:00:00Z");
        for step in steps {
            take(&mut world, step, &mut clock);
        }
        let (now, _) = world.moment();
        Self { now, history: world.history(), records: world.records(), declared }
    }

    pub(crate) fn picked(&self, pick: &Pick) -> Picked {
        match pick {
            Pick::Time { share, form } => self.picked_time(*share, *form),
            Pick::Positions { shares, named, quoted } => {
                let all = self.records.iter().zip(shares);
                let positions = all.filter_map(|((id, records), share)| {
                    let (named, least) = match id {
                        PartitionId::Control => (true, self.declared - 1),
                        PartitionId::Data(n) => (named[*n as usize], 0),
                    };
                    let at = least + share_of(*share, records.len() - least);
                    named.then_some((*id, Offset(at as u64)))
                });
                let as_of = AsOf::Positions(positions.collect());
                let text =
                    if *quoted { format!("'{as_of}'") } else { format!("position('{as_of}')") };
                Picked { as_of, text }
            }
        }
    }

    fn picked_time(&self, share: f64, form: u8) -> Picked {
        let (first, last) = self.history.times();
        let seconds = (last.micros() - first.micros()) / 1_000_000;
        let after = share_of(share, usize::try_from(seconds).unwrap() + 1) as i64;
        let at = Timestamp::from_micros(first.micros() + after * 1_000_000);
        let text = match form {
            0 => format!("'{at}'"),
            1 => format!("timestamp '{}'", at.to_string().trim_end_matches('Z').replace('T', " ")),
            2 => {
                let ago = (self.now.read_time.micros() - at.micros()) / 1_000_000;
                format!("now() - interval '{ago} seconds'")
            }
            _ => format!("(cast('{at}' as timestamp) + interval '1 hour' - interval '1 hour')"),
        };
        Picked { as_of: AsOf::Time(at), text }
    }

    /// What is there at a moment; `None` for now.
    pub(crate) fn fold(&self, as_of: Option<&AsOf>) -> Fold {
        let all = || self.records.iter().map(|(id, records)| (*id, records.len())).collect();
        let counts = as_of.map_or_else(all, |as_of| self.history.counts(as_of).unwrap());
        let read_time = match as_of {
            None => self.now.read_time,
            Some(AsOf::Time(time)) => *time,
            Some(AsOf::Positions(_)) => self.history.clock(counts[&PartitionId::Control]),
        };
        Fold::of(&self.records, counts, read_time)
    }

    pub(crate) async fn rows(&self, query: &str) -> Vec<Vec<String>> {
        self.rows_with(query, &QueryOptions::default()).await
    }

    pub(crate) async fn rows_with(&self, query: &str, options: &QueryOptions) -> Vec<Vec<String>> {
        match batches_with(&sql(), &self.now, query, options).await {
            Ok(batches) => cells_of(&batches),
            Err(error) => panic!("{query}: {error}"),
        }
    }
}

fn share_of(share: f64, length: usize) -> usize {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "a share of a small number"
    )]
    let at = (share * length as f64) as usize;
    at.min(length - 1)
}

fn take(world: &mut World, step: &Step, clock: &mut Timestamp) {
    match step {
        Step::Purchase { subject, customer, cds, hour } => {
            let at = time("1996-06-01T00:00:00Z").micros() + i64::from(*hour) * HOUR_MICROS;
            let at = Timestamp::from_micros(at).to_string();
            world.purchase(&format!("s{subject}"), *customer, &at, *cds, 0.25);
        }
        Step::Tick { hours } => {
            *clock = Timestamp::from_micros(clock.micros() + i64::from(*hours) * HOUR_MICROS);
            world.tick(*clock);
        }
        Step::Broken { partition } => {
            let broken = NewRecord { value: Some("no event".into()), ..NewRecord::default() };
            world.append_record(PartitionId::Data(*partition), broken);
        }
        Step::Experiment { name } => {
            let name = format!("x{name}");
            let data = json!({"name": name});
            let event = world.event("headwater.experiment.create_requested", &name, data);
            world.asked(&event);
        }
    }
}

/// What a customer has bought.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct Stats {
    pub(crate) transactions: i64,
    pub(crate) cds: i64,
    /// The time of the last purchase.
    pub(crate) last_micros: i64,
}

/// What a plain fold of some records says.
#[derive(Debug, Default)]
pub(crate) struct Fold {
    pub(crate) counts: BTreeMap<PartitionId, usize>,
    pub(crate) read_time_micros: i64,
    pub(crate) stats: BTreeMap<i64, Stats>,
    pub(crate) subjects: BTreeSet<String>,
    pub(crate) events: BTreeMap<PartitionId, usize>,
    pub(crate) dead_letters: usize,
    pub(crate) experiments: BTreeSet<String>,
    pub(crate) rejections: usize,
}

impl Fold {
    fn of(
        records: &BTreeMap<PartitionId, Vec<Record>>,
        counts: BTreeMap<PartitionId, usize>,
        read_time: Timestamp,
    ) -> Self {
        let mut fold = Self { read_time_micros: read_time.micros(), ..Self::default() };
        for (id, count) in &counts {
            for record in &records[id][..*count] {
                match decode(&record.body) {
                    Ok(event) => fold.take(*id, &event),
                    Err(_) => fold.dead_letters += 1,
                }
            }
        }
        fold.counts = counts;
        fold
    }

    fn take(&mut self, id: PartitionId, event: &Event) {
        *self.events.entry(id).or_default() += 1;
        match &*event.event_type {
            "shop.purchase.made" => {
                let stats = self.stats.entry(event.data["customer_id"].as_i64().unwrap());
                let stats = stats.or_insert(Stats { last_micros: i64::MIN, ..Stats::default() });
                stats.transactions += 1;
                stats.cds += event.data["number_of_cds"].as_i64().unwrap();
                stats.last_micros = stats.last_micros.max(event.time.unwrap().micros());
                self.subjects.insert(event.subject.clone());
            }
            "headwater.experiment.create_requested" => {
                let name = event.data["name"].as_str().unwrap();
                if !self.experiments.insert(name.to_owned()) {
                    self.rejections += 1;
                }
            }
            _ => {}
        }
    }

    /// Each customer and the CDs bought, as an answer shows them.
    pub(crate) fn cds(&self) -> Vec<Vec<String>> {
        let row = |(id, stats): (&i64, &Stats)| vec![id.to_string(), stats.cds.to_string()];
        self.stats.iter().map(row).collect()
    }

    pub(crate) fn total(&self) -> i64 {
        self.stats.values().map(|stats| stats.cds).sum()
    }

    pub(crate) fn cds_of(&self, customer: i64) -> String {
        self.stats.get(&customer).map_or_else(String::new, |stats| stats.cds.to_string())
    }
}
