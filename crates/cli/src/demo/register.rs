//! The registry: the best run becomes a version with an alias, and gets the traffic.

use anyhow::Result;
use headwater_event::{
    Event,
    catalog::names,
    payload::{
        ModelAliasSetRequested, ModelVersionCreateRequested, RegisteredModelCreateRequested,
        RolloutChangeRequested, TrafficShare,
    },
};
use headwater_fold::Outcome;
use serde_json::{Value, json};

use super::{
    session::{Session, told},
    story::Story,
    train::Training,
};

/// The registered model.
pub(crate) const MODEL: &str = "repurchase";
/// The alias by which it is served.
pub(crate) const ALIAS: &str = "champion";

/// Registers the best run's model and rolls it out; then asks for a rollout that makes no sense.
pub(crate) async fn register(
    session: &Session,
    story: &mut Story,
    training: &Training,
) -> Result<()> {
    story.step("The best run is registered and rolled out");
    let create = RegisteredModelCreateRequested {
        name: MODEL.to_owned(),
        description: "Whether an active customer buys again within 90 days.".to_owned(),
    };
    let version = ModelVersionCreateRequested {
        name: MODEL.to_owned(),
        run_id: Some(training.best.run_id.clone()),
        artifact: training.best.artifact.clone(),
        description: "The best Brier score on the validation rows.".to_owned(),
    };
    let event = |event_type, id, data| session.event(event_type, id, MODEL, &data);
    let created = session
        .must(vec![
            event(names::REGISTERED_MODEL_CREATE_REQUESTED, "create-model", json!(create))?,
            event(names::MODEL_VERSION_CREATE_REQUESTED, "create-version", json!(version))?,
        ])
        .await?;
    let version = created.get(1).and_then(|fact| fact.get("version")).and_then(Value::as_i64);
    let number = version.unwrap_or_default();
    story.check(format!("the fold assigned version {number} to the first version"), number == 1);

    let alias = ModelAliasSetRequested {
        name: MODEL.to_owned(),
        alias: ALIAS.to_owned(),
        version: number,
        expected_version: Some(0),
    };
    let alias = event(names::MODEL_ALIAS_SET_REQUESTED, "set-alias", json!(alias))?;
    session.must(vec![alias]).await?;
    let changes = vec![rollout(session, number, 100.0)?, rollout(session, number, 90.0)?];
    let outcomes = session.request(changes).await?;
    let sql = "select count(*) as n from log.rejections where reason = 'invalid'";
    let on_record = session.ask(sql).await?.ints("n")? == [1];
    tell(story, &outcomes, on_record, number, training);
    story
        .figure("model", json!({"name": MODEL, "version": number, "run_id": training.best.run_id}));
    Ok(())
}

/// A request that gives one version so much of the traffic.
fn rollout(session: &Session, version: i64, percent: f64) -> Result<Event> {
    let change = RolloutChangeRequested {
        rollout: MODEL.to_owned(),
        model: MODEL.to_owned(),
        shares: vec![TrafficShare { version, percent }],
        sticky: false,
        expected_revision: None,
    };
    let id = format!("rollout-{percent}");
    session.event(names::ROLLOUT_CHANGE_REQUESTED, id, MODEL, &change)
}

fn tell(
    story: &mut Story,
    outcomes: &[Outcome],
    on_record: bool,
    version: i64,
    training: &Training,
) {
    let answers: Vec<String> = outcomes.iter().map(told).collect();
    let asked = [
        format!("version {version} of {MODEL}, from run {}", training.best.run_id),
        format!("alias {ALIAS} for version {version}, only if it is not set"),
        format!("rollout: 100 % to version {version}"),
        format!("rollout: 90 % to version {version}, nothing to the rest"),
    ];
    let accepted = || "accepted".to_owned();
    let answered = [accepted(), accepted()].into_iter().chain(answers.iter().cloned());
    let rows = asked.into_iter().zip(answered).map(|(asked, answer)| vec![asked, answer]);
    story.table(&["asked for", "what the fold decided"], rows.collect());
    let refused = matches!(
        outcomes,
        [Outcome::Accepted { .. }, Outcome::Rejected { refusal }] if refusal.detail.contains("90 %")
    );
    story.check(
        "the rollout of 90 % is rejected with its reason, and on record",
        refused && on_record,
    );
}
