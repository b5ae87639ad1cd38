//! The kinds of events: how each is made, and what must be there before.

use serde_json::{Value, json};

use super::events::{event, fraction, mixed, sha256, skewed, uuid};

/// So many customers have orders and scores.
const CUSTOMERS: u64 = 20_000;
/// So many runs log parameters and metrics.
const RUNS: u64 = 1_000;
/// So many models have versions, so many rollouts change.
const MODELS: u64 = 100;

/// One kind.
pub(crate) struct Kind {
    /// As it is called in the tables.
    pub(crate) name: &'static str,
    /// Where its events go.
    pub(crate) partition: &'static str,
    /// Records on the log for each event: a request is answered by a fact.
    pub(crate) records: u64,
    /// What must be there before.
    pub(crate) before: fn() -> Vec<Value>,
    /// The event of a number.
    pub(crate) event: fn(u64) -> Value,
    /// Where its rows are.
    pub(crate) tables: &'static [&'static str],
}

/// All kinds, in the order in which they are measured.
pub(crate) const KINDS: [Kind; 11] = [
    Kind {
        name: "an app's event, in an aggregate view",
        partition: "0",
        records: 1,
        before: Vec::new,
        event: order,
        tables: &["features.customer_orders"],
    },
    Kind {
        name: "`feature.written`, 3 features",
        partition: "0",
        records: 1,
        before: Vec::new,
        event: feature,
        tables: &["features.scores"],
    },
    Kind {
        name: "`prediction.made`, 5 inputs",
        partition: "0",
        records: 1,
        before: Vec::new,
        event: prediction,
        tables: &["serving.predictions"],
    },
    Kind {
        name: "`label.observed`",
        partition: "0",
        records: 1,
        before: Vec::new,
        event: label,
        tables: &["serving.labels"],
    },
    Kind {
        name: "`run.create_requested`",
        partition: "control",
        records: 2,
        before: experiment,
        event: run,
        tables: &["tracking.runs"],
    },
    Kind {
        name: "`run.create_requested`, then `run.finish_requested`",
        partition: "control",
        records: 2,
        before: experiment,
        event: run_and_finish,
        tables: &["tracking.runs"],
    },
    Kind {
        name: "`param.log_requested`",
        partition: "control",
        records: 2,
        before: runs,
        event: param,
        tables: &["tracking.params"],
    },
    Kind {
        name: "`metric.logged`, 1 point",
        partition: "control",
        records: 1,
        before: runs,
        event: |n| metrics(n, 1),
        tables: &["tracking.metric_history", "tracking.latest_metrics"],
    },
    Kind {
        name: "`metric.logged`, 10 points",
        partition: "control",
        records: 1,
        before: runs,
        event: |n| metrics(n, 10),
        tables: &["tracking.metric_history", "tracking.latest_metrics"],
    },
    Kind {
        name: "`model_version.create_requested`",
        partition: "control",
        records: 2,
        before: models,
        event: version,
        tables: &["registry.model_versions"],
    },
    Kind {
        name: "`rollout.change_requested`",
        partition: "control",
        records: 2,
        before: models_with_versions,
        event: rollout,
        tables: &["serving.rollout_history", "serving.rollouts"],
    },
];

fn order(n: u64) -> Value {
    let customer = format!("customer-{}", skewed(1, n, CUSTOMERS));
    let cents = mixed(2, n) % 20_000;
    let item = |stream| {
        let name = ["pencil", "notebook", "compass", "ruler"].get((mixed(stream, n) % 4) as usize);
        json!({ "name": name, "quantity": mixed(stream + 1, n) % 9 + 1 })
    };
    let data =
        json!({ "customer": customer, "total": cents as f64 / 100.0, "items": [item(3), item(5)] });
    event("app.order.placed", n, &customer, data)
}

fn feature(n: u64) -> Value {
    let customer = format!("customer-{}", skewed(1, n, CUSTOMERS));
    let values = json!({
        "probability": fraction(2, n), "churn": fraction(3, n), "visits": mixed(4, n) % 1_000,
    });
    let data =
        json!({ "feature_view": "scores", "entity": { "customer": customer }, "values": values });
    event("headwater.feature.written", n, &customer, data)
}

