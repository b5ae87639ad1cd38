//! The watermark of a live log: the time before which all events are believed to have come.
//!
//! It is the earliest, over the partitions that events still come to, of the latest event time there. A partition
//! that is idle holds nobody up; once all are, nothing is on its way, and the watermark is the log's time. As
//! long as no event has come at all, nothing is believed: history can be written to a new log. Folds take
//! it as the tick gives it, so that none of this has a say in a replay.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use headwater_event::{PartitionId, Timestamp};
use headwater_fold::{Head, NO_WATERMARK};

/// What is known of the partitions' activity.
#[derive(Debug)]
pub(crate) struct Watermarks {
    idle_after: Duration,
    seen: BTreeMap<PartitionId, Seen>,
}

#[derive(Debug)]
struct Seen {
    accepted: u64,
    at: Instant,
}

impl Watermarks {
    pub(crate) fn new(idle_after: Duration) -> Self {
        Self { idle_after, seen: BTreeMap::new() }
    }

    /// The watermark now, as far as these data partitions have folded.
    pub(crate) fn look<'h>(
        &mut self,
        heads: impl Iterator<Item = (PartitionId, &'h Head)>,
        time: Timestamp,
        now: Instant,
    ) -> Timestamp {
        let (mut any, mut earliest) = (false, None::<Timestamp>);
        for (id, head) in heads {
            let accepted = head.counts.accepted;
            let seen = self.seen.entry(id).or_insert(Seen { accepted, at: now });
            if seen.accepted != accepted {
                *seen = Seen { accepted, at: now };
            }
            let Some(latest) = head.latest_event else { continue };
            any = true;
            if now.duration_since(seen.at) < self.idle_after {
                earliest = Some(earliest.map_or(latest, |earliest| earliest.min(latest)));
            }
        }
        match (any, earliest) {
            (false, _) => NO_WATERMARK,
            (true, None) => time,
            (true, Some(earliest)) => earliest.min(time),
        }
    }
}

#[cfg(test)]
mod tests {
    use headwater_fold::Counts;

    use super::*;

    fn head(accepted: u64, latest: Option<i64>) -> Head {
        Head {
            latest_event: latest.map(Timestamp::from_micros),
            counts: Counts { accepted, ..Counts::default() },
            ..Head::default()
        }
    }

    #[test]
    fn the_slowest_partition_holds_it_back_until_it_is_idle() {
        let (idle, start) = (Duration::from_secs(60), Instant::now());
        let mut watermarks = Watermarks::new(idle);
        let mut look = |heads: [&Head; 2], after_s: u64| {
            let heads = (0..).map(PartitionId::Data).zip(heads);
            let now = start + Duration::from_secs(after_s);
            watermarks.look(heads, Timestamp::from_micros(1_000), now).micros()
        };
        assert_eq!(look([&head(0, None), &head(0, None)], 0), NO_WATERMARK.micros());
        assert_eq!(
            look([&head(1, Some(500)), &head(0, None)], 1),
            500,
            "nothing came to the other"
        );
        assert_eq!(look([&head(1, Some(500)), &head(1, Some(200))], 30), 200);
        assert_eq!(look([&head(2, Some(700)), &head(1, Some(200))], 89), 200);
        assert_eq!(look([&head(3, Some(800)), &head(1, Some(200))], 90), 800, "the other is idle");
        assert_eq!(look([&head(3, Some(800)), &head(1, Some(200))], 150), 1_000, "all are");
        let ahead = head(4, Some(5_000));
        assert_eq!(look([&ahead, &head(1, Some(200))], 151), 1_000, "never beyond the log's time");
    }
}
