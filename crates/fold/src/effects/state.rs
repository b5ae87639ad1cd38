//! The rows of one effect, read and written together: state, index, totals.

use headwater_event::{
    DEFAULT_PROJECT, Event, PartitionId, Timestamp, catalog::names, partition_for,
    payload::EffectCompleted,
};
use serde_json::{Value as Data, json};

use crate::{
    Derived, FACT_SOURCE, Fold, StoredRows, Value,
    batch::ApplyError,
    family::effects::{Effect, EffectDeclaration, EffectGiven, EffectTotals, states},
};

/// Which effect.
#[derive(Debug, Clone)]
pub(super) struct Which {
    pub(super) project: String,
    pub(super) effect: String,
    pub(super) key: String,
}

impl Which {
    fn values(&self) -> [Value; 2] {
        [Value::Text(self.effect.clone()), Value::Text(self.key.clone())]
    }
}

pub(super) fn now<R: StoredRows>(fold: &Fold<'_, R>) -> Timestamp {
    fold.head.clock.map_or(Timestamp::from_micros(0), |clock| clock.time)
}

pub(super) fn read<R: StoredRows>(
    fold: &Fold<'_, R>,
    which: &Which,
) -> Result<Option<Effect>, ApplyError> {
    fold.read_in(&which.project, &which.values())
}

/// How it was declared when it was asked for.
pub(super) fn declaration<R: StoredRows>(
    fold: &Fold<'_, R>,
    effect: &str,
    declaration: &str,
) -> Result<Option<headwater_topology::Effect>, ApplyError> {
    let key = [Value::Text(effect.to_owned()), Value::Text(declaration.to_owned())];
    let row: Option<EffectDeclaration> = fold.read_in(DEFAULT_PROJECT, &key)?;
    Ok(row.and_then(|row| serde_json::from_str(&row.declared.0).ok()))
}

/// Writes a new state of an effect, with its entries of the index and the totals.
pub(super) fn write<R: StoredRows>(
    fold: &mut Fold<'_, R>,
    project: &str,
    before: Option<&Effect>,
    after: &Effect,
) -> Result<(), ApplyError> {
    let due_before = before.map(|effect| effect.due(project)).unwrap_or_default();
    let due = after.due(project);
    for entry in due_before.iter().filter(|entry| !due.contains(entry)) {
        fold.remove_row(DEFAULT_PROJECT, entry);
    }
    for entry in due.iter().filter(|entry| !due_before.contains(entry)) {
        fold.put_in(DEFAULT_PROJECT, entry);
    }
    let key = [Value::Text(after.effect.clone())];
    let totals = fold.read_in::<EffectTotals>(DEFAULT_PROJECT, &key)?;
    let mut totals = totals.unwrap_or_else(|| no_totals(&after.effect));
    if before.map(|before| &before.state) != Some(&after.state) {
        if let Some(before) = before {
            *totals.of_state(&before.state) -= 1;
        }
        *totals.of_state(&after.state) += 1;
        fold.put_in(DEFAULT_PROJECT, &totals);
    }
    fold.put_in(project, after);
    Ok(())
}

pub(super) fn no_totals(effect: &str) -> EffectTotals {
    EffectTotals {
        effect: effect.to_owned(),
        pending: 0,
        running: 0,
        succeeded: 0,
        failed: 0,
        expired: 0,
        cancelled: 0,
    }
}

/// An effect ends: nothing more is done about it, and whoever waits is told.
pub(super) fn end<R: StoredRows>(
    fold: &mut Fold<'_, R>,
    project: &str,
    before: Option<&Effect>,
    mut after: Effect,
) -> Result<EffectCompleted, ApplyError> {
    after.due_at = None;
    after.finished_at = Some(now(fold));
    write(fold, project, before, &after)?;
    let which =
        Which { project: project.to_owned(), effect: after.effect.clone(), key: after.key.clone() };
    if fold.read_in::<EffectGiven>(project, &which.values())?.is_some() {
        fold.remove_in::<EffectGiven>(project, &which.values());
    }
    let completed = EffectCompleted {
        effect: after.effect.clone(),
        key: after.key.clone(),
        state: after.state.clone(),
        attempts: u32::try_from(after.attempt).unwrap_or(u32::MAX),
        error: after.error.clone(),
    };
    let data = serde_json::to_value(&completed).unwrap_or_default();
    publish(fold, &after, project, (names::EFFECT_COMPLETED, "completed"), data);
    // Whoever cancels knows it; the world has said nothing.
    if after.state != states::CANCELLED
        && let Some(declared) = declaration(fold, &after.effect, &after.declaration)?
        && let Some(event_type) = &declared.result
    {
        let data = result_of(&after);
        publish(fold, &after, project, (event_type, "result"), data);
    }
    Ok(completed)
}

/// The payload of a result, the same for all kinds.
fn result_of(effect: &Effect) -> Data {
    let output = effect.output.as_ref().and_then(|json| serde_json::from_str(&json.0).ok());
    json!({
        "effect": effect.effect,
        "key": effect.key,
        "state": effect.state,
        "attempts": effect.attempt,
        "status": effect.status,
        "error": effect.error,
        "output": output.unwrap_or(Data::Null),
        "scheduled_for": effect.scheduled_for,
        "cause": {
            "type": effect.cause_type,
            "source": effect.cause_source,
            "id": effect.cause_id,
        },
    })
}

/// Named by the key, so that it is the same event however often it is derived.
fn publish<R: StoredRows>(
    fold: &mut Fold<'_, R>,
    effect: &Effect,
    project: &str,
    (event_type, word): (&str, &str),
    data: Data,
) {
    let to = match headwater_event::catalog::built_in(event_type) {
        Some(_) => PartitionId::Control,
        None => {
            let partitions = fold.head.log.as_ref().map_or(1, |log| log.partitions);
            PartitionId::Data(partition_for(effect.subject.as_bytes(), partitions))
        }
    };
    let id = format!("effect-{}-{word}", effect.key);
    let mut event = Event::new(id, FACT_SOURCE, event_type, effect.subject.clone(), data);
    event.project = project.to_owned();
    event.time = Some(now(fold));
    event.cause_id = Some(effect.cause_id.clone());
    event.correlation_id.clone_from(&fold.event.correlation_id);
    event.traceparent.clone_from(&fold.event.traceparent);
    fold.derive(Derived { to, event: event.in_newest_schema() });
}
