//! `view@version`: any version of a view is a table of its own.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "helpers of tests fail as tests do"
)]

mod support;

use std::sync::Arc;

use headwater_fold::{Provenance, Row, TableRow as _, family::features::FeatureViewVersion};
use headwater_query::{Moment, PartitionRows};
use headwater_topology::{Aggregate, Topology, ValueAt};
use support::{Reads, Snapshot, World, cells, compiled, error, topology};

/// The shopper's mean is of CDs, not of dollars.
fn changed() -> Topology {
    let mut topology = topology();
    let view = topology.feature_views.get_mut("shopper_totals").unwrap();
    let mean = view.features.iter_mut().find(|f| f.name == "mean_spent").unwrap();
    mean.aggregate = Aggregate::Mean(ValueAt::Data("/number_of_cds".into()));
    topology
}

fn version(topology: Topology) -> String {
    compiled(topology).view("shopper_totals").unwrap().table.version_hex()
}

fn changed_world() -> World {
    let mut world = World::new(2);
    world.raise_rules(2);
    world.declare(&topology());
    world.declare(&changed());
    world.purchase("17", 17, "1997-03-04T10:00:00Z", 2, 20.5);
    world
}

#[tokio::test]
async fn each_version_is_read_by_its_first_digits() {
    let (moment, _) = changed_world().moment();
    let (old, new) = (version(topology()), version(changed()));
    let at = |version: &str| format!("select mean_spent from \"shopper_totals@{version}\"");
    assert_eq!(cells(&moment, &at(&new[..8])).await, [["2.0"]]);
    assert_eq!(cells(&moment, &at(&new.to_uppercase())).await, [["2.0"]]);
    assert_eq!(cells(&moment, "select mean_spent from shopper_totals").await, [["2.0"]]);
    assert!(cells(&moment, &at(&old)).await.is_empty(), "it ended before the first purchase");
    let both = format!(
        "select (select count(*) from features.\"shopper_totals@{new}\") - \
         (select count(*) from features.\"shopper_totals@{old}\")"
    );
    assert_eq!(cells(&moment, &both).await, [["1"]]);
    let described = cells(&moment, &format!("describe features.\"shopper_totals@{old}\"")).await;
    assert!(described.iter().any(|row| row[0] == "mean_spent"));
    let states = "select version, state from feature_view_versions \
                  where name = 'shopper_totals' order by state";
    assert_eq!(cells(&moment, states).await, [[&*new, "active"], [&*old, "retired"]]);
    let shown = cells(&moment, "show tables").await;
    assert!(shown.iter().all(|row| !row[1].contains('@')), "versions are not listed");
}

#[tokio::test]
async fn a_version_has_a_past_of_its_own() {
    let mut world = changed_world();
    let (before, _) = world.moment();
    let at = headwater_query::AsOf::Positions(before.positions());
    world.purchase("17", 17, "1997-03-05T10:00:00Z", 4, 1.0);
    let (moment, _) = world.moment();
    let view = format!("features.\"shopper_totals@{}\"", version(changed()));
    let query = format!(
        "select n.mean_spent, w.mean_spent from {view} n \
         join {view} for system_time as of position('{at}') w using (shopper)"
    );
    assert_eq!(cells(&moment, &query).await, [["3.0", "2.0"]]);
    let none = format!("select 1 from {view} for system_time as of position('control:0')");
    let told = error(&moment, &none).await.to_string();
    assert!(told.contains("there is no feature view shopper_totals"), "{told}");
}

#[tokio::test]
async fn derived_features_of_a_version_are_computed_too() {
    let mut world = World::new(1);
    world.raise_rules(2);
    world.declare(&topology());
    world.purchase("17", 17, "1997-03-04T10:00:00Z", 2, 20.5);
    let (moment, _) = world.moment();
    let stats = compiled(topology()).view("customer_stats").unwrap().table.clone();
    let derived = &stats.derived[0].name;
    let read = format!("select {derived} from customer_stats");
    let at = format!("select {derived} from \"customer_stats@{}\"", stats.version_hex());
    assert_eq!(cells(&moment, &at).await, cells(&moment, &read).await);
    let both = format!("select count(*) from ({read} union all {at})");
    assert_eq!(cells(&moment, &both).await, [["2"]]);
}

#[tokio::test]
async fn what_cannot_be_read_is_told() {
    let (moment, _) = changed_world().moment();
    let at = |name: &str| format!("select * from features.\"{name}\"");
    for (name, told) in [
        ("shopper_totals@0000000000", "has no version that begins with 0000000000"),
        ("shopper_totals@12", "at least 8 of its hex digits"),
        ("shopper_totals@the_last_one", "at least 8 of its hex digits"),
        ("nothing@1234567890", "there is no feature view nothing"),
    ] {
        let found = error(&moment, &at(name)).await;
        assert!(found.to_string().contains(told), "{name}: {found}");
    }
}

#[tokio::test]
async fn what_is_being_built_is_told_so() {
    let mut world = World::new(1);
    world.raise_rules(2);
    world.declare(&topology());
    world.purchase("17", 17, "1997-03-04T10:00:00Z", 2, 20.5);
    let mut more = changed();
    let view = more.feature_views["shopper_totals"].clone();
    more.feature_views.insert("shopper_totals_too".to_owned(), view);
    world.declare(&more);
    let (moment, _) = world.moment();
    assert_eq!(cells(&moment, "select mean_spent from shopper_totals").await, [["20.5"]]);
    let new = version(changed());
    for name in [format!("\"shopper_totals@{new}\""), "shopper_totals_too".to_owned()] {
        let found = error(&moment, &format!("select * from {name}")).await.to_string();
        assert!(found.contains("is still being built"), "{found}");
    }
}

#[tokio::test]
async fn digits_that_several_versions_share_are_not_enough() {
    let (moment, _) = changed_world().moment();
    let declared = serde_json::to_string(&topology().feature_views["shopper_totals"]).unwrap();
    let entity = serde_json::to_string(&topology().entities["shopper"]).unwrap();
    let row = |version: &str| {
        let row = FeatureViewVersion {
            name: "shopper_totals".to_owned(),
            version: version.to_owned(),
            state: "retired".to_owned(),
            declared_at: None,
            declaration: headwater_fold::Json(declared.clone()),
            entity: headwater_fold::Json(entity.clone()),
        };
        let key = FeatureViewVersion::table().key_of("default", &row.key_values());
        let values = row.stored_values();
        let row = Row { event_source: "s".into(), event_id: "i".into(), values };
        let offset = headwater_event::Offset(1);
        (key, row.encode(Provenance { offset, appended_at_ms: 0 }))
    };
    let versions = ["1111111100000000", "1111111122222222"];
    let rows = versions.map(|half| row(&format!("{half}0000000000000000"))).into();
    let control = moment.partitions[0].state().await.unwrap();
    let control = Snapshot {
        id: headwater_event::PartitionId::Control,
        head: control.head,
        position: control.position,
        rows: Arc::new(rows),
        reads: Arc::new(Reads::default()),
    };
    let moment = Arc::new(Moment {
        partitions: vec![Arc::new(control) as Arc<dyn PartitionRows>],
        events: Arc::clone(&moment.events),
        compiled: Arc::clone(&moment.compiled),
        read_time: moment.read_time,
        past: Arc::clone(&moment.past),
    });
    let found = error(&moment, "select * from \"shopper_totals@11111111\"").await.to_string();
    assert!(found.contains("2 versions of view shopper_totals begin so"), "{found}");
    assert!(cells(&moment, "select * from \"shopper_totals@111111112\"").await.is_empty());
}
