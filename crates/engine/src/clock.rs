//! The live clock: asks for a tick when events came or an effect is due, and now and then when neither is.

use std::{
    sync::{Arc, atomic::Ordering},
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use headwater_event::{PartitionId, Timestamp};

use crate::{Engine, effects::tick_is_due, folder::Rows, watermark::Watermarks};

/// At most one tick in this time.
const TICK_INTERVAL: Duration = Duration::from_secs(1);
/// A log without events ticks this often, so that its time does not stand still.
const IDLE_TICK_INTERVAL: Duration = Duration::from_secs(3_600);

/// The wall clock. The only place where the engine looks at it.
pub(crate) fn wall() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_micros(i64::try_from(since.as_micros()).unwrap_or(i64::MAX))
}

/// Ticks until the engine stops.
pub(crate) async fn run(engine: Engine, mut watermarks: Watermarks) {
    let mut seen = None;
    let mut ticked_at = Instant::now();
    while !engine.shared().is_stopping() {
        let activity = activity(&engine);
        // A wall clock that was set back waits until it has caught up with the log's.
        let time = engine.log_time().map_or_else(wall, |log_time| log_time.max(wall()));
        let watermark = watermark(&engine, &mut watermarks, time);
        let idle = ticked_at.elapsed() >= IDLE_TICK_INTERVAL;
        if seen != Some(activity) || idle || is_due(&engine, watermark) || effect_is_due(&engine) {
            match engine.tick_with(time, Some(watermark)).await {
                Ok(()) => {
                    seen = Some(activity);
                    ticked_at = Instant::now();
                }
                // An engine that is shut down leaves its time where it is.
                Err(_) if engine.shared().is_stopping() => {}
                Err(error) => tracing::warn!(%error, "the clock could not tick; it tries again"),
            }
        }
        let stopped = engine.shared().stopped.notified();
        let _ = tokio::time::timeout(TICK_INTERVAL, stopped).await;
    }
}

/// The watermark that a tick at this time has.
pub(crate) fn watermark(
    engine: &Engine,
    watermarks: &mut Watermarks,
    time: Timestamp,
) -> Timestamp {
    let shared = engine.shared();
    let data = shared.partitions.values().filter(|p| p.id != PartitionId::Control);
    let heads: Vec<_> = data.map(|p| (p.id, Arc::clone(&p.progress.borrow().head))).collect();
    watermarks.look(heads.iter().map(|(id, head)| (*id, &**head)), time, Instant::now())
}

/// Whether a tick with this watermark would close a window.
fn is_due(engine: &Engine, watermark: Timestamp) -> bool {
    let compiled = engine.compiled();
    let views = compiled.views.iter().chain(&compiled.coming);
    let closing: Vec<_> = views.filter(|view| view.declared.lateness_ms.is_some()).collect();
    engine.shared().partitions.values().any(|partition| {
        let closed_until = partition.progress.borrow().head.closed_until;
        if closing.is_empty() || closed_until.is_some_and(|until| until >= watermark) {
            return false;
        }
        let rows = Rows { store: &partition.store, before: None };
        closing.iter().any(|view| match view.next_window_end(&rows, closed_until) {
            Ok(end) => end.is_some_and(|end| end <= watermark),
            Err(error) => {
                tracing::warn!(partition = %partition.id, %error, "cannot look for windows to close");
                false
            }
        })
    })
}

/// Whether an effect waits for the clock.
fn effect_is_due(engine: &Engine) -> bool {
    let due = engine.effects_config().run.then(|| tick_is_due(engine, wall()));
    due.unwrap_or(Ok(false)).unwrap_or_else(|error| {
        tracing::warn!(%error, "what waits for the clock can't be read; trying again");
        false
    })
}

/// Rises with every event that is not the clock's own.
fn activity(engine: &Engine) -> u64 {
    let shared = engine.shared();
    let data = shared.partitions.values().filter(|p| p.id != PartitionId::Control).map(|p| {
        let counts = p.progress.borrow().head.counts;
        counts.accepted
            + counts.repeats
            + counts.rejections
            + counts.dead_letters
            + counts.misrouted
    });
    data.sum::<u64>() + shared.control_events.load(Ordering::Relaxed)
}
