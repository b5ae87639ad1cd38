//! The way of one effect, as control's records tell it: asked for, tried, ended.

use headwater_event::{
    Reason, Timestamp,
    catalog::names,
    payload::{
        EffectCancelRequested, EffectFinished, EffectOutcome, EffectRequested, EffectStarted,
    },
};

use super::{
    backoff::pause_us,
    state::{Which, declaration, end, now, read, write},
};
use crate::{
    Fold, FoldError, Json, StoredRows,
    batch::ApplyError,
    family::effects::{Effect, EffectGiven, states},
    system,
};

/// Folds a record about effects that nobody can refuse.
pub(crate) fn fold_record<R: StoredRows>(fold: &mut Fold<'_, R>) -> Result<(), ApplyError> {
    match fold.event.event_type.as_str() {
        names::EFFECT_REQUESTED => requested(fold),
        names::EFFECT_STARTED => started(fold),
        names::EFFECT_FINISHED => finished(fold),
        // A fact that tells what the record before it did.
        _ => Ok(()),
    }
}

fn requested<R: StoredRows>(fold: &mut Fold<'_, R>) -> Result<(), ApplyError> {
    let Some(request) = system::payload::<EffectRequested>(fold.event) else { return Ok(()) };
    let project = fold.event.project.clone();
    let which = Which {
        project: project.clone(),
        effect: request.effect.clone(),
        key: request.key.clone(),
    };
    // The same cause again, by whatever way, asks for nothing more.
    if read(fold, &which)?.is_some() {
        return Ok(());
    }
    let Some(declared) = declaration(fold, &request.effect, &request.declaration)? else {
        return Ok(());
    };
    let now = now(fold);
    let is_sql = declared.kind.name() == "sql";
    let ticked = fold.head.clock.is_some_and(|clock| clock.n >= request.tick);
    let deadline_us = declared.limits.deadline_ms.saturating_mul(1_000);
    let effect = Effect {
        effect: request.effect,
        key: request.key,
        kind: declared.kind.name().to_owned(),
        state: states::PENDING.to_owned(),
        attempt: 0,
        attempts_max: i64::from(declared.limits.attempts_max),
        leases_lost: 0,
        subject: fold.event.subject.clone(),
        cause_type: request.cause.event_type,
        cause_source: request.cause.source,
        cause_id: request.cause.id,
        declaration: request.declaration,
        tick: i64::try_from(request.tick).unwrap_or(i64::MAX),
        scheduled_for: request.scheduled_for,
        passed_over: i64::try_from(request.passed_over).unwrap_or(i64::MAX),
        requested_at: now,
        // A query sees its cause only as of a later tick.
        due_at: (!is_sql || ticked).then_some(now),
        deadline_at: Timestamp::from_micros(now.micros().saturating_add(deadline_us)),
        started_at: None,
        finished_at: None,
        epoch: None,
        status: None,
        error: None,
        output: None,
    };
    if let Some(why) = request.refused {
        let state = states::FAILED.to_owned();
        return end(fold, &project, None, Effect { state, error: Some(why), ..effect }).map(|_| ());
    }
    let (name, key) = (effect.effect.clone(), effect.key.clone());
    fold.put(&EffectGiven { effect: name, key, input: Json::of(&request.input) });
    write(fold, &project, None, &effect)
}

/// The active process asks for a lease. It looks at the row to see whether it has it.
fn started<R: StoredRows>(fold: &mut Fold<'_, R>) -> Result<(), ApplyError> {
    let Some(started) = system::payload::<EffectStarted>(fold.event) else { return Ok(()) };
    let project = fold.event.project.clone();
    let which = Which { project: project.clone(), effect: started.effect, key: started.key };
    let Some(before) = read(fold, &which)? else { return Ok(()) };
    let now = now(fold);
    let granted = before.state == states::PENDING
        && before.due_at.is_some_and(|due_at| due_at <= now)
        && i64::from(started.attempt) == before.attempt.saturating_add(1)
        && started.epoch == fold.head.epoch;
    if !granted {
        return Ok(());
    }
    let after = Effect {
        state: states::RUNNING.to_owned(),
        attempt: i64::from(started.attempt),
        due_at: None,
        started_at: Some(now),
        epoch: i64::try_from(started.epoch).ok(),
        ..before.clone()
    };
    write(fold, &project, Some(&before), &after)
}

fn finished<R: StoredRows>(fold: &mut Fold<'_, R>) -> Result<(), ApplyError> {
    let Some(finished) = system::payload::<EffectFinished>(fold.event) else { return Ok(()) };
    let project = fold.event.project.clone();
    let which = Which { project: project.clone(), effect: finished.effect, key: finished.key };
    let Some(before) = read(fold, &which)? else { return Ok(()) };
    // Cancelled, expired, or another's lease: what came back no longer counts.
    let its_own = before.state == states::RUNNING
        && before.attempt == i64::from(finished.attempt)
        && before.epoch == i64::try_from(finished.epoch).ok();
    if !its_own {
        return Ok(());
    }
    let output = (!finished.output.is_null()).then(|| Json::of(&finished.output));
    let mut after =
        Effect { status: finished.status, error: finished.error, output, ..before.clone() };
    let again = finished.outcome == EffectOutcome::Failed && before.attempt < before.attempts_max;
    if !again {
        let done = finished.outcome == EffectOutcome::Succeeded;
        let state = if done { states::SUCCEEDED } else { states::FAILED };
        after.state = state.to_owned();
        return end(fold, &project, Some(&before), after).map(|_| ());
    }
    let declared = declaration(fold, &before.effect, &before.declaration)?;
    let limits = declared.map(|declared| declared.limits).unwrap_or_default();
    let pause_us = pause_us(&limits, &before.key, before.attempt);
    after.state = states::PENDING.to_owned();
    after.due_at = Some(Timestamp::from_micros(now(fold).micros().saturating_add(pause_us)));
    write(fold, &project, Some(&before), &after)
}

/// Folds a request to give an effect up; `false` if the event is another.
pub(crate) fn cancel<R: StoredRows>(fold: &mut Fold<'_, R>) -> Result<bool, FoldError> {
    if fold.event.event_type != names::EFFECT_CANCEL_REQUESTED {
        return Ok(false);
    }
    let request: EffectCancelRequested = fold.payload()?;
    let project = fold.event.project.clone();
    let which = Which { project: project.clone(), effect: request.effect, key: request.key };
    let Some(before) = read(fold, &which)? else {
        let detail =
            format!("effect {:?} with key {:?} was never asked for", which.effect, which.key);
        return fold.refuse(Reason::NotFound, detail);
    };
    if !matches!(before.state.as_str(), states::PENDING | states::RUNNING) {
        let detail =
            format!("effect {:?} with key {:?} is {}", which.effect, which.key, before.state);
        return fold.refuse(Reason::Conflict, detail);
    }
    let after = Effect { state: states::CANCELLED.to_owned(), ..before.clone() };
    let completed = end(fold, &project, Some(&before), after)?;
    fold.assigned(serde_json::to_value(completed).unwrap_or_default());
    Ok(true)
}
