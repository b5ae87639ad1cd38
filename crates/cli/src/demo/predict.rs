//! Serving: a prediction for every active customer, on the log with its inputs.

use std::{collections::BTreeMap, time::Instant};

use anyhow::{Context as _, Result};
use headwater_event::{
    Event,
    catalog::names,
    payload::{FeatureWritten, PredictionMade},
};
use headwater_learn::Model;
use serde_json::{Value, json};

use super::{
    artifacts,
    data::Day,
    features::{Customers, HORIZON_DAYS},
    register::{ALIAS, MODEL},
    session::Session,
    story::{Story, count},
};

/// The day of training and predicting, 1997-12-27: four horizons after the first.
pub(crate) const TODAY: Day = Day::START.plus(4 * HORIZON_DAYS);

/// Predicts for every customer who bought in the last 90 days.
pub(crate) async fn predict(session: &Session, story: &mut Story) -> Result<()> {
    story.step("The champion predicts for every active customer");
    let (version, model) = champion(session).await?;
    let customers = Customers::on(session, TODAY).await?;
    let mut events = Vec::with_capacity(2 * customers.ids.len());
    let mut latencies = Vec::with_capacity(customers.ids.len());
    for (customer, values) in customers.ids.iter().zip(customers.values(model.features())?) {
        let began = Instant::now();
        let probability = model.predict(&values)?;
        // Measured, to the nanosecond: the one thing in the demo's views that differs between runs.
        let latency_ms = (began.elapsed().as_secs_f64() * 1e9).round() / 1e6;
        latencies.push(latency_ms);
        let inputs = model.features().iter().cloned().zip(values.into_iter().map(Value::from));
        let made = PredictionMade {
            prediction_id: format!("{MODEL}-{TODAY}-{customer}"),
            model: MODEL.to_owned(),
            model_version: version,
            entity: BTreeMap::from([("customer_id".to_owned(), json!(customer))]),
            inputs: inputs.collect(),
            outputs: BTreeMap::from([("probability".to_owned(), json!(probability))]),
            latency_ms: Some(latency_ms),
        };
        events.push(session.event(
            names::PREDICTION_MADE,
            &made.prediction_id,
            &made.prediction_id,
            &made,
        )?);
        events.push(score(session, *customer, probability)?);
    }
    session.observe(events).await?;
    latencies.sort_by(f64::total_cmp);
    let middle = latencies.get(latencies.len() / 2).copied().unwrap_or_default();
    story.say(format!(
        "{} predictions on {TODAY} by {MODEL}, version {version}: each an event with its inputs, its\n\
         probability and its latency (median {:.1} µs); and each a feature in customer_scores.",
        count(customers.ids.len()),
        middle * 1e3,
    ));
    let told = session.ask("select count(*) as n from serving.predictions").await?.ints("n")?;
    let all = told.first().is_some_and(|n| usize::try_from(*n) == Ok(customers.ids.len()));
    story.check("serving.predictions has one row for each", all);
    story.figure("predictions", json!({"count": customers.ids.len(), "median_latency_ms": middle}));
    Ok(())
}

/// The version that the alias names, its bytes read by their hash.
async fn champion(session: &Session) -> Result<(i64, Model)> {
    let sql = format!(
        "select v.version, v.sha256 from registry.model_aliases a
         join registry.model_versions v on v.name = a.name and v.version = a.version
         where a.name = '{MODEL}' and a.alias = '{ALIAS}'"
    );
    let rows = session.ask(&sql).await?;
    let version = *rows.ints("version")?.first().context("no champion")?;
    let sha256 = rows.texts("sha256")?.into_iter().next().context("no champion")?;
    Ok((version, Model::from_bytes(&artifacts::load(&session.dir, &sha256)?)?))
}

/// The probability as a feature of the customer.
fn score(session: &Session, customer: i64, probability: f64) -> Result<Event> {
    let written = FeatureWritten {
        feature_view: "customer_scores".to_owned(),
        entity: BTreeMap::from([("customer_id".to_owned(), json!(customer))]),
        values: BTreeMap::from([("repurchase_probability".to_owned(), json!(probability))]),
    };
    let id = format!("score-{TODAY}-{customer}");
    session.event(names::FEATURE_WRITTEN, id, customer.to_string(), &written)
}
