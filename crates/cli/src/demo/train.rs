//! Training: several settings, each a run with parameters, metrics, a tag and its model's bytes.

use anyhow::{Context as _, Result};
use headwater_event::{
    Event,
    catalog::names,
    payload::{
        Artifact, ExperimentCreateRequested, Metric, MetricLogged, ParamLogRequested,
        RunCreateRequested, RunFinishRequested, RunStatus, RunTagSetRequested,
    },
};
use headwater_learn::{Measures, Model, Settings, train};
use serde_json::json;

use super::{
    artifacts,
    data::Day,
    features::{Customers, FeatureSet, HORIZON_DAYS},
    predict::TODAY,
    session::Session,
    story::{Story, count},
};

/// The morning on which the training rows' features are taken; their labels are known 90 days later.
const TRAINED_ON: Day = TODAY.plus(-2 * HORIZON_DAYS);
/// The same for the validation rows, whose last labels came yesterday.
const VALIDATED_ON: Day = TODAY.plus(-HORIZON_DAYS);

const EXPERIMENT: &str = "repurchase";

const SETTINGS: [(FeatureSet, f64); 5] = [
    (FeatureSet::Basic, 1.0),
    (FeatureSet::Basic, 100.0),
    (FeatureSet::Behaviour, 1.0),
    (FeatureSet::Roots, 1.0),
    (FeatureSet::Roots, 100.0),
];

/// A finished run.
#[derive(Debug)]
pub(crate) struct Trained {
    /// The run.
    pub(crate) run_id: String,
    /// Its model's bytes.
    pub(crate) artifact: Artifact,
    /// How good it is on the validation rows.
    pub(crate) validated: Measures,
    features: FeatureSet,
    alpha: f64,
}

/// What training gave: the best run by its Brier score, and what a constant would have said.
#[derive(Debug)]
pub(crate) struct Training {
    /// The best run.
    pub(crate) best: Trained,
    /// The share of training rows that bought again.
    pub(crate) base_rate: f64,
}

/// Trains every setting and logs each as a run.
pub(crate) async fn train_all(session: &Session, story: &mut Story) -> Result<Training> {
    story.step("Who will buy again within 90 days? Five runs");
    let training = Customers::on(session, TRAINED_ON).await?;
    let validation = Customers::on(session, VALIDATED_ON).await?;
    story.say(format!(
        "Features by SQL over log.events; the log's clock says {TODAY}, nothing later is on the log.\n\
         Training:   {} customers active on {TRAINED_ON}, bought again by {VALIDATED_ON}?\n\
         Validation: {} customers active on {VALIDATED_ON}, bought again by {TODAY}?",
        count(training.ids.len()),
        count(validation.ids.len()),
    ));
    let create = ExperimentCreateRequested { name: EXPERIMENT.to_owned() };
    let id = "create-experiment";
    let create = session.event(names::EXPERIMENT_CREATE_REQUESTED, id, EXPERIMENT, &create)?;
    session.must(vec![create]).await?;

    let mut runs = Vec::new();
    for (features, alpha) in SETTINGS {
        runs.push(one(session, &training, &validation, features, alpha).await?);
    }
    let base_rate = Measures::of_constant(0.5, &training.bought_again)?.base_rate;
    let constant = Measures::of_constant(base_rate, &validation.bought_again)?;
    tell(story, &runs, &constant, base_rate);
    story.figure(
        "training",
        json!({
            "rows": training.ids.len(),
            "validation_rows": validation.ids.len(),
            "base_rate": base_rate,
            "runs": runs.iter().map(figures).collect::<Vec<_>>(),
        }),
    );
    let best = runs.into_iter().min_by(|a, b| a.validated.brier.total_cmp(&b.validated.brier));
    Ok(Training { best: best.context("no runs")?, base_rate })
}

