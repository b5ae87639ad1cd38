//! The log's own events: opening, clock, writers, rules, topologies.

use headwater_event::{
    Event, PartitionId, Reason, Schemas,
    catalog::names,
    payload::{
        ClockTickRequested, ClockTicked, LogOpened, RulesRaised, TopologyApplied,
        TopologyApplyRequested, ViewActivated, WriterClaimed,
    },
};
use headwater_topology::{FeatureView, Topology, Window};
use serde::de::DeserializeOwned;

use crate::{
    Clock, Compiled, CompiledView, Fold, FoldError, Head, Json, LogIdentity, PartitionError,
    RULES_KNOWN, StoredRows, Value, effects, evolution,
    family::{
        features::{FeatureViewRow, VersionState, feature_view, tell},
        log::AppliedTopology,
    },
    rules::Rules,
    time_range,
};

/// Folds a request about the log itself; `false` if the event is another.
pub(crate) fn fold_request<R: StoredRows>(
    fold: &mut Fold<'_, R>,
    built_in: &Schemas,
    holds: &Compiled,
) -> Result<bool, FoldError> {
    match fold.event.event_type.as_str() {
        names::CLOCK_TICK_REQUESTED => tick(fold)?,
        names::TOPOLOGY_APPLY_REQUESTED => apply_topology(fold, built_in, holds)?,
        _ => return Ok(false),
    }
    Ok(true)
}

/// A tick goes to control first, then to each data partition, all with one number.
fn tick<R: StoredRows>(fold: &mut Fold<'_, R>) -> Result<(), FoldError> {
    let request: ClockTickRequested = fold.payload()?;
    time_range::check(request.time)?;
    let last = fold.head.accepted_tick.or(fold.head.clock);
    if let Some(last) = last
        && request.time < last.time
    {
        let detail =
            format!("the log's clock is at {}, it can't go back to {}", last.time, request.time);
        return fold.refuse(Reason::Conflict, detail);
    }
    let asked = request.watermark.unwrap_or(request.time).min(request.time);
    // The log's opening believes nothing yet.
    let before = last.filter(|last| last.n > 0 && Rules::of(fold.head).flows());
    let ticked = ClockTicked {
        n: last.map_or(0, |last| last.n) + 1,
        time: request.time,
        watermark: before.map_or(asked, |before| asked.max(before.watermark)),
    };
    fold.fact(names::CLOCK_TICKED, &ticked);
    publish_copies(fold, names::CLOCK_TICKED, &ticked);
    Ok(())
}

fn apply_topology<R: StoredRows>(
    fold: &mut Fold<'_, R>,
    built_in: &Schemas,
    before: &Compiled,
) -> Result<(), FoldError> {
    let request: TopologyApplyRequested = fold.payload()?;
    let topology: Topology = match serde_json::from_value(request.topology) {
        Ok(topology) => topology,
        Err(error) => return fold.refuse(Reason::Invalid, format!("topology: {error}")),
    };
    if let Err(detail) = known_to(Rules::of(fold.head), &topology) {
        return fold.refuse(Reason::Invalid, detail);
    }
    let hash = topology.hash();
    if fold.head.topology.as_deref() == Some(&hash) {
        return fold.refuse(Reason::Conflict, format!("topology {hash} holds already"));
    }
    let compiled = match Compiled::new(built_in, topology.clone()) {
        Ok(compiled) => compiled,
        Err(error) => return fold.refuse(Reason::Invalid, error.to_string()),
    };
    let rules = Rules::of(fold.head);
    if rules.judge_evolution() {
        evolution::judge(&before.topology, &topology)?;
    }
    if rules.flows() {
        effects::declared(fold, &before.topology.effects, &topology.effects)?;
    }
    let topology = serde_json::to_value(&topology).unwrap_or_default();
    if !rules.activate_later() {
        at_once(fold, &compiled)?;
    } else {
        let next = match before.succeeded_by(built_in, compiled.topology.clone()) {
            Ok(next) => next,
            Err(error) => return fold.refuse(Reason::Invalid, error.to_string()),
        };
        one_after_the_other(fold, before, &next)?;
    }
    fold.put(&AppliedTopology { hash: hash.clone(), topology: Json::of(&topology) });
    let applied = TopologyApplied { hash, topology, activates_later: rules.activate_later() };
    fold.assigned(serde_json::json!({"hash": applied.hash}));
    publish_copies(fold, names::TOPOLOGY_APPLIED, &applied);
    if applied.activates_later {
        return Ok(());
    }
    for view in &compiled.views {
        let activated =
            ViewActivated { view: view.table.name.clone(), version: view.table.version_hex() };
        let data = serde_json::to_value(activated).unwrap_or_default();
        fold.publish(PartitionId::Control, names::VIEW_ACTIVATED, data);
    }
    Ok(())
}

/// Whether programs that decide by these rules know all that is declared; else what they would say.
fn known_to(rules: Rules, topology: &Topology) -> Result<(), &'static str> {
    let hops = |view: &FeatureView| matches!(view.window, Some(Window::Hopping { .. }));
    if !rules.hopping() && topology.feature_views.values().any(hops) {
        return Err("topology: unknown variant `hopping`, expected `tumbling`");
    }
    let later = |view: &FeatureView| {
        let window = matches!(
            view.window,
            Some(Window::Sliding { .. } | Window::Session { .. } | Window::Calendar { .. })
        );
        window || view.lateness_ms.is_some() || view.results.is_some()
    };
    let flows = !topology.derived_events.is_empty()
        || !topology.publications.is_empty()
        || !topology.sources.is_empty()
        || !topology.effects.is_empty();
    if !rules.flows() && (flows || topology.feature_views.values().any(later)) {
        return Err("topology: windows that close, and what follows from events, need rules 4");
    }
    Ok(())
}

