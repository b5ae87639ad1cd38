//! The experiment tracker: experiments, runs, parameters, metrics, tags, artifacts.

use headwater_event::{Reason, Timestamp, catalog::names, payload};

use crate::{Fold, FoldError, StoredRows, Value, table::table};

table! {
    /// One row an experiment.
    Experiment in "tracking"."experiments" keyed by Key (
        /// Unique in the project.
        name: String,
    ) {
        /// The number that the fold assigned, in decimal digits.
        experiment_id: String,
        /// When it was created, by the event's time.
        created_at: Timestamp,
        /// Who created it.
        created_by: String,
    }
}

table! {
    /// One row a run.
    Run in "tracking"."runs" keyed by Key (
        /// The run's id, chosen by its client.
        run_id: String,
    ) {
        /// The number of its experiment.
        experiment_id: String,
        /// The name of its experiment.
        experiment: String,
        /// A name for people.
        name: Option<String>,
        /// `RUNNING`, `FINISHED`, `FAILED` or `KILLED`.
        status: String,
        /// When it began.
        started_at: Timestamp,
        /// When it ended.
        ended_at: Option<Timestamp>,
        /// Who began it.
        started_by: String,
    }
}

table! {
    /// The parameters of runs; each is logged once.
    Param in "tracking"."params" keyed by Key (
        /// The run.
        run_id: String,
        /// The parameter's name.
        key: String,
    ) {
        /// Its value.
        value: String,
    }
}

table! {
    /// The latest value of each metric: the greatest by step, then timestamp, then value.
    LatestMetric in "tracking"."latest_metrics" keyed by Key (
        /// The run.
        run_id: String,
        /// The metric's name.
        key: String,
    ) {
        /// The value; NaN and infinities are kept.
        value: f64,
        /// The training step.
        step: i64,
        /// When the value was measured.
        timestamp: Timestamp,
    }
}

table! {
    /// Every value of every metric.
    MetricPoint in "tracking"."metric_history" keyed by Position (
        /// The run.
        run_id: String,
        /// The metric's name.
        key: String,
    ) {
        /// The value; NaN and infinities are kept.
        value: f64,
        /// The training step.
        step: i64,
        /// When the value was measured.
        timestamp: Timestamp,
    }
}

table! {
    /// The tags of runs; the last value counts.
    Tag in "tracking"."tags" keyed by Key (
        /// The run.
        run_id: String,
        /// The tag's name.
        key: String,
    ) {
        /// Its value.
        value: String,
    }
}

table! {
    /// The files that runs made, by content.
    RunArtifact in "tracking"."artifacts" keyed by Key (
        /// The run.
        run_id: String,
        /// The file's path in the run.
        path: String,
    ) {
        /// The SHA-256 of its bytes, in hex.
        sha256: String,
        /// Its length, in bytes.
        size_bytes: i64,
    }
}

const RUNNING: &str = "RUNNING";

/// Folds an event of this family; `false` if it is of another.
pub(crate) fn fold<R: StoredRows>(fold: &mut Fold<'_, R>) -> Result<bool, FoldError> {
    match fold.event.event_type.as_str() {
        names::EXPERIMENT_CREATE_REQUESTED => create_experiment(fold)?,
        names::RUN_CREATE_REQUESTED => create_run(fold)?,
        names::PARAM_LOG_REQUESTED => log_param(fold)?,
        names::METRIC_LOGGED => log_metric(fold)?,
        names::RUN_TAG_SET_REQUESTED => set_tag(fold)?,
        names::RUN_FINISH_REQUESTED => finish_run(fold)?,
        _ => return Ok(false),
    }
    Ok(true)
}

fn create_experiment<R: StoredRows>(fold: &mut Fold<'_, R>) -> Result<(), FoldError> {
    let request: payload::ExperimentCreateRequested = fold.payload()?;
    if let Some(existing) = fold.get::<Experiment>(&[Value::Text(request.name.clone())])? {
        return fold.refuse(
            Reason::Conflict,
            format!("experiment {:?} exists, with id {}", request.name, existing.experiment_id),
        );
    }
    let experiment_id =
        fold.next_number(&format!("experiments/{}", fold.event.project)).to_string();
    fold.put(&Experiment {
        name: request.name.clone(),
        experiment_id: experiment_id.clone(),
        created_at: fold.event_time,
        created_by: actor(fold),
    });
    let fact = payload::ExperimentCreated { experiment_id, name: request.name };
    fold.fact(names::EXPERIMENT_CREATED, &fact);
    Ok(())
}

fn create_run<R: StoredRows>(fold: &mut Fold<'_, R>) -> Result<(), FoldError> {
    let request: payload::RunCreateRequested = fold.payload()?;
    if fold.get::<Run>(&[Value::Text(request.run_id.clone())])?.is_some() {
        return fold.refuse(Reason::Conflict, format!("run {:?} exists", request.run_id));
    }
    let experiment = fold.get::<Experiment>(&[Value::Text(request.experiment.clone())])?;
    let Some(experiment) = experiment else {
        let detail = format!("experiment {:?} does not exist", request.experiment);
        return fold.refuse(Reason::NotFound, detail);
    };
    fold.put(&Run {
        run_id: request.run_id.clone(),
        experiment_id: experiment.experiment_id.clone(),
        experiment: request.experiment.clone(),
        name: request.name,
        status: RUNNING.to_owned(),
        started_at: fold.event_time,
        ended_at: None,
        started_by: actor(fold),
    });
    let fact = payload::RunCreated {
        run_id: request.run_id,
        experiment_id: experiment.experiment_id,
        experiment: request.experiment,
    };
    fold.fact(names::RUN_CREATED, &fact);
    Ok(())
}

