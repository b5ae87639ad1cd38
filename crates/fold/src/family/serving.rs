//! Serving: predictions, their labels, and rollouts.

use std::collections::BTreeSet;

use headwater_event::{Reason, Timestamp, catalog::names, payload};

use super::registry::RegisteredModel;
use crate::{Fold, FoldError, Json, StoredRows, Value, table::table};

table! {
    /// One row a prediction request.
    Prediction in "serving"."predictions" keyed by Key (
        /// The request's id, by which a label joins.
        prediction_id: String,
    ) {
        /// The model.
        model: String,
        /// Its version.
        model_version: i64,
        /// What the prediction is about, by join key.
        entity: Json,
        /// What the model was given.
        inputs: Json,
        /// What the model answered.
        outputs: Json,
        /// How long it took, in milliseconds.
        latency_ms: Option<f64>,
        /// When it was made.
        predicted_at: Timestamp,
    }
}

table! {
    /// What was true after all; joins `predictions` by `prediction_id`. The last label counts.
    Label in "serving"."labels" keyed by Key (
        /// The request that the label belongs to.
        prediction_id: String,
    ) {
        /// What was observed.
        label: Json,
        /// When it was observed.
        observed_at: Timestamp,
    }
}

table! {
    /// The present state of each rollout.
    Rollout in "serving"."rollouts" keyed by Key (
        /// The rollout.
        rollout: String,
    ) {
        /// The model whose versions share the traffic.
        model: String,
        /// Each version and its share of the traffic, in percent.
        shares: Json,
        /// Whether a subject keeps the version that it was once given.
        sticky: bool,
        /// Counted from 1 with each change.
        revision: i64,
        /// When it was changed last.
        changed_at: Timestamp,
    }
}

table! {
    /// Every state that a rollout ever had.
    RolloutRevision in "serving"."rollout_history" keyed by Position (
        /// The rollout.
        rollout: String,
    ) {
        /// The model whose versions share the traffic.
        model: String,
        /// Each version and its share of the traffic, in percent.
        shares: Json,
        /// Whether a subject keeps the version that it was once given.
        sticky: bool,
        /// Counted from 1 with each change.
        revision: i64,
        /// When it was changed.
        changed_at: Timestamp,
    }
}

/// How far shares may miss 100 % by binary fractions; a thousandth of a percent is not traffic.
const SHARES_SUM_TOLERANCE_PERCENT: f64 = 1e-6;

/// Folds an event of this family; `false` if it is of another.
pub(crate) fn fold<R: StoredRows>(fold: &mut Fold<'_, R>) -> Result<bool, FoldError> {
    match fold.event.event_type.as_str() {
        names::PREDICTION_MADE => made(fold)?,
        names::LABEL_OBSERVED => observed(fold)?,
        names::ROLLOUT_CHANGE_REQUESTED => change_rollout(fold)?,
        _ => return Ok(false),
    }
    Ok(true)
}

fn made<R: StoredRows>(fold: &mut Fold<'_, R>) -> Result<(), FoldError> {
    let made: payload::PredictionMade = fold.payload()?;
    subject_is(fold, &made.prediction_id)?;
    let json = |map| Json::of(&serde_json::Value::Object(map));
    fold.put(&Prediction {
        prediction_id: made.prediction_id,
        model: made.model,
        model_version: made.model_version,
        entity: json(made.entity.into_iter().collect()),
        inputs: json(made.inputs.into_iter().collect()),
        outputs: json(made.outputs.into_iter().collect()),
        latency_ms: made.latency_ms,
        predicted_at: fold.event_time,
    });
    Ok(())
}

fn observed<R: StoredRows>(fold: &mut Fold<'_, R>) -> Result<(), FoldError> {
    let observed: payload::LabelObserved = fold.payload()?;
    subject_is(fold, &observed.prediction_id)?;
    fold.put(&Label {
        prediction_id: observed.prediction_id,
        label: Json::of(&observed.label),
        observed_at: fold.event_time,
    });
    Ok(())
}

/// A prediction and its label meet in one partition because they share their subject.
fn subject_is<R: StoredRows>(fold: &Fold<'_, R>, prediction_id: &str) -> Result<(), FoldError> {
    if fold.event.subject == prediction_id {
        return Ok(());
    }
    let detail = format!(
        "the subject is {:?}, expected the prediction_id {prediction_id:?}",
        fold.event.subject
    );
    fold.refuse(Reason::Invalid, detail)
}

fn change_rollout<R: StoredRows>(fold: &mut Fold<'_, R>) -> Result<(), FoldError> {
    let request: payload::RolloutChangeRequested = fold.payload()?;
    check_shares(fold, &request)?;
    let key = [Value::Text(request.rollout.clone())];
    let revision = fold.get::<Rollout>(&key)?.map_or(0, |rollout| rollout.revision);
    if let Some(expected) = request.expected_revision
        && expected != revision
    {
        let detail =
            format!("rollout {:?} is at revision {revision}, expected {expected}", request.rollout);
        return fold.refuse(Reason::Conflict, detail);
    }
    let row = Rollout {
        rollout: request.rollout.clone(),
        model: request.model.clone(),
        shares: Json::of(&serde_json::to_value(&request.shares).unwrap_or_default()),
        sticky: request.sticky,
        revision: revision + 1,
        changed_at: fold.event_time,
    };
    fold.put(&row);
    fold.put(&RolloutRevision {
        rollout: row.rollout,
        model: row.model,
        shares: row.shares,
        sticky: row.sticky,
        revision: row.revision,
        changed_at: row.changed_at,
    });
    let fact = payload::RolloutChanged {
        rollout: request.rollout,
        model: request.model,
        shares: request.shares,
        sticky: request.sticky,
        revision: revision + 1,
    };
    fold.fact(names::ROLLOUT_CHANGED, &fact);
    Ok(())
}

fn check_shares<R: StoredRows>(
    fold: &Fold<'_, R>,
    request: &payload::RolloutChangeRequested,
) -> Result<(), FoldError> {
    let model = fold.get::<RegisteredModel>(&[Value::Text(request.model.clone())])?;
    let Some(model) = model else {
        let detail = format!("model {:?} is not registered", request.model);
        return fold.refuse(Reason::NotFound, detail);
    };
    let mut versions = BTreeSet::new();
    for share in &request.shares {
        if share.version > model.latest_version {
            let detail = format!("model {:?} has no version {}", request.model, share.version);
            return fold.refuse(Reason::NotFound, detail);
        }
        if !versions.insert(share.version) {
            let detail = format!("version {} has two shares", share.version);
            return fold.refuse(Reason::Invalid, detail);
        }
    }
    let sum: f64 = request.shares.iter().map(|share| share.percent).sum();
    if (sum - 100.0).abs() > SHARES_SUM_TOLERANCE_PERCENT {
        let detail = format!("the shares add up to {sum} %, expected 100 %");
        return fold.refuse(Reason::Invalid, detail);
    }
    Ok(())
}