/// Trains one setting, stores its model, and logs it all.
async fn one(
    session: &Session,
    training: &Customers,
    validation: &Customers,
    features: FeatureSet,
    alpha: f64,
) -> Result<Trained> {
    let settings = Settings { alpha, ..Settings::default() };
    let model: Model = train(&training.frame(features)?, settings)?;
    let judged = validation.frame(features)?;
    let validated = Measures::of(&model.predict_frame(&judged)?, judged.labels())?;
    let bytes = model.to_bytes()?;
    let sha256 = artifacts::store(&session.dir, &bytes)?;
    let artifact =
        Artifact { path: "model.json".to_owned(), sha256, size_bytes: bytes.len() as u64 };
    let run_id = format!("{EXPERIMENT}-{}-alpha-{alpha}", features.name());
    let run = Trained { run_id, artifact, validated, features, alpha };
    session.must(events(session, &run)?).await?;
    Ok(run)
}

/// The run's whole life.
fn events(session: &Session, run: &Trained) -> Result<Vec<Event>> {
    let run_id = &run.run_id;
    let event = |event_type: &str, what: &str, data: serde_json::Value| {
        session.event(event_type, format!("{run_id}/{what}"), run_id, &data)
    };
    let create = RunCreateRequested {
        run_id: run_id.clone(),
        experiment: EXPERIMENT.to_owned(),
        name: Some(format!("{}, alpha {}", run.features.name(), run.alpha)),
    };
    let mut events = vec![event(names::RUN_CREATE_REQUESTED, "create", json!(create))?];
    for (key, value) in [
        ("alpha", run.alpha.to_string()),
        ("features", run.features.columns().join(",")),
        ("trained_on", TRAINED_ON.to_string()),
        ("validated_on", VALIDATED_ON.to_string()),
    ] {
        let param = ParamLogRequested { run_id: run_id.clone(), key: key.to_owned(), value };
        events.push(event(names::PARAM_LOG_REQUESTED, key, json!(param))?);
    }
    let measured = metrics(&run.validated).map(|(key, value)| Metric {
        key: key.to_owned(),
        value: value.into(),
        step: 0,
        measured_at: None,
    });
    let logged = MetricLogged { run_id: run_id.clone(), metrics: measured.into() };
    events.push(event(names::METRIC_LOGGED, "metrics", json!(logged))?);
    let (key, value) = ("kind".to_owned(), "logistic regression".to_owned());
    let tag = RunTagSetRequested { run_id: run_id.clone(), key, value };
    events.push(event(names::RUN_TAG_SET_REQUESTED, "tag", json!(tag))?);
    let finish = RunFinishRequested {
        run_id: run_id.clone(),
        status: RunStatus::Finished,
        artifacts: vec![run.artifact.clone()],
    };
    events.push(event(names::RUN_FINISH_REQUESTED, "finish", json!(finish))?);
    Ok(events)
}

/// The measures that are logged.
pub(crate) fn metrics(measures: &Measures) -> [(&'static str, f64); 3] {
    [("auc", measures.auc), ("brier", measures.brier), ("log_loss", measures.log_loss)]
}

/// Measures as cells.
pub(crate) fn cells(measures: &Measures) -> impl Iterator<Item = String> {
    metrics(measures).into_iter().map(|(_, value)| format!("{value:.4}"))
}

fn tell(story: &Story, runs: &[Trained], constant: &Measures, base_rate: f64) {
    let row =
        |name: String, measures: &Measures| [name].into_iter().chain(cells(measures)).collect();
    let mut rows: Vec<Vec<String>> =
        runs.iter().map(|run| row(run.run_id.clone(), &run.validated)).collect();
    rows.push(row(format!("constant: the training rows' {base_rate:.4}"), constant));
    story.table(&["run, on the validation rows", "AUC", "Brier", "log loss"], rows);
}

fn figures(run: &Trained) -> serde_json::Value {
    let Trained { run_id, validated, artifact, .. } = run;
    let metrics: serde_json::Map<_, _> =
        metrics(validated).into_iter().map(|(key, value)| (key.to_owned(), json!(value))).collect();
    json!({"run_id": run_id, "sha256": artifact.sha256, "metrics": metrics})
}
