//! A changed view: the old version serves until the new one is whole in every partition.

use std::collections::BTreeMap;

use headwater_event::{Event, Offset, PartitionId};
use headwater_topology::{Aggregate, Topology, ValueAt};
use proptest::prelude::*;
use serde_json::json;

use super::bench_log::{BenchLog, time, topology};
use crate::{
    Compiled, CompiledView, Digest, Value,
    family::{features::FeatureViewVersion, log::Rejection},
};

/// The test's topology, with another sum in `order_totals`.
fn changed() -> Topology {
    let mut topology = topology();
    let view = topology.feature_views.get_mut("order_totals").unwrap();
    let weight = view.features.iter_mut().find(|f| f.name == "weight").unwrap();
    weight.aggregate = Aggregate::Max(ValueAt::Data("/order/weight".into()));
    topology
}

fn orders(log: &mut BenchLog, ids: std::ops::Range<i64>) {
    for n in ids {
        let total = f64::from(i32::try_from(n % 17).unwrap()) + 0.25;
        let at = format!("1997-{:02}-05T00:00:00Z", n % 12 + 1);
        log.order(&n.to_string(), n % 23, &at, json!({"order": {"total": total, "weight": total}}));
    }
    log.settle();
}

fn view(topology: Topology) -> CompiledView {
    let built_in = headwater_event::Schemas::built_in().unwrap();
    Compiled::new(&built_in, topology).unwrap().view("order_totals").unwrap().clone()
}

fn control(log: &BenchLog) -> &crate::PartitionFold {
    &log.partitions[&PartitionId::Control].fold
}

fn reads(log: &BenchLog) -> String {
    control(log).compiled().view("order_totals").unwrap().table.version_hex()
}

fn states(log: &BenchLog) -> BTreeMap<String, String> {
    let rows = log.rows::<FeatureViewVersion>().into_iter();
    rows.filter(|row| row.name == "order_totals").map(|row| (row.version, row.state)).collect()
}

fn digest(log: &BenchLog, view: &CompiledView) -> Digest {
    log.digests().get(&view.table.version_hex()).copied().unwrap_or_default()
}

#[test]
fn without_history_a_view_is_read_at_once() {
    let mut log = BenchLog::new(3);
    assert!(control(&log).head().coming.is_empty(), "the first topology found nothing folded");
    log.declare(&changed());
    assert_eq!(reads(&log), view(changed()).table.version_hex());
    let old = view(topology()).table.version_hex();
    assert_eq!(states(&log)[&old], "retired");
}

#[test]
fn the_old_version_serves_until_all_partitions_have_the_new_one() {
    let (old, new) = (view(topology()), view(changed()));
    let mut log = BenchLog::new(2);
    orders(&mut log, 0..60);
    assert!(log.declare(&changed()).is_accepted());
    assert_eq!(reads(&log), old.table.version_hex());
    assert_eq!(states(&log)[&new.table.version_hex()], "building");
    orders(&mut log, 60..80);
    log.built(PartitionId::Data(0));
    assert_eq!(reads(&log), old.table.version_hex(), "one of two is not all");
    orders(&mut log, 80..90);
    let served = log.features("order_totals");
    let orders_of = |row: &Vec<Value>| match row[1] {
        Value::Int64(orders) => orders,
        _ => panic!(),
    };
    assert_eq!(served.iter().map(orders_of).sum::<i64>(), 90, "kept up to date meanwhile");
    log.built(PartitionId::Data(1));
    assert_eq!(reads(&log), new.table.version_hex());
    orders(&mut log, 90..100);
    let states = states(&log);
    assert_eq!(states[&old.table.version_hex()], "retired");
    assert_eq!(states[&new.table.version_hex()], "active");
    let sum = |view: &CompiledView| log.of_table(&view.table).iter().map(orders_of).sum::<i64>();
    assert_eq!((sum(&old), sum(&new)), (90, 100), "the old one ends where the new one begins");

    // As if it had been declared from the start, whatever the number of partitions.
    let mut early = BenchLog::new(4);
    early.declare(&changed());
    orders(&mut early, 0..100);
    assert_eq!(digest(&log, &new), digest(&early, &new));
    assert_eq!(log.of_table(&new.table), early.of_table(&new.table));
}

