//! Checks what follows from events: derived events, publications, and that nothing follows from itself.

use std::collections::{BTreeMap, BTreeSet};

use headwater_event::catalog::{self, Role};

use crate::{
    derived_events::DerivedEventDeclared,
    effect::{Effect, EffectTrigger},
    fields::Given,
    link::{Known, find},
    link_features::Payload,
    model::{DerivedEvent, FeatureView, KeyType, Publication, ValueAt, ViewSource},
    names::suggest,
    problem::Problems,
    publications::PublicationDeclared,
    source::At,
};

/// Checks one derived event; `None` if something is wrong with it, which is told.
pub(crate) fn link_derived_event(
    declared: &DerivedEventDeclared<'_>,
    known: &Known,
    problems: &mut Problems,
) -> Option<DerivedEvent> {
    let own = Given::Value(declared.name.clone(), declared.at);
    find(&own, "event type", &known.event_types, known.complete, problems);
    let from = find(&declared.from, "event type", &known.event_types, known.complete, problems)?;
    let Given::Value(name, _) = &declared.from else { return None };
    let payload = Payload::Schemas { event_type: name, versions: &from.schemas };
    if let Given::Value(subject, at) = &declared.subject {
        if *subject == ValueAt::Time {
            problems.add(*at, "a time cannot be a subject", "write `subject` or a JSON pointer");
            return None;
        }
        // A number is as good a subject as a text.
        let as_text = payload.check_key(subject, KeyType::String);
        if let Err(complaint) =
            as_text.or_else(|told| payload.check_key(subject, KeyType::Int64).map_err(|_| told))
        {
            problems.complain(*at, complaint);
        }
    }
    for (_, place, at) in declared.data.iter().flatten() {
        if let Err(complaint) = payload.check_place(place) {
            problems.complain(*at, complaint);
        }
    }
    declared.whole()
}

/// Checks one publication; `None` if something is wrong with it, which is told.
pub(crate) fn link_publication(
    declared: &PublicationDeclared<'_>,
    known: &Known,
    problems: &mut Problems,
) -> Option<Publication> {
    for (name, at) in &declared.events {
        let built_in = catalog::built_in(name).map(|built_in| built_in.role);
        match built_in {
            Some(Role::Request | Role::Observation | Role::Fact) => {}
            Some(Role::System) => {
                let message = format!("{name} is the log's own, and told to nobody");
                problems.add(*at, message, "name facts, or an app's own event types");
            }
            None if known.event_types.contains_key(name) || !known.complete => {}
            None => {
                let help = suggest(name, known.event_types.keys().map(String::as_str));
                problems.add(*at, format!("event type `{name}` is not declared"), help);
            }
        }
    }
    declared.whole()
}

/// What follows from what, through derived events and the results of views and effects: a circle would never
/// end.
pub(crate) fn check_circles(
    derived: &[DerivedEventDeclared<'_>],
    views: &BTreeMap<String, Option<FeatureView>>,
    effects: &BTreeMap<String, Option<Effect>>,
    problems: &mut Problems,
) {
    let mut follows: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for declared in derived {
        if let Given::Value(from, _) = &declared.from {
            follows.entry(from).or_default().insert(&declared.name);
        }
    }
    for view in views.values().flatten() {
        if let (ViewSource::Events { event_type, .. }, Some(results)) =
            (&view.source, &view.results)
        {
            follows.entry(event_type).or_default().insert(results);
        }
    }
    for effect in effects.values().flatten() {
        if let (EffectTrigger::On { event_type, .. }, Some(result)) =
            (&effect.trigger, &effect.result)
        {
            follows.entry(event_type).or_default().insert(result);
        }
    }
    let places: BTreeMap<&str, At<'_>> =
        derived.iter().map(|declared| (declared.name.as_str(), declared.at)).collect();
    for event_type in follows.keys() {
        if !reaches(&follows, event_type, event_type) {
            continue;
        }
        let message = format!("`{event_type}` follows from itself, and would go on for ever");
        let at = places.get(event_type).copied();
        let at = at.or_else(|| derived.first().map(|declared| declared.at));
        problems.add(at.unwrap_or(At::start_of("topology")), message, "break the circle");
    }
}

fn reaches(follows: &BTreeMap<&str, BTreeSet<&str>>, from: &str, to: &str) -> bool {
    let (mut seen, mut next) = (BTreeSet::new(), vec![from]);
    while let Some(event_type) = next.pop() {
        for after in follows.get(event_type).into_iter().flatten() {
            if *after == to {
                return true;
            }
            if seen.insert(*after) {
                next.push(after);
            }
        }
    }
    false
}
