//! Ways carried out: a plain one first, with which all others are compared.

use std::collections::BTreeMap;

use headwater_engine::Engine;
use headwater_objects::{Objects, Properties};
use headwater_snapshot::{Maker, Restore, Source, restore};
use headwater_store::faults;

use crate::{
    carry,
    case::{Course, Looks, Way, part_of},
    drive::{Answers, Drive},
    events::Act,
    place::{LogKind, Place, Positions, rest, settle},
    seen::{Seen, see},
};

/// A format before the one that is written.
const OLDER_FORMAT: u32 = 1;
/// What the engine folds at once unless told otherwise.
const PLAIN_BATCH: usize = 1_000;
const PLAIN_GROUP: usize = 16;

/// A way that was carried out.
pub(crate) struct Ended {
    pub(crate) place: Place,
    /// Where each partition stood at each look.
    pub(crate) stood: BTreeMap<usize, Positions>,
    pub(crate) answers: Answers,
}

/// The plain way, and what was seen at each look when it was now.
pub(crate) struct Plain {
    pub(crate) ended: Ended,
    pub(crate) seen: BTreeMap<usize, Seen>,
}

/// Acts under way.
struct Run<'a> {
    drive: Drive<'a>,
    looks: &'a Looks,
    stood: BTreeMap<usize, Positions>,
    /// What was seen, if somebody looks.
    seen: Option<BTreeMap<usize, Seen>>,
}

impl Plain {
    /// The embedded log, nothing sealed, nothing stopped.
    pub(crate) async fn carried_out(partitions: u32, acts: &[Act], looks: &Looks) -> Self {
        let place = Place::new(LogKind::Embedded, partitions, None);
        let mut run = Run::new(acts, looks, PLAIN_GROUP);
        run.seen = Some(BTreeMap::new());
        let engine = place.open(PLAIN_BATCH).await;
        run.advance(&engine, 0, acts.len()).await;
        rest(&engine).await;
        engine.shutdown().await;
        let seen = run.seen.take().unwrap();
        Self { ended: run.end(place), seen }
    }
}

/// Carries out a workload in a way, or folds what the plain one of as many partitions left.
pub(crate) async fn carry_out(way: &Way, acts: &[Act], looks: &Looks, plain: &Plain) -> Ended {
    let place = Place::new(way.log, way.partitions, way.seal_every);
    if let Course::Carried { stop } = way.course {
        return carry::folded(place, way, stop, &plain.ended).await;
    }
    let mut run = Run::new(acts, looks, way.group);
    let mut place = place;
    let mut engine = place.open(way.batch).await;
    let from = match way.course {
        Course::Straight | Course::Carried { .. } => 0,
        Course::Stopped { at } => {
            let at = part_of(at, acts.len());
            run.advance(&engine, 0, at).await;
            let next_look = looks.before.range(at + 1..).next().copied().unwrap_or(acts.len());
            let next = run.drive.begin(&engine, at..next_look).await;
            engine.shutdown().await;
            engine = place.open(way.batch).await;
            settle(&engine).await;
            run.look(&engine, next).await;
            next
        }
        Course::Restored { at, tail } => {
            let at = part_of(at, acts.len());
            let until = at + part_of(tail, acts.len() - at);
            run.advance(&engine, 0, at).await;
            let objects = snapshot(&place, &engine).await;
            run.advance(&engine, at, until).await;
            engine.shutdown().await;
            let copy = place.without_views();
            let log = copy.log().await;
            let ask =
                Restore { objects: &objects, id: None, data_dir: copy.root(), log, force: false };
            restore(ask, &|_| {}).await.unwrap();
            place = copy;
            engine = place.open(way.batch).await;
            until
        }
        Course::Upgraded { at } => {
            let at = part_of(at, acts.len());
            run.advance(&engine, 0, at).await;
            engine.shutdown().await;
            make_older(&place);
            engine = place.open(way.batch).await;
            for id in place.ids() {
                assert!(place.path(&format!("store.outdated/{id}")).is_dir(), "{id}");
            }
            at
        }
    };
    settle(&engine).await;
    run.advance(&engine, from, acts.len()).await;
    rest(&engine).await;
    engine.shutdown().await;
    run.end(place)
}

impl<'a> Run<'a> {
    fn new(acts: &'a [Act], looks: &'a Looks, group: usize) -> Self {
        Self { drive: Drive::new(acts, group), looks, stood: BTreeMap::new(), seen: None }
    }

    /// Carries out acts, and looks around where that is asked for.
    async fn advance(&mut self, engine: &Engine, from: usize, to: usize) {
        let mut from = from;
        while from < to {
            let next = self.looks.before.range(from + 1..=to).next().copied().unwrap_or(to);
            self.drive.run(engine, from..next).await;
            self.look(engine, next).await;
            from = next;
        }
    }

    async fn look(&mut self, engine: &Engine, at: usize) {
        if !self.looks.before.contains(&at) {
            return;
        }
        let moment = engine.moment().await.unwrap();
        self.stood.insert(at, moment.positions());
        if let Some(seen) = &mut self.seen {
            seen.insert(at, see(&moment).await);
        }
    }

    fn end(self, place: Place) -> Ended {
        Ended { place, stood: self.stood, answers: self.drive.answers }
    }
}

/// A snapshot of what an engine has folded.
async fn snapshot(place: &Place, engine: &Engine) -> Objects {
    let maker = Maker::new(Source {
        partitions: engine.stores(),
        data_dir: place.root().to_owned(),
        scratch_dir: place.path("scratch"),
    });
    let to = place.path("snapshots");
    let objects = Objects::open(to.to_str().unwrap(), &Properties::new()).unwrap();
    maker.create(&objects, &|_| {}).await.unwrap();
    objects
}

/// Makes the stores say that they are of an older format: their number, and the checksum that binds it
/// to its name.
fn make_older(place: &Place) {
    let mut value = OLDER_FORMAT.to_le_bytes().to_vec();
    let sum = blake3::hash(&[b"format\0", value.as_slice()].concat());
    value.extend_from_slice(&sum.as_bytes()[..8]);
    for id in place.ids() {
        let name = id.to_string();
        faults::overwrite(place.root(), &name, "meta", b"format", &value).unwrap();
    }
}
