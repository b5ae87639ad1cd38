//! Progress of what reads the whole log: a bar for each partition under way, and one for all.
//!
//! Drawn on standard error, and only if that is a terminal.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use headwater_event::PartitionId;
use headwater_replay::{Progress, Stop, Watch};
use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::serve;

/// Between two drawings.
const DRAW_EVERY: Duration = Duration::from_millis(200);
const ALL: &str = "{msg:14} {wide_bar} {human_pos}/{human_len} records {per_sec} {eta_precise}";
const ONE: &str = "{prefix:14} {bar:24} {human_pos}/{human_len} {per_sec} {msg}";

/// The bars.
#[derive(Clone)]
pub(crate) struct Bars(Arc<Inner>);

struct Inner {
    all: ProgressBar,
    drawn: MultiProgress,
    style: ProgressStyle,
    lanes: Mutex<BTreeMap<PartitionId, Lane>>,
}

/// One partition.
#[derive(Default)]
struct Lane {
    end: u64,
    next: u64,
    bar: Option<ProgressBar>,
}

impl Bars {
    /// Nothing is under way yet.
    pub(crate) fn new() -> anyhow::Result<Self> {
        let drawn = MultiProgress::with_draw_target(ProgressDrawTarget::stderr());
        let all = ProgressBar::new(0).with_style(ProgressStyle::with_template(ALL)?);
        let all = drawn.add(all.with_message("all partitions"));
        let style = ProgressStyle::with_template(ONE)?;
        Ok(Self(Arc::new(Inner { all, drawn, style, lanes: Mutex::default() })))
    }

    /// What the bars are told by.
    pub(crate) fn watch(&self) -> Watch {
        let bars = self.clone();
        Arc::new(move |progress| bars.0.tell(progress))
    }

    /// Takes all bars away.
    pub(crate) fn clear(&self) {
        self.0.all.finish_and_clear();
        for lane in self.0.lanes().values_mut() {
            lane.end();
        }
    }
}

impl Inner {
    fn lanes(&self) -> MutexGuard<'_, BTreeMap<PartitionId, Lane>> {
        // Bars only show: what another thread's panic left half done harms nothing.
        self.lanes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn tell(&self, progress: Progress) {
        let mut lanes = self.lanes();
        match progress {
            Progress::Planned { partition, end } => {
                lanes.entry(partition).or_default().end = end.0;
                self.all.inc_length(end.0);
            }
            Progress::Begun { partition, from } => {
                self.all.enable_steady_tick(DRAW_EVERY);
                let lane = lanes.entry(partition).or_default();
                // What is not read again is no work: it must not make the rate look better.
                self.all.dec_length(from.0.min(lane.end));
                lane.next = from.0;
                let bar = ProgressBar::new(lane.end.saturating_sub(from.0));
                let bar = self.drawn.add(bar.with_style(self.style.clone()));
                bar.set_prefix(format!("partition {partition}"));
                lane.bar = Some(bar);
            }
            Progress::Read { partition, next } => {
                let lane = lanes.entry(partition).or_default();
                let read = next.0.saturating_sub(lane.next);
                lane.next = next.0;
                self.all.inc(read);
                lane.bar.iter().for_each(|bar| bar.inc(read));
            }
            Progress::Comparing { partition } => {
                let lane = lanes.entry(partition).or_default();
                lane.bar.iter().for_each(|bar| bar.set_message("comparing rows"));
            }
            Progress::Done { partition } => lanes.entry(partition).or_default().end(),
        }
    }
}

impl Lane {
    fn end(&mut self) {
        if let Some(bar) = self.bar.take() {
            bar.finish_and_clear();
        }
    }
}

/// Gives what `work` gives. Ctrl-C and SIGTERM ask it to stop, so that it ends in an error once it
/// has cleaned up.
pub(crate) async fn stoppable<T>(stop: &Stop, work: impl Future<Output = T>) -> anyhow::Result<T> {
    let mut asked = serve::Stop::new()?;
    let mut work = std::pin::pin!(work);
    let given = tokio::select! {
        given = &mut work => return Ok(given),
        () = asked.asked() => {
            stop.stop();
            work.await
        }
    };
    Ok(given)
}