fn log_param<R: StoredRows>(fold: &mut Fold<'_, R>) -> Result<(), FoldError> {
    let request: payload::ParamLogRequested = fold.payload()?;
    running(fold, &request.run_id)?;
    let key = [Value::Text(request.run_id.clone()), Value::Text(request.key.clone())];
    match fold.get::<Param>(&key)? {
        Some(logged) if logged.value != request.value => {
            return fold.refuse(
                Reason::Conflict,
                format!(
                    "parameter {:?} of run {:?} was logged with value {:?} and can't be changed to {:?}",
                    request.key, request.run_id, logged.value, request.value
                ),
            );
        }
        Some(_) => {}
        None => fold.put(&Param {
            run_id: request.run_id.clone(),
            key: request.key.clone(),
            value: request.value.clone(),
        }),
    }
    let fact =
        payload::ParamLogged { run_id: request.run_id, key: request.key, value: request.value };
    fold.fact(names::PARAM_LOGGED, &fact);
    Ok(())
}

fn log_metric<R: StoredRows>(fold: &mut Fold<'_, R>) -> Result<(), FoldError> {
    let logged: payload::MetricLogged = fold.payload()?;
    known(fold, &logged.run_id)?;
    for metric in logged.metrics {
        let point = MetricPoint {
            run_id: logged.run_id.clone(),
            key: metric.key,
            value: metric.value.to_f64(),
            step: metric.step,
            timestamp: metric.measured_at.unwrap_or(fold.event_time),
        };
        fold.put(&point);
        keep_latest(fold, point)?;
    }
    Ok(())
}

fn keep_latest<R: StoredRows>(fold: &mut Fold<'_, R>, point: MetricPoint) -> Result<(), FoldError> {
    let key = [Value::Text(point.run_id.clone()), Value::Text(point.key.clone())];
    let latest = fold.get::<LatestMetric>(&key)?;
    let later = latest.is_none_or(|latest| {
        let by_place = (point.step, point.timestamp).cmp(&(latest.step, latest.timestamp));
        by_place.then_with(|| point.value.total_cmp(&latest.value)).is_ge()
    });
    if later {
        fold.put(&LatestMetric {
            run_id: point.run_id,
            key: point.key,
            value: point.value,
            step: point.step,
            timestamp: point.timestamp,
        });
    }
    Ok(())
}

fn set_tag<R: StoredRows>(fold: &mut Fold<'_, R>) -> Result<(), FoldError> {
    let request: payload::RunTagSetRequested = fold.payload()?;
    known(fold, &request.run_id)?;
    fold.put(&Tag {
        run_id: request.run_id.clone(),
        key: request.key.clone(),
        value: request.value.clone(),
    });
    let fact =
        payload::RunTagSet { run_id: request.run_id, key: request.key, value: request.value };
    fold.fact(names::RUN_TAG_SET, &fact);
    Ok(())
}

fn finish_run<R: StoredRows>(fold: &mut Fold<'_, R>) -> Result<(), FoldError> {
    let request: payload::RunFinishRequested = fold.payload()?;
    let run = running(fold, &request.run_id)?;
    let status = match request.status {
        payload::RunStatus::Finished => "FINISHED",
        payload::RunStatus::Failed => "FAILED",
        payload::RunStatus::Killed => "KILLED",
    };
    fold.put(&Run { status: status.to_owned(), ended_at: Some(fold.event_time), ..run });
    for artifact in &request.artifacts {
        fold.put(&RunArtifact {
            run_id: request.run_id.clone(),
            path: artifact.path.clone(),
            sha256: artifact.sha256.clone(),
            size_bytes: i64::try_from(artifact.size_bytes).unwrap_or(i64::MAX),
        });
    }
    let fact = payload::RunFinished { run_id: request.run_id, status: request.status };
    fold.fact(names::RUN_FINISHED, &fact);
    Ok(())
}

fn known<R: StoredRows>(fold: &Fold<'_, R>, run_id: &str) -> Result<Run, FoldError> {
    match fold.get::<Run>(&[Value::Text(run_id.to_owned())])? {
        Some(run) => Ok(run),
        None => fold.refuse(Reason::NotFound, format!("run {run_id:?} does not exist")),
    }
}

fn running<R: StoredRows>(fold: &Fold<'_, R>, run_id: &str) -> Result<Run, FoldError> {
    let run = known(fold, run_id)?;
    if run.status == RUNNING {
        return Ok(run);
    }
    fold.refuse(Reason::Conflict, format!("run {run_id:?} has ended: it is {}", run.status))
}

fn actor<R: StoredRows>(fold: &Fold<'_, R>) -> String {
    fold.event.actor.clone().unwrap_or_else(|| headwater_event::ANONYMOUS.to_owned())
}
