//! A case: a workload, the ways in which it is folded, and the moments that are looked at.

use std::collections::BTreeSet;

use headwater_event::Timestamp;
use proptest::prelude::*;

use crate::{
    events::{Act, OPENED_AT, tick_of},
    place::LogKind,
    workload::{Step, steps},
};

/// As many records as a commit may take.
const BATCH_MAX: usize = 10_000;
/// Shares are told in so many parts, so that a case can be read.
const WHOLE: usize = 1_000;
/// Partitions of the largest log, control among them.
const IDS_MAX: usize = 5;

/// Part of something, in thousandths.
pub(crate) type Share = u16;

#[derive(Debug, Clone)]
pub(crate) struct Case {
    pub(crate) steps: Vec<Step>,
    pub(crate) ways: Vec<Way>,
    pub(crate) moments: Moments,
}

/// One way of carrying out a workload, and of folding what comes of it.
#[derive(Debug, Clone)]
pub(crate) struct Way {
    pub(crate) log: LogKind,
    /// Data partitions, one or four.
    pub(crate) partitions: u32,
    /// Records a commit takes at most.
    pub(crate) batch: usize,
    /// Acts that are submitted at once at most.
    pub(crate) group: usize,
    /// The length of the stretches in which history is sealed; never if missing.
    pub(crate) seal_every: Option<u64>,
    pub(crate) course: Course,
}

#[derive(Debug, Clone)]
pub(crate) enum Course {
    /// From the first act to the last.
    Straight,
    /// Stopped after an act was sent and before what follows from it was folded, and begun again.
    Stopped { at: Share },
    /// A snapshot is made; after some acts more it is restored into another folder, which goes on.
    Restored { at: Share, tail: Share },
    /// The stores are of an older format when the program starts again: they are folded anew.
    Upgraded { at: Share },
    /// The records that the plain way left, byte by byte on another log, are folded without a server,
    /// as far as a record, then by another process to the end.
    Carried { stop: Share },
}

/// Moments, whatever the log's length.
#[derive(Debug, Clone)]
pub(crate) struct Moments {
    /// Before some acts, as the positions were then.
    pub(crate) before: Vec<Share>,
    /// At some times of the log's clock.
    pub(crate) times: Vec<Share>,
    /// Anywhere: a part of each partition, whether or not the partitions ever stood so together.
    pub(crate) anywhere: Vec<[Share; IDS_MAX]>,
}

/// Cases whose ways are all on this kind of log.
pub(crate) fn case(log: LogKind) -> impl Strategy<Value = Case> {
    let moments = (
        prop::collection::vec(share(), 1..3),
        prop::collection::vec(share(), 1..3),
        prop::collection::vec(prop::array::uniform5(share()), 1..3),
    );
    let moments = moments.prop_map(|(before, times, anywhere)| Moments { before, times, anywhere });
    (steps(), prop::collection::vec(way(log), 2..4), moments)
        .prop_map(|(steps, ways, moments)| Case { steps, ways, moments })
}

fn way(log: LogKind) -> impl Strategy<Value = Way> {
    let batch =
        prop_oneof![1 => Just(1), 2 => 2..10_usize, 2 => 10..200_usize, 1 => 200..=BATCH_MAX];
    let course = prop_oneof![
        1 => Just(Course::Straight),
        2 => share().prop_map(|at| Course::Stopped { at }),
        2 => (share(), share()).prop_map(|(at, tail)| Course::Restored { at, tail }),
        2 => share().prop_map(|at| Course::Upgraded { at }),
        3 => share().prop_map(|stop| Course::Carried { stop }),
    ];
    let seal_every = prop::option::of(4..64_u64);
    (prop::sample::select(vec![1_u32, 4]), batch, 1..30_usize, seal_every, course).prop_map(
        move |(partitions, batch, group, seal_every, course)| Way {
            log,
            partitions,
            batch,
            group,
            seal_every,
            course,
        },
    )
}

fn share() -> impl Strategy<Value = Share> {
    0..Share::try_from(WHOLE).unwrap()
}

/// The place of a share in something of this length: from 0 to one less.
pub(crate) fn part_of(share: Share, length: usize) -> usize {
    usize::from(share) * length / WHOLE
}

/// The moments of one workload, as acts tell them.
#[derive(Debug)]
pub(crate) struct Looks {
    /// The acts before which there is a look.
    pub(crate) before: BTreeSet<usize>,
    /// Times of the log's clock, each with the act before which it ends: that is what is read as of
    /// the time.
    pub(crate) times: Vec<(Timestamp, usize)>,
}

impl Moments {
    pub(crate) fn of(&self, acts: &[Act]) -> Looks {
        // A look behind the last act is the one at the end.
        let before = self.before.iter().map(|share| 1 + part_of(*share, acts.len() - 1));
        let mut before: BTreeSet<usize> = before.collect();
        let mut clock: Timestamp = OPENED_AT.parse().unwrap();
        let mut spans = Vec::new();
        for (at, act) in acts.iter().enumerate() {
            if let Some(time) = tick_of(act).filter(|time| *time > clock) {
                spans.push((clock, at));
                clock = time;
            }
        }
        spans.push((clock, acts.len()));
        let of = |share: &Share| spans[part_of(*share, spans.len())];
        let times: Vec<_> = self.times.iter().map(of).collect();
        before.extend(times.iter().map(|(_, at)| *at));
        before.insert(acts.len());
        before.remove(&0);
        Looks { before, times }
    }
}