#[test]
fn a_version_that_is_given_up_is_forgotten_and_one_taken_up_again_is_whole() {
    let (old, new) = (view(topology()), view(changed()));
    let mut log = BenchLog::new(2);
    orders(&mut log, 0..30);
    log.declare(&changed());
    log.built(PartitionId::Data(0));
    // Back before the second partition had it.
    log.declare(&topology());
    assert_eq!(reads(&log), old.table.version_hex());
    assert_eq!(states(&log)[&new.table.version_hex()], "abandoned");
    orders(&mut log, 30..50);
    // And forth: what the first partition told before does not count for this one.
    log.declare(&changed());
    log.built(PartitionId::Data(1));
    assert_eq!(reads(&log), old.table.version_hex());
    log.built(PartitionId::Data(0));
    assert_eq!(reads(&log), new.table.version_hex());
    // A retired version has a gap, until it is folded again.
    orders(&mut log, 50..70);
    log.declare(&topology());
    assert_eq!(reads(&log), new.table.version_hex());
    log.build();
    orders(&mut log, 70..80);
    let mut early = BenchLog::new(1);
    orders(&mut early, 0..80);
    assert_eq!(digest(&log, &old), digest(&early, &old));
}

#[test]
fn two_changes_in_a_row_leave_the_last() {
    let mut log = BenchLog::new(2);
    orders(&mut log, 0..30);
    log.declare(&changed());
    let mut third = changed();
    third.feature_views.get_mut("order_totals").unwrap().features.pop();
    log.declare(&third);
    log.build();
    let states = states(&log);
    assert_eq!(states[&view(topology()).table.version_hex()], "retired");
    assert_eq!(states[&view(changed()).table.version_hex()], "abandoned");
    assert_eq!(reads(&log), view(third).table.version_hex());
    let head = log.partitions[&PartitionId::Data(0)].fold.head();
    assert!(head.coming.is_empty() && control(&log).head().coming.is_empty());
}

#[test]
fn a_dropped_view_ends_at_once() {
    let mut log = BenchLog::new(1);
    orders(&mut log, 0..30);
    let mut without = topology();
    without.feature_views.remove("order_totals");
    log.declare(&without);
    orders(&mut log, 30..60);
    let old = view(topology());
    assert_eq!(states(&log)[&old.table.version_hex()], "retired");
    assert!(control(&log).compiled().view("order_totals").is_none());
    let mut early = BenchLog::new(1);
    orders(&mut early, 0..30);
    assert_eq!(digest(&log, &old), digest(&early, &old));
}

fn score(id: &str, feature: &str) -> Event {
    let data = json!({"feature_view": "scores", "entity": {"customer": 7}, "values": {feature: 1}});
    let mut event = Event::new(id, "job", "headwater.feature.written", "7", data);
    event.time = Some(time("1997-01-05T00:00:00Z"));
    event
}

#[test]
fn written_values_are_judged_by_the_version_that_serves_and_folded_by_each_alike() {
    let mut renamed = topology();
    let scores = renamed.feature_views.get_mut("scores").unwrap();
    scores.features[0].name = "score_v2".into();
    let built_in = headwater_event::Schemas::built_in().unwrap();
    let new = Compiled::new(&built_in, renamed.clone()).unwrap().view("scores").unwrap().clone();
    let here = PartitionId::Data(headwater_event::partition_for(b"7", 2));
    // However late the handover comes, the new version's rows are the same.
    let digests = [0, 1, 2, 3].map(|handover| {
        let mut log = BenchLog::new(2);
        for subject in ["7", "8", "9", "10"] {
            let mut event = score(&format!("0-{subject}"), "score");
            event.subject = subject.into();
            log.produce(&event);
        }
        log.settle();
        log.declare(&renamed);
        for n in 0..3 {
            if n == handover {
                // Live here, and not read before the other partition has it, too.
                log.built(here);
            }
            log.produce(&score(&format!("a{n}"), "score_v2"));
            log.settle();
        }
        log.build();
        assert_eq!(log.rows::<Rejection>().len(), 3, "the old version does not know the name");
        log.produce(&score("z", "score_v2"));
        log.settle();
        digest(&log, &new)
    });
    assert!(digests.windows(2).all(|pair| pair[0] == pair[1]));
    assert_eq!((digests[0].rows, digests[0].versions), (1, 4));
}

#[test]
fn a_view_without_a_version_before_is_read_once_it_is_whole() {
    let mut later = topology();
    let view = later.feature_views["order_totals"].clone();
    later.feature_views.insert("order_totals_too".into(), view);
    let mut log = BenchLog::new(1);
    orders(&mut log, 0..10);
    log.declare(&later);
    assert!(control(&log).compiled().view("order_totals_too").is_none());
    assert!(control(&log).compiled().comes("order_totals_too"));
    log.build();
    assert_eq!(log.features("order_totals_too").len(), log.features("order_totals").len());
}

