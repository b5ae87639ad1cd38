//! Checks what declarations say of each other, and makes the model's feature views of them.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    feature_views::{ViewBody, ViewDeclared},
    features::Origin,
    fields::Given,
    link_features::{Payload, link_feature},
    link_windows::link_windows,
    model::{Entity, EventType, FeatureView, ValueAt, ViewSource},
    names::suggest,
    problem::Problems,
    source::At,
};

/// What views may refer to: everything that is declared, with `None` for what is told to be wrong.
#[derive(Debug)]
pub(crate) struct Known {
    /// Event types by name.
    pub(crate) event_types: BTreeMap<String, Option<EventType>>,
    /// Entities by name.
    pub(crate) entities: BTreeMap<String, Option<Entity>>,
    /// Whether every file could be read: else, what is not known may stand in one that could not.
    pub(crate) complete: bool,
}

/// Checks one view; `None` if something is wrong with it, which is then told.
pub(crate) fn link_view(
    view: &ViewDeclared<'_>,
    known: &Known,
    problems: &mut Problems,
) -> Option<FeatureView> {
    let body = view.body.as_ref()?;
    let entity = find(&body.entity, "entity", &known.entities, known.complete, problems);
    check_columns(body, entity, problems);
    let event_type = match body.origin {
        Origin::Events => {
            find(&body.from, "event type", &known.event_types, known.complete, problems)
        }
        Origin::Written | Origin::Untold => None,
    };
    let payload = match (&body.from, event_type) {
        (Given::Value(name, _), Some(found)) => {
            Payload::Schemas { event_type: name, versions: &found.schemas }
        }
        _ => Payload::Untold,
    };
    let features: Vec<_> =
        body.features.iter().map(|feature| link_feature(feature, payload, problems)).collect();
    let keys = match (body.origin, entity) {
        (Origin::Events, Some(entity)) => link_keys(view.at, body, entity, payload, problems)?,
        _ => Vec::new(),
    };
    let windows = link_windows(body, entity, &keys, known, problems)?;
    let source = match &body.from {
        Given::Value(..) if body.origin == Origin::Written => ViewSource::Written,
        Given::Value(name, _) => ViewSource::Events { event_type: name.clone(), keys },
        Given::Absent | Given::Refused => return None,
    };
    let derived = body.derived.iter().map(|derived| derived.feature.clone());
    Some(FeatureView {
        description: body.description.clone(),
        owner: body.owner.clone(),
        tags: body.tags.clone(),
        entity: body.entity.clone().ok()?,
        source,
        window: windows.window,
        lateness_ms: windows.lateness_ms,
        results: windows.results,
        features: features.into_iter().collect::<Option<_>>()?,
        derived: derived.collect::<Option<_>>()?,
    })
}

/// What a name means, if it is declared; else that is told.
pub(crate) fn find<'k, T>(
    name: &Given<'_, String>,
    what: &str,
    declared: &'k BTreeMap<String, Option<T>>,
    complete: bool,
    problems: &mut Problems,
) -> Option<&'k T> {
    let Given::Value(name, at) = name else { return None };
    match declared.get(name) {
        Some(found) => found.as_ref(),
        None => {
            if complete {
                let help = suggest(name, declared.keys().map(String::as_str));
                problems.add(*at, format!("{what} `{name}` is not declared"), help);
            }
            None
        }
    }
}

/// No two columns of a view may share a name.
fn check_columns(body: &ViewBody<'_>, entity: Option<&Entity>, problems: &mut Problems) {
    let keys: BTreeSet<&str> = entity
        .iter()
        .flat_map(|entity| entity.join_keys.iter().map(|key| key.name.as_str()))
        .collect();
    let stored = body.features.iter().map(|feature| (feature.name.as_str(), feature.at));
    let derived = body.derived.iter().map(|derived| (derived.name.as_str(), derived.at));
    let mut seen: BTreeMap<&str, At<'_>> = BTreeMap::new();
    for (name, at) in stored.chain(derived) {
        if keys.contains(name) {
            let message = format!("feature `{name}` has the name of a join key");
            problems.add(at, message, "choose another name: both are columns of one table");
        }
        if let Some(first) = seen.insert(name, at) {
            let message = format!("derived feature `{name}` has the name of a stored feature");
            let help = format!("choose another name; the other is at line {}", first.line);
            problems.add(at, message, help);
        }
    }
}

/// Where each join key is found, in the order of the entity's join keys.
fn link_keys(
    view_at: At<'_>,
    body: &ViewBody<'_>,
    entity: &Entity,
    payload: Payload<'_>,
    problems: &mut Problems,
) -> Option<Vec<ValueAt>> {
    let mut sound = true;
    for key in &body.keys {
        if !entity.join_keys.iter().any(|join_key| join_key.name == key.name) {
            let names = entity.join_keys.iter().map(|join_key| join_key.name.as_str());
            let message = format!("`{}` is not a join key of the entity", key.name);
            problems.add(key.at, message, suggest(&key.name, names));
            sound = false;
        }
    }
    let misnamed = !sound;
    let mut places = Vec::new();
    for join_key in &entity.join_keys {
        let declared = body.keys.iter().find(|key| key.name == join_key.name);
        let (value, at) = match declared.map(|key| &key.value) {
            Some(Given::Value(value, at)) => (value.clone(), *at),
            None if !misnamed => (ValueAt::Data(format!("/{}", join_key.name)), view_at),
            // Something was meant for it, and is told.
            _ => {
                sound = false;
                continue;
            }
        };
        if let Err(mut complaint) = payload.check_key(&value, join_key.key_type) {
            if declared.is_none() {
                let name = &join_key.name;
                complaint.help = format!("say where `{name}` is found: keys: {{ {name}: /… }}");
            }
            problems.complain(at, complaint);
            sound = false;
        }
        places.push(value);
    }
    sound.then_some(places)
}
