//! The topologies that a workload moves between.

use std::{
    collections::BTreeMap,
    sync::{LazyLock, Mutex},
};

use headwater_event::Schemas;
use headwater_fold::{Compiled, CompiledView, Table};
use headwater_topology::{SourceFile, Topology};
use proptest::prelude::*;
use serde_json::json;

/// What a topology declares beside what all do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Variant {
    /// Another version of the view of orders.
    pub(crate) most: bool,
    /// Whether there is a view of pages.
    pub(crate) pages: bool,
    /// A second version of orders' schema; it can't be taken back.
    pub(crate) second: bool,
    /// For how many days versions are kept.
    pub(crate) keeps_days: Option<u8>,
}

impl Variant {
    /// What every workload begins with.
    pub(crate) const FIRST: Self =
        Self { most: false, pages: true, second: false, keeps_days: None };
}

pub(crate) fn variant() -> impl Strategy<Value = Variant> {
    let keeps_days = prop_oneof![3 => Just(None), 1 => Just(Some(10))];
    (any::<bool>(), any::<bool>(), prop::bool::weighted(0.3), keeps_days).prop_map(
        |(most, pages, second, keeps_days)| Variant { most, pages: !pages, second, keeps_days },
    )
}

/// The topology of a variant.
pub(crate) fn topology(variant: Variant) -> Topology {
    static KNOWN: Mutex<BTreeMap<Variant, Topology>> = Mutex::new(BTreeMap::new());
    let mut known = KNOWN.lock().unwrap();
    known.entry(variant).or_insert_with(|| checked(variant)).clone()
}

