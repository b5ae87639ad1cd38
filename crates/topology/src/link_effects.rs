//! Checks what effects say of event types and of each other, and makes the model's effects of them.

use std::collections::BTreeMap;

use headwater_event::catalog::{self, Home, Role};

use crate::{
    effect::{CommandInput, Effect, EffectInput, EffectKind, EffectTrigger},
    effects::{EffectBody, EffectDeclared},
    fields::Given,
    link::Known,
    model::EventType,
    names::suggest,
    pointers::{Told, look_up},
    problem::Problems,
    source::At,
};

/// Events of the log's own work.
const OWN_PREFIXES: [&str; 3] = ["headwater.effect.", "headwater.clock.", "headwater.topology."];

/// Checks one effect; `None` if something is wrong with it, which is then told.
pub(crate) fn link_effect(
    effect: &EffectDeclared<'_>,
    known: &Known,
    problems: &mut Problems,
) -> Option<Effect> {
    let body = effect.body.as_ref()?;
    let trigger = link_trigger(effect, body, known, problems);
    check_inputs(effect, body, known, problems);
    let result = match &body.result {
        Given::Absent => None,
        Given::Refused => return None,
        Given::Value(name, at) => {
            if !known.event_types.contains_key(name) && known.complete {
                let message = format!("effect `{}` has a result of an unknown type", effect.name);
                let names = known.event_types.keys().map(String::as_str);
                problems.add(*at, message, suggest(name, names));
            }
            Some(name.clone())
        }
    };
    Some(Effect {
        description: body.description.clone(),
        trigger: trigger?,
        kind: body.kind.clone()?,
        result,
        limits: body.limits.clone(),
    })
}

fn link_trigger(
    effect: &EffectDeclared<'_>,
    body: &EffectBody<'_>,
    known: &Known,
    problems: &mut Problems,
) -> Option<EffectTrigger> {
    match (&body.on, &body.every_ms) {
        (Given::Value(name, at), _) => {
            check_event_type(effect, name, *at, known, problems);
            if let Some(Some(event_type)) = known.event_types.get(name) {
                for (pointer, (_, at)) in &body.when {
                    check_place(pointer, *at, event_type, problems);
                }
            }
            let when = body.when.iter().map(|(at, (values, _))| (at.clone(), values.clone()));
            Some(EffectTrigger::On { event_type: name.clone(), when: when.collect() })
        }
        (Given::Absent, Given::Value(every_ms, _)) => {
            Some(EffectTrigger::Every { every_ms: *every_ms })
        }
        _ => None,
    }
}

/// An app's own type, or one of Headwater's that tells what happened.
fn check_event_type(
    effect: &EffectDeclared<'_>,
    name: &str,
    at: At<'_>,
    known: &Known,
    problems: &mut Problems,
) {
    if known.event_types.contains_key(name) {
        return;
    }
    let Some(built_in) = catalog::built_in(name) else {
        if known.complete {
            let message = format!("effect `{}` waits for an unknown event type", effect.name);
            let names = known.event_types.keys().map(String::as_str);
            problems.add(at, message, suggest(name, names));
        }
        return;
    };
    let own = built_in.role == Role::System || built_in.home == Home::Everywhere;
    if own || !causes_effects(name) {
        let message = format!("effect `{}` waits for an event of the log's own work", effect.name);
        problems.add(
            at,
            message,
            "name an app's event type, or a fact such as headwater.model_version.created",
        );
    }
}

/// Whether events of this type can cause effects: not those of which effects and the log itself are made.
pub fn causes_effects(event_type: &str) -> bool {
    !OWN_PREFIXES.iter().any(|prefix| event_type.starts_with(prefix))
}

fn check_place(pointer: &str, at: At<'_>, event_type: &EventType, problems: &mut Problems) {
    let Some(schema) = event_type.schemas.values().next_back() else { return };
    if let Told::Absent(why) = look_up(schema, pointer) {
        let message = format!("nothing can be at `{pointer}`: {why}");
        problems.add(at, message, "name a place that the newest schema of the type has");
    }
}

fn check_inputs(
    effect: &EffectDeclared<'_>,
    body: &EffectBody<'_>,
    known: &Known,
    problems: &mut Problems,
) {
    let inputs: Vec<&EffectInput> = match &body.kind {
        Some(EffectKind::Http(http)) => http.body.iter().collect(),
        Some(EffectKind::Command(command)) => {
            let files = command.inputs.values();
            files
                .filter_map(|input| match input {
                    CommandInput::Event(input) => Some(input),
                    CommandInput::Text(_) => None,
                })
                .collect()
        }
        Some(EffectKind::Sql { .. }) | None => return,
    };
    for input in inputs {
        match (input, &body.on) {
            (EffectInput::Event, Given::Absent) => {
                let message =
                    format!("effect `{}` is done by the clock and has no event", effect.name);
                problems.add(
                    body.kind_at,
                    message,
                    "give it `data`: when it is due, and how many were passed over",
                );
            }
            (EffectInput::At(pointer), Given::Value(name, _)) => {
                if let Some(Some(event_type)) = known.event_types.get(name) {
                    check_place(pointer, body.kind_at, event_type, problems);
                }
            }
            _ => {}
        }
    }
}

/// Effects whose results cause each other would never end.
pub(crate) fn check_effect_circles(
    declared: &[EffectDeclared<'_>],
    effects: &BTreeMap<String, Option<Effect>>,
    problems: &mut Problems,
) {
    let of = |name: &str| effects.get(name).and_then(Option::as_ref);
    let follows = |effect: &Effect| -> Vec<&String> {
        let Some(result) = &effect.result else { return Vec::new() };
        let waits = |other: &Effect| matches!(&other.trigger, EffectTrigger::On { event_type, .. } if event_type == result);
        let all = effects.iter();
        all.filter_map(|(name, effect)| effect.as_ref().filter(|e| waits(e)).map(|_| name))
            .collect()
    };
    for start in declared {
        let (mut seen, mut next) = (Vec::new(), vec![&start.name]);
        while let Some(name) = next.pop() {
            let Some(effect) = of(name) else { continue };
            for following in follows(effect) {
                if *following == start.name {
                    let message = format!("the result of effect `{}` causes itself", start.name);
                    problems.add(
                        start.at,
                        message,
                        "give the result a type that no effect of the circle waits for",
                    );
                    return;
                }
                if !seen.contains(&following) {
                    seen.push(following);
                    next.push(following);
                }
            }
        }
    }
}
