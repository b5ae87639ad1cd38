//! Every case, as CI carries it out: on the embedded log straight, again, on each layout and with crashes; and
//! five of them, chosen by a seed, on Kafka.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests fail loudly")]

use std::path::PathBuf;

use headwater_log_kafka::testing::TestBroker;
use headwater_replay_tests::{
    case::{self, Case},
    run::Runner,
    ways::{self, Way},
};

/// So many cases are carried out on Kafka, too.
const ON_KAFKA: usize = 5;

fn check(name: &str, ways: fn(&Case, u64) -> Vec<Way>, brokers: Option<String>) {
    let case = Case::named(name).unwrap();
    let seed = ways::seed().unwrap();
    let runner = Runner { program: PathBuf::from(env!("CARGO_BIN_EXE_case")), brokers };
    let told = runner.check(&case, &ways(&case, seed)).unwrap();
    assert!(told.is_empty(), "{}={seed}\n{}", ways::SEED, told.join("\n"));
}

fn check_on_kafka(place: usize) {
    let names = ways::chosen(&case::names().unwrap(), ON_KAFKA, ways::seed().unwrap());
    let broker = TestBroker::shared().address().to_owned();
    check(&names[place], ways::daily_on_kafka, Some(broker));
}

macro_rules! cases {
    ($($name:ident)*) => {
        const LISTED: &[&str] = &[$(stringify!($name)),*];

        mod embedded {
            $(
                #[test]
                fn $name() {
                    super::check(stringify!($name), headwater_replay_tests::ways::daily, None);
                }
            )*
        }
    };
}

cases! {
    as_of_refused
    as_of_times
    clock_empty_year
    clock_idle_partition
    clock_jumps
    clock_summer_time
    crash_and_restart
    effects_deadlines
    feature_decimals
    feature_exact_sums
    feature_merged_views
    feature_windows
    feature_written
    history_sealed
    layout_positions
    log_dead_letters
    log_edge
    log_misrouted
    log_repeats
    log_upcasts
    order_totals
    projects_apart
    registry_aliases
    registry_versions
    serving_predictions
    serving_rollouts
    shop_purchases
    snapshot_restored
    topology_changed
    topology_refused
    topology_removed_view
    tracking_experiments
    tracking_metrics
    tracking_run
    windows_calendar
    windows_declared_late
    windows_hopping
    windows_repartition
    windows_sessions
    windows_sliding
    windows_tumbling
}

#[test]
fn every_case_is_listed() {
    assert_eq!(case::names().unwrap(), LISTED, "the list above is the folder's, in its order");
}

mod chosen_for_kafka {
    #[test]
    fn first_case() {
        super::check_on_kafka(0);
    }

    #[test]
    fn second_case() {
        super::check_on_kafka(1);
    }

    #[test]
    fn third_case() {
        super::check_on_kafka(2);
    }

    #[test]
    fn fourth_case() {
        super::check_on_kafka(3);
    }

    #[test]
    fn fifth_case() {
        super::check_on_kafka(4);
    }
}