fn prediction(n: u64) -> Value {
    let id = uuid(10, n);
    let inputs = json!({
        "orders": mixed(2, n) % 100, "total": (mixed(3, n) % 1_000_000) as f64 / 100.0,
        "days_since_last_order": mixed(4, n) % 365, "visits": mixed(5, n) % 1_000,
        "churn": fraction(6, n),
    });
    let data = json!({
        "prediction_id": id, "model": "repurchase", "model_version": 1,
        "entity": { "customer": format!("customer-{}", skewed(1, n, CUSTOMERS)) },
        "inputs": inputs, "outputs": { "probability": fraction(7, n) },
        "latency_ms": (mixed(8, n) % 500) as f64 / 100.0,
    });
    event("headwater.prediction.made", n, &id, data)
}

fn label(n: u64) -> Value {
    let id = uuid(10, n);
    let data = json!({ "prediction_id": id, "label": mixed(2, n).is_multiple_of(2) });
    event("headwater.label.observed", n, &id, data)
}

fn experiment() -> Vec<Value> {
    vec![event("headwater.experiment.create_requested", 0, "sizing", json!({ "name": "sizing" }))]
}

fn runs() -> Vec<Value> {
    let mut all = experiment();
    all.extend((0..RUNS).map(run));
    all
}

fn run(n: u64) -> Value {
    let id = uuid(12, n);
    let name = format!("alpha {}", n % 100);
    let data = json!({ "run_id": id, "experiment": "sizing", "name": name });
    event("headwater.run.create_requested", n, &id, data)
}

fn run_and_finish(n: u64) -> Value {
    if n.is_multiple_of(2) {
        return run(n / 2);
    }
    let id = uuid(12, n / 2);
    let data = json!({ "run_id": id, "status": "FINISHED" });
    event("headwater.run.finish_requested", n, &id, data)
}

fn param(n: u64) -> Value {
    let id = uuid(12, n % RUNS);
    let value = fraction(2, n).to_string();
    let data = json!({ "run_id": id, "key": format!("param-{}", n / RUNS), "value": value });
    event("headwater.param.log_requested", n, &id, data)
}

fn metrics(n: u64, points: u64) -> Value {
    let id = uuid(12, n % RUNS);
    let point = |i: u64| json!({ "key": format!("metric-{i}"), "value": fraction(2 + i, n), "step": n / RUNS });
    let data = json!({ "run_id": id, "metrics": (0..points).map(point).collect::<Vec<_>>() });
    let mut out = event("headwater.metric.logged", n, &id, data);
    if let Some(fields) = out.as_object_mut() {
        fields
            .insert("dataschema".to_owned(), json!("headwater:schemas/headwater.metric.logged/v2"));
    }
    out
}

fn models() -> Vec<Value> {
    let model = |n: u64| {
        let name = format!("model-{n}");
        event("headwater.registered_model.create_requested", n, &name, json!({ "name": name }))
    };
    (0..MODELS).map(model).collect()
}

fn models_with_versions() -> Vec<Value> {
    let mut all = models();
    all.extend((0..2 * MODELS).map(version));
    all
}

fn version(n: u64) -> Value {
    let name = format!("model-{}", n % MODELS);
    let artifact =
        json!({ "path": "model.json", "sha256": sha256(n), "size_bytes": mixed(2, n) % 1_000_000 });
    let data = json!({ "name": name, "artifact": artifact, "description": "" });
    event("headwater.model_version.create_requested", n, &name, data)
}

fn rollout(n: u64) -> Value {
    let name = format!("rollout-{}", n % MODELS);
    let percent = mixed(2, n) % 101;
    let shares = json!([
        { "version": 1, "percent": percent }, { "version": 2, "percent": 100 - percent },
    ]);
    let data = json!({
        "rollout": name, "model": format!("model-{}", n % MODELS), "shares": shares, "sticky": true,
    });
    event("headwater.rollout.change_requested", n, &name, data)
}
