//! That the comparison finds what is not equal: an event that is missing, a row and a version altered.

use headwater_fold::StoredRow;
use headwater_store::{Access, Commit, Version, faults};

use crate::{
    app::{Variant, topology},
    case::{Looks, Moments},
    events::{Act, acts},
    moments,
    place::Positions,
    seen::{Kin, differences, see},
    ways::Plain,
    workload::{Asked, Step, Told, Total},
};

const TABLE: &str = "features.order_totals";

fn order(customer: u8, cents: i32) -> Step {
    let (total, channel) = (Total::Cents(cents), Some(customer % 3));
    Step::Tell(Told::Order { customer, total, channel, hour: Some(5), second: false })
}

fn workload() -> Vec<Act> {
    let mut steps: Vec<Step> = (0..12).map(|n| order(n % 4, 100 + i32::from(n))).collect();
    steps.insert(6, Step::Ask(Asked::Tick { hours: 30 }));
    acts(&steps)
}

fn looks(acts: &[Act]) -> Looks {
    Moments { before: vec![700], times: vec![0], anywhere: Vec::new() }.of(acts)
}

/// What the keys of the view's rows begin with.
fn prefix() -> [u8; 8] {
    let topology = topology(Variant::FIRST);
    let view = &topology.feature_views["order_totals"];
    headwater_fold::Table::of_feature_view("order_totals", view, &topology).prefix()
}

/// The same row, as if another event had written it.
fn altered(row: &[u8]) -> Vec<u8> {
    let mut stored = StoredRow::decode(row).unwrap();
    stored.row.event_id.push('x');
    stored.row.encode(stored.provenance)
}

#[track_caller]
fn is_found(told: &[String], what: &str) {
    assert!(told.iter().any(|told| told.contains(what) && told.contains(TABLE)), "{told:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_that_is_missing_is_found_on_embedded() {
    let acts = workload();
    let whole = Plain::carried_out(1, &acts, &looks(&acts)).await;
    let same = Plain::carried_out(1, &acts, &looks(&acts)).await;
    let mut fewer = acts.clone();
    fewer.remove(acts.len() - 2);
    let less = Plain::carried_out(4, &fewer, &looks(&fewer)).await;
    let whole = &whole.seen[&acts.len()];
    assert_eq!(differences(whole, &same.seen[&acts.len()], Kin::Partitions), [""; 0]);
    let told = differences(whole, &less.seen[&fewer.len()], Kin::Events);
    is_found(&told, "digests of");
    is_found(&told, "rows of");
    is_found(&told, "select");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_altered_row_is_found_on_embedded() {
    let acts = workload();
    let plain = Plain::carried_out(1, &acts, &looks(&acts)).await;
    let place = &plain.ended.place;
    assert_eq!(moments::told(place, Positions::new()).await, [""; 0]);
    let rows = faults::entries(place.root(), "0", "latest").unwrap();
    let (key, row) = rows.into_iter().find(|(key, _)| key.starts_with(&prefix())).unwrap();
    faults::overwrite(place.root(), "0", "latest", &key, &altered(&row)).unwrap();
    let now = see(&place.moment().await).await;
    is_found(&differences(&plain.seen[&acts.len()], &now, Kin::Events), "rows of");
    is_found(&moments::told(place, Positions::new()).await, "replay");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_altered_version_is_found_at_its_moment_on_embedded() {
    let acts = workload();
    let looks = looks(&acts);
    let plain = Plain::carried_out(1, &acts, &looks).await;
    let place = &plain.ended.place;
    let now = place.moment().await;
    let before = moments::compare(&plain.ended, &now, &plain, &looks, Kin::Records).await;
    assert_eq!(before, [""; 0]);
    {
        let stores = place.stores(Access::ReadWrite);
        let store = stores.partition("0").unwrap();
        let of_view = |version: &Version| version.key.starts_with(&prefix());
        let versions = store.snapshot().scan_versions().map(Result::unwrap);
        let mut versions: Vec<_> = versions.filter(of_view).collect();
        versions.sort_by_key(|version| version.offset);
        // The orders behind it are of other customers, so that it is what is read at the end.
        let mut version = versions.swap_remove(versions.len() - 3);
        version.offset += 1;
        version.row = version.row.map(|row| altered(&row));
        let commit = Commit { versions: vec![version], backfill: true, ..Commit::default() };
        store.commit(&commit).unwrap();
    }
    let now = place.moment().await;
    let told = moments::compare(&plain.ended, &now, &plain, &looks, Kin::Records).await;
    is_found(&told, "as of");
}
