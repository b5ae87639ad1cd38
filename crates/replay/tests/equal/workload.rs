//! What happens, at random: steps over all families, bad records among them.

use proptest::prelude::*;

use crate::{
    app::{Variant, variant},
    property::CASES_ASKED,
};

/// The length of a workload, beside what its bursts bring.
const STEPS_MAX: usize = 60;
/// More than the largest batch takes, with what is there before.
const LARGE_BURST_MIN: u16 = 9_900;
/// The longest burst.
const BURST_MAX: u16 = 12_000;
/// The longest of the bursts that are not rare.
const SMALL_BURST_MAX: u16 = 200;
/// So many runs, of which the first is there from the start and never ends.
const RUNS: u8 = 5;

/// What happens next.
#[derive(Debug, Clone)]
pub(crate) enum Step {
    /// Something is so; it goes to the partition of its subject.
    Tell(Told),
    /// Something is asked of control, who may refuse it.
    Ask(Asked),
    /// A client of the log itself puts an event into a partition that is not its subject's.
    Astray { told: Told, by: u8 },
    /// A record that is no event, or one that nobody may write there.
    Broken { partition: u8, kind: Broken },
    /// An event comes once more, as it was: the one so many before, round and round.
    Again { back: u16 },
    /// Its id comes once more, and it says something else.
    Reused { back: u16 },
    /// So many orders at once.
    Burst { orders: u16 },
}

/// Observations of data partitions.
#[derive(Debug, Clone)]
pub(crate) enum Told {
    Order { customer: u8, total: Total, channel: Option<u8>, hour: Option<u16>, second: bool },
    Visit { visitor: u8, page: i64, seconds: Option<f64>, hour: Option<u16> },
    Score { subject: u8, customer: u8, score: Option<f64>, class: Option<u8>, known: bool },
    Predict { request: u8, model: u8, version: u8, named: u8 },
    Label { request: u8, label: u8 },
}

/// What an order comes to.
#[derive(Debug, Clone)]
pub(crate) enum Total {
    Cents(i32),
    Null,
    Absent,
    /// More digits than the view's decimals have.
    Finer(i16),
}

/// Requests, and observations of runs.
#[derive(Debug, Clone)]
pub(crate) enum Asked {
    Experiment {
        name: u8,
    },
    Run {
        run: u8,
        experiment: u8,
    },
    Param {
        run: u8,
        key: u8,
        value: u8,
    },
    Metric {
        run: u8,
        key: u8,
        value: Value,
        step: i8,
        measured: Option<u16>,
        second: bool,
    },
    Tag {
        run: u8,
        key: u8,
        value: u8,
    },
    Finish {
        run: u8,
        status: u8,
        artifact: bool,
    },
    Model {
        name: u8,
    },
    ModelVersion {
        model: u8,
        run: Option<u8>,
    },
    Alias {
        model: u8,
        alias: u8,
        version: u8,
        expected: Option<u8>,
    },
    Unalias {
        model: u8,
        alias: u8,
    },
    /// Of an effect that nobody asked for.
    CancelEffect {
        key: u8,
    },
    Rollout {
        rollout: u8,
        model: u8,
        percent: u8,
        sum: u8,
        expected: Option<u8>,
    },
    /// Earlier than the clock is refused.
    Tick {
        hours: i16,
    },
    Topology(Variant),
    NoTopology,
}

/// A metric's value.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Value {
    Number(f64),
    NaN,
    Infinity,
    NegativeInfinity,
}

/// What is wrong with a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Broken {
    NotJson,
    NoValue,
    NoEnvelope,
    OtherSchema,
    UnknownType,
    UnknownVersion,
    FarTime,
    /// Of control's types, in a data partition.
    Asked,
    /// In control, and nobody signed it.
    Unsigned,
    /// What only the process itself writes.
    Forged,
}

pub(crate) fn steps() -> impl Strategy<Value = Vec<Step>> {
    prop::collection::vec(step(), 1..STEPS_MAX)
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        12 => told().prop_map(Step::Tell),
        12 => asked().prop_map(Step::Ask),
        3 => (told(), 0..4_u8).prop_map(|(told, by)| Step::Astray { told: fitting(told), by }),
        2 => (0..4_u8, broken()).prop_map(|(partition, kind)| Step::Broken { partition, kind }),
        2 => any::<u16>().prop_map(|back| Step::Again { back }),
        1 => any::<u16>().prop_map(|back| Step::Reused { back }),
        1 => burst().prop_map(|orders| Step::Burst { orders }),
    ]
}

/// The dead letter of an event that does not fit a view tells by which partition it came, in
/// `derivedfrom`: astray, it leaves another letter where there are more partitions. So none of these
/// goes astray here.
fn fitting(told: Told) -> Told {
    match told {
        Told::Order { customer, total: Total::Finer(n), channel, hour, second } => {
            let total = Total::Cents(i32::from(n));
            Told::Order { customer, total, channel, hour, second }
        }
        fits => fits,
    }
}

/// Where cases are asked for, a few are longer than the largest batch; each takes most of a minute.
fn burst() -> BoxedStrategy<u16> {
    let small = 1..SMALL_BURST_MAX;
    match std::env::var_os(CASES_ASKED) {
        None => small.boxed(),
        Some(_) => prop_oneof![30 => small, 1 => LARGE_BURST_MIN..BURST_MAX].boxed(),
    }
}