/// Before rules 2, every declared version served from its declaration on.
fn at_once<R: StoredRows>(fold: &mut Fold<'_, R>, compiled: &Compiled) -> Result<(), FoldError> {
    for (name, before) in declared_before(fold)? {
        if compiled.view(&name).is_none() {
            fold.put(&FeatureViewRow { active: false, ..before });
        }
    }
    for view in &compiled.views {
        fold.put(&feature_view(view, true));
    }
    Ok(())
}

/// What the tables tell of views, once this topology is declared after that.
fn one_after_the_other<R: StoredRows>(
    fold: &mut Fold<'_, R>,
    before: &Compiled,
    next: &Compiled,
) -> Result<(), FoldError> {
    let declares = |name: &str| next.topology.feature_views.contains_key(name);
    for (name, row) in declared_before(fold)? {
        if !declares(&name) {
            fold.put(&FeatureViewRow { active: false, ..row });
        }
    }
    let among = |views: &[CompiledView], view: &CompiledView| {
        views.iter().any(|other| other.table.version == view.table.version)
    };
    for view in before.views.iter().filter(|view| !among(&next.views, view)) {
        tell(fold, view, VersionState::Retired)?;
    }
    for view in before.coming.iter().filter(|view| !among(&next.coming, view)) {
        tell(fold, view, VersionState::Abandoned)?;
    }
    for view in &next.views {
        tell(fold, view, VersionState::Active)?;
        if !next.comes(&view.table.name) {
            fold.put(&feature_view(view, true));
        }
    }
    for view in next.coming.iter().filter(|view| !among(&before.coming, view)) {
        tell(fold, view, VersionState::Building)?;
        if next.view(&view.table.name).is_none() {
            fold.put(&feature_view(view, false));
        }
    }
    Ok(())
}

/// The rows of the views that the last topology declared.
fn declared_before<R: StoredRows>(
    fold: &Fold<'_, R>,
) -> Result<Vec<(String, FeatureViewRow)>, FoldError> {
    let mut before = Vec::new();
    for name in &fold.head.declared_views {
        if let Some(row) = fold.get::<FeatureViewRow>(&[Value::Text(name.clone())])? {
            before.push((name.clone(), row));
        }
    }
    Ok(before)
}

fn publish_copies<R: StoredRows>(
    fold: &mut Fold<'_, R>,
    event_type: &str,
    payload: &impl serde::Serialize,
) {
    let data = serde_json::to_value(payload).unwrap_or_default();
    let partitions = fold.head.log.as_ref().map_or(0, |log| log.partitions);
    for partition in 0..partitions {
        fold.publish(PartitionId::Data(partition), event_type, data.clone());
    }
}

/// The tick that a request was just granted.
pub(crate) fn accepted_tick(event: &Event, assigned: &serde_json::Value) -> Option<Clock> {
    if event.event_type != names::CLOCK_TICK_REQUESTED {
        return None;
    }
    serde_json::from_value(assigned.clone()).ok().map(clock_of)
}

/// The topology that a request was just granted; control holds it from the request on.
pub(crate) fn accepted_topology(
    event: &Event,
    head: &Head,
    holds: &Compiled,
    built_in: &Schemas,
) -> Option<Compiled> {
    if event.event_type != names::TOPOLOGY_APPLY_REQUESTED {
        return None;
    }
    let request = payload::<TopologyApplyRequested>(event)?;
    let topology = serde_json::from_value(request.topology).ok()?;
    match !Rules::of(head).activate_later() {
        true => Compiled::new(built_in, topology).ok(),
        false => holds.succeeded_by(built_in, topology).ok(),
    }
}

fn clock_of(ticked: ClockTicked) -> Clock {
    Clock { n: ticked.n, time: ticked.time, watermark: ticked.watermark }
}

/// The first record of a partition.
pub(crate) fn opened(head: &mut Head, event: &Event) {
    let Some(opened) = payload::<LogOpened>(event) else { return };
    head.clock = Some(Clock { n: 0, time: opened.time, watermark: opened.time });
    head.log = Some(LogIdentity {
        log_id: opened.log_id,
        partitions: opened.partitions,
        clock: opened.clock,
        verifying_key: opened.verifying_key,
        dedup_horizon_days: opened.dedup_horizon_days,
    });
}

/// The topology that a copy brings.
pub(crate) fn topology_of(event: &Event, built_in: &Schemas) -> Option<Compiled> {
    let applied = payload::<TopologyApplied>(event)?;
    let topology: Topology = serde_json::from_value(applied.topology).ok()?;
    Compiled::new(built_in, topology).ok()
}

/// Applies a system event to the head.
pub(crate) fn apply(head: &mut Head, event: &Event) -> Result<(), PartitionError> {
    match event.event_type.as_str() {
        names::CLOCK_TICKED => {
            if let Some(ticked) = payload::<ClockTicked>(event) {
                head.clock = Some(clock_of(ticked));
            }
        }
        names::WRITER_CLAIMED => {
            if let Some(claimed) = payload::<WriterClaimed>(event) {
                head.epoch = claimed.epoch;
            }
        }
        names::RULES_RAISED => {
            if let Some(raised) = payload::<RulesRaised>(event) {
                if raised.rules > RULES_KNOWN {
                    return Err(PartitionError::NewerRules {
                        asked: raised.rules,
                        known: RULES_KNOWN,
                    });
                }
                head.rules = raised.rules;
            }
        }
        // All other facts tell of what their cause already did to this partition.
        _ => {}
    }
    Ok(())
}

pub(crate) fn payload<T: DeserializeOwned>(event: &Event) -> Option<T> {
    event.payload().ok()
}