#[test]
fn the_stored_form_tells_what_holds_from_each_offset_on() {
    let mut log = BenchLog::new(1);
    orders(&mut log, 0..10);
    log.tick("1997-02-01T00:00:00Z");
    log.declare(&changed());
    log.build();
    log.tick("1997-03-01T00:00:00Z");
    let built_in = headwater_event::Schemas::built_in().unwrap();
    let (old, new) = (view(topology()), view(changed()));
    for (id, partition) in &log.partitions {
        let held = partition.topologies.iter().map(|(offset, stored)| {
            let compiled = Compiled::from_stored(&built_in, stored).unwrap();
            assert_eq!(compiled.to_stored().unwrap(), *stored, "reads back as it was");
            let reads = compiled.view("order_totals").map(|view| view.table.version_hex());
            (*offset, reads)
        });
        let held: Vec<(Offset, Option<String>)> = held.collect();
        let versions: Vec<_> = held.iter().map(|(_, version)| version.clone()).collect();
        let (old, new) = (Some(old.table.version_hex()), Some(new.table.version_hex()));
        // Declared first, activated, declared anew, activated.
        let first: Vec<_> = versions.iter().filter(|v| v.is_none()).collect();
        assert_eq!(first.len(), 1, "{id}: nothing is read before the first activation");
        assert_eq!(versions.last(), Some(&new));
        assert_eq!(versions[versions.len() - 2], old, "{id}: declared, not activated");
        assert!(held.is_sorted_by_key(|(offset, _)| *offset));
        let ticks: Vec<_> = partition.ticks.iter().map(|(_, clock)| clock.n).collect();
        assert_eq!(ticks, [0, 1, 2], "{id}: the opening, then the ticks");
    }
}

#[test]
fn a_bare_stored_topology_of_the_first_rules_is_read() {
    let built_in = headwater_event::Schemas::built_in().unwrap();
    let bare = serde_json::to_vec(&topology()).unwrap();
    let compiled = Compiled::from_stored(&built_in, &bare).unwrap();
    assert_eq!(compiled.views.len(), 3);
    assert!(compiled.coming.is_empty());
}

#[test]
fn under_the_first_rules_a_declared_version_is_read_at_once() {
    let (old, new) = (view(topology()), view(changed()));
    let mut log = BenchLog::with_rules(2, 1);
    orders(&mut log, 0..30);
    log.declare(&changed());
    assert_eq!(reads(&log), new.table.version_hex());
    assert!(states(&log).is_empty(), "a table of later rules");
    orders(&mut log, 30..60);
    let mut early = BenchLog::new(1);
    early.declare(&changed());
    orders(&mut early, 0..60);
    assert_eq!(digest(&log, &new), digest(&early, &new));
    // Raised, the same log goes on by the second.
    log.raise(2);
    log.declare(&topology());
    assert_eq!(reads(&log), new.table.version_hex());
    log.build();
    assert_eq!(reads(&log), old.table.version_hex());
    orders(&mut log, 60..70);
    let mut early = BenchLog::new(1);
    orders(&mut early, 0..70);
    assert_eq!(digest(&log, &old), digest(&early, &old));
    let again = log.refold(7);
    assert_eq!(again.digests(), log.digests());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// Events before, between and after: the digests of the version that is read at the end are those
    /// of a log that had it from the start; and a replay in any batches gives the same of all.
    #[test]
    fn digests_do_not_depend_on_when_and_where(
        cuts in prop::array::uniform4(0_i64..40),
        partitions in 1_u32..5,
        batch in 1_usize..200,
    ) {
        let mut log = BenchLog::new(partitions);
        let mut from = 0;
        let mut more = |log: &mut BenchLog, count: i64| {
            orders(log, from..from + count);
            from += count;
        };
        more(&mut log, cuts[0]);
        log.declare(&changed());
        more(&mut log, cuts[1]);
        log.built(PartitionId::Data(partitions - 1));
        more(&mut log, cuts[2]);
        log.build();
        more(&mut log, cuts[3]);
        let mut early = BenchLog::new(1);
        early.declare(&changed());
        orders(&mut early, 0..from);
        let new = view(changed());
        prop_assert_eq!(reads(&log), new.table.version_hex());
        prop_assert_eq!(digest(&log, &new), digest(&early, &new));
        prop_assert_eq!(log.of_table(&new.table), early.of_table(&new.table));
        let again = log.refold(batch);
        prop_assert_eq!(again.digests(), log.digests());
        for (id, partition) in &log.partitions {
            let folded = &again.partitions[id];
            prop_assert_eq!(&folded.rows.latest, &partition.rows.latest);
            prop_assert_eq!(folded.fold.head(), partition.fold.head());
            prop_assert_eq!(&folded.topologies, &partition.topologies);
            prop_assert_eq!(&folded.ticks, &partition.ticks);
        }
    }
}
