//! The shipped example checks clean and means what it says.

use headwater_topology::{
    Aggregate, SourceFile, Topology, ValueAt, ValueType, ViewSource, Window, check,
};

fn file(path: &str, text: &str) -> SourceFile {
    SourceFile { path: path.to_owned(), text: text.to_owned() }
}

fn shipped() -> Vec<SourceFile> {
    vec![
        file("topology/shop.yaml", include_str!("../../../topology/shop.yaml")),
        file(
            "schemas/shop.purchase.made/v1.json",
            include_str!("../../../schemas/shop.purchase.made/v1.json"),
        ),
        file(
            "schemas/shop.purchase.made/v1.sample.json",
            include_str!("../../../schemas/shop.purchase.made/v1.sample.json"),
        ),
    ]
}

fn read() -> Topology {
    let checked = check(&shipped(), &|_| None);
    assert_eq!(checked.as_ref().err(), None);
    checked.unwrap_or_default()
}

#[test]
fn customer_stats_folds_purchases() {
    let view = &read().feature_views["customer_stats"];
    let ViewSource::Events { event_type, keys } = &view.source else { panic!("{view:?}") };
    assert_eq!(event_type, "shop.purchase.made");
    assert_eq!(keys, &[ValueAt::Data("/customer_id".to_owned())]);
    let money = ValueType::Decimal { precision: 18, scale: 2 };
    let columns: Vec<_> = view
        .features
        .iter()
        .map(|feature| (feature.name.as_str(), feature.value_type, feature.aggregate.clone()))
        .collect();
    let data = |pointer: &str| ValueAt::Data(pointer.to_owned());
    assert_eq!(
        columns,
        [
            ("total_transactions", ValueType::Int64, Aggregate::CountAll),
            ("total_cds", ValueType::Int64, Aggregate::Sum(data("/number_of_cds"))),
            ("total_amount", money, Aggregate::Sum(data("/dollar_value"))),
            ("avg_transaction_amount", money, Aggregate::Mean(data("/dollar_value"))),
            ("first_purchase_at", ValueType::Timestamp, Aggregate::Min(ValueAt::Time)),
            ("last_purchase_at", ValueType::Timestamp, Aggregate::Max(ValueAt::Time)),
        ]
    );
    assert_eq!(view.derived[0].name, "days_since_last_purchase");
    assert_eq!(view.derived[0].value_type, ValueType::Int64);
}

#[test]
fn purchases_by_window_and_written_scores() {
    let views = read().feature_views;
    assert_eq!(
        views["customer_purchases_30d"].window,
        Some(Window::Tumbling { size_ms: 2_592_000_000, origin_ms: 852_076_800_000 })
    );
    let scores = &views["customer_scores"];
    assert_eq!(scores.source, ViewSource::Written);
    assert_eq!(scores.features[0].name, "repurchase_probability");
    assert_eq!(scores.features[0].value_type, ValueType::Float64);
    assert_eq!(scores.features[0].aggregate, Aggregate::Written);
}

#[test]
fn the_order_of_files_is_no_matter_and_json_keeps_everything() {
    let mut files = shipped();
    files.reverse();
    let reversed = check(&files, &|_| None).unwrap();
    assert_eq!(reversed.hash(), read().hash());
    let json = serde_json::to_string(&reversed).unwrap();
    assert_eq!(serde_json::from_str::<Topology>(&json).unwrap(), reversed);
}

#[test]
fn the_sample_passes_the_schema() {
    let schema = &read().event_types["shop.purchase.made"].schemas[&1];
    let sample = include_str!("../../../schemas/shop.purchase.made/v1.sample.json");
    let sample: serde_json::Value = serde_json::from_str(sample).unwrap();
    jsonschema::draft202012::new(schema).unwrap().validate(&sample["data"]).unwrap();
}