fn checked(variant: Variant) -> Topology {
    let Variant { most, pages, second, keeps_days } = variant;
    let total = if second { "/amount" } else { "/total" };
    let upcasts = "
    upcasts:
      v2:
        - rename: { at: /total, to: amount }
        - default: { at: /currency, value: USD }";
    let most =
        format!("\n      most: {{ max: {total}, type: \"decimal(18,2)\" }}").repeat(most.into());
    let pages = PAGES.repeat(pages.into());
    let upcasts = upcasts.repeat(second.into());
    let keeps = keeps_days.map(|days| format!("retention:\n  versions: {days}d\n"));
    let keeps = keeps.unwrap_or_default();
    let yaml = format!(
        "
event_types:
  app.order.placed:
    description: Someone ordered something.{upcasts}
  app.visit.made:
    description: Someone looked at a page.
  app.order.by_channel:
    description: An order, under its channel.
    schema: ../schemas/open/v1.json
  app.day.closed:
    description: A customer's day has ended.
    schema: ../schemas/open/v1.json
derived_events:
  app.order.by_channel:
    from: app.order.placed
    subject: /channel
    when: {{ /channel: [channel-0, channel-1] }}
entities:
  channel:
    description: Where orders come from.
    join_keys: {{ channel: string }}
  customer:
    description: Someone who orders.
    join_keys: {{ customer: string }}
  page:
    description: Something to look at.
    join_keys: {{ page: int64 }}
feature_views:
  order_totals:
    description: What each customer ordered so far.
    entity: customer
    from: app.order.placed
    keys: {{ customer: subject }}
    features:
      orders: {{ count: all }}
      total: {{ sum: {total}, type: \"decimal(18,2)\" }}{most}
      last_channel: {{ last: /channel }}
      first_at: {{ min: time }}
      last_at: {{ max: time }}
    derived:
      days_since:
        sql: \"extract(day from read_time() - last_at)\"
        type: int64
  orders_weekly:
    description: What each customer ordered in each week.
    entity: customer
    from: app.order.placed
    keys: {{ customer: subject }}
    window: {{ tumbling: 7d, origin: 1997-01-01 }}
    features:
      orders: {{ count: {total} }}
      mean_total: {{ mean: {total}, type: \"decimal(18,2)\" }}
      first_channel: {{ first: /channel }}
  orders_of_three_days:
    description: What each customer ordered in any three days.
    entity: customer
    from: app.order.placed
    keys: {{ customer: subject }}
    window: {{ hopping: 3d, every: 1d }}
    features:
      orders: {{ count: {total} }}
      last_channel: {{ last: /channel }}
  order_days:
    description: What each customer ordered on each day, until late orders are waited for no longer.
    entity: customer
    from: app.order.placed
    keys: {{ customer: subject }}
    window: {{ tumbling: 1d, lateness: 2d }}
    features:
      orders: {{ count: all }}
      last_channel: {{ last: /channel }}
    results: app.day.closed
  order_sessions:
    description: Orders of a customer with less than a day between them.
    entity: customer
    from: app.order.placed
    keys: {{ customer: subject }}
    window: {{ session: 20h, lateness: 1d }}
    features:
      orders: {{ count: all }}
      priced: {{ count: {total} }}
  closed_days:
    description: How many days of each customer have ended, and how often one was corrected.
    entity: customer
    from: app.day.closed
    keys: {{ customer: subject }}
    features:
      told: {{ count: all }}
      orders: {{ sum: /orders, type: int64 }}
      corrections: {{ max: /corrections, type: int64 }}
  channel_orders:
    description: How many orders came by each channel.
    entity: channel
    from: app.order.by_channel
    keys: {{ channel: subject }}
    window: {{ hopping: 4d, every: 2d, lateness: 0s }}
    features:
      orders: {{ count: all }}
  scores:
    description: What a model says of each customer.
    entity: customer
    from: written
    features:
      score: {{ type: float64 }}
      class: {{ type: string }}
{pages}{keeps}"
    );
    let file = |path: &str, text: String| SourceFile { path: path.to_owned(), text };
    let order = |total: &str, required: &[&str]| {
        json!({
            "type": "object",
            "required": required,
            "properties": {
                total: {"type": ["number", "null"]},
                "channel": {"type": "string"},
                "currency": {"type": "string"},
            },
        })
    };
    let visit = json!({
        "type": "object",
        "required": ["page"],
        "additionalProperties": false,
        "properties": {"page": {"type": "integer"}, "seconds": {"type": ["number", "null"]}},
    });
    let mut files = vec![
        file("topology/app.yaml", yaml),
        file("schemas/app.order.placed/v1.json", order("total", &[]).to_string()),
        file("schemas/app.visit.made/v1.json", visit.to_string()),
        file("schemas/open/v1.json", json!({"type": "object"}).to_string()),
    ];
    if second {
        let schema = order("amount", &["currency"]).to_string();
        files.push(file("schemas/app.order.placed/v2.json", schema));
    }
    headwater_topology::check(&files, &|_| None)
        .unwrap_or_else(|problems| panic!("{variant:?}: {problems:?}"))
}

/// Views whose keys span partitions.
const PAGES: &str = "
  page_visits:
    description: How long each page was looked at.
    entity: page
    from: app.visit.made
    features:
      visits: { count: all }
      seconds: { sum: /seconds }
      mean_seconds: { mean: /seconds }
      least: { min: /seconds }
      most: { max: /seconds }
      first_by: { first: subject }
      last_by: { last: subject }
  recent_visits:
    description: How often each page was looked at in the last ten days.
    entity: page
    from: app.visit.made
    window: { sliding: 10d, pane: 1d }
    features:
      visits: { count: all }
      seconds: { sum: /seconds }
";

/// Every table of feature views that there can be, by version.
pub(crate) fn view_tables() -> &'static BTreeMap<String, Table> {
    static TABLES: LazyLock<BTreeMap<String, Table>> = LazyLock::new(|| {
        let built_in = Schemas::built_in().unwrap();
        let mut tables = BTreeMap::new();
        for bits in 0..8 {
            let variant = Variant {
                most: bits & 1 == 1,
                pages: bits & 2 == 2,
                second: bits & 4 == 4,
                keeps_days: None,
            };
            let compiled = Compiled::new(&built_in, topology(variant)).unwrap();
            let of = |table: Table| (table.version_hex(), table);
            tables.extend(compiled.views.iter().flat_map(CompiledView::tables).map(of));
        }
        tables
    });
    &TABLES
}