fn hour() -> impl Strategy<Value = Option<u16>> {
    prop::option::weighted(0.8, 0..3_000_u16)
}

fn number() -> impl Strategy<Value = f64> {
    prop_oneof![
        4 => (-1_000..1_000_i32).prop_map(|eighths| f64::from(eighths) / 8.0),
        2 => (-1_000..1_000_i32).prop_map(|tenths| f64::from(tenths) / 10.0),
        1 => any::<f64>().prop_map(|any| if any.is_finite() { any } else { 0.0 }),
    ]
}

fn told() -> impl Strategy<Value = Told> {
    let total = prop_oneof![
        6 => (-5_000..100_000_i32).prop_map(Total::Cents),
        1 => Just(Total::Null),
        1 => Just(Total::Absent),
        1 => any::<i16>().prop_map(Total::Finer),
    ];
    let channel = prop::option::weighted(0.8, 0..3_u8);
    let order = (0..9_u8, total, channel, hour(), prop::bool::weighted(0.2));
    let seconds = prop::option::weighted(0.9, number());
    let visit = (0..9_u8, 0..5_i64, seconds, hour());
    let score = prop::option::weighted(0.7, number());
    let class = prop::option::weighted(0.7, 0..3_u8);
    let score = (0..9_u8, 0..6_u8, score, class, prop::bool::weighted(0.9));
    prop_oneof![
        5 => order.prop_map(|(customer, total, channel, hour, second)| {
            Told::Order { customer, total, channel, hour, second }
        }),
        4 => visit.prop_map(|(visitor, page, seconds, hour)| {
            Told::Visit { visitor, page, seconds, hour }
        }),
        3 => score.prop_map(|(subject, customer, score, class, known)| {
            Told::Score { subject, customer, score, class, known }
        }),
        2 => (0..6_u8, 0..2_u8, 1..3_u8, 0..8_u8).prop_map(|(request, model, version, named)| {
            Told::Predict { request, model, version, named }
        }),
        2 => (0..6_u8, 0..4_u8).prop_map(|(request, label)| Told::Label { request, label }),
    ]
}

fn asked() -> impl Strategy<Value = Asked> {
    let value = prop_oneof![
        6 => number().prop_map(Value::Number),
        1 => Just(Value::NaN),
        1 => Just(Value::Infinity),
        1 => Just(Value::NegativeInfinity),
    ];
    let metric = (0..RUNS, 0..2_u8, value, -2..6_i8, hour(), any::<bool>());
    let rarely = || prop::option::weighted(0.3, 0..3_u8);
    let alias = (0..2_u8, 0..2_u8, 1..4_u8, rarely());
    let rollout = (0..2_u8, 0..2_u8, 0..101_u8, 99..101_u8, rarely());
    let tick = prop_oneof![6 => 0..100_i16, 2 => 100..480_i16, 1 => -50..0_i16];
    prop_oneof![
        2 => (0..3_u8).prop_map(|name| Asked::Experiment { name }),
        3 => (0..RUNS, 0..3_u8).prop_map(|(run, experiment)| Asked::Run { run, experiment }),
        2 => (0..RUNS, 0..2_u8, 0..2_u8).prop_map(|(run, key, value)| {
            Asked::Param { run, key, value }
        }),
        4 => metric.prop_map(|(run, key, value, step, measured, second)| {
            Asked::Metric { run, key, value, step, measured, second }
        }),
        1 => (0..RUNS, 0..2_u8, 0..3_u8).prop_map(|(run, key, value)| {
            Asked::Tag { run, key, value }
        }),
        2 => (1..RUNS, 0..3_u8, any::<bool>()).prop_map(|(run, status, artifact)| {
            Asked::Finish { run, status, artifact }
        }),
        1 => (0..2_u8).prop_map(|name| Asked::Model { name }),
        2 => (0..2_u8, prop::option::of(0..3_u8)).prop_map(|(model, run)| {
            Asked::ModelVersion { model, run }
        }),
        2 => alias.prop_map(|(model, alias, version, expected)| {
            Asked::Alias { model, alias, version, expected }
        }),
        1 => (0..2_u8, 0..2_u8).prop_map(|(model, alias)| Asked::Unalias { model, alias }),
        1 => (0..2_u8).prop_map(|key| Asked::CancelEffect { key }),
        2 => rollout.prop_map(|(rollout, model, percent, sum, expected)| {
            Asked::Rollout { rollout, model, percent, sum, expected }
        }),
        4 => tick.prop_map(|hours| Asked::Tick { hours }),
        2 => variant().prop_map(Asked::Topology),
        1 => Just(Asked::NoTopology),
    ]
}

fn broken() -> impl Strategy<Value = Broken> {
    prop::sample::select(vec![
        Broken::NotJson,
        Broken::NoValue,
        Broken::NoEnvelope,
        Broken::OtherSchema,
        Broken::UnknownType,
        Broken::UnknownVersion,
        Broken::FarTime,
        Broken::Asked,
        Broken::Unsigned,
        Broken::Forged,
    ])
}
